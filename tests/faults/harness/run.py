"""What a scenario is given: seeded dice, counts to reach, a folder, real servers, and a way to wait."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from infra.kafka import Kafka
from infra.postgres import Postgres
from services.kernel.database import KERNEL_MIGRATIONS, Database, migrate
from services.kernel.errors import StoreDown
from tests.faults.harness.row import Row


@dataclass
class Run:
    """One run of a scenario. The same seed throws the same faults."""

    scenario: str
    seed: int
    least: Mapping[str, int]
    postgres: Postgres
    kafka: Kafka
    patience: float
    """Seconds without any progress after which somebody counts as stuck."""
    dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(f"{self.seed} {self.scenario}")

    def row(self, name: str = "") -> Row:
        """Begin a row."""
        return Row(name or self.scenario, self.seed, least=dict(self.least))

    def uuid(self) -> UUID:
        """An id that the seed repeats."""
        return UUID(int=self.dice.getrandbits(128), version=4)

    @asynccontextmanager
    async def database(self, name: str, *, most: int = 10) -> AsyncIterator[Database]:
        """A fresh database with the kernel's tables."""
        await fresh(self.postgres, name)
        await migrate(self.postgres.url(name), [KERNEL_MIGRATIONS])
        database = await Database.open(self.postgres.url(name), most=most)
        try:
            yield database
        finally:
            await database.close()


async def fresh(postgres: Postgres, name: str) -> None:
    """Make an empty database, whatever was there."""
    admin = await asyncpg.connect(postgres.url("postgres"))
    try:
        await admin.execute(f"drop database if exists {name} with (force)")
        await admin.execute(f"create database {name}")
    finally:
        await admin.close()


async def stands_still(reached: Callable[[], Awaitable[object]], wanted: object, patience: float) -> bool:
    """Wait until `reached` is `wanted`; False when nothing new came for `patience` seconds.

    Where it goes to and fro it does not move: only what was never seen counts.
    """
    seen: set[str] = set()
    now: object = None
    moved = time.monotonic()
    while now != wanted:
        await asyncio.sleep(0.05)
        with suppress(StoreDown):  # asked in the moment of a cut
            now = await reached()
        if repr(now) not in seen:
            seen.add(repr(now))
            moved = time.monotonic()
        elif time.monotonic() - moved > patience:
            return False
    return True
