"""Where each child is on file, as a service other than the registry has heard it."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from schemas.envelope import decode
from schemas.registry import ChildRecordTransferred, ChildRegistered
from services.kernel.bus.port import Record
from services.kernel.database import Connection, Database

_HEARD = {ChildRegistered.type, ChildRecordTransferred.type}


class Residence:
    """Rows (child, region) folded from the registry's topic; a decision that rests on them says so in `after`."""

    def __init__(self, database: Database) -> None:
        """Keep rows here."""
        self._database = database

    async def fold(self, rows: Connection, records: Sequence[Record]) -> None:
        """Keep the newest region of each child."""
        heard = [e for e in (decode(r.value) for r in records) if e.type in _HEARD]
        newest = {UUID(e.subject): e.region for e in heard}
        await rows.execute(
            "insert into residence (child, region) select * from unnest($1::uuid[], $2::text[])"
            " on conflict (child) do update set region = excluded.region",
            list(newest), list(newest.values()),
        )  # fmt: skip

    async def regions(self, children: Sequence[UUID]) -> Mapping[UUID, str]:
        """Return the region of each child that is on file."""
        if not children:
            return {}
        found = await self._database.fetch(
            "select child, region from residence where child = any($1::uuid[])", list(children)
        )
        return {row["child"]: row["region"] for row in found}
