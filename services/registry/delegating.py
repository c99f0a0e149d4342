"""Care entrusted to another adult by the parents: what it takes under the region's pack (GRD-03 GRD-12 GRD-20)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, ClassVar, Protocol
from uuid import UUID

from pydantic import Field

from schemas.fields import Address, Codes, Day, IdNumber, Line30, Name, PersonId, Phone, birth_date_in
from schemas.registry import Basis, GuardianChanged, GuardianshipDelegated
from services.kernel.errors import Refusal
from services.kernel.writing.decider import Command, Context
from services.registry.category import NoPolicy, younger_than


# --- Refusals
class InstrumentMissing(Refusal):
    """委托监护缺少本地规定的已签署文书。 · The delegation lacks an instrument that the region's policy requires signed."""


class GuardianUnfit(Refusal):
    """受委托人须为成年人,具备监护能力并有监护意愿。 · A delegated guardian must be an adult, found capable and willing."""


class DelegatingChild(Protocol):
    """What a delegation needs to know of a child."""

    @property
    def guardian(self) -> UUID | None: ...
    @property
    def delegations(self) -> dict[tuple[str, date], UUID]: ...


# --- Commands
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


# --- Decide
def delegate(
    part: Delegating, region: str, state: DelegatingChild, context: Context
) -> list[GuardianshipDelegated | GuardianChanged]:
    """Return the delegation and who cares from now on, or nothing where it is on file. Raises NoPolicy and the refusals above."""
    command, child, guardian = part.command, part.child, part.guardian
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
