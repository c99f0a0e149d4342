"""Worlds in which two histories come out the same, but for what is meant to differ."""

import hashlib
import random
from datetime import datetime, timedelta
from uuid import UUID

from tests.helpers import START


class StepWorld:
    """Time stands until the test moves it; ids count up. So what is done in order comes out the same."""

    def __init__(self) -> None:
        self.moment = START
        self._made = 0
        self._dice = random.Random(1)  # the key of search tokens too: they come out the same

    def step(self) -> None:
        self.moment += timedelta(minutes=1)

    def now(self) -> datetime:
        return self.moment

    def new_id(self) -> UUID:
        self._made += 1
        return UUID(int=self._made, version=4)

    def secret(self, size: int) -> bytes:
        return self._dice.randbytes(size)


class LengthCipher:
    """Blocks depend on their padded length only; what they hold is remembered beside."""

    alg = "TEST"
    digest = "sha256"

    def __init__(self) -> None:
        self._held: dict[bytes, bytes] = {}

    def encrypt(self, key: bytes, plain: bytes, bound_to: bytes) -> bytes:
        del key
        self._held[bound_to] = plain
        return b"." * (len(plain) + 28)

    def decrypt(self, key: bytes, block: bytes, bound_to: bytes) -> bytes:
        del key, block
        return self._held[bound_to]

    def hash_of(self, block: bytes) -> str:
        return hashlib.sha256(block).hexdigest()
