"""The form as printed: a page a child, labels with their values beside them, several pages on a sheet."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import field as made_by
from itertools import groupby, pairwise

from services.registry.ledger.bands import banded
from services.registry.ledger.boxes import Box, Lines, Place, lines_of
from services.registry.ledger.data import bare
from services.registry.ledger.labels import (
    is_label,
    is_relation,
    is_section,
    is_silent,
    kinds,
    meaning_of,
    persons,
    relative_field,
)
from services.registry.ledger.model import Cell, Column, FileRefused, Sheet, SheetRow
from services.registry.ledger.tables import Body
from services.registry.ledger.values.options import TICKED, UNTICKED, option_of
from services.registry.ledger.values.texts import plain

NAME = "姓名"
REACH = 60  # rows before the first page
FEWEST = 5  # labels with a place for their value beside them: less is no form
IN_ONE_CELL = re.compile(r"^\s*([^:\uff1a]{1,24}?)\s*[:\uff1a]\s*(\S.*)$", re.DOTALL)
SHORTEST = {
    "公民身份证号码": 15,
    "出生日期": 8,
}  # characters of a whole value
TICKABLE = ("yesno", "choice", "choices")
PIECES = {"id": 2, "date": 5, "phone": 4}  # longest piece of a value that is written a box a digit


@dataclass
class _Line:
    """A label with what stands beside it. `person` is the label in front; `loose` where it only stands nearby."""

    label: str
    at: Place  # of the value, or of the label where there is none
    value: Cell
    person: str | None
    loose: bool


@dataclass
class _Page:
    """One child's page: where its name stands, its lines, and the row where it ends."""

    row: int
    lines: list[_Line] = made_by(default_factory=list)


def read_forms(sheet: Sheet) -> list[Body] | None:
    """The pages of a sheet as bodies, every other row as a part of a page; None where the sheet is no form."""
    if not _starts(banded(lines_of(sheet, sheet.rows[:REACH]))):
        return None
    lines = banded(lines_of(sheet, sheet.rows))
    starts = _starts(lines)
    pages = [page for page in _pages(lines, starts) if page.lines]
    if max((len(page.lines) for page in pages), default=0) < FEWEST:
        return None
    if _in_columns(lines):
        raise FileRefused("children-in-columns", sheet.name)
    bodies: dict[int, list[Body]] = {}
    rows = {row.index: row for row in sheet.rows}
    for page in pages:
        bodies.setdefault(page.row, []).append(_body(page, rows[page.row]))
    first = starts[0][0]
    return [
        body for index, row in rows.items()
        for body in bodies.get(index) or [Body(row, (), "title-row" if index < first else "form-row")]
    ]  # fmt: skip


def _in_columns(lines: Lines) -> bool:
    """Whether a line holds several citizens' numbers, or days of birth, beside the one label in front of it."""
    for line in lines.values():
        meaning = meaning_of((line[0].text,)) if line and line[0].text else None
        values = [plain(box.cell) for box in line[1:] if not is_label(box.text)]
        field = meaning.field if meaning else None
        if (
            len(values) == len(line) - 1 > 1
            and field in SHORTEST
            and all(len(v) >= SHORTEST[field] for v in values)
        ):
            return True
    return False


def _starts(lines: Lines) -> list[Place]:
    return [
        (index, box.left) for index, line in lines.items() for box, after in _pairs(line) if _is_name(box, after, line)
    ]  # fmt: skip


def _is_name(box: Box, after: Box | None, line: Sequence[Box]) -> bool:
    """A label for the child's own name with a place beside it: blank, or filled with what is no label."""
    label, value = _cut(box)
    meaning = meaning_of((label,)) if label else None
    if meaning is None or meaning.field != NAME or _person_before(box, line) or _heads_columns(line):
        return False
    return value is not None or after is None or after.left > box.right + 1 or not is_label(after.text)


