"""Who looked: on record before an answer leaves, dense in `seq`, and published like any other log."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from schemas.look import Look, exact
from services.kernel.database import Database
from services.kernel.errors import RecordingDown
from services.kernel.people.auth import Principal
from services.kernel.telemetry import metrics
from services.kernel.together import Together
from services.kernel.world import World
from services.kernel.writing.recording import stamp

# The one row of look_head is held until commit, so whoever has seen n has seen everything below n.
_WRITE = (
    "with head as (update look_head set head = head + $1 returning head - $1 as before)"
    " insert into look (seq, id, at, agency, post, person, purpose, operation, about, classes)"
    " select before + n, i, t, a, o, p, u, w, string_to_array(b, ' '), string_to_array(c, ' ') from head,"
    " unnest($2::uuid[], $3::timestamptz[], $4::uuid[], $5::uuid[], $6::uuid[], $7::text[], $8::text[], $9::text[],"
    " $10::text[]) with ordinality l (i, t, a, o, p, u, w, b, c, n)"
)
_Row = tuple[UUID, datetime, UUID, UUID, UUID, str, str, str, str]


class Looks:
    """The looks of one service, in its database's table `look`."""

    def __init__(self, database: Database, world: World) -> None:
        """Keep them here."""
        self.database = database
        self._world = world
        self._write = Together(self._together)
        self.grew = asyncio.Event()

    async def record(
        self, who: Principal, operation: str, about: Iterable[UUID | str], classes: Iterable[str] = ()
    ) -> None:
        """Put a look on record, durably; what can't be recorded is not shown (RecordingDown).

        Looks that come together are committed together. Neither `about` nor `classes` may hold blanks.
        """
        row: _Row = (
            self._world.new_id(), self._world.now(), who.body.id, who.post, who.person, who.purpose, operation,
            " ".join(sorted({str(each) for each in about})), " ".join(sorted(set(classes))),
        )  # fmt: skip
        try:
            await self._write([row])
        except Exception as error:
            raise RecordingDown from error
        metrics.looks.inc()
        self.grew.set()

    async def _together(self, rows: set[_Row]) -> None:
        await self.database.fetch(_WRITE, len(rows), *map(list, zip(*sorted(rows), strict=True)))

    async def position(self) -> tuple[UUID, int]:
        """Return (incarnation, last seq)."""
        rows = await self.database.fetch(
            "select incarnation, (select head from look_head) as head from store"
        )
        return rows[0]["incarnation"], rows[0]["head"]

    async def after(self, seq: int, most: int) -> Sequence[Any]:
        """Return looks after `seq`, in order, as what a relay publishes: all in one partition."""
        rows = await self.database.fetch("select * from look where seq > $1 order by seq limit $2", seq, most)
        return [
            {
                "seq": r["seq"], "partition": 0, "orderkey": str(r["agency"]), "envelope": exact(look_of(r)),
                "blocks": b"",
            }
            for r in rows
        ]  # fmt: skip

    async def before(self, seq: int) -> Mapping[int, int]:
        """Return the last seq up to `seq`, of the one partition."""
        _, head = await self.position()
        return {0: min(seq, head)} if min(seq, head) else {}

    async def first_after(self, places: Mapping[int, int]) -> int | None:
        """Return the seq that follows the place in the one partition."""
        _, head = await self.position()
        return places[0] + 1 if places[0] < head else None


def look_of(row: Any) -> Look:
    """Return the look that a row of the table is."""
    return Look(
        seq=row["seq"], id=str(row["id"]), at=stamp(row["at"]), body=str(row["agency"]), post=str(row["post"]),
        person=str(row["person"]), purpose=row["purpose"], operation=row["operation"], about=row["about"],
        classes=row["classes"],
    )  # fmt: skip
