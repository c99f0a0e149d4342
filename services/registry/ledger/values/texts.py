"""Cells as text: addresses, places of work, peoples, relations; kept as written."""

import re
from datetime import date, datetime
from functools import cache

from services.registry.ledger.data import INVISIBLE, half_width, load
from services.registry.ledger.limits import TEXT_CHARS
from services.registry.ledger.model import Cell
from services.registry.ledger.values.read import EMPTY, Read

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
BLANKS = re.compile(r"\s+")


@cache
def marks(kind: str) -> frozenset[str]:
    """The words of marks.yaml for nothing, not_known, no_number, deceased_dash or deceased_words."""
    return frozenset(str(mark) for mark in load("marks")[kind])


def plain(cell: Cell) -> str:
    """The cell as one line of text: half-width, without an apostrophe in front; a whole number without .0."""
    if cell is None or isinstance(cell, bool):
        return "" if cell is None else str(cell)
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    return half_width(str(cell)).strip().lstrip("'‘’`").strip()


def is_nothing(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, str) and (not cell.strip() or cell.strip() in marks("nothing")))


def is_not_known(cell: Cell) -> bool:
    return isinstance(cell, str) and cell.strip() in marks("not_known")


def read_text(cell: Cell) -> Read:
    """Text as it was written, blanks at the ends and doubled blanks gone."""
    if is_nothing(cell):
        return EMPTY
    if is_not_known(cell):
        return Read(problem="stated-unknown")
    if not isinstance(cell, str):
        return Read(plain(cell), ("text-read-from-number",))
    text = BLANKS.sub(" ", INVISIBLE.sub("", cell)).strip()
    clean = CONTROL.sub("", text)
    warnings: tuple[str, ...] = ("control-characters",) if clean != text else ()
    if len(clean) > TEXT_CHARS:
        return Read(problem="text-too-long")
    if "\ufffd" in clean:
        warnings += ("unreadable-character",)
    if not any(letter.isalnum() for letter in clean):
        return Read(problem="text-without-words")
    return Read(clean, warnings)
