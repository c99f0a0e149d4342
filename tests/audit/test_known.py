"""What a body knew at a moment: told, acknowledged and read, each with its time, its clause and a proof."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.registry.founding import body_id
from shouwang.client import Person, Told
from tests.helpers import Running

A, B = body_id("township-a"), body_id("township-b")


async def known(auditor: Person, body: Any, child: str, until: datetime | None = None) -> dict[str, Any]:
    told = {"until": until.isoformat()} if until else {}
    found: dict[str, Any] = await auditor.ask("audit/known", body=str(body), child=child, **told)
    return found


@pytest.mark.req("PLT-03")
@pytest.mark.req("OVS-08")
async def test_told_acknowledged_and_read_are_three_answers_as_of_a_moment(
    lived: tuple[Running, list[str], datetime],
) -> None:
    running, siblings, moment = lived
    auditor = await running.sign_in("procurator")
    then = await known(auditor, A, siblings[0], moment)
    now = await known(auditor, A, siblings[0])
    assert "reporting.police-notice-sent.v1" in {i["type"] for i in then["told"]}
    assert all(i["disclosed_at"] <= then["until"] and i["clause"] for i in then["told"])
    assert [i["type"] for i in then["acknowledged"]] == ["notification.notification-acknowledged.v1"]
    assert {r["operation"] for r in then["read"]} >= {"page"}
    assert all(r["at"] <= then["until"] for r in then["read"])
    assert not any(i["type"].startswith("platform.fact-corrected") for i in then["told"])
    assert any(i["type"].startswith("platform.fact-corrected") for i in now["told"])
    assert (await known(auditor, B, siblings[0], moment))["told"] == []
    assert "reporter" not in {c for i in now["told"] for c in (*i["classes"], *i["withheld"])}
    assert "registry.child-registered.v1" in {i["type"] for i in now["told"]}, (
        "what A was told stays on record"
    )


@pytest.mark.req("PLT-03")
async def test_an_identification_that_came_later_does_not_tell_of_the_time_before(
    lived: tuple[Running, list[str], datetime],
) -> None:
    running, _, _ = lived
    auditor = await running.sign_in("procurator")
    alias, file, at = (await running.fetch(
        "audit", "select subject, file, recorded_at::timestamptz from leaf where file is not null limit 1"
    ))[0]  # fmt: skip
    before = at - timedelta(microseconds=1)
    for child in (alias, file):
        assert (await known(auditor, A, child, before))["ids"] == [child]
        then = (await known(auditor, A, child, at))["ids"]
        assert (then[0], alias in then[1:]) == (file, True)
        assert then[1:] == sorted(then[1:])
    asked = await running.fetch("audit", "select about from look order by seq desc offset 1 limit 1")
    assert asked[0][0] == sorted([str(A), file]), "and the record of the look names no more than was answered"


@pytest.mark.req("PRV-03")
async def test_who_may_not_ask_is_refused_before_anything_is_looked_up(
    lived: tuple[Running, list[str], datetime],
) -> None:
    """With the copy away, whoever gets as far as looking for a child's ids would hear of an accident, not of 403."""
    running, siblings, _ = lived
    await running.fetch("audit", "alter table leaf rename to gone")
    try:
        with pytest.raises(Told, match="403"):
            await known(await running.sign_in("township-a-clerk"), A, siblings[0])
    finally:
        await running.fetch("audit", "alter table gone rename to leaf")


@pytest.mark.req("PLT-03")
async def test_everybody_who_was_told_of_an_event_is_listed_in_order(
    lived: tuple[Running, list[str], datetime],
) -> None:
    running, siblings, _ = lived
    auditor = await running.sign_in("procurator")
    found = await known(auditor, A, siblings[0])
    event = next(i["event"] for i in found["told"] if i["type"] == "registry.guardianship-delegated.v1")
    told = await auditor.ask("audit/told", event=event)
    assert {str(A), str(B)} <= {t["body"] for t in told}
    times = [t["disclosed_at"] for t in told]
    assert times == sorted(times)


@pytest.mark.req("PRV-03")
async def test_nobody_but_an_auditor_may_ask_and_what_is_asked_is_on_record(
    lived: tuple[Running, list[str], datetime],
) -> None:
    running, siblings, _ = lived
    for key in ("township-a-clerk", "police-county", "county-officer"):
        with pytest.raises(Told, match="403"):
            await known(await running.sign_in(key), A, siblings[0])
    before = await running.fetch("audit", "select count(*) from look")
    await known(await running.sign_in("procurator"), A, siblings[0])
    after = await running.fetch("audit", "select count(*) from look")
    assert after[0][0] == before[0][0] + 1
    await running.fetch("audit", "alter table look rename to gone")
    try:
        with pytest.raises(Told, match="503 recording-down"):
            await known(await running.sign_in("procurator"), A, siblings[0])
    finally:
        await running.fetch("audit", "alter table gone rename to look")
