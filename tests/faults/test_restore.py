"""Yesterday's backup, restored elsewhere with today's key ring: writing goes on, nothing is sent twice, the erased stay so."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from infra import backup
from infra.backup import back_up, restore
from infra.positions import ConsumerAhead, refuse_ahead
from infra.postgres import Postgres
from schemas.fields import birth_date_in
from services.agency.projector import Projector
from services.agency.tokens import SearchTokens
from services.audit.note import read_note
from services.kernel.bus.embedded import EmbeddedBus
from services.kernel.keys.ring import KeyRing
from services.kernel.world import RealWorld
from services.registry.founding import post_id
from shouwang.client import Told
from shouwang.embedded import Embedded
from tests.helpers import Running, embedded, new_folder, started
from tests.journeys.dump import canonical_dump, exact_dump
from tests.journeys.test_canaries import dump_of, valid_id
from tests.journeys.test_docs import run

CANARIES = {
    "name": "金丝雀监护人子",
    "phone": "13955557777",
    "address": "金丝雀住处丑",
    "id_number": "99010119550303002X",
}
_NOTICES = "select envelope from event where type = 'notification.notification-sent.v1' order by seq"


@pytest.fixture
def folder() -> Iterator[Path]:
    with new_folder(on_disk=True) as made:
        yield made


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


@asynccontextmanager
async def restored(
    backup: Path, installation: Path, home: Path, *, settle: bool = True
) -> AsyncIterator[Running]:
    """A platform that runs on a restored backup."""
    postgres = await restore(backup, installation, home)
    async with started(Embedded(home, postgres), postgres) as running:
        if settle:
            await running.client.settled()
        yield running


class Remembered:
    """Answers of a database at a moment, to be asked again when the platform has gone on."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._held: dict[tuple[str, str], Sequence[Any]] = {}

    async def fetch(self, database: str, sql: str) -> Sequence[Any]:
        if (database, sql) not in self._held:
            self._held[database, sql] = await self._running.fetch(database, sql)
        return self._held[database, sql]


async def told_to(running: Running) -> Counter[tuple[str, str]]:
    """How many notices, and how many things of each kind, each recipient was sent."""
    sent = [json.loads(row["envelope"]) for row in await running.fetch("notification", _NOTICES)]
    feed = await running.fetch("notification", "select agency, role from feed")
    return Counter(
        [("notice", e["data"]["recipient"]) for e in sent] + [(r["role"], str(r["agency"])) for r in feed]
    )


def tokens_of(running: Running) -> list[bytes]:
    """Every token under which the child alone was found that is erased later: others were born on the same day."""
    search = SearchTokens(running.platform.keys.search_key)
    shared = search.of_birth_date(birth_date_in(_NUMBER))
    return sorted((search.of_name(_ERASED) | search.of_id_number(_NUMBER)) - shared)


_FOUND = "select agency from token where child = $1 or token = any($2::bytea[])"
_ERASED, _NUMBER = "欧阳禾丑", valid_id()


@pytest.mark.req("PRV-04")
@pytest.mark.req("PLT-05")
async def test_a_restored_platform_goes_on_sends_nothing_twice_and_shows_the_erased_as_erased(
    folder: Path,
) -> None:
    home = folder / "restored"
    async with embedded() as running:
        child, guardian = await live(running)
        views = await exact_dump(running.fetch)
        notices = await running.fetch("notification", _NOTICES)
        await asyncio.to_thread(back_up, running.postgres, folder / "backup")
        officer = await running.sign_in("civil-affairs-officer")
        await officer.do("registry/erase-subject", person=guardian, children=[child], basis="PIPL_47")
        await running.register("后来登记的孩子")
        await running.client.settled()
        installation = running.platform.folder
        async with restored(folder / "backup", installation, home) as again:
            client = again.client
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
                ("agency", "agency"),
            ):
                (found,) = await again.fetch(store, "select incarnation from store")
                assert logs[name].incarnation == found[0], name


@pytest.mark.req("PRV-04")
@pytest.mark.req("PLT-05")
async def test_a_child_erased_after_the_backup_is_not_found_again_and_all_others_are(folder: Path) -> None:
    async with embedded() as running:
        await live(running)
        child = await running.register(_ERASED, birth_date="2015-03-05", id_number=_NUMBER)
        await running.client.settled()
        clerk = await running.sign_in("township-a-clerk")
        assert [c["child"] for c in await clerk.search(name="欧阳")] == [child]
        then = Remembered(running)
        await canonical_dump(then.fetch, running.platform.keys)
        looks = [dict(r) for r in await running.fetch("agency", "select * from look order by id")]
        sent, tokens = await told_to(running), tokens_of(running)
        assert len(await running.fetch("agency", _FOUND, UUID(child), tokens)) > 40, "the check can fail"
        await asyncio.to_thread(back_up, running.postgres, folder / "backup")
        officer = await running.sign_in("civil-affairs-officer")
        await officer.do("registry/erase-subject", person=child, children=[child], basis="PIPL_47")
        await running.client.settled()
        assert await running.fetch("agency", _FOUND, UUID(child), tokens) == []
        expected = await canonical_dump(then.fetch, running.platform.keys)
        async with restored(folder / "backup", running.platform.folder, folder / "restored") as again:
            ((version,),) = await again.fetch("agency", "select n from version")
            assert await again.fetch(
                "agency", "select nspname from pg_namespace where nspname like 'pages%'"
            ) == [(f"pages_{version}",)]
            assert version > 1
            assert await again.fetch("agency", _FOUND, UUID(child), tokens) == []
            for key in ("township-a-clerk", "police-a-desk", "civil-affairs-officer"):
                who = await again.sign_in(key)
                for asked in (
                    {"name": _ERASED},
                    {"name": "欧阳"},
                    {"number": _NUMBER},
                    {"number": _NUMBER[-4:]},
                ):
                    assert await who.search(**asked) == [], (key, asked)
                assert [c["name"] for c in await who.search(name="小满") if c["on_file"]] == ["程小满"], key
            gone = [line for line in expected if line.startswith("tokens") and "<None/" in line]
            assert len(gone) > 2
            dump = await canonical_dump(again.fetch, again.platform.keys)
            assert dump == [line for line in expected if line not in gone]
            assert await told_to(again) == sent
            kept = [dict(r) for r in await again.fetch("agency", "select * from look order by id")]
            assert [look for look in kept if look in looks] == looks
            assert await again.register("恢复后登记的孩子")
            await again.client.settled()
            clerk = await again.sign_in("township-a-clerk")
            assert len(await clerk.search(name="恢复后")) == 1


