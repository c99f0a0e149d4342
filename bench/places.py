"""Where we measure: a PostgreSQL cluster of our own, durable as in use, with our store and the peer's database side by side."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg

from infra.postgres import Postgres
from infra.processes import server_account
from services.kernel.bus.embedded import EmbeddedBus
from services.kernel.database import KERNEL_MIGRATIONS, Database, migrate
from services.kernel.keys.ciphers import AesGcm
from services.kernel.keys.ring import KeyRing
from services.kernel.people.auth import Tokens
from services.kernel.service import Tools
from services.kernel.world import RealWorld


@asynccontextmanager
async def postgres() -> AsyncIterator[tuple[Postgres, Path]]:
    """Give a cluster of one's own, and a folder beside it."""
    account = server_account()
    with tempfile.TemporaryDirectory(dir=None if account.user is None else "/var/tmp") as folder:  # noqa: S108
        await asyncio.to_thread(Path(folder).chmod, 0o755)
        cluster = Postgres(Path(folder) / "postgres")
        await asyncio.to_thread(cluster.start)
        try:
            yield cluster, Path(folder)
        finally:
            await asyncio.to_thread(cluster.stop)


async def create(cluster: Postgres, name: str) -> str:
    """Make a database; returns its URL."""
    connection = await asyncpg.connect(cluster.url("postgres"))
    await connection.execute(f"create database {name}")
    await connection.close()
    return cluster.url(name)


@asynccontextmanager
async def tools(cluster: Postgres, folder: Path, name: str, *migrations: Path) -> AsyncIterator[Tools]:
    """Give what a service is made of, on a database of its own with the kernel's tables and these."""
    url = await create(cluster, name)
    await migrate(url, [KERNEL_MIGRATIONS, *migrations])
    world = RealWorld()
    keys = KeyRing(folder / f"{name}.sqlite", "passphrase", world)
    database = await Database.open(url)
    try:
        yield Tools(database, EmbeddedBus(), keys, AesGcm(world), world, Tokens("s" * 32), "s")
    finally:
        await database.close()
        keys.close()


def library_environment(url: str, most: int) -> Mapping[str, str]:
    """Return what the `eventsourcing` library wants to be told to use a database, with so many connections."""
    told = urlsplit(url)
    where = parse_qs(told.query)
    return {
        **os.environ, "PERSISTENCE_MODULE": "eventsourcing.postgres", "POSTGRES_DBNAME": told.path.lstrip("/"),
        "POSTGRES_HOST": where["host"][0], "POSTGRES_PORT": where["port"][0], "POSTGRES_USER": told.username or "",
        "POSTGRES_PASSWORD": told.password or "", "POSTGRES_POOL_SIZE": str(most), "POSTGRES_MAX_OVERFLOW": "0",
    }  # fmt: skip
