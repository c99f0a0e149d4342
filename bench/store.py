"""The store beside the `eventsourcing` library's on the same cluster, and beside a bare group commit of the same bytes.

Ours seals three blocks, keeps an idempotency key and hashes each event for the audit log; the library seals and keeps
nothing of the kind. One process on each side: tasks with us, threads with the library.
"""

import asyncio
import statistics
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from bench.measuring import Row, Sample, Work, row_of, threads, writers
from bench.places import create, library_environment, postgres, tools
from infra.postgres import Postgres
from schemas.event import Event
from schemas.registry import LedgerEntryReopened, LedgerEntryUpdated, Schooling
from services.kernel.service import Tools, recorder_of
from services.kernel.store import Append, EventStore, NewEvent, Stored
from services.kernel.writing.recording import Circumstances, Planned, Recorder

LIBRARY = "eventsourcing, default PostgreSQL recorder"
BARE = "asyncpg, group commit of the same bytes"
REGION = "990101001001"
_FACTS = {"name": "张小禾", "residence": "上塘村3组", "schooling": "primary"}
_LONG = 10
_BULK = 1_000
_PAGE = 5_000


# --- The peer
class Child(Aggregate):
    """What the library is given to keep: the same facts."""

    @event("Registered")
    def __init__(self, region: str, name: str, residence: str, schooling: str) -> None:
        """Register."""
        self.region, self.name, self.residence, self.schooling = region, name, residence, schooling

    @event("Updated")
    def update(self, residence: str, name: str, schooling: str) -> None:
        """Change the same facts."""
        self.residence, self.name, self.schooling = residence, name, schooling


class Library:
    """The library's application on a database of its own."""

    def __init__(self, url: str) -> None:
        """Connect."""
        self.app: Application[UUID] = Application(env=library_environment(url, 20))

    def new(self) -> Callable[[], Any]:
        """Append one event to a new aggregate, again and again."""
        return lambda: self.app.save(Child(region=REGION, **_FACTS))

    def changing(self, children: list[UUID]) -> Callable[[], Any]:
        """Load, decide and append, one child after the other."""
        turn = cycle(children)

        def change() -> None:
            child: Child = self.app.repository.get(next(turn))
            child.update(**_FACTS | {"residence": str(child.version)})
            self.app.save(child)

        return change

    def bulk(self) -> Callable[[], Any]:
        """Append a thousand events to a new aggregate with each save."""

        def save() -> None:
            child = Child(region=REGION, **_FACTS)
            for n in range(_BULK - 1):
                child.update(**_FACTS | {"residence": str(n)})
            self.app.save(child)

        return save

    def read_all(self) -> int:
        """Read the whole log, decoded to the library's events."""
        read, after = 0, 1
        while some := self.app.recorder.select_notifications(start=after, limit=_PAGE):
            for each in some:
                self.app.mapper.to_domain_event(each)
            read, after = read + len(some), some[-1].id + 1
        return read

    def loading(self, children: list[UUID]) -> Callable[[], Any]:
        """Read one stream after the other."""
        turn = cycle(children)
        return lambda: list(self.app.events.get(next(turn)))

    def long(self, count: int) -> list[UUID]:
        """Make aggregates of ten events."""
        made = []
        for _ in range(count):
            child = Child(region=REGION, **_FACTS)
            for n in range(_LONG - 1):
                child.update(**_FACTS | {"residence": str(n)})
            self.app.save(child)
            made.append(child.id)
        return made


# --- Ours
def sealed_event(child: UUID, place: str = "上塘村3组") -> Event:
    """An event of three sealed blocks."""
    return LedgerEntryUpdated(
        child=child, region=REGION, name="张小禾", residence=place, schooling=Schooling.PRIMARY
    )


def open_event(child: UUID) -> Event:
    """An event without a block."""
    return LedgerEntryReopened(child=child, region=REGION)