async def test_views_that_a_restore_would_take_along_bring_the_erased_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted violation: rows of the backup stay as they are."""

    async def leave_them(_: Postgres) -> None:
        """Leave nothing out."""

    monkeypatch.setattr(backup, "_leave_views_out", leave_them)
    async with embedded() as running:
        child = await running.register(_ERASED, id_number=_NUMBER)
        await running.client.settled()
        await asyncio.to_thread(back_up, running.postgres, folder / "backup")
        officer = await running.sign_in("civil-affairs-officer")
        await officer.do("registry/erase-subject", person=child, children=[child], basis="PIPL_47")
        await running.client.settled()
        async with restored(folder / "backup", running.platform.folder, folder / "restored") as again:
            assert await again.fetch("agency", _FOUND, UUID(child), tokens_of(again)) != []
            # A search shows nobody whose name doesn't open, but the rows tell that there was somebody of that name.
            assert await (await again.sign_in("township-a-clerk")).search(name=_ERASED) == []


async def test_until_the_views_are_full_again_nobody_is_told_that_a_child_is_not_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with embedded() as running:
        child = await running.register("程小满")
        await running.client.settled()
        await asyncio.to_thread(back_up, running.postgres, folder / "backup")
        gate, fold = asyncio.Event(), Projector.fold

        async def held(self: Projector, rows: Any, records: Any) -> None:
            await gate.wait()
            await fold(self, rows, records)

        monkeypatch.setattr(Projector, "fold", held)
        async with restored(
            folder / "backup", running.platform.folder, folder / "restored", settle=False
        ) as again:
            clerk = await again.sign_in("township-a-clerk")
            for path in ("agency/worklist", "agency/ledger", f"agency/children/{child}"):
                with pytest.raises(Told, match="503 not-yet"):
                    await clerk.ask(path)
            with pytest.raises(Told, match="503 not-yet"):
                await clerk.search(name="程小满")
            gate.set()
            await again.client.settled()
            assert [c["child"] for c in await clerk.search(name="程小满")] == [child]
            async with asyncio.timeout(30):
                while await again.fetch("agency", "select 1 from awaited"):
                    await asyncio.sleep(0.03)


@pytest.mark.parametrize("lacking", ["keys.sqlite", "secrets.json", "everything"])
async def test_without_todays_keys_nothing_is_restored_and_it_says_why(folder: Path, lacking: str) -> None:
    installation = folder / "installation"
    installation.mkdir()
    for name in {"keys.sqlite", "secrets.json", "audit.key"} - {lacking}:
        (installation / name).touch()
    (folder / "backup").mkdir()
    given = [] if lacking == "everything" else ["--installation", str(installation)]
    words = ["restore", "--from", str(folder / "backup"), "--data", str(folder / "new"), *given]
    told = await asyncio.to_thread(run, ".venv/bin/shouwang", *words)
    assert told.returncode == 3, told.stderr
    assert "没有恢复任何内容" in told.stderr
    assert "nothing was restored" in told.stderr
    assert (lacking in told.stderr) is bool(given)
    assert not (folder / "new").exists()


async def test_keys_made_just_before_a_crash_are_copied_too(folder: Path) -> None:
    """What SQLite holds in its log beside the file is part of the ring."""
    ring = KeyRing(folder / "keys.sqlite", "x", RealWorld())
    ring.ensure(["last"])
    assert (folder / "keys.sqlite-wal").stat().st_size > 0
    for name in ("secrets.json", "audit.key"):
        (folder / name).touch()
    (folder / "copy").mkdir()
    backup._copy_keys(folder, folder / "copy")
    copy = KeyRing(folder / "copy" / "keys.sqlite", "x", RealWorld())
    assert copy.keys([("last", "name")]) == ring.keys([("last", "name")]) != {}
    for each in (ring, copy):
        each.close()


async def test_a_consumer_ahead_of_a_restored_source_refuses_to_start_and_says_what_to_do() -> None:
    async with embedded() as running:
        await running.register("程小满")
        await (await running.sign_in("township-a-clerk")).ask("agency/ledger")
        await running.client.settled()
        for name in ("registry", "agency"):
            await running.platform.services[name].stop_loops()
        await refuse_ahead(running.postgres.url)
        await running.fetch("agency", "update look set seq = seq - 1 where seq = (select max(seq) from look)")
        with pytest.raises(ConsumerAhead, match=r"audit\.read ← agency"):
            await refuse_ahead(running.postgres.url)
        await running.fetch("agency", "update look set seq = seq + 1 where seq = (select max(seq) from look)")
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
