"""Real servers for tests: one PostgreSQL and one Kafka a session, a fresh database for whoever asks."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from infra.kafka import Kafka
from infra.postgres import Postgres
from services.kernel.database import KERNEL_MIGRATIONS, Database, migrate
from tests.helpers import new_folder

_numbers = itertools.count(1)
NewDatabase = Callable[..., Awaitable[Database]]


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder that the database's account can reach."""
    with new_folder() as made:
        yield made


@pytest.fixture
def own_folder() -> Iterator[Path]:
    """One for a test alone."""
    with new_folder() as made:
        yield made


@pytest.fixture(scope="session")
def postgres(folder: Path) -> Iterator[Postgres]:
    with Postgres(folder / "postgres") as server:
        yield server


@pytest.fixture(scope="session")
def kafka(folder: Path) -> Iterator[Kafka]:
    with Kafka(folder / "kafka") as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def new_database(postgres: Postgres) -> AsyncIterator[NewDatabase]:
    """Makes databases with the kernel's tables and those of a service, if named."""
    opened: list[Database] = []

    async def make(service: str | None = None) -> Database:
        name = f"test_{next(_numbers)}"
        admin = await asyncpg.connect(postgres.url("postgres"))
        await admin.execute(f"create database {name}")
        await admin.close()
        folders = [KERNEL_MIGRATIONS]
        if service:
            folders.append(KERNEL_MIGRATIONS.parents[1] / service / "migrations")
        await migrate(postgres.url(name), folders)
        opened.append(await Database.open(postgres.url(name)))
        return opened[-1]

    yield make
    await asyncio.gather(*(database.close() for database in opened))
