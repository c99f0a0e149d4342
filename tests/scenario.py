"""Given-when-then for decisions: what happened, what is asked, what follows. No store, no clock, no framework."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec
from hypothesis import settings

from schemas.assessment import AssessmentOpened, CaseClosed, PlacementEnded, PlacementMade
from schemas.catalogue import EVENTS
from schemas.envelope import Envelope
from schemas.event import Event
from schemas.notification import (
    AccessEnded,
    AccessGranted,
    DueReached,
    DutyDelayed,
    DutyMet,
    DutyMissed,
    DutyMissRescinded,
    DutyOpened,
    DutyReassigned,
    EmergencyOpened,
    EmergencyReviewed,
    NotificationAcknowledged,
    NotificationSent,
)
from schemas.packs import KnownPack, known_packs
from schemas.reference import BodyKind
from schemas.reporting import PoliceNoticeSent, RecusalSet, ReportAccepted, ReportFiled, ReportWithdrawn
from services.assessment import assessment
from services.kernel.errors import Refusal
from services.kernel.keys.sealing import needed, seal
from services.kernel.world import derived_id
from services.kernel.writing.decider import Command, Context, Decider
from services.kernel.writing.recording import stamp
from services.notification import access, notice

S = TypeVar("S")

NOW = datetime(2026, 11, 1, 4, tzinfo=UTC)
SY: KnownPack = next(known for known in known_packs().values() if known.pack.code == "SY-2017-74")
VILLAGE, NOWHERE = "990101001001", "990909009009"
SHORT = settings(max_examples=40, stateful_step_count=12, deadline=None)


def some(number: int) -> UUID:
    """An id of the test's own; those that a scenario mints count up from 1."""
    return UUID(int=number << 64)


TOWNSHIP, STATION, POLICE, SCHOOL = some(101), some(102), some(103), some(104)
BODIES = {BodyKind.TOWNSHIP: TOWNSHIP, BodyKind.POLICE_STATION: STATION, BodyKind.POLICE: POLICE}


def find_body_in(
    bodies: Mapping[BodyKind, UUID], region: str = "990101"
) -> Callable[[BodyKind, str], UUID | None]:
    """Look bodies up in a table that knows one county."""
    return lambda kind, asked: bodies.get(kind) if asked.startswith(region) else None


def stream_of(event: Event) -> UUID:
    """Return the stream that an event belongs in."""
    match event:
        case ReportFiled() | ReportAccepted() | PoliceNoticeSent() | RecusalSet() | ReportWithdrawn():
            return event.report
        case AssessmentOpened() | CaseClosed():
            return assessment.stream_of(event.child, event.incident)
        case AccessGranted() | AccessEnded() | EmergencyOpened() | EmergencyReviewed():
            return access.stream_of(event.child)
        case PlacementMade() | PlacementEnded():
            return event.placement
        case (
            DutyOpened()
            | DutyMet()
            | DutyReassigned()
            | DutyDelayed()
            | DueReached()
            | DutyMissed()
            | DutyMissRescinded()
        ):
            return event.duty
        case NotificationSent() | NotificationAcknowledged():
            return notice.stream_of(event.notice)
        case _:
            child: UUID = getattr(event, event.subject)
            return child


@dataclass(frozen=True)
class Scenario(Generic[S]):
    """Streams of one aggregate with what is known around them. Every step returns a new scenario."""

    decider: Decider[S]
    context: Context
    streams: Mapping[UUID, tuple[Event, ...]] = field(default_factory=dict)

    def given(self, *events: Event) -> "Scenario[S]":
        """These happened, in this order; each goes to the stream that it belongs in."""
        streams = dict(self.streams)
        for event in events:
            assert isinstance(event, self.decider.events), f"{event.type} is not of {self.decider.name}"
            streams[stream_of(event)] = (*streams.get(stream_of(event), ()), event)
        return replace(self, streams=streams)

    def told(self, **changes: Any) -> "Scenario[S]":
        """The decision is told something else: the pack, the time, who acts, where bodies are."""
        return replace(self, context=replace(self.context, **changes))

    def state(self, stream: UUID) -> S:
        """Return a stream's state."""
        return self.decider.fold(self.streams.get(stream, ()))

    def history(self, stream: UUID) -> list[tuple[UUID, Event]]:
        """Return a stream's events, each with an id that follows from its place."""
        return [(derived_id(stream, i), event) for i, event in enumerate(self.streams.get(stream, ()))]

    def when(self, command: Command) -> "Outcome[S]":
        """Fan the command out, look each stream up and decide, as the kernel's write path does."""
        decided: list[Event] = []
        try:
            parts = list(command.each(self.context.new_id))
            while parts:
                follow: list[tuple[UUID, Any]] = []
                for stream, part in parts:
                    state = self.state(stream)
                    self.decider.scope_of(part, state)
                    made = self.decider.decide(
                        part, state, replace(self.context, history=self.history(stream))
                    )
                    assert {stream_of(event) for event in made} <= {stream}, "decided for another stream"
                    decided += made
                    follow += self.decider.also(part, state)
                parts = follow
        except Refusal as refusal:
            return Outcome(self, (), refusal)
        return Outcome(self, tuple(decided), None)


