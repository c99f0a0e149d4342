"""An .xlsx looked through before it is read: sizes told and true, nested archives, entities, odd cells."""

import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from services.registry.ledger import limits
from services.registry.ledger.model import FileRefused

PIECE, CHUNK, TAIL = 64 * 1024, 1024 * 1024, 4096
ENTITY = re.compile(rb"<!(?:DOCTYPE|ENTITY)|<\x00!\x00(?:D\x00O|E\x00N)|\x00<\x00!\x00[DE]", re.IGNORECASE)
# Within a tag nothing runs past another `<`, and a run of letters is tried from its beginning alone: else a few
# kilobytes of tags that never close cost the square of what they unpack to.
# a cell with an error, a formula, or a number too long for a double
ODD_CELL = re.compile(rb"<(?:\w+:)?c\s([^<>]*)>\s*<(?:\w+:)?(?:(f)\b|v>(?:(\d{16,18})<|(#)))")
FAR_CELL = re.compile(rb'\sr="(?:[A-Z]{4,}\d*|[A-Z]*\d{8,})"')
REFERENCE = re.compile(rb'(?:^|\s)r="([A-Z]{1,3})(\d{1,7})"')
TAG = re.compile(rb"<(?:\w+:)?(sheet|Relationship)\s([^<>]*)>")
HIDDEN = re.compile(rb'<(?:\w+:)?(row|col)\b((?>[^<>]*?\shidden="(?:1|true)")[^<>]*+)>')
ATTRIBUTE = re.compile(rb'(?<![\w:])(?:\w+:)?(\w+)="([^"]*)"')
ARCHIVES = (b"PK\x03\x04", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b")


@dataclass
class Oddities:
    """What calamine does not tell about a sheet, by row and column from 0."""

    formulas: set[tuple[int, int]] = field(default_factory=set)
    errors: set[tuple[int, int]] = field(default_factory=set)
    long_numbers: dict[tuple[int, int], int] = field(default_factory=dict)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)


def inspect(content: bytes) -> tuple[list[Oddities], bool]:
    """The odd cells of each sheet in the workbook's order, and whether dates count from 1904.

    Raises:
        FileRefused: file-damaged, workbook-encrypted, zip-bomb, nested-archive, xml-entities,
            workbook-too-large, too-many-columns, wrong-file-type.
    """
    try:
        members = zipfile.ZipFile(io.BytesIO(content)).infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        raise FileRefused("file-damaged", str(error)) from error
    _check_declared(members, len(content))
    names = {member.filename.lstrip("/"): member for member in members}
    if len(names) < len(members):
        raise FileRefused("file-damaged", "a member twice")
    if "xl/workbook.xml" not in names:
        raise FileRefused("wrong-file-type", "zip without xl/workbook.xml")
    found: dict[str, Oddities] = {}
    budget = limits.UNZIPPED_BYTES
    for name, member in names.items():
        odd = found.setdefault(name, Oddities())
        budget -= _walk(content, member, name, odd, budget)
    book = _whole(content, names["xl/workbook.xml"])
    relations = names.get("xl/_rels/workbook.xml.rels")
    paths = _sheet_paths(book, _whole(content, relations) if relations else b"")
    return [found.get(path, Oddities()) for path in paths], bool(re.search(rb'date1904="(?:1|true)"', book))


def _check_declared(members: list[zipfile.ZipInfo], size: int) -> None:
    if len(members) > limits.ZIP_MEMBERS:
        raise FileRefused("zip-bomb", f"{len(members)} members")
    if any(member.flag_bits & 1 for member in members):
        raise FileRefused("workbook-encrypted")
    for member in members:
        if stat.S_ISLNK(member.external_attr >> 16) or ".." in re.split(r"[/\\]", member.filename):
            raise FileRefused("file-damaged", f"{member.filename} leads out of the archive")
    if sum(member.compress_size for member in members) > size:
        raise FileRefused("zip-bomb", "members overlap")
    total = sum(member.file_size for member in members)
    for member in members:
        if member.file_size > max(limits.BOMB_FLOOR, limits.BOMB_RATIO * member.compress_size):
            raise FileRefused("zip-bomb", f"{member.filename}: {member.file_size} bytes declared")
    if total > limits.UNZIPPED_BYTES:
        raise FileRefused("workbook-too-large", f"{total} bytes unpacked")


