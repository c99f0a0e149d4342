"""A backup is one snapshot of the whole cluster; a restore makes a new folder of it, with new names for its logs."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from infra.binaries import ENV, programs
from infra.databases import SERVICES
from infra.errors import FolderNotOurs, KeysMissing, StartFailed, named
from infra.postgres import Postgres
from infra.processes import run, server_account

_WITH_LOGS: Final = ("registry", "reporting", "assessment", "notification", "agency", "audit")
RING: Final = "keys.sqlite"
_WITH_IT: Final = ("secrets.json", "audit.key")


def back_up(postgres: Postgres, to: Path) -> None:
    """Take a snapshot of a running cluster, with the log that makes it whole, into an empty folder `to`.

    The key ring is not in it: no backup of the cluster can bring a destroyed key back.

    Raises:
        FolderNotOurs: the folder is not empty.
        StartFailed: pg_basebackup failed.
    """
    if to.exists() and any(to.iterdir()):
        raise FolderNotOurs(to)
    with named(to):
        to.mkdir(parents=True, exist_ok=True, mode=0o700)
        account = server_account()
        if account.user is not None and account.group is not None:
            shutil.chown(to, account.user, account.group)
        command: list[str | Path] = [
            programs(account) / "pg_basebackup", "--pgdata", to / "data", "--dbname", _without_password(postgres),
            "--wal-method=stream", "--checkpoint=fast", "--no-password",
        ]  # fmt: skip
        secret = (postgres.folder / "password").read_text()
        code, words = run(command, cwd=to, env={**ENV, "PGPASSWORD": secret}, account=account)
        if code:
            raise StartFailed(words)
        shutil.copy2(postgres.folder / "password", to / "password")


def _without_password(postgres: Postgres) -> str:
    """Return the administrator's URL as others may see it in the list of processes."""
    url = urlsplit(postgres.url("postgres"))
    return urlunsplit(url._replace(netloc="postgres@"))


async def restore(backup: Path, installation: Path | None, to: Path) -> Postgres:
    """Make a data folder of a backup, with the keys of the `installation` in use today, and start its cluster.

    Every store gets a new incarnation: its log goes another way from here than the one that went on elsewhere.
    Checkpoints of the same snapshot move along; relays begin anew. The agencies' views are left out: they hold search
    tokens of people who were erased since, and are folded from the feed again, with today's keys, once it runs.

    Raises:
        KeysMissing: key ring or secrets are not there; nothing was touched.
        FolderNotOurs: the new cluster's folder is not empty.
    """
    missing = [f for f in (RING, *_WITH_IT) if installation is None or not (installation / f).is_file()]
    if installation is None or missing:
        raise KeysMissing(", ".join(missing))
    postgres = await asyncio.to_thread(_place, backup, to / "postgres")
    renewed = {service: await _renew(postgres, service) for service in _WITH_LOGS}
    for service in SERVICES:
        await _move_along(postgres, service, renewed)
    await _leave_views_out(postgres)
    await asyncio.to_thread(_copy_keys, installation, to)
    return postgres


def _copy_keys(installation: Path, to: Path) -> None:
    """Copy the ring as SQLite sees it: what a running or killed platform wrote last is in its log beside the file."""
    with closing(sqlite3.connect(installation / RING)) as ring, closing(sqlite3.connect(to / RING)) as copy:
        ring.backup(copy)
    (to / RING).chmod(0o600)
    for name in _WITH_IT:
        shutil.copy2(installation / name, to / name)


async def _leave_views_out(postgres: Postgres) -> None:
    connection = await asyncpg.connect(postgres.url("agency"))
    try:
        async with connection.transaction():
            if await connection.fetchval("select to_regclass('version')") is None:  # from before versions
                await connection.execute("truncate entry, child, task, token")
            else:
                await connection.execute(
                    "insert into awaited select partition, seq from checkpoint, active"
                    " where consumer = 'agency.pages.' || n and source = 'feed'"
                    " on conflict (partition) do update set seq = greatest(awaited.seq, excluded.seq);"
                    " delete from active; delete from version"
                )
            for row in await connection.fetch(
                r"select nspname from pg_namespace where nspname ~ '^pages_\d+$'"
            ):
                await connection.execute(f"drop schema {row['nspname']} cascade")
            for table in ("checkpoint", "parked"):
                await connection.execute(f"delete from {table} where consumer like 'agency.pages%'")
    finally:
        await connection.close()


def _place(backup: Path, to: Path) -> Postgres:
    if to.exists() and any(to.iterdir()):
        raise FolderNotOurs(to)
    shutil.copytree(backup, to, dirs_exist_ok=True)
    account = server_account()
    if account.user is not None and account.group is not None:
        for path in (to, *to.rglob("*")):
            shutil.chown(path, account.user, account.group)
    to.chmod(0o700)
    postgres = Postgres(to)
    postgres.start()
    return postgres


async def _renew(postgres: Postgres, service: str) -> str:
    connection = await asyncpg.connect(postgres.url(service))
    try:
        return str(
            await connection.fetchval(
                "update store set incarnation = gen_random_uuid() returning incarnation"
            )
        )
    finally:
        await connection.close()


async def _move_along(postgres: Postgres, service: str, renewed: dict[str, str]) -> None:
    by_source = renewed | {"reference": renewed["registry"], "feed": renewed["notification"]}
    connection = await asyncpg.connect(postgres.url(service))
    try:
        await connection.execute("delete from relay")
        await connection.executemany(
            "update checkpoint set incarnation = $2::text::uuid where source = $1", list(by_source.items())
        )
        # Set aside records carry the old name of their log; they are unpacked for their content alone.
        if service == "audit":
            await connection.executemany(
                "update log set incarnation = $2::text::uuid where store = $1", list(by_source.items())
            )
    finally:
        await connection.close()
