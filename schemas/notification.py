"""Events of notification: who may know of a child, and what was sent and acknowledged."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from schemas.event import Event
from schemas.fields import BodyId, ChildId, Code, Codes, DataClass, EventId, NoticeId


class Role(StrEnum):
    """A body's role toward a child: what the disclosure table is asked by."""

    LEDGER = "ledger"
    VILLAGE = "village"
    SUPERVISOR = "supervisor"
    AREA_POLICE = "area_police"
    CASE_POLICE = "case_police"
    RESPONDER = "responder"
    AUTHOR = "author"


class AccessGranted(Event):
    """A body may know of a child, in a role, on a basis. What the role permits is in the disclosure table."""

    type: ClassVar[str] = "notification.access-granted.v1"
    title: ClassVar[tuple[str, str]] = ("授予知悉权限", "Access granted")
    requirements: ClassVar[tuple[str, ...]] = ("PRV-03",)

    child: ChildId
    agency: Annotated[BodyId, Field(description="获得权限的单位 · The body that gains access")]
    role: Annotated[Role, DataClass.OPEN, Field(description="角色 · Role toward the child")]
    basis: Annotated[Code, Field(description="依据 · Basis: residence, report, notice …")]
    cause: Annotated[EventId, Field(description="依据的事件 · The event it rests on")]


class AccessEnded(Event):
    """A body's role toward a child ended: its feed stops and its rows of the child go."""

    type: ClassVar[str] = "notification.access-ended.v1"
    title: ClassVar[tuple[str, str]] = ("知悉权限终止", "Access ended")
    requirements: ClassVar[tuple[str, ...]] = ("PRV-03",)

    child: ChildId
    agency: Annotated[BodyId, Field(description="权限终止的单位 · The body whose access ends")]
    role: Annotated[Role, DataClass.OPEN, Field(description="角色 · Role toward the child")]
    reason: Annotated[Code, Field(description="理由 · Reason")]


class NotificationSent(Event):
    """A flow of the catalogue was carried out: sender, recipient, trigger. [NTF-01]"""

    type: ClassVar[str] = "notification.notification-sent.v1"
    title: ClassVar[tuple[str, str]] = ("通知送达收件单位", "Notification sent")
    requirements: ClassVar[tuple[str, ...]] = ("NTF-01",)

    child: ChildId
    notice: NoticeId
    flow: Annotated[Codes, Field(description="流程编号 · Flow of the catalogue")]
    sender: Annotated[BodyId, Field(description="发送单位 · Sender")]
    recipient: Annotated[BodyId, Field(description="接收单位 · Recipient")]
    cause: Annotated[EventId, Field(description="触发事件 · The event that triggers it")]


class NotificationAcknowledged(Event):
    """The recipient acknowledged; what it then owes opens at receipt. [NTF-02]"""

    type: ClassVar[str] = "notification.notification-acknowledged.v1"
    title: ClassVar[tuple[str, str]] = ("通知已签收", "Notification acknowledged")
    requirements: ClassVar[tuple[str, ...]] = ("NTF-02",)

    child: ChildId
    notice: NoticeId
    recipient: Annotated[BodyId, Field(description="签收单位 · The body that acknowledges")]


class ReactionRefused(Event):
    """A service could not do what an event asked of it: a duty for a person, never silence."""

    type: ClassVar[str] = "platform.reaction-refused.v1"
    title: ClassVar[tuple[str, str]] = ("自动处理被拒,待人工处理", "Reaction refused, a person must act")
    requirements: ClassVar[tuple[str, ...]] = ("PLT-08",)

    child: ChildId
    reaction: Annotated[Code, Field(description="处理名称 · Name of the reaction")]
    cause: Annotated[EventId, Field(description="触发事件 · The event it reacted to")]
    refusal: Annotated[Code, Field(description="拒绝代码 · Code of the refusal")]
