"""A second version of the views beside the first: the same rows, a switch by one row, and a way back."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from infra import backup
from infra.postgres import Postgres
from services.agency import versions as module
from services.agency.app import MIGRATIONS
from services.agency.page import Row
from services.agency.versions import NoSuchView, ViewAnswers, ViewBehind, ViewDiffers
from services.kernel.database import KERNEL_MIGRATIONS, migrate
from shouwang.demo_ledger import SIBLING_NAMES
from shouwang.story import Story
from tests.agency.test_fences import sees_own_rows_alone
from tests.helpers import Running, embedded
from tests.journeys.dump import exact_dump
from tests.journeys.test_docs import run

POSTS = (
    "township-a-clerk",
    "township-b-clerk",
    "village-a1-director",
    "police-a-desk",
    "civil-affairs-officer",
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def told() -> AsyncIterator[Running]:
    """A platform on which the whole story was told: transfers, corrections, an erasure."""
    async with embedded() as running:
        await Story(running.client, lambda _: None, rows=40).tell()
        yield running


@pytest_asyncio.fixture
async def running(told: Running) -> AsyncIterator[Running]:
    """The same platform; a test's own versions are dropped afterwards, and what answered before answers again."""
    active = await answering(told)
    yield told
    await told.versions.switch(active, accept_differences=True)
    for version in await told.versions.standing():
        if not version.active:
            await told.versions.drop(version.n)
    await told.folds(active)
    await told.client.settled()


async def answering(running: Running) -> int:
    (n,) = [v.n for v in await running.versions.standing() if v.active]
    return n


async def built(running: Running) -> int:
    """A new version that has everything."""
    n = await running.versions.build()
    await running.folds(*(v.n for v in await running.versions.standing()))
    await running.client.settled()
    return n


async def answers(running: Running) -> dict[str, Any]:
    """What every post is answered: worklist, ledger, a search, and each child's page; who has looked aside."""
    found: dict[str, Any] = {}
    for key in POSTS:
        who = await running.sign_in(key)
        found[key] = [await who.ask("agency/worklist"), await who.ask("agency/ledger")]
        hits = await who.search(name=SIBLING_NAMES[0])
        found[key].append(hits)
        for child in [c["child"] for c in found[key][1]["children"][:3] + hits]:
            page = await who.ask(f"agency/children/{child}")
            found[key].append({k: v for k, v in page.items() if k != "seen_by"})
    return found


async def sent(running: Running) -> dict[str, Any]:
    """What only grows when something is sent, disclosed or looked at."""
    return {
        f"{database}.{table}": (await running.fetch(database, f"select count(*) from {table}"))[0][0]
        for database, table in (
            ("notification", "feed"), ("notification", "heard"), ("notification", "event"), ("registry", "event"),
            ("assessment", "event"), ("reporting", "event"), ("agency", "look"), ("notification", "duty"),
        )
    }  # fmt: skip


@asynccontextmanager
async def clerk_at_work(running: Running) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """A clerk registers a child and reads its page, again and again: it must see its own act. Gives "wait for n more"."""
    done: list[str] = []
    clerk = await running.sign_in("township-a-clerk")

    async def work() -> None:
        while True:
            name = f"程新{len(done):04}"
            told = await clerk.do("registry/register-child", region="990101001001", name=name)
            page = await clerk.ask(f"agency/children/{told['events'][0]['subject']}", at_least=told["token"])
            assert page["facts"]["name"] == name
            done.append(name)

    task = asyncio.create_task(work())

    async def more(count: int) -> None:
        wanted = len(done) + count
        async with asyncio.timeout(60):
            while len(done) < wanted:
                if task.done():
                    task.result()
                await asyncio.sleep(0.01)

    try:
        yield more
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.req("PLT-04")
async def test_a_version_built_while_events_come_in_is_equal_answers_alike_and_can_be_left_again(
    running: Running,
) -> None:
    old = await answering(running)
    async with clerk_at_work(running) as more:
        await more(2)
        n = await running.versions.build()
        await running.folds(old, n)
        compared = await running.versions.compare(n)
        assert compared.first is None, compared.told()
        assert all(ours == theirs > 0 for ours, theirs in compared.rows.values()), compared.rows
        await more(2)
        await running.versions.switch(n)
        assert await answering(running) == n
        await more(5)
    await running.client.settled()
    assert await exact_dump(running.fetch, n) == await exact_dump(running.fetch, old)
    after = await answers(running)
    assert any(len(told) > 3 for told in after.values())
    await running.versions.switch(old)
    assert await answers(running) == after


