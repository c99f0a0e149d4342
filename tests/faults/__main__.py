"""Shows that nothing is lost, skipped, doubled or misordered under faults: `python -m tests.faults [--quick]`.

`--scenario` and `--seed` repeat one run. The exit code is 1 where something was found that must not be, a control found
nothing, or a scenario did not go as far as it had to.
"""

import argparse
import asyncio
import json
import logging
import os
import platform
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import structlog

from infra.jars import VERSION
from infra.kafka import Kafka
from infra.postgres import Postgres
from tests.faults.harness.bite import bite, look
from tests.faults.harness.row import Row
from tests.faults.harness.run import Run
from tests.faults.harness.scenarios import SCENARIOS
from tests.faults.planted.bugs import BUGS
from tests.helpers import new_folder

RESULTS = Path(__file__).parents[2] / "bench" / "results" / "faults.json"
_SEED = 20261125


def main() -> None:
    """Run what is asked for, print a line each, write the results of a full run."""
    asked = _asked(sys.argv[1:])
    quiet()
    os.environ["SHOUWANG_RATE_PER_MINUTE"] = "0"  # a few posts write as a whole county does
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are not left behind
    if asked.bite is not None:
        raise SystemExit(_bite(asked.bite, asked.seed, asked.clean))
    rows: list[Row] = []
    with new_folder(on_disk=True) as home:
        for name in asked.scenario or SCENARIOS:
            began = time.monotonic()
            told = asyncio.run(run(name, asked.seed, home / name, quick=asked.quick))
            for row in told:
                _say(row, time.monotonic() - began)
            rows += told
            if asked.out:
                _write(asked.out, rows)
    for name in SCENARIOS:
        if asked.scenario and name not in asked.scenario:
            sys.stdout.write(f"not run  {name}\n")
    if not all(row.as_it_must and row.enough for row in rows):
        raise SystemExit(1)


def quiet() -> None:
    """What is expected under faults is not worth a line each."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


async def run(name: str, seed: int, home: Path, *, quick: bool) -> list[Row]:
    """Run one scenario on servers of its own."""
    scenario = SCENARIOS[name]
    with Postgres(home / "postgres") as postgres:
        kafka = Kafka(home / "kafka")
        try:
            least = scenario.quick if quick else scenario.full
            return await scenario.run(Run(name, seed, least, postgres, kafka, 40.0 if quick else 90.0))
        finally:
            await asyncio.to_thread(kafka.stop)


def _write(out: Path, rows: Sequence[Row]) -> None:
    """Write what there is so far. Rows of scenarios that were not run now stay, each with its own command and time."""
    told = report(rows)
    now = {row["scenario"] for row in told["rows"]}
    before = json.loads(out.read_text(encoding="utf8"))["rows"] if out.exists() else []
    told["rows"] = [*(row for row in before if row["scenario"] not in now), *told["rows"]]
    out.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf8")


def _asked(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--scenario", action="append", choices=list(SCENARIOS))
    parser.add_argument("--seed", type=int, default=_SEED)
    parser.add_argument("--quick", action="store_true", help="small counts")
    parser.add_argument(
        "--bite", nargs="*", choices=list(BUGS), help="plant these bugs, or all, one after the other"
    )
    parser.add_argument(
        "--clean", type=int, default=1, help="with --bite: so many clean runs of each scenario"
    )
    parser.add_argument("--out", type=Path, help="where the results go; `make faults` names bench/results")
    return parser.parse_args(words)


def _bite(bugs: Sequence[str], seed: int, clean: int) -> int:
    """Print the table; returns 1 where a bug was not found, or something in a clean run."""
    wrong = 0
    names = dict.fromkeys(BUGS[bug].scenario for bug in bugs or BUGS)
    for told in chain(bite(bugs, seed), (look(n, seed + i) for i in range(1, clean + 1) for n in names)):
        as_it_must = told.found is bool(told.bug) and (told.found or not told.words)
        wrong += not as_it_must
        sys.stdout.write(
            f"{'ok' if as_it_must else 'WRONG':6}{told.bug or '-':30}{told.scenario:12}"
            f"{'found' if told.found else 'nothing':9}{told.seconds:6.1f} s  {told.words[:150]}\n"
        )
        sys.stdout.flush()
    return int(wrong > 0)


def _say(row: Row, seconds: float) -> None:
    word = "holds" if row.as_it_must else "FOUND"
    if row.theirs:
        word = "theirs"
    elif row.must_fail:
        word = "control" if row.found else "BLIND"
    short = "" if row.enough else f" NOT ENOUGH: {row.reached} of {row.least}"
    sys.stdout.write(
        f"{word:8} {row.scenario}: {row.faults} faults, {row.acknowledged} acknowledged, {row.unknown} unknown,"
        f" {seconds:.0f} s; found {row.found.words()}{short}\n"
    )
    sys.stdout.flush()


def report(rows: Sequence[Row]) -> dict[str, Any]:
    """Everything that a reader needs to judge the rows."""
    run = {
        "command": shlex.join(["python", "-m", "tests.faults", *sys.argv[1:]]),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, {platform.system()} {platform.release()}",
        "versions": {"python": platform.python_version(), "postgres": _postgres(), "kafka": VERSION}
        | {name: version(name) for name in ("asyncpg", "aiokafka", "faust-streaming", "eventsourcing")},
        **run,
        "rows": [{**row.told(), **run} for row in rows],
    }


def _postgres() -> str:
    from infra.binaries import ENV, programs
    from infra.processes import server_account

    told = subprocess.run(
        [programs(server_account()) / "postgres", "--version"], env=ENV, capture_output=True, check=True, text=True
    )  # fmt: skip
    return told.stdout.split()[-1]


if __name__ == "__main__":
    main()
