"""Kafka loses everything in mid-load: it is filled again from the stores, and nobody is told twice."""

import asyncio

from infra.kafka import create_topics
from services.kernel.bus import TOPICS
from tests.faults.harness.attack import attacked
from tests.faults.harness.people import Working
from tests.faults.harness.row import Row
from tests.faults.harness.run import Run
from tests.faults.harness.stage import Stage, on_stage


async def run(run: Run) -> list[Row]:
    """Wipe the broker, again and again."""
    async with on_stage(run) as made:
        return [await wiped(run, made)]


async def wiped(run: Run, made: Stage) -> Row:
    """Wipe it while people work."""

    async def strike(_: Working) -> int:
        await asyncio.to_thread(made.kafka.wipe)
        await create_topics(made.kafka.bootstrap, TOPICS)
        return 1

    return await attacked(run, made, "wipes", strike)
