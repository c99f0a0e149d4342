"""Who may know of a child: grants, one stream a child; what they permit is in the disclosure table."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Self, assert_never
from uuid import UUID

from pydantic import Field

from schemas.fields import BodyId, ChildId, Code, EventId
from schemas.notification import AccessEnded, AccessGranted, Role
from services.kernel.decider import Command, Context, Decider
from services.kernel.world import derived_id

# --- State
Event = AccessGranted | AccessEnded


@dataclass(frozen=True)
class Access:
    """The grants in force for one child."""

    grants: frozenset[tuple[UUID, Role]] = frozenset()


# --- Evolve
def evolve(state: Access, event: Event) -> Access:
    """Return the state after an event."""
    match event:
        case AccessGranted():
            return replace(state, grants=state.grants | {(event.agency, event.role)})
        case AccessEnded():
            return replace(state, grants=state.grants - {(event.agency, event.role)})
        case unknown:
            assert_never(unknown)


# --- Commands
class GrantAccess(Command):
    """Issued by reaction: a body gains a role toward a child. [PRV-03]"""

    path: ClassVar[str] = "grant-access"
    title: ClassVar[tuple[str, str]] = ("授予知悉权限", "Grant access")
    requirements: ClassVar[tuple[str, ...]] = ("PRV-03",)

    child: ChildId
    agency: BodyId
    role: Annotated[Role, Field(description="角色 · Role toward the child")]
    basis: Annotated[Code, Field(description="依据 · Basis")]
    cause: EventId

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, Self]]:  # noqa: ARG002 - derived
        """One stream a child."""
        yield stream_of(self.child), self


class EndAccess(Command):
    """Issued by reaction: a role toward a child ends. [PRV-03]"""

    path: ClassVar[str] = "end-access"
    title: ClassVar[tuple[str, str]] = ("终止知悉权限", "End access")
    requirements: ClassVar[tuple[str, ...]] = ("PRV-03",)

    child: ChildId
    agency: BodyId
    role: Annotated[Role, Field(description="角色 · Role toward the child")]
    reason: Annotated[Code, Field(description="理由 · Reason")]

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, Self]]:  # noqa: ARG002 - derived
        """One stream a child."""
        yield stream_of(self.child), self


def stream_of(child: UUID) -> UUID:
    """Return the stream of a child's grants."""
    return derived_id("access", child)


# --- Decide
def decide(command: GrantAccess | EndAccess, state: Access, _: Context) -> list[Event]:
    """Grant or end; what is so already makes no event."""
    held = (command.agency, command.role) in state.grants
    match command:
        case GrantAccess():
            granted = AccessGranted(
                child=command.child,
                agency=command.agency,
                role=command.role,
                basis=command.basis,
                cause=command.cause,
            )
            return [] if held else [granted]
        case EndAccess():
            ended = AccessEnded(
                child=command.child, agency=command.agency, role=command.role, reason=command.reason
            )
            return [ended] if held else []
        case unknown:
            assert_never(unknown)


ACCESS = Decider(
    name="access", events=(AccessGranted, AccessEnded), commands=(GrantAccess, EndAccess), initial=Access,
    evolve=evolve, decide=decide,
)  # fmt: skip
