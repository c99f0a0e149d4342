"""A child whose reader has gone wrong, within the product's own limits: the file's content says how."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

from services.registry.ledger import workbook_child
from services.registry.ledger.wire import Begin, Frame, Rows


def _read(_: str, content: bytes) -> Iterator[Frame]:
    how = content.decode()
    yield Begin("")
    if how == "eats":
        held = [bytes(16 * 1024 * 1024) for _ in range(16)]
        yield Begin(str(len(held)))
    while how == "loops":
        pass
    while how == "sleeps":
        signal.pause()
    while how == "talks":
        yield Rows([(0, ["x" * 1_000_000])])
    while how == "fills":
        yield Rows([(0, [None] * 512)] * 1_000)
    if how == "writes":
        Path(f"/tmp/shouwang-{time.time_ns()}").write_bytes(b"x")  # noqa: S108 - it must not come to be


if __name__ == "__main__":
    workbook_child._read = _read  # type: ignore[assignment]
    workbook_child.main()
