"""The relay: a store's log in, the bus out, in seq order; it stops at the first failure and goes on from there."""

import asyncio
import time

from services.kernel.bus.log import Reading
from services.kernel.bus.port import Bus, BusDown, Log
from services.kernel.database import Connection, Database
from services.kernel.errors import StoreDown
from services.kernel.telemetry import log, metrics
from services.kernel.waiting import within

_MOST = 2000
_LOOK_SECONDS = 0.25
_RETRY_SECONDS = 0.5
_IDENTITY_SECONDS = 2.0


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
        self._bus.lend(self.source, self._log)
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
        reading = Reading(self.source, self._log)
        await reading.begin(place)
        asked = time.monotonic()
        while True:
            if time.monotonic() - asked > _IDENTITY_SECONDS:
                asked = time.monotonic()
                await fence.execute("select 1")  # whose lock is gone, leaves: another relay has it
                if await self._bus.identity() != identity:
                    return  # another bus: begin again, it gets everything
            self._log.grew.clear()
            records = await reading.next(_MOST)
            if not records:
                await within(_LOOK_SECONDS, self._log.grew)  # or look at what another process did
                continue
            for source in dict.fromkeys(r.source for r in records):
                await self._bus.publish(source, [r for r in records if r.source == source])
            # Only now: a place stored before the delivery reports would skip what a crash lost. And by the fence: who
            # lost the lock stores nothing.
            await fence.execute(
                "insert into relay (source, bus, place) values ($1, $2, $3)"
                " on conflict (source) do update set bus = excluded.bus, place = excluded.place",
                self.source, identity, reading.place,
            )  # fmt: skip
            metrics.relayed.labels(self.source).inc(len(records))

    async def _place(self) -> tuple[int, str]:
        """Return where to go on; a bus that is not the one we published to gets everything again."""
        identity = await self._bus.identity()
        rows = await self._database.fetch("select bus, place from relay where source = $1", self.source)
        return (rows[0]["place"] if rows and rows[0]["bus"] == identity else 0), identity
