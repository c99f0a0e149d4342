"""Events of reporting: what happened to a child, and the police's first response."""

from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from schemas.event import Event
from schemas.fields import (
    BodyId,
    ChildId,
    Codes,
    DataClass,
    Day,
    IncidentId,
    Line25,
    Line60,
    Line120,
    Line200,
    Line2000,
    Moment,
    Name,
    NoticeId,
    Of,
    PersonId,
    Region,
    ReportId,
)

_CASE = DataClass.CASE


class Ground(StrEnum):
    """Grounds of a report (REP-02): the list may grow by a pack, never by free text."""

    LIVING_ALONE = "LIVING_ALONE"
    MISSING = "MISSING"
    GUARDIAN_INCAPACITATED = "GUARDIAN_INCAPACITATED"
    GUARDIAN_NEGLECT = "GUARDIAN_NEGLECT"
    SUSPECTED_FAMILY_VIOLENCE = "SUSPECTED_FAMILY_VIOLENCE"
    SUSPECTED_ACCIDENTAL_INJURY = "SUSPECTED_ACCIDENTAL_INJURY"
    SUSPECTED_UNLAWFUL_HARM = "SUSPECTED_UNLAWFUL_HARM"


class Severity(StrEnum):
    """Degree of seriousness, as the reporter sees it (REP-04)."""

    SLIGHT = "slight"
    SERIOUS = "serious"
    URGENT = "urgent"


class ReporterType(StrEnum):
    """How the pack types a reporter (REP-01)."""

    MANDATORY = "MANDATORY"
    OFFICIAL = "OFFICIAL"
    VOLUNTARY = "VOLUNTARY"


class Reporter(BaseModel):
    """Who reported: institution and staff member both (REP-06). For the police alone (PRV-01)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    type: Annotated[ReporterType, Field(description="报告人类型 · Type of reporter")]
    body: Annotated[UUID | None, Field(description="报告单位 · The reporter's body")] = None
    post: Annotated[UUID | None, Field(description="报告岗位 · The reporter's post")] = None
    name: Annotated[Line60 | None, Field(description="报告人姓名 · Name")] = None
    phone: Annotated[Line25 | None, Field(description="报告人电话 · Telephone")] = None


class ReportFiled(Event):
    """Someone reported a child in danger. Suspicion is enough. [REP-01 … REP-06 REP-10 GRD-01]"""

    type: ClassVar[str] = "reporting.report-filed.v1"
    title: ClassVar[tuple[str, str]] = ("强制报告", "Report filed")
    requirements: ClassVar[tuple[str, ...]] = (
        "REP-01", "REP-02", "REP-03", "REP-04", "REP-05", "REP-06", "REP-10", "PRV-01",
    )  # fmt: skip
    pad: ClassVar[dict[str, int]] = {"reporter": 768}

    child: ChildId
    report: ReportId
    incident: IncidentId
    region: Region
    police: Annotated[BodyId, Field(description="受理的公安机关 · The police body it goes to")]
    reporter: Annotated[PersonId, Field(description="本次报告新编的编号 · Fresh for each report")]
    name: Annotated[Name | None, Field(description="报告中的儿童姓名 · The child's name as reported")] = None
    school: Annotated[Line120 | None, DataClass.SCHOOLING, Field(description="学校 · School")] = None
    school_class: Annotated[Line60 | None, DataClass.SCHOOLING, Field(description="班级 · Class")] = None
    grounds: Annotated[
        tuple[Ground, ...], _CASE, Field(min_length=1, description="报告情形 · Grounds of the report")
    ]
    found_at: Annotated[Moment, _CASE, Field(description="发现时间 · When it was found")]
    harm: Annotated[Line200 | None, _CASE, Field(description="侵害类型 · Kind of harm")] = None
    course: Annotated[Line2000 | None, _CASE, Field(description="案情经过 · Course of events")] = None
    severity: Annotated[Severity | None, _CASE, Field(description="严重程度 · Degree of seriousness")] = None
    reported_by: Annotated[
        Reporter, DataClass.REPORTER, Of("reporter"), Field(description="报告人 · The reporter")
    ]


class ReportAccepted(Event):
    """The police accepted a report, with time and unit. [EMR-01]"""

    type: ClassVar[str] = "reporting.report-accepted.v1"
    title: ClassVar[tuple[str, str]] = ("公安机关受理", "Report accepted")
    requirements: ClassVar[tuple[str, ...]] = ("EMR-01",)

    child: ChildId
    report: ReportId
    incident: IncidentId
    region: Region
    unit: Annotated[BodyId, Field(description="受理单位 · The unit that accepts")]


class ReportWithdrawn(Event):
    """Whoever filed a report says that it was a mistake. The report stays; the police see to it all the same. [PRV-01]"""

    type: ClassVar[str] = "reporting.report-withdrawn.v1"
    title: ClassVar[tuple[str, str]] = ("报告人称系误报", "Report withdrawn")
    requirements: ClassVar[tuple[str, ...]] = ("PRV-01", "REP-01")

    child: ChildId
    report: ReportId
    incident: IncidentId
    region: Region


class RecusalSet(Event):
    """A body that would be told must not be: the suspect works there. The body above stands in its place. [PRV-02]"""

    type: ClassVar[str] = "reporting.recusal-set.v1"
    title: ClassVar[tuple[str, str]] = ("回避", "Recusal set")
    requirements: ClassVar[tuple[str, ...]] = ("PRV-02",)

    child: ChildId
    report: ReportId
    incident: IncidentId
    region: Region
    recused: Annotated[BodyId, Field(description="应回避的单位 · The body that is left out")]
    instead: Annotated[BodyId, Field(description="代其办理的上级单位 · The body above, in its place")]
    until: Annotated[
        Day | None, DataClass.OPEN, Field(description="回避截止日期,含当日 · Last day of it")
    ] = None
    reason: Annotated[
        Line200, _CASE, Field(description="回避理由,仅公安机关可见 · Why, for the police alone")
    ]


class PoliceNoticeSent(Event):
    """The police notify the township (F-12): built from coded fields alone. [EMR-17]"""

    type: ClassVar[str] = "reporting.police-notice-sent.v1"
    title: ClassVar[tuple[str, str]] = ("公安机关通报乡镇", "Police notice sent")
    requirements: ClassVar[tuple[str, ...]] = ("EMR-17", "EMR-18")

    child: ChildId
    report: ReportId
    incident: IncidentId
    notice: NoticeId
    region: Region
    flow: Annotated[Codes, Field(description="流程编号 · Flow of the catalogue", examples=[["F_12"]])]
    sender: Annotated[BodyId, Field(description="发送单位 · Sender")]
    recipient: Annotated[BodyId, Field(description="接收单位 · Recipient")]
    name: Annotated[Name | None, Field(description="报告中的儿童姓名 · The child's name as reported")] = None
    grounds: Annotated[tuple[Ground, ...], _CASE, Field(description="情形 · Grounds")]
    steps: Annotated[
        tuple[str, ...],
        _CASE,
        Field(description="已采取的步骤(编码) · Steps taken, coded", examples=[["ACCEPTED"]]),
    ]
