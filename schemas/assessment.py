"""Events of assessment: what is done about it."""

from typing import Annotated, ClassVar

from pydantic import Field

from schemas.event import Event
from schemas.fields import AssessmentId, BodyId, ChildId, Codes, IncidentId, NoticeId, Region


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
