"""Events of notification: who may know of a child, and what was sent and acknowledged."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from schemas.event import Event
from schemas.fields import (
    BodyId,
    ChildId,
    Code,
    Codes,
    DataClass,
    DutyId,
    EmergencyId,
    EventId,
    Line200,
    NoticeId,
    PostId,
    Region,
    When,
)


class Role(StrEnum):
    """A body's role toward a child: what the disclosure table is asked by."""

    LEDGER = "ledger"
    VILLAGE = "village"
    SUPERVISOR = "supervisor"
    AREA_POLICE = "area_police"
    CASE_POLICE = "case_police"
    RESPONDER = "responder"
    CARER = "carer"
    SCHOOL = "school"
    """Keeps a file of its pupil (REG-23)."""
    ASSESSOR = "assessor"
    """A member of the assessment, as the pack names them: called in by the township (F-31)."""
    EMERGENCY = "emergency"
    """For some hours, reviewed by the body above."""
    AUTHOR = "author"
    """The body whose act an event is."""
    PARTY = "party"
    """A body that an event names as concerned: who owes a duty, who takes a file over."""
    CORRECTED = "corrected"
    """A body that was once told what is now corrected, and may no longer know the right value."""


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


class EmergencyOpened(Event):
    """A body looks at a child's file in an emergency: who, why, until when, and who reviews it. [PRV-02]"""

    type: ClassVar[str] = "notification.emergency-opened.v1"
    title: ClassVar[tuple[str, str]] = ("紧急查阅", "Emergency access opened")
    requirements: ClassVar[tuple[str, ...]] = ("PRV-02",)
    parties: ClassVar[tuple[str, ...]] = ("agency", "reviewer")

    child: ChildId
    emergency: EmergencyId
    agency: Annotated[BodyId, Field(description="紧急查阅的单位 · The body that looks")]
    post: Annotated[PostId, Field(description="紧急查阅的岗位 · The post that opened it")]
    reviewer: Annotated[BodyId, Field(description="复核单位 · The body that reviews it")]
    until: Annotated[When, Field(description="截止时间 · When it ends")]
    reason: Annotated[Line200, DataClass.CASE, Field(description="紧急情况说明 · What the emergency is")]


class EmergencyReviewed(Event):
    """Another body said whether an emergency access was justified. [PRV-02]"""

    type: ClassVar[str] = "notification.emergency-reviewed.v1"
    title: ClassVar[tuple[str, str]] = ("紧急查阅复核", "Emergency access reviewed")
    requirements: ClassVar[tuple[str, ...]] = ("PRV-02",)
    parties: ClassVar[tuple[str, ...]] = ("agency", "reviewer")

    child: ChildId
    emergency: EmergencyId
    agency: Annotated[BodyId, Field(description="紧急查阅的单位 · The body that looked")]
    reviewer: Annotated[BodyId, Field(description="复核单位 · The body that reviewed it")]
    justified: Annotated[bool, DataClass.OPEN, Field(description="是否正当 · Was it justified")]


class NotificationSent(Event):
    """A flow of the catalogue was carried out: sender, recipient, trigger. [NTF-01]"""

    type: ClassVar[str] = "notification.notification-sent.v1"
    title: ClassVar[tuple[str, str]] = ("通知送达收件单位", "Notification sent")
    requirements: ClassVar[tuple[str, ...]] = ("NTF-01",)

    child: ChildId
    region: Region
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
    region: Region
    notice: NoticeId
    recipient: Annotated[BodyId, Field(description="签收单位 · The body that acknowledges")]


class Judging(StrEnum):
    """By which of the two clocks a duty is judged."""

    OCCURRED = "occurred"
    RECORDED = "recorded"


_ABOUT = Field(description="所涉编号(通报、评估、报告) · Id of what it is about")
_RULE = Field(description="责任规则代码 · Rule of the pack that lays it down")
_DUE = Field(description="到期时间;无限期则空 · When it is due; absent where no limit is set")
_OWES = Field(description="责任单位 · The body that owes it")


class DutyOpened(Event):
    """A body owes something: since when, and until when if a limit is set. [NTF-02 NTF-06 OVS-24]"""

    type: ClassVar[str] = "notification.duty-opened.v1"
    title: ClassVar[tuple[str, str]] = ("责任事项产生", "Duty opened")
    requirements: ClassVar[tuple[str, ...]] = ("NTF-02", "NTF-06", "OVS-24", "PLT-10")
    parties: ClassVar[tuple[str, ...]] = ("owed_by",)

    child: ChildId
    duty: DutyId
    rule: Annotated[Code, _RULE]
    about: Annotated[EventId, _ABOUT]
    cause: Annotated[EventId, Field(description="起算事件 · The event from which it runs")]
    owed_by: Annotated[BodyId, _OWES]
    starts: Annotated[When, Field(description="起算时间 · From when it runs")]
    judged_by: Annotated[
        Judging, DataClass.OPEN, Field(description="以发生或登记时间起算 · Clock it is judged by")
    ]
    limit: Annotated[
        Code | None, Field(description="期限,如 24h、2d、3wd · Limit: hours, days, working days")
    ] = None
    due: Annotated[When | None, _DUE] = None
    standing: Annotated[
        Code, Field(description="依据性质 · `clause` of a document, or the county's own `local` choice")
    ]
    clause: Annotated[str, DataClass.OPEN, Field(max_length=200, description="依据条款 · Clause")]


