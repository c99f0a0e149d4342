"""How well a child on file is found before it is registered again: `python -m bench.candidates`.

Peer, in the same run and on the same synthetic set: PostgreSQL's pg_trgm over names in plain text, alone and among those of
the typed birth date; its threshold is the one that suits it best on these very questions, ours is fixed beforehand.
"""

import asyncio
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

from tests.agency.measuring import measure
from tests.helpers import embedded

RESULTS = Path(__file__).parent / "results" / "candidates.json"


async def run() -> dict[str, Any]:
    """Measure on a platform of its own."""
    async with embedded() as running:
        told = await measure(running)
        ((postgres,),) = await running.fetch("postgres", "show server_version")
    return {
        "command": "python -m bench.candidates", "python": platform.python_version(), "postgres": postgres,
        "cpus": os.cpu_count(), "figures": {way: figures._asdict() for way, figures in told.items()},
    }  # fmt: skip


def main() -> None:
    """Measure, print and keep what came out."""
    text = json.dumps(asyncio.run(run()), ensure_ascii=False, indent=1) + "\n"
    RESULTS.write_text(text, encoding="utf8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
