"""The offline verifier: an export folder and a public key are all that it needs; it names the first broken event."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from schemas.envelope import Block, decode
from schemas.look import LOOK_LOGS, read_look
from services.audit import merkle
from services.audit.note import Line, NoteBroken, read_note
from services.audit.telling import exact, read_telling
from services.kernel.bus.port import FEED
from services.kernel.keys.sealing import is_described, unpack
from services.kernel.store import REFERENCE_PARTITION, leaf_hash, partition_of

NOTE, KEY = "checkpoint.txt", "audit.pub"


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that a store holds of one event."""

    seq: int
    id: str
    stream: str
    version: int
    partition: int
    orderkey: str
    type: str
    recorded_at: str
    envelope: bytes
    blocks: bytes
    leaf: bytes


@dataclass(frozen=True)
class Broken:
    """What is wrong first: in which store, at which event, and why."""

    store: str
    seq: int | None
    event: str | None
    why: str


class Said(msgspec.Struct, frozen=True):
    """A line of the feed's export or of looks': it is the exact bytes. `why` says what is wrong with it, if anything."""

    seq: int
    id: str
    leaf: bytes
    why: str | None


Logged = Callable[[int], bytes | None]
"""Gives the leaf hash that the audit log kept at a seq, or None."""


def verify_folder(folder: Path, public: str, since: str | None = None) -> list[Broken]:
    """Verify an export; returns what is broken, the first of each log. An empty list says that everything holds.

    With `since`, an earlier checkpoint, every log must also extend the one that was signed there. Memory stays the same
    however long the logs are.
    """
    try:
        note = read_note((folder / NOTE).read_text(encoding="utf8"), public)
    except (NoteBroken, OSError, UnicodeDecodeError):
        return [Broken("*", None, None, "检查点签名不成立 · the checkpoint's signature does not hold")]
    try:
        earlier = read_note(since, public, *(r.key for r in note.renewed)).logs if since is not None else {}
    except NoteBroken:
        return [
            Broken(
                "*", None, None, "先前检查点的签名不成立 · the earlier checkpoint's signature does not hold"
            )
        ]
    found = []
    with ExitStack() as files:
        logs = {name: files.enter_context(_leaves(folder / f"{name}.leaves")) for name in note.logs}
        for store in sorted({*note.logs, *earlier, *(file.stem for file in folder.glob("*.jsonl"))}):
            line, file = note.logs.get(store, _unsigned(store)), folder / f"{store}.jsonl"
            rows = _rows_of(store, file, note.logs, logs)
            broken = verify_store(line, rows, logs.get(store, _nothing), earlier.get(store))
            found += [broken] if broken else []
    if not note.logs:
        found.append(Broken("*", None, None, "检查点未签任何日志 · the checkpoint signs no log"))
    return found


def verify_store(
    line: Line, rows: Iterable[Row | Said | str], logged: Logged, since: Line | None = None
) -> Broken | None:
    """Verify one log against its line of the checkpoint, the leaf hashes that the audit log kept, and an earlier line."""
    if since is not None and since.size > line.size:
        why = f"短于先前检查点 · shorter than in the earlier checkpoint: {line.size} < {since.size}"
        return Broken(line.store, line.size + 1, None, why)
    tree = merkle.Range()
    for place, row in enumerate(rows, 1):
        if place > line.size:
            return Broken(line.store, place, None, "未经签名 · beyond what was signed")
        if isinstance(row, str):
            return Broken(line.store, place, None, row)
        if wrong := _wrong(row, place, logged(place)):
            return Broken(line.store, place, row.id, wrong)
        tree.add(row.leaf)
        if since is not None and place == since.size and tree.root() != since.root:
            why = f"前 {place} 项与先前检查点不符 · the first {place} are not those of the earlier checkpoint"
            return Broken(line.store, None, None, why)
    if tree.size < line.size:
        return Broken(line.store, tree.size + 1, None, "事件缺失 · an event is missing")
    if tree.root() != line.root:
        return Broken(line.store, None, None, "根与签名不符 · the root is not the one that was signed")
    return None


def _unsigned(store: str) -> Line:
    """Return the line of a log that the checkpoint doesn't name: it may hold nothing."""
    return Line(store, UUID(int=0), 0, merkle.EMPTY)


def _nothing(_: int) -> bytes | None:
    return None


