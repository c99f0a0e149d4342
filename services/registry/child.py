"""The child: one file, its ledger facts, its categories, its guardians, and whether it is another file's alias."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Annotated, Any, ClassVar, Self, assert_never
from uuid import UUID

import msgspec
from pydantic import Field

from schemas.fields import (
    Address,
    ChildId,
    Code,
    Codes,
    Day,
    IdNumber,
    Line30,
    Name,
    PersonId,
    Phone,
    Region,
    birth_date_in,
)
from schemas.platform import FactCorrected
from schemas.registry import (
    AliasRecorded,
    Basis,
    ChildCategoryAssigned,
    ChildIdentified,
    ChildRecordTransferred,
    ChildRegistered,
    ChildTransferProposed,
    GuardianChanged,
    GuardianshipDelegated,
    LedgerEntryUpdated,
    LedgerFacts,
    SubjectErased,
)
from services.kernel.correcting import Correction, correct
from services.kernel.decider import Command, Context, Decider
from services.kernel.errors import NotFound, Refusal, StaleVersion
from services.registry import transfer
from services.registry.category import decide_categories, younger_than


# --- Refusals
class InstrumentMissing(Refusal):
    """委托监护缺少本地规定的已签署文书。 · The delegation lacks an instrument that the region's policy requires signed."""


class GuardianUnfit(Refusal):
    """受委托人须为成年人,具备监护能力并有监护意愿。 · A delegated guardian must be an adult, found capable and willing."""


class OtherIdNumber(Refusal):
    """身份号码与档案中的不同:如为另一儿童请另行登记,如需更正请走更正程序。 · The ID number differs from the one on file: register another child, or have the file corrected."""  # noqa: E501

    status = 409


class AlreadyIdentified(Refusal):
    """该儿童已核实为另一档案,请先撤销原核实。 · This child was identified with another file: undo that first."""

    status = 409


class NotTheirs(Refusal):
    """该人员与此档案无关,或不在可删除之列。 · This person is not one of the file's: give the id of the child or a guardian."""


class NoPolicy(Refusal):
    """本地尚未采用政策包,无法认定,请先采用政策包。 · No policy pack is adopted here: adopt one first."""

    status = 409


# --- State
Event = (
    ChildRegistered
    | LedgerEntryUpdated
    | ChildCategoryAssigned
    | GuardianshipDelegated
    | GuardianChanged
    | ChildIdentified
    | AliasRecorded
    | ChildTransferProposed
    | ChildRecordTransferred
    | SubjectErased
)


@dataclass(frozen=True)
class Child:
    """What the next decision about a child needs."""

    version: int = 0
    region: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    categories: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    guardian: UUID | None = None
    delegations: dict[tuple[str, date], UUID] = field(default_factory=dict)
    file: UUID | None = None
    aliases: frozenset[UUID] = frozenset()
    proposal: ChildTransferProposed | None = None
    taken_over: UUID | None = None
    """The last transfer that was accepted."""
    erased: frozenset[UUID] = frozenset()


# --- Evolve
def facts_of(facts: LedgerFacts) -> dict[str, Any]:
    """Return the known facts as JSON values: what is compared and what is kept."""
    return facts.model_dump(mode="json", exclude_none=True, include=set(LedgerFacts.model_fields))


_SHOWN = (
    ChildRegistered, LedgerEntryUpdated, ChildCategoryAssigned, GuardianshipDelegated, GuardianChanged,
)  # fmt: skip
"""What the keeper of the file sees of it: the version that a page shows counts these, so an update can send it back."""


def evolve(state: Child, event: Event) -> Child:
    """Return the state after an event."""
    if isinstance(event, _SHOWN):
        state = replace(state, version=state.version + 1)
    match event:
        case ChildRegistered() | LedgerEntryUpdated():
            return replace(state, region=event.region, facts=state.facts | facts_of(event))
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
        case SubjectErased():
            return replace(state, erased=state.erased | {event.person})
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
    expected_version: Annotated[
        int | None,
        Field(
            description="读取时的版本,有人先改则拒绝 · The version you read; refused if it has moved", ge=1
        ),
    ] = None

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, Self]]:  # noqa: ARG002 - nothing new
        """One child."""
        yield self.child, self


