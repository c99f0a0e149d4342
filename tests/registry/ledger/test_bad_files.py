"""Every bad file is refused by name; `tests/registry/hostile` sends the same by the API and weighs the child."""

import io
import struct
import zipfile
from pathlib import Path

import pytest

from bench.ledger import write
from services.registry.ledger import limits
from services.registry.ledger import workbook as door
from services.registry.ledger.model import FileRefused
from tests.registry.ledger.making import (
    CHILD,
    CHILD_ROW,
    HEADER,
    member,
    number,
    old_workbook,
    read,
    rezip,
    text_file,
    workbook,
)

GOOD = workbook({"甲村": [HEADER, CHILD_ROW]})
SHEET = "xl/worksheets/sheet1.xml"


def bomb(size: int) -> bytes:
    return rezip(GOOD, {SHEET: b" " * size})


def lying(content: bytes) -> bytes:
    """Declares every large member as 4 kB, in the local header and in the directory."""
    out = bytearray(content)
    for mark, at_size in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = out.find(mark)
        while at >= 0:
            if struct.unpack_from("<I", out, at + at_size)[0] > 1_000_000:
                struct.pack_into("<I", out, at + at_size, 4096)
            at = out.find(mark, at + 4)
    return bytes(out)


def encrypted() -> bytes:
    return (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le") + bytes(600)
    )


def doctype() -> bytes:
    entity = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    return rezip(GOOD, {"xl/sharedStrings.xml": entity + member(GOOD, "xl/sharedStrings.xml")})


def sheet_with(cells: bytes) -> bytes:
    start = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    return rezip(GOOD, {SHEET: start + cells + b"</sheetData></worksheet>"})


def other_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    return out.getvalue()


def broken_member() -> bytes:
    """Bytes inside the sheet's compressed data changed."""
    with zipfile.ZipFile(io.BytesIO(GOOD)) as archive:
        at = archive.getinfo(SHEET).header_offset + 80
    return GOOD[:at] + bytes(40) + GOOD[at + 40 :]


PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
WIDE = text_file([HEADER + [f"列{n}" for n in range(1_000_000)]])
FILE_PASS = struct.pack("<HH", 0x002F, 6) + bytes(6)
BAD = {
    "nothing at all": (b"", "名册.xlsx", "file-empty"),
    "blanks only": (b" \r\n\r\n", "名册.csv", "file-empty"),
    "a byte order mark only": (b"\xef\xbb\xbf", "名册.csv", "file-empty"),
    "a workbook with empty sheets": (workbook({"a": [], "b": []}), "名册.xlsx", "file-empty"),
    "an image named .csv": (PNG, "名册.csv", "wrong-file-type"),
    "an image named .xlsx": (PNG, "名册.xlsx", "wrong-file-type"),
    "a PDF": (b"%PDF-1.7\n" + b"x" * 50, "名册.xls", "wrong-file-type"),
    "binary rubbish named .csv": (bytes(range(256)) * 9, "名册.csv", "wrong-file-type"),
    "binary rubbish named .xlsx": (bytes(range(1, 256)) * 9, "名册.xlsx", "file-damaged"),
    "a text document in a zip": (other_zip(), "名册.xlsx", "wrong-file-type"),
    "a web page without a ledger": (b"<html><table><tr><td>x</table></html>", "名册.xls", "no-header-found"),
    "a web page without a table": (b"<html><body><p>x</p></body></html>", "名册.xls", "html-as-workbook"),
    "an XML spreadsheet": (b'<?xml version="1.0"?><Workbook/>', "名册.xls", "html-as-workbook"),
    "an archive cut short": (GOOD[: len(GOOD) // 2], "名册.xlsx", "file-damaged"),
    "only the mark of a zip": (b"PK\x03\x04aaaa", "名册.xlsx", "file-damaged"),
    "a damaged member": (broken_member(), "名册.xlsx", "file-damaged"),
    "an OLE head alone": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"0" * 900, "名册.xls", "file-damaged"),
    "a password on .xlsx": (encrypted(), "名册.xlsx", "workbook-encrypted"),
    "a password on .xls": (
        old_workbook([["姓名"] * 9] * 30, extra=FILE_PASS),
        "名册.xls",
        "workbook-encrypted",
    ),
    "a zip bomb that says so": (bomb(60_000_000), "名册.xlsx", "zip-bomb"),
    "a zip bomb that lies": (lying(bomb(60_000_000)), "名册.xlsx", "zip-bomb"),
    "too many members": (rezip(GOOD, {f"x/{n}": b"" for n in range(2100)}), "名册.xlsx", "zip-bomb"),
    "an archive inside": (rezip(GOOD, {"xl/embeddings/a.xlsx": GOOD}), "名册.xlsx", "nested-archive"),
    "nested entities": (doctype(), "名册.xlsx", "xml-entities"),
    "entities in UTF-16": (
        rezip(GOOD, {"docProps/app.xml": '<!DOCTYPE x SYSTEM "file:///etc/passwd">'.encode("utf-16")}),
        "名册.xlsx",
        "xml-entities",
    ),
    "a million columns": (WIDE, "名册.csv", "too-many-columns"),
    "sixteen thousand columns": (
        workbook({"a": [HEADER + ["列"] * 16_000, CHILD_ROW]}),
        "名册.xlsx",
        "too-many-columns",
    ),
    "a cell beyond the last column": (
        sheet_with(b'<row r="1"><c r="AAAAAAAA1"><v>1</v></c></row>'),
        "名册.xlsx",
        "too-many-columns",
    ),
    "cells in opposite corners": (
        sheet_with(
            b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
        ),
        "名册.xlsx",
        "workbook-too-large",
    ),
    "quotes without end": (
        text_file([HEADER]) + b'1,"\xe5\xbc\xa0,x\n2,y\n',
        "名册.csv",
        "quotes-unbalanced",
    ),
    "no header": (text_file([["张三", "男", "x"]] * 5), "名册.csv", "no-header-found"),
    "a header without names": (
        text_file([["性别", "民族", "出生日期", "备注"]]),
        "名册.csv",
        "no-header-found",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_by_its_name(case: str) -> None:
    content, filename, code = BAD[case]
    reading = read(content, filename)
    assert (reading.refused, reading.rows) == (code, ()), reading.refused_detail


def test_the_size_is_looked_at_before_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "kind_of", lambda *_: pytest.fail("the content was looked at"))
    reading = read(bytes(200 * 1024 * 1024), "名册.xlsx")
    assert reading.refused == "workbook-too-large"


def test_formatting_down_to_the_last_row_does_no_harm() -> None:
    empty = b"".join(b'<row r="%d"><c r="A%d" s="1"/></row>' % (n, n) for n in range(3, 1_048_577, 5))
    sheet = member(GOOD, SHEET).replace(b"</sheetData>", empty + b"</sheetData>")
    reading = read(rezip(GOOD, {SHEET: sheet}))
    assert [row.outcome for row in reading.rows] == ["ignored", "accepted"]


def test_merged_ranges_over_the_whole_sheet_cost_nothing_and_too_many_are_refused() -> None:
    def merged(count: int) -> bytes:
        ranges = b"".join(b'<mergeCell ref="A%d:XFD1048576"/>' % (n % 9 + 3) for n in range(count))
        sheet = member(GOOD, SHEET)
        return rezip(
            GOOD, {SHEET: sheet.replace(b"</sheetData>", b"</sheetData><mergeCells>%s</mergeCells>" % ranges)}
        )

    assert read(merged(50_000)).refused is None
    assert read(merged(100_001)).refused == "workbook-too-large"


def test_the_memory_limit_bites_in_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = b"".join(b'<row r="%d"><c r="A%d"><v>1</v></c></row>' % (n, n) for n in (1, 1_000_000))
    wide = cells.replace(b"</row>", b'<c r="ZZ1000000"><v>1</v></c></row>', 1)
    with pytest.raises(FileRefused, match="workbook-too-large"):
        door.open_workbook(sheet_with(wide), "名册.xlsx")
    monkeypatch.setattr(limits, "CHILD_WALL_SECONDS", 0.001)
    with pytest.raises(FileRefused, match="workbook-too-slow"):
        door.open_workbook(GOOD, "名册.xlsx")


@pytest.mark.req("REG-06")
def test_a_table_of_a_child_a_column_is_refused_by_name() -> None:
    rows = [
        ["姓名", "张三", "李四"],
        ["性别", "男", "女"],
        ["身份证号码", CHILD, number(order=124)],
        ["住址", "某村", "某村"],
        ["民族", "汉", "汉"],
    ]
    assert read(workbook({"a": rows})).refused == "children-in-columns"
    alone = read(workbook({"a": [row[:2] for row in rows]}))
    assert [row.outcome for row in alone.rows if row.outcome != "ignored"] == ["accepted"]


@pytest.mark.req("REG-06")
def test_a_whole_county_s_roster_of_a_hundred_thousand_rows_is_read_within_the_limits(tmp_path: Path) -> None:
    write(tmp_path / "roster.xlsx", 100_000)
    (sheet,) = door.open_workbook((tmp_path / "roster.xlsx").read_bytes(), "roster.xlsx")
    assert len(sheet.rows) == 100_001
