"""The database's disk is full, and has room again: what was acknowledged is there, once; then writing goes on.

A small tmpfs holds the cluster; a file beside it takes what is left. Where mounting is refused, the run says so.
"""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.errors import InfraError
from infra.postgres import Postgres
from services.kernel.database import KERNEL_MIGRATIONS, Database, migrate
from services.kernel.store import EventStore
from tests.faults.harness.row import Row
from tests.faults.harness.run import Run, fresh
from tests.faults.scenarios.postgres import Told, Writer, check, until

WRITERS = 8
_SIZE = "384m"
_SETTINGS = {"max_wal_size": "64MB", "min_wal_size": "32MB", "shared_buffers": "32MB"}


class MountRefused(Exception):  # noqa: N818
    """Mounting a tmpfs is refused here: the scenario did not run."""


@contextmanager
def small_disk(at: Path) -> Iterator[Path]:
    """A disk of its own, of a size that is soon full."""
    at.mkdir(parents=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", at], capture_output=True, check=False
    )
    if done.returncode:
        raise MountRefused(done.stderr.decode())
    at.chmod(0o755)
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", at], check=True)


async def run(run: Run) -> list[Row]:
    """Fill the disk under writers, make room, go on."""
    row = run.row()
    try:
        with (
            small_disk(run.postgres.folder.parent / "small") as disk,
            Postgres(disk / "postgres", settings=_SETTINGS) as postgres,
        ):
            await _filled(run, row, postgres, disk)
    except MountRefused as refused:
        row.notes = f"not run: {refused}"
    return [row]


async def _filled(run: Run, row: Row, postgres: Postgres, disk: Path) -> None:
    told, stop = Told(), asyncio.Event()
    await fresh(postgres, "faults_postgres")
    url = postgres.url("faults_postgres")
    await migrate(url, [KERNEL_MIGRATIONS])
    bases = [await Database.open(url) for _ in range(2)]
    stores = [EventStore(base) for base in bases]
    running = [asyncio.create_task(store.run()) for store in stores]
    writing = [
        asyncio.create_task(Writer(i, run.seed, stores[i % 2], told).write(stop)) for i in range(WRITERS)
    ]
    try:
        while row.faults < run.least["fills"]:
            await until(told, len(told.acknowledged) + run.dice.randint(50, 300), writing, run.patience)
            row.recoveries.append(await _fill(run, told, postgres, disk))
            row.faults += 1
        await until(told, len(told.acknowledged) + 100, writing, run.patience)
        stop.set()
        await asyncio.gather(*writing)
    finally:
        for task in (*writing, *running):
            task.cancel()
        await asyncio.gather(*writing, *running, return_exceptions=True)
        for base in bases:
            await base.close()
    row.commands, row.acknowledged, row.unknown = told.commands, len(told.acknowledged), told.unknown
    row.reached = {"fills": row.faults}
    row.found = await check(postgres, told, None)


async def _fill(run: Run, told: Told, postgres: Postgres, disk: Path) -> float:
    """Take all room, wait until somebody can't write, give it back; returns how long it then took."""
    ballast, began = disk / "ballast", time.monotonic()
    with ballast.open("wb", buffering=0) as file:
        while told.failed_at < told.last and time.monotonic() - began < run.patience:
            try:
                file.write(b"x" * (1 << 16))
            except OSError:  # full; what PostgreSQL frees is taken too
                await asyncio.sleep(0.05)
    await asyncio.sleep(run.dice.random())
    ballast.unlink()
    roomy = time.monotonic()
    while told.last < roomy:
        if not postgres.running:
            try:
                await asyncio.to_thread(postgres.start)  # as its operator, or systemd, does
            except InfraError:
                await asyncio.sleep(0.5)
        await asyncio.sleep(0.02)
    return told.last - roomy
