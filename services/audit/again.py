"""What comes a second time is compared with what was kept: a consumer drops it, the audit service looks first."""

from collections.abc import Mapping, Sequence

from services.audit.log import compare
from services.kernel.bus.port import Bus, Checkpoint, Log, Record, Subscription
from services.kernel.database import Database


class Comparing:
    """A bus whose records are compared with the leaves at their places before a consumer sees them.

    A topic is read from its oldest record at every start, and after the bus was refilled: whatever a publisher says
    otherwise than it once did is on record then, and nothing is signed any more.
    """

    def __init__(self, bus: Bus, database: Database) -> None:
        """Hear this bus; leaves are here."""
        self._bus = bus
        self._database = database

    async def identity(self) -> str:
        """Name the bus behind."""
        return await self._bus.identity()

    async def publish(self, source: str, records: Sequence[Record]) -> None:
        """Publish to the bus behind."""
        await self._bus.publish(source, records)

    async def close(self) -> None:
        """Close the bus behind."""
        await self._bus.close()

    def lend(self, source: str, log: Log) -> None:
        """Lend to the bus behind."""
        self._bus.lend(source, log)

    async def subscribe(
        self, group: str, sources: Sequence[str], known: Mapping[str, Checkpoint] | None = None, /
    ) -> Subscription:
        """Join a consumer group; what it hears is compared, from the oldest record on."""
        return _Compared(await self._bus.subscribe(group, sources), self._database, known or {})


class _Compared:
    def __init__(self, heard: Subscription, database: Database, known: Mapping[str, Checkpoint]) -> None:
        self._heard = heard
        self._database = database
        self._places = {(source, p): seq for source, c in known.items() for p, seq in c.places.items()}
        self.mark = heard.mark
        self.rewind = heard.rewind
        self.close = heard.close

    async def batch(self) -> list[Record]:
        records = await self._heard.batch()
        again = []
        for r in records:
            if r.seq <= self._places.get((r.source, r.partition), 0):
                again.append(r)
            else:
                self._places[r.source, r.partition] = r.seq
        if again:
            await compare(self._database, again)
        return records
