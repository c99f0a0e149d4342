"""Events of assessment: what is done about it."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from schemas.event import Event
from schemas.fields import (
    AssessmentId,
    BodyId,
    ChildId,
    Code,
    Codes,
    DataClass,
    EventId,
    IncidentId,
    Line2000,
    NoticeId,
    OpenDay,
    PlacementId,
    Region,
)


class AssessmentOpened(Event):
    """The township opened an assessment on a police notice; each has its own file. [ASM-01 ASM-02 ASM-05]"""

    type: ClassVar[str] = "assessment.assessment-opened.v1"
    title: ClassVar[tuple[str, str]] = ("评估启动", "Assessment opened")
    requirements: ClassVar[tuple[str, ...]] = ("ASM-01", "ASM-02", "ASM-05")

    child: ChildId
    assessment: AssessmentId
    notice: NoticeId
    incident: IncidentId
    region: Region
    lead: Annotated[BodyId, Field(description="牵头单位 · The lead body")]
    members: Annotated[Codes, Field(description="应参加的部门 · Kinds of bodies that must take part")]


class PlacementKind(StrEnum):
    """Kinds of placement (PLC-01); which are allowed is the pack's."""

    TEMPORARY_CARE = "TEMPORARY_CARE"
    PROTECTIVE = "PROTECTIVE"
    INSTITUTIONAL = "INSTITUTIONAL"


class PlacementGround(StrEnum):
    """Why a child is placed: SY 三.7 names these dangers (EMR-12)."""

    SERIOUS_VIOLENCE = "SERIOUS_VIOLENCE"
    THREAT_TO_SAFETY = "THREAT_TO_SAFETY"
    UNATTENDED = "UNATTENDED"


class PlacementMade(Event):
    """Civil affairs placed a child with a body that cares for it, on the police's request. [PLC-01 PLC-02 PLC-03]"""

    type: ClassVar[str] = "assessment.placement-made.v1"
    title: ClassVar[tuple[str, str]] = ("儿童安置", "Placement made")
    requirements: ClassVar[tuple[str, ...]] = ("PLC-01", "PLC-02", "PLC-03", "EMR-12")
    parties: ClassVar[tuple[str, ...]] = ("requested_by",)

    child: ChildId
    placement: PlacementId
    region: Region
    kind: Annotated[PlacementKind, DataClass.OPEN, Field(description="安置方式 · Kind of placement")]
    receiver: Annotated[BodyId, Field(description="接收照料单位 · The body that takes the child in")]
    requested_by: Annotated[
        BodyId, Field(description="提出请求的公安机关 · The police body that asked for it")
    ]
    request: Annotated[Code, Field(description="请求文书编号 · Number of the police's written request")]
    decided_by: Annotated[BodyId, Field(description="作出决定的单位 · The body that decided")]
    starts: Annotated[OpenDay, Field(description="安置起始日期 · First day")]
    grounds: Annotated[
        tuple[PlacementGround, ...], DataClass.CASE, Field(min_length=1, description="安置理由 · Grounds")
    ]


class PlacementEnding(StrEnum):
    """For which reason a placement ends (PLC-13)."""

    PARENTS_RETURNED = "PARENTS_RETURNED"
    NEW_DELEGATED_GUARDIAN = "NEW_DELEGATED_GUARDIAN"
    GUARDIAN_APPOINTED = "GUARDIAN_APPOINTED"
    OTHER_PLACEMENT = "OTHER_PLACEMENT"
    OF_AGE = "OF_AGE"


class PlacementEnded(Event):
    """A placement is over: the body that cared for the child no longer does. [PLC-13]"""

    type: ClassVar[str] = "assessment.placement-ended.v1"
    title: ClassVar[tuple[str, str]] = ("安置终止", "Placement ended")
    requirements: ClassVar[tuple[str, ...]] = ("PLC-13",)
    parties: ClassVar[tuple[str, ...]] = ("requested_by",)

    child: ChildId
    placement: PlacementId
    region: Region
    made: Annotated[EventId, Field(description="安置事件编号 · The event that made the placement")]
    receiver: Annotated[BodyId, Field(description="接收照料单位 · The body that took the child in")]
    requested_by: Annotated[
        BodyId, Field(description="提出请求的公安机关 · The police body that had asked for it")
    ]
    decided_by: Annotated[BodyId, Field(description="作出决定的单位 · The body that decided")]
    ends: Annotated[OpenDay, Field(description="安置终止日期 · Last day")]
    ending: Annotated[PlacementEnding, DataClass.CASE, Field(description="终止情形 · How it ends")]


class CaseOutcome(StrEnum):
    """How a case ends (ASM-11): each is safe for the child."""

    SAFETY_SECURED = "SAFETY_SECURED"
    GUARDIANSHIP_MOVED = "GUARDIANSHIP_MOVED"
    NOT_SUBSTANTIATED = "NOT_SUBSTANTIATED"
    OF_AGE = "OF_AGE"


class CaseClosed(Event):
    """The township closed a case, with its outcome and what secures the child's safety. [ASM-11]"""

    type: ClassVar[str] = "assessment.case-closed.v1"
    title: ClassVar[tuple[str, str]] = ("个案结案", "Case closed")
    requirements: ClassVar[tuple[str, ...]] = ("ASM-11",)

    child: ChildId
    assessment: AssessmentId
    incident: IncidentId
    region: Region
    closed_by: Annotated[BodyId, Field(description="结案单位 · The body that closed it")]
    outcome: Annotated[CaseOutcome, DataClass.CASE, Field(description="结果 · Outcome")]
    safety: Annotated[
        Line2000,
        DataClass.CASE,
        Field(description="儿童安全状况如何得到保障 · What secures the child's safety"),
    ]
