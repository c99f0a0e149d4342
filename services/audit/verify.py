"""The offline verifier: an export folder and a public key are all that it needs. It names the first broken event."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from schemas.envelope import decode
from services.audit import merkle
from services.audit.note import Line, NoteBroken, read_note
from services.kernel.sealing import unpack
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


def verify_folder(folder: Path, public: str) -> list[Broken]:
    """Verify an export; returns what is broken, the first of each store. An empty list says that everything holds."""
    try:
        _, signed = read_note((folder / NOTE).read_text(encoding="utf8"), public)
    except (NoteBroken, OSError, UnicodeDecodeError):
        return [Broken("*", None, None, "检查点签名不成立 · the checkpoint's signature does not hold")]
    found = []
    for store in sorted({*signed, *(file.stem for file in folder.glob("*.jsonl"))}):
        line = signed.get(store, _unsigned(store))
        broken = verify_store(line, _rows(folder / f"{store}.jsonl"), _leaves(folder / f"{store}.leaves"))
        found += [broken] if broken else []
    if not signed:
        found.append(Broken("*", None, None, "检查点未签任何日志 · the checkpoint signs no log"))
    return found


def verify_store(
    line: Line, rows: Iterable[Row | str], logged: Callable[[int], bytes | None]
) -> Broken | None:
    """Verify one store against its line of the checkpoint and against the leaf hashes that the audit log kept."""
    hashes: list[bytes] = []
    for place, row in enumerate(rows, 1):
        if place > line.size:
            return Broken(line.store, place, None, "未经签名 · beyond what was signed")
        if isinstance(row, str):
            return Broken(line.store, place, None, row)
        why = _row(row, place) or (
            "与审计日志不符 · differs from the audit log" if logged(place) != row.leaf else None
        )
        if why:
            return Broken(line.store, place, row.id, why)
        hashes.append(row.leaf)
    if len(hashes) < line.size:
        return Broken(line.store, len(hashes) + 1, None, "事件缺失 · an event is missing")
    nodes = dict(merkle.grown(0, hashes, _never))
    if merkle.root(line.size, nodes.__getitem__) != line.root:
        return Broken(line.store, None, None, "根与签名不符 · the root is not the one that was signed")
    return None


def _unsigned(store: str) -> Line:
    """Return the line of a log that the checkpoint doesn't name: it may hold nothing."""
    return Line(store, UUID(int=0), 0, merkle.EMPTY)


def _never(_: merkle.Place) -> bytes:
    raise AssertionError


def _row(row: Row, place: int) -> str | None:
    """Return what is wrong with a row by itself."""
    if row.seq != place:
        return "序号不连续 · seq is not dense"
    if leaf_hash(row.envelope) != row.leaf:
        return "叶哈希不符 · the bytes are not those that were hashed"
    try:
        envelope = decode(row.envelope)
        described = [b.sha256 for b in envelope.blocks]
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


def _blocks(described: list[str], packed: bytes) -> str | None:
    try:
        bodies = unpack(packed)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "密封块无法读取 · the blocks can't be read"
    found = [hashlib.sha256(b).hexdigest() if b is not None else None for b in bodies]
    canonical = msgspec.msgpack.encode(bodies) == packed or (not bodies and not packed)
    return (
        None if found == described and canonical else "密封块不符 · a sealed block is not the one described"
    )


def _rows(file: Path) -> Iterator[Row | str]:
    try:
        with file.open("rb") as lines:
            for text in lines:
                try:
                    yield msgspec.json.decode(text, type=Row)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    yield "行无法读取 · the line can't be read"
    except OSError:
        return


def _leaves(file: Path) -> Callable[[int], bytes | None]:
    content = file.read_bytes() if file.is_file() else b""
    return lambda seq: content[32 * (seq - 1) : 32 * seq] or None


def write_row(row: Row) -> bytes:
    """Return a row as the export's line."""
    return msgspec.json.encode(row) + b"\n"


def as_text(found: list[Broken]) -> str:
    """Return what is broken as JSON lines."""
    return "\n".join(json.dumps(vars(b), ensure_ascii=False) for b in found)


__all__ = ["KEY", "NOTE", "Broken", "Row", "as_text", "verify_folder", "verify_store", "write_row"]
