"""A report about one child: filed by anybody at work, accepted by the police, the township notified at once."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, Self, assert_never
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from schemas.fields import (
    BodyId,
    Day,
    Line25,
    Line60,
    Line120,
    Line200,
    Line2000,
    Moment,
    Name,
    Region,
    ReportId,
)
from schemas.packs import ReportingRule
from schemas.platform import FactCorrected
from schemas.reference import BodyKind
from schemas.reporting import (
    Ground,
    PoliceNoticeSent,
    RecusalSet,
    ReportAccepted,
    Reporter,
    ReporterType,
    ReportFiled,
    ReportWithdrawn,
    Severity,
)
from services.kernel.errors import NotFound, Refusal
from services.kernel.writing.correcting import Correction, correct
from services.kernel.writing.decider import Command, Context, Decider


# --- Refusals
class GroundUnknown(Refusal):
    """本地政策未列此报告情形。 · The region's policy doesn't list this ground."""


class NoPoliceHere(Refusal):
    """该区划未登记受理的公安机关,请改用上级区划。 · No police body is on record for this region: use the region above."""


class NoTownshipHere(Refusal):
    """该区划未登记乡镇政府,无法通报。 · No township is on record for this region, so it can't be notified."""


class NobodyAbove(Refusal):
    """未登记该单位的上级单位,无法由上级代办。 · No body above this one is on record, so none can stand in its place."""


class RecusalOver(Refusal):
    """回避截止日期已过,请改为今日或以后。 · The last day of this recusal is over: give today or a later day."""


# --- State
Event = ReportFiled | ReportAccepted | PoliceNoticeSent | RecusalSet | ReportWithdrawn


@dataclass(frozen=True)
class Report:
    """What the next decision about a report needs."""

    filed: ReportFiled | None = None
    accepted: bool = False
    notices: int = 0
    withdrawn: bool = False
    recused: dict[UUID, RecusalSet] = field(default_factory=dict)


# --- Evolve
def evolve(state: Report, event: Event) -> Report:
    """Return the state after an event."""
    match event:
        case ReportFiled():
            return replace(state, filed=event)
        case ReportAccepted():
            return replace(state, accepted=True)
        case PoliceNoticeSent():
            return replace(state, notices=state.notices + 1)
        case ReportWithdrawn():
            return replace(state, withdrawn=True)
        case RecusalSet():
            return replace(state, recused=state.recused | {event.recused: event})
        case unknown:
            assert_never(unknown)


# --- Commands
class ReportedChild(BaseModel):
    """A child as the reporter knows it: a name and a class may be all."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Name | None = None
    school: Annotated[Line120 | None, Field(description="学校 · School")] = None
    school_class: Annotated[Line60 | None, Field(description="班级 · Class")] = None


class FileReport(Command):
    """Report children in danger to the police. Suspicion is enough; no proof is asked. [REP-01 … REP-06 REP-10]"""

    path: ClassVar[str] = "file-report"
    title: ClassVar[tuple[str, str]] = ("强制报告", "File a report")
    requirements: ClassVar[tuple[str, ...]] = (
        "REP-01",
        "REP-02",
        "REP-03",
        "REP-04",
        "REP-05",
        "REP-06",
        "REP-10",
    )
    intake: ClassVar[bool] = True

    region: Region
    children: Annotated[
        tuple[ReportedChild, ...],
        Field(min_length=1, max_length=20, description="涉及的儿童 · The children concerned"),
    ]
    grounds: Annotated[
        tuple[Ground, ...],
        Field(min_length=1, description="报告情形 · Grounds of the report", examples=[["LIVING_ALONE"]]),
    ]
    found_at: Annotated[Moment, Field(description="发现时间 · When it was found")]
    harm: Annotated[Line200 | None, Field(description="侵害类型 · Kind of harm")] = None
    course: Annotated[Line2000 | None, Field(description="案情经过 · Course of events")] = None
    severity: Annotated[Severity | None, Field(description="严重程度 · Degree of seriousness")] = None
    reporter_name: Annotated[
        Line60 | None,
        Field(description="报告人姓名,仅公安机关可见 · Reporter's name, for the police alone"),
    ] = None
    reporter_phone: Annotated[
        Line25 | None,
        Field(description="报告人电话,仅公安机关可见 · Reporter's telephone, for the police alone"),
    ] = None

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, "Filing"]]:
        """One report a child, all of one incident."""
        incident = new_id()
        for child in self.children:
            report = new_id()
            yield report, Filing(self, child, report, incident)


@dataclass(frozen=True)
class Filing:
    """A report as it concerns one child."""

    command: FileReport
    child: ReportedChild
    report: UUID
    incident: UUID


class AcceptReports(Command):
    """The police accept reports; the township's notice F-12 goes out in the same transaction. [EMR-01 EMR-17]"""

    path: ClassVar[str] = "accept-reports"
    title: ClassVar[tuple[str, str]] = ("受理报告并通报乡镇", "Accept reports and notify the township")
    requirements: ClassVar[tuple[str, ...]] = ("EMR-01", "EMR-17")

    reports: Annotated[
        tuple[ReportId, ...], Field(min_length=1, max_length=20, description="报告编号 · Ids of the reports")
    ]

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, "Accepting"]]:  # noqa: ARG002 - nothing new
        """One part a report."""
        for report in dict.fromkeys(self.reports):
            yield report, Accepting(report)


