"""The router: reacts to what it hears, then tells it to each body that may know, with the blocks that its role is shown.

One consumer does both, in one transaction: when a transfer has been heard, the roles have moved already, and nothing
that comes later can go to the wrong township. A batch is taken in waves, the next event of each child: a child's events
are heard one after the other, and a wave is read and written at once.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple
from uuid import UUID

from schemas.catalogue import EVENTS
from schemas.envelope import Envelope, decode
from schemas.notification import AccessEnded, AccessGranted, Role
from schemas.platform import FactCorrected
from services.kernel.bus.port import Record
from services.kernel.database import Connection
from services.kernel.store import NewEvent
from services.kernel.world import World
from services.kernel.writing.reactions import Reactions, Seen, Wanted
from services.notification.disclosure import Disclosure, concerns
from services.notification.duty import DUTY
from services.notification.known import Known, keep, keep_duties, keep_emergencies, load
from services.notification.reactions import Rules

OWN = "notification"
_NOBODY = UUID(int=0)
"""What a feed row says was its grant where none was needed: the author, a party, who must be told of a correction."""
_QUIET = {AccessGranted.type, AccessEnded.type, *(event.type for event in DUTY.events)}
"""Events of our own that ask for nothing: they come back by the bus in great number."""


class _Kept(NamedTuple):
    source: str
    seq: int
    partition: int
    envelope: Envelope
    raw: bytes
    blocks: bytes


class Heard(_Kept):
    """An event as the router keeps it."""

    @cached_property
    def id(self) -> UUID:
        """The event's id."""
        return UUID(self.envelope.id)

    @cached_property
    def child(self) -> UUID:
        """Whom it is about."""
        return UUID(self.envelope.subject)


_Once = tuple[UUID, UUID, str, UUID]
"""Agency, event, role, and the grant by which it is told: what the feed has once."""


class Shown(NamedTuple):
    """The rest of a feed row, before it is numbered."""

    child: UUID
    partition: int
    clause: str
    places: list[int]
    pairs: list[tuple[str, str]]


@dataclass
class _Turn:
    """One batch: its rows, what is known of its children, what hasn't had its turn yet, and what is to be told."""

    rows: Connection
    known: Mapping[UUID, Known]
    ahead: set[UUID]
    """Events kept for the first time: they are told when their turn comes, and are no history before it."""
    shown: dict[_Once, Shown] = field(default_factory=dict)


