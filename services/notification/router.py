"""The router: reacts to what it hears, then tells it to each body that may know, with the blocks that its role is shown.

One consumer does both, in one transaction: when a transfer has been heard, the roles have moved already, and nothing
that comes later can go to the wrong township.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from schemas.catalogue import EVENTS
from schemas.envelope import Envelope, decode
from schemas.notification import AccessEnded, AccessGranted, Role
from schemas.platform import FactCorrected
from schemas.registry import ChildRecordTransferred
from services.kernel.bus import REFERENCE, Record
from services.kernel.database import Connection
from services.kernel.reactions import Reactions
from services.kernel.store import NewEvent
from services.kernel.world import World
from services.notification import duties
from services.notification.access import ACCESS
from services.notification.disclosure import Disclosure, concerns
from services.notification.duty import DUTY
from services.notification.reactions import Rules

OWN = "notification"
_NOBODY = UUID(int=0)
"""What a feed row says was its grant where none was needed: the author, a party, who must be told of a correction."""


class Heard(NamedTuple):
    """An event as the router keeps it."""

    source: str
    seq: int
    partition: int
    envelope: Envelope
    raw: bytes
    blocks: bytes


class Shown(NamedTuple):
    """A feed row before it is numbered."""

    agency: UUID
    child: UUID
    event: UUID
    partition: int
    role: str
    given: UUID
    clause: str
    places: list[int]
    pairs: list[tuple[str, str]]


_QUIET = {event.type for decider in (ACCESS, DUTY) for event in decider.events}
"""Events of our own that ask for nothing: they come back by the bus in great number."""
Held = dict[tuple[UUID, Role], UUID]
"""(agency, role) → the event that granted it."""


class Router:
    """Folds events of all services into reactions, grants and the feed. It routes what it can't read."""

    def __init__(self, disclosure: Disclosure, world: World, reactions: Reactions, rules: Rules) -> None:
        """Route by this table, react by these rules."""
        self._disclosure = disclosure
        self._world = world
        self._reactions = reactions
        self._rules = rules

    async def fold(self, rows: Connection, records: Sequence[Record]) -> None:
        """Hear these records, in order. A grant appends the permitted history first (back-fill)."""
        for record in records:
            if record.source != REFERENCE:
                await self._hear(rows, record)

    async def _hear(self, rows: Connection, record: Record) -> None:
        envelope = decode(record.value)
        child = UUID(envelope.subject)
        news = [Heard(record.source, record.seq, record.partition, envelope, record.value, record.blocks)]
        fresh = [h for h in news if await _remember(rows, h)]
        if record.source == OWN:
            await duties.keep(rows, envelope)
        if envelope.type not in _QUIET:
            for made in await self._react(rows, record, envelope, child):
                fresh += [made] if await _remember(rows, made) else []
        if fresh:
            await self._route(rows, child, fresh)

    async def _react(self, rows: Connection, record: Record, envelope: Envelope, child: UUID) -> list[Heard]:
        if envelope.type == ChildRecordTransferred.type:
            await duties.move(rows, child, UUID(envelope.data["sender"]), UUID(envelope.data["receiver"]))
        known = await duties.known_of(rows, child)
        made: list[Heard] = []
        for task in self._rules.tasks(envelope, known):
            for seq, event in await self._reactions.carry_out(rows, envelope, record, task):
                made.append(_own(seq, event))
                await duties.keep(rows, made[-1].envelope)
        return made

    async def _route(self, rows: Connection, child: UUID, news: list[Heard]) -> None:
        """Tell each event, once: what the reactions made comes again by the bus, and is known then."""
        before = await _grants(rows, child)
        held = dict(before)
        shown: list[Shown] = []
        for heard in news:
            envelope = heard.envelope
            if envelope.type == AccessGranted.type:
                agency, role = UUID(envelope.data["agency"]), Role(envelope.data["role"])
                held[agency, role] = UUID(envelope.id)
                for past in await _history(rows, child):
                    shown += self._show(past, agency, role, held[agency, role])
            shown += await self._tell(rows, heard, held)
            if envelope.type == AccessEnded.type:
                held.pop((UUID(envelope.data["agency"]), Role(envelope.data["role"])), None)
        if held != before:
            await _keep_grants(rows, child, held)
        await self._feed(rows, shown)

    async def _tell(self, rows: Connection, heard: Heard, held: Held) -> list[Shown]:
        envelope = heard.envelope
        shown: list[Shown] = []
        if envelope.onbehalfof is not None:
            shown += self._show(heard, UUID(envelope.onbehalfof), Role.AUTHOR, _NOBODY)
        for party in EVENTS[envelope.type].parties:
            if body := envelope.data.get(party):
                shown += self._show(heard, UUID(body), Role.PARTY, _NOBODY)
        for (agency, role), given in sorted(held.items()):
            shown += self._show(heard, agency, role, given)
        if envelope.type == FactCorrected.type:
            shown += await self._retract(rows, heard, {s.agency for s in shown})
        return shown

    async def _retract(self, rows: Connection, heard: Heard, told: set[UUID]) -> list[Shown]:
        """Tell whoever was told what was wrong and may no longer know what is right: the correction, without its value."""
        envelope = heard.envelope
        once = await rows.fetch(
            "select f.agency, f.shown, h.envelope from feed f join heard h using (event) where f.event = $1",
            UUID(envelope.data["corrects"]),
        )
        wrong = {(b.subject, b.data_class) for b in envelope.blocks}
        was_told = {
            row["agency"] for row in once
            if not wrong or wrong & {_pair(decode(row["envelope"]), place) for place in row["shown"]}
        }  # fmt: skip
        return [
            shown
            for agency in sorted(was_told - told)
            for shown in self._show(heard, agency, Role.CORRECTED, _NOBODY)
        ]

    def _show(self, heard: Heard, agency: UUID, role: Role, given: UUID) -> list[Shown]:
        envelope = heard.envelope
        found = self._disclosure.shown(envelope, role)
        if found is None or not concerns(envelope, str(agency)):
            return []
        places, rule = found
        pairs = [(b.subject, b.data_class) for i, b in enumerate(envelope.blocks) if i in places]
        return [
            Shown(
                agency, UUID(envelope.subject), UUID(envelope.id), heard.partition, role.value, given, rule.clause,
                places, pairs,
            )
        ]  # fmt: skip

    async def _feed(self, rows: Connection, shown: list[Shown]) -> None:
        """Number and keep feed rows; the head's lock makes `seq` dense, in commit order."""
        if not shown:
            return
        head = await rows.fetchval("select head from feed_head for update")
        known = {
            tuple(row)
            for row in await rows.fetch(
                "select agency, event, role, given from feed where event = any($1::uuid[])",
                list({s.event for s in shown}),
            )
        }
        fresh: dict[tuple[UUID, UUID, str, UUID], Shown] = {}
        for s in shown:
            if (key := (s.agency, s.event, s.role, s.given)) not in known:
                fresh.setdefault(key, s)
        now: datetime = self._world.now()
        await rows.executemany(
            "insert into feed (seq, partition, agency, child, event, role, given, clause, rules_hash, shown, disclosed_at)"
            " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            [
                (
                    head + i, s.partition, s.agency, s.child, s.event, s.role, s.given, s.clause,
                    self._disclosure.content_hash, s.places, now,
                )
                for i, s in enumerate(fresh.values(), 1)
            ],
        )  # fmt: skip
        pairs = sorted(
            {(s.agency, subject, data_class) for s in fresh.values() for subject, data_class in s.pairs}
        )
        await rows.execute(
            "insert into disclosed select * from unnest($1::uuid[], $2::uuid[], $3::text[]) on conflict do nothing",
            [a for a, _, _ in pairs], [UUID(s) for _, s, _ in pairs], [c for _, _, c in pairs],
        )  # fmt: skip
        await rows.execute("update feed_head set head = $1", head + len(fresh))