class DelegateGuardianship(Command):
    """Record that parents entrusted care of one child or of siblings to an adult. [GRD-03 GRD-12 GRD-20]"""

    path: ClassVar[str] = "delegate-guardianship"
    title: ClassVar[tuple[str, str]] = ("登记委托监护", "Record a delegated guardianship")
    requirements: ClassVar[tuple[str, ...]] = ("GRD-03", "GRD-12", "GRD-17", "GRD-20")

    children: Annotated[
        tuple[UUID, ...], Field(min_length=1, max_length=20, description="儿童编号 · Ids of the children")
    ]
    guardian: Annotated[
        PersonId | None,
        Field(description="已有人员编号,新人留空 · The person's id if known here; else leave empty"),
    ] = None
    starts: Annotated[Day, Field(description="委托起始日期 · First day of the delegation")]
    instruments: Annotated[
        Codes,
        Field(
            description="已签署的文书 · Instruments signed",
            examples=[["DELEGATION_AGREEMENT", "GUARDIANSHIP_UNDERTAKING"]],
        ),
    ]
    name: Name
    id_number: IdNumber | None = None
    phone: Phone | None = None
    address: Annotated[Address | None, Field(description="居住地地址 · Address of the guardian")] = None
    relation: Annotated[
        Line30, Field(description="与被监护人关系 · Relation to the child", examples=["祖母"])
    ]
    capable: Annotated[bool, Field(description="具备监护能力 · Found capable")]
    willing: Annotated[bool, Field(description="具有监护意愿 · Found willing")]

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, "Delegating"]]:
        """One part a child, the same guardian in all."""
        guardian = self.guardian or new_id()
        for child in dict.fromkeys(self.children):
            yield child, Delegating(self, child, guardian)


@dataclass(frozen=True)
class Delegating:
    """A delegation as it concerns one child."""

    command: DelegateGuardianship
    child: UUID
    guardian: UUID


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


class EraseSubject(Command):
    """Erase a person: the child itself, or a guardian in the files of several children. [PRV-04]"""

    path: ClassVar[str] = "erase-subject"
    title: ClassVar[tuple[str, str]] = ("删除个人信息", "Erase a person")
    requirements: ClassVar[tuple[str, ...]] = ("PRV-04",)

    person: PersonId
    children: Annotated[
        tuple[UUID, ...],
        Field(min_length=1, max_length=20, description="有此人信息的儿童档案 · Files that this person is in"),
    ]
    basis: Annotated[Code, Field(description="依据(编码) · Basis, a code", examples=["PIPL_47"])]

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, "Erasing"]]:  # noqa: ARG002 - nothing new
        """One part a child."""
        for child in dict.fromkeys(self.children):
            yield child, Erasing(self, child)


@dataclass(frozen=True)
class Erasing:
    """An erasure as it concerns one file."""

    command: EraseSubject
    child: UUID


Part = (
    Registering | UpdateLedgerEntry | Delegating | IdentifyChild | Looking | CorrectFact | Erasing
    | transfer.Proposing | transfer.AcceptTransfer | transfer.Moving
)  # fmt: skip


# --- Decide
def decide(part: Part, state: Child, context: Context) -> Sequence[Event | FactCorrected]:
    """Return the events that a part of a command makes, or raise a refusal."""
    match part:
        case Registering(command, child):
            return _register(command, child, context)
        case UpdateLedgerEntry():
            return _update(part, state, context)
        case Delegating():
            return _delegate(part, state, context)
        case IdentifyChild():
            return _identify(part, state)
        case Looking(child, alias):
            known = alias in state.aliases
            return [] if known else [AliasRecorded(child=child, alias=alias, region=_on_file(state))]
        case CorrectFact():
            return correct(part, part.child, _on_file(state), context)
        case Erasing():
            return _erase(part, state)
        case transfer.Proposing():
            return transfer.propose(part, state, context)
        case transfer.AcceptTransfer():
            return transfer.accept(part, state)
        case transfer.Moving():
            return transfer.move(part, state)
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
    told = {k: _merged(state.facts.get(k), v) for k, v in facts_of(command).items()}
    if state.facts.get("id_number", told.get("id_number")) != told.get(
        "id_number", state.facts.get("id_number")
    ):
        raise OtherIdNumber
    changed = {k: v for k, v in told.items() if state.facts.get(k) != v}
    if not changed:
        return []
    update = {"child": command.child, "region": region, "closing_date": command.closing_date} | changed
    events: list[Event] = [LedgerEntryUpdated.model_validate(update, strict=False)]
    facts = LedgerFacts.model_validate(state.facts | changed, strict=False)
    categories = _categories(command.child, region, facts, command.closing_date, context)
    if (categories.categories, categories.undetermined) != state.categories:
        events.append(categories)
    return events


