"""Emergency access: a body that has no role toward a child may look for some hours, for a reason; another body reviews it."""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Annotated, ClassVar, Protocol, Self
from uuid import UUID

from pydantic import Field

from schemas.fields import ChildId, EmergencyId, Line200
from schemas.notification import AccessEnded, AccessGranted, EmergencyOpened, EmergencyReviewed, Role
from services.kernel.errors import NotFound, Refusal
from services.kernel.world import derived_id
from services.kernel.writing.decider import Command, Context

_MOST_HOURS = 72


# --- Refusals
class NobodyReviews(Refusal):
    """未登记本单位的上级单位,无人复核,不能紧急查阅。 · No body above yours is on record to review it, so there is no emergency access."""  # noqa: E501


class Reviewed(Refusal):
    """该紧急查阅已复核。 · This emergency access was reviewed already."""

    status = 409


# --- State
class Held(Protocol):
    """What of a child's grants these decisions rest on."""

    @property
    def grants(self) -> frozenset[tuple[UUID, Role]]:
        """The grants in force."""
        ...

    @property
    def emergencies(self) -> dict[UUID, EmergencyOpened]:
        """All that were opened."""
        ...

    @property
    def reviewed(self) -> frozenset[UUID]:
        """Those that somebody has."""
        ...


# --- Commands
class _OfChild(Command):
    child: ChildId

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, Self]]:  # noqa: ARG002 - derived
        """One stream a child."""
        yield stream_of(self.child), self


class OpenEmergency(_OfChild):
    """Look at a child's file in an emergency, for some hours and a reason. The body above reviews it. [PRV-02]"""

    path: ClassVar[str] = "open-emergency"
    title: ClassVar[tuple[str, str]] = ("紧急查阅", "Emergency access")
    requirements: ClassVar[tuple[str, ...]] = ("PRV-02",)

    reason: Annotated[Line200, Field(description="紧急情况说明 · What the emergency is")]
    hours: Annotated[int, Field(ge=1, le=_MOST_HOURS, description="时长(小时) · For how many hours")] = 24


class ReviewEmergency(_OfChild):
    """Say whether an emergency access was justified; one that was not ends at once. [PRV-02]"""

    path: ClassVar[str] = "review-emergency"
    title: ClassVar[tuple[str, str]] = ("复核紧急查阅", "Review an emergency access")
    requirements: ClassVar[tuple[str, ...]] = ("PRV-02",)

    emergency: EmergencyId
    justified: Annotated[bool, Field(description="是否正当 · Was it justified")]


class EndEmergency(_OfChild):
    """Issued by the clock. [PRV-02]"""

    path: ClassVar[str] = "end-emergency"

    emergency: EmergencyId


def stream_of(child: UUID) -> UUID:
    """Return the stream of a child's grants."""
    return derived_id("access", child)


# --- Decide
def decide(
    command: OpenEmergency | ReviewEmergency | EndEmergency, held: Held, context: Context
) -> Sequence[EmergencyOpened | EmergencyReviewed | AccessGranted | AccessEnded]:
    """Open once at a time, review once, end what still stands. Raises NobodyReviews, Reviewed, NotFound."""
    match command:
        case OpenEmergency():
            return _open(command, held, context)
        case ReviewEmergency():
            return _review(command, held)
        case EndEmergency():
            return _ended(held, held.emergencies[command.emergency], "expired")


def _open(command: OpenEmergency, held: Held, context: Context) -> list[EmergencyOpened | AccessGranted]:
    assert context.body is not None  # noqa: S101 - a command has a principal
    assert context.post is not None  # noqa: S101
    if (context.body, Role.EMERGENCY) in held.grants:
        return []
    reviewer = context.superior_of(context.body)
    if reviewer is None:
        raise NobodyReviews
    emergency = context.new_id()
    return [
        EmergencyOpened(
            child=command.child, emergency=emergency, agency=context.body, post=context.post, reviewer=reviewer,
            until=context.now + timedelta(hours=command.hours), reason=command.reason,
        ),
        AccessGranted(
            child=command.child, agency=context.body, role=Role.EMERGENCY, basis="emergency", cause=emergency
        ),
    ]  # fmt: skip


def _review(command: ReviewEmergency, held: Held) -> list[EmergencyReviewed | AccessEnded]:
    if command.emergency in held.reviewed:
        raise Reviewed
    opened = held.emergencies[command.emergency]  # its addressee was found
    reviewed = EmergencyReviewed(
        child=command.child, emergency=command.emergency, agency=opened.agency, reviewer=opened.reviewer,
        justified=command.justified,
    )  # fmt: skip
    ended = [] if command.justified else _ended(held, opened, "not-justified")
    return [reviewed, *ended]


def _ended(held: Held, opened: EmergencyOpened, reason: str) -> list[AccessEnded]:
    """End what still stands of an emergency access; one that the body opened since is not this one's to end."""
    last = [e.emergency for e in held.emergencies.values() if e.agency == opened.agency][-1]
    if last != opened.emergency or (opened.agency, Role.EMERGENCY) not in held.grants:
        return []
    return [AccessEnded(child=opened.child, agency=opened.agency, role=Role.EMERGENCY, reason=reason)]


def addressee(command: ReviewEmergency, held: Held) -> UUID:
    """Return who reviews: to others, and for one that is not there, it doesn't exist."""
    opened = held.emergencies.get(command.emergency)
    if opened is None:
        raise NotFound
    return opened.reviewer
