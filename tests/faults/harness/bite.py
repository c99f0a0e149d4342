"""Does it bite: every planted bug is found by the quick cut of its scenario, and clean runs find nothing."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.faults.planted.bugs import BUGS

ROOT = Path(__file__).parents[3]
_PLANTED = ROOT / "tests" / "faults" / "planted"
_MOST_SECONDS = 300


class Bite(NamedTuple):
    """A bug (none in a clean run), where it was looked for, what was found, and after how long."""

    bug: str
    scenario: str
    found: bool
    words: str
    seconds: float


def bite(names: Sequence[str], seed: int) -> Iterator[Bite]:
    """Run each bug's scenario with the bug planted."""
    for name in names or BUGS:
        yield look(BUGS[name].scenario, seed, name)


def look(scenario: str, seed: int, bug: str = "") -> Bite:
    """Run a scenario's quick cut in a process of its own, with a bug planted or with none."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rows.json"
        words = ["--quick", "--scenario", scenario, "--seed", str(seed), "--out", str(out)]
        planted = {"PYTHONPATH": str(_PLANTED), "SHOUWANG_PLANTED": bug} if bug else {}
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults", *words], cwd=ROOT, env={**os.environ, **planted},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            said = process.communicate(timeout=_MOST_SECONDS)[1]
        except subprocess.TimeoutExpired:
            process.terminate()  # it stops its servers
            process.communicate()
            return Bite(bug, scenario, found=False, words="no end", seconds=time.monotonic() - began)
        seconds = time.monotonic() - began
        if not out.exists():
            return Bite(bug, scenario, found=False, words=said.strip()[-300:] or "no rows", seconds=seconds)
        rows = json.loads(out.read_text(encoding="utf8"))["rows"]
    told = [row.get("first", "") for row in rows if not row["as_it_must"]]
    return Bite(bug, scenario, found=bool(told), words="; ".join(told), seconds=seconds)
