"""The door: a ledger's bytes in, every row with what became of it out."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from services.registry.ledger.decisions import decide
from services.registry.ledger.duplicates import mark_duplicates
from services.registry.ledger.forms import read_forms
from services.registry.ledger.header import NONE, Header
from services.registry.ledger.members import fold_members
from services.registry.ledger.model import (
    Cell,
    Choices,
    FileRefused,
    LedgerReading,
    Place,
    Row,
    Sheet,
    SheetColumns,
)
from services.registry.ledger.printed import printed_date, printed_unit
from services.registry.ledger.records import read_record
from services.registry.ledger.tables import VILLAGE, Body, Table, read_tables
from services.registry.ledger.values.ids import read_id
from services.registry.ledger.values.read import Setting
from services.registry.ledger.villages import said_once, villages_above
from services.registry.ledger.workbook import open_workbook


def read_ledger(
    content: bytes, filename: str, *, closing_date: date | None, choices: Choices = NONE
) -> LedgerReading:
    """Reads a roster of one child a row (REG-06, REG-07); the same arguments give the same reading.

    `choices` say how the office's own labels are to be understood, before anything is guessed.
    Ages are counted to the closing date that a sheet prints (填报日期), else to `closing_date`; without
    both they are not counted. Rows come in the order of the file. Blank rows between others are `ignored`,
    unless more than fifty follow one another; blank rows at the end are not listed. A sheet without a
    header goes on with the columns of the sheet before it where its rows fit; else its rows are `ignored` with
    `no-header-found` (`refused` where a row holds a citizen's number), unless no sheet has a header: then the
    file is refused. Nothing is raised for a bad file: `refused` names what is wrong with it.
    """
    try:
        sheets = open_workbook(content, filename)
        return _read(sheets, filename, closing_date, choices)
    except FileRefused as refused:
        return LedgerReading(filename, refused=refused.code, refused_detail=refused.detail)


def _read(
    sheets: tuple[Sheet, ...], filename: str, closing_date: date | None, choices: Choices
) -> LedgerReading:
    rows: list[Row] = []
    columns: list[SheetColumns] = []
    printed: list[date] = []
    unit: str | None = None
    before: _Before | None = None
    for sheet in sheets:
        bodies, understood, before = _tables(sheet, choices, before)
        columns += understood
        told = [body.row for body in bodies if body.ignored and understood]
        day = printed_date(told, Setting(sheet.date_1904, sheet.typed))
        printed += [day] if day else []
        unit = unit or printed_unit(told)
        rows += _rows(sheet, bodies, filename, day or closing_date)
    if not columns:
        raise FileRefused("no-header-found")
    agreed = printed[0] if len(set(printed)) == 1 else closing_date
    return LedgerReading(
        filename,
        rows=mark_duplicates(rows),
        closing_date=agreed,
        unit=unit,
        columns=tuple(columns),
        date_1904=any(sheet.date_1904 for sheet in sheets),
    )


@dataclass(frozen=True)
class _Before:
    """The last table of the sheets before: its header as it was found, and how it is told."""

    header: Header
    told: SheetColumns


def _tables(
    sheet: Sheet, choices: Choices, before: _Before | None
) -> tuple[list[Body], list[SheetColumns], _Before | None]:
    """The rows of a sheet and how its columns were understood: pages of the form, else tables below headers."""
    pages = read_forms(sheet)
    if pages is not None:
        first = next(body for body in pages if body.columns)
        return pages, [SheetColumns(sheet.name, (), first.columns, (), sheet.hidden)], None
    found, rows = read_tables(sheet, choices, before.header if before else None)
    tables, bodies = fold_members(found, rows)
    told = [_columns(sheet, table, before) for table in tables]
    return bodies, told, _Before(found[-1].header, told[-1].continues or told[-1]) if found else before


def _columns(sheet: Sheet, table: Table, before: _Before | None) -> SheetColumns:
    if not table.rows:
        continues = before.told if before else None
        return SheetColumns(sheet.name, (), table.header.columns, (), sheet.hidden, continues)
    merges = tuple(merge for merge in sheet.merges if table.rows[0] <= merge[0] <= table.rows[-1])
    shown = tuple(row + 1 for row in table.rows)
    return SheetColumns(sheet.name, shown, table.header.columns, merges, sheet.hidden)


def _rows(sheet: Sheet, bodies: list[Body], filename: str, closing_date: date | None) -> Iterator[Row]:
    above, once = villages_above(sheet.name, bodies), said_once(bodies)
    for at, body in enumerate(bodies):
        place = Place(filename, sheet.name, body.row.index + 1)
        if body.ignored:
            child = body.ignored == "no-header-found" and any(_is_number(cell) for cell in body.row.cells)
            yield Row(
                place,
                "refused" if child else "ignored",
                (body.ignored,),
                body.warnings,
                cells=body.own or body.row.cells,
            )
            continue
        hidden = ("hidden-row",) if body.row.index in sheet.hidden_rows else ()
        draft = read_record(sheet, body)
        if draft.village is None and at in once:
            draft.village = once[at]
            draft.warnings.append(f"{VILLAGE}:village-from-above")
        decision = decide(draft, closing_date)
        yield Row(
            place,
            "refused" if decision.reasons else "accepted",
            decision.reasons,
            (*hidden, *decision.warnings),
            record=decision.record,
            cells=body.own or body.row.cells,
            village=draft.village or above[at],
        )


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, str) and read_id(cell, adult=False).value is not None
