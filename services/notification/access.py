"""Who may know of a child: grants, one stream a child; what they permit is in the disclosure table."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, Self, assert_never
from uuid import UUID

from pydantic import Field

from schemas.fields import BodyId, ChildId, Code, EventId
from schemas.notification import AccessEnded, AccessGranted, EmergencyOpened, EmergencyReviewed, Role
from services.kernel.errors import NotFound
from services.kernel.writing.decider import Command, Context, Decider
from services.notification import emergency
from services.notification.emergency import EndEmergency, OpenEmergency, ReviewEmergency

BY_RESIDENCE = frozenset({Role.LEDGER, Role.VILLAGE, Role.SUPERVISOR, Role.AREA_POLICE})
"""Roles that follow from where a child is on file, and move with it."""
WORKING = frozenset({Role.RESPONDER, Role.CASE_POLICE, Role.ASSESSOR})
"""Roles of those who work a case: they end with it."""
BY_CASE = WORKING | {Role.CARER}
"""Roles that follow from a case."""
stream_of = emergency.stream_of
Grants = frozenset[tuple[UUID, Role]]

# --- State
Event = AccessGranted | AccessEnded | EmergencyOpened | EmergencyReviewed


@dataclass(frozen=True)
class Access:
    """The grants in force for one child."""

    grants: Grants = frozenset()
    care: frozenset[tuple[UUID, UUID]] = frozenset()
    """(carer, event of the placement): who has a child from two placements has it until both are over."""
    emergencies: dict[UUID, EmergencyOpened] = field(default_factory=dict)
    """All that were opened."""
    reviewed: frozenset[UUID] = frozenset()


# --- Evolve
def evolve(state: Access, event: Event) -> Access:
    """Return the state after an event."""
    match event:
        case AccessGranted():
            care = state.care | ({(event.agency, event.cause)} if event.role is Role.CARER else set())
            return replace(state, grants=state.grants | {(event.agency, event.role)}, care=care)
        case AccessEnded():
            care = frozenset(c for c in state.care if event.role is not Role.CARER or c[0] != event.agency)
            return replace(state, grants=state.grants - {(event.agency, event.role)}, care=care)
        case EmergencyOpened():
            return replace(state, emergencies=state.emergencies | {event.emergency: event})
        case EmergencyReviewed():
            return replace(state, reviewed=state.reviewed | {event.emergency})
        case unknown:
            assert_never(unknown)


# --- Commands
class _OfChild(Command):
    child: ChildId
    basis: Annotated[Code, Field(description="依据 · Basis")]
    cause: EventId

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, Self]]:  # noqa: ARG002 - derived
        """One stream a child."""
        yield stream_of(self.child), self


class GrantAccess(_OfChild):
    """Issued by reaction: a body gains a role toward a child. [PRV-03]"""

    path: ClassVar[str] = "grant-access"

    agency: BodyId
    role: Annotated[Role, Field(description="角色 · Role toward the child")]


class Reside(_OfChild):
    """Issued by reaction: a child is on file here, and no longer where it was. [PRV-03 REG-33]

    With `sender` and `receiver`, the one township's role in the child's case passes to the other. What was only
    reported of a child is on nobody's file: there the case alone passes.
    """

    path: ClassVar[str] = "reside"

    bodies: tuple[tuple[UUID, Role], ...]
    sender: UUID | None = None
    receiver: UUID | None = None


class Recuse(_OfChild):
    """Issued by reaction: what a body had of the case passes to the body above. [PRV-02]"""

    path: ClassVar[str] = "recuse"

    recused: BodyId
    instead: BodyId


class EndCare(_OfChild):
    """Issued by reaction: a placement is over. [PRV-03 PLC-13]"""

    path: ClassVar[str] = "end-care"

    agency: BodyId
    made: EventId


class EndSchooling(_OfChild):
    """Issued by reaction: a child left a school. [PRV-03 REG-23]"""

    path: ClassVar[str] = "end-schooling"

    agency: BodyId


class EndCase(_OfChild):
    """Issued by reaction: a case is closed, and nobody works it any more. [PRV-03 ASM-11]"""

    path: ClassVar[str] = "end-case"


# --- Decide
_Emergency = OpenEmergency | ReviewEmergency | EndEmergency


def decide(
    command: GrantAccess | Reside | Recuse | EndCare | EndSchooling | EndCase | _Emergency,
    state: Access,
    context: Context,
) -> list[Event]:
    """Grant and end; what is so already makes no event."""
    match command:
        case OpenEmergency() | ReviewEmergency() | EndEmergency():
            return [*emergency.decide(command, state, context)]
        case GrantAccess():
            if command.role is Role.CARER and (command.agency, command.cause) not in state.care:
                return [_granted(command, command.agency, Role.CARER)]  # by another placement, too
            wanted = state.grants | {(command.agency, command.role)}
        case Reside():
            wanted = _resided(command, state.grants)
        case Recuse():
            lost = {g for g in state.grants if g[0] == command.recused and g[1] in BY_CASE}
            wanted = state.grants - lost | {(command.instead, role) for _, role in lost}
        case EndCare():
            return _end_care(command, state)
        case EndSchooling():
            wanted = state.grants - {(command.agency, Role.SCHOOL)}
        case EndCase():
            wanted = frozenset(g for g in state.grants if g[1] not in WORKING)
        case unknown:
            assert_never(unknown)
    return _changes(command, state.grants, wanted)


def _end_care(command: EndCare, state: Access) -> list[Event]:
    """End a carer's role; where another placement gives it the child still, it is granted anew for that one."""
    role = (command.agency, Role.CARER)
    left = {placement for agency, placement in state.care if agency == command.agency} - {command.made}
    ended = _changes(command, state.grants, state.grants - {role})
    return [
        *ended,
        *(_granted(command.model_copy(update={"cause": placement}), *role) for placement in sorted(left)),
    ]


