"""The second half of the story, seen from each body: what moved, what was corrected, what was forgotten, what was owed."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from services.agency.page import Row
from services.registry.founding import body_id
from shouwang.client import Told
from shouwang.demo_ledger import GRANDMOTHER_NAME, SIBLING_NAMES
from shouwang.sequel import RIGHT_NUMBER, WRONG_NUMBER, Sequel
from shouwang.story import Story
from tests.helpers import Running, embedded
from tests.journeys.test_canaries import dump_of

NAMED = (WRONG_NUMBER, RIGHT_NUMBER, "13900000074")
"""What stands in the grandmother's own blocks alone: her name is in the children's ledger rows too, as a relative's."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def moved() -> AsyncIterator[tuple[Running, list[str]]]:
    """Told up to the correction; the erasure is each test's own."""
    async with embedded() as running:
        story = Story(running.client, lambda _: None, rows=60)
        siblings = await story.begin()
        sequel = Sequel(story)
        await sequel.miss(siblings[0])
        await sequel.place(siblings[0])
        await sequel.move(siblings)
        await sequel.correct(siblings)
        yield running, siblings


async def page(running: Running, key: str, child: str) -> dict[str, Any]:
    found: dict[str, Any] = await (await running.sign_in(key)).ask(f"agency/children/{child}")
    return found


def step(found: dict[str, Any], kind: str) -> dict[str, Any]:
    (one,) = [s for s in found["chronology"] if s["type"] == kind]
    return dict(one)


@pytest.mark.req("REG-33")
async def test_the_new_township_has_the_file_the_history_and_the_open_duties(
    moved: tuple[Running, list[str]],
) -> None:
    running, siblings = moved
    found = await page(running, "township-b-clerk", siblings[0])
    assert {"ledger", "responder"} <= set(found["roles"])
    assert found["region"] == "990101002001"
    assert {"assess", "acknowledge-notice"} <= {t["kind"] for t in found["tasks"]}
    order = [s["recorded_at"] for s in found["chronology"]]
    assert order == sorted(order)
    assert found["chronology"][0]["type"] == "registry.child-registered.v1"
    clerk = await running.sign_in("township-b-clerk")
    (notice,) = [t for t in found["tasks"] if t["kind"] == "acknowledge-notice"]
    done = await clerk.do("notification/acknowledge-notice", notice=notice["ref"])
    assert [e["type"] for e in done["events"]] == ["notification.notification-acknowledged.v1"]
    await running.client.settled()
    tasks = (await page(running, "township-b-clerk", siblings[0]))["tasks"]
    assert "acknowledge-notice" not in {t["kind"] for t in tasks}


@pytest.mark.req("REG-33")
@pytest.mark.req("PRV-03")
async def test_the_old_township_keeps_its_own_acts_and_can_do_nothing_more(
    moved: tuple[Running, list[str]],
) -> None:
    running, siblings = moved
    found = await page(running, "township-a-clerk", siblings[0])
    assert (found["roles"], found["tasks"], found["on_file"]) == ([], [], False)
    acts = {s["by"] for s in found["chronology"] if s["type"].startswith("registry.child-reg")}
    assert acts == {"青禾镇人民政府"}
    others = [s for s in found["chronology"] if s["by"] != "青禾镇人民政府"]
    assert all(not s["shown"] for s in others), "of others' acts it is shown open fields alone"
    clerk = await running.sign_in("township-a-clerk")
    ledger = await clerk.ask("agency/ledger")
    assert not {c["child"] for c in ledger["children"]} & set(siblings)
    with pytest.raises(Told, match="404 not-found"):
        await clerk.do("registry/update-ledger-entry", child=siblings[0], schooling="primary")
    for key in ("village-a1-director",):
        with pytest.raises(Told, match="404"):
            await page(running, key, siblings[0])


