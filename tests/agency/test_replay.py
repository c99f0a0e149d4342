"""What a body's page was at a moment: the fold of what it had been told by then (PLT-03)."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shouwang.client import Told
from tests.helpers import Running, embedded
from tests.journeys.test_docs import run


async def page(running: Running, key: str, child: str, until: datetime | None = None) -> dict[str, Any]:
    told = {"until": until.isoformat()} if until else {}
    found: dict[str, Any] = await (await running.sign_in(key)).ask(f"agency/children/{child}", **told)
    return {k: v for k, v in found.items() if k != "seen_by"}


@pytest.mark.req("PLT-03")
@pytest.mark.req("OVS-08")
async def test_a_page_replayed_to_a_moment_is_the_page_that_was_seen_then() -> None:
    async with embedded() as running:
        start = datetime.now(UTC)
        child = await running.register("程小满", birth_date="2015-03-05")
        await running.client.settled()
        moments = []
        for schooling in ("primary", "junior_secondary", "dropped_out"):
            moments.append((datetime.now(UTC), await page(running, "township-a-clerk", child)))
            clerk = await running.sign_in("township-a-clerk")
            await clerk.do("registry/update-ledger-entry", child=child, schooling=schooling)
            await running.client.settled()
        for moment, seen in moments:
            assert await page(running, "township-a-clerk", child, moment) == seen
        now = await page(running, "township-a-clerk", child)
        assert now["facts"]["schooling"] == "dropped_out"
        assert moments[1][1]["facts"]["schooling"] == "primary"
        with pytest.raises(Told, match="404"):
            await page(running, "township-a-clerk", child, start)
        told = await asyncio.to_thread(
            run, ".venv/bin/shouwang", "replay", "--view", "page", "--child", child, "--as", "township-a-clerk",
            "--until", "2126-05-03T14:05", "--url", running.client.urls["agency"],
        )  # fmt: skip
        assert json.loads(told.stdout)["facts"] == now["facts"], told.stderr


@pytest.mark.req("PRV-03")
async def test_a_replay_does_not_bring_back_what_an_ended_access_took_away() -> None:
    async with embedded() as running:
        child = await running.register("程小满", father={"name": "程大山"})
        await running.client.settled()
        moment = datetime.now(UTC)
        assert "程大山" in str(await page(running, "village-a1-director", child))
        a, b = await running.sign_in("township-a-clerk"), await running.sign_in("township-b-clerk")
        await a.do("registry/propose-transfer", children=[child], new_region="990101002001")
        await running.client.settled()
        (task,) = (await b.ask("agency/worklist"))["tasks"]
        await b.do("registry/accept-transfer", child=child, transfer=task["ref"])
        await running.client.settled()
        for until in (None, moment):
            with pytest.raises(Told, match="404"):
                await page(running, "village-a1-director", child, until)
