"""Runs the published proof vectors of transparency-dev/merkle: `python -m bench.merkle_vectors FOLDER`.

FOLDER is the project's `testdata`, taken by the user; it is not part of this repository.
"""

import base64
import json
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from services.audit.merkle import verify_consistency, verify_inclusion

RESULTS = Path(__file__).parent / "results" / "merkle-vectors.json"


def _bytes(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def _inclusion(told: dict[str, Any]) -> bool:
    proof = [_bytes(h) for h in told["proof"] or ()]
    return verify_inclusion(
        _bytes(told["leafHash"]), told["leafIdx"], told["treeSize"], proof, _bytes(told["root"])
    )


def _consistency(told: dict[str, Any]) -> bool:
    proof = [_bytes(h) for h in told["proof"] or ()]
    return verify_consistency(
        told["size1"], told["size2"], _bytes(told["root1"]), _bytes(told["root2"]), proof
    )


def run(folder: Path, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Run every vector of a folder; returns how many there are and which came out otherwise than they say."""
    files = sorted(folder.rglob("*.json"))
    other = []
    for file in files:
        told = json.loads(file.read_text(encoding="utf8"))
        if holds(told) is bool(told["wantErr"]):
            other.append(str(file.relative_to(folder)))
    return {"vectors": len(files), "as_published": len(files) - len(other), "otherwise": other}


def main() -> None:
    """Run both kinds, print and keep what came out; exit code 1 where one came out otherwise."""
    folder = Path(sys.argv[1])
    found: dict[str, Any] = {
        "command": "python -m bench.merkle_vectors testdata", "python": platform.python_version(),
        "inclusion": run(folder / "inclusion", _inclusion), "consistency": run(folder / "consistency", _consistency),
    }  # fmt: skip
    RESULTS.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf8")
    sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    if found["inclusion"]["otherwise"] or found["consistency"]["otherwise"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
