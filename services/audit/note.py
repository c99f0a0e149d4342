"""The checkpoint: all roots signed together, as a C2SP signed note (Ed25519)."""

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

NAME = "shouwang/audit"
_ALGORITHM = b"\x01"
_DASH = "\u2014 "


class NoteBroken(Exception):  # noqa: N818
    """检查点的格式或签名不对。 · The checkpoint's form or its signature is not right."""


@dataclass(frozen=True)
class Line:
    """One log in a checkpoint."""

    store: str
    incarnation: UUID
    size: int
    root: bytes


def _key_hash(public: bytes) -> bytes:
    return hashlib.sha256(NAME.encode() + b"\n" + _ALGORITHM + public).digest()[:4]


class Signer:
    """Holds the signing key of an installation: 32 bytes in a file of its owner alone, made when first asked for."""

    def __init__(self, file: Path) -> None:
        """Read the key, or make it."""
        if not file.exists():
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                out.write(os.urandom(32))
        self._key = Ed25519PrivateKey.from_private_bytes(file.read_bytes())

    @property
    def public(self) -> str:
        """The public key in the form of C2SP signed notes: name+hash+base64."""
        raw = self._key.public_key().public_bytes_raw()
        return f"{NAME}+{_key_hash(raw).hex()}+{base64.b64encode(_ALGORITHM + raw).decode()}"

    def sign(self, moment: str, lines: Sequence[Line]) -> str:
        """Return the signed note over these logs at a moment (RFC 3339)."""
        body = (
            "\n".join([NAME, moment, *(f"{x.store} {x.incarnation} {x.size} {_b64(x.root)}" for x in lines)])
            + "\n"
        )
        raw = self._key.public_key().public_bytes_raw()
        signature = _key_hash(raw) + self._key.sign(body.encode())
        return f"{body}\n{_DASH}{NAME} {_b64(signature)}\n"


def read_note(note: str, public: str) -> tuple[str, dict[str, Line]]:
    """Return (moment, logs by store) of a note whose signature holds under `public`. Raises NoteBroken."""
    try:
        body, _, tail = note.partition("\n\n")
        name, told = tail.removeprefix(_DASH).removesuffix("\n").split(" ")
        raw = base64.b64decode(public.strip().split("+", 2)[2], validate=True)
        signature = base64.b64decode(told, validate=True)
        if name != NAME or not tail.startswith(_DASH) or _b64(signature) != told or raw[:1] != _ALGORITHM:
            raise NoteBroken
        if signature[:4] != _key_hash(raw[1:]):
            raise NoteBroken
        Ed25519PublicKey.from_public_bytes(raw[1:]).verify(signature[4:], f"{body}\n".encode())
        origin, moment, *lines = body.split("\n")
        if origin != NAME:
            raise NoteBroken
        return moment, {line.store: line for line in map(_line, lines)}
    except (ValueError, IndexError, InvalidSignature, binascii.Error) as error:
        raise NoteBroken from error


def _line(text: str) -> Line:
    store, incarnation, size, root = text.split(" ")
    return Line(store, UUID(incarnation), int(size), base64.b64decode(root, validate=True))


def _b64(value: bytes) -> str:
    return base64.b64encode(value).decode()
