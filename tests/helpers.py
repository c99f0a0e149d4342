"""What several tests need: worlds that repeat, records by hand, a platform in a folder."""

import asyncio
import atexit
import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from infra.databases import prepare
from infra.postgres import Postgres
from services.agency.versions import Versions
from services.kernel.bus.port import Bus
from services.kernel.keys.ciphers import Cipher
from services.kernel.keys.ring import KeyRing
from services.kernel.store import Append, NewEvent, partition_of
from services.kernel.world import World
from services.registry.founding import post_id
from shouwang.client import Person, Platform
from shouwang.embedded import Embedded, write_secrets

START = datetime(2026, 11, 1, tzinfo=UTC)


def new_event(
    stream: UUID, version: int, key: str = "", *, event_id: UUID | None = None, value: bytes = b"{}"
) -> NewEvent:
    """An event of no type that matters, for tests of the store and the bus alone."""
    orderkey = key or str(stream)
    return NewEvent(
        event_id or uuid4(),
        stream,
        version,
        "test.happened.v1",
        orderkey,
        partition_of(orderkey),
        START,
        value,
        b"",
    )


def one(stream: UUID, version: int, **how: Any) -> Append:
    """An append of one event."""
    key, body = how.pop("command_key", None), how.pop("body", b"")
    return Append([new_event(stream, version, **how)], key=key, body=body, answer=b"answer")


_MEMORY, _DISK, _ROOM = Path("/dev/shm"), Path("/var/tmp"), 8 << 30  # noqa: S108 - mkdtemp makes folders of our own there
_CLUSTER = "SHOUWANG_TEST_CLUSTER"


@contextlib.contextmanager
def new_folder(*, on_disk: bool = False) -> Iterator[Path]:
    """A folder that the database's account can reach, gone afterwards; in memory where there is room."""
    in_memory = not on_disk and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM
    made = Path(tempfile.mkdtemp(dir=_MEMORY if in_memory else _DISK, prefix="shouwang-test-"))
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


async def made_cluster() -> Path:
    """Return a stopped cluster in which the services' databases are, empty: made once, also for processes begun here."""
    if _CLUSTER not in os.environ:
        folder = _until_the_end.enter_context(new_folder())
        with Postgres(folder / "postgres") as server:
            await prepare(server.url("postgres"), "of nobody's")
        os.environ[_CLUSTER] = str(folder / "postgres")
    return Path(os.environ[_CLUSTER])


_until_the_end = contextlib.ExitStack()
atexit.register(_until_the_end.close)


@contextlib.asynccontextmanager
async def embedded(
    bus: Bus | None = None,
    world: World | None = None,
    cipher: Cipher | None = None,
    keys: KeyRing | None = None,
    secrets: Mapping[str, str] | None = None,
) -> AsyncIterator["Running"]:
    """A whole platform with a PostgreSQL of its own, gone afterwards."""
    with new_folder() as folder:
        if secrets:
            write_secrets(folder, secrets)
        copy = ["cp", "-a", str(await made_cluster()), str(folder / "postgres")]
        await asyncio.to_thread(subprocess.run, copy, check=True)
        postgres = Postgres(folder / "postgres")
        await asyncio.to_thread(postgres.start)
        async with started(
            Embedded(folder, postgres, bus=bus, world=world, cipher=cipher, keys=keys), postgres
        ) as running:
            await running.client.settled()
            yield running


@contextlib.asynccontextmanager
async def started(platform: Embedded, postgres: Postgres) -> AsyncIterator["Running"]:
    """A platform on a PostgreSQL that runs; both stop at the end."""
    try:
        await platform.start()
        client = Platform(platform.urls)
        yield Running(platform, postgres, client)
        await client.close()
    finally:
        await platform.stop()
        await asyncio.to_thread(postgres.stop)


async def fetch_from(postgres: Postgres, database: str, sql: str, *values: Any) -> Sequence[Any]:
    """Ask a database as its administrator; bare names of the agency's rows mean the version that answers."""
    connection = await asyncpg.connect(postgres.url(database))
    try:
        if database == "agency":
            await connection.execute(
                "select set_config('search_path', 'pages_' || n || ', public', false) from active"
            )
        rows: Sequence[Any] = await connection.fetch(sql, *values)
        return rows
    finally:
        await connection.close()


class Running:
    """A platform that runs, with the client's shortcuts."""

    def __init__(self, platform: Embedded, postgres: Postgres, client: Platform) -> None:
        self.platform = platform
        self.postgres = postgres
        self.client = client

    @property
    def versions(self) -> Versions:
        """What an operator does with versions of the views."""
        return self.platform.versions

    async def folds(self, *versions: int) -> None:
        """Wait until the service folds just these versions."""
        wanted = {f"agency.pages.{n}" for n in versions}
        async with asyncio.timeout(60):
            while {
                c for c in (await self.client.positions())["agency"]["consumers"] if "pages" in c
            } != wanted:
                await asyncio.sleep(0.03)

    async def sign_in(self, key: str) -> Person:
        return await self.client.sign_in(post_id(key))

    async def register(self, name: str, village: str = "990101001001", **facts: Any) -> str:
        """Register a child as township A's clerk; returns its id."""
        clerk = await self.sign_in("township-a-clerk")
        done = await clerk.do("registry/register-child", region=village, name=name, **facts)
        child: str = done["events"][0]["subject"]
        return child

    async def fetch(self, database: str, sql: str, *values: Any) -> Sequence[Any]:
        """Ask a database as its administrator."""
        return await fetch_from(self.postgres, database, sql, *values)
