"""The clock: looks what has run out, duties and emergency accesses, and says so once.

Due dates sit in PostgreSQL, so it may die at any time.
"""

import asyncio
from collections.abc import Callable
from uuid import UUID

from schemas.envelope import decode
from services.kernel.database import Database
from services.kernel.hearing.reference import Reference
from services.kernel.telemetry import log
from services.kernel.world import World
from services.kernel.writing.reactions import Reactions, Task
from services.notification.access import ACCESS
from services.notification.duty import DUTY, ReachDue
from services.notification.emergency import EndEmergency, stream_of
from services.notification.known import keep_duties

_LOOK_SECONDS = 0.5
_MOST = 100


class Clock:
    """Polls what has run out. Two at once do no harm: the duty's own stream lets one of them say it."""

    def __init__(
        self,
        database: Database,
        world: World,
        reactions: Reactions,
        reference: Reference,
        grew: Callable[[], None],
    ) -> None:
        """Look into this database, by this world's time."""
        self._database = database
        self._world = world
        self._reactions = reactions
        self._reference = reference
        self._grew = grew

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            if not await self.look():
                await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> int:
        """Say of each duty and emergency access that has run out that it has; returns how many there were."""
        return await self._look_at_duties() + await self._look_at_emergencies()

    async def _look_at_emergencies(self) -> int:
        found = await self._database.fetch(
            "select emergency, child from emergency where runs_out <= $1 order by runs_out limit $2",
            self._world.now(), _MOST,
        )  # fmt: skip
        for row in found:
            command = EndEmergency(child=row["child"], emergency=row["emergency"])
            async with self._database.transaction() as rows:
                await self._reactions.act(rows, Task("clock", ACCESS, stream_of(row["child"]), command))
                await rows.execute("delete from emergency where emergency = $1", row["emergency"])
            self._grew()
        return len(found)

    async def _look_at_duties(self) -> int:
        found = await self._database.fetch(
            "select duty, version, owed_by from duty where runs_out <= $1 order by runs_out limit $2",
            self._world.now(), _MOST,
        )  # fmt: skip
        for row in found:
            body = self._reference.bodies.get(row["owed_by"])
            await self._reach(row["duty"], row["version"], body.superior if body else None)
        return len(found)

    async def _reach(self, duty: UUID, version: int, superior: UUID | None) -> None:
        command = ReachDue(duty=duty, superior=superior)
        async with self._database.transaction() as rows:
            made = await self._reactions.act(rows, Task("clock", DUTY, duty, command))
            await keep_duties(rows, [decode(event.envelope) for _, event in made])
            if not made:
                await rows.execute(
                    "update duty set runs_out = null where duty = $1 and version = $2", duty, version
                )
        if made:
            log.info("duty.missed", count=1)
            self._grew()
