"""One exam for every bus: the embedded one, the embedded one with faults, and real Kafka."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import NamedTuple
from uuid import uuid4

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer

from infra.kafka import Kafka, create_topics
from services.kernel.bus import embedded as bus_embedded
from services.kernel.bus import kafka as bus_kafka
from services.kernel.bus.embedded import Chaos, EmbeddedBus
from services.kernel.bus.kafka import KafkaBus
from services.kernel.bus.log import StoreLog
from services.kernel.bus.port import Bus, Record, topic_of
from services.kernel.bus.relay import Relay
from services.kernel.database import Connection, Database
from services.kernel.hearing.projection import Consumer
from services.kernel.store import PARTITIONS, Append, EventStore, append_in, partition_of
from tests.conftest import NewDatabase
from tests.helpers import new_event

CHAOS = Chaos(seed=11, duplicates=0.3, window=20, lag=0.2)


class Exam(NamedTuple):
    """What is examined, and under which name it publishes."""

    bus: Bus
    source: str


@pytest_asyncio.fixture(
    params=["embedded", "faulty", pytest.param("kafka", marks=pytest.mark.slow)], loop_scope="session"
)
async def exam(request: pytest.FixtureRequest) -> AsyncIterator[Exam]:
    """A bus and a source of this test's own: on a broker that tests share, nobody else's records are there."""
    source = f"exam-{uuid4()}"
    if request.param == "kafka":
        server: Kafka = request.getfixturevalue("kafka")
        await create_topics(server.bootstrap, {topic_of(source): PARTITIONS})
        made: Bus = KafkaBus(server.bootstrap)
    else:
        made = EmbeddedBus(CHAOS if request.param == "faulty" else None)
    yield Exam(made, source)
    await made.close()


class Rows:
    """A view that writes down what it was given, in its own transaction."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.fail: set[int] = set()

    async def fold(self, rows: Connection, records: Sequence[Record]) -> None:
        for record in records:
            if record.seq in self.fail:
                raise ValueError
            await rows.execute("insert into seen values ($1, $2)", record.key, record.seq)

    async def seen(self) -> list[tuple[str, int]]:
        return [
            (r["key"], r["seq"]) for r in await self.database.fetch("select key, seq from seen order by at")
        ]


async def rows_in(new_database: NewDatabase) -> Rows:
    database = await new_database()
    await database.fetch("create table seen (key text, seq bigint unique, at bigserial)")
    return Rows(database)


async def fill(store: EventStore, children: int, each: int) -> int:
    """Append events of several children, interleaved; returns how many."""
    streams = [uuid4() for _ in range(children)]
    for version in range(1, each + 1):
        async with store.database.transaction() as rows:
            await append_in(
                rows, [Append([new_event(s, version, value=b'{"version":%d}' % version)]) for s in streams]
            )
    store.grew.set()
    return children * each


async def reach(consumer: Consumer, store: EventStore) -> None:
    heads = await store.heads()
    async with asyncio.timeout(60):
        while any(consumer.places.get((s, p), 0) < q for s in consumer.sources for p, q in heads.items()):
            await asyncio.sleep(0.01)


def in_order_for_each(seen: list[tuple[str, int]]) -> bool:
    last: dict[str, int] = {}
    for key, seq in seen:
        if seq <= last.get(key, 0):
            return False
        last[key] = seq
    return True


async def cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.req("PLT-08")
async def test_every_event_arrives_once_and_in_order_for_each_child(
    exam: Exam, new_database: NewDatabase
) -> None:
    bus, source = exam
    store, view = EventStore(await new_database()), await rows_in(new_database)
    relay = asyncio.create_task(Relay(source, store.database, StoreLog(store), bus).run())
    consumer = Consumer(f"view-{uuid4()}", [source], view.database, bus, view.fold)
    reading = asyncio.create_task(consumer.run())
    count = await fill(store, 30, 20)
    await reach(consumer, store)
    seen = await view.seen()
    assert len(seen) == count
    assert in_order_for_each(seen)
    await cancel(relay, reading)


