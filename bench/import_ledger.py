"""How long a county's ledger takes until every row is durable: `python -m bench.import_ledger [ROWS]`.

Ours reads, checks, matches, decides, seals and appends two events a child, on real PostgreSQL with synchronous commits;
the registry is alone, as in a process of its own. Peer, in the same run: openpyxl (read-only mode) and COPY of the same
cells into one table, which checks nothing, seals nothing and knows no child twice.
"""

import asyncio
import json
import platform
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import asyncpg
import openpyxl

from bench import ledger
from infra.postgres import Postgres
from infra.processes import server_account
from services.kernel.assemble import Writing, write_path
from services.kernel.auth import Principal, Tokens
from services.kernel.bus_embedded import EmbeddedBus
from services.kernel.database import Database, migrate
from services.kernel.keys import KeyRing
from services.kernel.sealing import AesGcm
from services.kernel.service import Tools
from services.kernel.world import RealWorld
from services.registry.app import MIGRATIONS
from services.registry.child import CHILD
from services.registry.columns import Columns
from services.registry.founding import body_id, founding_events, person_id, post_id
from services.registry.imports import Imports, Order
from shouwang.embedded import DEMO_COUNTY

KERNEL = MIGRATIONS.parents[1] / "kernel" / "migrations"
CLOSING = date(2026, 9, 30)


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


async def ours(cluster: Postgres, folder: Path, content: bytes) -> dict[str, Any]:
    """Import through the registry's own import; returns seconds and outcomes."""
    await _create(cluster, "registry")
    await migrate(cluster.url("registry"), [KERNEL, MIGRATIONS])
    world = RealWorld()
    keys = KeyRing(folder / "keys.sqlite", "passphrase", world)
    database = await Database.open(cluster.url("registry"))
    tools = Tools(database, EmbeddedBus(), keys, AesGcm(world), world, Tokens("s" * 32), "s")
    path = write_path("registry", tools, [CHILD])
    committing = asyncio.create_task(path.store.run())
    imports = Imports(path.commands, path.store, path.reference, Columns(database, world))
    order = Order(_clerk(path), "ledger.xlsx", CLOSING, dry_run=False, rural=None)
    begin = time.perf_counter()
    reading = await imports.read(order, content)
    read = time.perf_counter()
    accepted = [result.outcome async for result in imports.run(order, reading)].count("accepted")
    end = time.perf_counter()
    events = (await database.fetch("select head from store"))[0]["head"]
    committing.cancel()
    await database.close()
    keys.close()
    return {
        "read_s": round(read - begin, 2), "append_s": round(end - read, 2), "durable_s": round(end - begin, 2),
        "accepted": accepted, "events": events,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "reader_child_peak_mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
    }  # fmt: skip


def _clerk(path: Writing) -> Principal:
    for seq, event in enumerate(founding_events(DEMO_COUNTY), 1):
        kind = event.type.split(".")[1].split("-")[0].replace("policy", "pack")
        path.reference._take(kind, event.split()[0], seq)  # noqa: SLF001 - in place of its topic
    body = path.reference.bodies[body_id("township-a")]
    return Principal(person_id("township-a-clerk"), post_id("township-a-clerk"), body, "bench")


async def peer(cluster: Postgres, content: Path) -> dict[str, Any]:
    """Load the same cells with openpyxl and COPY."""
    await _create(cluster, "peer")
    connection = await asyncpg.connect(cluster.url("peer"))
    columns = [f"c{n}" for n in range(len(ledger.LABELS))]
    await connection.execute(f"create table child ({', '.join(f'{c} text' for c in columns)})")
    begin = time.perf_counter()
    sheet = openpyxl.load_workbook(content, read_only=True).worksheets[0]
    rows = [
        tuple(None if c is None else str(c) for c in row)
        for row in sheet.iter_rows(min_row=2, values_only=True)
    ]
    await connection.copy_records_to_table("child", records=rows, columns=columns)
    taken = time.perf_counter() - begin
    await connection.close()
    return {"durable_s": round(taken, 2), "rows": len(rows)}


async def _create(cluster: Postgres, name: str) -> None:
    connection = await asyncpg.connect(cluster.url("postgres"))
    await connection.execute(f"create database {name}")
    await connection.close()


async def run(rows: int) -> dict[str, Any]:
    """Import a ledger of so many rows, both ways."""
    async with postgres() as (cluster, folder):
        book = folder / "ledger.xlsx"
        await asyncio.to_thread(ledger.write, book, rows)
        content = await asyncio.to_thread(book.read_bytes)
        mine = await ours(cluster, folder, content)
        theirs = await peer(cluster, book)
    return {
        "command": f"python -m bench.import_ledger {rows}", "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(), "rows": rows, "file_mib": round(len(content) / 2**20, 1), "ours": mine,
        "peer_openpyxl_and_copy": theirs, "ratio": round(mine["durable_s"] / theirs["durable_s"], 2),
        "target": {"rows": 100_000, "durable_s": 90, "peak_mib": 512},
    }  # fmt: skip


def main() -> None:
    """Run and print what came out; the suite `serving` keeps it."""
    found = asyncio.run(run(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
    text = json.dumps(found, ensure_ascii=False, indent=1) + "\n"
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