@pytest.mark.req("PLT-05")
async def test_building_comparing_and_switching_sends_discloses_and_records_nothing(running: Running) -> None:
    before = await sent(running)
    n = await built(running)
    assert (await running.versions.compare(n)).first is None
    await running.versions.switch(n)
    await running.client.settled()
    assert await sent(running) == before
    assert before["notification.feed"] > 100
    assert before["agency.look"] > 10


async def test_a_child_that_went_and_came_back_is_rebuilt_the_same(running: Running) -> None:
    """What an ended access took away stays away, also where the end and the new beginning come in one batch."""
    child = await running.register("程来回", birth_date="2015-03-05", father={"name": "程大山"})
    for sender, receiver, region in (("a", "b", "990101002001"), ("b", "a", "990101001001")):
        proposing, accepting = [await running.sign_in(f"township-{x}-clerk") for x in (sender, receiver)]
        await proposing.do("registry/propose-transfer", children=[child], new_region=region)
        await running.client.settled()
        (proposed,) = await running.fetch(
            "registry",
            "select envelope from event where stream = $1 and type like '%transfer-proposed%' order by seq desc limit 1",
            UUID(child),
        )
        transfer = json.loads(proposed["envelope"])["data"]["transfer"]
        await accepting.do("registry/accept-transfer", child=child, transfer=transfer)
        await running.client.settled()
    n = await built(running)
    compared = await running.versions.compare(n)
    assert compared.first is None, compared.told()