@pytest.mark.req("PLC-01")
@pytest.mark.req("PLC-02")
async def test_the_institution_sees_the_permitted_history_in_order_and_no_report(
    moved: tuple[Running, list[str]],
) -> None:
    running, siblings = moved
    found = await page(running, "institution-officer", siblings[0])
    types = [s["type"] for s in found["chronology"]]
    assert types[0] == "registry.child-registered.v1"
    assert "assessment.placement-made.v1" in types
    assert not any(t.startswith("reporting.") for t in types)
    assert "economic" not in {b["data_class"] for s in found["chronology"] for b in s["shown"]}
    with pytest.raises(Told, match="404"):
        await page(running, "institution-officer", siblings[1])


@pytest.mark.req("PLT-02")
async def test_the_right_number_goes_to_whoever_may_read_it_and_a_retraction_to_whoever_may_not(
    moved: tuple[Running, list[str]],
) -> None:
    running, siblings = moved
    kind = "registry.guardianship-delegated.v1"
    for child in siblings:
        for key in ("township-b-clerk", "police-b-desk"):
            found = await page(running, key, child)
            assert step(found, kind)["corrected"] == {"id_number": RIGHT_NUMBER}, key
        former = await page(running, "township-a-clerk", child)
        assert step(former, kind)["corrected"] == {"id_number": None}
        assert RIGHT_NUMBER not in str(former)
        retraction = [s for s in former["chronology"] if s["type"] == "platform.fact-corrected.v1"]
        assert [(s["shown"], s["withheld"]) for s in retraction] == [([], ["idnumber"])]
        assert not any(
            s["type"] == "platform.fact-corrected.v1" and s["open"]["field"] == "id_number"
            for s in (await page(running, "civil-affairs-officer", child))["chronology"]
        ), "whoever never read the number is not told of it"
    told = await running.fetch(
        "notification",
        "select array_agg(role) as roles from feed join heard using (event)"
        " where convert_from(envelope, 'utf8') like '%platform.fact-corrected.v1%' group by event, agency",
    )
    assert {"corrected"} in [set(r["roles"]) for r in told]
    assert all(set(r["roles"]) == {"corrected"} for r in told if "corrected" in r["roles"]), "not both"


@pytest.mark.req("PLT-02")
async def test_everybody_who_was_told_the_wrong_number_was_told_of_the_correction(
    moved: tuple[Running, list[str]],
) -> None:
    running, _ = moved
    wrong = await running.fetch(
        "notification",
        "select f.event, f.agency from feed f join heard h using (event), unnest(f.shown) place"
        " where convert_from(h.envelope, 'UTF8')::jsonb->>'type' = 'registry.guardianship-delegated.v1'"
        " and convert_from(h.envelope, 'UTF8')::jsonb->'data'->'sealed'->place->>'class' = 'idnumber'",
    )
    told = await running.fetch(
        "notification",
        "select convert_from(h.envelope, 'UTF8')::jsonb->'data'->>'corrects' as event, f.agency from feed f"
        " join heard h using (event)"
        " where convert_from(h.envelope, 'UTF8')::jsonb->>'type' = 'platform.fact-corrected.v1'",
    )
    assert {(str(r["event"]), r["agency"]) for r in wrong} <= {(r["event"], r["agency"]) for r in told}
    assert {r["agency"] for r in wrong} >= {
        body_id("township-a"),
        body_id("township-b"),
        body_id("station-a"),
    }


@pytest.mark.req("PLT-02")
async def test_the_decision_that_rested_on_it_is_to_be_reviewed_and_can_be_discharged_by_its_body_alone(
    moved: tuple[Running, list[str]],
) -> None:
    running, siblings = moved
    found = await page(running, "township-b-clerk", siblings[1])
    (duty,) = [
        s["open"]["duty"] for s in found["chronology"]
        if s["type"] == "notification.duty-opened.v1" and s["open"]["rule"] == "review-decision"
    ]  # fmt: skip
    other = await running.sign_in("township-a-clerk")
    with pytest.raises(Told, match="404"):
        await other.do("notification/discharge-duty", duty=duty)
    clerk = await running.sign_in("township-b-clerk")
    await clerk.do("notification/discharge-duty", duty=duty)
    await running.client.settled()
    assert "review-decision" not in {
        t["kind"] for t in (await page(running, "township-b-clerk", siblings[1]))["tasks"]
    }


