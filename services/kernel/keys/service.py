"""What sealing and opening ask for keys: a port, so that those who use it import no storage."""

from collections.abc import Iterable
from typing import Protocol

Pair = tuple[str, str]
"""(subject id, data class): what a class key opens."""


class KeyService(Protocol):
    """What sealing and opening ask: class keys, by (subject, class). An erased one is absent."""

    def ensure(self, subjects: Iterable[str]) -> None:
        """Make sure that these subjects have a key, durable when this returns."""
        ...

    def keys(self, pairs: Iterable[Pair]) -> dict[Pair, bytes]:
        """Return the class keys that exist, 32 bytes each."""
        ...

    def sealed(self, subjects: Iterable[str]) -> set[str]:
        """Return those of the subjects whose keys are withheld until they are unsealed."""
        ...
