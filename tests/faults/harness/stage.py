"""The kafka profile on real servers: a process for each service, second ones beside them, people who work."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from infra.kafka import Kafka
from infra.postgres import Postgres
from services.registry.founding import post_id
from shouwang.client import Person, Platform
from shouwang.distributed import Distributed
from shouwang.embedded import secrets_of
from tests.faults.harness.run import Run
from tests.helpers import fetch_from

PEOPLE = ("township-a-clerk", "school-a-teacher", "police-a-desk", "police-county")


class Seconds(Distributed):
    """More processes of the same installation: a second relay, poller and router beside the first."""

    async def join(self, first: Distributed, names: Sequence[str]) -> None:
        """Start these beside the first ones, and watch them too."""
        secret = secrets_of(self._folder)["database"]
        self.urls |= {name: url for name, url in first.urls.items() if name not in names}
        self.processes = {name: self._spawn(name, secret) for name in names}
        await asyncio.gather(*(self._ready(name) for name in names))
        self._watching = asyncio.create_task(self._watch(secret))

    def _spawn(self, name: str, secret: str) -> "subprocess.Popen[bytes]":
        os.environ["SHOUWANG_INSTANCE"] = "2"
        try:
            return super()._spawn(name, secret)
        finally:
            del os.environ["SHOUWANG_INSTANCE"]


class Stage:
    """A platform that runs, with those who work on it."""

    def __init__(self, folder: Path, postgres: Postgres, kafka: Kafka, platform: Distributed) -> None:
        self.folder = folder
        self.postgres = postgres
        self.kafka = kafka
        self.platform = platform
        self.client = Platform(platform.urls)
        self.also: list[Platform] = []
        """Second processes: what they have folded of a group's partitions, only they can say."""
        self.people: dict[str, Person] = {}
        self.acknowledged: dict[str, dict[str, Any]] = {}
        """By whichever scenario: the checker compares all that there is."""

    async def sign_in(self) -> None:
        """Sign everybody in."""
        self.people = {key: await self.client.sign_in(post_id(key)) for key in PEOPLE}

    async def positions(self) -> dict[str, Any]:
        """Return every service's places, those of both processes where there are two."""
        told = await self.client.positions()
        for other in self.also:
            for service, more in (await other.positions()).items():
                for name, consumer in more["consumers"].items():
                    places = told[service]["consumers"][name]["places"]
                    for at, seq in consumer["places"].items():
                        places[at] = max(seq, places.get(at, 0))
        return told

    async def fetch(self, database: str, sql: str, *values: Any) -> Sequence[Any]:
        """Ask a database as its administrator."""
        return await fetch_from(self.postgres, database, sql, *values)


@asynccontextmanager
async def stage(
    folder: Path, postgres: Postgres, kafka: Kafka, platform: Distributed | None = None
) -> AsyncIterator[Stage]:
    """Start every process on a broker without a past; stop them all at the end."""
    await asyncio.to_thread(kafka.wipe)
    platform = platform or Distributed(folder, postgres, kafka)
    try:
        await platform.start()
        made = Stage(folder, postgres, kafka, platform)
        try:
            await made.client.settled()
            await made.sign_in()
            yield made
        finally:
            await made.client.close()
    finally:
        await platform.stop()


@asynccontextmanager
async def on_stage(run: Run) -> AsyncIterator[Stage]:
    """A stage for one run alone."""
    async with stage(run.postgres.folder.parent, run.postgres, run.kafka) as made:
        yield made


@asynccontextmanager
async def seconds(made: Stage, names: Sequence[str]) -> AsyncIterator[Distributed]:
    """Second processes of these services."""
    more = Seconds(made.folder, made.postgres, made.kafka)
    try:
        await more.join(made.platform, names)
        made.also = [Platform({name: more.urls[name] for name in names})]
        yield more
    finally:
        for each in made.also:
            await each.close()
        made.also = []
        await more.stop()
