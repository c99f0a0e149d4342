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
    IncidentId,
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
