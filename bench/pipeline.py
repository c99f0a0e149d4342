"""From a store to Kafka and on to rows: relay, a view of open fields, the router, the child page and its search tokens.

One broker and one PostgreSQL cluster, durable as in use (`acks=all`, idempotent, synchronous commits). Each consumer runs in
a process of its own, timed from its first record to its last commit; beside each rate stands its processor time for one
record, which a busy machine changes little. The ceilings of reading are Kafka's own ConsumerPerformance, where its jar can be
had (its virtual machine warms up within the run: at small sizes it is none), and a bare aiokafka consumer.
"""

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL

from bench import consumer_performance, made
from bench.job import PASSPHRASE, Job, Ran, run_jobs
from bench.measuring import Row, Sample, row_of
from bench.places import create, library_environment, postgres
from bench.store import REGION, Child
from infra.databases import grants, migrations, prepare, urls
from infra.kafka import Kafka, create_topics
from infra.postgres import Postgres
from services.agency.versions import Versions
from services.kernel.bus.kafka import KafkaBus, _headers
from services.kernel.bus.log import StoreLog
from services.kernel.bus.port import FEED, TOPICS, Bus, Record, topic_of
from services.kernel.bus.relay import Relay
from services.kernel.database import Database, migrate
from services.kernel.keys.ciphers import AesGcm
from services.kernel.keys.ring import KeyRing
from services.kernel.store import PARTITIONS, EventStore
from services.kernel.world import RealWorld
from services.kernel.writing.recording import Recorder
from services.registry.founding import found
from shouwang.embedded import DEMO_COUNTY

SEND_BATCH = "aiokafka, send_batch of the same records from memory"
FAUST = "Faust agent, the same rows in batches of 2,000"
RUNNER = "eventsourcing, ProjectionRunner on PostgreSQL"
GETMANY = "aiokafka, getmany alone"
_SECRET = "bench"  # noqa: S105 - roles of a cluster that is gone after the run


@dataclass(frozen=True)
class Size:
    """How much is done: rounds, children of the log that is relayed, of the chain to the pages, of the library."""

    rounds: int
    logged: int
    chained: int
    library: int


QUICK, FULL = Size(2, 2_000, 300, 300), Size(5, 30_000, 3_000, 2_000)


@dataclass
class Place:
    """The cluster, the broker, and a ring of keys."""

    cluster: Postgres
    kafka: Kafka
    folder: Path
    ring: KeyRing

    def job(self, kind: str, service: str, **how: Any) -> Job:
        """Return a job on a service's database."""
        roles = urls(service, self.cluster.url, _SECRET)
        ring = str(self.folder / "keys.sqlite")
        return Job(kind, roles.get("projector", roles["app"]), self.kafka.bootstrap, ring, **how)

    async def open(self, service: str) -> Database:
        """Bring a service's database up to date and open it."""
        roles = urls(service, self.cluster.url, _SECRET)
        await migrate(roles["owner"], migrations(service), grants(service))
        return await Database.open(roles["app"])


@asynccontextmanager
async def place() -> AsyncIterator[Place]:
    """Give a cluster with the platform's databases and roles, a broker with its topics, and a ring of keys."""
    async with AsyncExitStack() as stack:
        cluster, folder = await stack.enter_async_context(postgres())
        kafka = Kafka(folder / "kafka")
        await asyncio.to_thread(kafka.start)
        stack.push_async_callback(asyncio.to_thread, kafka.stop)
        await prepare(cluster.url("postgres"), _SECRET)
        await create_topics(kafka.bootstrap, TOPICS)
        ring = KeyRing(folder / "keys.sqlite", PASSPHRASE, RealWorld())
        stack.callback(ring.close)
        yield Place(cluster, kafka, folder, ring)