@dataclass
class Ours:
    """Our store on a database of its own."""

    tools: Tools
    recorder: Recorder
    store: EventStore
    children: list[UUID] = field(default_factory=list)
    kept: list[NewEvent] = field(default_factory=list)
    """The last events appended: what the bare group commit writes again."""

    async def know(self, count: int) -> None:
        """Make the keys of so many children: the events of new streams are about them."""
        self.children = [uuid4() for _ in range(count)]
        await self.recorder.keys(self._planned(sealed_event(c), c, 1) for c in self.children)

    def new(self, make: Callable[[UUID], Event], *, keyed: bool, known: bool = True) -> Work:
        """Append one event to a new stream, again and again: about a known child, or one whose keys are made."""
        turn = cycle(self.children)

        async def append() -> None:
            child = next(turn) if known else uuid4()
            events = await self.recorder.record([self._planned(make(child), uuid4(), 1)], self._told())
            key = uuid4().bytes if keyed else None
            outcome = await self.store.append(Append(events, key, b"", b"answer"))
            assert outcome.kind == "appended"  # noqa: S101
            self.kept[:] = events

        return append

    def changing(self, children: list[UUID]) -> Work:
        """Load, open, decide and append, one child after the other."""
        turn = cycle(children)

        async def change() -> None:
            child = next(turn)
            history = self.recorder.read(await self.store.read([child]))
            event = sealed_event(child, str(len(history)))
            events = await self.recorder.record([self._planned(event, child, len(history) + 1)], self._told())
            outcome = await self.store.append(Append(events, uuid4().bytes, b"", b"answer"))
            assert outcome.kind == "appended"  # noqa: S101

        return change

    def bulk(self, make: Callable[[UUID], Event]) -> Work:
        """Append a thousand events, each to a new stream, with keys of many made at once."""

        async def append() -> None:
            planned = [self._planned(make(child := uuid4()), child, 1) for _ in range(_BULK)]
            keys = await self.recorder.keys(planned)
            told = self._told()
            await asyncio.gather(
                *(self.store.append(Append(self.recorder.seal([p], told, keys))) for p in planned)
            )

        return append

    async def read_all(self) -> int:
        """Read the whole log, opened and typed."""
        read, after = 0, 0
        while rows := await self.store.database.fetch(
            "select seq, stream, version, envelope, blocks from event where seq > $1 order by seq limit $2",
            after, _PAGE,
        ):  # fmt: skip
            self.recorder.read([Stored(*row) for row in rows])
            read, after = read + len(rows), rows[-1]["seq"]
        return read

    def loading(self, children: list[UUID]) -> Work:
        """Read one stream after the other."""
        turn = cycle(children)

        async def load() -> None:
            read = self.recorder.read(await self.store.read([next(turn)]))
            assert len(read) == _LONG  # noqa: S101

        return load

    async def long(self, count: int) -> list[UUID]:
        """Make streams of ten events."""
        made = [uuid4() for _ in range(count)]
        for start in range(0, count, 100):
            planned = [
                [self._planned(sealed_event(child, str(v)), child, v + 1) for v in range(_LONG)]
                for child in made[start : start + 100]
            ]
            keys = await self.recorder.keys(p for each in planned for p in each)
            await asyncio.gather(
                *(self.store.append(Append(self.recorder.seal(each, self._told(), keys))) for each in planned)
            )
        return made

    def _planned(self, event: Event, stream: UUID, version: int) -> Planned:
        return Planned(event, stream, version, self.tools.world.new_id())

    def _told(self) -> Circumstances:
        return Circumstances(actor="bench", purpose="bench", correlation=self.tools.world.new_id())


