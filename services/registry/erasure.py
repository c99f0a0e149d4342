"""Carries out what was decided about a person's data: one act on the key ring, and they go dark everywhere, or come back."""

import asyncio
from collections.abc import Sequence

from schemas.envelope import decode
from schemas.registry import SubjectErased, SubjectSealed, SubjectUnsealed
from services.kernel.bus.port import Record
from services.kernel.database import Connection
from services.kernel.keys.ring import KeyRing


class Erasure:
    """Hears the registry's own decisions. Done again it changes nothing, so it may die at any time."""

    def __init__(self, keys: KeyRing) -> None:
        """Destroy keys of this ring."""
        self._keys = keys

    async def fold(self, _: Connection, records: Sequence[Record]) -> None:
        """Destroy, withhold or give out again the keys of each person of whom that was decided."""
        for envelope in (decode(r.value) for r in records):
            if envelope.type == SubjectErased.type:
                await asyncio.to_thread(
                    self._keys.erase, envelope.data["person"], envelope.data.get("classes")
                )
            elif envelope.type == SubjectSealed.type:
                await asyncio.to_thread(self._keys.seal, envelope.data["person"])
            elif envelope.type == SubjectUnsealed.type:
                await asyncio.to_thread(self._keys.unseal, envelope.data["person"])