@dataclass
class Log:
    """An event store with so many events, and who relays it."""

    database: Database
    store: EventStore

    @classmethod
    @asynccontextmanager
    async def of(cls, at: Place, service: str, children: int) -> AsyncIterator["Log"]:
        """Fill the store of a service with so many children, two events each; the registry's with a county too."""
        database = await at.open(service)
        world = RealWorld()
        recorder = Recorder("registry", at.ring, AesGcm(world), world)
        store = EventStore(database)
        committing = asyncio.create_task(store.run())
        if service == "registry":
            await found(DEMO_COUNTY, store, recorder, world)
        await made.fill(store, recorder, children)
        try:
            yield cls(database, store)
        finally:
            committing.cancel()
            await database.close()

    async def relay(self, source: str, bus: Bus) -> Sample:
        """Publish all of it as `source`; what counts is delivered."""
        _, head = await self.store.position()
        counting, log = _Counting(bus, head), _Timed(self.store)
        relaying = asyncio.create_task(Relay(source, self.database, log, counting).run())
        await counting.reached.wait()
        seconds = time.perf_counter() - log.begun
        relaying.cancel()
        await asyncio.gather(relaying, return_exceptions=True)
        return Sample(head, seconds)

    async def heads(self) -> dict[int, int]:
        """Return the last seq of each partition of children."""
        return {p: seq for p, seq in (await self.store.heads()).items() if p < PARTITIONS}

    async def events(self) -> int:
        """How many events of children there are."""
        rows = await self.database.fetch("select count(*) from event where partition < $1", PARTITIONS)
        return int(rows[0][0])


class _Timed(StoreLog):
    """A log that knows when it was first read: then the relay has found bus and place."""

    def __init__(self, store: EventStore) -> None:
        super().__init__(store)
        self.begun = 0.0

    async def before(self, seq: int) -> Mapping[int, int]:
        self.begun = self.begun or time.perf_counter()
        return await super().before(seq)


class _Counting:
    """A bus that says when so many records were delivered."""

    def __init__(self, bus: Bus, wanted: int) -> None:
        self._bus = bus
        self._left = wanted
        self.reached = asyncio.Event()
        self.identity = bus.identity
        self.close = bus.close
        self.lend = bus.lend
        self.subscribe = bus.subscribe

    async def publish(self, source: str, records: Sequence[Record]) -> None:
        await self._bus.publish(source, records)
        self._left -= len(records)
        if self._left <= 0:
            self.reached.set()


# --- The suite
async def measure(*, quick: bool) -> AsyncIterator[Row]:
    """Measure all of it."""
    size = QUICK if quick else FULL
    async with place() as at:
        await create_topics(
            at.kafka.bootstrap,
            {
                topic_of(f"{whose}-{i}"): PARTITIONS
                for whose in ("relayed", "sent")
                for i in range(size.rounds)
            },
        )
        # The store of `reporting` stands in for a long log: nothing else of that service is used.
        async with Log.of(at, "reporting", size.logged) as log:
            yield await _relayed(at, log, size)
            yield await _open_view(at, log, size)
        async with Log.of(at, "registry", size.chained) as log:
            bus = KafkaBus(at.kafka.bootstrap)
            await log.relay("registry", bus)
            await bus.close()
            yield await _routed(at, log)
        async for row in _pages(at, size):
            yield row


async def _relayed(at: Place, log: Log, size: Size) -> Row:
    bus = KafkaBus(at.kafka.bootstrap)
    rows = await log.store.after(0, 1 << 30)
    records = [
        (r["partition"], r["orderkey"].encode(), r["envelope"], _headers(_record(r)))
        for r in rows
        if r["partition"] < PARTITIONS
    ]
    mine, theirs, spent = [], [], []
    for i in range(size.rounds):
        begun = time.process_time()
        mine.append(await log.relay(f"relayed-{i}", bus))
        spent.append((time.process_time() - begun) / mine[-1].done * 1_000_000)
        theirs.append(await _sent(at.kafka.bootstrap, topic_of(f"sent-{i}"), records))
    await bus.close()
    return row_of(
        "relay, store to Kafka delivered, five blocks and one by turns", "events/s", mine, peer=SEND_BATCH,
        theirs=theirs, at_least=40_000, times=0.6, beside={"processor µs an event": round(statistics.median(spent), 1)},
    )  # fmt: skip