class Bare:
    """A group commit that does nothing but write the same bytes: the ceiling."""

    def __init__(self, connection: Any) -> None:
        """Write over one connection, as our committer does."""
        self._connection = connection
        self._waiting: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._seq = 0

    async def run(self, of: NewEvent) -> None:
        """Commit what waits, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while waiting := self._waiting:
                self._waiting = []
                count = len(waiting)
                await self._connection.execute(
                    "insert into bare select * from unnest($1::bigint[], $2::uuid[], $3::bytea[], $4::bytea[])",
                    range(self._seq, self._seq + count), [uuid4() for _ in waiting], [of.envelope] * count,
                    [of.blocks] * count,
                )  # fmt: skip
                self._seq += count
                for each in waiting:
                    each.set_result(None)

    def new(self) -> Work:
        """Write one event, again and again."""

        async def append() -> None:
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(done)
            self._wake.set()
            await done

        return append


@asynccontextmanager
async def sides(cluster: Postgres, folder: Path) -> AsyncIterator[tuple[Ours, Library, Bare]]:
    """Give the three side by side on one cluster."""
    library = Library(await create(cluster, "library"))
    connection = await asyncpg.connect(await create(cluster, "bare"))
    await connection.execute(
        "create table bare (seq bigint primary key, id uuid, envelope bytea, blocks bytea)"
    )
    async with tools(cluster, folder, "registry") as given:
        store = EventStore(given.database)
        committing = asyncio.create_task(store.run())
        try:
            yield Ours(given, recorder_of("registry", given), store), library, Bare(connection)
        finally:
            committing.cancel()
            library.app.close()
            await connection.close()


async def measure(*, quick: bool) -> AsyncIterator[Row]:
    """Measure all of it."""
    rounds, seconds = (2, 0.7) if quick else (5, 2.0)
    async with postgres() as (cluster, folder), sides(cluster, folder) as (ours, library, bare):
        async for row in _appends(ours, library, bare, rounds, seconds):
            yield row
        yield await _changes(ours, library, rounds, seconds)
        async for row in _bulks(ours, library, rounds, seconds):
            yield row
        async for row in _reads(ours, library, rounds, seconds):
            yield row


async def _appends(
    ours: Ours, library: Library, bare: Bare, rounds: int, seconds: float
) -> AsyncIterator[Row]:
    await ours.know(1_000)
    for count, times, sealed, known in (
        (16, 12.0, True, True), (8, 8.0, True, True), (1, 1.5, True, True), (16, None, True, False),
        (16, 18.0, False, True),
    ):  # fmt: skip
        make = sealed_event if sealed else open_event
        mine: list[Sample] = []
        theirs: list[Sample] = []
        ceiling: list[Sample] = []
        for _ in range(rounds):
            mine.append(await writers([ours.new(make, keyed=sealed, known=known)] * count, seconds))
            theirs.append(await threads([library.new()] * count, seconds))
            committing = asyncio.create_task(bare.run(ours.kept[0]))
            ceiling.append(await writers([bare.new()] * count, seconds))
            committing.cancel()
        share = statistics.median(m.rate / c.rate for m, c in zip(mine, ceiling, strict=True))
        what = "three sealed blocks, idempotency key" if sealed else "no block, no key"
        whose = "" if known else ", a new child whose keys are made"
        yield row_of(
            f"append, {count} writers, {what}{whose}", "events/s", mine, peer=LIBRARY, theirs=theirs, times=times,
            beside={f"share of {BARE}": round(share, 2)},
        )  # fmt: skip


async def _changes(ours: Ours, library: Library, rounds: int, seconds: float) -> Row:
    mine, theirs = [], []
    for _ in range(rounds):
        # So many that a stream is changed once in a turn, or twice.
        children, peers = await ours.long(int(4_000 * seconds)), library.long(int(800 * seconds))
        mine.append(await writers([ours.changing(children[i::8]) for i in range(8)], seconds))
        theirs.append(await threads([library.changing(peers[i::8]) for i in range(8)], seconds))
    name = "load ten events, decide, append, 8 writers"
    return row_of(name, "commands/s", mine, peer=LIBRARY, theirs=theirs, times=6)


async def _bulks(ours: Ours, library: Library, rounds: int, seconds: float) -> AsyncIterator[Row]:
    for what, make, times in (("no block", open_event, 5.0), ("three sealed blocks", sealed_event, 1.5)):
        mine, theirs = [], []
        for _ in range(rounds):
            mine.append(_events(await writers([ours.bulk(make)], seconds)))
            theirs.append(_events(await threads([library.bulk()], seconds)))
        name = f"bulk append, a thousand at a time, {what}"
        yield row_of(name, "events/s", mine, peer=LIBRARY, theirs=theirs, times=times)


async def _reads(ours: Ours, library: Library, rounds: int, seconds: float) -> AsyncIterator[Row]:
    whole: tuple[list[Sample], list[Sample]] = [], []
    streams: tuple[list[Sample], list[Sample]] = [], []
    children, peers = await ours.long(300), library.long(300)
    loop = asyncio.get_running_loop()
    for _ in range(min(rounds, 3)):
        begin = loop.time()
        read = await ours.read_all()
        whole[0].append(Sample(read, loop.time() - begin))
        begin = loop.time()
        read = await asyncio.to_thread(library.read_all)
        whole[1].append(Sample(read, loop.time() - begin))
    yield row_of("read the whole log, typed", "events/s", whole[0], peer=LIBRARY, theirs=whole[1], times=4)
    for _ in range(rounds):
        streams[0].append(await writers([ours.loading(children[i::8]) for i in range(8)], seconds))
        streams[1].append(await threads([library.loading(peers[i::8]) for i in range(8)], seconds))
    yield row_of(
        "load a stream of ten, 8 readers", "streams/s", streams[0], peer=LIBRARY, theirs=streams[1], times=5
    )


def _events(sample: Sample) -> Sample:
    return Sample(sample.done * _BULK, sample.seconds)