async def test_a_consumer_that_starts_again_goes_on_where_its_rows_are(new_database: NewDatabase) -> None:
    bus = EmbeddedBus(CHAOS)
    store, view = EventStore(await new_database()), await rows_in(new_database)
    relay = asyncio.create_task(Relay("registry", store.database, StoreLog(store), bus).run())
    for _ in range(3):
        consumer = Consumer("view", ["registry"], view.database, bus, view.fold)
        reading = asyncio.create_task(consumer.run())
        await fill(store, 10, 5)
        await reach(consumer, store)
        await cancel(reading)
    assert sorted(seq for _, seq in await view.seen()) == list(range(1, 151))
    await cancel(relay)


@pytest.mark.req("PLT-08")
async def test_of_two_that_move_one_checkpoint_one_alone_gets_as_far_as_its_rows(
    new_database: NewDatabase,
) -> None:
    store, view = EventStore(await new_database()), await rows_in(new_database)
    folded: list[int] = []

    async def fold(rows: Connection, records: Sequence[Record]) -> None:
        folded.extend(record.seq for record in records)
        await view.fold(rows, records)

    bus = EmbeddedBus()
    relay = Relay("registry", store.database, StoreLog(store), bus)
    # Each hears all, as a member does that doesn't know yet that its partitions are another's.
    members = [Consumer("view", ["registry"], view.database, bus, fold) for _ in range(2)]
    tasks = [asyncio.create_task(relay.run()), *(asyncio.create_task(member.run()) for member in members)]
    for _ in range(3):
        count = await fill(store, 20, 5)
        for member in members:
            await reach(member, store)
    assert sorted(folded) == list(range(1, 3 * count + 1))
    await cancel(*tasks)


async def test_a_wiped_bus_is_refilled_and_changes_nothing(new_database: NewDatabase) -> None:
    bus = EmbeddedBus()
    store, view = EventStore(await new_database()), await rows_in(new_database)
    relay = asyncio.create_task(Relay("registry", store.database, StoreLog(store), bus).run())
    consumer = Consumer("view", ["registry"], view.database, bus, view.fold)
    reading = asyncio.create_task(consumer.run())
    await fill(store, 10, 5)
    await reach(consumer, store)
    await bus.wipe()
    await fill(store, 10, 5)
    await reach(consumer, store)
    assert sorted(seq for _, seq in await view.seen()) == list(range(1, 101))
    await cancel(relay, reading)


@pytest.mark.req("PLT-08")
async def test_a_record_whose_transaction_the_server_ended_for_another_is_applied_later_and_not_set_aside(
    new_database: NewDatabase,
) -> None:
    store, view = EventStore(await new_database()), await rows_in(new_database)
    await view.database.fetch("create table held (which int primary key)")
    await view.database.fetch("insert into held values (1), (2)")
    crossing: list[asyncio.Task[None]] = []
    hold = "select from held where which = $1 for update"

    async def crosses(begun: asyncio.Event) -> None:
        async with view.database.transaction() as other:
            await other.fetch(hold, 2)
            begun.set()
            await other.fetch(hold, 1)

    async def fold(rows: Connection, records: Sequence[Record]) -> None:
        await rows.fetch(hold, 1)
        if not crossing:
            begun = asyncio.Event()
            crossing.append(asyncio.create_task(crosses(begun)))
            async with asyncio.timeout(30):
                await begun.wait()
                while not await view.database.fetch("select from pg_locks where not granted"):
                    await asyncio.sleep(0.01)
            await rows.execute("set local deadlock_timeout = '1ms'")  # it is this one that the server ends
            await rows.fetch(hold, 2)
        await view.fold(rows, records)

    bus = EmbeddedBus()
    relay = asyncio.create_task(Relay("registry", store.database, StoreLog(store), bus).run())
    consumer = Consumer("view", ["registry"], view.database, bus, fold)
    await fill(store, 1, 1)
    reading = asyncio.create_task(consumer.run())
    await reach(consumer, store)
    await crossing[0]
    assert (consumer.parked, [seq for _, seq in await view.seen()]) == (0, [1])
    await cancel(relay, reading)


