"""Reactions: hear events of another service, decide in aggregates of one's own, append with the checkpoint."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from schemas.envelope import Envelope, decode
from schemas.platform import ReactionRefused
from services.kernel.bus.port import Record
from services.kernel.database import Connection
from services.kernel.errors import Refusal, StaleVersion
from services.kernel.hearing.reference import Reference
from services.kernel.store import Append, NewEvent, Stored, append_in, partition_of
from services.kernel.telemetry import log
from services.kernel.world import World, day_of, derived_id
from services.kernel.writing.decider import Command, Context, Decider
from services.kernel.writing.recording import Circumstances, Planned, Recorder

SYSTEM = "system"
_TRIES = 5
_STREAMS = "select seq, stream, version, envelope, blocks from event where stream = any($1::uuid[]) order by stream, version"


@dataclass(frozen=True)
class Task:
    """What an event asks for: a command to an aggregate's stream, under the name of the reaction."""

    name: str
    decider: Decider[Any]
    stream: UUID
    command: Command
    on_behalf_of: str | None = None


Rules = Callable[[Envelope], Iterable[Task]]
"""A service's reactions: a pure function of the event heard (and of the reference data it was built with)."""
Made = list[tuple[int, NewEvent]]
"""What a task appended, each event with its seq; nothing where it changed nothing."""


class Wanted(NamedTuple):
    """A task, the event that asks for it, and how far its child had been heard of by then: source → seq."""

    task: Task
    heard: Envelope
    seen: Mapping[str, int]


class _Ask(NamedTuple):
    """A task as it is carried out; `cause` names it: ids follow from it. Without `heard`, a refusal is raised."""

    task: Task
    cause: tuple[object, ...]
    told: Circumstances
    heard: Envelope | None = None


class Seen:
    """How far each child has been heard of within one batch: what a reaction's `after` says beside the checkpoint."""

    def __init__(self) -> None:
        """Nothing was heard yet."""
        self._seen: dict[str, dict[str, int]] = {}

    def hear(self, record: Record) -> Mapping[str, int]:
        """Take a record; returns how far its child has been heard of now. It does not depend on the batch's bounds."""
        seen = {**self._seen.get(record.key, {}), record.source: record.seq}
        self._seen[record.key] = seen
        return seen


