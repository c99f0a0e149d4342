"""A notice between bodies: sent by its trigger, acknowledged by its recipient."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Self, assert_never
from uuid import UUID

from pydantic import Field

from schemas.fields import BodyId, ChildId, Codes, EventId, NoticeId, Region
from schemas.notification import NotificationAcknowledged, NotificationSent
from services.kernel.errors import NotFound
from services.kernel.world import derived_id
from services.kernel.writing.decider import Command, Context, Decider

# --- State
Event = NotificationSent | NotificationAcknowledged


@dataclass(frozen=True)
class Notice:
    """What the next decision needs."""

    sent: NotificationSent | None = None
    acknowledged: bool = False


# --- Evolve
def evolve(state: Notice, event: Event) -> Notice:
    """Return the state after an event."""
    match event:
        case NotificationSent():
            return replace(state, sent=event)
        case NotificationAcknowledged():
            return replace(state, acknowledged=True)
        case unknown:
            assert_never(unknown)


# --- Commands
class SendNotice(Command):
    """Issued by reaction to the event that triggers a flow. [NTF-01]"""

    path: ClassVar[str] = "send-notice"
    title: ClassVar[tuple[str, str]] = ("发送通知", "Send a notice")
    requirements: ClassVar[tuple[str, ...]] = ("NTF-01",)

    child: ChildId
    region: Region
    notice: NoticeId
    flow: Annotated[Codes, Field(description="流程编号 · Flow of the catalogue")]
    sender: BodyId
    recipient: BodyId
    cause: EventId

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, Self]]:  # noqa: ARG002 - derived
        """One stream a notice."""
        yield stream_of(self.notice), self


class ForwardNotice(Command):
    """Issued by reaction: a notice that nobody has acknowledged goes to the body that took the child over. [REG-33]"""

    path: ClassVar[str] = "forward-notice"

    notice: NoticeId
    recipient: BodyId
    cause: EventId

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, Self]]:  # noqa: ARG002 - derived
        """One stream a notice."""
        yield stream_of(self.notice), self


class AcknowledgeNotice(Command):
    """The recipient of a notice says that it has it. [NTF-02]"""

    path: ClassVar[str] = "acknowledge-notice"
    title: ClassVar[tuple[str, str]] = ("签收通知", "Acknowledge a notice")
    requirements: ClassVar[tuple[str, ...]] = ("NTF-02",)

    notice: NoticeId

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, Self]]:  # noqa: ARG002 - derived
        """One stream a notice."""
        yield stream_of(self.notice), self


def stream_of(notice: UUID) -> UUID:
    """Return the stream of a notice."""
    return derived_id("notice", notice)


# --- Decide
def decide(command: SendNotice | ForwardNotice | AcknowledgeNotice, state: Notice, _: Context) -> list[Event]:
    """Send once, acknowledge once."""
    match command:
        case SendNotice():
            sent = NotificationSent(
                child=command.child, region=command.region, notice=command.notice, flow=command.flow,
                sender=command.sender, recipient=command.recipient, cause=command.cause,
            )  # fmt: skip
            return [] if state.sent else [sent]
        case ForwardNotice():
            if state.sent is None or state.acknowledged or state.sent.recipient == command.recipient:
                return []
            return [state.sent.model_copy(update={"recipient": command.recipient, "cause": command.cause})]
        case AcknowledgeNotice():
            if state.sent is None:
                raise NotFound
            acknowledged = NotificationAcknowledged(
                child=state.sent.child, region=state.sent.region, notice=command.notice,
                recipient=state.sent.recipient,
            )  # fmt: skip
            return [] if state.acknowledged else [acknowledged]
        case unknown:
            assert_never(unknown)


def scope_of(_: Command, state: Notice) -> dict[str, Any]:
    """A notice is its recipient's to acknowledge; to others it doesn't exist."""
    if state.sent is None:
        raise NotFound
    return {"addressee": state.sent.recipient}


NOTICE = Decider(
    name="notice", events=(NotificationSent, NotificationAcknowledged), commands=(SendNotice, ForwardNotice, AcknowledgeNotice),
    initial=Notice, evolve=evolve, decide=decide, scope_of=scope_of,
)  # fmt: skip
