"""A report: filed by anybody, typed by the pack, accepted once with its notice; and every history can be replayed."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from schemas.packs import FOLDER, read_pack
from schemas.reference import BodyKind
from schemas.reporting import (
    Ground,
    PoliceNoticeSent,
    ReportAccepted,
    Reporter,
    ReporterType,
    ReportFiled,
    Severity,
)
from services.kernel.errors import NotFound
from services.kernel.writing.decider import Command
from services.reporting.report import (
    REPORT,
    Accepting,
    AcceptReports,
    FileReport,
    Filing,
    GroundUnknown,
    NoPoliceHere,
    NoTownshipHere,
    Report,
    ReportedChild,
)
from tests.scenario import (
    BODIES,
    NOWHERE,
    POLICE,
    SCHOOL,
    SHORT,
    STATION,
    TOWNSHIP,
    VILLAGE,
    Scenario,
    assert_replays,
    find_body_in,
    live,
    scenario,
    some,
    stored,
)

FOUND = datetime(2026, 10, 30, 8, tzinfo=UTC)
CHILD, INCIDENT, FIRST, SECOND = map(some, range(1, 5))
TEACHER = some(202)


def filing(*children: ReportedChild, **told: Any) -> FileReport:
    facts: dict[str, Any] = {"region": VILLAGE, "grounds": (Ground.LIVING_ALONE,), "found_at": FOUND}
    return FileReport(children=children or (ReportedChild(name="小禾"),), **facts | told)


def filed(report: UUID = FIRST, **told: Any) -> ReportFiled:
    facts: dict[str, Any] = {
        "child": CHILD, "incident": INCIDENT, "region": VILLAGE, "police": STATION, "reporter": some(9), "name": "小禾",
        "grounds": (Ground.LIVING_ALONE,), "found_at": FOUND,
        "reported_by": Reporter(type=ReporterType.MANDATORY, body=SCHOOL, post=TEACHER),
    }  # fmt: skip
    return ReportFiled(report=report, **facts | told)


def accepted(report: UUID = FIRST, unit: UUID = STATION) -> ReportAccepted:
    return ReportAccepted(child=CHILD, report=report, incident=INCIDENT, region=VILLAGE, unit=unit)


def noticed(report: UUID = FIRST, notice: int = 1, **told: Any) -> PoliceNoticeSent:
    facts: dict[str, Any] = {
        "sender": STATION, "recipient": TOWNSHIP, "name": "小禾", "grounds": (Ground.LIVING_ALONE,),
    }  # fmt: skip
    return PoliceNoticeSent(
        child=CHILD, report=report, incident=INCIDENT, region=VILLAGE, notice=UUID(int=notice), flow=("F_12",),
        steps=("ACCEPTED",), **facts | told,
    )  # fmt: skip


def school() -> Scenario[Report]:
    return scenario(REPORT, body=SCHOOL, body_kind=BodyKind.SCHOOL, post=TEACHER)


def station() -> Scenario[Report]:
    return scenario(REPORT, body=STATION, body_kind=BodyKind.POLICE_STATION)


# --- File
@pytest.mark.req("REP-02")
@pytest.mark.req("REP-04")
@pytest.mark.req("REP-06")
def test_a_report_carries_what_was_told_and_its_reporter_apart() -> None:
    told: dict[str, Any] = {
        "grounds": (Ground.LIVING_ALONE, Ground.GUARDIAN_NEGLECT), "harm": "无人照料", "course": "放学后独自在家",
        "severity": Severity.SERIOUS,
    }  # fmt: skip
    child = ReportedChild(name="小禾", school="中心小学", school_class="三年级二班")
    school().when(filing(child, reporter_name="陈老师", reporter_phone="13900000005", **told)).then(
        filed(
            UUID(int=2), child=UUID(int=3), incident=UUID(int=1), reporter=UUID(int=4), school="中心小学",
            school_class="三年级二班", **told,
            reported_by=Reporter(
                type=ReporterType.MANDATORY, body=SCHOOL, post=TEACHER, name="陈老师", phone="13900000005"
            ),
        )
    )  # fmt: skip


@pytest.mark.req("REP-05")
def test_suspicion_of_one_ground_against_a_child_without_a_name_is_enough() -> None:
    outcome = school().when(filing(ReportedChild(), grounds=(Ground.SUSPECTED_FAMILY_VIOLENCE,)))
    outcome.then(
        filed(
            UUID(int=2), child=UUID(int=3), incident=UUID(int=1), reporter=UUID(int=4), name=None,
            grounds=(Ground.SUSPECTED_FAMILY_VIOLENCE,),
        )
    )  # fmt: skip


@pytest.mark.req("REP-02")
@pytest.mark.req("PRV-01")
def test_siblings_get_a_report_each_share_the_incident_and_not_the_reporters_number() -> None:
    events = school().when(filing(ReportedChild(name="小禾"), ReportedChild(name="小苗"))).events
    made = [e for e in events if isinstance(e, ReportFiled)]
    assert [e.name for e in made] == ["小禾", "小苗"]
    assert len({e.incident for e in made}) == 1
    for field in ("child", "report", "reporter"):
        assert len({getattr(e, field) for e in made}) == 2


@pytest.mark.req("REP-01")
@pytest.mark.req("REP-10")
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (BodyKind.SCHOOL, ReporterType.MANDATORY),
        (BodyKind.VILLAGE, ReporterType.MANDATORY),
        (BodyKind.WELFARE_INSTITUTION, ReporterType.MANDATORY),
        (BodyKind.TOWNSHIP, ReporterType.OFFICIAL),
        (BodyKind.CIVIL_AFFAIRS, ReporterType.OFFICIAL),
        (BodyKind.EDUCATION, ReporterType.OFFICIAL),
        (BodyKind.COUNTY_GOVERNMENT, ReporterType.OFFICIAL),
        (BodyKind.POLICE, ReporterType.OFFICIAL),
        (BodyKind.POLICE_STATION, ReporterType.OFFICIAL),
        (BodyKind.AUDITOR, ReporterType.OFFICIAL),
        (None, ReporterType.VOLUNTARY),
    ],
)
def test_the_pack_types_the_reporter(kind: BodyKind | None, expected: ReporterType) -> None:
    (event,) = school().told(body_kind=kind).when(filing()).events
    assert isinstance(event, ReportFiled)
    assert event.reported_by.type is expected


@pytest.mark.req("REP-01")
def test_a_pack_with_another_list_types_the_same_reporter_otherwise() -> None:
    content = (FOLDER / "sy-2017-74.yaml").read_bytes()
    planted = read_pack(content.replace(b"mandated: [school, village", b"mandated: [village"))
    (event,) = school().told(pack=planted).when(filing()).events
    assert isinstance(event, ReportFiled)
    assert event.reported_by.type is ReporterType.VOLUNTARY


@pytest.mark.req("REP-02")
def test_a_ground_that_the_pack_does_not_list_is_refused_by_name() -> None:
    content = (FOLDER / "sy-2017-74.yaml").read_bytes()
    planted = read_pack(content.replace(b"    - MISSING\n", b""))
    told = filing(grounds=(Ground.MISSING, Ground.LIVING_ALONE))
    school().told(pack=planted).when(told).refused(GroundUnknown, grounds=["MISSING"])
    assert school().when(told).refusal is None


@pytest.mark.req("REP-10")
def test_where_no_pack_is_adopted_a_report_is_taken_all_the_same() -> None:
    (event,) = school().told(pack=None).when(filing()).events
    assert isinstance(event, ReportFiled)
    assert event.reported_by.type is ReporterType.VOLUNTARY


@pytest.mark.req("REP-01")
def test_a_report_goes_to_the_station_and_where_there_is_none_to_the_county_police() -> None:
    (event,) = school().when(filing()).events
    assert isinstance(event, ReportFiled)
    assert event.police == STATION
    county = find_body_in({BodyKind.POLICE: POLICE})
    (event,) = school().told(find_body=county).when(filing()).events
    assert isinstance(event, ReportFiled)
    assert event.police == POLICE


@pytest.mark.req("REP-01")
def test_a_region_without_police_refuses_the_report_and_says_so() -> None:
    school().when(filing(region=NOWHERE)).refused(NoPoliceHere)
    school().told(find_body=find_body_in({BodyKind.TOWNSHIP: TOWNSHIP})).when(filing()).refused(NoPoliceHere)


# --- Accept
@pytest.mark.req("EMR-01")
@pytest.mark.req("EMR-17")
def test_acceptance_and_the_townships_notice_are_one_act() -> None:
    station().given(filed()).when(AcceptReports(reports=(FIRST,))).then(accepted(), noticed())


@pytest.mark.req("EMR-17")
@pytest.mark.req("PRV-01")
def test_the_notice_tells_nothing_of_the_reporter_nor_of_the_course_of_events() -> None:
    told = filed(course="陈老师家访时发现", harm="饥饿", school="中心小学")
    events = station().given(told).when(AcceptReports(reports=(FIRST,))).events
    text = "".join(event.model_dump_json() for event in events)
    for secret in ("陈老师", "饥饿", "中心小学", str(SCHOOL), str(TEACHER), str(told.reporter)):
        assert secret not in text


@pytest.mark.req("EMR-01")
def test_the_unit_that_accepts_is_the_one_that_acts() -> None:
    county = station().told(body=POLICE, body_kind=BodyKind.POLICE)
    county.given(filed()).when(AcceptReports(reports=(FIRST,))).then(
        accepted(unit=POLICE), noticed(sender=POLICE)
    )


@pytest.mark.req("EMR-17")
def test_siblings_are_accepted_together_each_with_a_notice_of_its_own() -> None:
    both = station().given(filed(FIRST), filed(SECOND))
    both.when(AcceptReports(reports=(FIRST, SECOND, FIRST))).then(
        accepted(FIRST), noticed(FIRST, 1), accepted(SECOND), noticed(SECOND, 2)
    )


@pytest.mark.req("EMR-01")
@pytest.mark.req("PLT-07")
def test_accepting_twice_makes_no_second_notice() -> None:
    done = station().given(filed(), accepted(), noticed())
    done.when(AcceptReports(reports=(FIRST,))).then()
    done.told(body=POLICE, find_body=find_body_in({})).when(AcceptReports(reports=(FIRST,))).then()


@pytest.mark.req("EMR-01")
def test_of_reports_some_of_which_are_accepted_only_the_others_are() -> None:
    some_done = station().given(filed(FIRST), accepted(FIRST), noticed(FIRST), filed(SECOND))
    some_done.when(AcceptReports(reports=(FIRST, SECOND))).then(accepted(SECOND), noticed(SECOND, 1))


@pytest.mark.req("EMR-01")
def test_a_report_that_nobody_filed_is_not_accepted_and_takes_the_others_with_it() -> None:
    station().when(AcceptReports(reports=(FIRST,))).refused(NotFound)
    station().given(filed(FIRST)).when(AcceptReports(reports=(FIRST, SECOND))).refused(NotFound)
    with pytest.raises(NotFound):
        REPORT.decide(Accepting(FIRST), Report(), station().context)


@pytest.mark.req("EMR-17")
def test_where_no_township_is_on_record_nothing_is_accepted() -> None:
    nobody = station().told(find_body=find_body_in({BodyKind.POLICE_STATION: STATION}))
    nobody.given(filed()).when(AcceptReports(reports=(FIRST,))).refused(NoTownshipHere)


@pytest.mark.req("EMR-17")
def test_a_report_whose_child_was_erased_can_still_be_accepted() -> None:
    erased = station().given(stored(filed(), erased=True))
    erased.when(AcceptReports(reports=(FIRST,))).then(accepted(), noticed(name=None, grounds=()))


@pytest.mark.req("PRV-03")
def test_a_report_is_answered_by_the_region_that_it_names() -> None:
    ((_, part),) = filing().each(lambda: FIRST)
    assert isinstance(part, Filing)
    assert REPORT.scope_of(part, Report()) == {"region": VILLAGE}
    assert REPORT.scope_of(Accepting(FIRST), Report(filed=filed())) == {"region": VILLAGE}


# --- Any history
reported = st.builds(
    ReportedChild,
    name=st.none() | st.sampled_from(["小禾", "阿依古丽·艾力"]),
    school=st.none() | st.just("中心小学"),
)
filings = st.builds(
    lambda children, grounds, region: filing(*children, grounds=tuple(grounds), region=region),
    st.lists(reported, min_size=1, max_size=3), st.lists(st.sampled_from(Ground), min_size=1, max_size=3),
    st.sampled_from([VILLAGE, VILLAGE, NOWHERE]),
)  # fmt: skip
reports = st.sampled_from([UUID(int=n) for n in range(1, 8)])
acceptances = st.builds(lambda r: AcceptReports(reports=tuple(r)), st.lists(reports, min_size=1, max_size=3))
commands: st.SearchStrategy[Command] = filings | acceptances


@pytest.mark.req("PLT-05")
@SHORT
@given(
    told=st.lists(commands, max_size=8), pack=st.booleans(),
    kinds=st.sets(st.sampled_from([BodyKind.TOWNSHIP, BodyKind.POLICE_STATION, BodyKind.POLICE])),
)  # fmt: skip
def test_any_history_that_was_decided_can_be_replayed_and_nothing_but_refusals_is_raised(
    told: list[Command], pack: bool, kinds: set[BodyKind]
) -> None:
    begun = station().told(find_body=find_body_in({k: BODIES[k] for k in kinds}))
    assert_replays(live(begun if pack else begun.told(pack=None), told))


@pytest.mark.req("PLT-07")
@SHORT
@given(told=st.lists(filings, max_size=3), again=acceptances)
def test_an_acceptance_told_twice_makes_events_once(told: list[Command], again: AcceptReports) -> None:
    outcome = live(station(), told).when(again)
    repeated = outcome.done().when(again)
    assert repeated.events == ()
    assert type(repeated.refusal) is type(outcome.refusal)


class ReportMachine(RuleBasedStateMachine):
    """Reports against two sets: those filed, and those accepted."""

    filed = Bundle("filed")

    def __init__(self) -> None:
        super().__init__()
        self.now = station()
        self.incidents: dict[UUID, UUID] = {}
        self.accepted: set[UUID] = set()

    @rule(target=filed, told=filings)
    def file(self, told: FileReport) -> Any:
        outcome = self.now.when(told)
        self.now = outcome.done()
        if told.region == NOWHERE:
            outcome.refused(NoPoliceHere)
            return multiple()
        made = [e for e in outcome.events if isinstance(e, ReportFiled)]
        assert [(e.name, e.school) for e in made] == [(c.name, c.school) for c in told.children]
        assert len({e.incident for e in made}) == 1
        assert not {e.incident for e in made} & set(self.incidents.values())
        self.incidents |= {e.report: e.incident for e in made}
        return multiple(*(e.report for e in made))

    @rule(first=filed, second=filed)
    def accept(self, first: UUID, second: UUID) -> None:
        outcome = self.now.when(AcceptReports(reports=(first, second)))
        self.now = outcome.done()
        fresh = {first, second} - self.accepted
        assert {e.report for e in outcome.events if isinstance(e, ReportAccepted)} == fresh
        assert {e.report for e in outcome.events if isinstance(e, PoliceNoticeSent)} == fresh
        self.accepted |= fresh

    @rule(known=filed)
    def accept_one_that_nobody_filed(self, known: UUID) -> None:
        self.now.when(AcceptReports(reports=(known, some(77)))).refused(NotFound)

    @invariant()
    def each_report_is_filed_once_and_accepted_at_most_once_with_one_notice(self) -> None:
        assert set(self.now.streams) == set(self.incidents)
        for report, events in self.now.streams.items():
            kinds = [ReportFiled, ReportAccepted, PoliceNoticeSent]
            assert [type(e) for e in events] == (kinds if report in self.accepted else kinds[:1])
            state = self.now.state(report)
            assert (state.accepted, state.notices) == (report in self.accepted, int(report in self.accepted))
            assert {getattr(e, "incident", None) for e in events} == {self.incidents[report]}

    @invariant()
    def no_two_reports_share_a_child_a_reporters_number_or_a_notice(self) -> None:
        events = [e for stream in self.now.streams.values() for e in stream]
        for kind, field in ((ReportFiled, "child"), (ReportFiled, "reporter"), (PoliceNoticeSent, "notice")):
            found = [getattr(e, field) for e in events if isinstance(e, kind)]
            assert len(set(found)) == len(found)

    def teardown(self) -> None:
        assert_replays(self.now)


TestReportMachine = ReportMachine.TestCase
TestReportMachine.settings = SHORT
