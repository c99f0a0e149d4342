"""A child as one agency knows it: the same page from its entries in any order, and tasks that open and close."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.assessment import AssessmentOpened
from schemas.envelope import encode
from schemas.event import Event
from schemas.notification import (
    AccessEnded,
    AccessGranted,
    DutyMet,
    DutyMissed,
    DutyMissRescinded,
    DutyOpened,
    DutyReassigned,
    Judging,
    NotificationAcknowledged,
    NotificationSent,
    Role,
)
from schemas.platform import FactCorrected, ReactionRefused
from schemas.registry import (
    Basis,
    ChildCategoryAssigned,
    ChildIdentified,
    ChildRegistered,
    Closing,
    GuardianChanged,
    GuardianshipDelegated,
    LedgerEntryClosed,
    LedgerEntryReopened,
    LedgerEntryUpdated,
    Schooling,
    SubjectErased,
)
from schemas.reporting import (
    Ground,
    PoliceNoticeSent,
    ReportAccepted,
    Reporter,
    ReporterType,
    ReportFiled,
)
from services.agency.page import Entry, Row, Task, fields_in, fold, in_order, read_entries
from services.kernel.keys.sealing import redact
from services.kernel.writing.recording import stamp
from services.registry.child import CHILD as CHILD_AGGREGATE
from tests.scenario import NOW, SHORT, STATION, TOWNSHIP, VILLAGE, some, written

CHILD, FILE, REPORT, SECOND_REPORT, INCIDENT, NOTICE, ASSESSMENT, GUARDIAN = map(some, range(1, 9))
ABOUT: dict[str, Any] = {"child": CHILD, "incident": INCIDENT, "region": VILLAGE}
REGISTERED = ChildRegistered(child=CHILD, region=VILLAGE, name="张小禾", both_parents_away=True)
UPDATED = LedgerEntryUpdated(child=CHILD, region=VILLAGE, schooling=Schooling.PRIMARY)
ASSIGNED = ChildCategoryAssigned(child=CHILD, region=VILLAGE, categories=(), undetermined=(), findings=())
DELEGATED = GuardianshipDelegated(
    child=CHILD, region=VILLAGE, guardian=GUARDIAN, starts=date(2026, 9, 1), instruments=(), name="王桂花",
    relation="祖母", capable=True, willing=True,
)  # fmt: skip
CHANGED = GuardianChanged(
    child=CHILD,
    region=VILLAGE,
    guardian=GUARDIAN,
    basis=Basis.DELEGATION,
    starts=date(2026, 9, 1),
    name="王桂花",
)
IDENTIFIED = ChildIdentified(child=CHILD, file=FILE, region=VILLAGE, basis=("HOME_VISIT",))
ACCEPTED = ReportAccepted(report=REPORT, unit=STATION, **ABOUT)
NOTICED = PoliceNoticeSent(
    report=REPORT, notice=NOTICE, flow=("F_12",), sender=STATION, recipient=TOWNSHIP, name="小禾",
    grounds=(Ground.LIVING_ALONE,), steps=("ACCEPTED",), **ABOUT,
)  # fmt: skip
ACKNOWLEDGED = NotificationAcknowledged(child=CHILD, region=VILLAGE, notice=NOTICE, recipient=TOWNSHIP)
REFUSED = ReactionRefused(child=CHILD, reaction="open-assessment", cause=some(20), refusal="no-policy")


def filed(report: UUID = REPORT) -> ReportFiled:
    return ReportFiled(
        report=report, police=STATION, reporter=some(30), name="小禾", grounds=(Ground.LIVING_ALONE,), found_at=NOW,
        reported_by=Reporter(type=ReporterType.MANDATORY), **ABOUT,
    )  # fmt: skip


def sent(recipient: UUID = TOWNSHIP) -> NotificationSent:
    return NotificationSent(
        child=CHILD,
        region=VILLAGE,
        notice=NOTICE,
        flow=("F_12",),
        sender=STATION,
        recipient=recipient,
        cause=some(20),
    )


def opened(lead: UUID = TOWNSHIP) -> AssessmentOpened:
    return AssessmentOpened(assessment=ASSESSMENT, notice=NOTICE, lead=lead, members=("POLICE",), **ABOUT)


DUE = NOW + timedelta(days=1)
SINCE, UNTIL = (moment.isoformat().replace("+00:00", "Z") for moment in (NOW, DUE))
DUTY: dict[str, Any] = {"child": CHILD, "duty": some(40), "rule": "acknowledge-notice", "about": NOTICE}


def owed(by: UUID = TOWNSHIP) -> DutyOpened:
    return DutyOpened(
        **DUTY, owed_by=by, cause=some(20), starts=NOW, judged_by=Judging.OCCURRED, limit="24h", due=DUE,
        standing="local", clause="SY 三.7",
    )  # fmt: skip


MET = DutyMet(**DUTY, owed_by=TOWNSHIP, cause=some(21), late=False)
MISSED = DutyMissed(**DUTY, owed_by=TOWNSHIP, due=DUE, superior=STATION)
RESCINDED = DutyMissRescinded(**DUTY, owed_by=TOWNSHIP, cause=some(22), due=None, superior=STATION)
PASSED_ON = DutyReassigned(**DUTY, owed_by=STATION, previous=TOWNSHIP, starts=NOW, due=DUE)


def granted(role: Role = Role.LEDGER) -> AccessGranted:
    return AccessGranted(child=CHILD, agency=TOWNSHIP, role=role, basis="residence", cause=some(20))


def ended(role: Role = Role.LEDGER) -> AccessEnded:
    return AccessEnded(child=CHILD, agency=TOWNSHIP, role=role, reason="moved")


def entry(event: Event, number: int, role: Role = Role.LEDGER, minute: int | None = None) -> Entry:
    """The event as fed under a role: the `number`-th of its store, recorded at this minute (or at its number's)."""
    at = NOW + timedelta(minutes=number if minute is None else minute)
    envelope, blocks = written(event, some(1000 + number), at=at)
    return Entry(
        event=some(1000 + number), role=role.value, clause="SY", recorded_at=stamp(at),
        source=event.type.partition(".")[0], source_seq=number, disclosed_at=stamp(at), envelope=encode(envelope),
        blocks=blocks,
    )  # fmt: skip


def at(number: int) -> str:
    """When the `number`-th event happened."""
    return stamp(NOW + timedelta(minutes=number))


def page(*events: Event, role: Role = Role.LEDGER, agency: UUID = TOWNSHIP) -> Row:
    """The row of an agency that was fed these, one after another."""
    return fold(agency, CHILD, [entry(event, i, role) for i, event in enumerate(events)])[0]


# --- Any order, any duplicates
EVENTS: tuple[Event, ...] = (
    REGISTERED, UPDATED, ASSIGNED, DELEGATED, CHANGED, IDENTIFIED, filed(), filed(SECOND_REPORT), ACCEPTED, NOTICED, sent(),
    sent(STATION), ACKNOWLEDGED, opened(), opened(STATION), REFUSED,
    owed(), MET, MISSED, RESCINDED, PASSED_ON, granted(), granted(Role.RESPONDER), ended(),
    ended(Role.RESPONDER),
)  # fmt: skip
some_roles = st.sets(st.sampled_from([Role.LEDGER, Role.RESPONDER, Role.AUTHOR]), min_size=1)
histories = st.lists(st.tuples(st.sampled_from(EVENTS), some_roles, st.integers(0, 4)), max_size=10).map(
    lambda told: [
        entry(event, i, role, minute)
        for i, (event, roles, minute) in enumerate(told)
        for role in sorted(roles)
    ]
)


@pytest.mark.req("PLT-04")
@SHORT
@given(entries=histories, data=st.data())
def test_any_order_and_any_duplicates_of_the_entries_give_the_same_page(
    entries: list[Entry], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(entries))) if entries else []
    shuffled = data.draw(st.permutations([*entries, *again]))
    row, kept = fold(TOWNSHIP, CHILD, entries)
    other, kept_too = fold(TOWNSHIP, CHILD, shuffled)
    assert other == row
    assert list(dict.fromkeys(kept_too)) == kept
    assert kept == in_order(kept)