async def test_a_fold_that_drops_a_field_is_found_and_not_switched_to_unless_it_is_meant(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await answering(running)
    whole = Row.open_fields
    monkeypatch.setattr(
        Row, "open_fields", lambda row: {k: v for k, v in whole(row).items() if k != "guardian"}
    )
    n = await built(running)
    compared = await running.versions.compare(n)
    assert compared.first is not None
    assert (compared.first.table, compared.first.columns) == ("child", ["row"])
    assert compared.differing == {"entry": 0, "child": compared.rows["child"][0], "task": 0, "token": 0}
    with pytest.raises(ViewDiffers) as refused:
        await running.versions.switch(n)
    assert refused.value.facts["first"]["key"].keys() == {"agency", "child"}
    assert await answering(running) == old
    await running.versions.switch(n, accept_differences=True)
    assert await answering(running) == n
    await running.versions.switch(old)
    assert await answering(running) == old, "what answered before is gone back to without a comparison"


@pytest.mark.parametrize(
    ("planted", "table", "only"),
    [
        (
            "delete from pages_{n}.token where ctid in (select ctid from pages_{n}.token limit 1)",
            "token",
            "old",
        ),
        (
            "insert into pages_{n}.task select agency, child, 'x', child, since, null, false from pages_{n}.child limit 1",
            "task",
            "new",
        ),
        (
            "delete from pages_{n}.entry where ctid in (select ctid from pages_{n}.entry limit 1)",
            "entry",
            "old",
        ),
        ("alter table pages_{n}.child add column extra text", "child", None),
    ],
)
async def test_a_row_too_few_or_too_many_and_another_shape_are_found(
    running: Running, planted: str, table: str, only: str | None
) -> None:
    old = await answering(running)
    n = await built(running)
    await running.fetch("agency", planted.format(n=n))
    compared = await running.versions.compare(n)
    assert compared.first is not None
    assert compared.first.table == table
    assert compared.first.only_in == {"old": old, "new": n, None: None}[only]
    assert sum(compared.differing.values()) == (0 if only is None else 1)
    ours, theirs = compared.rows[table]
    assert ours - theirs == {"old": -1, "new": 1, None: 0}[only]


async def test_a_version_that_is_behind_can_not_be_switched_to_whatever_is_accepted(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.0)
    old = await answering(running)
    agency = running.platform.services["agency"]
    await agency.stop_loops()
    try:
        n = await running.versions.build()
        with pytest.raises(ViewBehind):
            await running.versions.compare(n)
        for accept in (False, True):
            with pytest.raises(ViewBehind, match="ViewBehind") as refused:
                await running.versions.switch(n, accept_differences=accept)
            assert refused.value.facts["partitions"] > 0
        (version,) = [v for v in await running.versions.standing() if v.n == n]
        assert (version.place, version.state) == (0, "building")
        assert version.behind > 0
        assert await answering(running) == old
    finally:
        await agency.start()
    await running.folds(old, n)
    await running.client.settled()
    await running.fetch(
        "agency",
        "insert into parked (consumer, source, seq, partition, orderkey, reason, record)"
        " values ($1, 'feed', 1, 0, 'x', 'poison', '')",
        f"agency.pages.{n}",
    )  # fmt: skip
    with pytest.raises(ViewBehind):
        await running.versions.switch(n, accept_differences=True)


async def test_a_dropped_version_leaves_nothing_and_the_one_that_answers_is_never_dropped(
    running: Running,
) -> None:
    old = await answering(running)
    n = await built(running)
    with pytest.raises(ViewAnswers):
        await running.versions.drop(old)
    await running.versions.drop(n)
    await running.folds(old)
    await running.register("程后来")
    await running.client.settled()
    for sql in (
        f"select 1 from pg_namespace where nspname = 'pages_{n}'", f"select 1 from version where n = {n}",
        f"select 1 from checkpoint where consumer = 'agency.pages.{n}'",
        f"select 1 from parked where consumer = 'agency.pages.{n}'",
    ):  # fmt: skip
        assert await running.fetch("agency", sql) == [], sql
        assert await running.fetch("agency", sql.replace(str(n), str(old))) or "parked" in sql, (
            "the check can fail"
        )
    for doing in (running.versions.drop, running.versions.switch, running.versions.compare):
        with pytest.raises(NoSuchView):
            await doing(n)
    assert await running.versions.build() > n, "a number is never given twice"


async def test_a_version_is_dropped_while_it_is_folded_and_neither_waits_for_the_other_for_ever(
    running: Running,
) -> None:
    """A fold takes its place in the feed first and the version then: who drops goes the same way."""
    n = await built(running)
    fold = await asyncpg.connect(running.postgres.url("agency"))
    async with fold.transaction():
        await fold.execute("update checkpoint set seq = seq where consumer = $1", f"agency.pages.{n}")
        dropping = asyncio.create_task(running.versions.drop(n))
        waits_for_us = "select from pg_stat_activity where $1 = any(pg_blocking_pids(pid))"
        async with asyncio.timeout(30):
            while not await running.fetch("agency", waits_for_us, fold.get_server_pid()):
                await asyncio.sleep(0.01)
        assert await fold.fetchval("select n from version where n = $1 for share", n) == n
    await dropping
    await fold.close()
    assert n not in [v.n for v in await running.versions.standing()]


@pytest.mark.req("PRV-03")
async def test_the_fences_of_a_new_version_are_those_of_the_first(running: Running) -> None:
    n = await built(running)
    await sees_own_rows_alone(running, n)
    shape = (
        "select c.relname, c.relkind::text, c.relrowsecurity, c.relforcerowsecurity, c.relacl::text,"
        " replace(coalesce(pg_get_indexdef(i.indexrelid), ''), n.nspname, ''), array(select (attname, atttypid,"
        " attnotnull, attstorage)::text from pg_attribute where attrelid = c.oid and attnum > 0 order by attnum),"
        " array(select (polname, polcmd, pg_get_expr(polqual, polrelid))::text from pg_policy where polrelid = c.oid)"
        " from pg_class c join pg_namespace n on n.oid = relnamespace left join pg_index i on i.indexrelid = c.oid"
        " where nspname = $1 order by 1"
    )
    first, new = [await running.fetch("agency", shape, f"pages_{v}") for v in (await answering(running), n)]
    assert new == first
    assert len(new) > 8
    await running.fetch("agency", f"alter table pages_{n}.token no force row level security")
    assert await running.fetch("agency", shape, f"pages_{n}") != first
    await running.fetch("agency", f"alter table pages_{n}.token disable row level security")
    with pytest.raises(AssertionError):
        await sees_own_rows_alone(running, n)


async def test_the_reader_chooses_the_version_with_the_statement_that_names_its_agency(
    running: Running,
) -> None:
    """No row of the old version is seen after a switch, also on a connection that has prepared its questions before."""
    n = await built(running)
    clerk = await running.sign_in("township-a-clerk")
    assert (await clerk.ask("agency/ledger"))["children"]
    await running.versions.switch(n)
    await running.fetch("agency", f"delete from pages_{n}.child")
    for _ in range(12):
        assert (await clerk.ask("agency/ledger"))["children"] == []


async def database_from_before(postgres: Postgres, name: str, folder: Path) -> str:
    """Make a database as it was before there were versions, with a row, a place and a record set aside; return its URL."""
    before = folder / "agency" / "migrations"
    before.mkdir(parents=True)
    shutil.copy2(MIGRATIONS / "001_pages.sql", before)
    admin = await asyncpg.connect(postgres.url("postgres"))
    await admin.execute(f"create database {name}")
    await admin.close()
    url = postgres.url(name)
    await migrate(url, [KERNEL_MIGRATIONS, before])
    connection = await asyncpg.connect(url)
    await connection.execute(
        "insert into task values (gen_random_uuid(), gen_random_uuid(), 'assess', gen_random_uuid(), '', null, false);"
        "insert into token select agency, 'token', child from task;"
        "insert into checkpoint values ('agency.pages', 'feed', 3, gen_random_uuid(), 7);"
        "insert into checkpoint values ('agency.reference', 'reference', 0, gen_random_uuid(), 9);"
        "insert into parked values ('agency.pages', 'feed', 7, 3, 'x', 'poison', '{}', '')"
    )
    await connection.close()
    return url


async def test_rows_and_checkpoint_of_a_folder_from_before_versions_move_along(
    postgres: Postgres, tmp_path: Path
) -> None:
    url = await database_from_before(postgres, "test_before_versions", tmp_path)
    connection = await asyncpg.connect(url)
    row = await connection.fetchrow("select * from task")
    await migrate(url, [KERNEL_MIGRATIONS, MIGRATIONS])
    assert await connection.fetchrow("select * from pages_1.task") == row
    assert await connection.fetchval("select n from active") == 1
    places = await connection.fetch(
        "select consumer, seq from checkpoint union select consumer, seq from parked order by 1"
    )
    assert [tuple(p) for p in places] == [("agency.pages.1", 7), ("agency.reference", 9)]
    with pytest.raises(asyncpg.UndefinedTableError):
        await connection.fetch("select * from task")
    await connection.close()


@pytest.mark.req("PRV-04")
async def test_a_restored_backup_from_before_versions_brings_no_row_along(
    tmp_path: Path, own_folder: Path
) -> None:
    with Postgres(own_folder / "postgres") as server:
        url = await database_from_before(server, "agency", tmp_path)
        await backup._leave_views_out(server)
        await migrate(url, [KERNEL_MIGRATIONS, MIGRATIONS])
        connection = await asyncpg.connect(url)
        for table in ("pages_1.task", "pages_1.token", "parked"):
            assert await connection.fetch(f"select * from {table}") == [], table
        assert await connection.fetch("select consumer from checkpoint") == [("agency.reference",)]
        await connection.close()


async def test_the_command_says_what_there_is_what_differs_and_why_not(running: Running) -> None:
    folder = str(running.platform.folder)

    async def view(*words: str) -> tuple[int, Any, str]:
        told = await asyncio.to_thread(run, ".venv/bin/shouwang", "view", *words, "--json", "--data", folder)
        return told.returncode, json.loads(told.stdout or "null"), told.stderr

    old = await answering(running)
    _, told, _ = await view("build")
    n = told["version"]
    await running.folds(old, n)
    await running.client.settled()
    code, told, _ = await view("list")
    assert code == 0
    assert [(v["n"], v["active"], v["state"], v["behind"]) for v in told["versions"]] == [
        (old, True, "answered", 0), (n, False, "building", 0),
    ]  # fmt: skip
    code, told, _ = await view("compare", str(n))
    assert (code, told["equal"], told["first"]) == (0, True, None)
    await running.fetch("agency", f"delete from pages_{n}.task")
    code, told, _ = await view("compare", str(n))
    assert (code, told["equal"], told["first"]["only_in"]) == (8, False, old)
    code, told, said = await view("switch", str(n))
    assert (code, told) == (6, None)
    assert "未切换" in said
    assert "nothing was switched" in said
    assert (await view("switch", str(n), "--accept-differences"))[0] == 0
    assert await answering(running) == n
    assert (await view("switch", str(old)))[0] == 0
    code, _, said = await view("drop", str(old))
    assert code == 6
    assert "正在应答" in said
    plain = await asyncio.to_thread(run, ".venv/bin/shouwang", "view", "list", "--data", folder)
    assert "应答中 answers" in plain.stdout
    assert "备用 kept" in plain.stdout
    assert (await view("drop", str(n)))[0] == 0
    assert (await view("drop", str(n)))[0] == 6
    assert (await view("switch"))[0] == 2
