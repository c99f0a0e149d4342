"""Carries an erasure out: one act on the key ring, and everything sealed about a person goes dark everywhere."""

import asyncio
from collections.abc import Sequence

from schemas.envelope import decode
from schemas.registry import SubjectErased
from services.kernel.bus import Record
from services.kernel.database import Connection
from services.kernel.keys import KeyRing


class Erasure:
    """Hears the registry's own decisions. Done again it changes nothing, so it may die at any time."""

    def __init__(self, keys: KeyRing) -> None:
        """Destroy keys of this ring."""
        self._keys = keys

    async def fold(self, _: Connection, records: Sequence[Record]) -> None:
        """Destroy the key of each person that was erased."""
        for envelope in (decode(r.value) for r in records):
            if envelope.type == SubjectErased.type:
                await asyncio.to_thread(self._keys.erase, envelope.data["person"])
