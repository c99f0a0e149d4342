"""Yesterday's backup, restored elsewhere with today's key ring: writing goes on, nothing is sent twice, the erased stay so."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from infra.backup import back_up, restore
from infra.positions import ConsumerAhead, refuse_ahead
from services.audit.note import read_note
from services.kernel.bus_embedded import EmbeddedBus
from services.registry.founding import post_id
from shouwang.client import Platform
from shouwang.embedded import Embedded
from tests.helpers import Running, embedded
from tests.journeys.dump import exact_dump
from tests.journeys.test_canaries import dump_of

CANARIES = {
    "name": "金丝雀监护人子",
    "phone": "13955557777",
    "address": "金丝雀住处丑",
    "id_number": "99010119550303002X",
}
_NOTICES = "select envelope from event where type = 'notification.notification-sent.v1' order by seq"


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="shouwang-test-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


async def live(running: Running) -> tuple[str, str]:
    """A child with a guardian, and a report that the township is notified of; returns child and guardian."""
    child = await running.register("程小满", birth_date="2015-03-05")
    clerk = await running.sign_in("township-a-clerk")
    done = await clerk.do(
        "registry/delegate-guardianship", children=[child], starts="2026-09-01", relation="祖母", capable=True,
        willing=True, instruments=["DELEGATION_AGREEMENT", "GUARDIANSHIP_UNDERTAKING"], **CANARIES,
    )  # fmt: skip
    assert done["events"]
    teacher, desk = await running.sign_in("school-a-teacher"), await running.sign_in("police-a-desk")
    await teacher.do(
        "reporting/file-report", region="990101001001", grounds=["LIVING_ALONE"], children=[{"name": "小满"}],
        found_at="2026-10-12T07:50:00+08:00",
    )  # fmt: skip
    await running.client.settled()
    (report,) = [
        t["ref"] for t in (await desk.ask("agency/worklist"))["tasks"] if t["kind"] == "accept-report"
    ]
    await desk.do("reporting/accept-reports", reports=[report])
    await running.client.settled()
    page = await clerk.ask(f"agency/children/{child}")
    (guardian,) = {s["open"]["guardian"] for s in page["chronology"] if "guardian" in s["open"]}
    return child, guardian


@pytest.mark.req("PRV-04")
@pytest.mark.req("PLT-05")
async def test_a_restored_platform_goes_on_sends_nothing_twice_and_shows_the_erased_as_erased(
    folder: Path,
) -> None:
    async with embedded() as running:
        child, guardian = await live(running)
        views = await exact_dump(running.fetch)
        notices = await running.fetch("notification", _NOTICES)
        await asyncio.to_thread(back_up, running.postgres, folder / "backup")
        officer = await running.sign_in("civil-affairs-officer")
        await officer.do("registry/erase-subject", person=guardian, children=[child], basis="PIPL_47")
        await running.register("后来登记的孩子")
        await running.client.settled()
        home = folder / "restored"
        home.mkdir()
        postgres = await restore(folder / "backup", home / "postgres")
        for name in ("keys.sqlite", "secrets.json", "audit.key"):
            shutil.copy2(running.platform.folder / name, home / name)
    platform = Embedded(home, postgres)
    try:
        await platform.start()
        client = Platform(platform.urls)
        again = Running(platform, postgres, client)
        await client.settled()
        assert await exact_dump(again.fetch) == views
        assert await again.fetch("notification", _NOTICES) == notices
        for database in ("registry", "notification", "agency"):
            content = await dump_of(again, database)
            assert [c for c in CANARIES.values() if c.encode() in content] == []
        for key in ("township-a-clerk", "police-a-desk", "civil-affairs-officer"):
            page = await (await client.sign_in(post_id(key))).ask(f"agency/children/{child}")
            assert [c for c in CANARIES.values() if c in str(page)] == [], key
            assert "程小满" in str(page)
        assert await again.register("恢复后登记的孩子")
        await client.settled()
        heads = await again.fetch("registry", "select count(*), max(seq) from event")
        assert heads[0][0] == heads[0][1]
        signed = await (await client.sign_in(post_id("procurator"))).ask("audit/checkpoint")
        assert signed["missing"] == {}
        logs = read_note(signed["note"], signed["key"]).logs
        for name, store in (
            ("registry", "registry"),
            ("notification", "notification"),
            ("feed", "notification"),
        ):
            (found,) = await again.fetch(store, "select incarnation from store")
            assert logs[name].incarnation == found[0], name
        await client.close()
    finally:
        await platform.stop()
        await asyncio.to_thread(postgres.stop)


async def test_a_consumer_ahead_of_a_restored_source_refuses_to_start_and_says_what_to_do() -> None:
    async with embedded() as running:
        await running.register("程小满")
        await running.client.settled()
        await running.platform.services["registry"].stop_loops()
        await refuse_ahead(running.postgres.url)
        connection = await asyncpg.connect(running.postgres.url("registry"))
        await connection.execute("delete from event where seq = (select max(seq) from event)")
        with pytest.raises(ConsumerAhead, match=r"shouwang restore.*notification.router ← registry"):
            await refuse_ahead(running.postgres.url)
        await connection.execute("update store set incarnation = gen_random_uuid()")
        with pytest.raises(ConsumerAhead, match="another log"):
            await refuse_ahead(running.postgres.url)
        await connection.close()


@pytest.mark.req("PLT-05")
async def test_a_bus_that_is_wiped_under_load_loses_nothing_and_doubles_nothing() -> None:
    bus = EmbeddedBus()
    async with embedded(bus) as running:

        async def registering(count: int) -> None:
            for i in range(count):
                await running.register(f"甲{i:03}")

        work = [asyncio.create_task(registering(12)) for _ in range(4)]
        while not all(task.done() for task in work):
            await running.register("乙")
            await bus.wipe()
        await asyncio.gather(*work)
        await running.client.settled()
        events = await running.fetch(
            "registry", "select count(*) from event where type like 'registry.child-registered%'"
        )
        feed = await running.fetch(
            "notification",
            "select count(*), count(distinct f.event) from feed f join heard h using (event)"
            " where f.role = 'ledger' and h.source = 'registry'"
            " and convert_from(h.envelope, 'UTF8')::jsonb->>'type' = 'registry.child-registered.v1'",
        )
        assert feed[0][0] == feed[0][1] == events[0][0]
        sent = await running.fetch("audit", "select count(*) from leaf where store = 'registry'")
        assert sent[0][0] == (await running.fetch("registry", "select head from store"))[0][0]
