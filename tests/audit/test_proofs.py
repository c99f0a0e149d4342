"""Proofs: of events and of tellings, of one checkpoint and between two, and who may have them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.audit import auditing
from services.audit.log import LOGS, STORES
from services.audit.merkle import verify_consistency, verify_inclusion
from services.audit.note import Line, read_note
from services.audit.telling import read_telling
from services.audit.verify import KEY, verify_folder
from services.kernel.bus.embedded import EmbeddedBus
from services.kernel.store import leaf_hash
from services.kernel.telemetry import metrics
from shouwang.auditing import export_log
from shouwang.client import Told
from tests.audit.records import altered
from tests.audit.test_known import A, B, known
from tests.helpers import Running


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
        assert holds(proof, line)


def holds(proof: dict[str, Any], line: Line) -> bool:
    hashes = [bytes.fromhex(h) for h in proof["hashes"]]
    return verify_inclusion(bytes.fromhex(proof["leaf"]), proof["index"], line.size, hashes, line.root)


@pytest.mark.req("OVS-06")
@pytest.mark.req("PLT-03")
async def test_that_a_body_was_told_is_proved_by_the_feeds_own_log(
    lived: tuple[Running, list[str], datetime],
) -> None:
    running, siblings, moment = lived
    auditor = await running.sign_in("procurator")
    key = (await auditor.ask("audit/key"))["key"]
    for found in (await known(auditor, A, siblings[0], moment), await known(auditor, B, siblings[0])):
        line = read_note(found["checkpoint"], key).logs["feed"]
        assert found["told"]
        for item in found["told"]:
            telling, proof = item["telling"].encode(), item["telling_proof"]
            assert leaf_hash(telling).hex() == proof["leaf"]
            assert holds(proof, line)
            assert not holds(proof | {"leaf": leaf_hash(telling.replace(b"clause", b"Clause")).hex()}, line)
            said = read_telling(telling)
            assert (said.event, said.clause, said.role) == (item["event"], item["clause"], item["role"])
            assert said.leaf == item["proof"]["leaf"], "the telling names the exact bytes of the event"


@pytest.mark.req("OVS-06")
async def test_an_answer_that_is_not_what_the_log_holds_is_refused_by_name(
    lived: tuple[Running, list[str], datetime],
) -> None:
    """Planted: somebody changes the audit service's own copy, of a telling and of an event."""
    running, siblings, _ = lived
    auditor = await running.sign_in("procurator")
    item = (await known(auditor, A, siblings[0]))["told"][-1]
    places = {"told": item["telling_proof"]["index"] + 1, "leaf": item["proof"]["index"] + 1}
    where = {"told": "seq = $1", "leaf": f"seq = $1 and store = '{item['proof']['store']}'"}
    for table, column in (("told", "telling"), ("leaf", "envelope")):
        kept = await running.fetch(
            "audit", f"select {column} from {table} where {where[table]}", places[table]
        )
        change = f"update {table} set {column} = $2 where {where[table]}"
        changed = kept[0][0].replace(b'"', b' "', 1)
        await running.fetch("audit", change, places[table], changed)
        try:
            with pytest.raises(Told, match="503 leaf-differs"):
                await known(auditor, A, siblings[0])
        finally:
            await running.fetch("audit", change, places[table], kept[0][0])


@pytest.mark.req("OVS-06")
async def test_a_log_that_does_not_hold_is_named_by_the_answer_and_by_readiness(
    lived: tuple[Running, list[str], datetime],
) -> None:
    running, _, _ = lived
    auditor = await running.sign_in("procurator")
    await auditor.ask("audit/checkpoint")
    await running.client.request("GET", "/audit/health/ready")
    size = (await running.fetch("audit", "select size from log where store = 'feed'"))[0][0]
    counted = metrics.not_signed.labels("feed", "log-differs")._value.get()
    await running.fetch("audit", "update log set size = size - 1 where store = 'feed'")
    try:
        for asking in (auditor.ask("audit/checkpoint"), running.client.request("GET", "/audit/health/ready")):
            with pytest.raises(Told, match="503 log-differs") as told:
                await asking
            assert told.value.body["facts"] == {"store": "feed", "size": size}
        measured = (await running.client.request("GET", "/audit/metrics")).text
        name = 'shouwang_audit_not_signed_total{reason="log-differs",source="feed"}'
        assert f"{name} {counted + 1}" in measured
    finally:
        await running.fetch("audit", "update log set size = size + 1 where store = 'feed'")


