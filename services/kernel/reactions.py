"""Reactions: hear an event of another service, decide in an aggregate of one's own, append with the checkpoint."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from schemas.envelope import Envelope, decode
from schemas.event import Event
from schemas.notification import ReactionRefused
from services.kernel.bus import Record
from services.kernel.database import Connection
from services.kernel.decider import Command, Context, Decider
from services.kernel.errors import Refusal
from services.kernel.recording import Circumstances, Planned, Recorder
from services.kernel.reference import Reference
from services.kernel.store import Append, Stored, append_in
from services.kernel.telemetry import log
from services.kernel.world import World, day_of, derived_id

SYSTEM = "system"


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
                await self._carry_out(rows, heard, record, task)

    async def _carry_out(self, rows: Connection, heard: Envelope, record: Record, task: Task) -> None:
        stored = [
            Stored(*row)
            for row in await rows.fetch(
                "select seq, stream, version, envelope, blocks from event where stream = $1 order by version",
                task.stream,
            )
        ]
        cause = (heard.id, task.name, task.stream)
        made = iter(range(1 << 30))
        context = self._context(heard, lambda: derived_id(*cause, "id", next(made)))
        stream, version = task.stream, len(stored)
        events: Sequence[Event]
        try:
            events = task.decider.decide(
                task.command, task.decider.fold(self._recorder.read(stored)), context
            )
        except Refusal as refusal:
            log.warning("reaction.refused", code=refusal.code, type=heard.type)
            stream, version = derived_id(*cause, "refused"), 0
            events = [
                ReactionRefused(
                    child=UUID(heard.subject), reaction=task.name, cause=UUID(heard.id), refusal=refusal.code
                )
            ]
        if not events:
            return
        policy = context.pack.name if context.pack else None
        planned = [
            Planned(event, stream, version + 1 + i, derived_id(*cause, "event", i), policy)
            for i, event in enumerate(events)
        ]
        told = Circumstances(
            actor=SYSTEM, on_behalf_of=task.on_behalf_of, purpose=task.name, correlation=UUID(heard.correlationid),
            causation=heard.id,
            after=lambda partition: {
                "reference": self._reference.seq, **self._after(partition), record.source: record.seq
            },
        )  # fmt: skip
        await append_in(rows, [Append(await self._recorder.record(planned, told))])

    def _context(self, heard: Envelope, new_id: Callable[[], UUID]) -> Context:
        now = self._world.now()
        pack = self._reference.find_pack(heard.region, day_of(now)) if heard.region else None
        return Context(
            now=now, new_id=new_id, pack=pack, body=None, body_kind=None, post=None,
            find_body=self._reference.find_body_id,
        )  # fmt: skip