@pytest.mark.req("PLT-04")
@SHORT
@given(entries=histories, cut=st.integers(0, 30))
def test_a_page_folded_batch_by_batch_from_what_was_kept_is_the_page_folded_at_once(
    entries: list[Entry], cut: int
) -> None:
    fed = [e for e in in_order(entries) if b"access-" not in e.envelope]
    _, kept = fold(TOWNSHIP, CHILD, fed[:cut])
    assert fold(TOWNSHIP, CHILD, [*kept, *fed[cut:]]) == fold(TOWNSHIP, CHILD, fed)


@pytest.mark.req("PLT-04")
def test_a_page_after_a_new_grant_is_the_same_batch_by_batch_and_at_once() -> None:
    before = [entry(e, i) for i, e in enumerate((granted(), REGISTERED, ended()))]
    _, kept = fold(TOWNSHIP, CHILD, before)
    # A new grant is given the history again, as the router feeds it.
    again = [*before, entry(granted(), 3)]
    row, entries = fold(TOWNSHIP, CHILD, [*kept, *again])
    other, at_once = fold(TOWNSHIP, CHILD, [*before, *again])
    assert (row.on_file, row) == (True, other)
    assert list(dict.fromkeys(entries)) == list(dict.fromkeys(at_once))


@pytest.mark.req("PLT-04")
def test_what_counts_is_when_things_were_recorded_and_not_when_they_came() -> None:
    late = [entry(filed(), 5, minute=0), entry(ACCEPTED, 6, minute=1)]
    assert fold(STATION, CHILD, late)[0] == fold(STATION, CHILD, late[::-1])[0]
    assert fold(STATION, CHILD, late[::-1])[0].reports == {str(REPORT): "accepted"}


