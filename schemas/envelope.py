"""The wrapper of every event: CloudEvents 1.0, JSON, structured form, with our extension attributes."""

from functools import cached_property
from typing import Any

import msgspec

SPEC = "1.0"
CONTENT_TYPE = "application/json"


class Block(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the envelope says of one sealed block: whose, which class, under which key, and its hash by its suite."""

    subject: str
    role: str
    """Field of the event that names the subject: child, guardian, reporter …"""
    data_class: str = msgspec.field(name="class")
    key: str = ""
    alg: str = ""
    sha256: str = ""
    sm3: str = ""


class _Data(msgspec.Struct):
    """Of `data` only the list. A struct: its shape is worked out once, that of `list[Block]` with each call."""

    sealed: list[Block] = []


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """Who did what about whom, when it happened and when it was recorded.

    `data` holds the open fields and, under `sealed`, one entry for each block. (CloudEvents attributes can't be
    lists, so the list stands inside `data`.) Times are RFC 3339 in UTC. `after` reads "registry:12 reference:3".
    `stream` and `streamversion` say where the event stands in its aggregate, so that the leaf hash covers that too.
    """

    id: str
    type: str
    source: str
    subject: str
    time: str
    recordedat: str
    actor: str
    purpose: str
    orderkey: str
    correlationid: str
    data: dict[str, Any]
    specversion: str = msgspec.field(default="")
    datacontenttype: str = msgspec.field(default="")
    stream: str = ""
    streamversion: int = 0
    onbehalfof: str | None = None
    authority: str | None = None
    region: str | None = None
    policy: str | None = None
    causationid: str | None = None
    traceparent: str | None = None
    after: str | None = None

    @cached_property
    def blocks(self) -> list[Block]:
        """The sealed blocks, in the order of the pack."""
        return msgspec.convert(self.data, _Data).sealed


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Envelope)


def encode(envelope: Envelope) -> bytes:
    """Return the bytes that are stored, published, fed and hashed; nothing encodes them a second time."""
    return _encoder.encode(envelope)


def decode(raw: bytes) -> Envelope:
    """Read an envelope; attributes that this version doesn't know are passed over."""
    return _decoder.decode(raw)


class _Rests(msgspec.Struct):
    """Of an envelope only what it rests on: each consumer asks it of each record."""

    after: str | None = None


_rests = msgspec.json.Decoder(_Rests)


def after_of(raw: bytes) -> dict[str, int]:
    """Positions in other stores that an envelope's writer had seen for this child's partition."""
    after = _rests.decode(raw).after
    return {source: int(seq) for source, seq in (pair.split(":") for pair in after.split())} if after else {}


def format_after(positions: dict[str, int]) -> str | None:
    """Write `after`; sources that nothing was seen of are left out."""
    return " ".join(f"{source}:{seq}" for source, seq in sorted(positions.items()) if seq) or None
