"""One exam for what feeds the windows: the plain subscription, with faults too, and Faust on real Kafka."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
import pytest_asyncio

from infra.kafka import Kafka, create_topics
from services.kernel.bus.embedded import Chaos, EmbeddedBus
from services.kernel.bus.kafka import KafkaBus
from services.kernel.bus.port import Bus, BusDown, Record, topic_of
from services.kernel.store import PARTITIONS
from services.live import faust_app
from services.live.app import Feed, subscription_feed
from services.live.windows import ACCEPTED, FILED, Windows
from tests.live.records import envelope_of, record

REGIONS = ("990101001001", "990101001002", "990101002003")


class Exam(NamedTuple):
    """A bus, the name that records are published under there, and what reads them."""

    bus: Bus
    source: str
    feed: Feed


def never() -> None:
    """Stand for the end of the process, which is this one here."""
    pytest.fail("partitions were given twice, or by another broker")


@pytest_asyncio.fixture(
    params=["embedded", "faulty", pytest.param("faust", marks=pytest.mark.slow)], loop_scope="session"
)
async def exam(request: pytest.FixtureRequest) -> AsyncIterator[Exam]:
    source = f"live-{uuid4()}"
    if request.param == "faust":
        from services.live.faust_app import faust_feed

        server: Kafka = request.getfixturevalue("kafka")
        await create_topics(server.bootstrap, {topic_of(source): PARTITIONS})
        bus: Bus = KafkaBus(server.bootstrap)
        feed = faust_feed(server.bootstrap, lambda: datetime.now(UTC), source, never)
    else:
        bus = EmbeddedBus(Chaos(3, duplicates=0.3, window=20, lag=0.2) if request.param == "faulty" else None)
        feed = subscription_feed(bus, source)
    yield Exam(bus, source, feed)
    await bus.close()


def history(source: str, first: int, count: int) -> list[Record]:
    now = datetime.now(UTC)
    return [
        record(
            source, seq,
            envelope_of((FILED, ACCEPTED, "reporting.other.v1")[seq % 3], REGIONS[seq % 7 % 3], now - timedelta(hours=seq % 60)),
        )
        for seq in range(first, first + count)
    ]  # fmt: skip


def recomputed(records: list[Record]) -> Windows:
    windows = Windows()
    for r in records:
        windows.take(r.source, r.partition, r.seq, r.value)
    return windows


async def reach(windows: Windows, records: list[Record]) -> None:
    wanted = recomputed(records).places
    async with asyncio.timeout(60):
        while windows.places != wanted:
            await asyncio.sleep(0.01)


async def end(reading: "asyncio.Future[None]") -> None:
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


async def test_the_same_records_give_the_same_counts_by_every_feed_before_and_after_a_restart(
    exam: Exam,
) -> None:
    told = history(exam.source, 1, 200)
    await exam.bus.publish(exam.source, told)
    windows, caught_up = Windows(), asyncio.Event()
    reading = asyncio.ensure_future(exam.feed(windows, caught_up))
    async with asyncio.timeout(60):
        await caught_up.wait()
    more = history(exam.source, 201, 100)
    await exam.bus.publish(exam.source, more)
    await exam.bus.publish(exam.source, told[:50])
    await reach(windows, told + more)
    await settled(windows, recomputed(told + more))
    await end(reading)
    again = Windows()
    reading = asyncio.ensure_future(exam.feed(again, asyncio.Event()))
    await settled(again, recomputed(told + more))
    await end(reading)


async def settled(windows: Windows, wanted: Windows) -> None:
    """Wait until the counts are those wanted; what comes too much would never be."""
    async with asyncio.timeout(60):
        while windows.counts() != wanted.counts():
            await asyncio.sleep(0.01)
    assert windows.counts() == wanted.counts()


async def test_a_record_that_can_not_be_read_is_parked_and_the_next_one_counts(exam: Exam) -> None:
    good = history(exam.source, 3, 4)
    bad = record(exam.source, 1, b"no envelope")
    await exam.bus.publish(exam.source, [bad, *good])
    windows = Windows()
    reading = asyncio.ensure_future(exam.feed(windows, asyncio.Event()))
    await settled(windows, recomputed(good))
    async with asyncio.timeout(60):
        while not windows.parked:
            await asyncio.sleep(0.01)
    await end(reading)


@pytest.mark.slow
@pytest.mark.parametrize("question", ["offsets_for_times", "end_offsets"])
async def test_what_is_published_while_faust_looks_where_to_begin_is_counted(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    from aiokafka import AIOKafkaConsumer

    from services.live.faust_app import faust_feed

    source = f"live-{uuid4()}"
    await create_topics(kafka.bootstrap, {topic_of(source): PARTITIONS})
    bus, told = KafkaBus(kafka.bootstrap), history(source, 1, 24)
    asked = getattr(AIOKafkaConsumer, question)

    async def answered(self: Any, *about: Any) -> Any:
        answer = await asked(self, *about)
        await bus.publish(source, told)
        return answer

    monkeypatch.setattr(AIOKafkaConsumer, question, answered)
    windows = Windows()
    reading = asyncio.ensure_future(
        faust_feed(kafka.bootstrap, lambda: datetime.now(UTC), source, never)(windows, asyncio.Event())
    )
    await settled(windows, recomputed(told))
    await end(reading)
    await bus.close()


class Broker:
    """Says which cluster it is, or what else a client may raise."""

    def __init__(self, *told: str | Exception) -> None:
        self._told = iter(told)
        self.asked = 0

    async def identity(self) -> str:
        self.asked += 1
        told = next(self._told)
        if isinstance(told, Exception):
            raise told
        return told


@pytest.mark.parametrize(
    ("stopped", "told"),
    [
        (False, ["one", BusDown(), "one", "two"]),
        (False, ["one", ValueError("no client of ours expects it")]),
        (True, []),
    ],
    ids=["another broker", "the watch falls", "faust stopped"],
)
async def test_whatever_ends_the_watch_ends_the_process(
    stopped: bool, told: list[str | Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faust_app, "_LOOK_SECONDS", 0)
    ended: list[bool] = []
    app: Any = SimpleNamespace(should_stop=stopped)
    broker: Any = Broker(*told)
    await faust_app._watch(app, broker, "one", lambda: ended.append(True))
    assert ended == [True]
    assert broker.asked == len(told)


async def test_a_watch_that_is_called_off_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faust_app, "_LOOK_SECONDS", 0)
    app: Any = SimpleNamespace(should_stop=False)
    broker: Any = Broker(*["one"] * 1_000)
    watching = asyncio.create_task(faust_app._watch(app, broker, "one", never))
    await asyncio.sleep(0)
    watching.cancel()
    assert (await asyncio.gather(watching, return_exceptions=True))[0].__class__ is asyncio.CancelledError


@pytest.mark.slow
@pytest.mark.req("PLT-05")
async def test_a_wiped_and_refilled_broker_ends_the_process_and_its_successor_counts_all(
    tmp_path: Path,
) -> None:
    """Offsets are another log's now: what is new may lie before the place that was reached in the old one."""
    source = f"live-{uuid4()}"
    with Kafka(tmp_path / "kafka") as server:
        await create_topics(server.bootstrap, {topic_of(source): PARTITIONS})
        bus, told = KafkaBus(server.bootstrap), history(source, 1, 100)
        await bus.publish(source, told + told)
        async with counting(server, source) as first:
            await counted(first, recomputed(told))
            await asyncio.to_thread(server.wipe)
            await create_topics(server.bootstrap, {topic_of(source): PARTITIONS})
            more = history(source, 101, 50)
            await bus.publish(source, told + more)
            async with asyncio.timeout(60):
                assert await first.wait() == 1
        async with counting(server, source) as second:
            await counted(second, recomputed(told + more))
        await bus.close()


COUNT = """
import asyncio, sys
from datetime import UTC, datetime
from services.live.faust_app import faust_feed
from services.live.windows import Windows

async def tell(windows):
    told = None
    while True:
        if windows.counts() != told:
            told = windows.counts()
            print(told, flush=True)
        await asyncio.sleep(0.01)

async def main():
    windows = Windows()
    feed = faust_feed(sys.argv[1], lambda: datetime.now(UTC), sys.argv[2])
    await asyncio.gather(feed(windows, asyncio.Event()), tell(windows))

asyncio.run(main())
"""
"""A process that says what it counts."""


@asynccontextmanager
async def counting(server: Kafka, source: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", COUNT, server.bootstrap, source, stdout=PIPE, stderr=DEVNULL
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def counted(process: Process, wanted: Windows) -> None:
    """Wait until the process says so."""
    assert process.stdout is not None
    async with asyncio.timeout(60):
        while line := await process.stdout.readline():
            if line.decode().strip() == str(wanted.counts()):
                return
    pytest.fail("it ended first")