# --- Ended access
@pytest.mark.req("PRV-03")
def test_where_the_last_role_has_ended_nothing_stays() -> None:
    entries = [entry(e, i) for i, e in enumerate((granted(), REGISTERED, UPDATED, sent(), ended()))]
    row, kept = fold(TOWNSHIP, CHILD, entries)
    assert row == Row(child=CHILD)
    assert kept == []


@pytest.mark.req("PRV-03")
def test_the_agencys_own_acts_stay_with_the_blocks_that_it_wrote() -> None:
    own = entry(REGISTERED, 1, Role.AUTHOR)
    entries = [entry(granted(), 0), entry(REGISTERED, 1), own, entry(UPDATED, 2), entry(ended(), 3)]
    row, kept = fold(TOWNSHIP, CHILD, entries)
    assert kept == [own]
    assert (row.on_file, row.roles, row.version) == (False, set(), 1), "its ledger no longer counts the child"
    assert {b.data_class for b in row.blocks} == {"name", "family"}


@pytest.mark.req("PRV-03")
def test_one_role_of_two_that_ends_takes_nothing_away() -> None:
    row = page(granted(), granted(Role.RESPONDER), REGISTERED, ended(Role.RESPONDER))
    assert row.roles == {"ledger"}
    assert row.on_file
    again = page(granted(), REGISTERED, ended(), granted())
    assert (again.roles, again.on_file) == ({"ledger"}, True)


@pytest.mark.req("PRV-03")
def test_an_agency_without_any_grant_keeps_its_own_acts_and_no_ledger_entry() -> None:
    row = page(REGISTERED, role=Role.AUTHOR)
    assert (row.version, row.on_file) == (1, False)