def _merged(known: Any, told: Any) -> Any:
    """What is told of a relative adds to what is known: an absent value is unknown, never "no"."""
    return known | told if isinstance(known, dict) and isinstance(told, dict) else told


def _categories(
    child: UUID, region: str, facts: LedgerFacts, day: date | None, context: Context
) -> ChildCategoryAssigned:
    if context.pack is None:
        raise NoPolicy
    return decide_categories(child, region, facts, context.pack, day or context.today)


def _delegate(part: Delegating, state: Child, context: Context) -> list[Event]:
    command, child, guardian = part.command, part.child, part.guardian
    region = _on_file(state)
    if context.pack is None:
        raise NoPolicy
    rule = context.pack.pack.delegation
    missing = set(rule.instruments) - set(command.instruments)
    if missing:
        raise InstrumentMissing(missing=sorted(missing), clause=rule.clauses["instruments"])
    if not (command.capable and command.willing) or _too_young(command, rule.adult_from):
        raise GuardianUnfit
    if rule.relations and command.relation not in rule.relations:
        raise GuardianUnfit(relations=list(rule.relations))
    known = state.delegations.get((command.name, command.starts))
    if known is not None and command.guardian in {None, known}:
        return []
    delegated = GuardianshipDelegated(
        child=child, region=region, guardian=guardian, starts=command.starts, instruments=command.instruments,
        name=command.name, id_number=command.id_number, phone=command.phone, address=command.address,
        relation=command.relation, capable=command.capable, willing=command.willing,
    )  # fmt: skip
    changed = GuardianChanged(
        child=child, region=region, guardian=guardian, basis=Basis.DELEGATION, starts=command.starts,
        name=command.name, previous=state.guardian,
    )  # fmt: skip
    return [delegated] if state.guardian == guardian else [delegated, changed]


def _too_young(command: DelegateGuardianship, adult_from: int) -> bool:
    """Tell whether the ID number says that a delegate is no adult; without a number nobody claims it."""
    if command.id_number is None:
        return False
    return younger_than(adult_from, birth_date_in(command.id_number), command.starts) is True


def _identify(command: IdentifyChild, state: Child) -> list[Event]:
    if state.file == command.file:
        return []
    if state.file is not None or state.region is not None or command.child == command.file:
        raise AlreadyIdentified
    return [
        ChildIdentified(child=command.child, file=command.file, region=command.region, basis=command.basis)
    ]


def _erase(part: Erasing, state: Child) -> list[Event]:
    region, person = _on_file(state), part.command.person
    if person in state.erased:
        return []
    if person not in {part.child, state.guardian, *state.delegations.values()}:
        raise NotTheirs
    return [SubjectErased(child=part.child, person=person, region=region, basis=part.command.basis)]


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
        case _:
            return {"region": _on_file(state)}


def identity_in(facts: LedgerFacts) -> dict[str, Any]:
    """Return the known facts that tell children apart."""
    told = {"id_number": facts.id_number, "name": facts.name, "birth_date": facts.birth_date}
    return {name: value for name, value in told.items() if value is not None}


def identities_of(facts: Mapping[str, Any], region: str) -> list[str]:
    """Return what makes two rows the same child, surest first: the ID number; name, birth date and village (REG-06)."""
    number, name, born = facts.get("id_number"), facts.get("name"), facts.get("birth_date")
    by_number = [f"id|{number}"] if number else []
    return by_number + ([f"person|{name}|{born}|{region}"] if name and born else [])


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
        ChildRegistered, LedgerEntryUpdated, ChildCategoryAssigned, GuardianshipDelegated, GuardianChanged,
        ChildIdentified, AliasRecorded, ChildTransferProposed, ChildRecordTransferred, SubjectErased,
    ),
    commands=(
        RegisterChild, UpdateLedgerEntry, DelegateGuardianship, IdentifyChild, CorrectFact, EraseSubject,
        transfer.ProposeTransfer, transfer.AcceptTransfer,
    ),
    initial=Child, evolve=evolve, decide=decide, scope_of=scope_of, claims=claims, also=also,
)  # fmt: skip
