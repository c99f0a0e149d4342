"""What a body knew at a moment: told, acknowledged and read, each with its time, its clause and a proof."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from services.audit.merkle import verify_consistency, verify_inclusion
from services.audit.note import read_note
from services.audit.verify import KEY, verify_folder
from services.registry.founding import body_id
from shouwang.auditing import export_log
from shouwang.client import Person, Told
from shouwang.sequel import Sequel
from shouwang.story import Story
from tests.helpers import Running, embedded

A, B = body_id("township-a"), body_id("township-b")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lived() -> AsyncIterator[tuple[Running, list[str], datetime]]:
    """The story told to the end, with a moment in the middle: after A acknowledged and looked, before the move."""
    async with embedded() as running:
        story = Story(running.client, lambda _: None, rows=40)
        siblings = await story.begin()
        moment = datetime.now(UTC)
        await Sequel(story).tell(siblings)
        await running.client.settled()
        yield running, siblings, moment


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


@pytest.mark.req("OVS-06")
async def test_each_item_is_proved_against_the_signed_checkpoint(
    lived: tuple[Running, list[str], datetime],
) -> None:
    running, siblings, _ = lived
    auditor = await running.sign_in("procurator")
    found = await known(auditor, A, siblings[0])
    key = (await auditor.ask("audit/checkpoint"))["key"]
    signed = read_note(found["checkpoint"], key).logs
    assert len(found["told"]) > 5
    redacted = [i for i in found["told"] if i["withheld"]]
    assert redacted, "an item of which blocks were withheld proves its place too"
    for item in (*found["told"], *found["acknowledged"]):
        proof = item["proof"]
        line = signed[proof["store"]]
        assert (proof["size"], proof["root"]) == (line.size, line.root.hex())
        hashes = [bytes.fromhex(h) for h in proof["hashes"]]
        assert verify_inclusion(bytes.fromhex(proof["leaf"]), proof["index"], line.size, hashes, line.root)


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


@pytest.mark.req("OVS-06")
async def test_an_export_verifies_offline_and_a_changed_store_is_named(
    lived: tuple[Running, list[str], datetime], tmp_path: Path
) -> None:
    running, _, _ = lived
    sizes = await export_log(running.platform.folder, running.client, "procurator", tmp_path)
    assert all(sizes.values())
    key = (tmp_path / KEY).read_text()
    assert verify_folder(tmp_path, key) == []
    auditor = await running.sign_in("procurator")
    size = sizes["registry"]
    found = await auditor.ask("audit/consistency", store="registry", **{"from": size // 2, "to": size})
    before, after = (bytes.fromhex(found[k]) for k in ("before", "after"))
    assert verify_consistency(size // 2, size, before, after, [bytes.fromhex(h) for h in found["hashes"]])
    await running.fetch("registry", "update event set envelope = envelope || ' '::bytea where seq = 17")
    try:
        await export_log(running.platform.folder, running.client, "procurator", tmp_path)
        (broken,) = verify_folder(tmp_path, key)
        assert (broken.store, broken.seq) == ("registry", 17)
    finally:
        await running.fetch(
            "registry", "update event set envelope = substr(envelope, 1, length(envelope) - 1) where seq = 17"
        )


@pytest.mark.req("OVS-06")
async def test_the_log_grows_by_what_was_heard_and_misses_nothing(
    lived: tuple[Running, list[str], datetime],
) -> None:
    running, _, _ = lived
    auditor = await running.sign_in("procurator")
    signed = await auditor.ask("audit/checkpoint")
    assert signed["missing"] == {}
    logs = read_note(signed["note"], signed["key"]).logs
    assert set(logs) == {"registry", "reporting", "assessment", "notification", "feed"}
    heads = {s: await running.fetch(s, "select incarnation, head from store") for s in set(logs) - {"feed"}}
    heads["feed"] = await running.fetch("notification", "select incarnation, f.head from store, feed_head f")
    for store, line in logs.items():
        assert (line.incarnation, line.size) == tuple(heads[store][0])
