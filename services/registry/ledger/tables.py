"""From a sheet to its tables: a header with the rows below it, and the rows that are no child's."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache

from services.registry.ledger.blocks import cells_of
from services.registry.ledger.continued import continues
from services.registry.ledger.data import half_width, load
from services.registry.ledger.header import SURE, Header, find_header, looks_like_header
from services.registry.ledger.model import Cell, Choices, Column, Sheet, SheetRow

VILLAGE = "村居"
OWN = ("姓名", "公民身份证号码", "出生日期", "性别")  # never taken over from a merged neighbour
DIGITS = re.compile(r"\D")
COUNTED = re.compile(r"[甲乙丙丁戊]|[(（]?\d{1,3}(?:\.0)?[)）]?")
MERGED_CELLS = 2_000_000  # of one sheet: more is no ledger
ASKED = re.compile(r"[(（]?(?:必填项?|选填项?|非必填|可不填|下拉选择|文本|日期|数字|.{0,8}格式)[)）]?")
BLANK_RUN = 50  # a longer gap is the end of the page, not a gap in the list


@dataclass(frozen=True, slots=True)
class Body:
    """A row below a header: `ignored` is a code when it is no child's row."""

    row: SheetRow
    columns: tuple[Column, ...]
    ignored: str | None
    warnings: tuple[str, ...] = ()
    places: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Where a cell stands on the sheet, for those that don't stand in the row's own column."""
    own: tuple[Cell, ...] | None = None
    """The row's cells as they stand on the sheet, where `row` was put together from several."""


@dataclass(frozen=True)
class Table:
    header: Header
    rows: tuple[int, ...]  # of the header, from 0


def read_tables(sheet: Sheet, choices: Choices, before: Header | None) -> tuple[list[Table], list[Body]]:
    """The sheet's headers and all its rows in order.

    A sheet without any goes on with the header of the sheet `before`, if what it holds fits; else it is left unread.
    """
    tables: list[Table] = []
    bodies: list[Body] = []
    header = find_header(sheet.rows, sheet.merges, 0, choices=choices)
    if header is None:
        if before is None or not continues(sheet, before.columns):
            return [], [Body(row, (), "no-header-found") for row in sheet.rows]
        above = _merged_above(sheet)
        rows = [body for row in sheet.rows for body in _bodies(row, before, above.get(row.index))]
        said = (b if b.ignored else replace(b, warnings=("columns-of-sheet-before",)) for b in rows)
        return [Table(before, ())], list(_with_blanks(list(said)))
    bodies += [Body(row, (), "title-row") for row in sheet.rows[: header.first]]
    above = _merged_above(sheet)
    at = header.first
    while at < len(sheet.rows):
        found = header if at == header.first else _header_at(sheet, at, choices)
        if found is None:
            bodies += _bodies(sheet.rows[at], header, above.get(sheet.rows[at].index))
            at += 1
            continue
        block = sheet.rows[at : at + found.height]
        repeated = bool(tables) and [c.field for c in found.columns] == [c.field for c in header.columns]
        bodies += _header_rows(block, found, sheet.hidden_columns, repeated=repeated)
        if not repeated:
            tables.append(Table(found, tuple(row.index for row in block)))
            header = found
        at += found.height
    return tables, list(_with_blanks(bodies))


def _header_at(sheet: Sheet, at: int, choices: Choices) -> Header | None:
    if not any(looks_like_header(row) for row in sheet.rows[at : at + 2]):
        return None
    found = find_header(sheet.rows, sheet.merges, at, 1, choices)
    return found if found and found.score >= SURE else None


def _header_rows(
    block: tuple[SheetRow, ...], header: Header, hidden: frozenset[int], *, repeated: bool
) -> list[Body]:
    if repeated:
        return [Body(row, (), "header-repeated") for row in block]
    doubts = tuple(f"{column.label}:{column.doubt}" for column in header.columns if column.doubt)
    doubts += tuple(f"{c.label}:hidden-column" for c in header.columns if c.field and c.index in hidden)
    return [Body(row, (), "header-row", doubts if at == 0 else ()) for at, row in enumerate(block)]


