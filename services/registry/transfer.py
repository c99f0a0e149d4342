"""The handover of a file from one township to another: proposed by the one, accepted by the other (REG-33)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Protocol, Self
from uuid import UUID

from pydantic import Field

from schemas.fields import ChildId, Region, TransferId
from schemas.reference import BodyKind
from schemas.registry import ChildRecordTransferred, ChildTransferProposed
from services.kernel.errors import NotFound, Refusal
from services.kernel.writing.decider import Command, Context


# --- Refusals
class SameTownship(Refusal):
    """迁入地与现属地同属一个乡镇,无须移交:请更新居住地。 · The new place is in the same township: update the residence."""


class NoTownshipThere(Refusal):
    """迁入地没有登记乡镇政府,无法移交。 · No township is on record for the new place."""


class AlreadyProposed(Refusal):
    """该档案已提出移交,正等待接收。 · A transfer of this file is proposed already and waits for its receiver."""

    status = 409


class MovingChild(Protocol):
    """What a transfer needs to know of a child."""

    @property
    def region(self) -> str | None: ...
    @property
    def facts(self) -> dict[str, Any]: ...
    @property
    def aliases(self) -> frozenset[UUID]: ...
    @property
    def proposal(self) -> ChildTransferProposed | None: ...
    @property
    def taken_over(self) -> UUID | None: ...


# --- Commands
class ProposeTransfer(Command):
    """Ask the township of a child's new place to take its file over; siblings go together. [REG-33]"""

    path: ClassVar[str] = "propose-transfer"
    title: ClassVar[tuple[str, str]] = ("提出档案移交", "Propose a transfer")
    requirements: ClassVar[tuple[str, ...]] = ("REG-33",)

    children: Annotated[
        tuple[UUID, ...], Field(min_length=1, max_length=20, description="儿童编号 · Ids of the children")
    ]
    new_region: Annotated[Region, Field(description="迁入区划(村) · Region that they move to")]

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, "Proposing"]]:
        """One transfer a child."""
        for child in dict.fromkeys(self.children):
            yield child, Proposing(self, child, new_id())


@dataclass(frozen=True)
class Proposing:
    """A proposal as it concerns one child."""

    command: ProposeTransfer
    child: UUID
    transfer: UUID


class AcceptTransfer(Command):
    """Take a child's file over: from now on this township is responsible. [REG-33]"""

    path: ClassVar[str] = "accept-transfer"
    title: ClassVar[tuple[str, str]] = ("接收档案移交", "Accept a transfer")
    requirements: ClassVar[tuple[str, ...]] = ("REG-33",)

    child: ChildId
    transfer: TransferId

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, Self]]:  # noqa: ARG002 - nothing new
        """One child; what was reported of it follows."""
        yield self.child, self


@dataclass(frozen=True)
class Moving:
    """A reported id that moves with the file that it stands for."""

    child: UUID
    proposal: ChildTransferProposed


# --- Decide
def decide(
    part: Proposing | AcceptTransfer | Moving, state: MovingChild, context: Context
) -> Sequence[ChildTransferProposed | ChildRecordTransferred]:
    """Return the events of a part of a transfer."""
    match part:
        case Proposing():
            return propose(part, state, context)
        case AcceptTransfer():
            return accept(part, state)
        case Moving():
            return move(part, state)


def propose(part: Proposing, state: MovingChild, context: Context) -> list[ChildTransferProposed]:
    """Propose it, once."""
    if state.region is None:
        raise NotFound
    new_region = part.command.new_region
    if state.proposal is not None:
        if state.proposal.new_region == new_region:
            return []
        raise AlreadyProposed
    sender = context.find_body(BodyKind.TOWNSHIP, state.region)
    receiver = context.find_body(BodyKind.TOWNSHIP, new_region)
    if sender is None or receiver is None:
        raise NoTownshipThere
    if sender == receiver:
        raise SameTownship
    return [
        ChildTransferProposed(
            child=part.child, transfer=part.transfer, region=state.region, new_region=new_region, sender=sender,
            receiver=receiver, name=state.facts["name"],
        )
    ]  # fmt: skip


def proposed(command: AcceptTransfer, state: MovingChild) -> ChildTransferProposed:
    """Return the proposal that a command answers. Raises NotFound."""
    if state.proposal is None or state.proposal.transfer != command.transfer:
        raise NotFound
    return state.proposal


def accept(command: AcceptTransfer, state: MovingChild) -> list[ChildRecordTransferred]:
    """Take the file over, once."""
    done = state.taken_over == command.transfer
    return [] if done else [_moved(command.child, proposed(command, state))]


def moving(state: MovingChild) -> Iterable[tuple[UUID, Moving]]:
    """Return the parts for what was reported of the child, from the state before it moves."""
    if state.proposal is None:
        return []
    return [(alias, Moving(alias, state.proposal)) for alias in sorted(state.aliases)]


def move(part: Moving, state: MovingChild) -> list[ChildRecordTransferred]:
    """Move a reported id along."""
    done = state.taken_over == part.proposal.transfer
    return [] if done else [_moved(part.child, part.proposal)]


def _moved(child: UUID, told: ChildTransferProposed) -> ChildRecordTransferred:
    return ChildRecordTransferred(
        child=child, transfer=told.transfer, region=told.new_region, previous_region=told.region, sender=told.sender,
        receiver=told.receiver,
    )  # fmt: skip