def _resided(command: Reside, held: Grants) -> Grants:
    case = (command.sender, Role.RESPONDER)
    wanted = held - {case}
    if case in held and command.receiver is not None:
        wanted |= {(command.receiver, Role.RESPONDER)}
    if command.sender is not None and not any(role in BY_RESIDENCE for _, role in held):
        return wanted
    return frozenset(g for g in wanted if g[1] not in BY_RESIDENCE) | set(command.bodies)


def _changes(command: _OfChild, held: Grants, wanted: Grants) -> list[Event]:
    """Grants first: no body that keeps a role loses its rows between."""
    granted = [_granted(command, agency, role) for agency, role in sorted(wanted - held)]
    ended = [
        AccessEnded(child=command.child, agency=agency, role=role, reason=_reason(command))
        for agency, role in sorted(held - wanted)
    ]
    return [*granted, *ended]


def _granted(command: _OfChild, agency: UUID, role: Role) -> AccessGranted:
    return AccessGranted(
        child=command.child, agency=agency, role=role, basis=command.basis, cause=command.cause
    )


def _reason(command: _OfChild) -> str:
    """Say why a role ended, to the body whose it was: one that is recused isn't told that it is."""
    return "case" if isinstance(command, Recuse) else command.basis


def scope_of(command: Command, state: Access) -> dict[str, Any]:
    """A child of whom nobody may know is on nobody's file; an emergency access is its reviewer's to judge."""
    if isinstance(command, OpenEmergency) and not state.grants:
        raise NotFound
    return {"addressee": emergency.addressee(command, state)} if isinstance(command, ReviewEmergency) else {}


ACCESS = Decider(
    name="access", events=(AccessGranted, AccessEnded, EmergencyOpened, EmergencyReviewed),
    commands=(GrantAccess, Reside, Recuse, EndCare, EndSchooling, EndCase, OpenEmergency, ReviewEmergency, EndEmergency),
    initial=Access, evolve=evolve, decide=decide, scope_of=scope_of,
)  # fmt: skip
