"""Reactions: hear an event of another service, decide in an aggregate of one's own, append with the checkpoint."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from schemas.envelope import Envelope, decode
from schemas.platform import ReactionRefused
from services.kernel.bus import Record
from services.kernel.database import Connection
from services.kernel.decider import Command, Context, Decider
from services.kernel.errors import Refusal, StaleVersion
from services.kernel.recording import Circumstances, Planned, Recorder
from services.kernel.reference import Reference
from services.kernel.store import Append, NewEvent, Stored, append_in
from services.kernel.telemetry import log
from services.kernel.world import World, day_of, derived_id

SYSTEM = "system"
_TRIES = 5
_STREAM = "select seq, stream, version, envelope, blocks from event where stream = $1 order by version"


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
        for record in records:
            heard = decode(record.value)
            for task in self._rules(heard):
                await self.carry_out(rows, heard, record, task)

    async def carry_out(
        self, rows: Connection, heard: Envelope, record: Record, task: Task
    ) -> list[tuple[int, NewEvent]]:
        """Do what an event asks for; returns what was appended, each with its seq."""
        told = Circumstances(
            actor=SYSTEM, on_behalf_of=task.on_behalf_of, purpose=task.name, correlation=UUID(heard.correlationid),
            causation=heard.id,
            after=lambda partition: {
                "reference": self._reference.seq, **self._after(partition),
                **({record.source: record.seq} if partition == record.partition else {}),
            },
        )  # fmt: skip
        cause = (heard.id, task.name, task.stream)
        try:
            return await self._decide(rows, task, cause, told, heard.region)
        except Refusal as refusal:
            log.warning("reaction.refused", code=refusal.code, type=heard.type)
            refused = ReactionRefused(
                child=UUID(heard.subject), reaction=task.name, cause=UUID(heard.id), refusal=refusal.code
            )
            planned = Planned(refused, derived_id(*cause, "refused"), 1, derived_id(*cause, "event", 0))
            return await self._append(rows, [planned], told)

    async def act(self, rows: Connection, task: Task) -> list[tuple[int, NewEvent]]:
        """Do what time asks for; a refusal is raised."""
        told = Circumstances(
            actor=SYSTEM, purpose=task.name, correlation=self._world.new_id(),
            after=lambda partition: {"reference": self._reference.seq, **self._after(partition)},
        )  # fmt: skip
        return await self._decide(rows, task, (self._world.new_id(),), told, None)

    async def _decide(
        self, rows: Connection, task: Task, cause: tuple[object, ...], told: Circumstances, region: str | None
    ) -> list[tuple[int, NewEvent]]:
        """Load, decide, append; decide anew where somebody else appended to the stream meanwhile."""
        for _ in range(_TRIES):
            stored = [Stored(*row) for row in await rows.fetch(_STREAM, task.stream)]
            made = iter(range(1 << 30))
            context = self._context(region, partial(_next_id, cause, made))
            state = task.decider.fold(self._recorder.read(stored))
            policy = context.pack.name if context.pack else None
            planned = [
                Planned(event, task.stream, len(stored) + 1 + i, derived_id(*cause, "event", i), policy)
                for i, event in enumerate(task.decider.decide(task.command, state, context))
            ]
            try:
                return await self._append(rows, planned, told)
            except _Stale:
                continue
        raise StaleVersion

    async def _append(
        self, rows: Connection, planned: Sequence[Planned], told: Circumstances
    ) -> list[tuple[int, NewEvent]]:
        if not planned:
            return []
        events = await self._recorder.record(planned, told)
        (outcome,) = await append_in(rows, [Append(events)])
        if outcome.kind == "stale":
            raise _Stale
        first = outcome.first_seq
        return list(enumerate(events, first)) if outcome.kind == "appended" and first is not None else []

    def _context(self, region: str | None, new_id: Callable[[], UUID]) -> Context:
        now = self._world.now()
        pack = self._reference.find_pack(region, day_of(now)) if region else None
        return Context(
            now=now, new_id=new_id, pack=pack, body=None, body_kind=None, post=None,
            find_body=self._reference.find_body_id,
        )  # fmt: skip


def _next_id(cause: tuple[object, ...], made: Iterator[int]) -> UUID:
    return derived_id(*cause, "id", next(made))


class _Stale(Exception):  # noqa: N818
    """Somebody else appended to this stream between reading and appending."""
