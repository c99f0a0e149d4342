"""PostgreSQL, opened our way: a pool, migrations by files, and one name for "it is away"."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from services.kernel.errors import StoreDown
from services.kernel.waiting import end_if_cancelled

KERNEL_MIGRATIONS = Path(__file__).parent / "migrations"
Connection = Any
"""An asyncpg connection inside a transaction, or a pooled one."""

AWAY = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection cut between two messages of the protocol
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,  # the server ended it because another was in its way: nothing was written
    asyncio.TimeoutError,
)
"""What asyncpg raises when the server is away, stopping, starting, out of disk, or can't do it just now."""


class NewerData(Exception):  # noqa: N818
    """数据由更新版本写成,请用新版本启动。 · The data was written by a newer version: start that version."""


async def _leave_as_it_is(_: Connection) -> None:
    """Ask nothing of a connection that goes back to the pool: what we set holds for a transaction, and `alone` lets go.

    asyncpg's own reset costs as much as a question.
    """


class Database:
    """One service's database. Whoever opened it closes it; `ping` says whether it answers."""

    def __init__(self, pool: Any) -> None:
        """Wrap an open pool."""
        self._pool = pool

    @classmethod
    async def open(cls, url: str, *, most: int = 10) -> "Database":
        """Connect. `url` names the application's role, which can't change tables."""
        pool = await asyncpg.create_pool(
            url, min_size=0, max_size=most, command_timeout=60, reset=_leave_as_it_is,
            # A plan that was kept from when a table was empty reads all of it ever after.
            server_settings={"plan_cache_mode": "force_custom_plan"},
        )  # fmt: skip
        return cls(pool)

    async def close(self) -> None:
        """Close all connections."""
        try:
            async with asyncio.timeout(5):
                await self._pool.close()
        except (TimeoutError, *AWAY):
            self._pool.terminate()

    async def ping(self) -> None:
        """Raise StoreDown if the database doesn't answer."""
        await self.fetch("select 1")

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Give a pooled connection; a server that is away is StoreDown."""
        try:
            async with self._pool.acquire(timeout=10) as connection:
                yield connection
        except AWAY as error:
            end_if_cancelled()  # the rollback of what was cancelled failed, too
            raise StoreDown from error

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Give a connection inside a transaction that commits at the end."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def alone(self, name: str) -> AsyncIterator[Connection]:
        """Wait until nobody else is in here under this name; the connection given holds the place until it is cut."""
        async with self.connection() as connection:
            try:
                await connection.execute("select pg_advisory_lock(hashtext($1))", name)
                yield connection
            finally:
                if not connection.is_closed():
                    await connection.execute("select pg_advisory_unlock_all()")

    async def fetch(self, sql: str, *values: Any) -> Sequence[Any]:
        """Run one statement and return its rows."""
        async with self.connection() as connection:
            rows: Sequence[Any] = await connection.fetch(sql, *values)
            return rows


async def write(connection: Connection, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Run one statement that takes rows as columns (`unnest`), where there are any."""
    if rows:
        await connection.execute(sql, *zip(*rows, strict=True))


async def migrate(url: str, folders: Sequence[Path], grants: str = "") -> None:
    """Bring the schema up to date, as the owner's role: numbered files, each once, in one transaction each.

    `grants` runs after new files. Raises NewerData where the database knows files that these folders don't have.
    """
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "create table if not exists migration (name text primary key, hash text not null, at timestamptz default now())"
        )
        done = {
            row["name"]: row["hash"] for row in await connection.fetch("select name, hash from migration")
        }
        files = {f"{f.parent.parent.name}/{f.name}": f for d in folders for f in sorted(d.glob("*.sql"))}
        if set(done) - set(files):
            raise NewerData(", ".join(sorted(set(done) - set(files))))
        for name, file in files.items():
            sql = file.read_text(encoding="utf8")
            if name not in done:
                async with connection.transaction():
                    await connection.execute(sql)
                    await connection.execute(
                        "insert into migration (name, hash) values ($1, $2)",
                        name, hashlib.sha256(sql.encode()).hexdigest(),
                    )  # fmt: skip
        if grants:
            await connection.execute(grants)
    finally:
        await connection.close()
