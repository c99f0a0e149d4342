"""Small files for the tests: rosters in text and .xlsx, a minimal .xls, archives with something wrong."""

import csv
import io
import struct
import zipfile
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

import xlsxwriter

from services.registry.ledger.model import LedgerReading, Row
from services.registry.ledger.reader import read_ledger
from services.registry.ledger.values.ids import check_digit

CLOSING = date(2016, 7, 31)


def number(born: str = "20100305", order: int = 123, region: str = "990101") -> str:
    body = f"{region}{born}{order:03}"
    return body + check_digit(body)


CHILD, FATHER = number(), number("19800101", 111)
HEADER = ["序号", "姓名", "性别", "出生日期", "公民身份证号码"]
CHILD_ROW = ["1", "张三", "男", "2010-03-05", CHILD]


def text_file(rows: Iterable[Sequence[str]], encoding: str = "utf-8", delimiter: str = ",") -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue().encode(encoding)


def workbook(
    sheets: dict[str, Any],
    merges: Iterable[tuple[int, int, int, int]] = (),
    then: Callable[[Any, Any], None] | None = None,
    **options: Any,
) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False} | options) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for top, left, bottom, right in merges:
                sheet.merge_range(top, left, bottom, right, "")
            for at, row in enumerate(rows):
                for column, cell in enumerate(row):
                    if isinstance(cell, date):
                        sheet.write_datetime(at, column, cell, day)
                    elif cell is not None and cell != "":
                        sheet.write(at, column, cell)
            if then:
                then(book, sheet)
    return buffer.getvalue()


def read(content: bytes, filename: str = "名册.xlsx", closing_date: date | None = CLOSING) -> LedgerReading:
    return read_ledger(content, filename, closing_date=closing_date)


def children(reading: LedgerReading) -> list[Row]:
    assert reading.refused is None, (reading.refused, reading.refused_detail)
    return [row for row in reading.rows if row.outcome != "ignored"]


def one(values: dict[str, Any], *, text: bool = False, **options: Any) -> Row:
    """The only child of a roster with these labels, beside a valid name, birthday and number."""
    full = {"姓名": "张三", "性别": "男", "出生日期": "2010-03-05", "公民身份证号码": CHILD} | values
    rows = [list(full), list(full.values())]
    if text:
        return children(read(text_file(rows), "名册.csv"))[0]
    return children(read(workbook({"甲村": rows}, **options)))[0]


def rezip(content: bytes, changed: dict[str, bytes]) -> bytes:
    """The archive with members replaced or added."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in changed:
                new.writestr(name, old.read(name))
        for name, data in changed.items():
            new.writestr(name, data)
    return out.getvalue()


def member(content: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(name)


def old_workbook(
    rows: Sequence[Sequence[str | float]],
    formulas: Sequence[tuple[int, int, float]] = (),
    *,
    extra: bytes = b"",
) -> bytes:
    """An .xls (BIFF8 in an OLE container) with one sheet; `extra` are records for its globals."""

    def record(kind: int, body: bytes) -> bytes:
        return struct.pack("<HH", kind, len(body)) + body

    def begin(kind: int) -> bytes:
        return record(0x0809, struct.pack("<HHHHII", 0x0600, kind, 0x0DBB, 0x07CC, 0, 6))

    name = "甲村"
    head = begin(5) + record(0x0042, struct.pack("<H", 1200)) + extra
    bound = struct.pack("<HBB", 0, len(name), 1) + name.encode("utf-16-le")
    globals_length = len(head) + 4 + 4 + len(bound) + 4
    stream = (
        head + record(0x0085, struct.pack("<I", globals_length) + bound) + record(0x000A, b"") + begin(0x10)
    )
    for at, row in enumerate(rows):
        for column, cell in enumerate(row):
            place = struct.pack("<HHH", at, column, 0)
            if isinstance(cell, str):
                encoded = cell.encode("utf-16-le")
                text = struct.pack("<HB", len(encoded) // 2, 1) + encoded
                stream += record(0x0204, place + text) if cell else b""
            else:
                stream += record(0x0203, place + struct.pack("<d", cell))
    for at, column, value in formulas:
        tokens = b"\x1e\x01\x00"
        cached = struct.pack("<HHHdHIH", at, column, 0, value, 0, 0, len(tokens))
        stream += record(0x0006, cached + tokens)
    return _ole(stream + record(0x000A, b""))


def _ole(stream: bytes) -> bytes:
    stream = stream.ljust(max(4096, -(-len(stream) // 512) * 512), b"\0")
    sectors = len(stream) // 512
    end, none = 0xFFFFFFFE, 0xFFFFFFFF
    table = [0xFFFFFFFD, end, *range(3, sectors + 2), end]
    allocation = struct.pack("<128I", *table, *[none] * (128 - len(table)))

    def entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
        encoded = (name + "\0").encode("utf-16-le")
        head = encoded.ljust(64, b"\0") + struct.pack("<HBBIII", len(encoded), kind, 1, none, none, child)
        return head + bytes(36) + struct.pack("<IQ", start, size)

    directory = entry("Root Entry", 5, 1, end, 0) + entry("Workbook", 2, none, 2, len(stream)) + bytes(256)
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6)
    header += bytes(6) + struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, end, 0, end, 0)
    return header + struct.pack("<109I", 0, *[none] * 108) + allocation + directory + stream
