"""What notification has kept of a child: roles in force, handovers, and the duties about it, which the clock polls too."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from schemas.envelope import Envelope
from schemas.notification import (
    AccessEnded,
    AccessGranted,
    DutyDelayed,
    DutyMet,
    DutyMissed,
    DutyMissRescinded,
    DutyOpened,
    DutyReassigned,
    EmergencyOpened,
    Role,
)
from schemas.registry import ChildRecordTransferred
from schemas.reporting import RecusalSet
from services.kernel.database import Connection, write

_RUNS = {DutyOpened.type, DutyReassigned.type, DutyDelayed.type, DutyMissRescinded.type}
_STOPS = {DutyMet.type, DutyMissed.type}


class KnownDuty(NamedTuple):
    """A duty about a child: what it is about, the event from which it runs, who owes it, and whether it was met."""

    about: UUID
    cause: UUID
    owed_by: UUID
    met: bool
    version: int = 0
    """Of the duty's stream: what comes again, or later than what followed it, changes nothing."""


@dataclass
class Known:
    """One child, as the rules and the router know it."""

    moved: dict[UUID, UUID] = field(default_factory=dict)
    """A township that handed the child over → the one that is responsible now."""
    recused: dict[UUID, tuple[UUID, date | None]] = field(default_factory=dict)
    """A body that is left out → the body above in its place, and the last day of it."""
    duties: dict[UUID, KnownDuty] = field(default_factory=dict)
    held: dict[tuple[UUID, Role], UUID] = field(default_factory=dict)
    """(agency, role) in force → the event that granted it."""
    changed: bool = False
    """Roles, handovers or recusals are other than they were loaded."""

    def now(self, body: UUID, on: date) -> UUID:
        """Return who stands in a body's place for this child on a day."""
        body = self.moved.get(body, body)
        instead, until = self.recused.get(body, (body, None))
        return instead if until is None or on <= until else body

    def hear(self, envelope: Envelope) -> None:
        """Fold one event of a handover or a duty; any other changes nothing."""
        data = envelope.data
        if envelope.type == ChildRecordTransferred.type:
            self._move(UUID(data["sender"]), UUID(data["receiver"]))
        elif envelope.type == RecusalSet.type:
            until = data.get("until")
            self.recused[UUID(data["recused"])] = UUID(data["instead"]), until and date.fromisoformat(until)
            self.changed = True
        elif envelope.type in _RUNS | _STOPS:
            duty, owed_by = UUID(data["duty"]), UUID(data["owed_by"])
            if envelope.type == DutyOpened.type:
                about, cause = UUID(data["about"]), UUID(data["cause"])
                opened = KnownDuty(about, cause, owed_by, met=False, version=envelope.streamversion)
                self.duties.setdefault(duty, opened)
            elif (told := self.duties.get(duty)) and told.version < envelope.streamversion:
                met = told.met or envelope.type == DutyMet.type
                self.duties[duty] = told._replace(owed_by=owed_by, met=met, version=envelope.streamversion)

    def grant(self, envelope: Envelope) -> UUID | None:
        """Take a role that was granted; returns the grant's event, or nothing where the event grants none."""
        if envelope.type != AccessGranted.type:
            return None
        self.changed = True
        given = self.held[_role(envelope)] = UUID(envelope.id)
        return given

    def end(self, envelope: Envelope) -> None:
        """Drop a role that ended."""
        if envelope.type == AccessEnded.type:
            self.changed = self.held.pop(_role(envelope), None) is not None or self.changed

    def _move(self, sender: UUID, receiver: UUID) -> None:
        """Whoever had the child before, the receiver is responsible now."""
        self.changed = True
        self.moved = {s: receiver for s in (*self.moved, sender) if s != receiver}


def _role(envelope: Envelope) -> tuple[UUID, Role]:
    return UUID(envelope.data["agency"]), Role(envelope.data["role"])


