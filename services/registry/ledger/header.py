"""The header of a table: the block of rows whose labels are understood best."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.registry.ledger.blocks import blocks_of
from services.registry.ledger.data import bare
from services.registry.ledger.labels import Meaning, is_label, levels_of, meaning_of
from services.registry.ledger.model import Cell, Choices, Column, Merge, SheetRow

HIGHEST = 4  # levels of a header
SURE = 3  # the score of a header that is found without being looked for
REACH = 60  # rows before a header
LONGEST_LABEL = 120
NONE: Choices = {}


@dataclass(frozen=True)
class Header:
    """Where the header stands among the sheet's filled rows, and what its columns mean."""

    first: int
    height: int
    columns: tuple[Column, ...]
    score: float
    blocks: tuple[tuple[Column, ...], ...] = ()
    """Of a roster in several blocks side by side: the columns of each."""


def find_header(
    rows: Sequence[SheetRow], merges: Sequence[Merge], start: int, reach: int = REACH, choices: Choices = NONE
) -> Header | None:
    """The best block within `reach` rows from `start`, or a good one with rows of its own above it.

    Of equals the first and lowest one. `choices` come first.
    """
    found: list[Header] = []
    near = rows[start : start + reach + HIGHEST]
    merges = [merge for merge in merges if near and near[0].index <= merge[0] <= near[-1].index]
    for first in range(start, min(start + reach, len(rows))):
        if _labels_in(rows[first]) < 1:
            continue
        for height in range(1, HIGHEST + 1):
            block = rows[first : first + height]
            if len(block) < height or block[-1].index - block[0].index >= HIGHEST:
                break
            header = _read(block, merges, first, choices)
            if header:
                found.append(header)
    best = max(found, key=lambda header: header.score, default=None)  # of equals the first
    if best is None:
        return None
    above = [h for h in found if h.first + h.height < best.first and h.score >= SURE]
    first = min((h.first for h in above), default=best.first)  # a table of its own with fewer columns
    return _in_blocks(max((h for h in found if h.first == first), key=lambda header: header.score))


def _in_blocks(header: Header) -> Header:
    blocks = blocks_of(header.columns)
    if len(blocks) < 2:
        return header
    return replace(header, columns=tuple(column for block in blocks for column in block), blocks=blocks)


def looks_like_header(row: SheetRow) -> bool:
    if not any(isinstance(cell, str) and "名" in cell for cell in row.cells):
        return False  # cheap, and true of every row that could hold the child's name as a label
    filled = sum(cell is not None for cell in row.cells)
    return filled >= 3 and _labels_in(row) >= max(3, filled // 2)


def _labels_in(row: SheetRow) -> int:
    return sum(isinstance(cell, str) and len(cell) <= 40 and is_label(cell) for cell in row.cells)


def _read(block: Sequence[SheetRow], merges: Sequence[Merge], first: int, choices: Choices) -> Header | None:
    grid = _spread([[_text(cell) for cell in row.cells] for row in block], block, merges)
    stacks = [levels_of(stack) for stack in zip(*grid, strict=True)]
    columns, points = _columns(stacks, choices)
    fields = {column.field for column in columns if column.field}
    if "姓名" not in fields or (len(fields) < 3 and "公民身份证号码" not in fields):
        return None
    return Header(first, len(block), tuple(columns), points)


def _text(cell: Cell) -> str:
    return "" if cell is None else str(cell).strip()[:LONGEST_LABEL]


def _spread(grid: list[list[str]], block: Sequence[SheetRow], merges: Sequence[Merge]) -> list[list[str]]:
    """Merged labels stand over all their columns; an upper label reaches over the blanks to its right."""
    width = max(len(row) for row in grid)
    grid = [row + [""] * (width - len(row)) for row in grid]
    at = {row.index: number for number, row in enumerate(block)}
    for top, left, bottom, right in merges:
        if top in at and left < width:
            for merged in (number for index, number in at.items() if top <= index <= bottom):
                for column in range(left, min(right, width - 1) + 1):
                    grid[merged][column] = grid[at[top]][left]
    for number, labels in enumerate(grid[:-1]):
        for column in range(1, width):
            above_blank = all(not upper[column] for upper in grid[:number])
            same_group = number == 0 or grid[number - 1][column] == grid[number - 1][column - 1]
            below = any(lower[column] for lower in grid[number + 1 :])
            if not labels[column] and labels[column - 1] and below and (above_blank or same_group):
                labels[column] = labels[column - 1]
    return grid


def _columns(stacks: Sequence[tuple[str, ...]], choices: Choices) -> tuple[list[Column], float]:
    columns: list[Column] = []
    points, person = 0.0, None
    taken: set[tuple[str, str | None]] = set()
    for index, levels in enumerate(stacks):
        if not levels:
            continue
        label = " ".join(levels)
        meaning, worth = _chosen(label, choices) or _best(levels)
        column = _column(index, label, meaning, person, taken)
        if meaning and meaning.field and "." in meaning.field:
            person = meaning.field.split(".")[0]
        elif meaning and meaning.field:
            person = None if not _repeats(column) else person
        if column.field:
            taken.add((column.field, column.option))
        understood = column.field or (meaning and not meaning.kept)
        points += worth if understood else -0.5 if meaning else -1.0
        columns.append(column)
    return columns, points


def _chosen(label: str, choices: Choices) -> tuple[Meaning, float] | None:
    if bare(label) not in choices:
        return None
    field = choices[bare(label)]
    return Meaning(field=field, kept=field is not None), 1.0


def _repeats(column: Column) -> bool:
    return column.field is None or column.doubt == "person-inferred"


def _best(levels: tuple[str, ...]) -> tuple[Meaning | None, float]:
    """All labels understood, or all below a heading that is not; the lowest alone counts least."""
    for skipped in range(len(levels)):
        meaning = meaning_of(levels[skipped:])
        if meaning is not None:
            return meaning, 1.0 - 0.45 * min(skipped, 1)
    return None, 0.0


def _column(
    index: int, label: str, meaning: Meaning | None, person: str | None, taken: set[tuple[str, str | None]]
) -> Column:
    column = Column(index, label, None)
    if meaning is None:
        return replace(column, doubt="column-not-understood")
    if not meaning.kept:
        return column
    loose = meaning.loose or (
        meaning.field if meaning.field and (meaning.field, meaning.option) in taken else None
    )
    if loose is None:
        return replace(column, field=meaning.field, option=meaning.option)
    inferred = meaning_of((person, loose)) if person else None
    if inferred and inferred.field and (inferred.field, None) not in taken:
        return replace(column, field=inferred.field, doubt="person-inferred")
    return replace(column, doubt="column-twice" if meaning.field else "person-unclear")
