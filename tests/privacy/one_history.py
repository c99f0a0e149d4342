"""Lives through one history in a process of its own: `… OUT.json reporter COUNT SEED` or `… disclosure FIRST COUNT SECOND`."""

import asyncio
import json
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from services.kernel.telemetry import set_up_logs
from tests.privacy import test_disclosure, test_reporter


def history(kind: str, *numbers: int) -> Coroutine[Any, Any, dict[str, Any]]:
    """Return the history that the words name."""
    if kind == "reporter":
        count, seed = numbers
        return test_reporter.history(count, seed, lambda: "")
    first, count, second = numbers
    return test_disclosure.history(range(first, first + count), second=bool(second))


def main() -> None:
    """Write what everybody is given who is looked at; what is logged is for whoever listens."""
    out, (kind, *words) = Path(sys.argv[1]), sys.argv[2:]
    set_up_logs("platform")
    out.write_text(json.dumps(asyncio.run(history(kind, *map(int, words)))))
    sys.stderr.write(f"{test_reporter.LIVED} {words[0]}\n")


if __name__ == "__main__":
    main()
