"""Made-up children for the benchmarks, as events of five sealed blocks, appended to a store in bulk."""

import asyncio
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from schemas.event import Event
from schemas.registry import ChildCategoryAssigned, ChildRegistered, Finding
from services.kernel.store import Append, EventStore
from services.kernel.world import derived_id
from services.kernel.writing.recording import Circumstances, Planned, Recorder
from services.registry.founding import body_id, person_id
from services.registry.ledger.values.ids import check_digit

VILLAGE = "990101001001"
BLOCKS = 5
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙马朱胡郭何高林罗"
_GIVEN = (
    "禾满秋月明华平安乐欣雨晨思远静文博雅俊宁晓丽建国强芳兰玉春梅"
    "志勇军伟磊涛鹏飞宇航佳怡婷娜琳萍霞慧敏洁莉红英秀珍凤龙海波江"
)
_FIRST = date(2011, 1, 1)
_SOME = 500
_FINDINGS = [
    Finding(condition=name, holds=True, clause="SY 一")
    for name in ("parents-away", "registered-rural", "under-16", "one-away-other-incapable")
]


def name_of(n: int) -> str:
    """A name of three characters; 72,000 of them."""
    return _SURNAMES[n % 20] + _GIVEN[n // 20 % 60] + _GIVEN[n // 1_200 % 60]


def number_of(n: int) -> str:
    """An ID number of a region that is nobody's; each n has its own up to 1.8 million."""
    body = f"9901{n // 900_000 % 90 + 1:02}{_born(n):%Y%m%d}{(n // 1_800 + n // 2 * 37) % 500 * 2 + n % 2:03}"
    return body + check_digit(body)


def _born(n: int) -> date:
    return _FIRST + timedelta(days=n // 2 % 900 * 5)


def child_of(n: int) -> UUID:
    """The id of the n-th child: the same in every process."""
    return derived_id("bench", n)


def events_of(n: int) -> tuple[Event, Event]:
    """Return what a ledger's row becomes: the registration (five blocks) and the decision on its categories (one)."""
    child = child_of(n)
    return (
        ChildRegistered.model_validate({
            "child": child, "region": VILLAGE, "name": name_of(n), "sex": "female" if n % 2 else "male",
            "birth_date": _born(n).isoformat(), "id_number": number_of(n), "residence": f"上塘村{n}号",
            "schooling": "primary", "father": {"name": f"{name_of(n)[0]}建国", "workplace": "广东省深圳市"},
        }, strict=False),
        ChildCategoryAssigned(
            child=child, region=VILLAGE, categories=("LEFT_BEHIND",), undetermined=(), findings=tuple(_FINDINGS)
        ),
    )  # fmt: skip


def planned_of(n: int) -> list[Planned]:
    """Return a child's events with their places in its stream."""
    child = child_of(n)
    return [Planned(e, child, v, derived_id("bench", n, v)) for v, e in enumerate(events_of(n), 1)]


def told() -> Circumstances:
    """Whose acts they are: a township's clerk's, under one import."""
    return Circumstances(
        actor=str(person_id("township-a-clerk")), on_behalf_of=str(body_id("township-a")), purpose="ledger",
        correlation=derived_id("bench", "import"),
    )  # fmt: skip


async def fill(store: EventStore, recorder: Recorder, count: int, first: int = 0) -> None:
    """Append the events of so many children; `store.run` must be running."""
    for some in _chunks(first, count):
        planned = [planned_of(n) for n in some]
        keys = await recorder.keys(p for each in planned for p in each)
        await asyncio.gather(*(store.append(Append(recorder.seal(each, told(), keys))) for each in planned))


def _chunks(first: int, count: int) -> Iterator[Any]:
    for start in range(first, first + count, _SOME):
        yield range(start, min(start + _SOME, first + count))
