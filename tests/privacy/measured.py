"""How many each test of privacy tries: a quick cut in the suite, the full counts by `make privacy`; what it tells of itself."""

import os
from collections.abc import Callable

FULL = os.environ.get("SHOUWANG_PRIVACY") == "full"
Record = Callable[[str, object], None]
"""pytest's `record_property`."""


def many(quick: int, full: int) -> int:
    """Return how many to try in this run."""
    return full if FULL else quick


def tell(record: Record, test: str, *, tried: int, failed: int, bar: int, seed: int = 0) -> None:
    """Write a row of `bench/results/privacy.json`: what was tried, how many failed, how many had to be tried."""
    for name, value in {"test": test, "tried": tried, "failed": failed, "bar": bar, "seed": seed}.items():
        record(name, value)
