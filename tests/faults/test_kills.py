"""kill -9 of PostgreSQL under the whole platform: nothing acknowledged is lost, nothing doubled, no gap."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import uuid4

import httpx2

from shouwang.client import Person, Told
from tests.helpers import embedded

KILLS = 3
_PACE = 0.05
"""Clerks take a breath between two acts: what is examined is loss, not how long a backlog takes."""
Fetch = Callable[..., Awaitable[Sequence[Any]]]


class Writers:
    """Clerks who register children and report them, and repeat what they got no answer to under the same key."""

    def __init__(self, people: dict[str, Person], count: int) -> None:
        self._people = people
        self.acknowledged: dict[str, dict[str, Any]] = {}
        self.unknown = 0
        self._stop = asyncio.Event()
        self._tasks = [asyncio.create_task(self._write(i)) for i in range(count)]

    async def _write(self, writer: int) -> None:
        while not self._stop.is_set():
            key = str(uuid4())
            if writer % 2:
                done = await self._certain(
                    "school-a-teacher", "reporting/file-report", key, region="990101001001", grounds=["LIVING_ALONE"],
                    children=[{"name": "张小禾"}, {"name": "张小苗"}], found_at="2026-10-12T07:50:00+08:00",
                )  # fmt: skip
            else:
                done = await self._certain(
                    "township-a-clerk", "registry/register-child", key, region="990101001001", name=f"甲{key[:8]}",
                    birth_date="2015-03-05",
                )  # fmt: skip
            self.acknowledged[key] = done
            await asyncio.sleep(_PACE)

    async def _certain(self, who: str, path: str, key: str, **fields: Any) -> dict[str, Any]:
        """Repeat until there is an answer: the outcome of what got none is not known."""
        while True:
            try:
                return await self._people[who].do(path, key, **fields)
            except (Told, httpx2.TransportError) as error:
                if isinstance(error, Told) and error.status != 503:
                    raise
                self.unknown += 1
                await asyncio.sleep(0.05)

    async def more(self, count: int) -> None:
        """Wait until `count` more commands are acknowledged."""
        wanted = len(self.acknowledged) + count
        async with asyncio.timeout(60):
            while len(self.acknowledged) < wanted:
                for task in self._tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)


async def check(fetch: Fetch, writers: Writers) -> None:
    """Look at the stores: all acknowledged events once, where the answer said; no gap; nobody else's."""
    found: dict[str, tuple[str, int]] = {}
    for service in ("registry", "reporting", "assessment", "notification"):
        rows = await fetch(service, "select seq, id from event order by seq")
        assert [r["seq"] for r in rows] == list(range(1, len(rows) + 1)), service
        found |= {str(r["id"]): (service, r["seq"]) for r in rows}
    told = [e for done in writers.acknowledged.values() for e in done["events"]]
    assert len({e["id"] for e in told}) == len(told)
    for event in told:
        assert found[event["id"]] == (event["type"].partition(".")[0], event["seq"])
    registered = await fetch(
        "registry", "select count(*) from event where type like 'registry.child-registered%'"
    )
    assert registered[0][0] == sum(e["type"] == "registry.child-registered.v1" for e in told)
    filed = await fetch("reporting", "select count(*) from event where type like 'reporting.report-filed%'")
    assert filed[0][0] == sum(e["type"] == "reporting.report-filed.v1" for e in told)
    entries = await fetch(
        "agency", "select count(distinct event) from entry where source = 'registry' and role = 'ledger'"
    )
    of_children = await fetch("registry", "select count(*) from event where type like 'registry.%'")
    assert entries[0][0] == of_children[0][0]


async def test_killed_three_times_postgresql_loses_nothing_acknowledged() -> None:
    async with embedded() as running:
        people = {key: await running.sign_in(key) for key in ("township-a-clerk", "school-a-teacher")}
        writers = Writers(people, 8)
        dice = random.Random(5)
        for _ in range(KILLS):
            await writers.more(dice.randint(10, 40))
            await asyncio.to_thread(running.postgres.kill)
            await asyncio.sleep(dice.random() / 5)
            await asyncio.to_thread(running.postgres.start)
        await writers.more(20)
        await writers.stop()
        assert writers.unknown > 0
        await running.client.settled()
        await check(running.fetch, writers)
