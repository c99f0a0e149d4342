"""The child: one file, its ledger facts, its categories, its guardians, and whether it is another file's alias."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Annotated, Any, ClassVar, Self, assert_never
from uuid import UUID

import msgspec
from pydantic import Field

from schemas.fields import (
    ChildId,
    Codes,
    Day,
    Name,
    Region,
)
from schemas.platform import FactCorrected
from schemas.registry import (
    AliasRecorded,
    ChildCategoryAssigned,
    ChildIdentified,
    ChildRecordTransferred,
    ChildRegistered,
    ChildTransferProposed,
    GuardianChanged,
    GuardianshipDelegated,
    LedgerEntryClosed,
    LedgerEntryReopened,
    LedgerEntryUpdated,
    LedgerFacts,
)
from services.kernel.errors import FileSealed, NotFound, Refusal, StaleVersion
from services.kernel.writing.correcting import Correction, correct
from services.kernel.writing.decider import Command, Context, Decider
from services.registry import keeping, schooling, transfer
from services.registry.category import NoPolicy, decide_categories
from services.registry.delegating import DelegateGuardianship, Delegating, delegate
from services.registry.facts import facts_of, identities_of, identity_in
from services.registry.withdrawing import EntryClosed, WithdrawEntries, withdraw


# --- Refusals
class OtherIdNumber(Refusal):
    """身份号码与档案中的不同:如为另一儿童请另行登记,如需更正请走更正程序。 · The ID number differs from the one on file: register another child, or have the file corrected."""  # noqa: E501

    status = 409


class NamesakeOnFile(Refusal):
    """已有同村同名同日出生的儿童在册,但父母姓名均不相同:请补填公民身份号码后登记。 · A child of this name, birth date and village is on file with other parents: add the ID number."""  # noqa: E501

    status = 409


class AlreadyIdentified(Refusal):
    """该儿童已核实为另一档案,请先撤销原核实。 · This child was identified with another file: undo that first."""

    status = 409


# --- State
Event = (
    ChildRegistered
    | LedgerEntryUpdated
    | LedgerEntryClosed
    | LedgerEntryReopened
    | ChildCategoryAssigned
    | GuardianshipDelegated
    | GuardianChanged
    | ChildIdentified
    | AliasRecorded
    | ChildTransferProposed
    | ChildRecordTransferred
    | keeping.Event
    | schooling.Event
)


@dataclass(frozen=True)
class Child:
    """What the next decision about a child needs."""

    version: int = 0
    region: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    categories: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    closed: bool = False
    """Entered in error: what was said of the child then counts no more."""
    guardian: UUID | None = None
    delegations: dict[tuple[str, date], UUID] = field(default_factory=dict)
    file: UUID | None = None
    aliases: frozenset[UUID] = frozenset()
    proposal: ChildTransferProposed | None = None
    taken_over: UUID | None = None
    """The last transfer that was accepted."""
    kept: keeping.Kept = field(default_factory=keeping.Kept)
    schools: frozenset[UUID] = frozenset()
    """Schools that keep a file of their own."""


# --- Evolve
_SHOWN = (
    ChildRegistered, LedgerEntryUpdated, LedgerEntryClosed, LedgerEntryReopened, ChildCategoryAssigned,
    GuardianshipDelegated, GuardianChanged,
)  # fmt: skip
"""What the keeper of the file sees of it: the version that a page shows counts these, so an update can send it back."""


def evolve(state: Child, event: Event) -> Child:
    """Return the state after an event."""
    if isinstance(event, _SHOWN):
        state = replace(state, version=state.version + 1)
    if isinstance(event, keeping.EVENTS):
        return replace(state, kept=keeping.evolve(state.kept, event))
    if isinstance(event, schooling.EVENTS):
        return replace(state, schools=schooling.evolve(state.schools, event))
    match event:
        case ChildRegistered() | LedgerEntryUpdated():
            return replace(state, region=event.region, facts=state.facts | facts_of(event))
        case LedgerEntryClosed() | LedgerEntryReopened():
            return replace(state, closed=isinstance(event, LedgerEntryClosed), facts={}, categories=None)
        case ChildCategoryAssigned():
            return replace(state, categories=(event.categories, event.undetermined))
        case GuardianshipDelegated():
            known = {(event.name, event.starts): event.guardian}
            return replace(state, delegations=state.delegations | known)
        case GuardianChanged():
            return replace(state, guardian=event.guardian)
        case ChildIdentified():
            return replace(state, file=event.file)
        case AliasRecorded():
            return replace(state, aliases=state.aliases | {event.alias})
        case ChildTransferProposed():
            return replace(state, proposal=event)
        case ChildRecordTransferred():
            region = event.region if state.region else None
            return replace(state, region=region, proposal=None, taken_over=event.transfer)
        case unknown:
            assert_never(unknown)


# --- Commands
class RegisterChild(LedgerFacts, Command):
    """Enter a child in the ledger. Refused where a file with this ID number exists. [REG-05 REG-06 REG-07]"""

    path: ClassVar[str] = "register-child"
    title: ClassVar[tuple[str, str]] = ("儿童登记建档", "Register a child")
    requirements: ClassVar[tuple[str, ...]] = ("REG-05", "REG-06", "REG-07")

    region: Region
    name: Name
    closing_date: Annotated[
        Day | None, Field(description="年龄计算截止日期 · Age is counted to this day; today if absent")
    ] = None

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, "Registering"]]:
        """One child, one new stream."""
        child = new_id()
        yield child, Registering(self, child)


@dataclass(frozen=True)
class Registering:
    """A registration with the id that was minted for the child."""

    command: RegisterChild
    child: UUID


class UpdateLedgerEntry(LedgerFacts, Command):
    """Bring a ledger entry up to date. Only what differs is recorded; nothing differs, nothing happens. [REG-08]"""

    path: ClassVar[str] = "update-ledger-entry"
    title: ClassVar[tuple[str, str]] = ("更新台账信息", "Update a ledger entry")
    requirements: ClassVar[tuple[str, ...]] = ("REG-07", "REG-08")

    child: ChildId
    closing_date: Annotated[
        Day | None, Field(description="年龄计算截止日期 · Age is counted to this day; today if absent")
    ] = None
    found_by_name: Annotated[
        bool,
        Field(
            description="档案是按姓名、出生日期和村找到的:父母均不相同则拒绝 · The file was found by name, birth date and"
            " village: refused where no parent is the same"
        ),
    ] = False
    expected_version: Annotated[
        int | None,
        Field(
            description="读取时的版本,有人先改则拒绝 · The version you read; refused if it has moved", ge=1
        ),
    ] = None

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, Self]]:  # noqa: ARG002 - nothing new
        """One child."""
        yield self.child, self


class IdentifyChild(Command):
    """Say that a child named in a report is one on file. Nothing is moved; reading follows the alias. [REG-06]"""

    path: ClassVar[str] = "identify-child"
    title: ClassVar[tuple[str, str]] = ("核实儿童身份", "Identify a child")
    requirements: ClassVar[tuple[str, ...]] = ("REG-06",)

    child: Annotated[ChildId, Field(description="报告中的儿童编号 · The child as reported")]
    file: Annotated[ChildId, Field(description="台账中的儿童编号 · The child on file")]
    basis: Annotated[
        Codes, Field(min_length=1, description="核实依据 · What it rests on", examples=[["HOME_VISIT"]])
    ]
    region: Region

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, "IdentifyChild | Looking"]]:  # noqa: ARG002
        """First the file, which must exist, then the alias."""
        yield self.file, Looking(self.file, self.child)
        yield self.child, self


@dataclass(frozen=True)
class Looking:
    """The file's end of an identification: it must exist where its issuer may see it, and keeps the reported id."""

    child: UUID
    alias: UUID


