"""`python -m bench [--quick] [SUITE …]`: measure, print, and write `bench/results/<suite>.json`."""

import argparse
import asyncio
import json
import sys
from pathlib import Path

import uvloop

from bench import growth, pipeline, serving, store
from bench.measuring import Row, written
from shouwang.serving import calm_the_collector

RESULTS = Path(__file__).parent / "results"
SUITES = {
    "store": store.measure,
    "pipeline": pipeline.measure,
    "serving": serving.measure,
    "growth": growth.measure,
}


def main() -> None:
    """Measure the suites that are asked for, or all."""
    asked = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    asked.add_argument("suite", nargs="*", choices=[*SUITES, []], help="which; all if left out")
    asked.add_argument("--quick", action="store_true", help="short turns, nothing is written")
    told = asked.parse_args()
    calm_the_collector()  # as every process of ours does; the peers that share this one have it so, too
    for name in told.suite or SUITES:
        # On the loop that the profile runs on: clients of Kafka are not for uvloop (NotOnUvloop).
        run = asyncio.run if name == "pipeline" else uvloop.run
        rows = run(_run(name, quick=told.quick))
        if not told.quick:
            text = json.dumps(written(f"python -m bench {name}", rows), ensure_ascii=False, indent=1)
            (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf8")


async def _run(name: str, *, quick: bool) -> list[Row]:
    rows = []
    async for row in SUITES[name](quick=quick):
        rows.append(row)
        sys.stdout.write(line(row) + "\n")
        sys.stdout.flush()
    return rows


def line(row: Row) -> str:
    """Return a row for people."""
    against = "" if row.ratio is None else f"  {row.ratio} × {row.peer} ({row.peer_value:,})"
    held = {None: "", True: "  holds", False: "  DOES NOT HOLD"}[row.holds]
    took = "" if row.p50 is None else f"  p50 {row.p50} p95 {row.p95} p99 {row.p99} ms"
    beside = "".join(f"  {name} {value}" for name, value in row.beside.items())
    return f"{row.name}: {row.value:,} {row.unit}{took}{against}{beside}  [{row.bar or 'no bar'}]{held}"


if __name__ == "__main__":
    main()
