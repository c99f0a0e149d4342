"""Carries out what was decided about a person's data: one act on the key ring, and they go dark everywhere, or come back."""

import asyncio
from collections.abc import Iterable, Sequence
from uuid import UUID

from schemas.envelope import decode
from schemas.fields import DataClass
from schemas.registry import SubjectErased, SubjectSealed, SubjectUnsealed
from services.kernel.bus.port import Record
from services.kernel.database import Connection, Database
from services.kernel.keys.ring import KeyRing

_CLAIMED = (DataClass.NAME, DataClass.IDNUMBER)
"""Of these classes is what a file claims for itself, as a keyed hash: by the ring, an ID number could be guessed from it."""


class Erasure:
    """Hears the registry's own decisions. Done again it changes nothing, so it may die at any time."""

    def __init__(self, keys: KeyRing, database: Database) -> None:
        """Destroy keys of this ring, and release claims here."""
        self._keys = keys
        self._database = database

    async def fold(self, rows: Connection, records: Sequence[Record]) -> None:
        """Destroy, withhold or give out again the keys of each person of whom that was decided."""
        for envelope in (decode(r.value) for r in records):
            if envelope.type == SubjectErased.type:
                person, classes = envelope.data["person"], envelope.data.get("classes")
                await asyncio.to_thread(self._keys.erase, person, classes)
                if classes is None or not set(_CLAIMED).isdisjoint(classes):
                    await _release(rows, [person])
            elif envelope.type == SubjectSealed.type:
                await asyncio.to_thread(self._keys.seal, envelope.data["person"])
            elif envelope.type == SubjectUnsealed.type:
                await asyncio.to_thread(self._keys.unseal, envelope.data["person"])

    async def again(self) -> None:
        """Release what a restored backup claims for those who were erased after it was made."""
        gone = await asyncio.to_thread(self._keys.erased, _CLAIMED)
        async with self._database.transaction() as rows:
            await _release(rows, gone)


async def _release(rows: Connection, persons: Iterable[str]) -> None:
    await rows.execute("delete from claim where holder = any($1::uuid[])", [UUID(each) for each in persons])
