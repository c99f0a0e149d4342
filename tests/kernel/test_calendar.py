"""When a limit has passed: hours, local calendar days, and working days with the State Council's make-up days."""

from datetime import UTC, date, datetime, timedelta

import chinese_calendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.calendar import CalendarUnknown, calendar
from services.kernel.world import CHINA, day_of
from tests.scenario import SHORT


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


@pytest.mark.req("PLT-10")
@pytest.mark.parametrize(
    ("start", "limit", "due"),
    [
        ("2026-11-02T10:00", "24h", "2026-11-03T10:00"),
        ("2026-11-02T10:00", "2d", "2026-11-05T00:00"),
        ("2026-11-02T23:59", "1d", "2026-11-04T00:00"),
        ("2026-11-06T10:00", "1wd", "2026-11-10T00:00"),    # Friday: the Monday after
        ("2026-09-30T10:00", "1wd", "2026-10-09T00:00"),    # over the National Day holidays
        ("2026-10-08T10:00", "2wd", "2026-10-11T00:00"),    # Saturday the 10th is worked
        ("2026-02-13T10:00", "2wd", "2026-02-25T00:00"),    # Saturday the 14th is worked, then Spring Festival
        ("2026-09-24T10:00", "5d", "2026-09-30T00:00"),     # a last day is never moved, holiday or not
    ],
)  # fmt: skip
def test_a_limit_ends_when_people_say_that_it_ends(start: str, limit: str, due: str) -> None:
    assert calendar().due(at(start), limit) == at(due)


@pytest.mark.req("PLT-10")
def test_a_day_is_one_of_china_whatever_the_clock_of_the_server_says() -> None:
    late_evening_in_london = datetime(2026, 11, 2, 17, 30, tzinfo=UTC)
    assert calendar().due(late_evening_in_london, "1d") == at("2026-11-05T00:00")


@pytest.mark.req("PLT-10")
def test_more_days_move_an_end_of_day_to_an_end_of_day() -> None:
    due = calendar().due(at("2026-11-02T10:00"), "1d")
    assert calendar().extended(due, "1d") == at("2026-11-05T00:00")
    assert calendar().extended(due, "3h") == due + timedelta(hours=3)


@pytest.mark.req("PLT-10")
def test_our_record_of_the_year_agrees_with_an_independent_one_on_every_day() -> None:
    days = [date(2026, 1, 1) + timedelta(days=i) for i in range(365)]
    assert [d for d in days if calendar().works(d) != chinese_calendar.is_workday(d)] == []


@pytest.mark.req("PLT-10")
def test_a_year_that_is_not_on_record_is_refused_and_never_guessed() -> None:
    with pytest.raises(CalendarUnknown):
        calendar().due(at("2026-12-30T10:00"), "5wd")
    assert calendar().due(at("2026-12-30T10:00"), "5d") == at("2027-01-05T00:00")


@pytest.mark.req("PLT-10")
@SHORT
@given(days=st.integers(0, 200), count=st.integers(1, 20))
def test_between_start_and_end_lie_as_many_working_days_as_were_given(days: int, count: int) -> None:
    start = at("2026-01-05T10:00") + timedelta(days=days)
    due = calendar().due(start, f"{count}wd")
    between = [day_of(start) + timedelta(days=i) for i in range(1, (day_of(due) - day_of(start)).days)]
    assert sum(calendar().works(d) for d in between) == count
    assert calendar().works(between[-1])