async def load(rows: Connection, children: Collection[UUID]) -> dict[UUID, Known]:
    """Return what is known of these children."""
    known = {child: Known() for child in children}
    of = list(children)
    for row in await rows.fetch("select * from moved where child = any($1::uuid[])", of):
        known[row["child"]].moved[row["sender"]] = row["receiver"]
    for row in await rows.fetch("select * from recused where child = any($1::uuid[])", of):
        known[row["child"]].recused[row["body"]] = row["instead"], row["until"]
    for row in await rows.fetch("select * from access where child = any($1::uuid[])", of):
        known[row["child"]].held[row["agency"], Role(row["role"])] = row["given"]
    for row in await rows.fetch("select * from duty where child = any($1::uuid[])", of):
        known[row["child"]].duties[row["duty"]] = KnownDuty(
            row["about"], row["cause"], row["owed_by"], row["met"], row["version"]
        )
    return known


async def keep(rows: Connection, known: Mapping[UUID, Known]) -> None:
    """Write roles and handovers anew, and recusals, which never go.

    Duties are kept by their events (`keep_duties`): the clock writes them too.
    """
    children = list(known)
    await rows.execute("delete from moved where child = any($1::uuid[])", children)
    await write(
        rows,
        "insert into moved (child, sender, receiver) select * from unnest($1::uuid[], $2::uuid[], $3::uuid[])",
        [(child, *pair) for child in children for pair in known[child].moved.items()],
    )
    await write(
        rows,
        "insert into recused (child, body, instead, until)"
        " select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::date[])"
        " on conflict (child, body) do update set instead = excluded.instead, until = excluded.until",
        [(child, body, *told) for child in children for body, told in known[child].recused.items()],
    )
    await rows.execute("delete from access where child = any($1::uuid[])", children)
    await write(
        rows,
        "insert into access (child, agency, role, given)"
        " select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[])",
        [
            (child, agency, role.value, given)
            for child in children for (agency, role), given in known[child].held.items()
        ],
    )  # fmt: skip


async def keep_emergencies(rows: Connection, events: Iterable[Envelope]) -> None:
    """Keep when emergency accesses end, for the clock."""
    await write(
        rows,
        "insert into emergency (emergency, child, runs_out)"
        " select * from unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) on conflict do nothing",
        [
            (UUID(e.data["emergency"]), UUID(e.data["child"]), datetime.fromisoformat(e.data["until"]))
            for e in events if e.type == EmergencyOpened.type
        ],
    )  # fmt: skip


async def keep_duties(rows: Connection, events: Iterable[Envelope]) -> None:
    """Fold events of duties into rows; one that was folded already, or is of something else, changes nothing."""
    opened, changed = [], []
    for envelope in events:
        if envelope.type not in _RUNS | _STOPS:
            continue
        data = envelope.data
        # A duty that was missed and passed on is missed still; it runs again only where the miss is taken back.
        stands = envelope.type in _STOPS or data.get("paused_at") is not None
        due = None if stands or "due" not in data else datetime.fromisoformat(data["due"])
        duty, owed_by = UUID(data["duty"]), UUID(data["owed_by"])
        if envelope.type == DutyOpened.type:
            child, about, cause = (UUID(data[name]) for name in ("child", "about", "cause"))
            opened.append((duty, envelope.streamversion, child, about, cause, owed_by, due))
        else:
            changed.append((duty, envelope.streamversion, owed_by, envelope.type == DutyMet.type, due))
    await write(
        rows,
        "insert into duty (duty, version, child, about, cause, owed_by, met, runs_out)"
        " select d, v, c, a, e, o, false, r from unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::uuid[],"
        " $6::uuid[], $7::timestamptz[]) n (d, v, c, a, e, o, r) on conflict do nothing",
        opened,
    )
    await rows.executemany(
        "update duty set version = $2, owed_by = $3, met = met or $4, runs_out = $5 where duty = $1 and version < $2",
        changed,
    )
