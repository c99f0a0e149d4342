"""The table of disclosure at run time: one post proposes another table, another person from another post adopts it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from uuid import UUID

from schemas.disclosure import hash_of, why_not
from schemas.reference import DisclosureTableAdopted, DisclosureTableProposed, TableHash, TableText
from services.kernel.errors import NotFound, Refusal
from services.kernel.world import derived_id
from services.kernel.writing.decider import Command, Context, Decider


# --- Refusals
class NotATable(Refusal):
    """这份告知规则表不能采用(原因见 why)。 · This table of disclosure can't be adopted (`why` says why)."""


class SecondSigner(Refusal):
    """采用告知规则表须由另一岗位的另一人签署。 · Another person, from another post, has to sign before this table is adopted."""

    status = 409


# --- Commands
class ProposeDisclosureTable(Command):
    """Propose another table of disclosure. It holds for nobody until a second person has adopted it. [PRV-03]"""

    path: ClassVar[str] = "propose-disclosure-table"
    title: ClassVar[tuple[str, str]] = ("提请告知规则表", "Propose a disclosure table")
    requirements: ClassVar[tuple[str, ...]] = ("PRV-03",)

    content: TableText

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, "Signing"]]:  # noqa: ARG002 - follows from the text
        """One table."""
        yield _of(hash_of(self.content.encode()), self.content)


class AdoptDisclosureTable(Command):
    """Sign a proposed table as the second: from now on everybody is told by it. What was told stays told. [PRV-03]"""

    path: ClassVar[str] = "adopt-disclosure-table"
    title: ClassVar[tuple[str, str]] = ("采用告知规则表", "Adopt a disclosure table")
    requirements: ClassVar[tuple[str, ...]] = ("PRV-03",)

    content_hash: TableHash

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, "Signing"]]:  # noqa: ARG002 - follows from the text
        """One table."""
        yield _of(self.content_hash, None)


@dataclass(frozen=True)
class Signing:
    """A signature under a table: the first brings its text, the second names it."""

    table: UUID
    content_hash: str
    content: str | None


def _of(content_hash: str, content: str | None) -> tuple[UUID, Signing]:
    table = derived_id("disclosure-table", content_hash)
    return table, Signing(table, content_hash, content)


# --- State
@dataclass(frozen=True)
class Signed:
    """What became of one table: who proposes it now, and whether it was ever adopted."""

    pending: DisclosureTableProposed | None = None
    adopted: bool = False


def evolve(state: Signed, event: DisclosureTableProposed | DisclosureTableAdopted) -> Signed:
    """Take one event in."""
    if isinstance(event, DisclosureTableProposed):
        return replace(state, pending=event)
    return Signed(adopted=True)


# --- Decide
def decide(
    part: Signing, state: Signed, context: Context
) -> list[DisclosureTableProposed | DisclosureTableAdopted]:
    """Return what changes; a second proposal of what is proposed is none. Raises the refusals above, NotFound."""
    named = {"table": part.table, "content_hash": part.content_hash}
    if part.content is not None:
        if why := why_not(part.content.encode()):
            raise NotATable(why=why)
        if state.pending is not None:
            return []
        told = {"content": part.content, "post": context.post, "person": context.person}
        return [DisclosureTableProposed.model_validate(named | told)]
    if state.pending is None:
        if state.adopted:
            return []
        raise NotFound
    if context.post == state.pending.post or context.person == state.pending.person:
        raise SecondSigner
    signed: dict[str, Any] = {
        "content": state.pending.content,
        "signed_by": (state.pending.post, context.post),
    }
    return [DisclosureTableAdopted.model_validate(named | signed)]


TABLE = Decider(
    name="disclosure-table", events=(DisclosureTableProposed, DisclosureTableAdopted),
    commands=(ProposeDisclosureTable, AdoptDisclosureTable), initial=Signed, evolve=evolve, decide=decide,
)  # fmt: skip