def _wrong(row: Row | Said, place: int, logged: bytes | None) -> str | None:
    wrong = _row(row, place) if isinstance(row, Row) else _said(row, place)
    return wrong or ("与审计日志不符 · differs from the audit log" if logged != row.leaf else None)


def _said(row: Said, place: int) -> str | None:
    return "序号不连续 · seq is not dense" if row.seq != place else row.why


def _row(row: Row, place: int) -> str | None:
    """Return what is wrong with a row by itself."""
    if row.seq != place:
        return "序号不连续 · seq is not dense"
    if leaf_hash(row.envelope) != row.leaf:
        return "叶哈希不符 · the bytes are not those that were hashed"
    try:
        envelope = decode(row.envelope)
        described = envelope.blocks
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "信封无法读取 · the envelope can't be read"
    told: Mapping[str, Any] = {
        "id": envelope.id, "type": envelope.type, "orderkey": envelope.orderkey, "stream": envelope.stream,
        "version": envelope.streamversion, "recorded_at": envelope.recordedat,
        "partition": REFERENCE_PARTITION if envelope.orderkey == "reference" else partition_of(envelope.orderkey),
    }  # fmt: skip
    wrong = [name for name, value in told.items() if getattr(row, name) != value]
    if wrong:
        return f"列与信封不符 · columns differ from the envelope: {', '.join(wrong)}"
    return _blocks(described, row.blocks)


def _blocks(described: list[Block], packed: bytes) -> str | None:
    try:
        bodies = unpack(packed)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "密封块无法读取 · the blocks can't be read"
    found = len(bodies) == len(described) and all(
        body is not None and is_described(block, body) for block, body in zip(described, bodies, strict=True)
    )
    canonical = msgspec.msgpack.encode(bodies) == packed or (not bodies and not packed)
    return None if found and canonical else "密封块不符 · a sealed block is not the one described"


def _rows_of(
    log: str, file: Path, signed: Mapping[str, Line], logs: Mapping[str, Logged]
) -> Iterator[Row | Said | str]:
    if log == FEED:
        return _tellings(file, signed, logs)
    return _looks(file) if log in LOOK_LOGS else _rows(file)


def _rows(file: Path) -> Iterator[Row | str]:
    for text in _lines(file):
        try:
            yield msgspec.json.decode(text, type=Row)
        except (msgspec.DecodeError, UnicodeDecodeError):
            yield "行无法读取 · the line can't be read"


def _tellings(file: Path, signed: Mapping[str, Line], logs: Mapping[str, Logged]) -> Iterator[Said | str]:
    """Read the feed; each telling must be of the event that the log holds at the place that it names."""
    for text in _lines(file):
        try:
            told = read_telling(text)
        except (ValueError, msgspec.DecodeError):
            yield "告知记录无法读取 · the telling can't be read"
            continue
        known = told.source in signed and 0 < told.source_seq <= signed[told.source].size
        leaf = logs[told.source](told.source_seq) if known else None
        why = None if leaf is None or leaf.hex() == told.leaf else _OTHER_EVENT
        yield Said(told.seq, told.event, leaf_hash(exact(told)), why)


def _looks(file: Path) -> Iterator[Said | str]:
    for text in _lines(file):
        try:
            look = read_look(text)
        except (ValueError, msgspec.DecodeError):
            yield "查阅记录无法读取 · the look can't be read"
        else:
            yield Said(look.seq, look.id, leaf_hash(text), None)


def _lines(file: Path) -> Iterator[bytes]:
    try:
        with file.open("rb") as lines:
            yield from (text.removesuffix(b"\n") for text in lines)
    except OSError:
        return


_OTHER_EVENT = "所告知的事件与日志不符 · the event that was told is not the one in the log"


@contextmanager
def _leaves(file: Path) -> Iterator[Logged]:
    """Give access to leaf hashes by seq, without reading the file whole."""
    if not file.is_file():
        yield _nothing
        return
    with file.open("rb") as content:

        def logged(seq: int) -> bytes | None:
            content.seek(32 * (seq - 1))
            return content.read(32) or None

        yield logged


def write_row(row: Row) -> bytes:
    """Return a row as the export's line."""
    return msgspec.json.encode(row) + b"\n"


def as_text(found: list[Broken]) -> str:
    """Return what is broken as JSON lines."""
    return "\n".join(json.dumps(vars(b), ensure_ascii=False) for b in found)


__all__ = ["KEY", "NOTE", "Broken", "Row", "as_text", "verify_folder", "verify_store", "write_row"]