def _record(row: Any) -> Record:
    return Record(
        "relayed", row["partition"], row["seq"], row["seq"] - 1, UUID(int=1), row["orderkey"], row["envelope"],
        row["blocks"],
    )  # fmt: skip


async def _sent(bootstrap: str, topic: str, records: Sequence[tuple[int, bytes, bytes, Any]]) -> Sample:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, acks="all", max_batch_size=1 << 20,
        max_request_size=4 << 20,
    )  # fmt: skip
    await producer.start()
    try:
        by_partition: dict[int, list[tuple[bytes, bytes, Any]]] = {}
        for partition, *record in records:
            by_partition.setdefault(partition, []).append((record[0], record[1], record[2]))
        await producer.partitions_for(topic)
        begin = time.perf_counter()
        await asyncio.gather(*(_send(producer, topic, p, told) for p, told in by_partition.items()))
        return Sample(len(records), time.perf_counter() - begin)
    finally:
        await producer.stop()


async def _send(producer: Any, topic: str, partition: int, told: Sequence[tuple[bytes, bytes, Any]]) -> None:
    reports, place_ = [], 0
    while place_ < len(told):
        batch = producer.create_batch()
        while place_ < len(told):
            key, value, headers = told[place_]
            if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
                break
            place_ += 1
        batch.close()
        reports.append(await producer.send_batch(batch, topic, partition=partition))
    await asyncio.gather(*reports)


async def _open_view(at: Place, log: Log, size: Size) -> Row:
    heads, events = await log.heads(), await log.events()
    library = Library(await create(at.cluster, "library"), size.library)
    mine: list[Ran] = []
    faust: list[Ran] = []
    reading, runner = [], []
    performance: list[float] = []
    owner = await Database.open(at.cluster.url("reporting"))
    for i in range(size.rounds):
        await owner.fetch("truncate residence")
        name = f"bench.open-{i}"
        done = _reached(log.database, name, "relayed-0", heads)
        mine.append(
            await run_jobs([at.job("open", "reporting", name=name, source="relayed-0")], events, done)
        )
        await owner.fetch("truncate residence")
        job = at.job("faust", "reporting", name=f"bench-faust-{uuid4()}", source="relayed-0")
        faust.append(await run_jobs([job], events, _rows(owner, "residence", size.logged)))
        reading.append(await _read(at.kafka.bootstrap, topic_of("relayed-0"), events))
        runner.append(await asyncio.to_thread(library.project))
        with contextlib.suppress(consumer_performance.Absent):
            performance.append(
                await consumer_performance.read(at.kafka.bootstrap, topic_of("relayed-0"), events)
            )
    await owner.close()
    library.close()
    return _open_row(mine, faust, reading, runner, performance)


def _open_row(
    mine: Sequence[Ran],
    faust: Sequence[Ran],
    reading: Sequence[Sample],
    runner: Sequence[Sample],
    performance: Sequence[float],
) -> Row:
    rates = [r.sample.rate for r in mine]
    against = {
        GETMANY: statistics.median(m / r.rate for m, r in zip(rates, reading, strict=True)),
        RUNNER: statistics.median(m / r.rate for m, r in zip(rates, runner, strict=True)),
    }
    kafkas, absent = {}, f" ({consumer_performance.NAME} is absent)"
    if performance:
        share = statistics.median(m / p for m, p in zip(rates, performance, strict=True))
        kafkas = {
            f"share of {consumer_performance.NAME}": round(share, 2),
            f"events/s of {consumer_performance.NAME}": round(statistics.median(performance), 1),
        }
        absent = ""
    row = row_of(
        f"rebuild of a view of open fields, Kafka to rows and checkpoint{absent}", "events/s", [r.sample for r in mine],
        peer=FAUST, theirs=[f.sample for f in faust], at_least=50_000, times=3,
        beside={
            "processor µs an event": micros(mine), f"processor µs an event, {FAUST}": micros(faust),
            f"× {RUNNER}": round(against[RUNNER], 1), f"events/s of {RUNNER}": _median(runner),
            f"share of {GETMANY}": round(against[GETMANY], 2), f"events/s of {GETMANY}": _median(reading),
            **kafkas,
        },
    )  # fmt: skip
    return with_bar(row, f"≥ 20 × {RUNNER}", holds=against[RUNNER] >= 20)


