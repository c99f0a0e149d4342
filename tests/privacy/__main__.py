"""`make privacy`: the tests of privacy with their full counts; `bench/results/privacy.json` says what they tried and found."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
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
PLANTED = (
    "test_with_row_level_security_off_the_check_would_notice",
    "test_a_class_that_is_shown_to_the_wrong_role_is_noticed",
    "test_an_answer_that_leaves_before_its_record_is_noticed",
    "test_a_key_released_for_what_the_feed_never_gave_is_noticed",
    "test_a_reporter_in_a_line_of_the_log_is_noticed",
    "test_a_block_moved_to_another_event_person_or_class_does_not_open",
)
"""The planted violations of the issue, each by the test that has to notice it."""
WHERE = (
    "tests/privacy",
    "tests/kernel/test_authority.py",
    "tests/kernel/test_sealing.py",
    "tests/agency/test_fences.py",
    "tests/registry/hostile",
    "tests/sign_in",
)


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


def main() -> int:
    """Run them all; 0 where every bar holds."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", *WHERE, "--junitxml", str(report)]
        full = {**os.environ, "SHOUWANG_PRIVACY": "full", "SHOUWANG_RATE_PER_MINUTE": "0"}
        code = subprocess.run(command, cwd=ROOT, env=full, check=False).returncode
        rows = list(rows_of(report))
    told = written("make privacy", []) | {"rows": rows}
    OUT.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf8")
    for row in rows:
        holds = "holds" if row["holds"] else "DOES NOT HOLD"
        typer.echo(f"{row['test']:16} {row['tried']:>7} of {row['bar']:>7}  failed {row['failed']}  {holds}")
    return code or int(not all(row["holds"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
