"""From a row to a record: each cell read by the kind of its column, each doubt named."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from services.registry.ledger.labels import PIECES, TOGETHER, kinds
from services.registry.ledger.limits import TEXT_CHARS
from services.registry.ledger.model import Cell, Column, Sheet
from services.registry.ledger.tables import VILLAGE, Body
from services.registry.ledger.values.dates import read_date
from services.registry.ledger.values.ids import read_id
from services.registry.ledger.values.names import read_name, read_relative
from services.registry.ledger.values.options import read_choice, read_choices, read_tick, read_yes_no
from services.registry.ledger.values.phones import read_phone
from services.registry.ledger.values.read import Read, Setting
from services.registry.ledger.values.texts import plain, read_text
from services.registry.ledger.values.together import NAME, PHONE, apart
from services.registry.ledger.villages import in_cell

PHONE_INSIDE = re.compile(r"\d{7}")
GUARDIAN = "委托监护人"
TOO_LONG = {
    "name": "name-unreadable",
    "id": "id-malformed",
    "date": "date-unreadable",
    "phone": "phone-unreadable",
}
READERS: dict[str, Callable[[str, Cell, Setting], Read]] = {
    "name": lambda _label, cell, _setting: read_name(cell),
    "date": lambda _label, cell, setting: read_date(cell, setting),
    "id": lambda label, cell, _setting: read_id(cell, adult="." in label),
    "yesno": lambda label, cell, _setting: read_yes_no(label, cell),
    "choice": lambda label, cell, _setting: read_choice(label, cell),
    "choices": lambda label, cell, _setting: read_choices(label, cell),
    "phone": lambda _label, cell, _setting: read_phone(cell),
    "text": lambda _label, cell, _setting: read_text(cell),
}


@dataclass
class Draft:
    """A record in the making; `problems` are the labels that could not be read, with the code why."""

    record: dict[str, Any] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    village: str | None = None


def read_record(sheet: Sheet, body: Body) -> Draft:
    """Whatever the row says, by the form's printed labels; what can't be read is left out and named."""
    draft = Draft(warnings=list(body.warnings))
    setting = Setting(sheet.date_1904, sheet.typed)
    ticks: dict[str, list[tuple[str, Read]]] = {}
    pieces: dict[str, dict[str, Cell]] = {}
    for column in body.columns:
        if column.field is None:
            continue
        cell = body.row.cells[column.index] if column.index < len(body.row.cells) else None
        _note_cell(sheet, body, column, draft)
        if cell is None:
            continue
        if column.field == VILLAGE:
            draft.village = in_cell(cell) if isinstance(cell, str) else None
        elif column.option in PIECES:
            pieces.setdefault(column.field, {})[column.option] = cell
        elif asked := _asked(column, cell):
            _take_apart(draft, column.field, cell, asked, setting)
        elif column.option is not None:
            ticks.setdefault(column.field, []).append((column.option, read_tick(cell)))
        else:
            _take(draft, column.field, cell, setting)
    for label, told in pieces.items():
        _take(draft, label, _date_of(told), setting)
    for label, group in ticks.items():
        _take_ticks(draft, label, group)
    return draft


def _asked(column: Column, cell: Cell) -> list[str]:
    """The fields that a cell holds together: the label names them, or a telephone stands behind a relative's name."""
    if column.option and TOGETHER in column.option:
        return column.option.split(TOGETHER)
    with_phone = column.field in _with_phone() and isinstance(cell, str) and PHONE_INSIDE.search(cell)
    return [NAME, PHONE] if with_phone else []


@cache
def _with_phone() -> frozenset[str]:
    return frozenset(label.replace(PHONE, NAME) for label in kinds() if label.endswith(PHONE))


def _take_apart(draft: Draft, field: str, cell: Cell, asked: list[str], setting: Setting) -> None:
    person = field.partition(".")[0]
    found, left = apart(cell, asked)
    for part, value in found.items():
        _take(draft, f"{person}.{part}", value, setting)
    if left:
        draft.warnings.append(f"{field}:part-unclear")


def _date_of(pieces: dict[str, Cell]) -> Cell:
    """2010 | 3 | 5 in three columns as one date; a month or a day that is missing leaves it partial."""
    told = [plain(pieces[piece]).rstrip(piece) for piece in PIECES if piece in pieces]
    return "-".join(told) if "年" in pieces else None


def _note_cell(sheet: Sheet, body: Body, column: Column, draft: Draft) -> None:
    at = body.places.get(column.index, (body.row.index, column.index))
    if at in sheet.formulas:
        draft.warnings.append(f"{column.field}:formula-cell")
    if at in sheet.errors:
        draft.warnings.append(f"{column.field}:error-cell")


def _take(draft: Draft, label: str, cell: Cell, setting: Setting) -> None:
    if isinstance(cell, str) and len(cell := cell.strip()) > TEXT_CHARS:
        _keep(draft, label, Read(problem=TOO_LONG.get(kinds()[label], "text-too-long")))
        return
    if "." in label and label.endswith(".姓名") and not label.startswith(GUARDIAN):
        read, deceased = read_relative(cell)
        if deceased:
            draft.record[label.removesuffix("姓名") + "已故"] = True
    else:
        read = READERS[kinds()[label]](label, cell, setting)
    _keep(draft, label, read)


def _keep(draft: Draft, label: str, read: Read) -> None:
    draft.warnings += [f"{label}:{warning}" for warning in read.warnings]
    if read.problem:
        draft.problems[label] = read.problem
    elif read.value is not None:
        draft.record[label] = read.value


def _take_ticks(draft: Draft, label: str, group: list[tuple[str, Read]]) -> None:
    draft.warnings += [f"{label}:{read.problem}" for _, read in group if read.problem]
    ticked = [option for option, read in group if read.value is True]
    if not ticked:
        return
    if kinds()[label] == "choices":
        draft.record[label] = ticked
    elif len(ticked) > 1:
        draft.problems[label] = "several-options"
    else:
        draft.record[label] = ticked[0] == "true" if kinds()[label] == "yesno" else ticked[0]