def _pair(envelope: Envelope, place: int) -> tuple[str, str]:
    block = envelope.blocks[place]
    return block.subject, block.data_class


def _own(seq: int, event: NewEvent) -> Heard:
    return Heard(OWN, seq, event.partition, decode(event.envelope), event.envelope, event.blocks)


async def _remember(rows: Connection, heard: Heard) -> bool:
    """Keep an event; tells whether it is new."""
    envelope = heard.envelope
    found = await rows.fetch(
        "insert into heard (event, source, seq, child, partition, recorded_at, envelope, blocks)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing returning 1",
        UUID(envelope.id), heard.source, heard.seq, UUID(envelope.subject), heard.partition, envelope.recordedat,
        heard.raw, heard.blocks,
    )  # fmt: skip
    return bool(found)


async def _history(rows: Connection, child: UUID) -> list[Heard]:
    """Return all that was heard of a child; what is told twice is dropped when it is numbered."""
    return [
        Heard(row["source"], row["seq"], row["partition"], decode(row["envelope"]), row["envelope"], row["blocks"])
        for row in await rows.fetch(
            "select source, seq, partition, envelope, blocks from heard where child = $1"
            " order by recorded_at, source, seq",
            child,
        )
    ]  # fmt: skip


async def _grants(rows: Connection, child: UUID) -> Held:
    return {
        (row["agency"], Role(row["role"])): row["given"]
        for row in await rows.fetch("select agency, role, given from access where child = $1", child)
    }


async def _keep_grants(rows: Connection, child: UUID, held: Held) -> None:
    await rows.execute("delete from access where child = $1", child)
    await rows.executemany(
        "insert into access (child, agency, role, given) values ($1, $2, $3, $4)",
        [(child, agency, role.value, given) for (agency, role), given in held.items()],
    )
