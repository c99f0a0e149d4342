"""`make privacy`: the tests of privacy with their full counts; `bench/results/privacy.json` says what they tried and found.

`python -m tests.privacy ROW …` runs these rows alone; the others stay as they are, each with its own command and time.
`--quick` runs them with the counts of the test suite, and writes nothing.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import typer

from bench.measuring import written

ROOT = Path(__file__).parents[2]
OUT = ROOT / "bench" / "results" / "privacy.json"
BARS = {
    "authority": 100_000, "disclosure": 10_000, "reporter": 10_000, "erasure": 1_000, "read audit": 10_000,
    "api fuzz": 1_000, "hostile uploads": 40, "planted": 6,
}  # fmt: skip
"""What must be told of, and how many must at least be tried."""
PLANTED = {
    "test_with_row_level_security_off_the_check_would_notice": "tests/agency/test_fences.py",
    "test_a_class_that_is_shown_to_the_wrong_role_is_noticed": "tests/privacy/test_disclosure.py",
    "test_an_answer_that_leaves_before_its_record_is_noticed": "tests/agency/test_fences.py",
    "test_a_key_released_for_what_the_feed_never_gave_is_noticed": "tests/agency/test_fences.py",
    "test_a_reporter_in_a_line_of_the_log_is_noticed": "tests/privacy/test_reporter.py",
    "test_a_block_moved_to_another_event_person_or_class_does_not_open": "tests/kernel/test_sealing.py",
}
"""The planted violations of the issue, each by the test that has to notice it, and the file in which that is."""
WHERE = {
    "authority": ["tests/kernel/test_authority.py"],
    "disclosure": ["tests/privacy/test_disclosure.py"],
    "reporter": ["tests/privacy/test_reporter.py"],
    "erasure": ["tests/privacy/test_erasure.py"],
    "read audit": ["tests/privacy/test_reads.py"],
    "api fuzz": ["tests/privacy/test_fuzz.py"],
    "hostile uploads": ["tests/registry/hostile"],
    "planted": [f"{file}::{name}" for name, file in PLANTED.items()],
}
"""Where the tests of each row are."""


def rows_of(report: Path) -> Iterator[dict[str, Any]]:
    """Read a report of pytest: a row for each bar, with what the tests told of themselves; who told nothing tried nothing."""
    rows: dict[str, dict[str, Any]] = {
        name: {"test": name, "tried": 0, "failed": 0, "bar": bar, "seed": 0} for name, bar in BARS.items()
    }
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it a moment ago
        told = {p.get("name", ""): p.get("value", "") for p in case.iter("property")}
        if case.get("name", "").partition("[")[0] in PLANTED:
            told = {"test": "planted", "tried": "1", "failed": "0", "seed": "0"}
        broken = any(True for tag in ("failure", "error") for _ in case.iter(tag))
        if "test" in told:
            row = rows[told["test"]]
            row["tried"] += int(told["tried"])
            row["failed"] += max(int(told["failed"]), int(broken))
            row["seed"] = int(told["seed"])
    for row in rows.values():
        yield row | {"holds": row["failed"] == 0 and row["tried"] >= row["bar"]}


def run(asked: Sequence[str], *, quick: bool = False) -> tuple[int, list[dict[str, Any]]]:
    """Run the tests of these rows; returns (pytest's code, the rows)."""
    names = [name for name in BARS if name in asked]
    where = list(dict.fromkeys(path for name in names for path in WHERE[name]))
    where = [path for path in where if path.partition("::")[0] not in where or "::" not in path]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", *where, "--junitxml", str(report)]
        full = {} if quick else {"SHOUWANG_PRIVACY": "full", "SHOUWANG_RATE_PER_MINUTE": "0"}
        code = subprocess.run(command, cwd=ROOT, env=os.environ | full, check=False).returncode
        return code, [row for row in rows_of(report) if row["test"] in names]


def kept(out: Path, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of a file with these in their place."""
    before = json.loads(out.read_text(encoding="utf8"))["rows"] if out.exists() else []
    by_name = {row["test"]: row for row in (*before, *rows)}
    return [by_name[name] for name in BARS if name in by_name]


def main() -> int:
    """Run what is asked for; 0 where every bar of it holds."""
    parser = argparse.ArgumentParser(prog="python -m tests.privacy", description=__doc__)
    parser.add_argument("row", nargs="*", choices=[*BARS, []], help="which; all if left out")
    parser.add_argument("--quick", action="store_true", help="the counts of the test suite")
    asked = parser.parse_args()
    code, rows = run(asked.row or list(BARS), quick=asked.quick)
    if asked.quick:
        return code
    told = written(shlex.join(["python", "-m", "tests.privacy", *sys.argv[1:]]), [])
    rows = [row | {"command": told["command"], "at": told["at"]} for row in rows]
    text = json.dumps(told | {"rows": kept(OUT, rows)}, ensure_ascii=False, indent=1)
    OUT.write_text(text + "\n", encoding="utf8")
    for row in rows:
        holds = "holds" if row["holds"] else "DOES NOT HOLD"
        typer.echo(f"{row['test']:16} {row['tried']:>7} of {row['bar']:>7}  failed {row['failed']}  {holds}")
    return code or int(not all(row["holds"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