class Router:
    """Folds events of all services into reactions, grants and the feed. It routes what it can't read."""

    def __init__(
        self, table: Callable[[], Disclosure], world: World, reactions: Reactions, rules: Rules
    ) -> None:
        """Route by the table that is in force when a batch is heard, react by these rules."""
        self._table = table
        self._disclosure = table()
        self._world = world
        self._reactions = reactions
        self._rules = rules

    async def fold(self, rows: Connection, records: Sequence[Record]) -> None:
        """Hear these records, in order for each child. A grant appends the permitted history first (back-fill)."""
        self._disclosure = self._table()
        seen = Seen()
        batch = [
            (Heard(r.source, r.seq, r.partition, decode(r.value), r.value, r.blocks), seen.hear(r))
            for r in records
        ]
        known = await load(rows, {heard.child for heard, _ in batch})
        turn = _Turn(rows, known, await _remember(rows, [heard for heard, _ in batch]))
        own = [h.envelope for h, _ in batch if h.source == OWN and h.id in turn.ahead]
        await keep_duties(rows, own)
        await keep_emergencies(rows, own)
        for wave in _waves(batch):
            await self._hear(turn, wave)
        changed = {child: each for child, each in known.items() if each.changed}
        if changed:
            await keep(rows, changed)
        await self._feed(rows, turn)

    async def _hear(self, turn: _Turn, wave: Sequence[tuple[Heard, Mapping[str, int]]]) -> None:
        """React to an event of each child, then tell them; what the reactions made comes again by the bus, known then."""
        made = await self._react(turn, wave)
        fresh = await _remember(turn.rows, [own for owns in made.values() for own in owns])
        news = {
            h.id: [*([h] if h.id in turn.ahead else []), *(o for o in made[h.id] if o.id in fresh)]
            for h, _ in wave
        }
        turn.ahead -= news.keys()
        history = await self._history(turn, [h for told in news.values() for h in told])
        for heard, _ in wave:
            for told in news[heard.id]:
                await self._route(turn, told, history.get(heard.child, ()))

    async def _react(
        self, turn: _Turn, wave: Sequence[tuple[Heard, Mapping[str, int]]]
    ) -> dict[UUID, list[Heard]]:
        asked: list[Wanted] = []
        for heard, seen in wave:
            known = turn.known[heard.child]
            known.hear(heard.envelope)
            if heard.envelope.type not in _QUIET:
                asked += [
                    Wanted(task, heard.envelope, seen) for task in self._rules.tasks(heard.envelope, known)
                ]
        made: dict[UUID, list[Heard]] = {heard.id: [] for heard, _ in wave}
        if asked:
            for each, appended in zip(asked, await self._reactions.carry_out(turn.rows, asked), strict=True):
                made[UUID(each.heard.id)] += [_own(seq, event) for seq, event in appended]
            owns = [own for owns in made.values() for own in owns]
            for own in owns:
                turn.known[own.child].hear(own.envelope)
            await keep_duties(turn.rows, [own.envelope for own in owns])
        return made

    async def _history(self, turn: _Turn, news: Sequence[Heard]) -> dict[UUID, list[Heard]]:
        """Return all that was heard of children of whom a role is granted; what is told twice is dropped later."""
        children = {h.child for h in news if h.envelope.type == AccessGranted.type}
        history: dict[UUID, list[Heard]] = {child: [] for child in children}
        if children:
            for row in await turn.rows.fetch(
                "select source, seq, partition, envelope, blocks from heard where child = any($1::uuid[])"
                " order by recorded_at, source, seq",
                list(children),
            ):
                past = Heard(
                    row["source"], row["seq"], row["partition"], decode(row["envelope"]), row["envelope"], row["blocks"]
                )  # fmt: skip
                if past.id not in turn.ahead:
                    history[past.child].append(past)
        return history

    async def _route(self, turn: _Turn, heard: Heard, history: Sequence[Heard]) -> None:
        known = turn.known[heard.child]
        if given := known.grant(heard.envelope):
            agency, role = UUID(heard.envelope.data["agency"]), Role(heard.envelope.data["role"])
            for past in history:
                self._show(turn, past, agency, role, given)
        await self._tell(turn, heard, known)
        known.end(heard.envelope)

    async def _tell(self, turn: _Turn, heard: Heard, known: Known) -> None:
        for agency, role, given in audience(heard.envelope, known):
            self._show(turn, heard, agency, role, given)
        if heard.envelope.type == FactCorrected.type:
            await self._retract(turn, heard)

    async def _retract(self, turn: _Turn, heard: Heard) -> None:
        """Tell whoever was told what was wrong and may no longer know what is right: the correction, without its value."""
        envelope = heard.envelope
        told = {agency for agency, event, _, _ in turn.shown if event == heard.id}
        await self._feed(turn.rows, turn)
        once = await turn.rows.fetch(
            "select f.agency, f.shown, h.envelope from feed f join heard h using (event) where f.event = $1",
            UUID(envelope.data["corrects"]),
        )
        wrong = {(b.subject, b.data_class) for b in envelope.blocks}
        was_told = {
            row["agency"] for row in once
            if not wrong or wrong & {_pair(decode(row["envelope"]), place) for place in row["shown"]}
        }  # fmt: skip
        for agency in sorted(was_told - told):
            self._show(turn, heard, agency, Role.CORRECTED, _NOBODY)

    def _show(self, turn: _Turn, heard: Heard, agency: UUID, role: Role, given: UUID) -> None:
        once = agency, heard.id, role.value, given
        if once in turn.shown:
            return
        envelope = heard.envelope
        found = self._disclosure.shown(envelope, role)
        if found is None or not concerns(envelope, agency):
            return
        places, rule = found
        pairs = [(b.subject, b.data_class) for i, b in enumerate(envelope.blocks) if i in places]
        turn.shown[once] = Shown(heard.child, heard.partition, rule.clause, places, pairs)

    async def _feed(self, rows: Connection, turn: _Turn) -> None:
        """Number and keep feed rows; the head's lock makes `seq` dense, in commit order."""
        shown, turn.shown = turn.shown, {}
        if not shown:
            return
        head = await rows.fetchval("select head from feed_head for update")
        for row in await rows.fetch(
            "select agency, event, role, given from feed where event = any($1::uuid[])",
            list({event for _, event, _, _ in shown}),
        ):
            shown.pop(tuple(row), None)
        told = list(shown.items())
        await rows.execute(
            "insert into feed (seq, partition, agency, child, event, role, given, clause, shown, rules_hash, disclosed_at)"
            " select $1 + o, p, a, c, e, r, g, l, s::smallint[], $10, $11 from unnest($2::smallint[], $3::uuid[],"
            " $4::uuid[], $5::uuid[], $6::text[], $7::uuid[], $8::text[], $9::text[]) with ordinality"
            " n (p, a, c, e, r, g, l, s, o)",
            head, [s.partition for _, s in told], [agency for (agency, _, _, _), _ in told], [s.child for _, s in told],
            [event for (_, event, _, _), _ in told], [role for (_, _, role, _), _ in told],
            [given for (_, _, _, given), _ in told], [s.clause for _, s in told],
            [f"{{{','.join(map(str, s.places))}}}" for _, s in told], self._disclosure.content_hash, self._world.now(),
        )  # fmt: skip
        pairs = sorted(
            {(agency, subject, data_class) for (agency, *_), s in told for subject, data_class in s.pairs}
        )
        await rows.execute(
            "insert into disclosed select * from unnest($1::uuid[], $2::uuid[], $3::text[]) on conflict do nothing",
            [a for a, _, _ in pairs], [UUID(s) for _, s, _ in pairs], [c for _, _, c in pairs],
        )  # fmt: skip
        await rows.execute("update feed_head set head = $1", head + len(told))


