"""A body that asks too often is held up; the others, and reports of danger, are not."""

from typing import Any
from uuid import UUID

import pytest

from services.kernel.errors import TooMany
from services.kernel.people.limiting import Limits
from shouwang.client import Told
from tests.helpers import embedded

REPORT: dict[str, Any] = {
    "region": "990101001001", "grounds": ["LIVING_ALONE"], "children": [{"name": "张小禾"}],
    "found_at": "2026-10-12T07:50:00+08:00",
}  # fmt: skip


def test_each_body_is_counted_by_itself_and_zero_counts_nobody() -> None:
    limits, free = Limits(3), Limits(0)
    for _ in range(3):
        limits.take(UUID(int=1))
    for _ in range(100):
        free.take(UUID(int=1))
    with pytest.raises(TooMany):
        limits.take(UUID(int=1))
    limits.take(UUID(int=2))


@pytest.mark.req("REP-02")
async def test_a_body_that_asks_too_often_may_report_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOUWANG_RATE_PER_MINUTE", "5")
    async with embedded() as running:
        teacher, clerk = await running.sign_in("school-a-teacher"), await running.sign_in("township-a-clerk")
        for _ in range(5):
            await teacher.ask("agency/worklist")
        with pytest.raises(Told, match="429 too-many") as told:
            await teacher.ask("agency/worklist")
        assert told.value.body["facts"] == {"most_a_minute": 5}
        head = await running.sign_in("school-a-head")  # another post of the same body
        with pytest.raises(Told, match="429 too-many"):
            await head.ask("agency/worklist")
        await clerk.ask("agency/worklist")
        for _ in range(8):
            assert (await teacher.do("reporting/file-report", **REPORT))["events"]
        answer = await running.client.http.get(
            f"{running.client.urls['agency']}/agency/worklist", headers=teacher.headers
        )
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "10")
