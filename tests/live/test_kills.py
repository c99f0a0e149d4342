"""kill -9 of the live process while reports come in: it counts again what the store holds."""

import asyncio
import shutil
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from infra.kafka import Kafka
from infra.postgres import Postgres
from services.live.windows import Windows
from services.registry.founding import post_id
from shouwang.client import Person, Platform
from shouwang.distributed import Distributed

KILLS = 3


async def report_until(stop: asyncio.Event, teacher: Person) -> None:
    while not stop.is_set():
        await teacher.do(
            "reporting/file-report", region="990101001001", grounds=["LIVING_ALONE"],
            children=[{"name": "张小禾"}, {"name": "张小苗"}], found_at="2026-10-12T07:50:00+08:00",
        )  # fmt: skip


async def recomputed(postgres: Postgres) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(postgres.url("reporting"))
    windows = Windows()
    for row in await connection.fetch("select seq, partition, envelope from event"):
        windows.take("reporting", row["partition"], row["seq"], row["envelope"])
    await connection.close()
    return [(c.township, c.hour, c.filed, c.accepted) for c in windows.counts()]


async def counted(county: Person) -> list[tuple[Any, ...]]:
    told = (await county.ask("live/counts"))["counts"]
    return [(c["township"], datetime.fromisoformat(c["hour"]), c["filed"], c["accepted"]) for c in told]


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_killed_while_reports_come_in_it_counts_again_what_the_store_holds(kafka: Kafka) -> None:
    folder = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="shouwang-test-"))
    folder.chmod(0o755)
    postgres = Postgres(folder / "postgres")
    await asyncio.to_thread(postgres.start)
    await asyncio.to_thread(kafka.wipe)
    platform = Distributed(folder, postgres, kafka)
    client = Platform(platform.urls)
    try:
        await platform.start()
        await client.settled()
        teacher, county = [await client.sign_in(post_id(k)) for k in ("school-a-teacher", "police-county")]
        stop = asyncio.Event()
        reporting = asyncio.create_task(report_until(stop, teacher))
        seen = 0
        for _ in range(KILLS):
            async with asyncio.timeout(60):
                while (now := sum(c[2] for c in await counted(county))) <= seen:
                    await asyncio.sleep(0.02)
            seen = now
            await platform.kill("live")
        stop.set()
        await reporting
        wanted = await recomputed(postgres)
        async with asyncio.timeout(60):
            while await counted(county) != wanted:
                await asyncio.sleep(0.05)
        assert sum(c[2] for c in wanted) > seen
        await client.close()
    finally:
        await platform.stop()
        await asyncio.to_thread(postgres.stop)
        shutil.rmtree(folder, ignore_errors=True)
