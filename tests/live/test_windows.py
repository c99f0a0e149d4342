"""Counts and warnings as plain functions: order and repeats change nothing, thresholds bite where they say."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.live.windows import ACCEPTED, FILED, KEPT, Alert, Count, Outcome, Rules, Windows, hour_of
from tests.live.records import NOW, envelope_of

A, B = "990101001000", "990101002000"
HOUR = timedelta(hours=1)
RULES = Rules(surge_times=3.0, surge_before=24, surge_floor=5, silence_hours=24)

a_record = st.tuples(
    st.sampled_from([FILED, ACCEPTED, "reporting.police-notice-sent.v1"]),
    st.sampled_from(["990101001001", "990101001002", "990101002004", A]),
    st.integers(0, 100 * 60).map(lambda minutes: NOW - timedelta(minutes=minutes)),
)


def filled(*told: tuple[str, str, datetime], order: list[int] | None = None) -> Windows:
    windows = Windows()
    for i in order if order is not None else range(len(told)):
        windows.take("reporting", i % 24, i + 1, envelope_of(*told[i]))
    return windows


def reports(at: datetime, count: int, region: str = A) -> list[tuple[str, str, datetime]]:
    return [(FILED, region, at)] * count


@given(st.data(), st.lists(a_record, max_size=30))
def test_any_order_with_repeats_gives_the_same_counts_and_warnings(
    data: st.DataObject, told: list[tuple[str, str, datetime]]
) -> None:
    places = list(range(len(told)))
    repeats = data.draw(st.lists(st.sampled_from(places), max_size=20)) if told else []
    order = data.draw(st.permutations(places + repeats))
    once, mixed = filled(*told), filled(*told, order=order)
    assert mixed.counts() == once.counts()
    assert mixed.alerts(NOW, RULES) == once.alerts(NOW, RULES)


@given(st.lists(a_record, max_size=30))
def test_only_the_last_72_hours_are_remembered_and_all_of_them_are(
    told: list[tuple[str, str, datetime]],
) -> None:
    ours = [t for t in told if t[0] in {FILED, ACCEPTED}]
    newest = max((hour_of(at) for _, _, at in ours), default=None)
    kept = [t for t in ours if newest is None or hour_of(t[2]) > newest - KEPT]
    windows = filled(*told)
    assert sum(c.filed + c.accepted for c in windows.counts()) == len(kept)
    assert len(windows._seen) == len(kept)


def test_an_hour_begins_when_clocks_in_china_say_so_and_a_village_counts_for_its_township() -> None:
    late = datetime(2026, 10, 31, 16, 59, 59, tzinfo=UTC)
    windows = filled((FILED, "990101001003", late), (ACCEPTED, "990101001001", late))
    assert windows.counts() == [Count(A, datetime.fromisoformat("2026-11-01T00:00:00+08:00"), 1, 1)]


@pytest.mark.parametrize(
    ("usual", "count", "warns"),
    [
        (0, 4, False),  # under the floor
        (0, 5, True),
        (48, 5, False),  # two an hour are usual: six are three times as many
        (48, 6, True),
        (47, 6, True),
        (49, 6, False),
    ],
)
def test_a_surge_is_so_many_times_the_hours_before_and_no_fewer_than_the_floor(
    usual: int, count: int, warns: bool
) -> None:
    before = reports(NOW - 3 * HOUR, usual)
    found = [a for a in filled(*before, *reports(NOW, count)).alerts(NOW, RULES) if a.hour == hour_of(NOW)]
    assert found == ([Alert("surge", A, hour_of(NOW), count, usual / 24)] if warns else [])


def test_a_surge_of_one_township_is_not_its_neighbours() -> None:
    found = filled(*reports(NOW, 9), *reports(NOW, 1, B)).alerts(NOW, RULES)
    assert {a.township for a in found} == {A}


def test_an_hour_whose_hours_before_are_forgotten_is_not_judged() -> None:
    old = NOW - 50 * HOUR
    found = filled(*reports(old, 9), *reports(NOW, 1)).alerts(NOW, RULES)
    assert [a for a in found if a.kind == "surge"] == []


@pytest.mark.parametrize(("ago", "warns"), [(23, False), (24, True), (40, True), (71, True), (72, False)])
def test_a_township_that_reported_warns_once_it_has_not_for_so_many_hours(ago: int, warns: bool) -> None:
    last = NOW - ago * HOUR
    found = filled((FILED, A, last)).alerts(NOW, RULES)
    assert found == ([Alert("silence", A, hour_of(last), 0, 1 / 48)] if warns else [])


def test_acceptances_do_not_break_a_silence_and_a_township_that_never_reported_is_not_silent() -> None:
    found = filled((FILED, A, NOW - 30 * HOUR), (ACCEPTED, A, NOW), (ACCEPTED, B, NOW)).alerts(NOW, RULES)
    assert [(a.kind, a.township) for a in found] == [("silence", A)]


def test_what_can_not_be_read_changes_nothing() -> None:
    windows = filled((FILED, A, NOW))
    before = windows.counts()
    for bad in (
        b"",
        b"{}",
        b'{"type":"reporting.report-filed.v1","recordedat":"2026-11-01T00:00:00Z","data":{}}',
    ):
        with pytest.raises(msgspec.MsgspecError):
            windows.take("reporting", 0, 99, bad)
    assert windows.counts() == before
    assert windows.take("reporting", 0, 1, envelope_of(FILED, A, NOW)) is Outcome.ALREADY_KNOWN
