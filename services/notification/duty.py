"""A duty: opened by an event, owed by a body, met by another event, with a clock where the pack sets a limit."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, ClassVar, Self, assert_never
from uuid import UUID

from pydantic import Field

from schemas.fields import BodyId, ChildId, Code, DutyId, EventId, When
from schemas.notification import (
    ClockChange,
    DueReached,
    DutyDelayed,
    DutyMet,
    DutyMissed,
    DutyMissRescinded,
    DutyOpened,
    DutyReassigned,
    Judging,
)
from services.kernel.calendar import calendar
from services.kernel.errors import NotFound, Refusal
from services.kernel.world import derived_id
from services.kernel.writing.decider import Command, Context, Decider


# --- Refusals
class DutyOver(Refusal):
    """该责任事项已办结,不能再变更。 · This duty was met: it can't be changed any more."""

    status = 409


class MetByEvent(Refusal):
    """该责任事项须通过办理相应业务完成,不能直接勾销。 · This duty is met by doing what it asks: it can't be ticked off."""

    status = 409


class NotPaused(Refusal):
    """该责任事项未暂停,或已暂停。 · This duty's clock is not stopped, or is stopped already."""

    status = 409


class NoLimit(Refusal):
    """该责任事项没有期限,无须延期或暂停。 · This duty has no limit: there is nothing to extend or stop."""

    status = 409


# --- State
Event = DutyOpened | DutyMet | DutyReassigned | DutyDelayed | DueReached | DutyMissed | DutyMissRescinded


@dataclass(frozen=True)
class Duty:
    """What the next decision needs."""

    opened: DutyOpened | None = None
    owed_by: UUID | None = None
    due: datetime | None = None
    paused_at: datetime | None = None
    met: bool = False
    missed: DutyMissed | None = None


# --- Evolve
def evolve(state: Duty, event: Event) -> Duty:
    """Return the state after an event."""
    match event:
        case DutyOpened():
            return Duty(opened=event, owed_by=event.owed_by, due=event.due)
        case DutyMet():
            return replace(state, met=True)
        case DutyReassigned():
            return replace(state, owed_by=event.owed_by)
        case DutyDelayed():
            return replace(state, due=event.due, paused_at=event.paused_at)
        case DueReached():
            return state
        case DutyMissed():
            return replace(state, missed=event)
        case DutyMissRescinded():
            return replace(state, missed=None, due=event.due)
        case unknown:
            assert_never(unknown)


# --- Commands
class _OfDuty(Command):
    duty: DutyId

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, Self]]:  # noqa: ARG002 - derived
        """One stream a duty."""
        yield self.duty, self


class OpenDuty(_OfDuty):
    """Issued by reaction to the event that opens it. [NTF-02]"""

    path: ClassVar[str] = "open-duty"

    child: ChildId
    rule: Annotated[Code, Field()]
    about: EventId
    cause: EventId
    owed_by: BodyId
    starts: When
    judged_by: Judging
    limit: str | None
    standing: str
    clause: str


class MeetDuty(_OfDuty):
    """Issued by reaction to the event that meets it. [NTF-02]"""

    path: ClassVar[str] = "meet-duty"

    cause: EventId
    at: When


class ReassignDuty(_OfDuty):
    """Issued by reaction to a transfer of the child. [REG-33]"""

    path: ClassVar[str] = "reassign-duty"

    owed_by: BodyId


class RestartDuty(_OfDuty):
    """Issued by reaction to a correction of the time from which it runs. [PLT-02]"""

    path: ClassVar[str] = "restart-duty"

    starts: When
    cause: EventId


class ReachDue(_OfDuty):
    """Issued by the clock. [PLT-10]"""

    path: ClassVar[str] = "reach-due"

    superior: BodyId | None


class DischargeDuty(_OfDuty):
    """The body that owes it says that it is done, where no event of the platform says so. [NTF-02]"""

    path: ClassVar[str] = "discharge-duty"
    title: ClassVar[tuple[str, str]] = ("办结责任事项", "Discharge a duty")
    requirements: ClassVar[tuple[str, ...]] = ("NTF-02",)


class PauseDuty(_OfDuty):
    """The body above stops a duty's clock, for a reason. [NTF-06]"""

    path: ClassVar[str] = "pause-duty"
    title: ClassVar[tuple[str, str]] = ("暂停期限", "Stop a duty's clock")
    requirements: ClassVar[tuple[str, ...]] = ("NTF-06",)

    reason: Annotated[Code, Field(description="理由(编码) · Reason, a code", examples=["CHILD_IN_HOSPITAL"])]


class ResumeDuty(_OfDuty):
    """The body above lets a duty's clock go on; the time it stood is added. [NTF-06]"""

    path: ClassVar[str] = "resume-duty"
    title: ClassVar[tuple[str, str]] = ("恢复期限", "Let a duty's clock go on")
    requirements: ClassVar[tuple[str, ...]] = ("NTF-06",)

    reason: Annotated[Code, Field(description="理由(编码) · Reason, a code", examples=["CHILD_BACK_HOME"])]


class ExtendDuty(_OfDuty):
    """The body above gives more time, for a reason. [NTF-06]"""

    path: ClassVar[str] = "extend-duty"
    title: ClassVar[tuple[str, str]] = ("延长期限", "Extend a duty")
    requirements: ClassVar[tuple[str, ...]] = ("NTF-06",)

    by: Annotated[
        str,
        Field(
            pattern=r"^[1-9][0-9]{0,3}(h|d|wd)$",
            description="延长多久,如 24h、2d、3wd · By how much",
            examples=["2d"],
        ),
    ]
    reason: Annotated[Code, Field(description="理由(编码) · Reason, a code", examples=["ROADS_CLOSED"])]


