"""A duty's clock: opened, met, missed, stopped, extended, passed on, taken back; judged by the clock the pack names."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.notification import (
    ClockChange,
    DueReached,
    DutyDelayed,
    DutyMet,
    DutyMissed,
    DutyMissRescinded,
    DutyOpened,
    DutyReassigned,
    Judging,
)
from services.notification.duty import (
    DUTY,
    DischargeDuty,
    Duty,
    DutyOver,
    ExtendDuty,
    MeetDuty,
    MetByEvent,
    NoLimit,
    NotPaused,
    OpenDuty,
    PauseDuty,
    ReachDue,
    ReassignDuty,
    RestartDuty,
    ResumeDuty,
    stream_of,
)
from tests.scenario import NOW, SHORT, STATION, TOWNSHIP, Scenario, assert_replays, scenario, some

CHILD, NOTICE, CAUSE, COUNTY, CORRECTION = map(some, range(1, 6))
EACH = stream_of("acknowledge-notice", NOTICE)
DAY = timedelta(days=1)
ABOUT: dict[str, Any] = {"child": CHILD, "duty": EACH, "rule": "acknowledge-notice", "about": NOTICE}
OWED: dict[str, Any] = ABOUT | {"owed_by": TOWNSHIP}


def opening(limit: str | None = "24h", starts: datetime = NOW) -> OpenDuty:
    return OpenDuty(
        **OWED,
        cause=CAUSE,
        starts=starts,
        judged_by=Judging.OCCURRED,
        limit=limit,
        standing="local",
        clause="SY 三.7",
    )


def opened(limit: str | None = "24h", due: datetime | None = NOW + DAY) -> DutyOpened:
    return DutyOpened(
        **OWED, cause=CAUSE, starts=NOW, judged_by=Judging.OCCURRED, limit=limit, due=due, standing="local",
        clause="SY 三.7",
    )  # fmt: skip


MISSED = DutyMissed(**OWED, due=NOW + DAY, superior=COUNTY)
REACHED = DueReached(**ABOUT, due=NOW + DAY)
MET = DutyMet(**OWED, cause=CAUSE, late=False)
REACH = ReachDue(duty=EACH, superior=COUNTY)


def duty(*events: Any, now: datetime = NOW) -> Scenario[Duty]:
    return scenario(DUTY, now=now).given(*events)


def decided(history: Scenario[Duty], command: Any) -> list[Any]:
    """What a reaction decides: it knows no scope."""
    return list(DUTY.decide(command, history.state(EACH), history.context))


@pytest.mark.req("NTF-02")
def test_a_duty_is_opened_once_with_its_due_moment() -> None:
    assert decided(duty(), opening()) == [opened()]
    assert decided(duty(opened()), opening()) == []


@pytest.mark.req("NTF-06")
def test_without_a_limit_there_is_no_due_moment_and_never_a_miss() -> None:
    assert decided(duty(), opening(None)) == [opened(None, None)]
    assert decided(duty(opened(None, None), now=NOW + 900 * DAY), REACH) == []


@pytest.mark.req("NTF-06")
@pytest.mark.req("OVS-24")
def test_a_duty_is_missed_when_its_moment_has_passed_and_not_before_and_once() -> None:
    assert decided(duty(opened(), now=NOW + DAY - timedelta(seconds=1)), REACH) == []
    assert decided(duty(opened(), now=NOW + DAY), REACH) == [REACHED, MISSED]
    assert decided(duty(opened(), MISSED, now=NOW + 9 * DAY), REACH) == []
    assert decided(duty(opened(), MET, now=NOW + 9 * DAY), REACH) == []


@pytest.mark.req("NTF-02")
def test_a_duty_met_in_time_is_met_and_one_met_after_it_was_due_is_late_and_the_body_above_hears_of_it() -> (
    None
):
    assert decided(duty(opened()), MeetDuty(duty=EACH, cause=CAUSE, at=NOW + DAY)) == [MET]
    late = MeetDuty(duty=EACH, cause=CAUSE, at=NOW + 2 * DAY)
    assert decided(duty(opened(), MISSED), late) == [DutyMet(**OWED, cause=CAUSE, late=True, superior=COUNTY)]
    assert decided(duty(opened(), MET), late) == []


@pytest.mark.req("PLT-02")
def test_a_miss_that_a_correction_makes_untrue_is_taken_back_and_one_that_it_does_not_stands() -> None:
    now = NOW + 3 * DAY
    restarted = RestartDuty(duty=EACH, starts=NOW + 2.5 * DAY, cause=CORRECTION)
    rescinded = DutyMissRescinded(**OWED, cause=CORRECTION, due=NOW + 3.5 * DAY, superior=COUNTY)
    assert decided(duty(opened(), MISSED, now=now), restarted) == [rescinded]
    still = RestartDuty(duty=EACH, starts=NOW + timedelta(hours=1), cause=CORRECTION)
    assert [type(e) for e in decided(duty(opened(), MISSED, now=now), still)] == [DutyDelayed]
    assert decided(duty(opened(), MISSED, rescinded, now=NOW + 4 * DAY), REACH) != [], (
        "the new clock runs out too"
    )


@pytest.mark.req("PLT-02")
def test_a_miss_that_was_met_late_is_taken_back_too() -> None:
    late = DutyMet(**OWED, cause=CAUSE, late=True, superior=COUNTY)
    restarted = RestartDuty(duty=EACH, starts=NOW + 2.5 * DAY, cause=CORRECTION)
    (rescinded,) = decided(duty(opened(), MISSED, late, now=NOW + 3 * DAY), restarted)
    assert isinstance(rescinded, DutyMissRescinded)


@pytest.mark.req("NTF-06")
def test_a_stopped_clock_runs_out_for_nobody_and_goes_on_with_the_time_it_stood_added() -> None:
    paused = duty(opened()).when(PauseDuty(duty=EACH, reason="CHILD_IN_HOSPITAL")).done()
    assert decided(paused.told(now=NOW + 9 * DAY), REACH) == []
    resumed = paused.told(now=NOW + 5 * DAY).when(ResumeDuty(duty=EACH, reason="CHILD_BACK_HOME"))
    (delayed,) = resumed.events
    assert isinstance(delayed, DutyDelayed)
    assert (delayed.change, delayed.due, delayed.paused_at) == (ClockChange.RESUMED, NOW + 6 * DAY, None)
    assert decided(resumed.done().told(now=NOW + 6 * DAY), REACH) != []


@pytest.mark.req("NTF-06")
def test_more_time_is_given_with_a_reason_and_only_where_there_is_a_limit_and_something_still_owed() -> None:
    extending = ExtendDuty(duty=EACH, by="48h", reason="ROADS_CLOSED")
    (delayed,) = duty(opened()).when(extending).events
    assert isinstance(delayed, DutyDelayed)
    assert (delayed.due, delayed.reason) == (NOW + 3 * DAY, "ROADS_CLOSED")
    duty(opened(None, None)).when(extending).refused(NoLimit)
    duty(opened(), MET).when(extending).refused(DutyOver)
    duty(opened()).when(ResumeDuty(duty=EACH, reason="X")).refused(NotPaused)


@pytest.mark.req("REG-33")
def test_a_duty_passes_on_with_its_clock() -> None:
    passed = DutyReassigned(**ABOUT, owed_by=STATION, previous=TOWNSHIP, starts=NOW, due=NOW + DAY)
    assert decided(duty(opened()), ReassignDuty(duty=EACH, owed_by=STATION)) == [passed]
    assert decided(duty(opened(), passed), ReassignDuty(duty=EACH, owed_by=STATION)) == []
    (_, missed) = decided(duty(opened(), passed, now=NOW + DAY), REACH)
    assert missed.owed_by == STATION


@pytest.mark.req("NTF-02")
def test_what_an_event_must_meet_is_not_ticked_off_and_a_review_is() -> None:
    duty(opened()).when(DischargeDuty(duty=EACH)).refused(MetByEvent)
    review = stream_of("review-decision", NOTICE)
    owed = opened(None, None).model_copy(update={"rule": "review-decision", "duty": review})
    (met,) = duty(owed).when(DischargeDuty(duty=review)).events
    assert isinstance(met, DutyMet)


moments = st.integers(0, 10).map(lambda days: NOW + days * DAY)
commands = st.one_of(
    st.builds(MeetDuty, duty=st.just(EACH), cause=st.just(CAUSE), at=moments),
    st.builds(ReassignDuty, duty=st.just(EACH), owed_by=st.sampled_from([TOWNSHIP, STATION])),
    st.builds(RestartDuty, duty=st.just(EACH), starts=moments, cause=st.just(CORRECTION)),
    st.just(REACH), st.just(PauseDuty(duty=EACH, reason="X")), st.just(ResumeDuty(duty=EACH, reason="X")),
    st.just(ExtendDuty(duty=EACH, by="1d", reason="X")),
)  # fmt: skip


@pytest.mark.req("PLT-10")
@SHORT
@given(told=st.lists(st.tuples(commands, st.integers(0, 3)), max_size=15))
def test_any_history_replays_and_a_duty_is_never_missed_before_it_is_due_nor_after_it_was_met(
    told: list[tuple[Any, int]],
) -> None:
    history, now = duty(opened()), NOW
    for command, days in told:
        now += days * DAY
        before = history.state(EACH)
        made = history.told(now=now).when(command).events
        if any(isinstance(e, DutyMissed) for e in made):
            assert before.due is not None
            assert before.due <= now
            assert not before.met
            assert before.paused_at is None
        history = history.given(*made)
    assert_replays(history)


def test_the_same_rule_about_the_same_thing_is_the_same_duty_and_another_is_another() -> None:
    assert stream_of("assess", NOTICE) != EACH != stream_of("acknowledge-notice", UUID(int=9))
