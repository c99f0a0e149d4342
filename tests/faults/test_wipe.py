"""The bus loses everything while people work: it is filled again, nothing is lost, nothing is sent or told twice."""

from collections import Counter

import msgspec
import pytest

from schemas.notification import NotificationSent
from services.kernel.bus.embedded import EmbeddedBus
from shouwang.story import Story
from tests.faults.test_kills import Fetch, Writers
from tests.helpers import embedded

WIPES = 3
PEOPLE = ("township-a-clerk", "school-a-teacher")


async def notices(fetch: Fetch) -> Counter[tuple[str, str]]:
    """How often each notice was sent to whom."""
    rows = await fetch("notification", "select envelope from event where type = $1", NotificationSent.type)
    sent = [msgspec.json.decode(row["envelope"])["data"] for row in rows]
    return Counter((data["notice"], data["recipient"]) for data in sent)


async def tellings(fetch: Fetch) -> tuple[int, int]:
    """(rows of the feed, rows that say the same of the same event to the same body by the same grant)."""
    rows = await fetch(
        "notification", "select count(*), count(distinct (agency, event, role, given)) from feed"
    )
    return rows[0][0], rows[0][0] - rows[0][1]


@pytest.mark.req("PLT-05")
async def test_a_bus_wiped_three_times_under_load_is_filled_again_and_nobody_is_told_twice() -> None:
    async with embedded(EmbeddedBus()) as running:
        await Story(running.client, lambda _: None, rows=60).begin()
        before = await notices(running.fetch)
        writers = Writers({key: await running.sign_in(key) for key in PEOPLE}, 4)
        assert isinstance(running.platform.bus, EmbeddedBus)
        for _ in range(WIPES):
            await writers.more(15)
            await running.platform.bus.wipe()
        await writers.more(15)
        await writers.stop()
        await running.client.settled()
        await whole(running.fetch, writers)
        assert await notices(running.fetch) == before
        assert set(before.values()) == {1}
        assert (await tellings(running.fetch))[1] == 0


async def whole(fetch: Fetch, writers: Writers) -> None:
    """All that was acknowledged is there once; the story's own registrations and reports stand beside it."""
    own = {str(e["id"]) for done in writers.acknowledged.values() for e in done["events"]}
    found = [
        str(row["id"]) for service in ("registry", "reporting")
        for row in await fetch(service, "select id from event")
    ]  # fmt: skip
    assert own <= set(found)
    assert len(found) == len(set(found))
    for service in ("registry", "reporting", "assessment", "notification"):
        rows = await fetch(service, "select seq from event order by seq")
        assert [r["seq"] for r in rows] == list(range(1, len(rows) + 1)), service
