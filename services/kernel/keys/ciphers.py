"""Two suites for sealed blocks and for the key ring: AES-256-GCM with SHA-256, and SM4-GCM with SM3 (商用密码)."""

import hashlib
from typing import ClassVar, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher as Primitive
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from services.kernel.world import World

_NONCE, _TAG = 12, 16


class Cipher(Protocol):
    """What seals and opens one block. `alg` is written into every block's description."""

    @property
    def alg(self) -> str:
        """Name of the algorithm."""
        ...

    @property
    def digest(self) -> str:
        """Name of the hash by which the envelope knows a block: a field of its description."""
        ...

    def hash_of(self, block: bytes) -> str:
        """Return that hash, in hexadecimal digits."""
        ...

    def encrypt(self, key: bytes, plain: bytes, bound_to: bytes) -> bytes:
        """Return the block."""
        ...

    def decrypt(self, key: bytes, block: bytes, bound_to: bytes) -> bytes:
        """Return the plaintext; raises InvalidTag where block, key or binding are not right."""
        ...


class AesGcm:
    """AES-256-GCM; a block is nonce (12 bytes), ciphertext, tag (16 bytes). Class keys by HKDF-SHA256."""

    alg: ClassVar[str] = "A256GCM"
    digest: ClassVar[str] = "sha256"

    def __init__(self, world: World) -> None:
        """Take nonces from `world`."""
        self._world = world

    def encrypt(self, key: bytes, plain: bytes, bound_to: bytes) -> bytes:
        """Return nonce and ciphertext."""
        nonce = self._world.secret(_NONCE)
        return nonce + AESGCM(key).encrypt(nonce, plain, bound_to)

    def decrypt(self, key: bytes, block: bytes, bound_to: bytes) -> bytes:
        """Return the plaintext."""
        return AESGCM(key).decrypt(block[:_NONCE], block[_NONCE:], bound_to)

    def hash_of(self, block: bytes) -> str:
        """Return the SHA-256."""
        return hashlib.sha256(block).hexdigest()

    @staticmethod
    def from_passphrase(salt: bytes, passphrase: str) -> bytes:
        """Return the key that a passphrase makes (scrypt)."""
        return Scrypt(salt=salt, length=32, n=2**14, r=8, p=1).derive(passphrase.encode())

    @staticmethod
    def class_key(master: bytes, salt: bytes, name: str) -> bytes:
        """Return the key of one class, 32 bytes."""
        return HKDF(hashes.SHA256(), 32, salt, name.encode()).derive(master)


class Sm4Gcm:
    """SM4-GCM (GB/T 32907, RFC 8998), laid out as AesGcm does; keys of 16 bytes follow from ours by HKDF-SM3."""

    alg: ClassVar[str] = "SM4GCM"
    digest: ClassVar[str] = "sm3"

    def __init__(self, world: World) -> None:
        """Take nonces from `world`."""
        self._world = world

    def encrypt(self, key: bytes, plain: bytes, bound_to: bytes) -> bytes:
        """Return nonce and ciphertext."""
        nonce = self._world.secret(_NONCE)
        does = Primitive(self._cut(key), modes.GCM(nonce)).encryptor()
        does.authenticate_additional_data(bound_to)
        return nonce + does.update(plain) + does.finalize() + does.tag

    def decrypt(self, key: bytes, block: bytes, bound_to: bytes) -> bytes:
        """Return the plaintext."""
        if len(block) < _NONCE + _TAG:
            raise InvalidTag
        does = Primitive(self._cut(key), modes.GCM(block[:_NONCE], block[-_TAG:])).decryptor()
        does.authenticate_additional_data(bound_to)
        return does.update(block[_NONCE:-_TAG]) + does.finalize()

    def hash_of(self, block: bytes) -> str:
        """Return the SM3."""
        does = hashes.Hash(hashes.SM3())  # `hashlib` has it only where the system's library does
        does.update(block)
        return does.finalize().hex()

    @staticmethod
    def _cut(key: bytes) -> algorithms.SM4:
        return algorithms.SM4(HKDFExpand(hashes.SM3(), 16, b"SM4GCM").derive(key))

    @staticmethod
    def from_passphrase(salt: bytes, passphrase: str) -> bytes:
        """Return the key that a passphrase makes (PBKDF2-HMAC-SM3, GM/T 0091)."""
        return PBKDF2HMAC(hashes.SM3(), 32, salt, 300_000).derive(passphrase.encode())

    @staticmethod
    def class_key(master: bytes, salt: bytes, name: str) -> bytes:
        """Return the key of one class, 32 bytes."""
        return HKDF(hashes.SM3(), 32, salt, name.encode()).derive(master)


SUITES: dict[str, type[AesGcm] | type[Sm4Gcm]] = {"aes": AesGcm, "gm": Sm4Gcm}
"""What an installation may choose from (`SHOUWANG_SUITE`). What was sealed under the other stays readable."""
