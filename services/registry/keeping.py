"""What may happen to a person's data: held against erasure, sealed until two posts open it again, erased whole or in part."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar, assert_never
from uuid import UUID

from pydantic import Field

from schemas.fields import Classes, Code, DataClass, PersonId
from schemas.registry import (
    ErasureHeld,
    ErasureHoldEnded,
    SubjectErased,
    SubjectSealed,
    SubjectUnsealed,
    UnsealingApproved,
)
from services.kernel.errors import Refusal
from services.kernel.writing.decider import Command, Context


# --- Refusals
class NotTheirs(Refusal):
    """该人员与此档案无关,或不在可处理之列。 · This person is not one of the file's: give the id of the child or a guardian."""


class HeldAgainstErasure(Refusal):
    """该人员的信息正依法保留,不能删除:先解除保留。 · This person's data are held: end the hold before you erase."""

    status = 409


class SecondPost(Refusal):
    """解除封存须由另一岗位的另一人确认。 · Another person, from another post, has to agree before this is unsealed."""

    status = 409


class NotByItself(Refusal):
    """此类别不能单独删除。 · This class can't be erased by itself: erase the person, or give classes of the file."""


# --- State
Event = ErasureHeld | ErasureHoldEnded | SubjectSealed | UnsealingApproved | SubjectUnsealed | SubjectErased
EVENTS = (ErasureHeld, ErasureHoldEnded, SubjectSealed, UnsealingApproved, SubjectUnsealed, SubjectErased)


@dataclass(frozen=True)
class Kept:
    """How the data of a file's persons are kept."""

    held: frozenset[UUID] = frozenset()
    sealed: frozenset[UUID] = frozenset()
    approved: dict[UUID, UnsealingApproved] = field(default_factory=dict)
    """Person → who agreed to unseal."""
    erased: frozenset[UUID] = frozenset()
    classes: frozenset[tuple[UUID, str]] = frozenset()
    """Classes that were erased by themselves."""


# --- Evolve
def evolve(kept: Kept, event: Event) -> Kept:
    """Return the state after an event."""
    person = event.person
    match event:
        case ErasureHeld():
            return replace(kept, held=kept.held | {person})
        case ErasureHoldEnded():
            return replace(kept, held=kept.held - {person})
        case SubjectSealed():
            return replace(kept, sealed=kept.sealed | {person}, approved=_without(kept, person))
        case UnsealingApproved():
            return replace(kept, approved=kept.approved | {person: event})
        case SubjectUnsealed():
            return replace(kept, sealed=kept.sealed - {person}, approved=_without(kept, person))
        case SubjectErased(classes=None):
            return replace(kept, erased=kept.erased | {person})
        case SubjectErased():
            return replace(kept, classes=kept.classes | {(person, c) for c in event.classes or ()})
        case unknown:
            assert_never(unknown)


def _without(kept: Kept, person: UUID) -> dict[UUID, UnsealingApproved]:
    return {p: approved for p, approved in kept.approved.items() if p != person}


# --- Commands
class KeepCommand(Command):
    """What is done to a person's data: the child's itself, or a guardian's in the files of several children."""

    requirements: ClassVar[tuple[str, ...]] = ("PRV-04",)

    person: PersonId
    children: Annotated[
        tuple[UUID, ...],
        Field(min_length=1, max_length=20, description="有此人信息的儿童档案 · Files that this person is in"),
    ]
    basis: Annotated[Code, Field(description="依据(编码) · Basis, a code", examples=["PIPL_47"])]

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, "Keeping"]]:  # noqa: ARG002 - nothing new
        """One part a child."""
        for child in dict.fromkeys(self.children):
            yield child, Keeping(self, child)


class EraseSubject(KeepCommand):
    """Erase a person, or some classes of what is known of them. Refused while a hold stands. [PRV-04]"""

    path: ClassVar[str] = "erase-subject"
    title: ClassVar[tuple[str, str]] = ("删除个人信息", "Erase a person")

    classes: Annotated[
        Classes | None,
        Field(min_length=1, description="仅删除这些类别,缺省为全部 · These classes alone; all if absent"),
    ] = None


class HoldErasure(KeepCommand):
    """Keep a person's data from being erased: a case or a suit needs them. [PRV-04]"""

    path: ClassVar[str] = "hold-erasure"
    title: ClassVar[tuple[str, str]] = ("暂停删除", "Hold erasure")


class EndHold(KeepCommand):
    """Let a person's data be erased again. [PRV-04]"""

    path: ClassVar[str] = "end-erasure-hold"
    title: ClassVar[tuple[str, str]] = ("解除暂停删除", "End the hold on erasure")


class SealSubject(KeepCommand):
    """Seal a person's data: nobody reads or changes them until two posts have agreed to unseal. [PRV-07]"""

    path: ClassVar[str] = "seal-subject"
    title: ClassVar[tuple[str, str]] = ("封存信息", "Seal a person's data")
    requirements: ClassVar[tuple[str, ...]] = ("PRV-07",)


class UnsealSubject(KeepCommand):
    """Agree that a person's data be unsealed. The first post's agreement waits for another's. [PRV-07]"""

    path: ClassVar[str] = "unseal-subject"
    title: ClassVar[tuple[str, str]] = ("解除封存", "Unseal a person's data")
    requirements: ClassVar[tuple[str, ...]] = ("PRV-07",)


COMMANDS = (EraseSubject, HoldErasure, EndHold, SealSubject, UnsealSubject)


@dataclass(frozen=True)
class Keeping:
    """Such a command as it concerns one file."""

    command: KeepCommand
    child: UUID


# --- Decide
def decide(part: Keeping, kept: Kept, people: Collection[UUID], region: str, context: Context) -> list[Event]:
    """Return what follows for a file whose persons are `people`; what is so already makes no event. Raises a refusal."""
    command, person = part.command, part.command.person
    if person not in people:
        raise NotTheirs
    told = {"child": part.child, "person": person, "region": region, "basis": command.basis}
    match command:
        case EraseSubject():
            return _erase(command, kept, told)
        case HoldErasure():
            return [] if person in kept.held else [ErasureHeld.model_validate(told)]
        case EndHold():
            return [ErasureHoldEnded.model_validate(told)] if person in kept.held else []
        case SealSubject():
            return [] if person in kept.sealed else [SubjectSealed.model_validate(told)]
        case UnsealSubject():
            return _unseal(person, kept, told, context)
        case _:
            raise NotImplementedError(type(command).__name__)


def _erase(command: EraseSubject, kept: Kept, told: dict[str, object]) -> list[Event]:
    person = command.person
    if person in kept.held:
        raise HeldAgainstErasure
    if not {DataClass.OPEN, DataClass.REPORTER}.isdisjoint(command.classes or ()):
        raise NotByItself
    if person in kept.erased:
        return []
    if command.classes is None:
        return [SubjectErased.model_validate(told)]
    left = tuple(c for c in sorted(set(command.classes)) if (person, c) not in kept.classes)
    return [SubjectErased.model_validate(told | {"classes": left})] if left else []


def _unseal(person: UUID, kept: Kept, told: dict[str, object], context: Context) -> list[Event]:
    if person not in kept.sealed:
        return []
    agreed = kept.approved.get(person)
    if agreed is None:
        return [UnsealingApproved.model_validate(told | {"post": context.post, "approver": context.person})]
    if agreed.post == context.post or agreed.approver == context.person:
        raise SecondPost
    return [SubjectUnsealed.model_validate(told)]
