"""The relay: a store's log in, the bus out, in seq order; it stops at the first failure and goes on from there."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from services.kernel.bus import REFERENCE, Bus, BusDown, Record
from services.kernel.database import Connection, Database
from services.kernel.errors import StoreDown
from services.kernel.store import REFERENCE_PARTITION, EventStore
from services.kernel.telemetry import log, metrics
from services.kernel.waiting import within

_MOST = 2000
_LOOK_SECONDS = 0.05
_RETRY_SECONDS = 0.5
_IDENTITY_SECONDS = 2.0


class Log(Protocol):
    """What a relay reads: an event store, or the feed."""

    grew: asyncio.Event

    async def position(self) -> tuple[UUID, int]:
        """Return (incarnation, last seq)."""
        ...

    async def after(self, seq: int, most: int) -> Sequence[Any]:
        """Return rows after `seq`, in order."""
        ...

    async def before(self, seq: int) -> Mapping[int, int]:
        """Return the last seq of each partition up to `seq`."""
        ...


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
        rows = await self._store.database.fetch(
            "select partition, max(seq) from event where seq <= $1 group by partition", seq
        )
        return {row[0]: row[1] for row in rows}


class Relay:
    """One a log. Two at once do no harm (consumers drop what they have seen); a lock keeps the second waiting."""

    def __init__(self, source: str, database: Database, source_log: Log, bus: Bus) -> None:
        """Publish `source_log` as `source`."""
        self.source = source
        self._database = database
        self._log = source_log
        self._bus = bus

    async def run(self) -> None:
        """Publish until cancelled; after a failure start again from the place that is stored."""
        while True:
            try:
                async with self._database.alone(f"relay {self.source}") as fence:
                    await self._publish(fence)
            except (BusDown, StoreDown) as error:
                log.warning("relay.waits", source=self.source, error=type(error).__name__)
                metrics.relay_failures.labels(self.source).inc()
                await asyncio.sleep(_RETRY_SECONDS)

    async def _publish(self, fence: Connection) -> None:
        place, identity = await self._place()
        incarnation, _ = await self._log.position()
        last = dict(await self._log.before(place))
        asked = time.monotonic()
        while True:
            if time.monotonic() - asked > _IDENTITY_SECONDS:
                asked = time.monotonic()
                await fence.execute("select 1")  # whose lock is gone, leaves: another relay has it
                if await self._bus.identity() != identity:
                    return  # another bus: begin again, it gets everything
            self._log.grew.clear()
            rows = await self._log.after(place, _MOST)
            if not rows:
                await within(_LOOK_SECONDS, self._log.grew)  # or look at what another process did
                continue
            by_source: dict[str, list[Record]] = {}
            for row in rows:
                source = REFERENCE if row["partition"] == REFERENCE_PARTITION else self.source
                by_source.setdefault(source, []).append(self._record(source, row, last, incarnation))
                last[row["partition"]] = row["seq"]
            for source, records in by_source.items():
                await self._bus.publish(source, records)
            place = rows[-1]["seq"]
            # Only now: a place stored before the delivery reports would skip what a crash lost. And by the fence: who
            # lost the lock stores nothing.
            await fence.execute(
                "insert into relay (source, bus, place) values ($1, $2, $3)"
                " on conflict (source) do update set bus = excluded.bus, place = excluded.place",
                self.source, identity, place,
            )  # fmt: skip
            metrics.relayed.labels(self.source).inc(len(rows))

    async def _place(self) -> tuple[int, str]:
        """Return where to go on; a bus that is not the one we published to gets everything again."""
        identity = await self._bus.identity()
        rows = await self._database.fetch("select bus, place from relay where source = $1", self.source)
        return (rows[0]["place"] if rows and rows[0]["bus"] == identity else 0), identity

    @staticmethod
    def _record(source: str, row: Any, last: dict[int, int], incarnation: UUID) -> Record:
        return Record(
            source=source, partition=0 if source == REFERENCE else row["partition"], seq=row["seq"],
            prev=last.get(row["partition"], 0), store=incarnation, key=row["orderkey"], value=row["envelope"],
            blocks=row["blocks"], headers=dict(row["headers"]) if "headers" in row else {},
        )  # fmt: skip