def _heads_columns(line: Sequence[Box]) -> bool:
    """Labels beside labels, with no place between them, head the columns of a roster."""
    labels = [box for box in line if is_label(box.text) and not is_section(box.text)]
    beside = sum(one.right + 1 == other.left for one, other in pairwise(labels))
    return bool(labels) and beside * 2 >= len(labels)


def _person_before(box: Box, line: Sequence[Box]) -> bool:
    return any(bare(each.text) in persons() for each in line if each.right < box.left)


def _pairs(line: Sequence[Box]) -> Iterator[tuple[Box, Box | None]]:
    return zip(line, [*line[1:], *[None] * bool(line)], strict=True)


def _pages(lines: Lines, starts: list[Place]) -> Iterator[_Page]:
    """Each page with its rows and columns: pages side by side repeat at the distance of their names."""
    indices = list(lines)
    left = min(line[0].left for line in lines.values() if line)
    by_row = {row: [column for _, column in group] for row, group in groupby(starts, key=lambda at: at[0])}
    ends = [*list(by_row)[1:], indices[-1] + 1]
    for (row, beside), end in zip(by_row.items(), ends, strict=True):
        step = beside[1] - beside[0] if len(beside) > 1 else 1 << 20
        within = indices[bisect_left(indices, row) : bisect_left(indices, end)]
        for order in range(len(beside)):
            begin = left + step * order
            yield _page(row, [[b for b in lines[i] if begin <= b.left < begin + step] for i in within])


def _page(row: int, lines: Sequence[Sequence[Box]]) -> _Page:
    page = _Page(row)
    person: str | None = None
    heads: dict[int, str] = {}
    for line in lines:
        heads = _read_relative(page, line, heads) or _relatives_heads(line)
        person = None if heads else _read_line(page, line, person)
    return page


def _relatives_heads(line: Sequence[Box]) -> dict[int, str]:
    """The columns of a small table of relatives within the page: relation, name, and what else is asked of them."""
    heads = {box.left: field for box in line if (field := relative_field(box.text))}
    told = any(is_relation(box.text) for box in line)
    return heads if told and NAME in heads.values() and _heads_columns(line) else {}


def _read_relative(page: _Page, line: Sequence[Box], heads: dict[int, str]) -> dict[int, str]:
    """Take a relative's line of such a table; returns the heads as long as it goes on."""
    person = next((persons()[bare(box.text)] for box in line if bare(box.text) in persons()), None)
    values = [(heads[box.left], box) for box in line if box.left in heads and not is_label(box.text)]
    if not values or person is None:
        return {}
    page.lines += [_Line(field, box.at, box.cell, person, loose=False) for field, box in values]
    return heads


def _read_line(page: _Page, line: Sequence[Box], before: str | None) -> str | None:
    """Take the labels of one row; returns the person of whom it spoke last."""
    person: str | None = None
    named = False  # a cell that says who the rest of the row is about
    alone = True  # nothing of the child's own stands in the row
    at = 0
    while at < len(line):
        box = line[at]
        at += 1
        label, value = _cut(box)
        if label is None:
            continue
        if value is None and bare(label) in persons() and _next_is_label(line, at):
            person, named = persons()[bare(label)], True
            continue
        meaning = meaning_of((person, label)) if person and named else None
        meaning = meaning or meaning_of((label,))
        if meaning is None or is_silent(label):
            continue
        own = meaning.field
        if own and "." in own and not named:
            # A row that begins with a relative's name is about the relative.
            person, named = own.split(".")[0], alone
        alone = alone and own is not None and "." in own
        if own is None and meaning.loose is None:
            continue
        place = box.at
        if value is None:
            field = own or f"父亲.{meaning.loose}"
            found, at = _value(line, at, box, field)
            value, place = _joined(found, kinds().get(field, "text")), found[0].at if found else place
        who = person or (before if meaning.loose else None)
        page.lines.append(_Line(label, place, value, who, loose=not named))
    return person


