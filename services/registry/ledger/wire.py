"""What the child process answers: frames of MessagePack of these shapes, nothing executable."""

import struct
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import BinaryIO

import msgspec

from services.registry.ledger.model import Cell, Merge

Position = tuple[int, int]


class Moment(msgspec.Struct, tag="moment", array_like=True, frozen=True):
    """A cell that the workbook itself formats as a date or time; `iso` is seconds for a time span."""

    kind: str
    iso: str


WireCell = str | int | float | bool | Moment | None


class Begin(msgspec.Struct, tag="sheet"):
    """A sheet begins; its rows follow."""

    name: str
    merges: list[Merge] = []
    formulas: list[Position] = []
    errors: list[Position] = []
    date_1904: bool = False
    typed: bool = True
    hidden: bool = False
    hidden_rows: list[int] = []
    hidden_columns: list[int] = []


class Rows(msgspec.Struct, tag="rows"):
    """Some filled rows of the sheet that began last."""

    rows: list[tuple[int, list[WireCell]]]


class Refusal(msgspec.Struct, tag="refused"):
    """The file is refused, whatever came before."""

    code: str
    detail: str = ""


Frame = Begin | Rows | Refusal


def write_frame(out: BinaryIO, frame: Frame) -> int:
    """Returns how many bytes the frame takes."""
    packed = msgspec.msgpack.encode(frame)
    out.write(struct.pack("<I", len(packed)))
    return out.write(packed) + 4


def read_frames(answer: bytes) -> Iterator[Frame]:
    decoder = msgspec.msgpack.Decoder(Frame)
    at = 0
    while at < len(answer):
        (length,) = struct.unpack_from("<I", answer, at)
        yield decoder.decode(memoryview(answer)[at + 4 : at + 4 + length])
        at += 4 + length


def pack(cell: Cell) -> WireCell:
    """A cell as calamine gives it; an empty string is an empty cell."""
    if isinstance(cell, str):
        return cell or None
    if isinstance(cell, datetime):
        return Moment("datetime", cell.isoformat())
    if isinstance(cell, date):
        return Moment("date", cell.isoformat())
    if isinstance(cell, time):
        return Moment("time", cell.isoformat())
    if isinstance(cell, timedelta):
        return Moment("span", str(cell.total_seconds()))
    return cell


def unpack(cell: WireCell) -> Cell:
    if not isinstance(cell, Moment):
        return cell
    if cell.kind == "datetime":
        return datetime.fromisoformat(cell.iso)
    if cell.kind == "date":
        return date.fromisoformat(cell.iso)
    if cell.kind == "time":
        return time.fromisoformat(cell.iso)
    return timedelta(seconds=float(cell.iso))
