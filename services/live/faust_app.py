"""The Faust app of the kafka profile: one agent, no tables, no web, no leader; it may die at any time."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import faust
from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition
from faust.contrib.asgi import faust_app_running

from services.kernel.bus.kafka import KafkaBus
from services.kernel.bus.port import BusDown, topic_of
from services.kernel.store import PARTITIONS
from services.kernel.telemetry import log, metrics
from services.live.windows import KEPT, Windows

_LOOK_SECONDS = 3.0
Ends = dict[int, int]
"""Partition → the offset behind its last record, of partitions that hold something recent."""


def end_process() -> None:
    """End at once: Faust's own stop may hang where the broker changed. Whoever watches processes starts another."""
    os._exit(1)


def faust_feed(
    bootstrap: str,
    now: Callable[[], datetime],
    source: str = "reporting",
    end: Callable[[], None] = end_process,
) -> Callable[[Windows, asyncio.Event], Awaitable[None]]:
    """Return the feed of the kafka profile. Each start is a group of its own that begins 72 hours back.

    Calls `end` where Faust has stopped, or the broker is another one: see `_watch`.
    """

    async def feed(windows: Windows, caught_up: asyncio.Event) -> None:
        group, bus = f"live-{uuid4()}", KafkaBus(bootstrap)
        cluster = await bus.identity()
        left = await begin_at(bootstrap, group, topic_of(source), now() - KEPT)
        if not left:
            caught_up.set()
        # Faust makes its folder wherever it is started, even where it keeps nothing.
        with TemporaryDirectory(prefix="shouwang-live-") as folder:
            app = make_app(bootstrap, group, folder, source, windows, left, caught_up)
            # Also while Faust starts: that may hang.
            watching = asyncio.create_task(_watch(app, bus, cluster, end))
            try:
                async with faust_app_running(app):
                    await watching
            finally:
                watching.cancel()

    return feed


async def _watch(app: faust.App, bus: KafkaBus, cluster: str, end: Callable[[], None]) -> None:
    """Look every few seconds whether Faust lives and the broker is the one whose offsets it knows.

    A broker that was wiped and filled again holds the same records at other places: Faust would go on behind what it had
    read in the old log.
    """
    told = cluster
    try:
        while told == cluster and not app.should_stop:
            await asyncio.sleep(_LOOK_SECONDS)
            with suppress(BusDown):
                told = await bus.identity()
    except Exception as error:  # noqa: BLE001 - whatever it is: unwatched, Faust might go on behind the old log for ever
        log.error("live.watch_fell", error=type(error).__name__)
    log.warning("live.begins_anew")
    end()


async def begin_at(bootstrap: str, group: str, topic: str, moment: datetime) -> Ends:
    """Commit, for a group that nobody is in yet, the first offsets since `moment`; returns what there is to read.

    A record's time on the broker is that of its publication, never before the event's: nothing recent is left out.
    """
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, p) for p in range(PARTITIONS)]
        consumer.assign(partitions)
        # The ends first: what is published between the two questions lies behind them, and is read.
        ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
        since = await consumer.offsets_for_times(dict.fromkeys(partitions, int(moment.timestamp() * 1000)))
        begins = {tp: since[tp].offset if since.get(tp) else ends[tp] for tp in partitions}
        await consumer.commit({tp: OffsetAndMetadata(offset, "") for tp, offset in begins.items()})
        return {tp.partition: ends[tp] for tp in partitions if begins[tp] < ends[tp]}
    finally:
        await consumer.stop()


def make_app(
    bootstrap: str,
    group: str,
    folder: str,
    source: str,
    windows: Windows,
    left: Ends,
    caught_up: asyncio.Event,
) -> faust.App:
    """Return the app. It declares no topic, keeps no table, serves nothing and elects nobody."""
    app = faust.App(
        group, broker=f"kafka://{bootstrap}", store="memory://", processing_guarantee="at_least_once",
        datadir=folder, web_enabled=False, web_tables_enabled=False, topic_allow_declare=False, topic_disable_leader=True,
        stream_wait_empty=False, table_standby_replicas=0, consumer_auto_offset_reset="earliest",
        broker_max_poll_records=2000, stream_buffer_maxsize=4096, producer_threaded=False,
        consumer_metadata_max_age_ms=10_000,  # topics of a wiped broker that come back are seen, not after 5 minutes
    )  # fmt: skip
    topic = app.topic(topic_of(source), key_serializer="raw", value_serializer="raw")

    async def count(stream: Any) -> AsyncIterator[None]:
        async for event in stream.events():
            take(windows, source, event.message)
            partition, offset = event.message.partition, event.message.offset
            if offset + 1 >= left.get(partition, 1 << 62):
                del left[partition]
            if not left:
                caught_up.set()
            yield

    app.agent(topic, name="live.windows")(count)
    return app


def take(windows: Windows, source: str, message: Any) -> None:
    """Count one message; never raises, for Faust drops what a handler raised over: it is parked and seen."""
    try:
        seq = int(dict(message.headers)["seq"])
        outcome: str = windows.take(source, message.partition, seq, message.value)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a record, the next one goes on
        windows.parked += 1
        outcome = "parked"
        log.error("live.parked", source=source, partition=message.partition, error=type(error).__name__)
    metrics.records.labels("live.windows", outcome).inc()