@pytest.mark.req("PLT-08")
async def test_a_bad_record_steps_aside_with_all_later_ones_of_its_child_and_comes_back(
    new_database: NewDatabase,
) -> None:
    bus = EmbeddedBus()
    store, view = EventStore(await new_database()), await rows_in(new_database)
    relay = asyncio.create_task(Relay("registry", store.database, StoreLog(store), bus).run())
    view.fail = {7}
    consumer = Consumer("view", ["registry"], view.database, bus, view.fold)
    reading = asyncio.create_task(consumer.run())
    await fill(store, 5, 6)
    await reach(consumer, store)
    (bad,) = await store.database.fetch("select orderkey from event where seq = 7")
    parked = [r[0] for r in await view.database.fetch("select seq from parked order by seq")]
    later = [
        r[0]
        for r in await store.database.fetch(
            "select seq from event where orderkey = $1 and seq >= 7 order by seq", bad[0]
        )
    ]
    assert parked == later
    assert len(await view.seen()) == 30 - len(later)
    await cancel(reading)
    view.fail = set()
    consumer = Consumer("view", ["registry"], view.database, bus, view.fold)
    reading = asyncio.create_task(consumer.run())
    async with asyncio.timeout(10):
        while len(await view.seen()) < 30:
            await asyncio.sleep(0.01)
    assert in_order_for_each(await view.seen())
    assert not await view.database.fetch("select 1 from parked")
    await cancel(reading, relay)


async def test_an_event_waits_for_what_its_writer_had_seen(new_database: NewDatabase) -> None:
    bus = EmbeddedBus()
    registry, reporting, view = (
        EventStore(await new_database()),
        EventStore(await new_database()),
        await rows_in(new_database),
    )
    await view.database.fetch("alter table seen drop constraint seen_seq_key")
    child = uuid4()
    waits = b'{"id":"x","type":"x","source":"","subject":"","time":"","recordedat":"","actor":"","purpose":"","orderkey":"","correlationid":"","data":{},"after":"reporting:2"}'  # noqa: E501
    async with registry.database.transaction() as rows:
        await append_in(rows, [Append([new_event(child, 1, value=waits), new_event(child, 2)])])
    consumer = Consumer("view", ["registry", "reporting"], view.database, bus, view.fold)
    tasks = [
        asyncio.create_task(consumer.run()),
        asyncio.create_task(Relay("registry", registry.database, StoreLog(registry), bus).run()),
    ]
    async with asyncio.timeout(10):
        while consumer.parked < 2:
            await asyncio.sleep(0.01)
    assert await view.seen() == []
    async with reporting.database.transaction() as rows:
        await append_in(
            rows,
            [
                Append(
                    [
                        new_event(child, 1, event_id=uuid4(), key=str(child)),
                        new_event(child, 2, key=str(child)),
                    ]
                )
            ],
        )
    tasks.append(asyncio.create_task(Relay("reporting", reporting.database, StoreLog(reporting), bus).run()))
    async with asyncio.timeout(10):
        while len(await view.seen()) < 4:
            await asyncio.sleep(0.01)
    assert [seq for _, seq in await view.seen()] == [1, 2, 1, 2]
    await cancel(*tasks)


async def test_a_source_that_is_another_store_stops_the_view(new_database: NewDatabase) -> None:
    view = await rows_in(new_database)
    first, second = EmbeddedBus(), EmbeddedBus()
    for bus in (first, second):
        store = EventStore(await new_database())
        await fill(store, 3, 3)
        consumer = Consumer("view", ["registry"], view.database, bus, view.fold)
        tasks = [
            asyncio.create_task(consumer.run()),
            asyncio.create_task(Relay("registry", store.database, StoreLog(store), bus).run()),
        ]
        async with asyncio.timeout(10):
            while consumer.stopped is None and (bus is second or len(await view.seen()) < 9):
                await asyncio.sleep(0.01)
        await cancel(*tasks)
    assert consumer.stopped == "AnotherStore"
    assert len(await view.seen()) == 9


