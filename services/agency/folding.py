"""Folds every version of the views that there is: new ones are noticed, those that were dropped are let go."""

import asyncio
from collections.abc import Sequence

from services.agency.projector import Projector
from services.agency.versions import REACHED, USE
from services.kernel.bus.port import FEED, Bus, Record
from services.kernel.database import Connection, Database
from services.kernel.hearing.projection import Consumer, Fenced
from services.kernel.service import keep

_LOOK_SECONDS = 0.5


class Folding:
    """One consumer a version, each with a checkpoint of its own."""

    def __init__(self, database: Database, bus: Bus, projector: Projector) -> None:
        """Fold the feed by `projector`."""
        self._database = database
        self._bus = bus
        self._projector = projector
        self.consumers: dict[int, Consumer] = {}
        """By version."""

    async def look(self) -> None:
        """See which versions there are, and whether what a restore left out is there again."""
        await self._database.fetch(REACHED)
        found = {row["n"] for row in await self._database.fetch("select n from version")}
        self.consumers = {n: self.consumers.get(n) or self._consumer(n) for n in sorted(found)}

    def _consumer(self, n: int) -> Consumer:
        async def fold(rows: Connection, records: Sequence[Record]) -> None:
            # Held until commit: whoever drops or switches waits for this fold, and none begins on what is gone.
            if await rows.fetchval(f"select {USE} from version where n = $1 for share", n) is None:
                raise Fenced
            await self._projector.fold(rows, records)

        return Consumer(f"agency.pages.{n}", (FEED,), self._database, self._bus, fold)

    async def run(self) -> None:
        """Fold until cancelled."""
        running: dict[int, asyncio.Task[None]] = {}
        try:
            while True:
                await self.look()
                for n in running.keys() - self.consumers.keys():
                    running.pop(n).cancel()
                for n in self.consumers.keys() - running.keys():
                    running[n] = asyncio.create_task(keep("agency", self.consumers[n].run))
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            for task in running.values():
                task.cancel()
            await asyncio.gather(*running.values(), return_exceptions=True)
