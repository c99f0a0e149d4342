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
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import asyncpg
import openpyxl

from bench import ledger
from bench.places import create, postgres, tools
from infra.postgres import Postgres
from services.kernel.assemble import Writing, write_path
from services.kernel.people.auth import Principal
from services.registry.app import MIGRATIONS
from services.registry.child import CHILD
from services.registry.columns import Columns
from services.registry.founding import body_id, founding_events, person_id, post_id
from services.registry.imports import Imports, Order
from shouwang.embedded import DEMO_COUNTY

CLOSING = date(2026, 9, 30)


async def ours(cluster: Postgres, folder: Path, content: bytes) -> dict[str, Any]:
    """Import through the registry's own import; returns seconds and outcomes."""
    async with tools(cluster, folder, "registry", MIGRATIONS) as given:
        path = write_path("registry", given, [CHILD])
        committing = asyncio.create_task(path.store.run())
        columns = Columns(given.database, given.world)
        imports = Imports(path.commands, path.store, path.reference, columns)
        order = Order(_clerk(path), "ledger.xlsx", CLOSING, dry_run=False, rural=None)
        begin = time.perf_counter()
        reading = await imports.read(order, content)
        read = time.perf_counter()
        accepted = [result.outcome async for result in imports.run(order, reading)].count("accepted")
        end = time.perf_counter()
        events = (await path.store.position())[1]
        committing.cancel()
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
    url = await create(cluster, "peer")
    connection = await asyncpg.connect(url)
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
