"""Counts by township and hour of the last 72 hours, and what they warn of. Pure: event time in, `now` handed in."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

import msgspec

from services.kernel.world import CHINA

KEPT = timedelta(hours=72)
"""What is remembered, counted back from the newest hour that a record named."""
FILED, ACCEPTED = "reporting.report-filed.v1", "reporting.report-accepted.v1"
_HOUR = timedelta(hours=1)


class Outcome(StrEnum):
    """What became of a record."""

    APPLIED = "applied"
    ALREADY_KNOWN = "already_known"
    NOT_OURS = "not_ours"
    TOO_OLD = "too_old"


class Rules(msgspec.Struct, frozen=True):
    """When to warn. No clause of any document gives a number: these are the county's own choice."""

    surge_times: float = 3.0
    """An hour warns when it holds at least so many times the mean of the hours before it …"""
    surge_before: int = 24
    """… of so many hours before it …"""
    surge_floor: int = 5
    """… and at least so many reports."""
    silence_hours: int = 24
    """A township that usually reports warns when it hasn't for so many hours."""


class _Data(msgspec.Struct):
    region: str


class _Told(msgspec.Struct):
    """The open part of an envelope that is read here; everything else stays shut."""

    type: str
    recordedat: datetime


class _Located(_Told):
    data: _Data


_told = msgspec.json.Decoder(_Told).decode
_located = msgspec.json.Decoder(_Located).decode


@dataclass(frozen=True)
class Seen:
    """One report or acceptance: when (the hour, as clocks in China show it) and where, and nothing about anybody."""

    hour: datetime
    township: str
    type: str


@dataclass(frozen=True)
class Count:
    """What one township's hour holds."""

    township: str
    hour: datetime
    filed: int
    accepted: int


@dataclass(frozen=True)
class Alert:
    """A warning. `count` is what the hour of a surge holds; `usual` the reports an hour that were to be expected."""

    kind: Literal["surge", "silence"]
    township: str
    hour: datetime
    count: int
    usual: float


def hour_of(moment: datetime) -> datetime:
    """Return the beginning of a moment's hour in China."""
    return moment.astimezone(CHINA).replace(minute=0, second=0, microsecond=0)


def township_of(region: str) -> str:
    """Return the code of the township that a region lies in (or is)."""
    return region[:9] + "000"


def find_seen(envelope: bytes) -> Seen | None:
    """Read what is counted here; None for other events. Raises msgspec.DecodeError for what is no envelope."""
    if _told(envelope).type not in {FILED, ACCEPTED}:
        return None
    told = _located(envelope)
    return Seen(hour_of(told.recordedat), township_of(told.data.region), told.type)


class Windows:
    """The records of the last 72 hours by their place in the log: again and in any order, they count once."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._seen: dict[tuple[str, int], Seen] = {}
        self._newest: datetime | None = None
        self.places: dict[tuple[str, int], int] = {}
        """Highest seq heard of each source and partition, counted or not."""
        self.parked = 0
        """Records that could not be read."""

    def take(self, source: str, partition: int, seq: int, envelope: bytes) -> Outcome:
        """Count a record. Raises msgspec.DecodeError, and changes nothing, where it can't be read."""
        seen = find_seen(envelope)
        self.places[source, partition] = max(seq, self.places.get((source, partition), 0))
        if seen is None:
            return Outcome.NOT_OURS
        if (source, seq) in self._seen:
            return Outcome.ALREADY_KNOWN
        if self._newest is not None and seen.hour <= self._newest - KEPT:
            return Outcome.TOO_OLD
        self._seen[source, seq] = seen
        if self._newest is None or seen.hour > self._newest:
            self._newest = seen.hour
            oldest = seen.hour - KEPT
            self._seen = {at: s for at, s in self._seen.items() if s.hour > oldest}
        return Outcome.APPLIED

    def counts(self) -> list[Count]:
        """Return every hour that holds something, by township and hour."""
        found = Counter(self._seen.values())
        places = sorted({(s.township, s.hour) for s in found})
        return [Count(t, h, found[Seen(h, t, FILED)], found[Seen(h, t, ACCEPTED)]) for t, h in places]

    def alerts(self, now: datetime, rules: Rules) -> list[Alert]:
        """Return what there is to warn of at `now`, by township and hour."""
        filed: dict[str, Counter[datetime]] = {}
        for s in self._seen.values():
            if s.type == FILED:
                filed.setdefault(s.township, Counter())[s.hour] += 1
        found: list[Alert] = []
        for township, hours in sorted(filed.items()):
            found += self._surges(township, hours, rules)
            found += _silence(township, hours, hour_of(now), rules)
        return found

    def _surges(self, township: str, hours: Counter[datetime], rules: Rules) -> Iterator[Alert]:
        """Judge the hours whose hours before are all still remembered."""
        assert self._newest is not None  # noqa: S101 - there are hours
        first = self._newest - KEPT + rules.surge_before * _HOUR
        for hour, count in sorted(hours.items()):
            before = sum(hours[hour - i * _HOUR] for i in range(1, rules.surge_before + 1))
            usual = before / rules.surge_before
            if hour > first and count >= rules.surge_floor and count >= rules.surge_times * usual:
                yield Alert("surge", township, hour, count, usual)


def _silence(township: str, hours: Counter[datetime], now: datetime, rules: Rules) -> Iterator[Alert]:
    since = now - rules.silence_hours * _HOUR
    usual = sum(n for hour, n in hours.items() if now - KEPT < hour <= since)
    if usual and not any(since < hour <= now for hour in hours):
        expected = usual / (KEPT / _HOUR - rules.silence_hours)
        yield Alert("silence", township, max(h for h in hours if h <= since), 0, expected)