# --- Tasks
@pytest.mark.req("NTF-02")
def test_what_a_body_owes_is_its_task_until_it_is_met_and_nobody_elses() -> None:
    assert page(owed()).tasks == {("acknowledge-notice", NOTICE): Task(SINCE, UNTIL)}
    assert page(owed(), agency=STATION).tasks == {}
    assert page(owed(), MET).tasks == {}


@pytest.mark.req("NTF-06")
def test_what_was_missed_is_a_task_of_the_body_above_until_it_is_met_or_taken_back() -> None:
    above = {("missed-duty", some(40)): Task(UNTIL, UNTIL, missed=True)}
    assert page(MISSED, agency=STATION).tasks == above
    assert page(MISSED, RESCINDED, agency=STATION).tasks == {}
    assert page(MISSED, MET, agency=STATION).tasks == {}
    assert page(owed(), MISSED).tasks == {("acknowledge-notice", NOTICE): Task(SINCE, UNTIL, missed=True)}
    assert page(owed(), MISSED, RESCINDED).tasks == {("acknowledge-notice", NOTICE): Task(SINCE)}


@pytest.mark.req("REG-33")
def test_a_duty_that_passed_on_is_the_new_bodys_and_no_longer_the_old_ones() -> None:
    assert page(owed(), PASSED_ON).tasks == {}
    assert page(owed(), PASSED_ON, agency=STATION).tasks == {
        ("acknowledge-notice", NOTICE): Task(SINCE, UNTIL)
    }


@pytest.mark.req("PLT-08")
def test_a_refused_reaction_is_anybodys_task_who_is_told() -> None:
    assert page(REFUSED).tasks == {("mend-reaction", some(1000)): Task(at(0))}


@pytest.mark.req("PLT-05")
def test_a_duty_fed_three_times_and_under_two_roles_opens_one_task() -> None:
    duties = [entry(owed(), 0, role) for role in (Role.PARTY, Role.CASE_POLICE, Role.PARTY)]
    row, _ = fold(TOWNSHIP, CHILD, [*duties, entry(MET, 1, Role.PARTY), duties[0]])
    assert row.tasks == {}


@pytest.mark.parametrize(
    "event",
    [
        REGISTERED,
        UPDATED,
        ASSIGNED,
        DELEGATED,
        CHANGED,
        ACCEPTED,
        ACKNOWLEDGED,
        sent(),
        NOTICED,
        opened(),
        granted(),
    ],
)
def test_no_other_event_opens_a_task(event: Event) -> None:
    assert page(event).tasks == {}


@pytest.mark.req("EMR-01")
def test_a_report_is_filed_until_it_is_accepted() -> None:
    row = page(filed(), filed(SECOND_REPORT), ACCEPTED)
    assert row.reports == {str(REPORT): "accepted", str(SECOND_REPORT): "filed"}


@pytest.mark.req("REG-06")
def test_identification_leads_to_the_file() -> None:
    assert page(filed(), IDENTIFIED).file == FILE


# --- Entered in error
CLOSED = LedgerEntryClosed(child=CHILD, region=VILLAGE, reason=Closing.ENTERED_IN_ERROR)
REOPENED = LedgerEntryReopened(child=CHILD, region=VILLAGE)


@pytest.mark.req("REG-06")
def test_what_was_entered_in_error_counts_no_more_nor_does_its_correction() -> None:
    row = page(REGISTERED, corrected(1000, '"张小河"'), CLOSED)
    assert (row.on_file, names(row)) == (False, [])
    again = LedgerEntryUpdated(child=CHILD, region=VILLAGE, name="章小禾")
    row = page(REGISTERED, CLOSED, REOPENED, again)
    assert (row.on_file, names(row)) == (True, ["章小禾"])


@pytest.mark.req("REG-06")
def test_what_a_report_said_of_the_child_stays_when_the_ledger_s_entry_was_in_error() -> None:
    assert names(page(filed(), REGISTERED, CLOSED)) == ["小禾"]


# --- Corrections
def corrected(event: int, value: str) -> FactCorrected:
    return FactCorrected(
        child=CHILD, region=VILLAGE, corrects=some(event), corrects_type=REGISTERED.type, field="name", person=CHILD,
        basis="ID_CARD_SEEN", name=value,
    )  # fmt: skip