async def _routed(at: Place, log: Log) -> Row:
    database = await at.open("notification")
    feeding = await Database.open(at.cluster.url("notification"))
    heads, events = await log.heads(), await log.events()
    heard = _reached(database, "notification.router", "registry", heads)

    async def done() -> bool:
        # Grants come back by the bus: a child is done when they have.
        if not await heard():
            return False
        own = await database.fetch(
            "select partition, max(seq) as seq from event where partition < $1 group by partition", PARTITIONS
        )
        feed = await database.fetch(
            "select head = coalesce((select place from relay where source = 'feed'), 0) as whole from feed_head"
        )
        reached = _reached(
            database, "notification.router", "notification", {r["partition"]: r["seq"] for r in own}
        )
        return bool(own) and await reached() and feed[0]["whole"]

    ran = await run_jobs([at.job("router", "notification")], events, done)
    rows = (await feeding.fetch("select head from feed_head"))[0]["head"]
    own = (await feeding.fetch("select head from store"))[0]["head"]
    kept = (await feeding.fetch("select pg_database_size('notification')"))[0][0]
    await feeding.close()
    await database.close()
    return row_of(
        "router: event to grants to feed rows", "events/s in", [ran.sample], at_least=15_000,
        beside={
            "feed rows an event": round(rows / events, 2), "own events an event": round(own / events, 2),
            "processor µs an event in": round(ran.micros, 1), "feed rows/s": round(rows / ran.sample.seconds, 1),
            "bytes of notification's database an event in": round(kept / events),
            "bytes of Kafka's topics an event in": round(await _topics(at.kafka) / events),
        },
    )  # fmt: skip


async def _topics(kafka: Kafka) -> int:
    """Return what is in the segments of the topics on the way to the pages: their files are longer than that."""
    wanted = tuple(topic_of(name) for name in ("registry", "notification", FEED))

    def size() -> int:
        segments = (f for f in kafka.folder.glob("data/*/*.log") if f.parent.name.startswith(wanted))
        return sum(f.stat().st_size for f in segments)

    return await asyncio.to_thread(size)


async def _pages(at: Place, size: Size) -> AsyncIterator[Row]:
    database = await at.open("agency")
    notification = await at.open("notification")
    heads = {
        r["partition"]: r["seq"]
        for r in await notification.fetch("select partition, max(seq) as seq from feed group by partition")
    }
    told = int((await notification.fetch("select head from feed_head"))[0]["head"])
    await notification.close()
    roles = urls("agency", at.cluster.url, _SECRET)
    versions = Versions(roles["owner"], roles["projector"], grants("agency"))
    await versions.ensure()

    async def rebuilt(kind: str, processes: int) -> Ran:
        n = await versions.build()
        jobs = [at.job(kind, "agency", version=n, instance=str(i)) for i in range(processes)]
        ran = await run_jobs(jobs, told, _reached(database, f"agency.pages.{n}", FEED, heads))
        ran.bytes = (
            await database.fetch(
                "select sum(pg_total_relation_size(c.oid)) from pg_class c join pg_namespace s on s.oid = relnamespace"
                " where nspname = $1 and relkind = 'r'", f"pages_{n}",
            )
        )[0][0] / told  # fmt: skip
        await versions.drop(n)
        return ran

    for name, kind, bar in (
        ("rebuild of the child page, blocks kept closed (people erased: no tokens)", "page-closed", 30_000),
        ("rebuild of the child page with its search tokens, opened", "page", 12_000),
    ):
        one, two = [], []
        for _ in range(min(size.rounds, 3)):
            one.append(await rebuilt(kind, 1))
            two.append(await rebuilt(kind, 2))
        gain = statistics.median(t.sample.rate / o.sample.rate for o, t in zip(one, two, strict=True))
        row = row_of(
            name, "feed rows/s", [o.sample for o in one], at_least=bar,
            beside={
                "processor µs a feed row": micros(one), "feed rows/s, two processes": _median([t.sample for t in two]),
                "× with two processes": round(gain, 2), "bytes a feed row": round(one[0].bytes),
            },
        )  # fmt: skip
        yield with_bar(row, "≥ 1.7 × with two processes", holds=gain >= 1.7)
    await database.close()


