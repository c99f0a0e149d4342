"""From bytes to sheets, through a child process that a bad file may kill without harm to us."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from services.registry.ledger import limits
from services.registry.ledger.formats import kind_of
from services.registry.ledger.model import FileRefused, Sheet, SheetRow
from services.registry.ledger.wire import Begin, Refusal, read_frames, unpack

CHILD = "services.registry.ledger.workbook_child"
ROOT = Path(__file__).resolve().parents[3]
OUT_OF_TIME = {-signal.SIGXCPU, -signal.SIGKILL}
OUT_OF_MEMORY = {-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS}


def open_workbook(content: bytes, filename: str) -> tuple[Sheet, ...]:
    """The sheets of the file with their filled rows; a text file is one sheet without a name.

    Raises:
        FileRefused: with one of the file codes of codes.yaml.
    """
    if len(content) > limits.FILE_BYTES:
        raise FileRefused("workbook-too-large", f"{len(content)} bytes")
    sheets = _sheets(_ask_child(kind_of(content, filename), content))
    if not any(sheet.rows for sheet in sheets):
        raise FileRefused("file-empty")
    return sheets


def _ask_child(kind: str, content: bytes) -> bytes:
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.defpath, "LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "1"}
    try:
        done = subprocess.run(  # noqa: S603 - our own module; the file comes in by standard input
            [sys.executable, "-m", CHILD, kind],
            input=content,
            capture_output=True,
            timeout=limits.CHILD_WALL_SECONDS,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise FileRefused("workbook-too-slow", f"{limits.CHILD_WALL_SECONDS} s") from error
    if done.returncode == 0:
        return done.stdout
    if done.returncode in OUT_OF_TIME:
        raise FileRefused("workbook-too-slow", "processor time")
    if done.returncode in OUT_OF_MEMORY or b"MemoryError" in done.stderr:
        raise FileRefused("workbook-too-large", "memory")
    raise FileRefused("file-damaged", f"reader ended with {done.returncode}")


def _sheets(answer: bytes) -> tuple[Sheet, ...]:
    begun: list[tuple[Begin, list[SheetRow]]] = []
    texts: dict[str, str] = {}  # a ledger says the same words over and over
    for frame in read_frames(answer):
        if isinstance(frame, Refusal):
            raise FileRefused(frame.code, frame.detail)
        if isinstance(frame, Begin):
            begun.append((frame, []))
            continue
        for index, cells in frame.rows:
            kept = (texts.setdefault(c, c) if isinstance(c, str) else unpack(c) for c in cells)
            begun[-1][1].append(SheetRow(index, tuple(kept)))
    return tuple(_sheet(sheet, rows) for sheet, rows in begun)


def _sheet(sheet: Begin, rows: list[SheetRow]) -> Sheet:
    return Sheet(
        name=sheet.name,
        rows=tuple(rows),
        merges=tuple(sheet.merges),
        formulas=frozenset(sheet.formulas),
        errors=frozenset(sheet.errors),
        date_1904=sheet.date_1904,
        typed=sheet.typed,
        hidden=sheet.hidden,
        hidden_rows=frozenset(sheet.hidden_rows),
        hidden_columns=frozenset(sheet.hidden_columns),
    )