def names(row: Row) -> list[Any]:
    """The names that a page's facts give, the one that counts last."""
    return [
        fields["name"] for b in row.blocks
        if (fields := fields_in(b, msgspec.json.decode(b.body))) and b.data_class == "name" and "name" in fields
    ]  # fmt: skip


@pytest.mark.req("PLT-02")
def test_the_right_value_stands_where_the_wrong_one_stood_and_a_newer_fact_still_wins() -> None:
    row = page(REGISTERED, corrected(1000, '"张小河"'))
    assert names(row)[-1] == "张小河"
    renamed = LedgerEntryUpdated(child=CHILD, region=VILLAGE, name="章小禾")
    assert names(page(REGISTERED, renamed, corrected(1000, '"张小河"')))[-1] == "章小禾"


@pytest.mark.req("PLT-02")
def test_a_retraction_stays_where_access_has_ended_and_holds_no_value() -> None:
    told = entry(corrected(1001, '"张小河"'), 4, Role.CORRECTED)
    told = told._replace(blocks=redact(told.blocks, []))
    row, kept = fold(TOWNSHIP, CHILD, [entry(granted(), 0), entry(REGISTERED, 1), entry(ended(), 3), told])
    assert kept == [told]
    assert row.blocks == []


@pytest.mark.req("PRV-04")
def test_an_erased_childs_blocks_leave_the_row_and_so_its_search_tokens() -> None:
    erased = SubjectErased(child=CHILD, person=CHILD, region=VILLAGE, basis="PIPL_47")
    assert page(REGISTERED).blocks
    assert page(REGISTERED, erased).blocks == []


# --- The row
FILE_EVENTS: tuple[Event, ...] = (REGISTERED, ASSIGNED, UPDATED, DELEGATED, CHANGED)


@pytest.mark.req("REG-08")
@pytest.mark.parametrize("length", range(1, 6))
def test_the_version_that_a_page_shows_is_the_one_that_the_registry_expects(length: int) -> None:
    told: Sequence[Event] = FILE_EVENTS[:length]
    assert page(*told).version == CHILD_AGGREGATE.fold(told).version == length


@pytest.mark.req("REG-08")
def test_an_event_under_two_roles_counts_once_and_gives_the_blocks_of_both() -> None:
    whole = entry(REGISTERED, 0, Role.LEDGER)
    name, family = (whole._replace(blocks=redact(whole.blocks, [i])) for i in (0, 1))
    told = [name, family._replace(role=Role.VILLAGE.value)]
    for entries in (told, read_entries(told)):
        row, _ = fold(TOWNSHIP, CHILD, entries)
        assert row.version == 1
        assert sorted(b.data_class for b in row.blocks) == ["family", "name"]


@pytest.mark.req("PRV-03")
def test_a_row_keeps_the_childs_blocks_and_no_guardians_and_no_reporters() -> None:
    row = page(filed(), NOTICED, DELEGATED, CHANGED)
    assert {(b.role, b.data_class) for b in row.blocks} == {("child", "name"), ("child", "case")}
    assert row.guardian == str(GUARDIAN)


@pytest.mark.req("REG-06")
def test_once_a_child_is_on_file_a_report_does_not_change_what_it_is_called() -> None:
    row = page(REGISTERED, filed())
    assert {b.event for b in row.blocks} == {str(some(1000))}
    assert {b.event for b in page(filed()).blocks} == {str(some(1000))}


def test_a_row_knows_its_region_and_since_when() -> None:
    row = page(granted(), REGISTERED)
    assert (row.region, row.since, row.roles) == (VILLAGE, at(0), {"ledger"})
    assert row.open_fields() == {
        "version": 1,
        "guardian": None,
        "reports": {},
        "roles": ["ledger"],
        "sealed": [],
    }
    assert page() == Row(child=CHILD)