def with_bar(row: Row, bar: str, *, holds: bool) -> Row:
    """Add a bar to a row."""
    return replace(row, bar=f"{row.bar}; {bar}" if row.bar else bar, holds=holds and row.holds is not False)


def micros(ran: Sequence[Ran]) -> float:
    """Return the median of processor time for one record, in microseconds."""
    return round(statistics.median(r.micros for r in ran), 1)


def _median(samples: Sequence[Sample]) -> float:
    return round(statistics.median(s.rate for s in samples), 1)


def _reached(
    database: Database, consumer: str, source: str, heads: dict[int, int]
) -> Callable[[], Awaitable[bool]]:
    async def reached() -> bool:
        rows = await database.fetch(
            "select partition, seq from checkpoint where consumer = $1 and source = $2", consumer, source
        )
        return {r["partition"]: r["seq"] for r in rows} == heads

    return reached


def _rows(database: Database, table: str, count: int) -> Callable[[], Awaitable[bool]]:
    async def there() -> bool:
        return bool((await database.fetch(f"select count(*) from {table}"))[0][0] == count)

    return there


async def _read(bootstrap: str, topic: str, count: int) -> Sample:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 << 20,
    )  # fmt: skip
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, p) for p in range(PARTITIONS)])
        begin, read = time.perf_counter(), 0
        while read < count:
            read += sum(len(m) for m in (await consumer.getmany(timeout_ms=1_000)).values())
        return Sample(read, time.perf_counter() - begin)
    finally:
        await consumer.stop()


# --- The library
class _View(PostgresTrackingRecorder):
    """A row a child, with the place that made it."""

    def __init__(self, datastore: PostgresDatastore, **kwargs: Any) -> None:
        super().__init__(datastore, **kwargs)
        self.sql_create_statements.append(
            SQL(
                "create table if not exists residence (child uuid primary key, region text not null)"
            ).format()
        )

    def keep(self, child: UUID, region: str, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as rows:
            rows.execute(
                "insert into residence values (%s, %s) on conflict (child) do update set region = excluded.region",
                (child, region),
            )
            self._insert_tracking(rows, tracking)


class _Residences(Projection[_View]):
    """Keeps where each child is on file."""

    name = ""

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Keep the row of a registration."""
        self.view.keep(domain_event.originator_id, domain_event.region, tracking)


class Library:
    """The library's application with so many aggregates, projected anew each time."""

    def __init__(self, url: str, count: int) -> None:
        """Fill its store."""
        self._environment = library_environment(url, 10)
        self._count = count
        self._turns = 0
        self._app: Application[UUID] = Application(env=self._environment)
        for _ in range(count):
            self._app.save(Child(region=REGION, name="张小禾", residence="上塘村3组", schooling="primary"))

    def project(self) -> Sample:
        """Project the whole log into a table of its own."""
        self._turns += 1
        name = f"residences{self._turns}"
        projection = type(name, (_Residences,), {"name": name})
        begin = time.perf_counter()
        with ProjectionRunner(
            application_class=Application,
            projection_class=projection,
            view_class=_View,
            env=self._environment,
        ) as runner:
            runner.wait(self._count, timeout=600)
        return Sample(self._count, time.perf_counter() - begin)

    def close(self) -> None:
        """Disconnect."""
        self._app.close()
