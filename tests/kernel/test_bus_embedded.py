"""The embedded bus keeps the latest records alone: who is behind reads in the log that was lent, and nothing is missed."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kernel.bus import embedded as bus_embedded
from services.kernel.bus.embedded import EmbeddedBus, EmbeddedSubscription
from services.kernel.bus.log import StoreLog
from services.kernel.bus.port import Checkpoint, Record
from services.kernel.bus.relay import Relay
from services.kernel.hearing.projection import Consumer
from services.kernel.store import PARTITIONS, EventStore
from tests.conftest import NewDatabase
from tests.kernel.test_bus import Rows, cancel, fill, in_order_for_each, reach, rows_in

_SMALL = 40


@pytest.fixture(autouse=True)
def _small_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus_embedded, "_KEPT", _SMALL)
    monkeypatch.setattr(bus_embedded, "_MOST", 7)


@asynccontextmanager
async def relayed(store: EventStore, bus: EmbeddedBus) -> AsyncIterator[Relay]:
    relay = Relay("registry", store.database, StoreLog(store), bus)
    running = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        await cancel(running)


async def published(bus: EmbeddedBus, count: int) -> None:
    async with asyncio.timeout(30):
        while bus.size() < count:
            await asyncio.sleep(0.01)


async def kept(store: EventStore, place: int) -> None:
    """Wait until the relay has stored how far it came: what it published before would come a second time."""
    async with asyncio.timeout(30):
        while not await store.database.fetch("select from relay where place = $1", place):
            await asyncio.sleep(0.01)


async def consumed(view: Rows, store: EventStore, bus: EmbeddedBus) -> int:
    """Let a consumer come to the end; returns how many records it was given."""
    given = 0

    class Counted(EmbeddedSubscription):
        async def batch(self) -> list[Record]:
            nonlocal given
            records = await super().batch()
            given += len(records)
            return records

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bus_embedded, "EmbeddedSubscription", Counted)
        consumer = Consumer("view", ["registry"], view.database, bus, view.fold)
        reading = asyncio.create_task(consumer.run())
        await reach(consumer, store)
        await cancel(reading)
    return given


async def test_a_consumer_that_comes_late_gets_what_memory_no_longer_has(new_database: NewDatabase) -> None:
    store, view, bus = EventStore(await new_database()), await rows_in(new_database), EmbeddedBus()
    async with relayed(store, bus):
        count = await fill(store, 30, 20)
        await published(bus, count)
        assert len(bus._windows["registry"].records) <= 2 * _SMALL
        await consumed(view, store, bus)
    seen = await view.seen()
    assert len(seen) == count
    assert in_order_for_each(seen)


async def test_a_consumer_that_falls_behind_while_it_reads_misses_nothing(new_database: NewDatabase) -> None:
    store, view, bus = EventStore(await new_database()), await rows_in(new_database), EmbeddedBus()
    consumer = Consumer("view", ["registry"], view.database, bus, view.fold)
    reading = asyncio.create_task(consumer.run())
    async with relayed(store, bus):
        for _ in range(6):
            await fill(store, 40, 5)
        await reach(consumer, store)
    await cancel(reading)
    seen = await view.seen()
    assert len(seen) == 1_200
    assert in_order_for_each(seen)


async def test_a_process_that_starts_again_publishes_and_reads_only_what_is_new(
    new_database: NewDatabase,
) -> None:
    store, view, bus = EventStore(await new_database()), await rows_in(new_database), EmbeddedBus()
    async with relayed(store, bus):
        first = await fill(store, 30, 10)
        await consumed(view, store, bus)
        await kept(store, first)
    again = EmbeddedBus()
    async with relayed(store, again):
        assert await consumed(view, store, again) == 0
        second = await fill(store, 5, 2)
        await published(again, second)
        assert again.size() == second
        assert await consumed(view, store, again) == second
    assert len(await view.seen()) == first + second


async def test_known_places_of_another_store_count_for_nothing(new_database: NewDatabase) -> None:
    view = await rows_in(new_database)
    for stopped in (None, "AnotherStore"):
        store, bus = EventStore(await new_database()), EmbeddedBus()
        async with relayed(store, bus):
            await fill(store, 3, 3)
            consumer = Consumer("view", ["registry"], view.database, bus, view.fold)
            reading = asyncio.create_task(consumer.run())
            async with asyncio.timeout(30):
                while consumer.stopped != stopped or (stopped is None and len(await view.seen()) < 9):
                    await asyncio.sleep(0.01)
            await cancel(reading)
    assert len(await view.seen()) == 9


@settings(max_examples=20, deadline=None)
@given(counts=st.lists(st.integers(0, 9), min_size=PARTITIONS, max_size=PARTITIONS))
async def test_whatever_is_known_what_is_not_is_read(new_database: NewDatabase, counts: list[int]) -> None:
    """Partitions may have come to any places: a broker doesn't keep the order between them."""
    store = EventStore(await new_database())
    count = await fill(store, 6, 4)
    incarnation, _ = await store.position()
    records = await everything(EmbeddedBus(), store, None)
    assert len(records) == count
    by_partition: dict[int, list[int]] = {}
    for record in records:
        by_partition.setdefault(record.partition, []).append(record.seq)
    known = {p: seqs[min(counts[p], len(seqs)) - 1] for p, seqs in by_partition.items() if counts[p]}
    got = {r.seq for r in await everything(EmbeddedBus(), store, Checkpoint(incarnation, known))}
    assert {r.seq for r in records if r.seq > known.get(r.partition, 0)} <= got


