"""A text file (CSV, TSV) decoded and cut into rows; nothing is guessed about its values."""

import csv
import re
from collections.abc import Iterator

from services.registry.ledger import limits
from services.registry.ledger.model import FileRefused, SheetRow

DELIMITERS = ",\t;|，"
CONTROL = re.compile(r"[\x00-\x08\x0e-\x19\x1c-\x1f]")
EXACT = re.compile(r'^="([^"]*)"$')  # how web pages export text that must stay text
LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")


def read_text(content: bytes) -> Iterator[SheetRow]:
    """The rows with something in them, one at a time.

    Raises:
        FileRefused: wrong-file-type, workbook-too-large, too-many-columns, too-many-rows, quotes-unbalanced.
    """
    text = decode(content)
    if CONTROL.search(text):
        raise FileRefused("wrong-file-type", "control characters")
    if text[:4].lower() == "sep=" and text[5:6] in "\r\n":
        delimiter, text = text[4], "\n" + text[5:].lstrip("\r\n")
    else:
        delimiter = _delimiter(text)
    csv.field_size_limit(64 * limits.TEXT_CHARS)
    try:
        yield from _rows(text, delimiter)
    except csv.Error as error:
        raise FileRefused("quotes-unbalanced", str(error)) from error


def decode(content: bytes) -> str:
    """UTF-8 with or without BOM, UTF-16 with or without, GB18030; strictly, in this order."""
    content = content.rstrip(b"\x1a")
    for encoding in _encodings(content):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise FileRefused("wrong-file-type", "no known encoding")


def _encodings(content: bytes) -> tuple[str, ...]:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ("utf-16",)
    head = content[:65536]
    if b"\x00" in head:
        return ("utf-16-le",) if head[1::2].count(0) else ("utf-16-be",)
    return ("utf-8-sig", "gb18030")


def _delimiter(text: str) -> str:
    lines = [line for line in text[:20000].splitlines() if line.strip()][:20]
    return max(DELIMITERS, key=lambda mark: sum(line.count(mark) for line in lines))


def _lines(text: str, delimiter: str) -> Iterator[str]:
    for match in LINE.finditer(text):
        line = match[0]
        if len(line) > limits.LINE_CHARS:
            wide = line.count(delimiter) >= limits.COLUMNS
            raise FileRefused("too-many-columns" if wide else "workbook-too-large", f"a line of {len(line)}")
        if line:
            yield line


def _rows(text: str, delimiter: str) -> Iterator[SheetRow]:
    filled = 0
    for index, cells in enumerate(csv.reader(_lines(text, delimiter), delimiter=delimiter, strict=True)):
        if filled > limits.ROWS or index >= limits.LINES:
            raise FileRefused("too-many-rows", str(index))
        if len(cells) > limits.COLUMNS:
            if any(cell.strip() for cell in cells[limits.COLUMNS :]):
                raise FileRefused("too-many-columns", str(len(cells)))
            cells = cells[: limits.COLUMNS]  # noqa: PLW2901 - only empty cells fall away
        if any(cell.strip() for cell in cells):
            filled += 1
            yield SheetRow(index, tuple(EXACT.sub(r"\1", cell) or None for cell in cells))