def _walk(content: bytes, member: zipfile.ZipInfo, name: str, odd: Oddities, budget: int) -> int:
    """Unpacks one member chunk by chunk, keeps what is odd, returns its true size."""
    size, buffer = 0, b""
    worksheet = name.startswith("xl/worksheets/")
    for chunk in _inflate(content, member):
        if not size and chunk.startswith(ARCHIVES):
            raise FileRefused("nested-archive", name)
        size += len(chunk)
        if size > member.file_size:
            raise FileRefused("zip-bomb", f"{name}: more than the {member.file_size} bytes declared")
        if size > budget:
            raise FileRefused("workbook-too-large", name)
        buffer = buffer[-TAIL:] + chunk
        if name.lower().endswith((".xml", ".rels", ".vml")) and ENTITY.search(buffer):
            raise FileRefused("xml-entities", name)
        if worksheet:
            _note_odd(buffer, odd)
            _note_hidden(buffer, odd)
    return size


def _inflate(content: bytes, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """The member's true bytes, whatever size its header declares."""
    start = member.header_offset
    header = content[start : start + 30]
    if len(header) < 30 or not header.startswith(b"PK\x03\x04"):
        raise FileRefused("file-damaged", member.filename)
    names, extra = struct.unpack("<HH", header[26:30])
    begin = start + 30 + names + extra
    packed = memoryview(content)[begin : begin + member.compress_size]
    if member.compress_type == zipfile.ZIP_STORED:
        yield from (bytes(packed[i : i + CHUNK]) for i in range(0, len(packed), CHUNK))
    elif member.compress_type == zipfile.ZIP_DEFLATED:
        yield from _deflated(packed, member.filename)
    else:
        raise FileRefused("file-damaged", f"{member.filename}: compression {member.compress_type}")


def _deflated(packed: memoryview, name: str) -> Iterator[bytes]:
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for start in range(0, len(packed), PIECE):
            pending: bytes | memoryview = packed[start : start + PIECE]
            while out := engine.decompress(pending, CHUNK):
                yield out
                pending = engine.unconsumed_tail
    except zlib.error as error:
        raise FileRefused("file-damaged", f"{name}: {error}") from error
    if not engine.eof:
        raise FileRefused("file-damaged", f"{name}: cut short")


def _note_odd(buffer: bytes, odd: Oddities) -> None:
    if FAR_CELL.search(buffer):
        raise FileRefused("too-many-columns", "a cell beyond XFD1048576")
    for match in ODD_CELL.finditer(buffer):
        place = REFERENCE.search(match[1])
        if place is None:
            continue
        at = (int(place[2]) - 1, _column(place[1]))
        if match[2]:
            odd.formulas.add(at)
        elif match[3]:
            odd.long_numbers[at] = int(match[3])
        elif b't="e"' in match[1]:
            odd.errors.add(at)


def _note_hidden(buffer: bytes, odd: Oddities) -> None:
    for match in HIDDEN.finditer(buffer):
        told = dict(ATTRIBUTE.findall(match[2]))
        if match[1] == b"row" and told.get(b"r", b"").isdigit():
            odd.hidden_rows.add(int(told[b"r"]) - 1)
        elif match[1] == b"col" and told.get(b"min", b"").isdigit() and told.get(b"max", b"").isdigit():
            odd.hidden_columns.update(range(int(told[b"min"]) - 1, min(int(told[b"max"]), limits.COLUMNS)))


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


def _whole(content: bytes, member: zipfile.ZipInfo) -> bytes:
    return b"".join(_inflate(content, member))


def _sheet_paths(book: bytes, relations: bytes) -> list[str]:
    targets: dict[bytes, str] = {}
    for match in TAG.finditer(relations):
        attributes = dict(ATTRIBUTE.findall(match[2]))
        target = attributes.get(b"Target", b"").decode("utf-8", "replace")
        targets[attributes.get(b"Id", b"")] = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    sheets = [dict(ATTRIBUTE.findall(match[2])) for match in TAG.finditer(book) if match[1] == b"sheet"]
    return [targets.get(sheet.get(b"id", b""), "") for sheet in sheets]
