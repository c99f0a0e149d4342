"""The parts of an aggregate: initial state, evolve, commands, decide. Imports no framework and no I/O."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from schemas.event import Event
from schemas.fields import Moment
from schemas.packs import KnownPack
from schemas.reference import BodyKind
from services.kernel.world import day_of

S = TypeVar("S")


class Command(BaseModel):
    """What somebody wants done: closed and strict. `path` is its address, `intake` hides who issued it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    path: ClassVar[str] = ""
    title: ClassVar[tuple[str, str]] = ("", "")
    requirements: ClassVar[tuple[str, ...]] = ()
    intake: ClassVar[bool] = False

    occurred_at: Annotated[
        Moment | None, Field(description="发生时间,缺省为现在 · When it happened; now if absent (REG-28)")
    ] = None

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, Any]]:
        """Return (stream, part) for each stream: what concerns several children fans out, to one part a child.

        A part is the command itself, or what it says of one child with the ids that were minted for it.
        """
        raise NotImplementedError(type(self).__name__)  # pragma: no cover - every command says


@dataclass(frozen=True)
class Context:
    """What a decision is told: the time, the pack, who acts, and where new ids come from."""

    now: datetime
    new_id: Callable[[], UUID]
    pack: KnownPack | None
    body: UUID | None
    body_kind: BodyKind | None
    post: UUID | None
    find_body: Callable[[BodyKind, str], UUID | None]
    superior_of: Callable[[UUID], UUID | None] = lambda _body: None
    """The body above, as far as it is on record."""
    kind_of: Callable[[UUID], BodyKind | None] = lambda _body: None
    """Kind of a body, if it is on record."""
    person: UUID | None = None
    """Who holds the post: where two must agree, they are two."""
    history: Sequence[tuple[UUID, Event]] = ()
    """What the stream holds, with ids: a correction names the event that it corrects."""
    regions: Mapping[UUID, str] = field(default_factory=dict)
    """Where the children that `concerns` names are on file, as far as this service has heard."""

    @property
    def today(self) -> date:
        """The calendar day of the decision, in China."""
        return day_of(self.now)


@dataclass(frozen=True)
class Decider(Generic[S]):
    """One aggregate. `decide` and `evolve` are plain functions; a repeat that changes nothing returns no events.

    `scope_of` tells by which region (or addressee) the authority table is asked; `claims` what only one stream of
    this kind may hold.
    """

    name: str
    events: tuple[type[Event], ...]
    commands: tuple[type[Command], ...]
    initial: Callable[[], S]
    evolve: Callable[[S, Any], S]
    decide: Callable[[Any, S, Context], Sequence[Event]]
    scope_of: Callable[[Any, S], dict[str, Any]] = lambda _command, _state: {}
    claims: Callable[[Any, S], Iterable[tuple[str, UUID]]] = lambda _event, _before: ()
    also: Callable[[Any, S], Iterable[tuple[UUID, Any]]] = lambda _part, _state: ()
    """Parts that follow from what a part found: a file's reported ids move with it."""
    concerns: Callable[[Any, S], Iterable[UUID]] = lambda _part, _state: ()
    """Children about whom the decision must know where they are on file."""

    def fold(self, events: Iterable[Event]) -> S:
        """Return the state after these events."""
        state = self.initial()
        for event in events:
            state = self.evolve(state, event)
        return state
