"""Who sees what of a child, by which clause, since when, and who looked: to the auditor whole, to the file's keeper in part."""

from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from schemas.envelope import encode
from schemas.notification import AccessEnded, AccessGranted, Role
from services.audit.note import read_note
from services.audit.seeing import keeps, roles_of
from services.audit.telling import read_telling
from services.kernel.store import leaf_hash
from services.kernel.writing.recording import stamp
from services.notification.disclosure import disclosure_table
from services.registry.founding import body_id
from shouwang.client import Person, Told
from tests.audit.test_proofs import holds
from tests.helpers import Running
from tests.notification.test_access import ended, granted
from tests.scenario import STATION, TOWNSHIP, some, written

A, B, STATION_A = (str(body_id(key)) for key in ("township-a", "township-b", "station-a"))
POSTS = {
    "township-a": "township-a-clerk", "township-b": "township-b-clerk", "station-a": "police-a-desk",
    "station-b": "police-b-desk", "police": "police-county", "village-a1": "village-a1-director",
    "civil-affairs": "civil-affairs-officer", "education": "education-officer", "institution": "institution-officer",
}  # fmt: skip
Lived = tuple[Running, list[str], datetime]


async def access(who: Person, child: str, **told: str) -> dict[str, Any]:
    found: dict[str, Any] = await who.ask("audit/access", child=child, **told)
    return found


async def refused(who: Person, child: str) -> str:
    with pytest.raises(Told) as told:
        await access(who, child)
    return str(told.value.body["code"])


def readers(found: dict[str, Any]) -> set[tuple[str, str, str, str]]:
    """(person, class, body, role) of everybody who sees something now."""
    return {
        (kept["person"], kept["data_class"], r["body"], r["role"])
        for kept in found["kept"] if kept["state"] == "open" for r in kept["readers"] if r["until"] is None
    }  # fmt: skip


@pytest.mark.req("PRV-03", "OVS-06")
async def test_the_answer_is_what_every_body_finds_on_its_own_page(lived: Lived) -> None:
    running, siblings, _ = lived
    told = await access(await running.sign_in("procurator"), siblings[0])
    assert told["whole"]
    sees: dict[str, set[tuple[str, str]]] = {}
    for person, data_class, body, _ in readers(told):
        sees.setdefault(body, set()).add((person, data_class))
    asked = 0
    for body, post in POSTS.items():
        shown = set()
        for child in told["ids"]:
            try:
                page = await (await running.sign_in(post)).ask(f"agency/children/{child}")
            except Told:
                continue
            steps = [s for step in page["chronology"] for s in step["shown"] if s["fields"] is not None]
            shown |= {(s["subject"], s["data_class"]) for s in steps if s["data_class"] != "reporter"}
        assert shown == sees.get(str(body_id(body)), set()), body
        asked += bool(shown)
    assert asked >= 6


@pytest.mark.req("PRV-03")
async def test_who_sees_the_mothers_telephone_by_which_clause_since_when_and_who_looked(lived: Lived) -> None:
    running, siblings, _ = lived
    told = await access(await running.sign_in("procurator"), siblings[0])
    (contact,) = [k for k in told["kept"] if any("母亲联系电话" in field for field in k["fields"])]
    assert (contact["person"], contact["whose"], contact["data_class"], contact["state"]) == (
        siblings[0], "child", "contact", "open",
    )  # fmt: skip
    by_role = {(r["body"], r["role"]): r for r in contact["readers"]}
    assert by_role[A, "ledger"]["until"] is not None
    assert by_role[B, "ledger"]["until"] is None
    assert by_role[A, "ledger"]["since"] < by_role[A, "ledger"]["until"] <= by_role[B, "ledger"]["since"]
    rule = disclosure_table().find_rule("registry.child-registered.v1", Role.LEDGER)
    assert rule is not None
    assert by_role[B, "ledger"]["clauses"] == [rule.clause]
    assert {role for _, role in by_role} == {"author", "ledger", "village", "carer"}
    looked = [look for look in told["looks"] if "contact" in look["classes"]]
    assert {look["name"] for look in looked} >= {"青禾镇人民政府", "云岭乡人民政府"}
    assert all(look["post"] and look["purpose"] for look in looked)
    assert told["looks"] == sorted(told["looks"], key=lambda look: look["at"], reverse=True)
    earlier = await access(await running.sign_in("procurator"), siblings[0], until=looked[-1]["at"])
    assert earlier["looks"][0]["at"] == looked[-1]["at"]


@pytest.mark.req("OVS-06")
async def test_since_when_is_proved_by_the_first_telling(lived: Lived) -> None:
    running, siblings, _ = lived
    auditor = await running.sign_in("procurator")
    told = await access(auditor, siblings[0])
    line = read_note(told["checkpoint"], (await auditor.ask("audit/key"))["key"]).logs["feed"]
    for reader in (r for kept in told["kept"] for r in kept["readers"]):
        telling = read_telling(reader["telling"].encode())
        assert (telling.agency, telling.role) == (reader["body"], reader["role"])
        assert stamp(datetime.fromisoformat(telling.disclosed_at)) == reader["since"]
        assert telling.clause == reader["clauses"][0]
        assert holds(reader["proof"], line)
        assert leaf_hash(reader["telling"].encode()).hex() == reader["proof"]["leaf"]


