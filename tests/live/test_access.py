"""Who may see counts: those who act on them, each its own region; everybody else nothing."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from shouwang.client import Told
from tests.helpers import Running, embedded

A, B = "990101001000", "990101002000"
SEES = {
    "police-a-desk": {A}, "police-b-desk": {B}, "police-county": {A, B}, "civil-affairs-officer": {A, B},
    "county-officer": {A, B},
}  # fmt: skip
REFUSED = (
    "school-a-teacher", "school-a-head", "township-a-clerk", "village-a1-director", "education-officer",
    "institution-officer", "procurator",
)  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running() -> AsyncIterator[Running]:
    """A county where each township has six reports of this hour: a surge each."""
    async with embedded() as made:
        for who, village in (("school-a-teacher", "990101001001"), ("school-b-teacher", "990101002001")):
            teacher = await made.sign_in(who)
            await teacher.do(
                "reporting/file-report", region=village, grounds=["LIVING_ALONE"],
                children=[{"name": f"甲{i}"} for i in range(6)], found_at="2026-10-12T07:50:00+08:00",
            )  # fmt: skip
        county = await made.sign_in("police-county")
        async with asyncio.timeout(30):
            while sum(c["filed"] for c in (await county.ask("live/counts"))["counts"]) < 12:
                await asyncio.sleep(0.02)
        yield made


async def ask(running: Running, who: str, what: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await (await running.sign_in(who)).ask(f"live/{what}"))[what]
    return found


@pytest.mark.parametrize("who", sorted(SEES))
async def test_a_body_that_may_ask_sees_its_own_region_and_nothing_of_its_neighbours(
    running: Running, who: str
) -> None:
    for what in ("counts", "alerts"):
        assert {told["township"] for told in await ask(running, who, what)} == SEES[who]
    assert {a["kind"] for a in await ask(running, who, "alerts")} == {"surge"}


@pytest.mark.parametrize("who", REFUSED)
@pytest.mark.parametrize("what", ["counts", "alerts"])
async def test_everybody_else_is_refused(running: Running, who: str, what: str) -> None:
    with pytest.raises(Told) as told:
        await ask(running, who, what)
    assert told.value.status == 403


@pytest.mark.req("PRV-01")
async def test_an_answer_holds_places_hours_and_numbers_and_nothing_else(running: Running) -> None:
    for count in await ask(running, "police-county", "counts"):
        assert set(count) == {"township", "hour", "filed", "accepted"}
    for alert in await ask(running, "police-county", "alerts"):
        assert set(alert) == {"kind", "township", "hour", "count", "usual"}


async def test_without_a_token_nothing_is_said(running: Running) -> None:
    async with httpx2.AsyncClient() as http:
        for what in ("counts", "alerts"):
            answer = await http.get(
                f"{running.client.urls['live']}/live/{what}", headers={"X-Purpose": "duty"}
            )
            assert answer.status_code == 401