@pytest.mark.req("OVS-06")
async def test_proofs_of_any_place_are_for_auditors_and_the_key_is_for_everybody(
    lived: tuple[Running, list[str], datetime],
) -> None:
    running, _, _ = lived
    auditor, clerk = await running.sign_in("procurator"), await running.sign_in("township-a-clerk")
    told = await clerk.ask("audit/key")
    assert (told["name"], told["replaced"]) == (told["key"].split("+")[0], [])
    with pytest.raises(Told, match="401"):
        await running.client.request("GET", "/audit/key", headers={"X-Purpose": "case-work"})
    sizes = {}
    for store in (*STORES, "feed", "agency"):
        found = await auditor.ask("audit/proof", store=store, seq=1)
        line = read_note(found["checkpoint"], told["key"]).logs[store]
        sizes[store] = line.size
        assert holds(found["proof"], line)
        last = await auditor.ask("audit/proof", store=store, seq=line.size)
        assert last["proof"]["index"] == line.size - 1
        with pytest.raises(Told, match="404"):
            await auditor.ask("audit/proof", store=store, seq=line.size + 1)
    half = sizes["feed"] // 2
    found = await auditor.ask("audit/consistency", store="feed", **{"from": half, "to": sizes["feed"]})
    hashes = [bytes.fromhex(h) for h in found["hashes"]]
    before, after = bytes.fromhex(found["before"]), bytes.fromhex(found["after"])
    assert verify_consistency(half, sizes["feed"], before, after, hashes)
    with pytest.raises(Told, match="422"):
        await auditor.ask("audit/proof", store="live", seq=1)
    with pytest.raises(Told, match="422"):
        await auditor.ask("audit/proof", store="feed", seq=10**30)
    for key in ("township-a-clerk", "police-county", "county-officer", "civil-affairs-officer"):
        who = await running.sign_in(key)
        with pytest.raises(Told, match="403"):
            await who.ask("audit/proof", store="registry", seq=1)
        with pytest.raises(Told, match="403"):
            await who.ask("audit/consistency", store="registry", **{"from": 1, "to": 2})
        with pytest.raises(Told, match="403"):
            await who.ask("audit/checkpoint")


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
    assert set(logs) == set(LOGS)
    heads = {s: await running.fetch(s, "select incarnation, head from store") for s in STORES}
    heads["feed"] = await running.fetch("notification", "select incarnation, f.head from store, feed_head f")
    heads["agency"] = await running.fetch("agency", "select incarnation, l.head from store, look_head l")
    # Signing is a look too: it is in the log of the next checkpoint.
    heads["audit"] = await running.fetch("audit", "select incarnation, l.head - 1 from store, look_head l")
    for store, line in logs.items():
        assert (line.incarnation, line.size) == tuple(heads[store][0])


@pytest.mark.req("OVS-06")
async def test_a_bus_that_says_an_old_event_otherwise_stops_the_signing(
    lived: tuple[Running, list[str], datetime],
) -> None:
    running, _, _ = lived
    bus = running.platform.bus
    assert isinstance(bus, EmbeddedBus)
    fifth = bus._windows["registry"].records[4]
    await bus.publish("registry", [altered(fifth)])
    await running.register("程小秋")
    await running.client.settled()
    try:
        with pytest.raises(Told, match="503 leaf-differs") as told:
            await (await running.sign_in("procurator")).ask("audit/checkpoint")
        assert told.value.body["facts"] == {"store": "registry", "seq": fifth.seq}
    finally:
        await running.fetch("audit", "delete from differing")


@pytest.mark.req("OVS-06", "PRV-03")
async def test_all_that_was_disclosed_to_a_body_in_a_time_is_listed_page_by_page_and_proved(
    lived: tuple[Running, list[str], datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    running, siblings, moment = lived
    monkeypatch.setattr(auditing, "PAGE", 50)
    auditor = await running.sign_in("procurator")
    key = (await auditor.ask("audit/key"))["key"]
    start, after = datetime(2026, 1, 1, tzinfo=UTC).isoformat(), None
    items: list[dict[str, Any]] = []
    while not items or after is not None:
        page = await auditor.ask("audit/disclosed", body=str(A), after=after, **{"from": start})
        line = read_note(page["checkpoint"], key).logs["feed"]
        assert len(page["told"]) <= 50
        assert all(holds(item["telling_proof"], line) for item in page["told"])
        assert all(leaf_hash(i["telling"].encode()).hex() == i["telling_proof"]["leaf"] for i in page["told"])
        items += page["told"]
        after, last = page["next"], after
    with pytest.raises(Told, match="422 bad-cursor"):
        await auditor.ask("audit/disclosed", body=str(siblings[0]), after=last, **{"from": start})
    places = [item["telling_proof"]["index"] + 1 for item in items]
    rows = await running.fetch("notification", "select seq from feed where agency = $1 order by seq", A)
    assert places == [row["seq"] for row in rows]
    assert len(places) > 100
    by_child = (await known(auditor, A, siblings[0]))["told"]
    assert [i for i in items if i["child"] == siblings[0]] == [
        i for i in by_child if i["child"] == siblings[0]
    ]

    early = await auditor.ask("audit/disclosed", body=str(A), **{"from": start, "to": moment.isoformat()})
    late = await auditor.ask("audit/disclosed", body=str(A), **{"from": moment.isoformat()})
    assert early["told"] == [i for i in items if datetime.fromisoformat(i["disclosed_at"]) <= moment][:50]
    assert late["told"] == [i for i in items if datetime.fromisoformat(i["disclosed_at"]) >= moment][:50]
    with pytest.raises(Told, match="403"):
        await (await running.sign_in("county-officer")).ask("audit/disclosed", body=str(A), **{"from": start})