@dataclass(frozen=True)
class Accepting:
    """The acceptance of one report."""

    report: UUID


class WithdrawReport(Command):
    """Say that one's own report was a mistake. It stays on record, and the police see to it all the same. [PRV-01]

    The post that filed it alone can do so; to everybody else the report is not there.
    """

    path: ClassVar[str] = "withdraw-report"
    title: ClassVar[tuple[str, str]] = ("说明误报", "Withdraw a mistaken report")
    requirements: ClassVar[tuple[str, ...]] = ("PRV-01", "REP-01")
    intake: ClassVar[bool] = True

    report: ReportId

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, Self]]:  # noqa: ARG002 - nothing new
        """One report."""
        yield self.report, self


class SetRecusal(Command):
    """Leave a body out of a report's way, for the suspect works there: the body above stands in its place. [PRV-02]"""

    path: ClassVar[str] = "set-recusal"
    title: ClassVar[tuple[str, str]] = ("设定回避", "Set a recusal")
    requirements: ClassVar[tuple[str, ...]] = ("PRV-02",)

    report: ReportId
    recused: Annotated[BodyId, Field(description="应回避的单位 · The body to leave out")]
    reason: Annotated[Line200, Field(description="回避理由,仅公安机关可见 · Why, for the police alone")]
    until: Annotated[
        Day | None, Field(description="回避截止日期,含当日;缺省为不限 · Last day of it; none if absent")
    ] = None

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, Self]]:  # noqa: ARG002 - nothing new
        """One report."""
        yield self.report, self


class CorrectReportFact(Correction):
    """Correct a fact of a report: a field, or the time of an act. [PLT-02]"""

    path: ClassVar[str] = "correct-report-fact"
    title: ClassVar[tuple[str, str]] = ("更正报告信息", "Correct a fact of a report")

    report: ReportId

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, Self]]:  # noqa: ARG002 - nothing new
        """One report."""
        yield self.report, self


Part = Filing | Accepting | SetRecusal | WithdrawReport | CorrectReportFact


# --- Decide
def decide(part: Part, state: Report, context: Context) -> Sequence[Event | FactCorrected]:
    """Return the events that a part of a command makes, or raise a refusal."""
    match part:
        case CorrectReportFact():
            if state.filed is None:
                raise NotFound
            return correct(part, state.filed.child, state.filed.region, context)
        case Filing():
            return [_file(part, context)]
        case Accepting(report):
            return _accept(report, state, context)
        case WithdrawReport():
            return _withdraw(state, context)
        case SetRecusal():
            return _recuse(part, state, context)
        case unknown:
            assert_never(unknown)


