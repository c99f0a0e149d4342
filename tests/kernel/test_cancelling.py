"""Who is told to end, ends: also where a library would lose the cancel, as at a stop in the moment of a failure."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import uuid4

import pytest

from infra.kafka import Kafka, create_topics
from services.kernel.bus.kafka import KafkaBus, KafkaSubscription
from services.kernel.bus.port import topic_of
from services.kernel.database import AWAY
from services.kernel.errors import StoreDown
from services.kernel.store import PARTITIONS
from services.kernel.waiting import within
from tests.conftest import NewDatabase


async def for_ever(step: Callable[[], Awaitable[object]]) -> None:
    """As a relay or a consumer does it."""
    while True:
        try:
            await step()
        except StoreDown:
            await asyncio.sleep(0)


async def ends(task: asyncio.Task[None]) -> bool:
    await asyncio.wait([task], timeout=10)
    return task.cancelled()


async def test_a_transaction_that_is_cancelled_on_a_connection_that_was_cut(
    new_database: NewDatabase,
) -> None:
    database = await new_database()
    inside = asyncio.Event()

    async def step() -> None:
        async with database.transaction() as rows:
            pid = await rows.fetchval("select pg_backend_pid()")
            await database.fetch("select pg_terminate_backend($1)", pid)
            with suppress(*AWAY):
                await rows.fetch("select pg_sleep(60)")
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(for_ever(step))
    async with asyncio.timeout(30):
        await inside.wait()
    task.cancel()
    assert await ends(task)


async def test_a_wait_that_is_cancelled_in_the_moment_of_the_event() -> None:
    event = asyncio.Event()

    async def step() -> None:
        await within(60, event)
        event.clear()

    task = asyncio.create_task(for_ever(step))
    await asyncio.sleep(0.01)
    event.set()
    await asyncio.sleep(0)
    task.cancel()
    assert await ends(task)


async def test_an_event_that_does_not_come_is_told_from_one_that_does() -> None:
    event = asyncio.Event()
    assert not await within(0.01, event)
    event.set()
    assert await within(60, event)


@pytest.mark.slow
async def test_a_member_that_is_cancelled_while_it_leaves_its_group(kafka: Kafka) -> None:
    """Leaving has many steps, and aiokafka loses a cancel in some of them."""
    source = f"exam-{uuid4()}"
    await create_topics(kafka.bootstrap, {topic_of(source): PARTITIONS})
    for steps in range(1, 12):
        subscription = await KafkaBus(kafka.bootstrap).subscribe(f"leaving-{uuid4()}", [source])

        async def leave(leaving: KafkaSubscription) -> None:
            await leaving.close()
            await asyncio.Event().wait()

        task = asyncio.create_task(leave(subscription))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        assert await ends(task), steps
