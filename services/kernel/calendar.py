"""Days as people in China count them: when a limit of hours, calendar days or working days ends (PLT-10)."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter

from services.kernel.errors import Refusal
from services.kernel.world import CHINA, day_of

_FILE = Path(__file__).parents[2] / "schemas" / "calendar.yaml"
_SATURDAY = 5


class CalendarUnknown(Refusal):
    """该年度的节假日安排尚未录入,无法计算工作日:请更新 schemas/calendar.yaml。 · The year's holidays are not on record, so working days can't be counted: update schemas/calendar.yaml."""  # noqa: E501


class _Year(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    notice: str
    holidays: tuple[tuple[date, date], ...]
    workdays: tuple[date, ...]


@dataclass(frozen=True)
class Calendar:
    """The State Council's yearly notices: holidays, and weekend days that are worked to make up for them."""

    years: dict[int, _Year]

    def works(self, day: date) -> bool:
        """Tell whether a day is a working day. Raises CalendarUnknown for a year that is not on record."""
        if (year := self.years.get(day.year)) is None:
            raise CalendarUnknown(year=day.year)
        if day in year.workdays:
            return True
        return day.weekday() < _SATURDAY and not any(first <= day <= last for first, last in year.holidays)

    def due(self, start: datetime, limit: str) -> datetime:
        """Return the moment at which a limit (`24h`, `2d`, `3wd`) that runs from `start` has passed.

        Hours run from the moment. Of days the first is not counted, and the last ends at midnight (民法典 201).
        A last day that is a holiday is not moved: a duty to protect doesn't wait. Raises CalendarUnknown.
        """
        number, unit = int(limit.rstrip("hdw")), limit.lstrip("0123456789")
        if unit == "h":
            return start + timedelta(hours=number)
        day = day_of(start)
        while number:
            day += timedelta(days=1)
            number -= unit == "d" or self.works(day)
        return datetime.combine(day + timedelta(days=1), time(), CHINA)

    def extended(self, due: datetime, limit: str) -> datetime:
        """Return a due moment moved on by a limit: a day that ends at midnight ends at a later midnight."""
        return self.due(due if limit.endswith("h") else due - timedelta(microseconds=1), limit)


@cache
def calendar() -> Calendar:
    """Return the shipped calendar."""
    told = yaml.safe_load(_FILE.read_text(encoding="utf8"))
    return Calendar(TypeAdapter(dict[int, _Year]).validate_python(told))
