"""An assessment: opened by the township's duty on a police notice, with the members that the pack names, and its end."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Self, assert_never
from uuid import UUID

from pydantic import Field

from schemas.assessment import AssessmentOpened, CaseClosed, CaseOutcome
from schemas.fields import AssessmentId, BodyId, ChildId, IncidentId, Line2000, NoticeId, Region
from services.kernel.errors import NotFound, Refusal
from services.kernel.world import derived_id
from services.kernel.writing.decider import Command, Context, Decider


# --- Refusals
class NoPolicy(Refusal):
    """本地尚未采用政策包,无法确定评估成员。 · No policy pack is adopted here, so the members are not known."""


class GroundsNeeded(Refusal):
    """本地政策只对部分情形启动评估,须由人工判断。 · The policy here assesses some grounds only: a person must decide."""


# --- State
@dataclass(frozen=True)
class Assessment:
    """What the next decision needs."""

    opened: AssessmentOpened | None = None
    closed: bool = False


# --- Evolve
def evolve(state: Assessment, event: AssessmentOpened | CaseClosed) -> Assessment:
    """Return the state after an event."""
    match event:
        case AssessmentOpened():
            return Assessment(opened=event)
        case CaseClosed():
            return replace(state, closed=True)
        case unknown:
            assert_never(unknown)


# --- Commands
class OpenAssessment(Command):
    """Issued by reaction to a police notice, once a child and notice. [ASM-01 ASM-02 ASM-05]"""

    path: ClassVar[str] = "open-assessment"
    title: ClassVar[tuple[str, str]] = ("启动评估", "Open an assessment")
    requirements: ClassVar[tuple[str, ...]] = ("ASM-01", "ASM-02", "ASM-05")

    child: ChildId
    notice: NoticeId
    incident: IncidentId
    region: Region
    lead: BodyId

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, Self]]:  # noqa: ARG002 - derived
        """The stream follows from child and incident: one assessment a child and incident."""
        yield stream_of(self.child, self.incident), self


class CloseCase(Command):
    """Close a case, saying how it ends and what secures the child's safety: case roles end with it. [ASM-11]"""

    path: ClassVar[str] = "close-case"
    title: ClassVar[tuple[str, str]] = ("个案结案", "Close a case")
    requirements: ClassVar[tuple[str, ...]] = ("ASM-11",)

    assessment: AssessmentId
    outcome: Annotated[CaseOutcome, Field(description="结果 · Outcome")]
    safety: Annotated[
        Line2000, Field(description="儿童安全状况如何得到保障 · What secures the child's safety")
    ]

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, Self]]:  # noqa: ARG002 - nothing new
        """One assessment, which is one case of one child."""
        yield self.assessment, self


def stream_of(child: UUID, incident: UUID) -> UUID:
    """Return the id of the assessment of a child in an incident."""
    return derived_id("assessment", child, incident)


# --- Decide
def decide(
    command: OpenAssessment | CloseCase, state: Assessment, context: Context
) -> list[AssessmentOpened | CaseClosed]:
    """Open it, once, and close it, once."""
    if isinstance(command, CloseCase):
        return _close(command, state, context)
    if state.opened:
        return []
    if context.pack is None:
        raise NoPolicy
    if not context.pack.pack.assessment.on_every_notice:
        raise GroundsNeeded
    return [
        AssessmentOpened(
            child=command.child, assessment=stream_of(command.child, command.incident), notice=command.notice,
            incident=command.incident, region=command.region, lead=command.lead,
            members=context.pack.pack.assessment.members,
        )
    ]  # fmt: skip


def _close(command: CloseCase, state: Assessment, context: Context) -> list[AssessmentOpened | CaseClosed]:
    opened = state.opened
    if opened is None:
        raise NotFound
    if state.closed:
        return []
    assert context.body is not None  # noqa: S101 - a command has a principal
    return [
        CaseClosed(
            child=opened.child, assessment=opened.assessment, incident=opened.incident,
            region=context.regions.get(opened.child, opened.region), closed_by=context.body, outcome=command.outcome,
            safety=command.safety,
        )
    ]  # fmt: skip


def concerns(command: OpenAssessment | CloseCase, state: Assessment) -> Iterable[UUID]:
    """A case goes with the child where that has moved since."""
    return [state.opened.child] if isinstance(command, CloseCase) and state.opened else []


def scope_of(command: OpenAssessment | CloseCase, state: Assessment) -> dict[str, Any]:
    """A case is closed by the township of the region that answers for the child now."""
    if isinstance(command, OpenAssessment):
        return {}
    if state.opened is None:
        raise NotFound
    return {"child": state.opened.child, "region": state.opened.region}


ASSESSMENT = Decider(
    name="assessment", events=(AssessmentOpened, CaseClosed), commands=(OpenAssessment, CloseCase),
    initial=Assessment, evolve=evolve, decide=decide, scope_of=scope_of, concerns=concerns,
)  # fmt: skip
