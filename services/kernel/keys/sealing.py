"""Sealed blocks: fields of one class about one person, encrypted together, beside an envelope that names them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import msgspec

from schemas.envelope import Block, Envelope
from schemas.event import Event, Split, parts_of
from services.kernel.keys.ciphers import SUITES, AesGcm, Cipher
from services.kernel.keys.service import KeyService, Pair
from services.kernel.world import RealWorld

_STEP = 64
_json = msgspec.json.Encoder()
_bodies = msgspec.msgpack.Decoder(list[bytes | None])


@dataclass(frozen=True)
class Erased:
    """What a reader sees where a key was destroyed. Never an exception."""

    subject: str
    data_class: str


class BlockRef(NamedTuple):
    """A closed block together with what it takes to open it."""

    event: str
    subject: str
    role: str
    data_class: str
    body: bytes
    alg: str = AesGcm.alg

    @property
    def pair(self) -> Pair:
        """What key opens it."""
        return self.subject, self.data_class


_BY_ALG: dict[str, Cipher] = {suite.alg: suite(RealWorld()) for suite in SUITES.values()}


def is_described(block: Block, body: bytes) -> bool:
    """Tell whether a block is the one that an envelope describes."""
    suite = _BY_ALG.get(block.alg, _BY_ALG[AesGcm.alg])
    return bool(suite.hash_of(body) == getattr(block, suite.digest))


def _bound_to(event: str, subject: str, data_class: str) -> bytes:
    return f"{event}|{subject}|{data_class}".encode()


def seal(
    event: Event, event_id: str, keys: Mapping[Pair, bytes], cipher: Cipher, split: Split | None = None
) -> tuple[dict[str, Any], bytes]:
    """Split an event into (`data` for its envelope, the pack of its blocks).

    Plaintext is padded with blanks to steps of 64 bytes, so that a block's length says little; a class that the event
    pads to a fixed size says nothing. Raises KeyError where a key is missing: never seals under nothing.
    """
    opened, sealed = split or event.split()
    opened = dict(opened)
    roles = _roles(type(event))
    described, bodies = [], []
    for (subject, data_class), fields in sealed.items():
        plain = _json.encode(fields)
        size = event.pad.get(data_class) or -(-len(plain) // _STEP) * _STEP
        if len(plain) > size:
            message = f"{event.type}: class {data_class} outgrew the size that hides its length"
            raise ValueError(message)
        key = keys[subject, data_class]
        body = cipher.encrypt(key, plain.ljust(size), _bound_to(event_id, subject, data_class))
        described.append({
            "subject": subject, "role": roles[next(iter(fields))], "class": data_class, "key": f"{subject}:1",
            "alg": cipher.alg, cipher.digest: cipher.hash_of(body),
        })  # fmt: skip
        bodies.append(body)
    if described:
        opened["sealed"] = described
    return opened, pack(bodies)


@cache
def _roles(event: type[Event]) -> dict[str, str]:
    return {part.name: part.subject for part in parts_of(event)}


def needed(split: Split) -> list[Pair]:
    """List the keys that sealing these fields takes."""
    return list(split[1])


def pack(bodies: Sequence[bytes | None]) -> bytes:
    """Put blocks into one value, in the order of the envelope's list; a block left out is nil."""
    return msgspec.msgpack.encode(bodies)


def unpack(packed: bytes | None) -> list[bytes | None]:
    """Return the blocks in order, None where one was left out."""
    return _bodies.decode(packed) if packed else []


def redact(packed: bytes, shown: Iterable[int]) -> bytes:
    """Leave out all blocks but those at the places `shown`. The envelope's bytes stay as they are."""
    keep = set(shown)
    return pack([body if i in keep else None for i, body in enumerate(unpack(packed))])


def refs(
    envelope: Envelope, packed: bytes | None, only: Callable[[Block], bool] = lambda _: True
) -> list[BlockRef]:
    """Return the blocks that are here, closed."""
    return [
        BlockRef(envelope.id, block.subject, block.role, block.data_class, body, block.alg)
        for block, body in zip(envelope.blocks, unpack(packed), strict=False)
        if body is not None and only(block)
    ]


def open_refs(blocks: Sequence[BlockRef], keys: KeyService, cipher: Cipher) -> list[dict[str, Any] | Erased]:
    """Open blocks, with one look-up of keys for all of them. A block that was tampered with raises InvalidTag.

    What was sealed before the installation's suite was changed opens with the suite that its description names.
    """
    have = keys.keys({block.pair for block in blocks})
    opened: list[dict[str, Any] | Erased] = []
    for block in blocks:
        key = have.get(block.pair)
        if key is None:
            opened.append(Erased(block.subject, block.data_class))
            continue
        suite = cipher if block.alg == cipher.alg else _BY_ALG.get(block.alg, cipher)
        plain = suite.decrypt(key, block.body, _bound_to(block.event, block.subject, block.data_class))
        opened.append(msgspec.json.decode(plain))
    return opened


def fields_of(envelope: Envelope, packed: bytes | None, keys: KeyService, cipher: Cipher) -> dict[str, Any]:
    """Return all fields of an event that can be had here: the open ones and those of blocks that open."""
    fields = {k: v for k, v in envelope.data.items() if k != "sealed"}
    for block in open_refs(refs(envelope, packed), keys, cipher):
        if not isinstance(block, Erased):
            fields.update(block)
    return fields