def _file(part: Filing, context: Context) -> ReportFiled:
    command, child = part.command, part.child
    rule = context.pack.pack.reporting if context.pack else None
    if rule and (unknown := {g.value for g in command.grounds} - set(rule.grounds)):
        raise GroundUnknown(grounds=sorted(unknown))
    police = context.find_body(BodyKind.POLICE_STATION, command.region) or context.find_body(
        BodyKind.POLICE, command.region
    )
    if police is None:
        raise NoPoliceHere
    reporter = Reporter(
        type=_type_of_reporter(rule, context.body_kind), body=context.body, post=context.post,
        name=command.reporter_name, phone=command.reporter_phone,
    )  # fmt: skip
    return ReportFiled(
        child=context.new_id(), report=part.report, incident=part.incident, region=command.region, police=police,
        reporter=context.new_id(), name=child.name, school=child.school, school_class=child.school_class,
        grounds=command.grounds, found_at=command.found_at, harm=command.harm, course=command.course,
        severity=command.severity, reported_by=reporter,
    )  # fmt: skip


def _type_of_reporter(rule: ReportingRule | None, kind: BodyKind | None) -> ReporterType:
    """REP-01: the pack lists who is mandated; a public body outside the list is official, all others volunteer."""
    if rule and kind and kind.value in rule.mandated:
        return ReporterType.MANDATORY
    return ReporterType.OFFICIAL if rule and kind and kind.value in rule.official else ReporterType.VOLUNTARY


def _accept(report: UUID, state: Report, context: Context) -> list[Event]:
    filed = state.filed
    if filed is None:
        raise NotFound
    if state.accepted:
        return []
    region = context.regions.get(filed.child, filed.region)
    township = context.find_body(BodyKind.TOWNSHIP, region)
    if township is None:
        raise NoTownshipHere
    recused = state.recused.get(township)
    if recused and (recused.until is None or context.today <= recused.until):
        township = recused.instead
    assert context.body is not None  # noqa: S101 - a command has a principal
    about: dict[str, Any] = {
        "child": filed.child, "report": report, "incident": filed.incident, "region": region
    }  # fmt: skip
    return [
        ReportAccepted(unit=context.body, **about),
        PoliceNoticeSent(
            notice=context.new_id(), flow=("F_12",), sender=context.body, recipient=township, name=filed.name,
            grounds=filed.grounds or (), steps=("ACCEPTED",), **about,
        ),
    ]  # fmt: skip


def _withdraw(state: Report, context: Context) -> list[Event]:
    """Only the reporter knows that there is a report: whoever else asks, and whoever was erased, is told NotFound."""
    filed = state.filed
    if filed is None or filed.reported_by is None or filed.reported_by.post != context.post:
        raise NotFound
    if state.withdrawn:
        return []
    return [
        ReportWithdrawn(child=filed.child, report=filed.report, incident=filed.incident, region=filed.region)
    ]


def _recuse(command: SetRecusal, state: Report, context: Context) -> list[Event]:
    filed = state.filed
    if filed is None:
        raise NotFound
    if command.until is not None and command.until < context.today:
        raise RecusalOver
    instead = context.superior_of(command.recused)
    if instead is None:
        raise NobodyAbove
    event = RecusalSet(
        child=filed.child, report=command.report, incident=filed.incident, region=filed.region, recused=command.recused,
        instead=instead, until=command.until, reason=command.reason,
    )  # fmt: skip
    return [] if state.recused.get(command.recused) == event else [event]


def scope_of(part: Part, state: Report) -> dict[str, Any]:
    """A report belongs to the region that it names; one that nobody filed is nobody's to see."""
    if isinstance(part, Filing):
        return {"region": part.command.region}
    if state.filed is None:
        raise NotFound
    return {"region": state.filed.region}


def concerns(part: Part, state: Report) -> Iterable[UUID]:
    """The township to notify is the one that keeps the child's file, which may have moved since."""
    return [state.filed.child] if isinstance(part, Accepting) and state.filed else []


REPORT = Decider(
    name="report", events=(ReportFiled, ReportAccepted, PoliceNoticeSent, RecusalSet, ReportWithdrawn),
    commands=(FileReport, AcceptReports, SetRecusal, WithdrawReport, CorrectReportFact), initial=Report,
    evolve=evolve, decide=decide, scope_of=scope_of, concerns=concerns,
)  # fmt: skip
