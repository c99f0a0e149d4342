"""A bad bus and bad records: rows are those of a clean run, and what is bad sets aside its own child alone.

Two stores publish to real Kafka by their relays: 1 % poison, 10 % duplicates, a reorder window of 50, publishing that
fails half-way. A consumer of the kernel folds both, is stopped and started at random, and has its connections cut. The
checker computes from the stores' rows what must have been applied, in which order, and what must stand aside.
"""

import asyncio
import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from infra.kafka import create_topics
from schemas.envelope import Envelope, after_of, decode, encode
from services.kernel.bus import relay
from services.kernel.bus.kafka import KafkaBus, KafkaSubscription
from services.kernel.bus.log import StoreLog
from services.kernel.bus.port import Bus, Checkpoint, Record, topic_of
from services.kernel.bus.relay import Relay
from services.kernel.database import Connection, Database
from services.kernel.hearing.projection import Consumer
from services.kernel.store import PARTITIONS, Append, EventStore, append_in
from tests.faults.harness.faulty_bus import FaultyBus
from tests.faults.harness.row import Found, Row
from tests.faults.harness.run import Run, stands_still
from tests.helpers import new_event

SOURCES = ("registry", "reporting")
_EACH = 100
"""Events of one child."""
_WOVEN = 0.1
"""Share of children whose events rest on one another across both stores."""
_QUOTA = 20
_CRASHES = 6
_VIEW = """
create table view (child text, source text, count integer, last bigint, chain bytea, primary key (child, source));
create table applied (n bigserial primary key, source text, seq bigint, child text, rested boolean);
"""


@dataclass
class History:
    """What is in the stores: the events of each child in the order in which they were written."""

    by_child: dict[str, list[tuple[str, int, int]]] = field(default_factory=lambda: defaultdict(list))
    """Source, seq, and the seq in the other source on which it rests."""
    poison: set[tuple[str, int]] = field(default_factory=set)
    heads: dict[tuple[str, int], int] = field(default_factory=dict)

    def aside(self) -> set[tuple[str, int]]:
        """What must stand aside while the fault is there: the bad, what follows it in its store, what rests on either."""
        told: set[tuple[str, int]] = set()
        for events in self.by_child.values():
            first: dict[str, int] = {}
            for source, seq, rests in events:
                other = SOURCES[1 - SOURCES.index(source)]
                if source in first or (source, seq) in self.poison or rests >= first.get(other, 1 << 62):
                    first.setdefault(source, seq)
                    told.add((source, seq))
        return told


class View:
    """A fold that keeps, for each child and store, a chain of all that it was given. It falls over bad records."""

    def __init__(self, *, fixed: bool) -> None:
        self._fixed = fixed

    async def fold(self, rows: Connection, records: Sequence[Record]) -> None:
        """Take records in order; the chain shows the order, `rested` whether what an event rests on was there."""
        found = await rows.fetch(
            "select * from view where child = any($1::text[])", list({r.key for r in records})
        )
        view = {(r["child"], r["source"]): (r["count"], r["last"], r["chain"]) for r in found}
        told = []
        for r in records:
            envelope = decode(r.value)
            if envelope.data["poison"] and not self._fixed:
                raise ValueError
            rests = after_of(r.value)
            rested = all(view.get((r.key, s), (0, 0, b""))[1] >= n for s, n in rests.items())
            count, _, chain = view.get((r.key, r.source), (0, 0, b""))
            view[r.key, r.source] = (count + 1, r.seq, link(chain, r.value))
            told.append((r.source, r.seq, r.key, rested))
        await rows.executemany(
            "insert into view values ($1, $2, $3, $4, $5) on conflict (child, source) do update"
            " set count = excluded.count, last = excluded.last, chain = excluded.chain",
            [(*key, *value) for key, value in view.items()],
        )
        await rows.executemany(
            "insert into applied (source, seq, child, rested) values ($1, $2, $3, $4)", told
        )


def link(chain: bytes, value: bytes) -> bytes:
    """The next link of a child's chain."""
    return hashlib.sha256(chain + value).digest()