@pytest.mark.req("PRV-02", "PRV-03")
async def test_the_keeper_of_a_file_is_told_of_its_file_and_not_of_a_case(lived: Lived) -> None:
    running, siblings, _ = lived
    auditor, keeper = await running.sign_in("procurator"), await running.sign_in("township-b-clerk")
    whole, part = await access(auditor, siblings[0]), await access(keeper, siblings[0])
    assert (whole["whole"], part["whole"]) == (True, False)
    others = {(body, role) for _, _, body, role in readers(part) if body != B}
    assert {role for _, role in others} == {"village", "supervisor", "area_police", "author"}
    assert {role for _, _, _, role in readers(whole)} >= {"case_police", "carer", "assessor"}
    assert readers(part) < readers(whole)
    assert not {"青禾派出所", "云岭派出所", "望川县公安局", "望川县人民检察院"} & {
        look["name"] for look in part["looks"]
    }
    assert {"青禾派出所", "望川县人民检察院"} <= {look["name"] for look in whole["looks"]}
    assert {bool(look["post"]) for look in part["looks"] if look["name"] != "云岭乡人民政府"} <= {False}
    assert await refused(await running.sign_in("township-a-clerk"), siblings[0]) == "not-found"
    for post in ("village-a1-director", "police-county", "civil-affairs-officer", "county-officer"):
        assert await refused(await running.sign_in(post), siblings[0]) == "not-allowed"


@pytest.mark.req("PRV-02")
async def test_a_report_of_a_child_on_file_shows_nothing_to_its_keeper_before_it_is_told(
    lived: Lived,
) -> None:
    running, _, _ = lived
    child = await running.register("徐小葵")
    teacher, police = await running.sign_in("school-a-teacher"), await running.sign_in("police-a-desk")
    done = await teacher.do(
        "reporting/file-report", region="990101001001", children=[{"name": "徐小葵"}],
        grounds=["LIVING_ALONE"], found_at="2026-10-01T08:00:00+08:00", severity="slight",
    )  # fmt: skip
    alias = done["events"][0]["subject"]
    await running.client.settled()
    clerk = await running.sign_in("township-a-clerk")
    before = await access(clerk, child)
    assert await refused(clerk, alias) == "not-found"
    await police.do(
        "registry/identify-child", child=alias, file=child, region="990101001001", basis=["HOME_VISIT"]
    )
    await running.client.settled()
    assert set((await access(await running.sign_in("procurator"), alias))["ids"]) == {child, alias}
    assert await refused(clerk, alias) == "not-found", "it isn't told that this id is its child"
    after = await access(clerk, child)
    assert (after["ids"], readers(after)) == ([child], readers(before))


@pytest.mark.req("PRV-04", "PRV-07")
async def test_what_is_erased_or_sealed_is_said_to_be_read_by_nobody(lived: Lived) -> None:
    running, siblings, _ = lived
    auditor = await running.sign_in("procurator")
    gone = [k for k in (await access(auditor, siblings[0]))["kept"] if k["whose"] == "guardian"]
    assert {k["data_class"] for k in gone} >= {"name", "idnumber", "contact", "address"}
    assert {k["state"] for k in gone} == {"erased"}
    child = await running.register("徐小枫")
    police = await running.sign_in("police-county")
    officer = await running.sign_in("civil-affairs-officer")

    async def states() -> set[str]:
        await running.client.settled()
        return {k["state"] for k in (await access(auditor, child))["kept"]}

    assert await states() == {"open"}
    person: dict[str, Any] = {"person": child, "children": [child], "basis": "CASE_2026_17"}
    await officer.do("registry/seal-subject", **person)
    assert await states() == {"sealed"}
    await officer.do("registry/unseal-subject", **person)
    assert await states() == {"sealed"}
    await police.do("registry/unseal-subject", **person)
    assert await states() == {"open"}


@pytest.mark.req("PRV-03")
async def test_who_asked_is_on_record_before_the_answer_and_a_child_that_is_not_there_too(
    lived: Lived,
) -> None:
    running, siblings, _ = lived
    auditor = await running.sign_in("procurator")
    for child, about in ((siblings[1], True), (str(uuid4()), False)):
        if about:
            await access(auditor, child)
        else:
            assert await refused(auditor, child) == "not-found"
        (row,) = await running.fetch("audit", "select operation, about from look order by seq desc limit 1")
        assert (row["operation"], child in row["about"]) == ("access", True)


def test_a_role_that_is_given_again_has_no_end_and_one_toward_any_of_the_ids_is_enough() -> None:
    def held(*events: AccessGranted | AccessEnded) -> bool:
        return keeps(TOWNSHIP, roles_of(encode(written(event, some(9))[0]) for event in events))

    assert held(granted())
    assert not held(granted(), ended())
    assert held(granted(), ended(), granted())
    assert held(granted(), granted(child=some(8)), ended())
    assert not held(granted(STATION), granted(role=Role.RESPONDER))
