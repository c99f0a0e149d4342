"""An assessment: opened by the township's duty on a police notice, with the members that the pack names."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, Self, assert_never
from uuid import UUID

from schemas.assessment import AssessmentOpened
from schemas.fields import BodyId, ChildId, IncidentId, NoticeId, Region
from services.kernel.decider import Command, Context, Decider
from services.kernel.errors import Refusal
from services.kernel.world import derived_id


# --- Refusals
class NoPolicy(Refusal):
    """本地尚未采用政策包,无法确定评估成员。 · No policy pack is adopted here, so the members are not known."""


class GroundsNeeded(Refusal):
    """本地政策只对部分情形启动评估,须由人工判断。 · The policy here assesses some grounds only: a person must decide."""


# --- State
@dataclass(frozen=True)
class Assessment:
    """What the next decision needs."""

    opened: bool = False


# --- Evolve
def evolve(state: Assessment, event: AssessmentOpened) -> Assessment:
    """Return the state after an event."""
    match event:
        case AssessmentOpened():
            return Assessment(opened=True)
        case unknown:
            assert_never(unknown)
    return state


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


def stream_of(child: UUID, incident: UUID) -> UUID:
    """Return the id of the assessment of a child in an incident."""
    return derived_id("assessment", child, incident)


# --- Decide
def decide(command: OpenAssessment, state: Assessment, context: Context) -> list[AssessmentOpened]:
    """Open it, once."""
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


ASSESSMENT = Decider(
    name="assessment", events=(AssessmentOpened,), commands=(OpenAssessment,), initial=Assessment, evolve=evolve,
    decide=decide,
)  # fmt: skip
