"""Kafka loses everything in mid-load: it is filled again from the stores, and nobody is told twice."""

import asyncio
import subprocess

import httpx2

from infra.kafka import create_topics
from services.kernel.bus.port import TOPICS
from shouwang.client import Told
from tests.faults.harness.attack import attacked
from tests.faults.harness.people import Stuck, Working
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
        await _counting(made, run.patience)
        live = made.platform.processes["live"]
        await asyncio.to_thread(made.kafka.wipe)
        await create_topics(made.kafka.bootstrap, TOPICS)
        await _begun_anew(made, live, run.patience)
        return 1

    return await attacked(run, made, "wipes", strike)


async def _counting(made: Stage, patience: float) -> None:
    """Wait until the live counts have heard of something: one that has not begun needs no new process."""
    try:
        async with asyncio.timeout(patience):
            while not await _places(made):
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise Stuck("live counts hear nothing") from None


async def _places(made: Stage) -> dict[str, int]:
    """What the live counts have heard; nothing where their process starts right now."""
    try:
        answer = await made.client.request("GET", "/live/positions")
    except (Told, httpx2.TransportError):
        return {}
    places: dict[str, int] = answer.json()["live"]["places"]
    return places


async def _begun_anew(made: Stage, before: "subprocess.Popen[bytes]", patience: float) -> None:
    """Wait until the live counts are a new process: the places of the old one are another log's."""
    try:
        async with asyncio.timeout(patience):
            while made.platform.processes["live"] is before:
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise Stuck("live counts go on behind the places of a log that is gone") from None
