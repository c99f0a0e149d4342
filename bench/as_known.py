"""How long "what did this body know of this child at T" takes: `python -m bench.as_known [CHILDREN …]`.

Peer, in the same run and process: reading the body's whole feed from the same database over a pooled connection and
filtering it in Python, which is what one does without a table by child. Our latencies are of whole answers over HTTP, with
proofs of events and of tellings, the consistency proof of every log, the signature and the record of the look; the peer
has none of these, and grows with the feed. Each is asked ten times before it is timed.
"""

import asyncio
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.databases import urls
from services.kernel.database import Database
from services.registry.founding import body_id
from shouwang.demo_ledger import CLOSING_DATE, demo_workbook
from shouwang.embedded import secrets_of
from shouwang.story import FILE, VILLAGES
from tests.helpers import embedded

RESULTS = Path(__file__).parent / "results" / "as-known.json"
ASKED = 100
_WARM = 10


async def _timed(ask: Callable[[str], Awaitable[Any]], children: list[str]) -> dict[str, float]:
    taken = []
    for child in children[:_WARM]:
        await ask(child)
    for child in children:
        start = time.perf_counter()
        await ask(child)
        taken.append((time.perf_counter() - start) * 1000)
    cuts = statistics.quantiles(taken, n=100)
    return {"p50_ms": round(cuts[49], 2), "p95_ms": round(cuts[94], 2), "p99_ms": round(cuts[98], 2)}


async def run(rows: int) -> dict[str, Any]:
    """Import a ledger of so many rows, then ask about a hundred of its children, both ways."""
    async with embedded() as running:
        clerk, auditor = await running.sign_in("township-a-clerk"), await running.sign_in("procurator")
        book, _ = demo_workbook(7, VILLAGES, rows)
        await clerk.send_file(
            "registry/imports", book, filename=FILE, closing_date=CLOSING_DATE.isoformat(), rural="verified"
        )
        await running.client.settled()
        found = await running.fetch(
            "registry", "select stream from event where type like 'registry.child-reg%' limit $1", ASKED
        )
        children = [str(r["stream"]) for r in found]
        township = body_id("township-a")

        async def known(child: str) -> Any:
            return await auditor.ask("audit/known", body=str(township), child=child)

        secret = secrets_of(running.platform.folder)["database"]
        feed = await Database.open(urls("notification", running.postgres.url, secret)["app"])
        try:
            ours = await _timed(known, children)
            peer = await _timed(lambda child: _scan(feed, township, child), children)
        finally:
            await feed.close()
        events = (await running.fetch("audit", "select sum(size) from log where store <> 'feed'"))[0][0]
        told = (await running.fetch("audit", "select count(*) from told where agency = $1", township))[0][0]
        return {
            "rows": rows, "events": int(events), "feed_rows_of_the_body": told, "asked": len(children),
            "audit_known": ours, "peer_scan_of_the_feed": peer,
            "ratio_p50": round(peer["p50_ms"] / ours["p50_ms"], 2), "ratio_p95": round(peer["p95_ms"] / ours["p95_ms"], 2),
        }  # fmt: skip


async def _scan(feed: Database, agency: Any, child: str) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    rows = await feed.fetch(
        "select f.child, f.clause, f.disclosed_at, h.envelope from feed f join heard h using (event) where f.agency = $1",
        agency,
    )
    return [
        json.loads(row["envelope"])
        for row in rows
        if str(row["child"]) == child and row["disclosed_at"] <= now
    ]


def main() -> None:
    """Run every size, print and keep what came out."""
    sizes = [int(told) for told in sys.argv[1:]] or [600, 2400]
    found = {
        "command": f"python -m bench.as_known {' '.join(map(str, sizes))}", "python": platform.python_version(),
        "cpus": os.cpu_count(), "load": round(os.getloadavg()[0], 1), "runs": [asyncio.run(run(rows)) for rows in sizes],
    }  # fmt: skip
    text = json.dumps(found, ensure_ascii=False, indent=1) + "\n"
    RESULTS.write_text(text, encoding="utf8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