@pytest.mark.req("NTF-06")
async def test_the_body_above_was_told_of_the_miss_and_of_its_end(moved: tuple[Running, list[str]]) -> None:
    running, _ = moved
    county = await running.sign_in("county-officer")
    assert (await county.ask("agency/worklist"))["tasks"] == []
    told = await running.fetch(
        "agency", "select distinct child from entry where agency = $1", body_id("county")
    )
    (row,) = told
    types = [s["type"] for s in (await county.ask(f"agency/children/{row['child']}"))["chronology"]]
    assert types == ["notification.duty-missed.v1", "notification.duty-miss-rescinded.v1"]
    events = await running.fetch("notification", "select type from event where type like 'notification.due%'")
    assert [r["type"] for r in events] == ["notification.due-reached.v1"]


@pytest.mark.req("PRV-04")
async def test_after_the_one_act_the_erased_are_found_nowhere_and_others_are_untouched(
    moved: tuple[Running, list[str]],
) -> None:
    running, siblings = moved
    before = await page(running, "township-b-clerk", siblings[0])
    assert GRANDMOTHER_NAME in str(before)
    told = await running.fetch("notification", "select count(*) from feed")
    await Sequel(Story(running.client, lambda _: None)).erase(siblings)
    for key in (
        "township-a-clerk",
        "township-b-clerk",
        "police-a-desk",
        "police-b-desk",
        "civil-affairs-officer",
    ):
        for child in siblings:
            text = str(await page(running, key, child))
            assert [name for name in NAMED if name in text] == [], key
    for database in ("registry", "notification", "agency"):
        content = await dump_of(running, database)
        assert [n for n in NAMED if n.encode() in content or n.encode().hex().encode() in content] == []
    after = await page(running, "township-b-clerk", siblings[0])
    assert after["facts"] == before["facts"], "the child's own facts are untouched"
    assert after["facts"]["name"] == SIBLING_NAMES[0]
    gone = step(after, "registry.guardianship-delegated.v1")
    assert {b["data_class"] for b in gone["shown"] if b["fields"] is None} >= {"name", "idnumber", "contact"}
    assert gone["disclosed_at"] == step(before, "registry.guardianship-delegated.v1")["disclosed_at"]
    assert (await running.fetch("notification", "select count(*) from feed"))[0][0] >= told[0][0]
    clerk = await running.sign_in("township-b-clerk")
    done = await clerk.do("registry/update-ledger-entry", child=siblings[0], schooling="primary")
    assert done is not None, "the file goes on without the erased person"


@pytest.mark.req("PLT-04")
@pytest.mark.req("PLT-05")
async def test_the_views_rebuilt_after_the_bus_was_wiped_are_equal_and_nothing_is_sent_again(
    moved: tuple[Running, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    running, siblings = moved
    before = await page(running, "township-b-clerk", siblings[1])

    async def rebuilt() -> str:
        said: list[str] = []
        await Sequel(Story(running.client, said.append)).rebuild(running.platform)
        return "\n".join(said)

    whole = Row.open_fields
    monkeypatch.setattr(Row, "open_fields", lambda row: whole(row) | {"version": 0})
    told = await rebuilt()
    assert "首个不同 · The first difference: child" in told
    assert "answers now" not in told
    await running.versions.drop(2)
    await running.folds(1)
    monkeypatch.undo()
    told = await rebuilt()
    assert "两个版本一致" in told
    assert "version 3 answers now" in told
    assert re.search(r"sent again: registry 0, reporting 0, assessment 0, notification 0, feed 0$", told)
    after = await page(running, "township-b-clerk", siblings[1])
    assert {k: v for k, v in after.items() if k != "seen_by"} == {
        k: v for k, v in before.items() if k != "seen_by"
    }
    assert "已讲过" in await rebuilt()
