"""A log read as records: what a relay publishes, and what the embedded bus reads again for who is far behind."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.kernel.bus.port import REFERENCE, Checkpoint, Log, Record
from services.kernel.store import PARTITIONS, REFERENCE_PARTITION, EventStore, first_after


class StoreLog:
    """An event store as a relay reads it."""

    def __init__(self, store: EventStore) -> None:
        """Read this store."""
        self._store = store
        self.grew = store.grew
        self.position = store.position
        self.after = store.after

    async def before(self, seq: int) -> Mapping[int, int]:
        """Return the last seq of each partition up to `seq`."""
        return await self._store.heads(seq)

    async def first_after(self, places: Mapping[int, int]) -> int | None:
        """Return the lowest seq that follows its partition's place."""
        return await first_after(self._store.database, "event", places)


class Reading:
    """A place in a log, from which it is read on. Reference events are records of a source of their own."""

    def __init__(self, source: str, log: Log) -> None:
        """Read `log` as `source`; `begin` comes first."""
        self._source = source
        self._log = log
        self.place = 0
        self._store = UUID(int=0)
        self._last: dict[int, int] = {}

    async def begin(self, place: int) -> None:
        """Go to a place: what follows it is next."""
        self.place = place
        self._store, _ = await self._log.position()
        self._last = dict(await self._log.before(place))

    async def next(self, most: int) -> list[Record]:
        """Return the next records, none at the end."""
        return [self._record(row) for row in await self._log.after(self.place, most)]

    def _record(self, row: Any) -> Record:
        partition, seq = row["partition"], row["seq"]
        prev, self._last[partition], self.place = self._last.get(partition, 0), seq, seq
        refers = partition == REFERENCE_PARTITION
        return Record(
            source=REFERENCE if refers else self._source, partition=0 if refers else partition, seq=seq,
            prev=prev, store=self._store, key=row["orderkey"], value=row["envelope"],
            blocks=row["blocks"], headers=dict(row["headers"]) if "headers" in row else {},
        )  # fmt: skip


def owner_of(source: str) -> str:
    """Return whose log a source's records are in: reference events are in the registry's."""
    return "registry" if source == REFERENCE else source


async def known_until(source: str, log: Log, known: Checkpoint) -> int:
    """Return the last seq before the first that is not known; 0 where what is known can't be of this log."""
    incarnation, head = await log.position()
    if incarnation != known.store or any(seq > head for seq in known.places.values()):
        return 0
    of = {0: REFERENCE_PARTITION} if source == REFERENCE else {p: p for p in range(PARTITIONS)}
    first = await log.first_after({there: known.places.get(here, 0) for here, there in of.items()})
    return head if first is None else first - 1
