"""The cells of a sheet as boxes: what stands in a row, merged cells from above included."""

from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.registry.ledger.model import Cell, Sheet, SheetRow

Place = tuple[int, int]


@dataclass(frozen=True)
class Box:
    """A filled cell, or several merged ones: text or value, and the columns over which it stands in this row."""

    at: Place
    cell: Cell
    left: int
    right: int

    @property
    def text(self) -> str:
        """The text, without blanks around it; of a number or a date there is none."""
        return str(self.cell).strip() if isinstance(self.cell, str) else ""


Lines = dict[int, list[Box]]


def lines_of(sheet: Sheet, rows: Sequence[SheetRow]) -> Lines:
    """The boxes of each row, in order: a cell merged from above stands in every row over which it reaches."""
    cells = {row.index: row.cells for row in rows}
    indices = sorted(cells)
    spans = {(top, left): right for top, left, _, right in sheet.merges if top in cells}
    above: dict[int, list[Box]] = {}
    for top, left, bottom, right in sheet.merges:
        if top in cells and left < len(cells[top]) and (cell := cells[top][left]) is not None:
            box = Box((top, left), cell, left, right)
            for index in indices[bisect(indices, top) : bisect(indices, bottom)]:
                above.setdefault(index, []).append(box)
    return {index: _line(index, cells[index], above.get(index, []), spans) for index in indices}


def _line(index: int, cells: Sequence[Cell], above: Sequence[Box], spans: Mapping[Place, int]) -> list[Box]:
    here = [
        Box((index, column), cell, column, spans.get((index, column), column)) for column, cell in enumerate(cells)
        if cell is not None and str(cell).strip() and not any(b.left <= column <= b.right for b in above)
    ]  # fmt: skip
    return sorted([*above, *here], key=lambda box: box.left)
