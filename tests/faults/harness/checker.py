"""What everybody must agree on when all is quiet again: answers, stores, topics, audit, feed, views, clocks, counts.

It reads stores, feed, audit leaves and agencies' entries as an auditor does, by their rows; the topics by a plain
consumer; the live counts and pages over HTTP, as people do. It knows what was acknowledged, and nothing of how the
platform came to it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import httpx2
import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.look import LOOK_LOGS, exact
from services.kernel.bus.port import REFERENCE, topic_of
from services.kernel.doors.looks import look_of
from services.live.windows import Windows
from shouwang.client import Told, behind
from tests.faults.harness.row import Found, compare
from tests.faults.harness.run import stands_still
from tests.faults.harness.stage import Stage

STORES = ("registry", "reporting", "assessment", "notification")
_REFERENCE_PARTITION = 24
Events = list[dict[str, Any]]
"""A store's rows, in order of seq."""


async def check(
    made: Stage, acknowledged: Mapping[str, dict[str, Any]], patience: float, *, others: bool = False
) -> Found:
    """Wait until nobody is behind, then compare everything with everything.

    `others`: that there may be acts whose answers we don't know, as in a dump taken between an act and its answer.
    """
    found = await settled(made, patience)
    stores = {
        store: [dict(r) for r in await made.fetch(store, "select * from event order by seq")]
        for store in STORES
    }
    found.add(of_answers(stores, acknowledged, others=others))
    found.add(await of_topics(made, stores))
    found.add(await of_audit(made, stores))
    found.add(await of_feed(made))
    found.add(of_clocks(stores["notification"]))
    found.add(await of_counts(made, stores["reporting"], patience))
    found.add(await of_pages(made, acknowledged))
    return found


async def settled(made: Stage, patience: float) -> Found:
    """Wait until every consumer has reached its sources' heads and every duty that ran out was seen."""
    late: list[str] = []
    places: dict[str, Any] = {}

    async def where() -> object:
        nonlocal late, places
        try:
            now = await made.positions()
        except (Told, httpx2.HTTPError, OSError) as error:
            return type(error).__name__
        late, still = behind(now), now == places
        places = now
        due = await made.fetch("notification", "select count(*) from duty where runs_out <= now()")
        aside = sum(c["parked"] for told in now.values() for c in told["consumers"].values())
        if due[0][0]:
            late.append(f"{due[0][0]} duties ran out")
        if aside:
            late.append(f"{aside} set aside")
        return True if still and not late else str(places)

    if await stands_still(where, wanted=True, patience=patience):
        return Found()
    return Found(skipped=[f"behind: {each}" for each in late] or ["no answer"])


def of_answers(
    stores: Mapping[str, Events], acknowledged: Mapping[str, dict[str, Any]], *, others: bool = False
) -> Found:
    """All acknowledged events once, where the answer said; no gap; nobody else's."""
    found = Found()
    where = {str(r["id"]): (store, r["seq"]) for store, rows in stores.items() for r in rows}
    for store, rows in stores.items():
        if [r["seq"] for r in rows] != list(range(1, len(rows) + 1)):
            found.lost.append(f"{store}: seq is not dense")
        versions: dict[Any, int] = defaultdict(int)
        for r in rows:
            versions[r["stream"]] += 1
            if r["version"] != versions[r["stream"]]:
                found.misordered.append(f"{store}: {r['seq']} is version {r['version']} of its stream")
    told = [e for answer in acknowledged.values() for e in answer["events"]]
    for e in told:
        if where.get(e["id"]) != (e["type"].partition(".")[0], e["seq"]):
            found.lost.append(f"{e['type']} {e['id']}: {where.get(e['id'])}, not {e['seq']}")
    asked = Counter(e["type"] for e in told)
    for store, kind in (
        ("registry", "registry.child-registered.v1"),
        ("reporting", "reporting.report-filed.v1"),
        ("reporting", "reporting.report-accepted.v1"),
    ):
        there = sum(r["type"] == kind for r in stores[store])
        if there > asked[kind] and not others:
            found.doubled.append(f"{there} {kind}, {asked[kind]} acknowledged")
    return found


