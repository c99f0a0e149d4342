"""Where a member begins to read: behind what it knows, and never behind what it doesn't."""

import asyncio
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import uvloop
from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from infra.kafka import Kafka, create_topics
from services.kernel.bus import kafka as bus_kafka
from services.kernel.bus.kafka import KafkaBus, KafkaSubscription
from services.kernel.bus.log import StoreLog
from services.kernel.bus.port import BusDown, Checkpoint, Record, topic_of
from services.kernel.bus.relay import Relay
from services.kernel.hearing.projection import Consumer
from services.kernel.store import PARTITIONS, EventStore
from tests.conftest import NewDatabase
from tests.kernel.test_bus import Rows, cancel, fill, reach, rows_in

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _marks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus_kafka, "_MARK_SECONDS", 0.0)


class Exam:
    """A store, its relay, and a view whose consumer is started again and again."""

    def __init__(self, kafka: Kafka, store: EventStore, view: Rows) -> None:
        self.kafka = kafka
        self.source = f"exam-{uuid4()}"
        self.group = f"view-{uuid4()}"
        self.store = store
        self.view = view

    async def filled(self, children: int, each: int) -> int:
        """Append events and see them delivered."""
        await create_topics(self.kafka.bootstrap, {topic_of(self.source): PARTITIONS})
        bus = KafkaBus(self.kafka.bootstrap)
        relay = Relay(self.source, self.store.database, StoreLog(self.store), bus)
        running = asyncio.create_task(relay.run())
        count = await fill(self.store, children, each)
        _, head = await self.store.position()
        async with asyncio.timeout(60):
            while not await self.store.database.fetch("select from relay where place = $1", head):
                await asyncio.sleep(0.02)
        await cancel(running)
        await bus.close()
        return count

    async def read(self, monkeypatch: pytest.MonkeyPatch) -> int:
        """Let the consumer come to the end and mark it; returns how many records it was given."""
        given: list[Record] = []
        whole = KafkaSubscription.batch

        async def batch(subscription: KafkaSubscription) -> list[Record]:
            records = await whole(subscription)
            given.extend(records)
            return records

        monkeypatch.setattr(KafkaSubscription, "batch", batch)
        consumer = Consumer(
            self.group, [self.source], self.view.database, KafkaBus(self.kafka.bootstrap), self.view.fold
        )
        reading = asyncio.create_task(consumer.run())
        await reach(consumer, self.store)
        await self.marked(sum(self._ends(given).values()))
        await cancel(reading)
        monkeypatch.setattr(KafkaSubscription, "batch", whole)
        return len(given)

    @staticmethod
    def _ends(given: list[Record]) -> dict[int, int]:
        return {r.partition: r.seq for r in given}

    async def marked(self, wanted: int) -> None:
        """Wait until the hints of the partitions that were read say their last seqs."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka.bootstrap)
        await admin.start()
        try:
            async with asyncio.timeout(60):
                while wanted:
                    found = await admin.list_consumer_group_offsets(self.group)
                    if sum(int(hint.metadata.split(" ")[2]) for hint in found.values()) >= wanted:
                        return
                    await asyncio.sleep(0.05)
        finally:
            await admin.close()


async def exam(kafka: Kafka, new_database: NewDatabase) -> Exam:
    return Exam(kafka, EventStore(await new_database()), await rows_in(new_database))


async def test_a_member_that_starts_again_is_given_only_what_is_new(
    kafka: Kafka, new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = await exam(kafka, new_database)
    first = await at.filled(20, 5)
    assert await at.read(monkeypatch) == first
    second = await at.filled(10, 2)
    assert await at.read(monkeypatch) == second
    assert len(await at.view.seen()) == first + second


async def test_rows_of_an_older_backup_are_given_everything_again(
    kafka: Kafka, new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = await exam(kafka, new_database)
    count = await at.filled(20, 5)
    await at.read(monkeypatch)
    await at.view.database.fetch("delete from seen")
    await at.view.database.fetch("delete from checkpoint")
    assert await at.read(monkeypatch) == count
    assert len(await at.view.seen()) == count


async def test_a_hint_counts_only_for_the_store_it_was_made_of_and_for_who_knows_as_much(
    kafka: Kafka,
) -> None:
    source, group, store = f"exam-{uuid4()}", f"view-{uuid4()}", uuid4()
    await create_topics(kafka.bootstrap, {topic_of(source): PARTITIONS})
    bus = KafkaBus(kafka.bootstrap)
    await bus.publish(source, [Record(source, 3, n, n - 1, store, "child", b"{}") for n in range(1, 6)])
    subscription = await bus.subscribe(group, [source])
    records: list[Record] = []
    while len(records) < 5:
        records += await subscription.batch()
    await subscription.mark(lambda: {source: Checkpoint(store, {3: 5})})
    await subscription.close()
    await bus.publish(source, [Record(source, 3, 6, 5, store, "child", b"{}")])
    for known, wanted in (
        (Checkpoint(store, {3: 5}), [6]),
        (Checkpoint(store, {3: 6}), [6]),
        (Checkpoint(store, {3: 4}), [1, 2, 3, 4, 5, 6]),
        (Checkpoint(uuid4(), {3: 5}), [1, 2, 3, 4, 5, 6]),
        (None, [1, 2, 3, 4, 5, 6]),
    ):
        subscription = await bus.subscribe(group, [source], {source: known} if known else None)
        seqs: list[int] = []
        while len(seqs) < len(wanted):
            seqs += [r.seq for r in await subscription.batch()]
        await subscription.close()
        assert seqs == wanted
    await bus.close()


async def test_who_is_given_other_partitions_marks_nothing_of_what_it_read_before(kafka: Kafka) -> None:
    """As after a broker was wiped: the old offsets say nothing of the new topic."""
    source, group, store = f"exam-{uuid4()}", f"view-{uuid4()}", uuid4()
    await create_topics(kafka.bootstrap, {topic_of(source): PARTITIONS})
    bus = KafkaBus(kafka.bootstrap)
    await bus.publish(source, [Record(source, 3, n, n - 1, store, "child", b"{}") for n in range(1, 6)])
    first = await bus.subscribe(group, [source])
    while not await first.batch():
        pass
    assert first._read
    second = await KafkaBus(kafka.bootstrap, "2").subscribe(group, [source])
    async with asyncio.timeout(60):
        while len(first._consumer.assignment()) == PARTITIONS:
            await asyncio.sleep(0.02)
    assert not first._read
    for each in (first, second, bus):
        await each.close()


async def test_a_hint_that_reaches_a_wiped_broker_counts_for_nothing_there(tmp_path: Path) -> None:
    """A commit that began before the wipe goes on until a broker takes it: the old place may lie behind what is new."""
    source, group, store = f"exam-{uuid4()}", f"view-{uuid4()}", uuid4()
    records = [Record(source, 3, n, n - 1, store, "child", b"{}") for n in range(1, 21)]
    known = {source: Checkpoint(store, {3: 5})}
    with Kafka(tmp_path / "kafka") as server:
        await create_topics(server.bootstrap, {topic_of(source): PARTITIONS})
        bus = KafkaBus(server.bootstrap)
        await bus.publish(source, records[:5] * 3)  # as a relay does that is never told of its deliveries
        subscription = await bus.subscribe(group, [source])
        count = 0
        while count < 15:
            count += len(await subscription.batch())
        await subscription.mark(lambda: known)
        await subscription.close()
        hints = await hints_of(server, group)
        assert hints
        await asyncio.to_thread(server.wipe)
        await create_topics(server.bootstrap, {topic_of(source): PARTITIONS})
        await bus.publish(source, records)
        late = AIOKafkaConsumer(bootstrap_servers=server.bootstrap, group_id=group, enable_auto_commit=False)
        await late.start()
        late.assign(list(hints))
        await late.commit(hints)
        await late.stop()
        assert await hints_of(server, group) == hints
        subscription = await bus.subscribe(group, [source], known)
        seqs: set[int] = set()
        async with asyncio.timeout(60):
            while 20 not in seqs:
                seqs |= {r.seq for r in await subscription.batch()}
        assert set(range(6, 21)) <= seqs
        await subscription.close()
        await bus.close()


async def hints_of(server: Kafka, group: str) -> dict[TopicPartition, OffsetAndMetadata]:
    admin = AIOKafkaAdminClient(bootstrap_servers=server.bootstrap)
    await admin.start()
    try:
        return dict(await admin.list_consumer_group_offsets(group))
    finally:
        await admin.close()


@pytest.mark.parametrize(("run", "raises"), [(asyncio.run, False), (uvloop.run, True)])
def test_writing_to_a_closed_connection_raises_on_uvloop_alone(run: Any, *, raises: bool) -> None:
    """Why: aiokafka writes before it hears of it, and does not expect that. Where this no longer holds the refusal may go."""

    async def written() -> None:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.transport.abort()
        await asyncio.sleep(0)
        server.close()
        writer.write(b"x")

    with pytest.raises(RuntimeError) if raises else nullcontext():
        run(written())


def test_clients_of_kafka_refuse_a_loop_on_which_they_stand_still(kafka: Kafka) -> None:
    async def subscribed() -> None:
        await KafkaBus(kafka.bootstrap).subscribe("group", ["exam"])

    with pytest.raises(bus_kafka.NotOnUvloop):
        uvloop.run(subscribed())


async def test_a_broker_that_takes_a_connection_and_says_nothing_counts_as_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bus_kafka, "_ASKING_SECONDS", 0.2)
    quiet = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = quiet.sockets[0].getsockname()[1]
    with pytest.raises(BusDown):
        async with asyncio.timeout(20):  # by itself the client waits 40 s for each answer
            await KafkaBus(f"127.0.0.1:{port}").identity()
    quiet.close()