class Reactions:
    """Carries out a service's rules inside the consumer's transaction.

    Ids follow from the event that caused them, so a second hearing makes the same ids; the checkpoint commits with the
    append, so it makes no second event. What is refused becomes `ReactionRefused`: a duty for a person, never silence.
    """

    def __init__(
        self, recorder: Recorder, reference: Reference, world: World, rules: Rules,
        after: Callable[[int], Mapping[str, int]],
    ) -> None:  # fmt: skip
        """React by `rules`."""
        self._recorder = recorder
        self._reference = reference
        self._world = world
        self._rules = rules
        self._after = after

    async def fold(self, rows: Connection, records: Sequence[Record]) -> None:
        """Hear these records, in order."""
        seen = Seen()
        heard = [(decode(record.value), seen.hear(record)) for record in records]
        await self.carry_out(rows, [Wanted(task, e, s) for e, s in heard for task in self._rules(e)])

    async def carry_out(self, rows: Connection, asked: Sequence[Wanted]) -> list[Made]:
        """Do what events ask for, with one read and one append for all; returns what came of each."""
        return await self._do(
            rows,
            [
                _Ask(
                    task, (heard.id, task.name, task.stream),
                    Circumstances(
                        actor=SYSTEM, on_behalf_of=task.on_behalf_of, purpose=task.name,
                        correlation=UUID(heard.correlationid), causation=heard.id,
                        after=partial(self._known, seen, partition_of(heard.orderkey)),
                    ),
                    heard,
                )
                for task, heard, seen in asked
            ],
        )  # fmt: skip

    async def act(self, rows: Connection, task: Task) -> Made:
        """Do what time asks for; a refusal is raised."""
        told = Circumstances(
            actor=SYSTEM, purpose=task.name, correlation=self._world.new_id(),
            after=partial(self._known, {}, None),
        )  # fmt: skip
        (made,) = await self._do(rows, [_Ask(task, (self._world.new_id(),), told)])
        return made

    def _known(self, seen: Mapping[str, int], of: int | None, partition: int) -> dict[str, int]:
        """Say what the writer had seen of a partition: by its checkpoint, and in this batch."""
        places = {"reference": self._reference.seq, **self._after(partition)}
        if partition == of:
            places |= {source: max(seq, places.get(source, 0)) for source, seq in seen.items()}
        return places

    async def _do(self, rows: Connection, asks: Sequence[_Ask]) -> list[Made]:
        """Load, decide, append; decide anew where somebody else appended to a stream meanwhile."""
        made: list[Made] = [[] for _ in asks]
        waiting = list(range(len(asks)))
        for _ in range(_TRIES):
            if not waiting:
                return made
            waiting = await self._try(rows, asks, waiting, made)
        raise StaleVersion

    async def _try(
        self, rows: Connection, asks: Sequence[_Ask], waiting: Sequence[int], made: list[Made]
    ) -> list[int]:
        """Do these asks, those of one stream one after the other; returns which have to be done anew."""
        decided: dict[UUID, list[tuple[int, NewEvent]]] = {}
        by_stream: dict[UUID, list[int]] = {}
        for i in waiting:
            by_stream.setdefault(asks[i].task.stream, []).append(i)
        stored: dict[UUID, list[Stored]] = {}
        for row in await rows.fetch(_STREAMS, list(by_stream)):
            stored.setdefault(row["stream"], []).append(Stored(*row))
        for stream, places in by_stream.items():
            for i, event in await self._decide(stored.get(stream, []), [(i, asks[i]) for i in places]):
                decided.setdefault(event.stream, []).append((i, event))
        if not decided:
            return []
        outcomes = await append_in(rows, [Append([e for _, e in told]) for told in decided.values()])
        stale: set[int] = set()
        for told, outcome in zip(decided.values(), outcomes, strict=True):
            if outcome.kind == "stale":
                stale |= {i for i, _ in told}
            elif outcome.first_seq is not None and outcome.kind == "appended":
                for seq, (i, event) in enumerate(told, outcome.first_seq):
                    made[i].append((seq, event))
        return sorted(stale)

    async def _decide(
        self, stored: Sequence[Stored], asks: Sequence[tuple[int, _Ask]]
    ) -> list[tuple[int, NewEvent]]:
        """Decide what is asked of one stream, each in the state that the one before it left."""
        decider, stream = asks[0][1].task.decider, asks[0][1].task.stream
        history = self._recorder.history(stored)
        known, version = {i for i, _ in history}, len(stored)
        state = decider.fold(event for _, event in history)
        recorded: list[tuple[int, NewEvent]] = []
        for place, ask in asks:
            made = iter(range(1 << 30))
            context = self._context(
                ask.heard.region if ask.heard else None, partial(_next_id, ask.cause, made)
            )
            policy = context.pack.name if context.pack else None
            try:
                events = decider.decide(ask.task.command, state, context)
                planned = [
                    Planned(event, stream, version + 1 + i, derived_id(*ask.cause, "event", i), policy)
                    for i, event in enumerate(events)
                ]
                if any(p.id in known for p in planned):
                    continue
                recorded += [(place, e) for e in await self._recorder.record(planned, ask.told)]
            except Refusal as refusal:
                if ask.heard is None:
                    raise
                refused = await self._recorder.record([_refused(ask, ask.heard, refusal)], ask.told)
                recorded += [(place, e) for e in refused]
                continue
            version += len(events)
            for event in events:
                state = decider.evolve(state, event)
        return recorded

    def _context(self, region: str | None, new_id: Callable[[], UUID]) -> Context:
        now = self._world.now()
        pack = self._reference.find_pack(region, day_of(now)) if region else None
        return Context(
            now=now, new_id=new_id, pack=pack, body=None, body_kind=None, post=None,
            find_body=self._reference.find_body_id, superior_of=self._reference.superior_of, kind_of=self._reference.kind_of,
        )  # fmt: skip


def _next_id(cause: tuple[object, ...], made: Iterator[int]) -> UUID:
    return derived_id(*cause, "id", next(made))


def _refused(ask: _Ask, heard: Envelope, refusal: Refusal) -> Planned:
    log.warning("reaction.refused", code=refusal.code, type=heard.type)
    event = ReactionRefused(
        child=UUID(heard.subject), reaction=ask.task.name, cause=UUID(heard.id), refusal=refusal.code
    )
    return Planned(event, derived_id(*ask.cause, "refused"), 1, derived_id(*ask.cause, "event", 0))