async def of_topics(made: Stage, stores: Mapping[str, Events]) -> Found:
    """Every event stands on its topic, with its bytes; each record names the one before it in its partition."""
    found = Found()
    for source in (*STORES, REFERENCE, "feed", *LOOK_LOGS):
        records = await read_topic(made.kafka.bootstrap, topic_of(source))
        if source == "feed":
            rows = await made.fetch(
                "notification",
                "select f.seq, f.partition, h.envelope from feed f join heard h using (event) order by f.seq",
            )
            wanted = {(r["partition"], r["seq"]): r["envelope"] for r in rows}
        elif source in LOOK_LOGS:
            looks = await made.fetch(source, "select * from look")
            wanted = {(0, r["seq"]): exact(look_of(r)) for r in looks}
        elif source == REFERENCE:
            own = [r for r in stores["registry"] if r["partition"] == _REFERENCE_PARTITION]
            wanted = {(0, r["seq"]): r["envelope"] for r in own}
        else:
            own = [r for r in stores[source] if r["partition"] != _REFERENCE_PARTITION]
            wanted = {(r["partition"], r["seq"]): r["envelope"] for r in own}
        here = {(p, seq): value for p, seq, _, value in records}
        found.skipped += [f"topic {source}: {at} is not there" for at in sorted(wanted.keys() - here.keys())]
        found.doubled += [f"topic {source}: {at} is nobody's" for at in sorted(here.keys() - wanted.keys())]
        found.lost += [
            f"topic {source}: {at} has other bytes" for at in here if here[at] != wanted.get(at, here[at])
        ]
        before = _before(wanted)
        found.misordered += [
            f"topic {source}: {p, seq} says {prev} comes before it"
            for p, seq, prev, _ in records
            if before.get((p, seq), prev) != prev
        ]
    return found


def _before(places: Iterable[tuple[int, int]]) -> dict[tuple[int, int], int]:
    last: dict[int, int] = {}
    told = {}
    for partition, seq in sorted(places):
        told[partition, seq] = last.get(partition, 0)
        last[partition] = seq
    return told


async def read_topic(bootstrap: str, topic: str) -> list[tuple[int, int, int, bytes]]:
    """Return (partition, seq, prev, value) of everything on a topic, read by a plain consumer."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic) or ()]
        if not partitions:
            partitions = [TopicPartition(topic, p) for p in await _partitions(consumer, topic)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        left = {tp for tp in partitions if ends[tp] > 0}
        told = []
        while left:
            for tp, messages in (await consumer.getmany(timeout_ms=1000)).items():
                for m in messages:
                    headers = dict(m.headers)
                    told.append((tp.partition, int(headers["seq"]), int(headers["prev"]), m.value))
            left = {tp for tp in left if await consumer.position(tp) < ends[tp]}
        return told
    finally:
        await consumer.stop()


async def _partitions(consumer: Any, topic: str) -> set[int]:
    await consumer._client.fetch_all_metadata()
    consumer._client.add_topic(topic)
    await consumer._client.force_metadata_update()
    return set(consumer._client.cluster.partitions_for_topic(topic) or ())


async def of_audit(made: Stage, stores: Mapping[str, Events]) -> Found:
    """The audit service keeps the exact bytes of every event of every store, in its place."""
    found = Found()
    rows = await made.fetch("audit", "select store, seq, envelope from leaf order by store, seq")
    for store, events in stores.items():
        seen = [(r["seq"], r["envelope"]) for r in rows if r["store"] == store]
        told = compare([(r["seq"], r["envelope"]) for r in events], seen, f"audit {store}")
        found.skipped += [each[:80] for each in told.skipped]
        found.doubled += [each[:80] for each in told.doubled]
    for log in LOOK_LOGS:
        looks = [
            (r["seq"], exact(look_of(r))) for r in await made.fetch(log, "select * from look order by seq")
        ]
        if [seq for seq, _ in looks] != list(range(1, len(looks) + 1)):
            found.lost.append(f"{log}: looks are not dense")
        read = await made.fetch("audit", "select seq, look from read where log = $1 order by seq", log)
        found.add(compare(looks, [(r["seq"], r["look"]) for r in read], f"audit {log}"))
    return found


async def of_feed(made: Stage) -> Found:
    """The feed is dense and says nothing twice; of one child and grant it keeps the stores' order; agencies have it all."""
    found = Found()
    rows = await made.fetch(
        "notification",
        "select f.seq, f.agency, f.child, f.event, f.role, f.given, h.source, h.seq as at from feed f join heard h"
        " using (event) order by f.seq",
    )
    if [r["seq"] for r in rows] != list(range(1, len(rows) + 1)):
        found.lost.append("feed: seq is not dense")
    times = Counter((r["agency"], r["event"], r["role"], r["given"]) for r in rows)
    found.doubled += [f"feed: {event} as {role}" for (_, event, role, _), count in times.items() if count > 1]
    last: dict[Any, int] = {}
    for r in rows:
        key = (r["agency"], r["child"], r["role"], r["given"], r["source"])
        # What notification itself made is told with what caused it, before what the bus brings: agencies sort it.
        if r["source"] != "notification" and r["at"] < last.get(key, 0):
            found.misordered.append(f"feed: {r['seq']} ({r['source']} {r['at']}) after {last[key]}")
        last[key] = r["at"]
    heard = {r[0] for r in await made.fetch("notification", "select event from heard")}
    of_children = "select id from event where partition < 24 order by seq"
    for store in STORES:
        found.skipped += [
            f"router: {store} {r['id']}" for r in await made.fetch(store, of_children) if r["id"] not in heard
        ]
    children = await made.fetch(
        "registry", "select id from event where type = 'registry.child-registered.v1'"
    )
    ledger = {r["event"] for r in rows if r["role"] == "ledger"}
    found.skipped += [f"feed: {r['id']} is not in the ledger" for r in children if r["id"] not in ledger]
    entries = {
        (r["agency"], r["event"], r["role"])
        for r in await made.fetch("agency", "select agency, event, role from entry")
    }
    given = {(r["agency"], r["event"], r["role"]) for r in rows}
    found.skipped += [f"agency: {event} as {role}" for _, event, role in given - entries]
    found.doubled += [f"agency: {event} as {role} was never given" for _, event, role in entries - given]
    return found


