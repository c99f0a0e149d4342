"""The refused rows as the office's own workbook, with a column of reasons, to be mended and read again."""

import io
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any

import xlsxwriter

from services.registry.ledger.codes import explain
from services.registry.ledger.data import bare
from services.registry.ledger.model import Cell, LedgerReading, Row, SheetColumns

REASON = "原因 Reason"
ABOVE = ("title-row", "header-row")
PARTS = ("form-row", "member-row")  # go back with the child to whom they belong
EXACT = 2**53
FORMATS = {datetime: "yyyy-mm-dd hh:mm:ss", date: "yyyy-mm-dd", time: "hh:mm:ss", timedelta: "[h]:mm:ss"}


def refused_workbook(reading: LedgerReading, refused: Sequence[tuple[Row, list[str]]]) -> bytes:
    """An .xlsx with the titles, header and columns of each sheet that has refused rows (REG-06).

    Text stays text, formula-looking text included, so no digit is lost and nothing is computed; a number
    that had already lost digits stays a number, so that reading it again refuses it again.
    """
    buffer = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(buffer, options | {"date_1904": reading.date_1904}) as book:
        by_sheet: dict[str, list[tuple[Row, list[str]]]] = defaultdict(list)
        for (sheet, _), same in groupby(refused, key=lambda told: (told[0].place.sheet, told[0].place.row)):
            beside = list(same)  # children side by side go back as the one row that they are
            reasons = dict.fromkeys(reason for _, each in beside for reason in each)
            by_sheet[sheet].append((beside[0][0], [*reasons]))
        for name, rows in by_sheet.items():
            _sheet(book, reading, name, rows)
        if not by_sheet:
            book.add_worksheet()
    return buffer.getvalue()


def _sheet(book: Any, reading: LedgerReading, name: str, refused: list[tuple[Row, list[str]]]) -> None:
    sheet = book.add_worksheet(name or None)
    formats = {kind: book.add_format({"num_format": shown}) for kind, shown in FORMATS.items()}
    tables = [table.continues or table for table in reading.columns if table.sheet == name]
    headed = tables[0].sheet if tables else name  # where the header stands that this sheet goes on with
    above = [row for row in reading.rows if row.place.sheet == headed and row.outcome == "ignored"]
    lines = [(row, [REASON] if _first_of(row, tables) else []) for row in above if row.reasons[0] in ABOVE]
    lines += [(row, [_told(reasons)]) for row, reasons in refused]
    lines += [(row, []) for row in _parts(reading, name, {row.place.row for row, _ in refused})]
    lines.sort(key=lambda line: (line[0].place.sheet == name != headed, line[0].place.row))
    width = _reason_column(lines, tables)
    moved = {row.place.row - 1: at for at, (row, _) in enumerate(lines) if row.place.sheet == headed}
    for at, (row, note) in enumerate(lines):
        for column, cell in enumerate((*row.cells[:width], *[None] * (width - len(row.cells)), *note)):
            _write(sheet, at, column, cell, formats)
    for table in tables:
        for top, left, bottom, right in table.merges:
            if top in moved and bottom in moved:
                sheet.merge_range(moved[top], left, moved[bottom], right, "")
                _write(sheet, moved[top], left, _at(lines[moved[top]][0].cells, left), formats)


def _parts(reading: LedgerReading, name: str, refused: set[int]) -> list[Row]:
    """The rows that were read with a refused child's: the rest of its page, its relatives."""
    parts: list[Row] = []
    theirs = False
    for row in (row for row in reading.rows if row.place.sheet == name):
        part = row.outcome == "ignored" and row.reasons[0] in PARTS
        if not part and row.outcome != "ignored":
            theirs = row.place.row in refused
        parts += [row] if part and theirs else []
    return parts


def _reason_column(lines: Sequence[tuple[Row, list[str]]], tables: list[SheetColumns]) -> int:
    """Behind the last column; a column of reasons that came back with the file gives way to the new one."""
    before = [
        column.index for table in tables for column in table.columns if bare(column.label) == bare(REASON)
    ]
    forms = any(not table.header_rows for table in tables)  # beside a label it would be the value
    return min(before, default=max((len(row.cells) for row, _ in lines), default=0) + forms)


def _first_of(row: Row, tables: list[SheetColumns]) -> bool:
    return any((row.place.row,) == table.header_rows[:1] for table in tables)


def _at(cells: tuple[Cell, ...], column: int) -> Cell:
    return cells[column] if column < len(cells) else None


def _told(reasons: list[str]) -> str:
    return "\n".join(f"{explain(reason, 'zh')} {explain(reason, 'en')}" for reason in reasons)


def _write(sheet: Any, row: int, column: int, cell: Cell, formats: dict[type, Any]) -> None:
    if cell is None:
        return
    if isinstance(cell, bool):
        sheet.write_boolean(row, column, cell)
    elif isinstance(cell, int | float):
        exact = isinstance(cell, int) and abs(cell) >= EXACT
        (sheet.write_string if exact else sheet.write_number)(row, column, str(cell) if exact else cell)
    elif isinstance(cell, str):
        sheet.write_string(row, column, cell)
    else:
        sheet.write_datetime(row, column, cell, formats[type(cell)])
