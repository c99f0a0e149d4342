"""People who work while things break, and repeat what they got no answer to under the same key."""

import asyncio
import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2

from shouwang.client import Person, Told
from tests.faults.harness.row import Row

_PACE = 0.25
"""Everybody takes a breath between two acts: what is examined is loss, not how long a backlog takes."""
_AWAY = {502, 503, 504}


class Stuck(Exception):  # noqa: N818
    """Nobody gets an answer any more."""


class Working:
    """Clerks register, teachers report, the police accept late: their notices have run out when they are sent."""

    def __init__(self, people: dict[str, Person], seed: str, *, clerks: int = 3, teachers: int = 2) -> None:
        """Begin to work; the seed decides keys and names: another for each scenario on one platform."""
        self._people = people
        self._dice = random.Random(f"{seed} people")
        self.acknowledged: dict[str, dict[str, Any]] = {}
        self.commands = 0
        self.unknown = 0
        self.last = time.monotonic()
        self._stop = asyncio.Event()
        self._go = asyncio.Event()
        self._go.set()
        self._accepted: set[str] = set()
        work = [
            *(self._register for _ in range(clerks)),
            *(self._report for _ in range(teachers)),
            self._accept,
        ]
        self._tasks = [asyncio.create_task(self._until_stopped(each)) for each in work]

    async def _until_stopped(self, work: Any) -> None:
        while not self._stop.is_set():
            await work()
            await asyncio.sleep(_PACE)
            await self._go.wait()

    def _key(self) -> str:
        return str(UUID(int=self._dice.getrandbits(128), version=4))

    async def _register(self, key: str = "") -> None:
        key = key or self._key()
        await self._certain(
            "township-a-clerk", "registry/register-child", key, region="990101001001", name=f"甲{key[:8]}",
            birth_date="2015-03-05",
        )  # fmt: skip

    async def _report(self) -> None:
        await self._certain(
            "school-a-teacher", "reporting/file-report", self._key(), region="990101001001", grounds=["LIVING_ALONE"],
            children=[{"name": "张小禾"}, {"name": "张小苗"}], found_at="2026-10-12T07:50:00+08:00",
        )  # fmt: skip

    async def _accept(self) -> None:
        try:
            told = await self._people["police-a-desk"].ask("agency/worklist")
        except (Told, httpx2.TransportError):
            return
        refs = [
            t["ref"] for t in told["tasks"] if t["kind"] == "accept-report" and t["ref"] not in self._accepted
        ]
        if refs:
            self._accepted.update(refs[:3])
            late = datetime.now(UTC) - timedelta(days=3)
            await self._certain(
                "police-a-desk", "reporting/accept-reports", self._key(), reports=refs[:3], occurred_at=late.isoformat()
            )  # fmt: skip

    async def _certain(self, who: str, path: str, key: str, **fields: Any) -> None:
        """Repeat until there is an answer: the outcome of what got none is not known."""
        self.commands += 1
        while True:
            try:
                self.acknowledged[key] = await self._people[who].do(path, key, **fields)
            except (Told, httpx2.TransportError) as error:
                if isinstance(error, Told) and error.status not in _AWAY:
                    raise
                self.unknown += 1
                await asyncio.sleep(0.05)
            else:
                self.last = time.monotonic()
                return

    async def more(self, count: int, patience: float) -> None:
        """Wait until `count` more commands are acknowledged; raises Stuck where none is for `patience` seconds."""
        wanted = len(self.acknowledged) + count
        began = time.monotonic()
        while len(self.acknowledged) < wanted:
            for task in self._tasks:
                if task.done():
                    task.result()
            if time.monotonic() - max(self.last, began) > patience:
                message = "nobody gets an answer any more"
                raise Stuck(message)
            await asyncio.sleep(0.02)

    async def shown(self, patience: float) -> None:
        """Register a child and wait until it is on its township's page; raises Stuck where it does not come.

        Where it takes long everybody rests: what they go on adding to may grow faster than a busy machine works it off.
        """
        key = self._key()
        await self._register(key)
        child = self.acknowledged[key]["events"][0]["subject"]
        began = time.monotonic()
        while True:
            try:
                await self._people["township-a-clerk"].ask(f"agency/children/{child}")
            except (Told, httpx2.TransportError) as error:
                if time.monotonic() - began > patience:
                    self._go.clear()
                if time.monotonic() - began > 4 * patience:  # a backlog may stand before it
                    message = f"child {child} does not come to its township: {error}"
                    raise Stuck(message) from None
                await asyncio.sleep(0.1)
            else:
                self._go.set()
                return

    async def stop(self, patience: float | None = None) -> None:
        """Let everybody finish; who has not after `patience` seconds is left in the dark."""
        self._stop.set()
        self._go.set()
        done, _ = await asyncio.wait(self._tasks, timeout=patience)
        for task in done:
            task.result()

    async def leave(self) -> None:
        """Send everybody away, whatever they were doing."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def tell(self, row: Row) -> None:
        """Write the counts into a row."""
        row.commands, row.acknowledged, row.unknown = self.commands, len(self.acknowledged), self.unknown