async def test_a_second_member_that_moved_the_checkpoint_fences_the_first(new_database: NewDatabase) -> None:
    bus = EmbeddedBus()
    store, view = EventStore(await new_database()), await rows_in(new_database)
    relay = asyncio.create_task(Relay("registry", store.database, StoreLog(store), bus).run())
    members = [Consumer("view", ["registry"], view.database, bus, view.fold) for _ in range(2)]
    reading = [asyncio.create_task(m.run()) for m in members]
    for _ in range(5):
        await fill(store, 10, 4)
    async with asyncio.timeout(30):
        while len(await view.seen()) < 200:
            await asyncio.sleep(0.02)
    assert sorted(seq for _, seq in await view.seen()) == list(range(1, 201))
    await cancel(relay, *reading)


def test_keys_go_to_the_partitions_that_kafkas_own_clients_choose() -> None:
    # Vectors of Kafka's UtilsTest.testMurmur2, as signed 32-bit integers.
    vectors = {
        "21": -973932308,
        "foobar": -790332482,
        "abc": 479470107,
        "a-little-bit-long-string": -985981536,
    }
    for key, hashed in vectors.items():
        assert partition_of(key) == (hashed & 0x7FFFFFFF) % PARTITIONS


def test_every_partition_gets_children() -> None:
    assert {partition_of(str(uuid4())) for _ in range(2000)} == set(range(PARTITIONS))


@pytest.mark.req("PLT-08")
async def test_readers_that_are_cancelled_while_they_wait_hold_nobody_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A dropped version of the views cancels its reader; under a lock, one of them soon left it held for ever."""
    monkeypatch.setattr(bus_embedded, "_IDLE_SECONDS", 0.002)
    bus, dice = EmbeddedBus(), random.Random(1)
    for _ in range(200):
        readers = [
            asyncio.create_task((await bus.subscribe(f"r{i}", ("registry",))).batch()) for i in range(4)
        ]
        await asyncio.sleep(dice.choice([0, 0.0005, 0.0018, 0.002, 0.0021]))
        publishing = asyncio.create_task(bus.publish("reporting", []))
        for _ in range(dice.randrange(4)):
            for reader in readers:
                reader.cancel()
            if dice.random() < 0.7:
                await asyncio.sleep(0)
        for reader in readers:
            reader.cancel()
        async with asyncio.timeout(5):
            await asyncio.gather(*readers, return_exceptions=True)
            await publishing
            await bus.publish("reporting", [])
        assert not bus._waiting


async def test_what_stood_aside_is_applied_by_one_member_though_both_have_loaded_it(
    new_database: NewDatabase,
) -> None:
    source = f"exam-{uuid4()}"
    rows = await rows_in(new_database)
    await rows.database.fetch("alter table seen drop constraint seen_seq_key")
    members = [Consumer("view", [source], rows.database, EmbeddedBus(), rows.fold) for _ in range(2)]
    members[0]._stores[source] = uuid4()
    rows.fail.add(1)
    await members[0]._apply([Record(source, 1, 1, 0, uuid4(), "child", b"{}")])
    rows.fail.clear()
    for member in members:
        await member._load()
        assert member.parked == 1
    await asyncio.gather(*(member._release(poison=True) for member in members))
    assert [member.parked for member in members] == [0, 0]
    assert await rows.seen() == [("child", 1)]


class Counting:
    """A view that reads a child's row, lets whoever writes beside it go as far as it gets, and then writes."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.inside = 0
        self.together = 1

    async def fold(self, rows: Connection, records: Sequence[Record]) -> None:
        found = await rows.fetchval("select count from counted where child = $1", records[0].key) or 0
        self.inside += 1
        async with asyncio.timeout(30):
            while self.inside < self.together and not await self.database.fetch(
                "select from pg_locks where not granted"
            ):
                await asyncio.sleep(0.01)
        await rows.execute(
            "insert into counted values ($1, $2) on conflict (child) do update set count = excluded.count",
            records[0].key, found + len(records),
        )  # fmt: skip

    async def count(self, child: str) -> int:
        rows = await self.database.fetch("select count from counted where child = $1", child)
        return int(rows[0][0])