def audience(envelope: Envelope, known: Known) -> Iterator[tuple[UUID, Role, UUID]]:
    """Give (body, role, grant) of all to whom an event goes, if the table shows it to that role."""
    if envelope.onbehalfof is not None:
        yield UUID(envelope.onbehalfof), Role.AUTHOR, _NOBODY
    for party in EVENTS[envelope.type].parties:
        if body := envelope.data.get(party):
            yield UUID(body), Role.PARTY, _NOBODY
    for (agency, role), given in sorted(known.held.items()):
        yield agency, role, given


def _pair(envelope: Envelope, place: int) -> tuple[str, str]:
    block = envelope.blocks[place]
    return block.subject, block.data_class


def _own(seq: int, event: NewEvent) -> Heard:
    return Heard(OWN, seq, event.partition, decode(event.envelope), event.envelope, event.blocks)


async def _remember(rows: Connection, news: Sequence[Heard]) -> set[UUID]:
    """Keep events; returns the ids of those that are new."""
    if not news:
        return set()
    found = await rows.fetch(
        "insert into heard (event, source, seq, child, partition, recorded_at, envelope, blocks)"
        " select * from unnest($1::uuid[], $2::text[], $3::bigint[], $4::uuid[], $5::smallint[], $6::text[],"
        " $7::bytea[], $8::bytea[]) on conflict do nothing returning event",
        [h.id for h in news], [h.source for h in news], [h.seq for h in news], [h.child for h in news],
        [h.partition for h in news], [h.envelope.recordedat for h in news], [h.raw for h in news],
        [h.blocks for h in news],
    )  # fmt: skip
    return {row["event"] for row in found}


def _waves(
    batch: Sequence[tuple[Heard, Mapping[str, int]]],
) -> Iterator[list[tuple[Heard, Mapping[str, int]]]]:
    """Give the next event of each child, until none is left."""
    queues: dict[UUID, deque[tuple[Heard, Mapping[str, int]]]] = {}
    for each in batch:
        queues.setdefault(each[0].child, deque()).append(each)
    while queues:
        yield [queue.popleft() for queue in queues.values()]
        queues = {child: queue for child, queue in queues.items() if queue}