By_reaction = OpenDuty | MeetDuty | ReassignDuty | RestartDuty | ReachDue
By_person = DischargeDuty | PauseDuty | ResumeDuty | ExtendDuty


def stream_of(rule: str, about: UUID) -> UUID:
    """Return the id of a duty: the same rule about the same thing is the same duty."""
    return derived_id("duty", rule, about)


# --- Decide
def decide(command: By_reaction | By_person, state: Duty, context: Context) -> list[Any]:
    """Return what follows; what is so already makes no event."""
    if isinstance(command, OpenDuty):
        return [] if state.opened else [_open(command)]
    if state.opened is None:
        raise NotFound
    if state.met:
        if isinstance(command, PauseDuty | ResumeDuty | ExtendDuty):
            raise DutyOver
        return _restart(command, state, state.opened, context) if isinstance(command, RestartDuty) else []
    match command:
        case MeetDuty():
            return [_met(state, state.opened, command.cause, command.at)]
        case ReassignDuty():
            return _reassign(command, state, state.opened)
        case RestartDuty():
            return _restart(command, state, state.opened, context)
        case ReachDue():
            return _reach(command, state, state.opened, context)
        case DischargeDuty():
            return _discharge(state, state.opened, context)
        case PauseDuty() | ResumeDuty() | ExtendDuty():
            return [_delay(command, state, state.opened, context)]
        case unknown:
            assert_never(unknown)


def _open(command: OpenDuty) -> DutyOpened:
    due = calendar().due(command.starts, command.limit) if command.limit else None
    return DutyOpened(due=due, **command.model_dump(exclude={"occurred_at"}))


def _about(state: Duty, opened: DutyOpened) -> dict[str, Any]:
    return {
        "child": opened.child, "duty": stream_of(opened.rule, opened.about), "rule": opened.rule,
        "about": opened.about, "owed_by": state.owed_by,
    }  # fmt: skip


def _met(state: Duty, opened: DutyOpened, cause: UUID, at: datetime) -> DutyMet:
    superior = state.missed.superior if state.missed else None
    late = state.due is not None and state.paused_at is None and at > state.due
    return DutyMet(cause=cause, late=late, superior=superior, **_about(state, opened))


def _reassign(command: ReassignDuty, state: Duty, opened: DutyOpened) -> list[Event]:
    if command.owed_by == state.owed_by:
        return []
    about = _about(state, opened) | {"owed_by": command.owed_by, "previous": state.owed_by}
    return [DutyReassigned(starts=opened.starts, due=state.due, **about)]


def _restart(command: RestartDuty, state: Duty, opened: DutyOpened, context: Context) -> list[Event]:
    """The clock runs from another moment: a miss that was none is taken back."""
    due = calendar().due(command.starts, opened.limit) if opened.limit else None
    if due == state.due:
        return []
    about = _about(state, opened)
    if state.missed is not None and (due is None or due > context.now):
        about |= {"owed_by": state.missed.owed_by}
        return [DutyMissRescinded(cause=command.cause, due=due, superior=state.missed.superior, **about)]
    if state.met:
        return []
    return [DutyDelayed(change=ClockChange.RESTARTED, reason="START_CORRECTED", due=due, **about)]


def _reach(command: ReachDue, state: Duty, opened: DutyOpened, context: Context) -> list[Event]:
    if state.missed or state.due is None or state.paused_at or context.now < state.due:
        return []
    about = _about(state, opened)
    reached = DueReached(due=state.due, **{k: v for k, v in about.items() if k != "owed_by"})
    return [reached, DutyMissed(due=state.due, superior=command.superior, **about)]


def _discharge(state: Duty, opened: DutyOpened, context: Context) -> list[Event]:
    rule = context.pack.pack.duties.get(opened.rule) if context.pack else None
    if rule is None or not rule.by_hand:
        raise MetByEvent
    return [_met(state, opened, opened.cause, context.now)]


def _delay(
    command: PauseDuty | ResumeDuty | ExtendDuty, state: Duty, opened: DutyOpened, context: Context
) -> DutyDelayed:
    if state.due is None:
        raise NoLimit
    about = _about(state, opened) | {"reason": command.reason}
    match command:
        case PauseDuty():
            if state.paused_at:
                raise NotPaused
            return DutyDelayed(change=ClockChange.PAUSED, paused_at=context.now, due=state.due, **about)
        case ResumeDuty():
            if state.paused_at is None:
                raise NotPaused
            due = state.due + (context.now - state.paused_at)
            return DutyDelayed(change=ClockChange.RESUMED, due=due, **about)
        case ExtendDuty():
            due = calendar().extended(state.due, command.by)
            return DutyDelayed(change=ClockChange.EXTENDED, due=due, paused_at=state.paused_at, **about)
        case unknown:
            assert_never(unknown)


def scope_of(command: By_person, state: Duty) -> dict[str, Any]:
    """A duty is discharged by the body that owes it, and delayed by the body above that one."""
    if state.opened is None:
        raise NotFound
    return {"addressee": state.owed_by} if isinstance(command, DischargeDuty) else {"above": state.owed_by}


DUTY = Decider(
    name="duty",
    events=(DutyOpened, DutyMet, DutyReassigned, DutyDelayed, DueReached, DutyMissed, DutyMissRescinded),
    commands=(
        OpenDuty, MeetDuty, ReassignDuty, RestartDuty, ReachDue, DischargeDuty, PauseDuty, ResumeDuty, ExtendDuty,
    ),
    initial=Duty, evolve=evolve, decide=decide, scope_of=scope_of,
)  # fmt: skip