class CorrectFact(Correction):
    """Correct a fact of one child's file, or of a guardian's in it. [PLT-02]"""

    path: ClassVar[str] = "correct-fact"
    title: ClassVar[tuple[str, str]] = ("更正档案信息", "Correct a fact")

    child: ChildId

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, Self]]:  # noqa: ARG002 - nothing new
        """One child."""
        yield self.child, self


Part = (
    Registering | UpdateLedgerEntry | Delegating | IdentifyChild | Looking | CorrectFact | keeping.Keeping
    | transfer.Proposing | transfer.AcceptTransfer | transfer.Moving | WithdrawEntries
    | schooling.OpenSchoolFile | schooling.CloseSchoolFile
)  # fmt: skip


# --- Decide
def decide(part: Part, state: Child, context: Context) -> Sequence[Event | FactCorrected]:
    """Return the events that a part of a command makes, or raise a refusal."""
    if part.child in state.kept.sealed and not isinstance(part, keeping.Keeping):
        raise FileSealed
    if state.closed and isinstance(
        part, Delegating | Looking | transfer.Proposing | schooling.OpenSchoolFile
    ):
        raise EntryClosed
    match part:
        case Registering(command, child):
            return _register(command, child, context)
        case UpdateLedgerEntry():
            return _update(part, state, context)
        case Delegating():
            return delegate(part, _on_file(state), state, context)
        case IdentifyChild():
            return _identify(part, state)
        case Looking(child, alias):
            known = alias in state.aliases
            return [] if known else [AliasRecorded(child=child, alias=alias, region=_on_file(state))]
        case CorrectFact():
            return correct(part, part.child, _on_file(state), context)
        case keeping.Keeping():
            people = {part.child, *state.delegations.values(), *filter(None, [state.guardian])}
            return keeping.decide(part, state.kept, people, _on_file(state), context)
        case schooling.OpenSchoolFile() | schooling.CloseSchoolFile():
            return schooling.decide(part, state.schools, _on_file(state), context)
        case WithdrawEntries():
            return _withdraw(part, state, context)
        case transfer.Proposing() | transfer.AcceptTransfer() | transfer.Moving():
            return transfer.decide(part, state, context)
        case unknown:
            assert_never(unknown)