async def everything(bus: EmbeddedBus, store: EventStore, known: Checkpoint | None) -> list[Record]:
    bus.lend("registry", StoreLog(store))
    subscription = await bus.subscribe("view", ["registry"], {"registry": known} if known else None)
    found: list[Record] = []
    while records := await subscription._ready():
        found += records
    return found


async def test_while_a_record_waits_in_memory_for_the_one_before_it_nothing_is_marked(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who began behind such a record after a crash would have it no more."""
    monkeypatch.setattr(bus_embedded, "_IDLE_SECONDS", 0.01)
    marked: list[bool] = []

    class Watched(EmbeddedSubscription):
        async def mark(self, _: object) -> None:
            marked.append(any(consumer._early.values()))

    store, view, bus = uuid4(), await rows_in(new_database), EmbeddedBus()
    monkeypatch.setattr(bus_embedded, "EmbeddedSubscription", Watched)
    consumer = Consumer("view", ["exam"], view.database, bus, view.fold)
    reading = asyncio.create_task(consumer.run())
    async with asyncio.timeout(30):
        for n in (1, 3, 2):
            await bus.publish("exam", [Record("exam", 0, n, n - 1, store, "child", b"{}")])
            while n > max((consumer.places.get(("exam", 0), 0), *(r.seq for r in _held(consumer)))):
                await asyncio.sleep(0.01)
        while consumer.places["exam", 0] != 3:
            await asyncio.sleep(0.01)
        done = len(marked)
        while len(marked) == done:
            await asyncio.sleep(0.01)
    await cancel(reading)
    assert not any(marked)


def _held(consumer: Consumer) -> list[Record]:
    return [r for early in consumer._early.values() for r in early.values()]


class Growing:
    """A log in memory that grows, and is published, in the moment in which its end is read."""

    def __init__(self, bus: EmbeddedBus, more: int) -> None:
        self.grew = asyncio.Event()
        self._bus = bus
        self._more = more
        self._store = uuid4()
        self._head = 5

    async def position(self) -> tuple[UUID, int]:
        return self._store, self._head

    async def after(self, seq: int, most: int) -> list[dict[str, Any]]:
        rows = [
            {"seq": n, "partition": 0, "orderkey": "child", "envelope": b"{}", "blocks": b""}
            for n in range(seq + 1, min(self._head, seq + most) + 1)
        ]
        if not rows and self._more:
            first, self._head, self._more = self._head + 1, self._head + self._more, 0
            for n in range(first, self._head + 1):
                await self._bus.publish("exam", [Record("exam", 0, n, n - 1, self._store, "child", b"{}")])
        return rows

    async def before(self, seq: int) -> dict[int, int]:
        return {0: min(seq, self._head)}

    async def first_after(self, places: Mapping[int, int]) -> int | None:
        first = places.get(0, 0) + 1
        return first if first <= self._head else None


@pytest.mark.parametrize("more", [1, 5 * _SMALL], ids=["one", "more than the window holds"])
async def test_what_is_published_while_the_logs_end_is_read_is_not_missed(more: int) -> None:
    bus = EmbeddedBus()
    bus.lend("exam", Growing(bus, more))
    subscription = await bus.subscribe("view", ["exam"])
    seqs: list[int] = []
    async with asyncio.timeout(30):
        while not seqs or max(seqs) < 5 + more:
            seqs += [r.seq for r in await subscription._ready()]
    assert sorted(set(seqs)) == list(range(1, 6 + more))