async def run(run: Run) -> list[Row]:
    """The clean run, the faulty run, the fix."""
    row, count = run.row(), run.least["events"]
    relay._MOST = max(200, count // 50)
    await asyncio.to_thread(run.kafka.start)
    async with (
        run.database("faults_bus_a") as a,
        run.database("faults_bus_b") as b,
        _rows(run, "faults_clean") as clean,
        _rows(run, "faults_rows") as rows,
    ):
        history = await _fill(run, (a, b), count)
        async with _relays(run, (a, b), KafkaBus(run.kafka.bootstrap)):
            await _consume(run, clean, history, aside=0, fixed=True)
        await asyncio.to_thread(run.kafka.wipe)
        faulty = FaultyBus(KafkaBus(run.kafka.bootstrap), run.dice, fails=5)
        async with _relays(run, (a, b), faulty):
            row.faults += await _nemesis(run, rows, history)
            wanted = history.aside()
            if not await _consume(run, rows, history, aside=len(wanted), fixed=False):
                row.found.skipped.append(f"stuck at {await _reached(rows)}")
            row.found.add(await check(rows, (a, b), history, wanted))
            if not row.found:
                if not await _consume(run, rows, history, aside=0, fixed=True):
                    row.found.skipped.append(f"after the fix, stuck at {await _reached(rows)}")
                row.found.add(await check(rows, (a, b), history, set()))
                row.found.add(await _same(clean, rows))
        row.faults += faulty.faults + len(history.poison)
    row.commands = row.acknowledged = count
    row.reached = {"events": count}
    return [row]


@asynccontextmanager
async def _rows(run: Run, name: str) -> AsyncIterator[Database]:
    async with run.database(name) as database:
        connection = await asyncpg.connect(run.postgres.url(name))
        await connection.execute(_VIEW)
        await connection.close()
        yield database


async def _fill(run: Run, stores: Sequence[Database], count: int) -> History:
    """Write the same events for the same seed: runs of a child in one store, then in the other."""
    history, dice = History(), random.Random(f"{run.seed} bus")
    children = [str(UUID(int=dice.getrandbits(128), version=4)) for _ in range(count // _EACH)]
    bad = children[: min(_QUOTA, max(4, count // 2000))]
    woven = {*bad[::2], *children[len(bad) : int(len(children) * _WOVEN)]}
    poisoned = {
        (child, place)
        for i, child in enumerate(bad)
        for place in dice.sample(range(_EACH // 10, _EACH), (count // 100 + i) // len(bad))
    }
    turns = [child for child in children for _ in range(_EACH)]
    dice.shuffle(turns)
    resting = {*bad, *children[:: max(1, len(children) // 20)]}
    told: dict[str, list[Append]] = {source: [] for source in SOURCES}
    last: dict[tuple[str, str], int] = {}
    written: Counter[str] = Counter()
    versions: Counter[tuple[str, str]] = Counter()
    for child in turns:
        place = written[child]
        written[child] += 1
        source = SOURCES[place // 5 % 2]
        other = SOURCES[1 - place // 5 % 2]
        seq = len(told[source]) + 1
        versions[source, child] += 1
        rests = 0
        if child in woven or (child in resting and source == SOURCES[1]):
            rests = last.get((other, child), 0)
        value = _envelope(
            child, source, seq, f"{other}:{rests}" if rests else None, (child, place) in poisoned
        )
        event = new_event(UUID(child), versions[source, child], event_id=run.uuid(), value=value)
        told[source].append(Append([event]))
        last[source, child] = seq
        history.by_child[child].append((source, seq, rests))
        history.heads[source, event.partition] = seq
        if (child, place) in poisoned:
            history.poison.add((source, seq))
    for source, store in zip(SOURCES, stores, strict=True):
        await _append(store, told[source])
    return history


async def _append(store: Database, told: Sequence[Append]) -> None:
    """Append in order, in as many calls as one stream a call asks for."""
    async with store.connection() as connection:
        batch: list[Append] = []
        for append in told:
            if len(batch) == 200 or any(append.events[0].stream == b.events[0].stream for b in batch):
                await append_in(connection, batch)
                batch = []
            batch.append(append)
        await append_in(connection, batch)


def _envelope(child: str, source: str, seq: int, after: str | None, poison: bool) -> bytes:
    told: dict[str, Any] = dict.fromkeys(("time", "recordedat", "actor", "purpose", "correlationid"), "x")
    return encode(
        Envelope(
            id=f"{source}-{seq}", type="test.happened.v1", source=f"/{source}", subject=child, orderkey=child,
            after=after, data={"seq": seq, "poison": poison}, **told,
        )
    )  # fmt: skip


@asynccontextmanager
async def _relays(run: Run, stores: Sequence[Database], bus: Bus) -> AsyncIterator[None]:
    await create_topics(run.kafka.bootstrap, {topic_of(source): PARTITIONS for source in SOURCES})
    tasks = [
        asyncio.create_task(Relay(source, store, StoreLog(EventStore(store)), bus).run())
        for source, store in zip(SOURCES, stores, strict=True)
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await bus.close()


class _Apart(KafkaBus):
    """A bus on which a member is given all partitions, though others have them: it can't know that they were taken."""

    async def subscribe(
        self, group: str, sources: Sequence[str], known: Mapping[str, Checkpoint] | None = None, /
    ) -> KafkaSubscription:
        """Join a group of one's own."""
        return await super().subscribe(f"{group}-{uuid4()}", sources, known)


def _consumer(
    run: Run, rows: Database, *, fixed: bool, instance: str = "1", bus: type[KafkaBus] = KafkaBus
) -> Consumer:
    return Consumer("rows", SOURCES, rows, bus(run.kafka.bootstrap, instance), View(fixed=fixed).fold)


async def _reached(rows: Database) -> tuple[int, int]:
    """How far the checkpoints are, and how many records stand aside."""
    found = await rows.fetch(
        "select (select coalesce(sum(seq), 0)::bigint from checkpoint), (select count(*) from parked)"
    )
    return found[0][0], found[0][1]


async def _consume(run: Run, rows: Database, history: History, *, aside: int, fixed: bool) -> bool:
    """Let two members of a group handle all that there is; False where they stand still before."""
    tasks = [
        asyncio.create_task(_consumer(run, rows, fixed=fixed, instance=instance).run()) for instance in "12"
    ]

    async def where() -> tuple[int, int]:
        return await _reached(rows)

    try:
        return await stands_still(where, (sum(history.heads.values()), aside), run.patience)
    finally:
        await _end(tasks)


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _nemesis(run: Run, rows: Database, history: History) -> int:
    """Stop one of two consumers, or cut all connections, at moments that the dice choose; returns how often.

    Beside them run two that hold all partitions to be their own: one may join too late to meet anybody.
    """
    everything = sum(history.heads.values())
    tasks = [asyncio.create_task(_consumer(run, rows, fixed=False, instance=each).run()) for each in "12"]
    tasks += [asyncio.create_task(_consumer(run, rows, fixed=False, bus=_Apart).run()) for _ in range(2)]
    for crash in range(_CRASHES):
        aim = everything * (crash + run.dice.random()) / (_CRASHES + 1)

        async def where(aim: float = aim) -> bool:
            return (await _reached(rows))[0] >= aim

        if not await stands_still(where, wanted=True, patience=run.patience):
            break  # the checker says where they stand
        if crash % 2:
            await rows.fetch(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        if crash == _CRASHES // 2:  # partitions move between those who stay, too
            tasks.append(asyncio.create_task(_consumer(run, rows, fixed=False, instance="3").run()))
        which = run.dice.randrange(2)
        await _end(tasks[which : which + 1])
        tasks[which] = asyncio.create_task(_consumer(run, rows, fixed=False, instance="12"[which]).run())
    await _end(tasks)
    return _CRASHES + _CRASHES // 2


async def check(
    rows: Database, stores: Sequence[Database], history: History, aside: set[tuple[str, int]]
) -> Found:
    """Compare what was applied with what the stores hold, but for what must stand aside."""
    found = Found()
    applied = await rows.fetch("select source, seq, child, rested from applied order by n")
    times = Counter((r["source"], r["seq"]) for r in applied)
    everything = {(s, n) for events in history.by_child.values() for s, n, _ in events}
    found.lost = [f"{s}:{n} was not applied" for s, n in sorted(everything - aside) if not times[s, n]]
    found.doubled = [f"{s}:{n} was applied {count} times" for (s, n), count in times.items() if count > 1]
    found.misordered = [
        f"{r['source']}:{r['seq']} before what it rests on" for r in applied if not r["rested"]
    ]
    found.misordered += [f"{s}:{n} behind a bad record" for s, n in sorted(aside) if times[s, n]]
    parked = await rows.fetch("select source, seq from parked")
    here = {(r["source"], r["seq"]) for r in parked}
    found.lost += [f"{s}:{n} is not set aside" for s, n in sorted(aside - here)]
    found.skipped = [f"{s}:{n} is set aside" for s, n in sorted(here - aside)]
    view = {(r["child"], r["source"]): (r["count"], r["chain"]) for r in await rows.fetch("table view")}
    chains: dict[tuple[str, str], tuple[int, bytes]] = {}
    for source, store in zip(SOURCES, stores, strict=True):
        for r in await store.fetch("select seq, orderkey, envelope from event order by seq"):
            if (source, r["seq"]) not in aside:
                count, chain = chains.get((r["orderkey"], source), (0, b""))
                chains[r["orderkey"], source] = (count + 1, link(chain, r["envelope"]))
    found.misordered += [
        f"rows of {child}, {s}" for (child, s), at in chains.items() if view.get((child, s)) != at
    ]
    return found


async def _same(clean: Database, rows: Database) -> Found:
    told = [await each.fetch("select * from view order by child, source") for each in (clean, rows)]
    differ = [r["child"] for r, c in zip(*told, strict=False) if r != c]
    if len(told[0]) != len(told[1]) or differ:
        return Found(misordered=[f"rows differ from the clean run: {differ[:1]}"])
    return Found()