def _on_file(state: Child) -> str:
    if state.region is None:
        raise NotFound
    return state.region


def _register(command: RegisterChild, child: UUID, context: Context) -> list[Event]:
    facts = {name: getattr(command, name) for name in LedgerFacts.model_fields}
    registered = ChildRegistered(
        child=child, region=command.region, closing_date=command.closing_date, **facts
    )
    return [registered, _categories(child, command.region, command, command.closing_date, context)]


def _update(command: UpdateLedgerEntry, state: Child, context: Context) -> list[Event]:
    region = _on_file(state)
    if command.expected_version is not None and command.expected_version != state.version:
        raise StaleVersion(version=state.version)
    if command.found_by_name and _other_parents(state.facts, facts_of(command)):
        raise NamesakeOnFile
    told = {k: _merged(state.facts.get(k), v) for k, v in facts_of(command).items()}
    if state.facts.get("id_number", told.get("id_number")) != told.get(
        "id_number", state.facts.get("id_number")
    ):
        raise OtherIdNumber
    changed = {k: v for k, v in told.items() if state.facts.get(k) != v}
    if not changed:
        return []
    if state.closed and "name" not in changed:
        raise EntryClosed
    update = {"child": command.child, "region": region, "closing_date": command.closing_date} | changed
    return [
        *([LedgerEntryReopened(child=command.child, region=region)] if state.closed else []),
        LedgerEntryUpdated.model_validate(update, strict=False),
        *_recategorised(command.child, state, state.facts | changed, command.closing_date, context),
    ]


