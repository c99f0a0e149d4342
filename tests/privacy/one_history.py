"""Lives through one history in a process of its own; its words are those of `history`, after the file to write."""

import json
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import uvloop

from services.kernel.telemetry import set_up_logs
from tests.privacy import test_disclosure, test_reporter


def history(
    kind: str, one: int, two: int, three: int = 0, *, planted: bool
) -> Coroutine[Any, Any, dict[str, Any]]:
    """Return the history of `reporter COUNT SEED` or `disclosure FIRST COUNT SECOND`, with what is planted in it or not."""
    if kind == "reporter":
        if planted:
            test_reporter.plant()
        return test_reporter.history(one, two)
    table = test_disclosure.leaky() if planted else None
    return test_disclosure.history(range(one, one + two), second=bool(three), table=table)


def main() -> None:
    """Write what everybody is given who is looked at; what is logged is for whoever listens."""
    out, kind, *words = sys.argv[1:]
    numbers = [int(word) for word in words if word.isdigit()]
    set_up_logs("platform")
    lived = uvloop.run(history(kind, *numbers, planted="planted" in words))
    Path(out).write_text(json.dumps(lived))
    sys.stderr.write(f"{test_reporter.LIVED} {numbers[0]}\n")


if __name__ == "__main__":
    main()