class DutyMet(Event):
    """What was owed was done. [NTF-02]"""

    type: ClassVar[str] = "notification.duty-met.v1"
    title: ClassVar[tuple[str, str]] = ("责任事项办结", "Duty met")
    requirements: ClassVar[tuple[str, ...]] = ("NTF-02",)
    parties: ClassVar[tuple[str, ...]] = ("owed_by", "superior")

    child: ChildId
    duty: DutyId
    rule: Annotated[Code, _RULE]
    about: Annotated[EventId, _ABOUT]
    owed_by: Annotated[BodyId, _OWES]
    cause: Annotated[EventId, Field(description="办结事件 · The event that met it")]
    late: Annotated[bool, DataClass.OPEN, Field(description="是否逾期 · Met after it was due")]
    superior: Annotated[
        BodyId | None, Field(description="曾获告知逾期的上级 · The body above, if it was told of a miss")
    ] = None


class DutyReassigned(Event):
    """A duty passed to the body that took the child over. [REG-33]"""

    type: ClassVar[str] = "notification.duty-reassigned.v1"
    title: ClassVar[tuple[str, str]] = ("责任事项移交", "Duty reassigned")
    requirements: ClassVar[tuple[str, ...]] = ("REG-33",)
    parties: ClassVar[tuple[str, ...]] = ("owed_by", "previous")

    child: ChildId
    duty: DutyId
    rule: Annotated[Code, _RULE]
    about: Annotated[EventId, _ABOUT]
    owed_by: Annotated[BodyId, _OWES]
    previous: Annotated[BodyId, Field(description="原责任单位 · The body that owed it before")]
    starts: Annotated[When, Field(description="起算时间 · From when it runs")]
    due: Annotated[When | None, _DUE] = None


class ClockChange(StrEnum):
    """What happened to a clock."""

    PAUSED = "paused"
    RESUMED = "resumed"
    EXTENDED = "extended"
    RESTARTED = "restarted"


class DutyDelayed(Event):
    """A clock was stopped, went on, was given more time, or runs from another start; with the reason. [NTF-06]"""

    type: ClassVar[str] = "notification.duty-delayed.v1"
    title: ClassVar[tuple[str, str]] = ("责任期限变更", "Duty's clock changed")
    requirements: ClassVar[tuple[str, ...]] = ("NTF-06",)
    parties: ClassVar[tuple[str, ...]] = ("owed_by",)

    child: ChildId
    duty: DutyId
    rule: Annotated[Code, _RULE]
    about: Annotated[EventId, _ABOUT]
    owed_by: Annotated[BodyId, _OWES]
    change: Annotated[ClockChange, DataClass.OPEN, Field(description="变更种类 · What changed")]
    reason: Annotated[Code, Field(description="理由(编码) · Reason, a code")]
    due: Annotated[When | None, _DUE] = None
    paused_at: Annotated[
        When | None, Field(description="暂停时间;计时中则空 · Since when it stands; absent: it runs")
    ] = None


class DueReached(Event):
    """Time brought a due date about. [PLT-10]"""

    type: ClassVar[str] = "notification.due-reached.v1"
    title: ClassVar[tuple[str, str]] = ("期限届满", "Due date reached")
    requirements: ClassVar[tuple[str, ...]] = ("PLT-10",)

    child: ChildId
    duty: DutyId
    rule: Annotated[Code, _RULE]
    about: Annotated[EventId, _ABOUT]
    due: Annotated[When, _DUE]


class DutyMissed(Event):
    """A duty was not met when it was due; the body above is told. [NTF-06 OVS-24]"""

    type: ClassVar[str] = "notification.duty-missed.v1"
    title: ClassVar[tuple[str, str]] = ("责任事项逾期", "Duty missed")
    requirements: ClassVar[tuple[str, ...]] = ("NTF-06", "OVS-24")
    parties: ClassVar[tuple[str, ...]] = ("owed_by", "superior")

    child: ChildId
    duty: DutyId
    rule: Annotated[Code, _RULE]
    about: Annotated[EventId, _ABOUT]
    owed_by: Annotated[BodyId, _OWES]
    due: Annotated[When, _DUE]
    superior: Annotated[BodyId | None, Field(description="上级单位 · The body above")] = None


class DutyMissRescinded(Event):
    """A correction made a miss untrue: it is taken back, and everybody who was told of it is told so. [PLT-02]"""

    type: ClassVar[str] = "notification.duty-miss-rescinded.v1"
    title: ClassVar[tuple[str, str]] = ("逾期认定撤销", "Miss rescinded")
    requirements: ClassVar[tuple[str, ...]] = ("PLT-02", "NTF-06")
    parties: ClassVar[tuple[str, ...]] = ("owed_by", "superior")

    child: ChildId
    duty: DutyId
    rule: Annotated[Code, _RULE]
    about: Annotated[EventId, _ABOUT]
    owed_by: Annotated[BodyId, _OWES]
    cause: Annotated[EventId, Field(description="更正事件 · The correction that it rests on")]
    due: Annotated[When | None, _DUE] = None
    superior: Annotated[BodyId | None, Field(description="上级单位 · The body above")] = None
