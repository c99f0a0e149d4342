"""Time and new ids, as things that are handed in: a test seeds both."""

import os
import random
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Protocol
from uuid import UUID, uuid5

from uuid_utils.compat import uuid7

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
"""Calendar days are counted here (PLT-10). One offset: there has been no summer time since 1991."""


def day_of(moment: datetime) -> date:
    """Return the calendar day of a moment, as people in China count it."""
    return moment.astimezone(CHINA).date()


class World(Protocol):
    """The two things a decision may not make up by itself."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        ...

    def new_id(self) -> UUID:
        """Return an id that nobody has seen; ids made later sort later (UUIDv7)."""
        ...

    def secret(self, size: int) -> bytes:
        """Return `size` random bytes."""
        ...


class RealWorld:
    """The system's clock and randomness."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return datetime.now(UTC)

    def new_id(self) -> UUID:
        """Return a UUIDv7."""
        return uuid7()

    def secret(self, size: int) -> bytes:
        """Return bytes of the system's random source."""
        return os.urandom(size)


class SeededWorld:
    """A world that repeats itself: time advances one millisecond a look, ids follow the seed."""

    def __init__(self, seed: int, start: datetime) -> None:
        """Begin at `start`."""
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose, for tests
        self._micros = int(start.timestamp() * 1_000_000)

    def now(self) -> datetime:
        """Return a moment one millisecond after the last."""
        self._micros += 1000
        return datetime.fromtimestamp(self._micros / 1_000_000, UTC)

    def new_id(self) -> UUID:
        """Return the seed's next id, in the form of a UUIDv7."""
        self._micros += 1
        bits = (self._micros // 1000) << 80 | 7 << 76 | self._random.getrandbits(12) << 64
        return UUID(int=bits | 2 << 62 | self._random.getrandbits(62))

    def secret(self, size: int) -> bytes:
        """Return the seed's next bytes."""
        return self._random.randbytes(size)


NAMESPACE = UUID("5f0cbd3c-3a14-5ac7-9df6-6c1d3b7d99a1")


def derived_id(*parts: object) -> UUID:
    """Return the id that follows from its parts: the same parts give the same id (UUIDv5)."""
    return uuid5(NAMESPACE, "\x1f".join(str(part) for part in parts))