def _with_blanks(bodies: list[Body]) -> Iterator[Body]:
    last = None
    for body in bodies:
        gap = range((body.row.index if last is None else last) + 1, body.row.index)
        if len(gap) <= BLANK_RUN:
            yield from (Body(SheetRow(index, ()), (), "blank-row") for index in gap)
        yield body
        last = body.row.index


def _bodies(row: SheetRow, header: Header, above: dict[int, Cell] | None) -> list[Body]:
    """The row's child; of blocks side by side, the children, and the row once if there is none."""
    if not header.blocks:
        return [_body(row, header.columns, above)]
    bodies = [
        replace(_body(SheetRow(row.index, cells), columns, above), own=row.cells)
        for columns, cells in cells_of(row.cells, header.blocks)
    ]
    return [body for body in bodies if not body.ignored] or bodies[:1]


def _body(row: SheetRow, columns: tuple[Column, ...], above: dict[int, Cell] | None) -> Body:
    filled = SheetRow(row.index, _from_merges(row, columns, above)) if above else row
    return Body(filled, columns, ignored(row.cells, columns))


def _from_merges(row: SheetRow, columns: tuple[Column, ...], above: dict[int, Cell]) -> tuple[Cell, ...]:
    """Family cells merged over siblings belong to each of them."""
    cells = list(row.cells)
    for column in columns:
        if column.index in above and column.field and column.field not in OWN:
            cells += [None] * (column.index + 1 - len(cells))
            cells[column.index] = above[column.index] if cells[column.index] is None else cells[column.index]
    return tuple(cells)


def _merged_above(sheet: Sheet) -> dict[int, dict[int, Cell]]:
    values = {row.index: row.cells for row in sheet.rows}
    found: dict[int, dict[int, Cell]] = {}
    last = sheet.rows[-1].index if sheet.rows else 0
    left_over = MERGED_CELLS
    for top, left, bottom, _ in sheet.merges:
        reach = min(bottom, last, top + left_over)
        if top < reach and left < len(values.get(top, ())):
            left_over -= reach - top
            for row in range(top + 1, reach + 1):
                found.setdefault(row, {})[left] = values[top][left]
    return found


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    return {code: re.compile(pattern) for code, pattern in load("marks")["rows"].items()}


def ignored(cells: tuple[Cell, ...], columns: tuple[Column, ...]) -> str | None:
    """The code for a row that is no child's, else None."""
    texts = [half_width(str(cell)).replace(" ", "").strip() for cell in cells if cell is not None]
    texts = [text for text in texts if text]
    read = {c.field for c in columns if c.field and c.field != VILLAGE and _filled(cells, c.index)}
    if any(_patterns()["example-row"].search(text) for text in (*texts[:1], *_name(cells, columns))):
        return "example-row"
    if not _holds_number(cells, columns):
        for code in ("total-row", "signature-row", "note-row"):
            if any(_patterns()[code].search(text) for text in texts[: 3 if code == "total-row" else 1]):
                return code
    if len(texts) >= 3 and all(COUNTED.fullmatch(text) for text in texts):
        return "column-numbers"
    if len(texts) >= 3 and all(ASKED.fullmatch(text) for text in texts):
        return "note-row"
    if not read:
        return "blank-row" if all(text.isdigit() for text in texts) else "note-row"
    if len(texts) == 1 and not read & {"姓名", "公民身份证号码"}:
        return "note-row"
    return "title-row" if len(texts) == 1 and _patterns()["title-row"].fullmatch(texts[0]) else None


def _name(cells: tuple[Cell, ...], columns: tuple[Column, ...]) -> list[str]:
    return [str(cells[c.index]).strip() for c in columns if c.field == "姓名" and _filled(cells, c.index)]


def _filled(cells: tuple[Cell, ...], index: int) -> bool:
    return index < len(cells) and cells[index] is not None and bool(str(cells[index]).strip())


def _holds_number(cells: tuple[Cell, ...], columns: tuple[Column, ...]) -> bool:
    """Whether the child's own number stands in the row: then it is no total and no note."""
    at = [column.index for column in columns if column.field == "公民身份证号码"]
    return any(len(DIGITS.sub("", str(cells[index]))) >= 15 for index in at if _filled(cells, index))
