"""Writes what was measured into the documents, from `bench/results/*.json`: `python -m bench.table [--check]`.

A document says where by two marks, `<!-- bench:NAME -->` and `<!-- /bench -->`; what stands between is ours.
"""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import scaling

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"
SUITES = ("store", "pipeline", "serving", "growth")
DOCUMENTS = (ROOT / "bench" / "README.md", ROOT / "docs" / "scaling.md")
_MARKED = re.compile(r"(<!-- bench:(\w+) -->\n).*?(<!-- /bench -->)", re.DOTALL)
_HELD = {None: "", True: "yes", False: "**no**"}

Results = dict[str, dict[str, Any]]


def results(folder: Path = RESULTS) -> Results:
    """Return what was measured, by suite."""
    files = {name: folder / f"{name}.json" for name in SUITES}
    return {n: json.loads(f.read_text(encoding="utf8")) for n, f in files.items() if f.exists()}


def rendered(text: str, found: Results) -> str:
    """Return a document with the parts between its marks made anew."""
    return _MARKED.sub(lambda m: m[1] + _PARTS[m[2]](found) + "\n" + m[3], text)


def rows(found: Results) -> str:
    """Return every row of every suite, and which suites were not run."""
    lines = []
    for suite in SUITES:
        told = found.get(suite)
        if told is None:
            lines += [f"### {suite}", "", "尚未测量 · Not measured yet.", ""]
            continue
        machine, versions = told["machine"], told["versions"]
        lines += [
            f"### {suite}", "",
            f"`{told['command']}`, {told['at']}, {machine['cores']} cores, {machine['system']} {machine['machine']}, load before"
            f" {machine['load_before']}; " + ", ".join(f"{name} {version}" for name, version in versions.items()),
            "", "| What | Measured | p50 / p95 / p99 ms | Peer in the same turns | Bar | Holds |", "|---|---|---|---|---|---|",
            *(_row(row) for row in told["rows"]), "",
        ]  # fmt: skip
    return "\n".join(lines).rstrip()


def _row(row: dict[str, Any]) -> str:
    beside = "".join(f"<br>{name}: {value:,}" for name, value in row["beside"].items())
    took = "" if row["p50"] is None else f"{row['p50']} / {row['p95']} / {row['p99']}"
    peer = "" if row["peer"] is None else f"{row['ratio']} × {row['peer']} ({row['peer_value']:,})"
    cells = (
        row["name"],
        f"{row['value']:,} {row['unit']}{beside}",
        took,
        peer,
        row["bar"] or "",
        _HELD[row["holds"]],
    )
    return "| " + " | ".join(cells) + " |"


_PARTS: dict[str, Callable[[Results], str]] = {"rows": rows, "scaling": scaling.part, "wall": scaling.wall}


def main() -> None:
    """Write the documents, or with `--check` say which are not up to date and end with 1."""
    found, late = results(), []
    for file in DOCUMENTS:
        text = file.read_text(encoding="utf8")
        if (new := rendered(text, found)) != text:
            late.append(file.relative_to(ROOT))
            if "--check" not in sys.argv:
                file.write_text(new, encoding="utf8")
    if late and "--check" in sys.argv:
        sys.exit("Not up to date, run `python -m bench.table`: " + ", ".join(map(str, late)))


if __name__ == "__main__":
    main()
