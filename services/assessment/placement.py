"""A placement: civil affairs put a child into the care of a body, on the police's request."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Self, assert_never
from uuid import UUID

from pydantic import Field

from schemas.assessment import PlacementEnded, PlacementEnding, PlacementGround, PlacementKind, PlacementMade
from schemas.fields import BodyId, ChildId, Code, Day, PlacementId
from schemas.reference import BodyKind
from services.kernel.errors import NotFound, Refusal
from services.kernel.writing.decider import Command, Context, Decider


# --- Refusals
class NoPolicyHere(Refusal):
    """本地尚未采用政策包,无法办理安置。 · No policy pack is adopted here, so nothing can be placed by it."""

    status = 409


class KindNotAllowed(Refusal):
    """本地政策不允许此种安置方式。 · The region's policy doesn't allow this kind of placement."""


class ReceiverUnfit(Refusal):
    """接收单位不属于本地政策允许的机构类别。 · The receiver is not of a kind that the region's policy allows."""


class RequestMissing(Refusal):
    """安置须有公安机关的请求:请填写公安机关编号。 · A placement needs the police's request: give the id of the police body."""


class EndsBeforeItStarts(Refusal):
    """安置终止日期不能早于起始日期。 · A placement can't end before it starts."""


# --- State
@dataclass(frozen=True)
class Placement:
    """What the next decision needs."""

    made: PlacementMade | None = None
    ended: bool = False


# --- Evolve
def evolve(state: Placement, event: PlacementMade | PlacementEnded) -> Placement:
    """Return the state after an event."""
    match event:
        case PlacementMade():
            return Placement(made=event)
        case PlacementEnded():
            return replace(state, ended=True)
        case unknown:
            assert_never(unknown)


# --- Commands
class MakePlacement(Command):
    """Place a child with a body that cares for it. [PLC-01 PLC-02 PLC-03]"""

    path: ClassVar[str] = "make-placement"
    title: ClassVar[tuple[str, str]] = ("办理安置", "Make a placement")
    requirements: ClassVar[tuple[str, ...]] = ("PLC-01", "PLC-02", "PLC-03", "EMR-12")

    child: Annotated[ChildId, Field(description="台账中的儿童编号 · The child on file")]
    kind: Annotated[PlacementKind, Field(description="安置方式 · Kind of placement")]
    receiver: Annotated[BodyId, Field(description="接收照料单位 · The body that takes the child in")]
    requested_by: Annotated[
        BodyId, Field(description="提出请求的公安机关 · The police body that asked for it")
    ]
    request: Annotated[
        Code, Field(description="请求文书编号 · Number of the police's request", examples=["GA-2026-118"])
    ]
    starts: Annotated[Day, Field(description="安置起始日期 · First day")]
    grounds: Annotated[
        tuple[PlacementGround, ...],
        Field(min_length=1, description="安置理由 · Grounds", examples=[["UNATTENDED"]]),
    ]

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, "Placing"]]:
        """One new stream."""
        placement = new_id()
        yield placement, Placing(self, placement)


class EndPlacement(Command):
    """End a placement: the body that cared for the child no longer sees its file. [PLC-13]"""

    path: ClassVar[str] = "end-placement"
    title: ClassVar[tuple[str, str]] = ("终止安置", "End a placement")
    requirements: ClassVar[tuple[str, ...]] = ("PLC-13",)

    placement: PlacementId
    ends: Annotated[Day, Field(description="安置终止日期 · Last day")]
    ending: Annotated[PlacementEnding, Field(description="终止情形 · How it ends")]

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, Self]]:  # noqa: ARG002 - nothing new
        """One placement."""
        yield self.placement, self


@dataclass(frozen=True)
class Placing:
    """A placement with the id that was minted for it."""

    command: MakePlacement
    placement: UUID


# --- Decide
def decide(
    part: Placing | EndPlacement, state: Placement, context: Context
) -> list[PlacementMade | PlacementEnded]:
    """Make it, once, and end it, once."""
    if isinstance(part, EndPlacement):
        return _end(part, state, context)
    command = part.command
    if state.made:
        return []
    if context.pack is None:
        raise NoPolicyHere
    region = _region(command.child, context)
    rule = context.pack.pack.placement
    if command.kind.value not in rule.kinds:
        raise KindNotAllowed(kinds=list(rule.kinds), clause=rule.clauses["kinds"])
    if command.receiver not in {context.find_body(BodyKind(kind), region) for kind in rule.receivers}:
        raise ReceiverUnfit(kinds=list(rule.receivers), clause=rule.clauses["receivers"])
    police = {context.find_body(kind, region) for kind in (BodyKind.POLICE_STATION, BodyKind.POLICE)}
    if command.requested_by not in police:
        raise RequestMissing
    assert context.body is not None  # noqa: S101 - a command has a principal
    told = command.model_dump(exclude={"occurred_at"})
    return [PlacementMade(placement=part.placement, region=region, decided_by=context.body, **told)]


def _end(command: EndPlacement, state: Placement, context: Context) -> list[PlacementMade | PlacementEnded]:
    made = state.made
    if made is None:
        raise NotFound
    if state.ended:
        return []
    if command.ends < made.starts:
        raise EndsBeforeItStarts
    assert context.body is not None  # noqa: S101 - a command has a principal
    event = next(id_ for id_, told in context.history if isinstance(told, PlacementMade))
    return [
        PlacementEnded(
            child=made.child, placement=made.placement, region=_region(made.child, context), made=event,
            receiver=made.receiver, requested_by=made.requested_by, decided_by=context.body, ends=command.ends,
            ending=command.ending,
        )
    ]  # fmt: skip


def _region(child: UUID, context: Context) -> str:
    region = context.regions.get(child)
    if region is None:
        raise NotFound
    return region


def concerns(part: Placing | EndPlacement, state: Placement) -> Iterable[UUID]:
    """The child must be on file."""
    if isinstance(part, Placing):
        return [part.command.child]
    return [state.made.child] if state.made else []


def scope_of(part: Placing | EndPlacement, state: Placement) -> dict[str, Any]:
    """A child is placed by the civil affairs body of the region where it is on file."""
    for child in concerns(part, state):
        return {"child": child}
    raise NotFound


PLACEMENT = Decider(
    name="placement", events=(PlacementMade, PlacementEnded), commands=(MakePlacement, EndPlacement),
    initial=Placement, evolve=evolve, decide=decide, scope_of=scope_of, concerns=concerns,
)  # fmt: skip