def of_clocks(events: Events) -> Found:
    """A notice is sent once; a duty is opened once, and missed once where it ran out before it was met."""
    found = Found()
    by_type: dict[str, Counter[str]] = defaultdict(Counter)
    for r in events:
        data = msgspec.json.decode(r["envelope"])["data"]
        if r["type"] == "notification.notification-sent.v1":
            by_type[r["type"]][f"{data['notice']} to {data['recipient']}"] += 1
        elif "duty" in data:
            by_type[r["type"]][data["duty"]] += 1
    for kind in ("notification-sent", "duty-opened", "duty-missed", "due-reached"):
        told = by_type[f"notification.{kind}.v1"]
        found.doubled += [f"{kind} of {each}: {count} times" for each, count in told.items() if count > 1]
    late = {
        msgspec.json.decode(r["envelope"])["data"]["duty"]: r
        for r in events
        if r["type"] == "notification.duty-opened.v1" and _ran_out(r)
    }
    missed = by_type["notification.duty-missed.v1"]
    met = by_type["notification.duty-met.v1"]
    found.lost += [
        f"duty {each} ran out, and nobody said so" for each in late if not missed[each] and not met[each]
    ]
    return found


def _ran_out(row: dict[str, Any]) -> bool:
    envelope = msgspec.json.decode(row["envelope"])
    due = envelope["data"].get("due")
    return due is not None and datetime.fromisoformat(due) <= datetime.fromisoformat(envelope["recordedat"])


async def of_counts(made: Stage, reporting: Events, patience: float) -> Found:
    """What the live service counts is what the store holds."""
    windows = Windows()
    for r in reporting:
        windows.take("reporting", r["partition"], r["seq"], r["envelope"])
    wanted = [(c.township, c.hour, c.filed, c.accepted) for c in windows.counts()]
    seen: object = None

    async def where() -> object:
        nonlocal seen
        try:
            told = (await made.people["police-county"].ask("live/counts"))["counts"]
        except (Told, httpx2.HTTPError) as error:
            seen = str(error)
        else:
            seen = [
                (c["township"], datetime.fromisoformat(c["hour"]), c["filed"], c["accepted"]) for c in told
            ]
        return seen

    if await stands_still(where, wanted, patience):
        return Found()
    return Found(skipped=[f"live counts {seen}, not {wanted}"])


async def of_pages(made: Stage, acknowledged: Mapping[str, dict[str, Any]]) -> Found:
    """The township's clerk sees what was acknowledged, once: the last ten children, by HTTP."""
    found = Found()
    for answer in list(acknowledged.values())[-30:]:
        event = answer["events"][0]
        if event["type"] == "registry.child-registered.v1":
            try:
                page = await made.people["township-a-clerk"].ask(f"agency/children/{event['subject']}")
            except (Told, httpx2.HTTPError) as error:
                found.skipped.append(f"page of {event['subject']}: {error}")
                continue
            times = sum(step["event"] == event["id"] for step in page["chronology"])
            if times != 1:
                (found.doubled if times else found.skipped).append(
                    f"page of {event['subject']}: {times} times"
                )
    return found