def _cut(box: Box) -> tuple[str | None, Cell]:
    """A cell as a label, or as a label with its value behind a colon."""
    if not box.text or len(box.text) > 200:
        return None, None
    if is_label(box.text):
        return box.text, None
    cut = IN_ONE_CELL.match(box.text)
    return (cut[1], cut[2].strip()) if cut and is_label(cut[1]) else (None, None)


def _next_is_label(line: Sequence[Box], at: int) -> bool:
    return at < len(line) and _cut(line[at])[0] is not None


def _value(line: Sequence[Box], at: int, label: Box, field: str) -> tuple[list[Box], int]:
    """What stands right beside the label, and where to go on; nothing where the next cell is another label."""
    kind = kinds().get(field, "text")
    found: list[Box] = []
    end = label.right
    while at < len(line) and not _is_next_label(line, at, field, found):
        if not found and line[at].left > end + 1:
            break
        found.append(line[at])
        end = line[at].right
        at += 1
        if kind not in TICKABLE and not _piece(kind, found[-1]):
            break
    return found, at


def _joined(found: Sequence[Box], kind: str) -> Cell:
    """One value of several boxes: options side by side, a digit a box, or year, month and day apart."""
    if len(found) < 2:
        return found[0].cell if found else None
    pieces = [plain(box.cell) for box in found]
    apart = kind == "date" and all(piece.isdigit() for piece in pieces) and len(pieces) <= len("年月日")
    return (" " if kind in TICKABLE else "-" if apart else "").join(pieces)


def _is_next_label(line: Sequence[Box], at: int, field: str, found: Sequence[Box]) -> bool:
    """A person's name for a relation, or an option that is a word of the form too, is a value where one is due."""
    box = line[at]
    label, value = _cut(box)
    if label is None:
        return False
    if value is not None:
        return True
    if not found and field.endswith("关系") and bare(label) in persons() and not _next_is_label(line, at + 1):
        return False
    return option_of(field, label) is None or (not found and _next_is_value(line, at + 1))


def _next_is_value(line: Sequence[Box], at: int) -> bool:
    text = line[at].text if at < len(line) else ""
    return bool(text) and _cut(line[at])[0] is None and text[0] not in TICKED + UNTICKED


def _piece(kind: str, box: Box) -> bool:
    return len(plain(box.cell)) <= PIECES.get(kind, 0)


def _body(page: _Page, row: SheetRow) -> Body:
    """A page as a row: values in the order of the form, each with the place where it stands."""
    columns: list[Column] = []
    cells: list[Cell] = []
    places: dict[int, Place] = {}
    own = {line.label for line in page.lines if line.person is None}
    taken: set[str] = set()
    for line in sorted(page.lines, key=lambda each: each.loose):
        named = meaning_of((line.person, line.label)) if line.person else None
        alone = meaning_of((line.label,))
        field: str | None = alone.field if alone else None
        doubt: str | None = None
        if named and named.field and (not line.loose or line.label in own or field is None):
            field = named.field
        if field is None:
            doubt = "person-unclear"
        elif field in taken:
            field, doubt = None, "column-twice"
        else:
            taken.add(field)
        places[len(cells)] = line.at
        columns.append(Column(len(cells), line.label, field, doubt=doubt))
        cells.append(line.value)
    told = tuple(f"{c.label}:{c.doubt}" for c in columns if c.doubt and cells[c.index] is not None)
    blank = all(cell is None or not _says(cell) for cell in cells)
    return Body(
        SheetRow(row.index, tuple(cells)), tuple(columns), "blank-form" if blank else None, told, places, row.cells
    )  # fmt: skip


def _says(cell: Cell) -> bool:
    """An empty form's own boxes say nothing."""
    text = str(cell).strip()
    return bool(text) and not (set(text) & set(UNTICKED) and not set(text) & set(TICKED))
