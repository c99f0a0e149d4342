"""Who read what, as the audit service heard it: a leaf a look, in a log for each service that answers."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from schemas.look import read_look
from services.audit.log import compare, grow
from services.kernel.bus.port import Record
from services.kernel.database import Connection, Database


class Reads:
    """The looks, kept for ever."""

    def __init__(self, database: Database) -> None:
        """Keep them here."""
        self._database = database

    async def fold(self, rows: Connection, records: Sequence[Record]) -> None:
        """Keep looks, and grow their logs."""
        looks = [(record, read_look(record.value)) for record in records]
        kept = await rows.fetch(
            "insert into read (log, seq, agency, at, about, look)"
            " select s, q, a::uuid, t::timestamptz, string_to_array(b, ' '), l from unnest($1::text[], $2::bigint[],"
            " $3::text[], $4::text[], $5::text[], $6::bytea[]) n (s, q, a, t, b, l) on conflict do nothing returning seq",
            [r.source for r, _ in looks], [r.seq for r, _ in looks], [look.body for _, look in looks],
            [look.at for _, look in looks], [" ".join(look.about) for _, look in looks], [r.value for r, _ in looks],
        )  # fmt: skip
        if len(kept) < len(records):
            await compare(rows, records)
        for log, incarnation in {r.source: r.store for r in records}.items():
            await grow(rows, log, incarnation)

    async def at(
        self, children: Sequence[UUID], until: datetime, bodies: Collection[UUID] | None, most: int
    ) -> Sequence[Any]:
        """Return looks at these children up to a moment, the newest first: anybody's, or what these bodies read."""
        return await self._database.fetch(
            "select log, seq, look from read where about && $1::text[] and at <= $2"
            " and ($3::uuid[] is null or (agency = any($3) and log = 'agency')) order by at desc, log, seq desc limit $4",
            [str(child) for child in children], until, None if bodies is None else list(bodies), most,
        )  # fmt: skip

    async def of(self, body: UUID, children: Sequence[UUID], until: datetime) -> Sequence[Any]:
        """Return a body's looks at these children up to a moment, in order."""
        return await self._database.fetch(
            "select log, seq, look from read where agency = $1 and about && $2::text[] and at <= $3 order by at, log, seq",
            body, [str(child) for child in children], until,
        )  # fmt: skip
