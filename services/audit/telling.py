"""The exact bytes of a telling: what the feed's log hashes, defined here alone."""

import msgspec

from schemas.envelope import decode
from services.kernel.bus.port import Record
from services.kernel.keys.sealing import unpack
from services.kernel.store import leaf_hash


class Telling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who was told of which event, as what, by which clause of which rules (their hash), which blocks of it, when.

    Its bytes are the JSON of these fields in this order, without blanks, in UTF-8. `leaf` is the leaf hash (hex) of
    the event at `source_seq` of the log `source`; `shown` are the places of the blocks that went along, from 0.
    """

    seq: int
    agency: str
    role: str
    clause: str
    rules: str
    source: str
    source_seq: int
    event: str
    leaf: str
    shown: list[int]
    disclosed_at: str


def telling_of(record: Record) -> Telling:
    """Return the telling that a record of the feed is."""
    told = record.headers
    return Telling(
        seq=record.seq, agency=told["agency"], role=told["role"], clause=told["clause"], rules=told["rules"],
        source=told["source"],
        source_seq=int(told["source_seq"]), event=decode(record.value).id, leaf=leaf_hash(record.value).hex(),
        shown=[i for i, body in enumerate(unpack(record.blocks)) if body is not None],
        disclosed_at=told["disclosed_at"],
    )  # fmt: skip


def exact(telling: Telling) -> bytes:
    """Return the bytes that the feed's log hashes."""
    return msgspec.json.encode(telling)


def read_telling(line: bytes) -> Telling:
    """Return the telling of these bytes. Raises ValueError where they are not the exact bytes of one."""
    found = msgspec.json.decode(line, type=Telling)
    if exact(found) != line:
        raise ValueError
    return found