@pytest.mark.req("PLT-08")
async def test_two_members_that_read_different_sources_write_a_childs_rows_one_after_the_other(
    new_database: NewDatabase,
) -> None:
    """One was stopped for a while, another took its partitions; each moves a checkpoint that the other has not moved."""
    sources = [f"exam-{uuid4()}" for _ in range(2)]
    database, child, store = await new_database(), str(uuid4()), uuid4()
    await database.fetch("create table counted (child text primary key, count integer)")
    view = Counting(database)
    members = [Consumer("view", sources, database, EmbeddedBus(), view.fold) for _ in sources]

    async def hears(member: Consumer, source: str, seq: int, after: str = "") -> None:
        value = b'{"after":"%s"}' % after.encode() if after else b"{}"
        await member._apply(
            member._news([Record(source, partition_of(child), seq, seq - 1, store, child, value)])
        )

    async def together(*acts: Awaitable[None]) -> None:
        view.inside, view.together = 0, len(acts)
        await asyncio.gather(*acts)

    await together(hears(members[0], sources[0], 1), hears(members[1], sources[1], 1))
    assert await view.count(child) == 2

    # What was set aside and is taken up again is no different.
    await members[0]._load()
    await hears(members[0], sources[0], 2, after=f"{sources[1]}:2")
    await together(hears(members[1], sources[1], 2))
    await members[0]._load()
    assert members[0].parked == 1
    await together(members[0]._release(), hears(members[1], sources[1], 3))
    assert await view.count(child) == 5


async def waiting_relays(database: Database) -> int:
    rows = await database.fetch(
        "select count(*) from pg_locks join pg_database d on d.oid = database"
        " where locktype = 'advisory' and not granted and datname = current_database()"
    )
    return int(rows[0][0])


async def test_a_relay_that_lost_its_lock_stands_behind_the_one_that_has_it(
    new_database: NewDatabase,
) -> None:
    """As when its connection was cut while it looked for news: it must not go on beside the next."""
    bus, source, database = EmbeddedBus(), f"exam-{uuid4()}", await new_database()
    relays = [Relay(source, database, StoreLog(EventStore(database)), bus) for _ in range(2)]
    tasks = [asyncio.create_task(relay.run()) for relay in relays]
    async with asyncio.timeout(60):
        while await waiting_relays(database) < 1:
            await asyncio.sleep(0.02)
        await database.fetch(
            "select pg_terminate_backend(pid) from pg_locks join pg_database d on d.oid = database"
            " where locktype = 'advisory' and granted and datname = current_database()"
        )
        while await waiting_relays(database):
            await asyncio.sleep(0.02)
        while await waiting_relays(database) < 1:
            await asyncio.sleep(0.02)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.slow
async def test_two_relays_that_begin_at_once_on_one_bus_share_its_producer(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = [f"exam-{uuid4()}" for _ in range(2)]
    await create_topics(kafka.bootstrap, {topic_of(source): PARTITIONS for source in sources})
    made: list[object] = []

    class Counted(AIOKafkaProducer):  # type: ignore[misc]
        async def start(self) -> None:
            made.append(self)
            await super().start()

    monkeypatch.setattr(bus_kafka, "AIOKafkaProducer", Counted)
    bus = KafkaBus(kafka.bootstrap)
    await asyncio.gather(
        *(bus.publish(source, [Record(source, 1, 1, 0, uuid4(), "child", b"{}")]) for source in sources)
    )
    assert len(made) == 1
    await bus.close()


async def test_a_gap_is_waited_for_through_however_much_is_known(new_database: NewDatabase) -> None:
    """A refilled bus begins with all that is known: whoever goes back to its start for a gap never comes to what is new."""
    view, store, bus = await rows_in(new_database), uuid4(), EmbeddedBus()
    size = 5_000
    everything = [
        Record("exam", 0, seq, seq - 1, store, f"child-{seq}", b"{}", b"", {}) for seq in range(1, size + 3)
    ]
    consumer = Consumer("rows", ("exam",), view.database, bus, view.fold)
    await bus.publish("exam", everything[:size])
    running = asyncio.create_task(consumer.run())
    try:
        async with asyncio.timeout(60):
            while consumer.places.get(("exam", 0)) != size:
                await asyncio.sleep(0.01)
            await bus.wipe()
            await bus.publish("exam", [everything[-1]])
            while not any(consumer._early.values()):
                await asyncio.sleep(0.01)
            await bus.wipe()
            await bus.publish("exam", everything)
            while consumer.places["exam", 0] != size + 2:
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
    assert len(await view.seen()) == size + 2
