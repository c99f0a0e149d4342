"""What is signed under the installation's own name, as C2SP signed notes (Ed25519): all roots together, and receipts."""

import base64
import binascii
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ONCE = "shouwang/audit"
"""The name under which every installation signed before each had its own."""
_ALGORITHM = b"\x01"
_DASH = "\u2014 "
_RENEWED = "renewed"
_SAYS = {
    "report": "回执:该报告已于下列时间登记(filed)、受理(accepted) · Receipt: this report was filed and accepted at these times",
    "deletion": "删除证明:决定删除的事件已于下列时间登记(erased),所删类别如下(classes) · Proof of deletion: it was decided and recorded then, of these classes",  # noqa: E501
}
_MOST_SIGNATURES = 100
T = TypeVar("T")


class NoteBroken(Exception):  # noqa: N818
    """检查点的格式或签名不对。 · The checkpoint's form or its signature is not right."""


@dataclass(frozen=True)
class Line:
    """One log in a checkpoint."""

    store: str
    incarnation: UUID
    size: int
    root: bytes


@dataclass(frozen=True)
class Renewal:
    """That the signing key was replaced, when (RFC 3339), and which public key it was."""

    at: str
    key: str


@dataclass(frozen=True)
class Note:
    """What a checkpoint says: who signs, when, every log, and the keys that came before."""

    origin: str
    moment: str
    logs: dict[str, Line]
    renewed: tuple[Renewal, ...] = ()


@dataclass(frozen=True)
class Receipt:
    """That something happened, and when (RFC 3339); its place in the log, and nothing of what it says."""

    kind: str
    """`report` or `deletion`."""
    number: UUID
    """Id of the event: whoever it concerns was told it."""
    told: tuple[tuple[str, str], ...]
    """(word, value) pairs, in order: of a report when it was `filed` and `accepted`."""
    index: int
    leaf: bytes


class Signer:
    """Holds the signing key of an installation: 32 bytes in a file of its owner alone, made when it isn't there.

    `services.audit.signing_key` decides whether it may be made. `renewed` goes into every checkpoint.
    """

    def __init__(self, file: Path, renewed: Sequence[Renewal] = ()) -> None:
        """Read the key, or make it."""
        if not file.exists():
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                out.write(os.urandom(32))
        self._key = Ed25519PrivateKey.from_private_bytes(file.read_bytes())
        self._raw = self._key.public_key().public_bytes_raw()
        self.renewed = tuple(renewed)
        self.name = f"{ONCE}/{hashlib.sha256(self._raw).hexdigest()[:8]}"

    @property
    def public(self) -> str:
        """The public key in the form of C2SP signed notes: name+hash+base64."""
        return _public(self.name, self._raw)

    @property
    def known(self) -> tuple[str, ...]:
        """Every public key under which notes of this installation hold: today's, its old name, those before it."""
        return (self.public, _public(ONCE, self._raw), *(r.key for r in self.renewed))

    def sign(self, moment: str, lines: Sequence[Line]) -> str:
        """Return the signed note over these logs at a moment (RFC 3339)."""
        return self._note(
            moment, *(f"{x.store} {x.incarnation} {x.size} {_b64(x.root)}" for x in lines),
            *(f"{_RENEWED} {r.at} {r.key}" for r in self.renewed),
        )  # fmt: skip

    def receipt(self, told: Receipt) -> str:
        """Return the signed note of a receipt."""
        return self._note(
            _SAYS[told.kind], f"{told.kind} {told.number}", *(f"{word} {value}" for word, value in told.told),
            f"leaf {told.index} {_b64(told.leaf)}",
        )  # fmt: skip

    def _note(self, *lines: str) -> str:
        body = "".join(f"{line}\n" for line in (self.name, *lines))
        return f"{body}\n{_DASH}{self.name} {_b64(_key_hash(self.name, self._raw) + self._key.sign(body.encode()))}\n"


def read_note(note: str, *publics: str) -> Note:
    """Return what a note says that at least one of these keys signed; signatures of unknown keys are passed over.

    Raises NoteBroken where none of them signed, one of them signed something else, or the note is of another log.
    """
    return _read(note, publics, _body)


def read_receipt(note: str, *publics: str) -> Receipt:
    """Return what a receipt says that at least one of these keys signed. Raises NoteBroken as `read_note` does."""
    return _read(note, publics, _receipt)


def _read(note: str, publics: Sequence[str], parse: Callable[[str], T]) -> T:
    try:
        known = dict(_key(public) for public in publics)
        body, parted, tail = note.rpartition("\n\n")
        lines = tail.removesuffix("\n").split("\n")
        if not parted or not tail.endswith("\n") or len(lines) > _MOST_SIGNATURES:
            raise NoteBroken
        held = [known[who] for who, told in map(_signature, lines) if _holds(known.get(who), told, body)]
        if not held or body.partition("\n")[0] not in {name for name, _ in known}:
            raise NoteBroken
        found = parse(body)
    except (ValueError, IndexError, InvalidSignature, binascii.Error) as error:
        raise NoteBroken from error
    return found


_Who = tuple[str, bytes]
"""Name and hash of a key: how a signature says whose it is."""


def _key(public: str) -> tuple[_Who, bytes]:
    name, _, told = public.strip().split("+", 2)
    raw = base64.b64decode(told, validate=True)
    if raw[:1] != _ALGORITHM:
        raise NoteBroken
    return (name, _key_hash(name, raw[1:])), raw[1:]


def _signature(line: str) -> tuple[_Who, bytes]:
    name, told = line.removeprefix(_DASH).split(" ")
    value = base64.b64decode(told, validate=True)
    if not line.startswith(_DASH) or not name or _b64(value) != told or len(value) < 5:
        raise NoteBroken
    return (name, value[:4]), value[4:]


def _holds(raw: bytes | None, signature: bytes, body: str) -> bool:
    if raw is None:
        return False
    Ed25519PublicKey.from_public_bytes(raw).verify(signature, f"{body}\n".encode())
    return True


def _body(text: str) -> Note:
    origin, moment, *lines = text.split("\n")
    renewed = [line for line in lines if line.startswith(f"{_RENEWED} ")]
    logs = [_line(line) for line in lines if line not in renewed]
    return Note(origin, moment, {x.store: x for x in logs}, tuple(_renewal(line) for line in renewed))


def _receipt(text: str) -> Receipt:
    _, says, first, *told, last = text.split("\n")
    kind, number = first.split(" ")
    leaf, index, value = last.split(" ")
    if _SAYS.get(kind) != says or leaf != "leaf":
        raise NoteBroken
    words = tuple((word, value) for word, _, value in (line.partition(" ") for line in told))
    return Receipt(kind, UUID(number), words, int(index), base64.b64decode(value, validate=True))


def _line(text: str) -> Line:
    store, incarnation, size, root = text.split(" ")
    return Line(store, UUID(incarnation), int(size), base64.b64decode(root, validate=True))


def _renewal(text: str) -> Renewal:
    _, at, key = text.split(" ")
    return Renewal(at, key)


def _public(name: str, raw: bytes) -> str:
    return f"{name}+{_key_hash(name, raw).hex()}+{_b64(_ALGORITHM + raw)}"


def _key_hash(name: str, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ALGORITHM + public).digest()[:4]


def _b64(value: bytes) -> str:
    return base64.b64encode(value).decode()
