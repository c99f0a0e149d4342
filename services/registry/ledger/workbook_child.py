"""The child process that opens a file: few rights, little memory; it answers in MessagePack and ends.

`python -m services.registry.ledger.workbook_child xlsx|xls|html|text < file > answer`
"""

import io
import resource
import sys
from collections.abc import Iterable, Iterator
from itertools import islice

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from services.registry.ledger import biff, limits
from services.registry.ledger.archive import Oddities, inspect
from services.registry.ledger.htmlfile import read_html
from services.registry.ledger.model import FileRefused, Merge
from services.registry.ledger.textfile import read_text
from services.registry.ledger.wire import Begin, Frame, Refusal, Rows, WireCell, pack, write_frame

WireRow = tuple[int, list[WireCell]]
BATCH = 1_000  # rows in a frame


def main() -> None:
    """Reads standard input to its end; whatever is wrong with the file becomes a named refusal."""
    content = sys.stdin.buffer.read()
    _confine(sys.argv[1], len(content))
    refusal = None
    try:
        _answer(_read(sys.argv[1], content))
    except FileRefused as refused:
        refusal = Refusal(refused.code, refused.detail[:200])
    except PasswordError:
        refusal = Refusal("workbook-encrypted")
    except CalamineError as error:
        refusal = Refusal("file-damaged", str(error)[:200])
    except MemoryError:
        refusal = Refusal("workbook-too-large", "memory")
    if refusal:
        write_frame(sys.stdout.buffer, refusal)


def _confine(kind: str, size: int) -> None:
    memory, seconds = limits.child_memory(kind, size), limits.child_cpu_seconds(size)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _answer(frames: Iterable[Frame]) -> None:
    """Who hears the answer has none of these limits, so what all sheets hold together is counted here."""
    cells = size = 0
    for frame in frames:
        if isinstance(frame, Rows):
            cells += sum(len(row) for _, row in frame.rows)
            if cells > limits.CELLS:
                raise FileRefused("workbook-too-large", f"{cells} cells")
        size += write_frame(sys.stdout.buffer, frame)
        if size > limits.ANSWER_BYTES:
            raise FileRefused("workbook-too-large", f"{size} bytes read")


def _read(kind: str, content: bytes) -> Iterator[Frame]:
    if kind == "text":
        yield Begin("", typed=False)
        yield from _batches((row.index, [pack(cell) for cell in row.cells]) for row in read_text(content))
        return
    if kind == "html":
        table = read_html(content)
        yield Begin("", table.merges, typed=False)
        yield from _batches((row.index, [pack(cell) for cell in row.cells]) for row in table.rows)
        return
    oddities, date_1904 = inspect(content) if kind == "xlsx" else biff.inspect(content)
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    if len(book.sheet_names) > limits.SHEETS:
        raise FileRefused("workbook-too-large", f"{len(book.sheet_names)} sheets")
    for index, about in enumerate(book.sheets_metadata):
        if about.typ != SheetTypeEnum.WorkSheet:
            continue
        odd = oddities[index] if index < len(oddities) else Oddities()
        sheet = book.get_sheet_by_index(index)
        hidden = about.visible != SheetVisibleEnum.Visible
        merges: list[Merge] = [(*first, *last) for first, last in sheet.merged_cell_ranges or ()]
        if len(merges) > limits.MERGES:
            raise FileRefused("workbook-too-large", f"{len(merges)} merged ranges")
        yield Begin(
            sheet.name, merges, sorted(odd.formulas), sorted(odd.errors), date_1904, hidden=hidden,
            hidden_rows=sorted(odd.hidden_rows), hidden_columns=sorted(odd.hidden_columns),
        )  # fmt: skip
        yield from _batches(_filled(sheet, odd))


def _batches(rows: Iterable[WireRow]) -> Iterator[Rows]:
    waiting = iter(rows)
    while batch := list(islice(waiting, BATCH)):
        yield Rows(batch)


def _filled(sheet: CalamineSheet, odd: Oddities) -> Iterator[WireRow]:
    if sheet.start is None or sheet.end is None:
        return
    left = sheet.start[1]
    if left + sheet.width > limits.COLUMNS:
        raise FileRefused("too-many-columns", f"{sheet.name}: {left + sheet.width}")
    long_numbers: dict[int, dict[int, int]] = {}
    for (row, column), number in odd.long_numbers.items():
        # a whole number that no double can hold was never rounded: its digits are the file's own
        if int(float(number)) != number:
            long_numbers.setdefault(row, {})[column] = number
    count = 0
    for index, cells in enumerate(sheet.iter_rows()):
        packed = [None] * left + [pack(cell) for cell in cells]
        for column, number in long_numbers.get(index, {}).items():
            if column < len(packed):
                packed[column] = number
        if any(cell is not None and (not isinstance(cell, str) or cell.strip()) for cell in packed):
            yield index, packed
            count += 1
        if count > limits.ROWS:
            raise FileRefused("too-many-rows", f"{sheet.name}: {sheet.total_height}")


if __name__ == "__main__":
    main()