def _withdraw(command: WithdrawEntries, state: Child, context: Context) -> Sequence[Event | FactCorrected]:
    back, left, day = withdraw(command, _on_file(state), context)
    return back if left is None else [*back, *_recategorised(command.child, state, left, day, context)]


def _recategorised(
    child: UUID, state: Child, facts: Mapping[str, Any], day: date | None, context: Context
) -> list[ChildCategoryAssigned]:
    """Return the categories that follow from these facts, where they are other than before."""
    known = LedgerFacts.model_validate(facts, strict=False)
    made = _categories(child, _on_file(state), known, day, context)
    return [made] if (made.categories, made.undetermined) != state.categories else []


def _other_parents(known: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    """Tell whether a parent is named on both sides, and none that is has the same name."""
    named = [
        (known[parent]["name"], told[parent]["name"])
        for parent in ("father", "mother")
        if known.get(parent, {}).get("name") and told.get(parent, {}).get("name")
    ]
    return bool(named) and all(one != other for one, other in named)


def _merged(known: Any, told: Any) -> Any:
    """What is told of a relative adds to what is known: an absent value is unknown, never "no"."""
    return known | told if isinstance(known, dict) and isinstance(told, dict) else told


def _categories(
    child: UUID, region: str, facts: LedgerFacts, day: date | None, context: Context
) -> ChildCategoryAssigned:
    if context.pack is None:
        raise NoPolicy
    return decide_categories(child, region, facts, context.pack, day or context.today)


def _identify(command: IdentifyChild, state: Child) -> list[Event]:
    if state.file == command.file:
        return []
    if state.file is not None or state.region is not None or command.child == command.file:
        raise AlreadyIdentified
    return [
        ChildIdentified(child=command.child, file=command.file, region=command.region, basis=command.basis)
    ]


def also(part: Part, state: Child) -> Iterable[tuple[UUID, Part]]:
    """A file's reported ids move with it."""
    return transfer.moving(state) if isinstance(part, transfer.AcceptTransfer) else ()


def scope_of(part: Part, state: Child) -> dict[str, Any]:
    """A child on file is in its own region; a new one, or one only reported, where the command says."""
    match part:
        case Registering(command):
            return {"region": command.region}
        case IdentifyChild():
            return {"region": part.region}
        case transfer.AcceptTransfer():
            taken = state.taken_over == part.transfer
            return {"region": _on_file(state) if taken else transfer.proposed(part, state).new_region}
        case transfer.Moving():
            return {"region": part.proposal.new_region}
        case schooling.CloseSchoolFile() if part.school in state.schools:
            return {"region": _on_file(state), "addressee": part.school}
        case _:
            return {"region": _on_file(state)}


def claims(event: Event | FactCorrected, before: Child) -> Iterable[tuple[str, UUID]]:
    """One child, one file: no two streams may hold the same identity."""
    if isinstance(event, FactCorrected) and event.field == "id_number" and event.person == event.child:
        yield f"id|{msgspec.json.decode(event.idnumber or '')}", event.child
    if isinstance(event, ChildRegistered | LedgerEntryUpdated):
        for identity in identities_of(before.facts | identity_in(event), event.region)[:1]:
            yield identity, event.child


CHILD = Decider(
    name="child",
    events=(
        ChildRegistered, LedgerEntryUpdated, LedgerEntryClosed, LedgerEntryReopened, ChildCategoryAssigned,
        GuardianshipDelegated, GuardianChanged, ChildIdentified, AliasRecorded, ChildTransferProposed,
        ChildRecordTransferred, *keeping.EVENTS, *schooling.EVENTS,
    ),
    commands=(
        RegisterChild, UpdateLedgerEntry, DelegateGuardianship, IdentifyChild, CorrectFact,
        transfer.ProposeTransfer, transfer.AcceptTransfer, WithdrawEntries, *keeping.COMMANDS, *schooling.COMMANDS,
    ),
    initial=Child, evolve=evolve, decide=decide, scope_of=scope_of, claims=claims, also=also,
)  # fmt: skip
