"""A web page saved as .xls, as many old systems export: its tables, one below the other."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

from services.registry.ledger import limits
from services.registry.ledger.model import FileRefused, Merge, SheetRow
from services.registry.ledger.textfile import decode

SILENT = {"script", "style", "head", "title"}
TAGS_BEFORE, DEPTH = 10_000, 50
BLOCKS = {"br", "p", "div", "li"}


@dataclass
class HtmlTable:
    """The rows of all tables, and the cells that span several."""

    rows: list[SheetRow] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)


def read_html(content: bytes) -> HtmlTable:
    """The rows of the page's tables as a spreadsheet program would stack them; a table within a cell comes first.

    Raises:
        FileRefused: html-as-workbook (no table, or tables deep within tables), too-many-columns, too-many-rows, wrong-file-type.
    """
    parser = _Tables()
    parser.feed(decode(content))
    parser.close()
    if not parser.grids:
        raise FileRefused("html-as-workbook", "no table")
    whole, begin = HtmlTable(), 0
    for grid in parser.grids:
        whole.rows += [SheetRow(begin + row.index, row.cells) for row in grid.table.rows]
        whole.merges += [(begin + t, left, begin + b, right) for t, left, b, right in grid.table.merges]
        begin += grid.index + 1
    return whole


class _Tables(HTMLParser):
    """Puts cells where rowspan and colspan leave room for them, as a spreadsheet would."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.grids: list[_Grid] = []
        self._open: list[_Grid] = []
        self._silent = 0
        self._before = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._before += not self.grids
        if self._before > TAGS_BEFORE or len(self._open) > DEPTH:
            raise FileRefused(
                "html-as-workbook", f"{self._before} tags before a table, {len(self._open)} deep"
            )
        if tag in SILENT:
            self._silent += 1
        elif tag == "table":
            self.grids.append(_Grid())
            self._open.append(self.grids[-1])
        elif self._open and tag == "tr":
            self._open[-1].begin_row()
        elif self._open and tag in {"td", "th"}:
            self._open[-1].begin_cell(dict(attrs))
        elif self._open and tag in BLOCKS:
            self._open[-1].add("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in SILENT:
            self._silent = max(0, self._silent - 1)
        elif self._open and tag == "table":
            self._open.pop().end_row()
        elif self._open and tag == "tr":
            self._open[-1].end_row()
        elif self._open and tag in {"td", "th"}:
            self._open[-1].end_cell()

    def handle_data(self, data: str) -> None:
        if self._open and not self._silent:
            self._open[-1].add(data)

    def close(self) -> None:
        super().close()
        for grid in self._open:
            grid.end_row()


class _Grid:
    """One table in the making."""

    def __init__(self) -> None:
        self.table = HtmlTable()
        self.index = -1
        self._cells: dict[int, str] = {}
        self._taken: dict[int, int] = {}  # column → last row over which a cell above reaches
        self._at: int | None = None
        self._words: list[str] = []

    def begin_row(self) -> None:
        self.end_row()
        self.index += 1
        if self.index >= 2 * limits.ROWS:
            raise FileRefused("too-many-rows", str(self.index))

    def begin_cell(self, attributes: dict[str, str | None]) -> None:
        self.end_cell()
        self.index = max(self.index, 0)
        at = 0
        while at in self._cells or self._taken.get(at, -1) >= self.index:
            at += 1
        right = at + _span(attributes, "colspan") - 1
        bottom = self.index + _span(attributes, "rowspan") - 1
        if right >= limits.COLUMNS:
            raise FileRefused("too-many-columns", str(right + 1))
        if right > at or bottom > self.index:
            self.table.merges.append((self.index, at, bottom, right))
        for column in range(at, right + 1):
            self._cells[column] = ""
            self._taken[column] = bottom
        self._at = at

    def add(self, words: str) -> None:
        if self._at is not None:
            self._words.append(words)

    def end_cell(self) -> None:
        if self._at is not None:
            self._cells[self._at] = " ".join("".join(self._words).replace("\xa0", " ").split(" ")).strip()
        self._at, self._words = None, []

    def end_row(self) -> None:
        self.end_cell()
        if any(self._cells.values()):
            width = max(self._cells) + 1
            self.table.rows.append(
                SheetRow(self.index, tuple(self._cells.get(i) or None for i in range(width)))
            )
        self._cells = {}


def _span(attributes: dict[str, str | None], name: str) -> int:
    told = (attributes.get(name) or "").strip()
    return min(max(int(told), 1), limits.ROWS) if told.isdecimal() and len(told) < 8 else 1
