"""What each body was told, acknowledged and read, by when: three different facts with three times (PLT-03)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from schemas.envelope import decode
from schemas.notification import NotificationAcknowledged
from schemas.registry import ChildIdentified, SubjectErased
from schemas.reporting import ReportAccepted, ReportFiled
from services.audit.log import compare, grow
from services.audit.note import Receipt
from services.audit.telling import exact, telling_of
from services.kernel.bus.port import FEED, Record
from services.kernel.database import Connection, Database
from services.kernel.errors import NotYet
from services.kernel.store import leaf_hash

_HIDDEN = "reporter"


class Told:
    """The feed as the audit service heard it: kept for ever, also where a body's access has ended."""

    def __init__(self, database: Database) -> None:
        """Keep it here."""
        self._database = database

    async def fold(self, rows: Connection, records: Sequence[Record]) -> None:
        """Keep feed rows: who, what, by which clause, when, which classes of it; their exact bytes grow the feed's log."""
        kept = await rows.fetch(
            "insert into told (seq, agency, child, event, role, clause, classes, withheld, disclosed_at, telling)"
            " select s, a::uuid, c::uuid, e::uuid, r, l, k::text[], w::text[], d::timestamptz, t from"
            " unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],"
            " $9::text[], $10::bytea[])"
            " n (s, a, c, e, r, l, k, w, d, t) on conflict do nothing returning seq",
            *zip(*(_row(record) for record in records), strict=True),
        )
        if len(kept) < len(records):
            await compare(rows, records)
        for incarnation in {record.store for record in records}:
            await grow(rows, FEED, incarnation)

    async def told(self, agency: UUID, children: Sequence[UUID], until: datetime) -> Sequence[Any]:
        """Return what a body had been told about these children up to a moment, in order of telling.

        Raises NotYet where the log has not heard of an event that the feed has: nothing is left out in silence.
        """
        return await self._told(
            "t.child = any($2::uuid[]) and t.disclosed_at <= $3 order by t.seq", agency, list(children), until
        )

    async def told_to(
        self, agency: UUID, since: datetime, until: datetime, after: int, most: int
    ) -> Sequence[Any]:
        """Return what a body was told of anybody in a time, in order of telling, after a place of the feed. Raises NotYet."""
        return await self._told(
            "t.disclosed_at >= $2 and t.disclosed_at <= $3 and t.seq > $4 order by t.seq limit $5", agency, since, until,
            after, most,
        )  # fmt: skip

    async def _told(self, where: str, agency: UUID, *values: Any) -> Sequence[Any]:
        return await self._tellings(f"t.agency = $1 and {where}", agency, *values)

    async def _tellings(self, where: str, *values: Any) -> Sequence[Any]:
        found = await self._database.fetch(
            "select t.*, l.store, l.seq as place, l.envelope from told t left join leaf l using (event)"
            f" where {where}",
            *values,
        )
        if any(row["envelope"] is None for row in found):
            raise NotYet
        return found

    async def told_of(self, children: Sequence[UUID]) -> Sequence[Any]:
        """Return what anybody was told about these children, in order of telling. Raises NotYet."""
        return await self._tellings("t.child = any($1::uuid[]) order by t.seq", list(children))

    async def events_of(self, children: Sequence[UUID], types: Sequence[str]) -> list[bytes]:
        """Return the envelopes of these types about these children, in order of each log."""
        found = await self._database.fetch(
            "select envelope from leaf where subject = any($1::text[]) and type = any($2::text[])"
            " order by recorded_at::timestamptz, store, seq",
            [str(child) for child in children], list(types),
        )  # fmt: skip
        return [row["envelope"] for row in found]

    async def acknowledged(self, agency: UUID, children: Sequence[UUID], until: datetime) -> Sequence[Any]:
        """Return the acknowledgements that a body had given."""
        found = await self._database.fetch(
            "select store, seq as place, event, envelope from leaf where subject = any($1::text[]) and type = $2"
            " and recorded_at::timestamptz <= $3 order by store, seq",
            [str(c) for c in children], NotificationAcknowledged.type, until,
        )  # fmt: skip
        return [row for row in found if decode(row["envelope"]).data["recipient"] == str(agency)]

    async def recipients(self, event: UUID) -> Sequence[Any]:
        """Return everybody who was told of an event."""
        return await self._database.fetch(
            "select seq, agency, role, clause, classes, disclosed_at from told where event = $1 order by seq",
            event,
        )

    async def receipt(self, number: UUID) -> Receipt | None:
        """Return the receipt of the event of this id, or None where it is neither a report nor a deletion."""
        found = await self._database.fetch(
            "select seq, subject, type, recorded_at, envelope from leaf where event = $1 and type = any($2::text[])",
            number, [ReportFiled.type, SubjectErased.type],
        )  # fmt: skip
        if not found:
            return None
        row, data = found[0], decode(found[0]["envelope"]).data
        place = row["seq"] - 1, leaf_hash(row["envelope"])
        if row["type"] == SubjectErased.type:
            classes = ",".join(data.get("classes", ["all"]))
            return Receipt("deletion", number, (("erased", row["recorded_at"]), ("classes", classes)), *place)
        # Each report's child has an id of its own, so the acceptance of that id is this report's.
        accepted = await self._database.fetch(
            "select coalesce(min(recorded_at), '-') as at from leaf where subject = $1 and type = $2",
            row["subject"], ReportAccepted.type,
        )  # fmt: skip
        told = (("filed", row["recorded_at"]), ("accepted", accepted[0]["at"]))
        return Receipt("report", number, told, *place)

    async def ids_of(self, child: UUID, until: datetime) -> list[UUID]:
        """Return the ids under which a child was known at a moment: its file's first, then those identified with it.

        An identification that was recorded later is not known yet: it leads to nobody.
        """
        found = await self._database.fetch(
            "select file from leaf where subject = $1 and type = $2 and file is not null"
            " and recorded_at::timestamptz <= $3 order by recorded_at::timestamptz desc, store, seq desc limit 1",
            str(child), ChildIdentified.type, until,
        )  # fmt: skip
        file = found[0]["file"] if found else str(child)
        aliases = await self._database.fetch(
            "select distinct subject from leaf where file = $1 and recorded_at::timestamptz <= $2 order by subject",
            file, until,
        )  # fmt: skip
        return [UUID(file), *(UUID(row["subject"]) for row in aliases)]


def _row(record: Record) -> tuple[Any, ...]:
    told, envelope = record.headers, decode(record.value)
    telling = telling_of(record)
    names = [b.data_class for b in envelope.blocks]
    shown = {names[place] for place in telling.shown} - {_HIDDEN}
    return (
        record.seq, told["agency"], envelope.subject, envelope.id, told["role"], told["clause"],
        _array(shown), _array(set(names) - shown - {_HIDDEN}), told["disclosed_at"],
        exact(telling),
    )  # fmt: skip


def _array(names: set[str]) -> str:
    """Write names of data classes as PostgreSQL writes an array: rows of arrays can't be handed over as one."""
    quoted = (name.replace("\\", "\\\\").replace('"', '\\"') for name in sorted(names))
    return "{" + ",".join(f'"{name}"' for name in quoted) + "}"