@dataclass(frozen=True)
class Outcome(Generic[S]):
    """What a command came to."""

    scenario: Scenario[S]
    events: tuple[Event, ...]
    refusal: Refusal | None

    def then(self, *expected: Event) -> Scenario[S]:
        """Exactly these events; returns the scenario in which they have happened."""
        assert self.refusal is None, f"refused: {self.refusal!r} {self.refusal.facts if self.refusal else ''}"
        assert list(self.events) == list(expected)
        return self.done()

    def done(self) -> Scenario[S]:
        """Return the scenario in which it has happened; what was refused changes nothing."""
        return self.scenario.given(*self.events)

    def refused(self, refusal: type[Refusal], **facts: Any) -> Scenario[S]:
        """This refusal, naming these facts among others."""
        assert type(self.refusal) is refusal, f"not {refusal.__name__} but {self.refusal!r}, {self.events}"
        assert self.refusal.facts == self.refusal.facts | facts
        return self.scenario


def scenario(decider: Decider[S], **told: Any) -> Scenario[S]:
    """Begin: nothing happened, Shenyang's pack is adopted, a township's clerk acts, ids count up from 1."""
    numbers = count(1)
    context = Context(
        now=NOW, new_id=lambda: UUID(int=next(numbers)), pack=SY, body=TOWNSHIP, body_kind=BodyKind.TOWNSHIP,
        post=some(201), find_body=find_body_in(BODIES),
    )  # fmt: skip
    return Scenario(decider, replace(context, **told))


# --- Events as they are stored
class Glass:
    """A cipher that hides nothing, for tests that look at who gets which block."""

    alg = "GLASS"
    digest = "sha256"

    def encrypt(self, key: bytes, plain: bytes, bound_to: bytes) -> bytes:
        del key, bound_to
        return plain

    def decrypt(self, key: bytes, block: bytes, bound_to: bytes) -> bytes:
        del key, bound_to
        return block

    def hash_of(self, block: bytes) -> str:
        return hashlib.sha256(block).hexdigest()


def written(
    event: Event, event_id: UUID, *, at: datetime = NOW, by: UUID | None = None
) -> tuple[Envelope, bytes]:
    """Return (envelope, blocks) of an event, sealed with glass."""
    data, blocks = seal(event, str(event_id), dict.fromkeys(needed(event.split()), b""), Glass())
    envelope = Envelope(
        id=str(event_id), type=event.type, source="/test", subject=str(data[event.subject]), time=stamp(at),
        recordedat=stamp(at), actor="system", purpose="test", orderkey=str(data[event.subject]),
        correlationid=str(event_id), onbehalfof=str(by) if by else None, region=data.get("region"), data=data,
    )  # fmt: skip
    return envelope, blocks


def stored(event: Event, *, erased: bool = False) -> Event:
    """Return the event as it comes back from its stored fields: all of them, or without those that were sealed."""
    opened, sealed = event.split()
    fields = dict(opened)
    for block in () if erased else sealed.values():
        fields |= block
    return EVENTS[event.type].read(msgspec.json.decode(msgspec.json.encode(fields)))


def assert_replays(decided: Scenario[S]) -> None:
    """What was decided can be replayed: from stored bytes to the same state; and folded with everything erased."""
    for stream, events in decided.streams.items():
        assert decided.decider.fold(map(stored, events)) == decided.state(stream)
        decided.decider.fold(stored(event, erased=True) for event in events)


def live(begun: Scenario[S], commands: Sequence[Command]) -> Scenario[S]:
    """Carry commands out one after another; refusals change nothing, anything else that is raised is a defect."""
    for command in commands:
        begun = begun.when(command).done()
    return begun
