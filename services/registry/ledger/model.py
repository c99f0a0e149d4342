"""What passes between the stages: sheets, columns, rows, and the reading that comes out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

Cell = str | int | float | bool | date | datetime | time | timedelta | None
Outcome = Literal["accepted", "refused", "duplicate", "ignored"]
Choices = Mapping[
    str, str | None
]  # an office's own label, bare → a key of the record, None where it is not read
Merge = tuple[int, int, int, int]  # first row, first column, last row, last column; 0-based


class FileRefused(Exception):  # noqa: N818 - a refusal is no error of ours
    """The whole file is refused: `code` stands in codes.yaml, `detail` says where or how much."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands: `row` as a spreadsheet shows it, from 1; `sheet` is "" in a text file."""

    file: str
    sheet: str
    row: int


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A row with at least one cell filled; `index` counts from 0."""

    index: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Sheet:
    """One sheet as it came from the file. `typed` is False for text files, where all cells are text."""

    name: str
    rows: tuple[SheetRow, ...]
    merges: tuple[Merge, ...] = ()
    formulas: frozenset[tuple[int, int]] = frozenset()
    errors: frozenset[tuple[int, int]] = frozenset()
    date_1904: bool = False
    typed: bool = True
    hidden: bool = False
    hidden_rows: frozenset[int] = frozenset()
    hidden_columns: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Column:
    """How one column was understood: `field` is None when it is not read, `doubt` a code or None."""

    index: int
    label: str
    field: str | None
    option: str | None = None
    doubt: str | None = None


@dataclass(frozen=True)
class SheetColumns:
    """The header found on a sheet: its rows (from 1), what each column means, the merges inside it.

    A sheet that `continues` another has no header of its own.
    """

    sheet: str
    header_rows: tuple[int, ...]
    columns: tuple[Column, ...]
    merges: tuple[Merge, ...] = ()
    hidden: bool = False
    continues: "SheetColumns | None" = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the file and what became of it.

    `reasons` and `warnings` are codes of codes.yaml; a warning may stand behind the label it is about,
    as in `父亲.公民身份证号码:id-checksum-wrong`. `cells` are the office's own, for giving the row back.
    `village` is the text that names the row's village: its own cell, a line above it, the title, or the sheet.
    """

    place: Place
    outcome: Outcome
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    duplicate_of: Place | None = None
    record: dict[str, Any] | None = None
    cells: tuple[Cell, ...] = ()
    village: str | None = None


@dataclass(frozen=True)
class LedgerReading:
    """A file read, or refused as a whole (`refused` is then a code and there are no rows)."""

    file: str
    rows: tuple[Row, ...] = ()
    refused: str | None = None
    refused_detail: str = ""
    closing_date: date | None = None
    unit: str | None = None
    columns: tuple[SheetColumns, ...] = ()
    date_1904: bool = False
