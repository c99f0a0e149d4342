"""An .xls looked through for what calamine does not tell: formula cells, passwords, dates from 1904, what is hidden."""

import struct
from collections.abc import Iterator

from services.registry.ledger.archive import Oddities
from services.registry.ledger.model import FileRefused

BOF, FORMULA, FILEPASS, DATEMODE, BOUNDSHEET = 0x0809, 0x0006, 0x002F, 0x0022, 0x0085
ROW, COLUMNS = 0x0208, 0x007D
ROW_HIDDEN, COLUMN_HIDDEN = 0x20, 0x01
FREE = 0xFFFFFFFA  # and above: end of chain, free sector, table sectors


def inspect(content: bytes) -> tuple[list[Oddities], bool]:
    """The formula cells of each sheet in the workbook's order, and whether dates count from 1904.

    Raises:
        FileRefused: workbook-encrypted, wrong-file-type, file-damaged.
    """
    try:
        stream = _workbook_stream(content)
        return _walk(stream)
    except (struct.error, IndexError) as error:
        raise FileRefused("file-damaged", "OLE container") from error


def _walk(stream: bytes) -> tuple[list[Oddities], bool]:
    order: list[int] = []
    found: dict[int, Oddities] = {}
    current, date_1904 = Oddities(), False
    for at, kind, body in _records(stream):
        if kind == FILEPASS:
            raise FileRefused("workbook-encrypted")
        if kind == BOF:
            current = found.setdefault(at, Oddities())
        elif kind == DATEMODE:
            date_1904 = struct.unpack_from("<H", body)[0] == 1
        elif kind == BOUNDSHEET:
            order.append(struct.unpack_from("<I", body)[0])
        elif kind == FORMULA:
            current.formulas.add(struct.unpack_from("<HH", body))
        elif kind == ROW and struct.unpack_from("<H", body, 12)[0] & ROW_HIDDEN:
            current.hidden_rows.add(struct.unpack_from("<H", body)[0])
        elif kind == COLUMNS and struct.unpack_from("<H", body, 8)[0] & COLUMN_HIDDEN:
            first, last = struct.unpack_from("<HH", body)
            current.hidden_columns.update(range(first, last + 1))
    return [found.get(offset, Oddities()) for offset in order], date_1904


def _records(stream: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 0
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, at)
        if kind == 0 and length == 0:
            return
        yield at, kind, stream[at + 4 : at + 4 + length]
        at += 4 + length


def _workbook_stream(content: bytes) -> bytes:
    """The stream `Workbook` (or `Book`) of the OLE container; never longer than the file."""
    shift = struct.unpack_from("<H", content, 30)[0]
    directory_start, mini_cutoff = struct.unpack_from("<I4xI", content, 48)
    if shift not in (9, 12):
        raise FileRefused("file-damaged", "OLE sector size")
    size = 1 << shift
    table = _allocation(content, size)
    directory = _chain(content, size, table, directory_start)
    for at in range(0, len(directory) - 127, 128):
        length = struct.unpack_from("<H", directory, at + 64)[0]
        name = directory[at : at + max(0, min(length, 64) - 2)].decode("utf-16-le", "replace")
        if name.lower() in ("workbook", "book"):
            start, stream_size = struct.unpack_from("<II", directory, at + 116)
            if stream_size < mini_cutoff:
                return b""  # too small to hold a roster's formulas; calamine reads the values
            return _chain(content, size, table, start)[:stream_size]
    raise FileRefused("wrong-file-type", "OLE without a workbook")


def _allocation(content: bytes, size: int) -> list[int]:
    sectors = [number for number in struct.unpack_from("<109I", content, 76) if number < FREE]
    following, count = struct.unpack_from("<II", content, 68)
    for _ in range(min(count, len(content) // size)):
        if following >= FREE:
            break
        entries = struct.unpack_from(f"<{size // 4}I", content, (following + 1) * size)
        sectors += [number for number in entries[:-1] if number < FREE]
        following = entries[-1]
    table: list[int] = []
    for number in sectors[: len(content) // size + 1]:
        table += struct.unpack_from(f"<{size // 4}I", content, (number + 1) * size)
    return table


def _chain(content: bytes, size: int, table: list[int], start: int) -> bytes:
    parts: list[bytes] = []
    number = start
    while number < FREE and len(parts) <= len(content) // size:
        parts.append(content[(number + 1) * size : (number + 2) * size])
        number = table[number]
    if number < FREE:  # calamine would go on until its memory ends
        raise FileRefused("file-damaged", "OLE chain in a circle")
    return b"".join(parts)
