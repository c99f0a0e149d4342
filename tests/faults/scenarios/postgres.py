"""kill -9 of PostgreSQL under 16 writers: what was acknowledged is there, once, where the answer said.

The writers drive the kernel's store in this process, for pace. What got no answer is asked again under the same key
until there is one, with new event ids, as the commands do. The checker reads the rows as an auditor would, and a
follower reads the log all the while, as a relay does.
"""

import asyncio
import random
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from infra.postgres import Postgres
from services.kernel.database import Database
from services.kernel.errors import OutcomeUnknown, StoreDown
from services.kernel.store import Append, EventStore, NewEvent, Outcome, leaf_hash
from tests.faults.harness.people import Stuck
from tests.faults.harness.row import Found, Row, compare
from tests.faults.harness.run import Run, stands_still
from tests.helpers import new_event

WRITERS, COMMITTERS, LANES = 16, 4, 2
_SHARED = 20
_RETRY_SECONDS = 0.02


@dataclass
class Told:
    """What the writers know: each key with how many events it asked for and what it was answered."""

    acknowledged: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Key → (events, seq of the first)."""
    refused: set[str] = field(default_factory=set)
    """Keys whose answer was that nothing was appended."""
    unsent: set[str] = field(default_factory=set)
    """Tries that were told that nothing was sent to the database."""
    commands: int = 0
    unknown: int = 0
    last: float = 0.0
    """When somebody was last answered."""
    failed_at: float = 0.0
    """When somebody last got no answer."""


class Writer:
    """A client of the store: new streams, its own streams, streams that it shares, and claims that it fights for."""

    def __init__(self, number: int, seed: int, store: EventStore, told: Told) -> None:
        self._name = f"{number:02}"
        self._dice = random.Random(f"{seed} writer {number}")
        self._store = store
        self._told = told
        self._own: list[UUID] = []
        self._shared = [UUID(int=i + 1) for i in range(_SHARED)]
        self._made = 0
        self._tries = 0

    async def write(self, stop: asyncio.Event) -> None:
        """Issue commands, one after the other, until told to stop."""
        while not stop.is_set():
            self._made += 1
            await self._command(f"{self._name}-{self._made}")

    async def _command(self, key: str) -> None:
        self._told.commands += 1
        kind = self._dice.random()
        if kind < 0.4 or not self._own:
            stream = UUID(int=self._dice.getrandbits(128), version=4)
            self._own = [*self._own[-50:], stream]
            fresh = True
        else:
            stream = self._dice.choice(self._own if kind < 0.9 else self._shared)
            fresh = False
        count = self._dice.choice((1, 1, 1, 2, 3))
        claims = [(f"claim {self._dice.randrange(10**6)}".encode(), stream)] if kind < 0.05 else []
        version = 0 if fresh else None
        while True:
            if version is None:
                version = await self._version(stream)
            outcome = await self._try(key, stream, version, count, claims)
            if outcome is None:
                if not fresh:
                    version = None
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            if outcome.kind == "stale":
                version = None
                continue
            self._settle(key, count, outcome)
            return

    def _settle(self, key: str, count: int, outcome: Outcome) -> None:
        if outcome.kind == "claimed":
            self._told.refused.add(key)
        else:
            self._told.acknowledged[key] = (count, outcome.first_seq or 0)
        self._told.last = time.monotonic()

    async def _try(
        self, key: str, stream: UUID, version: int, count: int, claims: list[tuple[bytes, UUID]]
    ) -> Outcome | None:
        self._tries += 1
        name = f"{self._name}/{self._tries}"
        events = [self._event(key, name, stream, version + i, i) for i in range(1, count + 1)]
        try:
            return await self._store.append(Append(events, key.encode(), b"", b"[]", claims))
        except OutcomeUnknown:
            self._told.unknown += 1
            self._told.failed_at = time.monotonic()
            return None
        except StoreDown:
            self._told.unsent.add(name)
            self._told.failed_at = time.monotonic()
            return None

    def _event(self, key: str, name: str, stream: UUID, version: int, place: int) -> NewEvent:
        said = msgspec.json.encode({"key": key, "try": name, "place": place})
        return new_event(
            stream, version, event_id=UUID(int=self._dice.getrandbits(128), version=4), value=said
        )

    async def _version(self, stream: UUID) -> int:
        while True:
            try:
                rows = await self._store.database.fetch(
                    "select coalesce(max(version), 0) from event where stream = $1", stream
                )
            except StoreDown:
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                last: int = rows[0][0]
                return last


class Follower:
    """Reads the log as a relay does, from the place that it has reached."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self.seen: list[tuple[int, UUID]] = []

    async def read(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                rows = await self._store.after(self.seen[-1][0] if self.seen else 0, 1000)
            except StoreDown:
                rows = []
            self.seen += [(row["seq"], row["id"]) for row in rows]
            if not rows:
                await asyncio.sleep(0.01)


async def run(run: Run) -> list[Row]:
    """Kill PostgreSQL again and again until as much was acknowledged as must be."""
    row, told, stop = run.row(), Told(), asyncio.Event()
    kills, wanted = run.least["kills"], run.least["acknowledged"]
    async with run.database("faults_postgres") as database:
        bases = [database] + [
            await Database.open(run.postgres.url("faults_postgres")) for _ in range(COMMITTERS)
        ]
        stores = [EventStore(base) for base in bases]
        follower = Follower(stores[0])
        running = [asyncio.create_task(store.run()) for store in stores[1:]]
        running.append(asyncio.create_task(follower.read()))
        writing = [
            asyncio.create_task(
                Writer(i * LANES + lane, run.seed, stores[1 + i % COMMITTERS], told).write(stop)
            )
            for i in range(WRITERS)
            for lane in range(LANES)
        ]
        try:
            for kill in range(kills):
                aim = len(told.acknowledged) + max(1, int(wanted / kills * run.dice.uniform(0.4, 1.0)))
                await until(told, aim, writing, run.patience)
                if kill % 2:
                    await _hold_answers(run)
                await _kill(run, told, row)
            await until(told, wanted, writing, run.patience)
            stop.set()
            await asyncio.gather(*writing)
            await stands_still(lambda: _at(follower), (await stores[0].position())[1], run.patience)
        finally:
            for task in (*writing, *running):
                task.cancel()
            await asyncio.gather(*writing, *running, return_exceptions=True)
            for base in bases[1:]:
                await base.close()
    row.commands, row.acknowledged, row.unknown = told.commands, len(told.acknowledged), told.unknown
    row.reached = {"kills": row.faults, "acknowledged": row.acknowledged}
    row.found = await check(run.postgres, told, follower.seen)
    return [row]


async def _hold_answers(run: Run) -> None:
    """Let commits become durable and not be answered: they wait for a standby that there is not."""
    connection = await asyncpg.connect(run.postgres.url("postgres"))
    try:
        await connection.execute("alter system set synchronous_standby_names = 'nobody'")
        await connection.execute("select pg_reload_conf()")
        waits = "select exists (select from pg_stat_activity where wait_event = 'SyncRep')"
        if not await stands_still(lambda: connection.fetchval(waits), wanted=True, patience=run.patience):
            message = "no commit waits for its answer"
            raise Stuck(message)
        # For the next start: those that wait now go on waiting.
        await connection.execute("alter system reset synchronous_standby_names")
    finally:
        await connection.close()


async def _kill(run: Run, told: Told, row: Row) -> None:
    fell = time.monotonic()
    await asyncio.to_thread(run.postgres.kill)
    await asyncio.sleep(run.dice.random() / 10)
    await asyncio.to_thread(run.postgres.start)
    stood = time.monotonic()
    while told.last < stood:
        await asyncio.sleep(0.01)
    row.faults += 1
    row.recoveries.append(told.last - fell)


async def _at(follower: Follower) -> int:
    return follower.seen[-1][0] if follower.seen else 0


async def until(told: Told, aim: int, writing: list[asyncio.Task[None]], patience: float) -> None:
    """Wait until so much was acknowledged; raises Stuck where nothing is for `patience` seconds."""
    began = time.monotonic()
    while len(told.acknowledged) < aim:
        for task in writing:
            if task.done():
                task.result()
        if time.monotonic() - max(told.last, began) > patience:
            message = "nobody gets an answer any more"
            raise Stuck(message)
        await asyncio.sleep(0.01)


async def check(postgres: Postgres, told: Told, seen: list[tuple[int, UUID]] | None) -> Found:
    """Read the rows as an auditor would and compare them with what was answered."""
    connection = await asyncpg.connect(postgres.url("faults_postgres"))
    rows = await connection.fetch("select seq, id, stream, version, envelope, leaf from event order by seq")
    keys = {bytes(r["key"]).decode(): r["first_seq"] for r in await connection.fetch("table command")}
    head = await connection.fetchval("select head from store")
    await connection.close()
    found = Found() if seen is None else compare([(r["seq"], r["id"]) for r in rows], seen, "follower")
    if [r["seq"] for r in rows] != list(range(1, head + 1)):
        found.lost.append(f"seq is not dense up to {head}")
    by_key: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    versions: dict[UUID, int] = defaultdict(int)
    for row in rows:
        said: dict[str, Any] = msgspec.json.decode(row["envelope"])
        by_key[said["key"]].append((row["seq"], said["place"], said["try"]))
        versions[row["stream"]] += 1
        if row["version"] != versions[row["stream"]]:
            found.misordered.append(f"stream {row['stream']} at {row['seq']}")
        if row["leaf"] != leaf_hash(row["envelope"]):
            found.lost.append(f"leaf of {row['seq']}")
        if said["try"] in told.unsent:
            found.doubled.append(f"{said['try']} was told that nothing was sent")
    for key, (count, first) in told.acknowledged.items():
        here = by_key.pop(key, [])
        if [(first + i, i + 1) for i in range(count)] != [(seq, place) for seq, place, _ in here[:count]]:
            found.lost.append(f"{key} at {first}")
        if len(here) > count or len({name for _, _, name in here}) > 1:
            found.doubled.append(key)
        if keys.get(key) != first:
            found.lost.append(f"key {key}")
    found.doubled += [f"{key} was refused" for key in by_key if key in told.refused]
    found.doubled += [f"{key} was never answered" for key in by_key if key not in told.refused]
    return found
