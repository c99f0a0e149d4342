"""What the sheet says about itself: the unit that filled it in, and the closing date."""

import re
from collections.abc import Iterable
from datetime import date

from services.registry.ledger.data import half_width
from services.registry.ledger.model import Cell, SheetRow
from services.registry.ledger.values.dates import read_date
from services.registry.ledger.values.read import Setting

LONGEST = 300  # characters of a line that tells unit and date
UNIT = re.compile(r"填报单位\s*(?:\(.{0,6}\))?\s*[::]?\s*(.*?)(?=\s{2,}|填报日期|填报时间|填表日期|截止|$)")
DATE = re.compile(
    r"(?:填报日期|填报时间|填表日期|填表时间|统计时间|截止日期|截止时间|截至|截止)\s*[::]?\s*(.*)"
)
DAY = re.compile(
    r"\d{4}\s*[-./年]\s*\d{1,2}\s*[-./月]\s*\d{1,2}日?|[〇○零一二三四五六七八九]{4}年[一二三四五六七八九十]+月[一二三四五六七八九十]+日"
)


def printed_unit(rows: Iterable[SheetRow]) -> str | None:
    """填报单位, written behind its label or in the next filled cell."""
    for row in rows:
        for at, cell in enumerate(row.cells):
            match = UNIT.search(half_width(cell)) if isinstance(cell, str) and len(cell) < LONGEST else None
            if match:
                unit = match[1].strip() or str(_next(row, at) or "").strip()
                if unit and not DATE.search(unit):
                    return unit
    return None


def printed_date(rows: Iterable[SheetRow], setting: Setting) -> date | None:
    """填报日期, only when it is a whole day."""
    for row in rows:
        for at, cell in enumerate(row.cells):
            match = DATE.search(half_width(cell)) if isinstance(cell, str) and len(cell) < LONGEST else None
            if match:
                found = DAY.search(match[1])
                read = read_date(found[0] if found else _next(row, at), setting)
                if read.value and len(read.value) == 10 and not read.warnings:
                    return date.fromisoformat(read.value)
    return None


def _next(row: SheetRow, at: int) -> Cell:
    return next((cell for cell in row.cells[at + 1 :] if cell is not None), None)
