"""The story of the demo county, in both profiles, under faults, and after a rebuild: the same rows every time."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from infra.kafka import Kafka
from infra.postgres import Postgres
from services.kernel.bus.embedded import Chaos, EmbeddedBus
from services.kernel.keys.ring import KeyRing
from services.kernel.world import RealWorld
from services.registry.founding import post_id
from shouwang.client import Person, Platform, Told
from shouwang.demo_ledger import GRANDMOTHER_NAME, SIBLING_NAMES
from shouwang.distributed import Distributed
from shouwang.embedded import secrets_of
from shouwang.story import Story
from shouwang.viewing import versions_in
from tests.helpers import Running, embedded, fetch_from
from tests.journeys.dump import canonical_dump, exact_dump

ROWS = 60


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def told() -> AsyncIterator[tuple[Running, list[str]]]:
    """A quiet embedded platform on which the story was told, and what was said."""
    async with embedded() as running:
        said: list[str] = []
        await Story(running.client, said.append, rows=ROWS).begin()
        yield running, said


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def whole() -> AsyncIterator[Running]:
    """A quiet embedded platform on which all of it was told."""
    async with embedded() as running:
        await Story(running.client, lambda _: None, rows=ROWS).tell()
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def dump(whole: Running) -> list[str]:
    return await canonical_dump(whole.fetch, whole.platform.keys)


async def sibling(running: Running, key: str, name: str = SIBLING_NAMES[0]) -> tuple[Person, dict[str, Any]]:
    clerk = await running.sign_in("township-a-clerk")
    (found,) = [c for c in await clerk.search(name=name) if c["on_file"]]
    who = await running.sign_in(key)
    return who, await who.ask(f"agency/children/{found['child']}")


@pytest.mark.req("REG-01")
@pytest.mark.req("REG-02")
async def test_the_pack_says_whether_a_child_is_left_behind_and_why(told: tuple[Running, list[str]]) -> None:
    _, page = await sibling(told[0], "township-a-clerk")
    assert page["facts"]["categories"] == ["LEFT_BEHIND"]
    assert {f["condition"]: f.get("holds") for f in page["facts"]["findings"]} == {
        "both_parents_away": True, "one_away_other_incapable": None, "under_age": True, "rural_household": True,
    }  # fmt: skip


@pytest.mark.req("GRD-03")
@pytest.mark.req("GRD-17")
async def test_both_siblings_have_their_grandmother_as_delegated_guardian(
    told: tuple[Running, list[str]],
) -> None:
    guardians = set()
    for name in SIBLING_NAMES:
        _, page = await sibling(told[0], "township-a-clerk", name)
        (step,) = [s for s in page["chronology"] if s["type"] == "registry.guardianship-delegated.v1"]
        assert any((s["fields"] or {}).get("name") == GRANDMOTHER_NAME for s in step["shown"])
        guardians.add(step["open"]["guardian"])
    assert len(guardians) == 1


@pytest.mark.req("EMR-17")
@pytest.mark.req("ASM-01", "PRV-02")
async def test_the_notice_opens_one_assessment_a_child_and_is_acknowledged_once(
    told: tuple[Running, list[str]],
) -> None:
    for name in SIBLING_NAMES:
        clerk, page = await sibling(told[0], "township-a-clerk", name)
        types = [s["type"] for s in page["chronology"]]
        for once in (
            "reporting.police-notice-sent.v1", "assessment.assessment-opened.v1", "notification.notification-sent.v1",
            "notification.notification-acknowledged.v1",
        ):  # fmt: skip
            assert types.count(once) == 1, once
        assert [t["kind"] for t in page["tasks"]] == ["assess"]
    tasks = (await clerk.ask("agency/worklist"))["tasks"]
    assert {t["kind"] for t in tasks} == {"assess"}
    assert all(t["name"] for t in tasks)
    (look,) = await told[0].fetch(
        "agency", "select classes from look where operation = 'worklist' order by at desc limit 1"
    )
    assert look["classes"] == ["name"]  # no more was opened, so no more is said to have been shown


@pytest.mark.req("PRV-01")
async def test_only_the_police_see_the_report_and_who_made_it(told: tuple[Running, list[str]]) -> None:
    for key, sees in (
        ("police-a-desk", True), ("police-county", True), ("township-a-clerk", False), ("village-a1-director", False),
        ("civil-affairs-officer", False),
    ):  # fmt: skip
        _, page = await sibling(told[0], key)
        assert ("梁老师" in str(page)) is sees, key
        assert any(s["type"] == "reporting.report-filed.v1" for s in page["chronology"]) is sees


async def test_the_teachers_own_school_and_the_other_township_see_nothing(
    told: tuple[Running, list[str]],
) -> None:
    _, page = await sibling(told[0], "township-a-clerk")
    for key in ("school-a-teacher", "school-a-head", "township-b-clerk", "police-b-desk", "procurator"):
        stranger = await told[0].sign_in(key)
        for child in (page["child"], *page["also"]):
            with pytest.raises(Told, match="404"):
                await stranger.ask(f"agency/children/{child}")
        assert await stranger.search(name=SIBLING_NAMES[0]) == []
        assert (await stranger.ask("agency/worklist"))["tasks"] == []


@pytest.mark.req("PLT-03")
async def test_the_page_says_who_has_seen_it(told: tuple[Running, list[str]]) -> None:
    _, page = await sibling(told[0], "township-a-clerk")
    bodies = {look["body"] for look in page["seen_by"]}
    assert {"青禾镇人民政府", "望川县民政局", "上塘村村民委员会"} <= bodies
    assert "青禾派出所" not in bodies
    _, page = await sibling(told[0], "village-a1-director")
    assert {look["body"] for look in page["seen_by"]} == {"上塘村村民委员会"}


@pytest.mark.req("PLT-07")
async def test_telling_it_again_adds_no_event(whole: Running) -> None:
    before = await whole.client.positions()
    said: list[str] = []
    await Story(whole.client, said.append, rows=ROWS).tell()
    after = await whole.client.positions()
    assert {k: v.get("heads") for k, v in before.items()} == {k: v.get("heads") for k, v in after.items()}
    assert not any(re.search(r"\baccepted \d", line) for line in said)
    assert any(re.search(r"\bduplicate \d\d", line) for line in said)


@pytest.mark.req("PLT-08")
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_duplicates_lag_and_any_interleaving_give_the_same_rows(dump: list[str], seed: int) -> None:
    chaos = Chaos(seed=seed, duplicates=0.5, window=30, lag=0.3)
    async with embedded(EmbeddedBus(chaos)) as running:
        await Story(running.client, lambda _: None, rows=ROWS).tell()
        assert await canonical_dump(running.fetch, running.platform.keys) == dump


@pytest.mark.req("PLT-04")
@pytest.mark.req("PLT-05")
async def test_views_rebuilt_from_an_empty_bus_are_the_same_to_the_byte(whole: Running) -> None:
    running = whole
    before = await exact_dump(running.fetch)
    heads = await running.client.positions()
    agency = running.platform.services["agency"]
    await agency.stop_loops()
    for table in ("entry", "child", "task", "token", "checkpoint", "parked"):
        await running.fetch("agency", f"delete from {table}")
    assert isinstance(running.platform.bus, EmbeddedBus)
    await running.platform.bus.wipe()
    await agency.start()
    await running.client.settled()
    assert await exact_dump(running.fetch) == before
    after = await running.client.positions()
    assert {k: v.get("heads") for k, v in heads.items()} == {k: v.get("heads") for k, v in after.items()}


@pytest.mark.slow
async def test_the_kafka_profile_gives_the_same_rows(dump: list[str], kafka: Kafka, own_folder: Path) -> None:
    folder, postgres = own_folder, Postgres(own_folder / "postgres")
    await asyncio.to_thread(postgres.start)
    await asyncio.to_thread(kafka.wipe)
    platform = Distributed(folder, postgres, kafka)
    try:
        await platform.start()
        client = Platform(platform.urls)
        await Story(client, lambda _: None, rows=ROWS).tell()
        await client.settled()
        ring = KeyRing(folder / "keys.sqlite", secrets_of(folder)["key_passphrase"], RealWorld())

        async def fetch(database: str, sql: str, *values: Any) -> Sequence[Any]:
            return await fetch_from(postgres, database, sql, *values)

        assert await canonical_dump(fetch, ring) == dump
        before = await exact_dump(fetch)
        async with httpx2.AsyncClient(base_url=platform.pages, follow_redirects=True, timeout=60) as browser:
            await browser.post("/console/sign-in", data={"post": str(post_id("procurator"))})
            await platform.kill("console")
            (child,) = (await fetch("agency", "select child from child limit 1"))[0]
            page = await browser.get("/console/child", params={"child": str(child)})
            assert (page.status_code, "谁看得到该儿童的什么" in page.text) == (200, True), (
                "nobody is signed out by it"
            )
        await asyncio.to_thread(kafka.wipe)
        from infra.kafka import create_topics
        from services.kernel.bus.port import TOPICS

        await create_topics(kafka.bootstrap, TOPICS)
        for table in ("entry", "child", "task", "token", "checkpoint", "parked"):
            await fetch("agency", f"delete from {table}")
        await platform.kill("agency")
        await client.settled()
        assert await exact_dump(fetch) == before
        versions = versions_in(folder)
        n = await versions.build()
        async with asyncio.timeout(60):
            while await client.versions_folded() != {1, n}:
                await asyncio.sleep(0.1)
        await client.settled()
        assert (await versions.compare(n)).first is None
        await versions.switch(n)
        assert await exact_dump(fetch, n) == before
        ring.close()
        await client.close()
    finally:
        await platform.stop()
        await asyncio.to_thread(postgres.stop)
