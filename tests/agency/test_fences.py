"""What stands between an agency and what is not for it: rows, keys, the record of each look."""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from infra.databases import password
from services.agency.finding import _BEST
from services.agency.reading import Reading
from services.agency.views import _FILES, _having
from services.kernel.errors import RecordingDown
from services.notification.feed import Disclosed
from services.registry.founding import body_id
from shouwang.client import Told
from shouwang.embedded import secrets_of
from tests.helpers import Running, embedded
from tests.registry.ledger.making import number

FACTS: dict[str, Any] = {
    "birth_date": "2015-03-05",
    "residence": "上塘村1组",
    "father": {"name": "张大田"},
    "family_id_numbers": {"father": "990101198503120010"},
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def platform() -> AsyncIterator[tuple[Running, str]]:
    async with embedded() as running:
        child = await running.register("张小禾", **FACTS)
        await running.client.settled()
        yield running, child


async def reader(running: Running, version: int = 1) -> Any:
    secret = secrets_of(running.platform.folder)["database"]
    connection = await asyncpg.connect(
        running.postgres.url("agency", "agency_app", password(secret, "agency_app"))
    )
    await connection.execute(f"set search_path = pages_{version}, public")
    return connection


async def sees_own_rows_alone(running: Running, version: int) -> None:
    """Try the fences of one version of the views as the role that answers."""
    connection = await reader(running, version)
    for table in ("entry", "child", "task", "token"):
        assert await connection.fetchval(f"select count(*) from {table}") == 0
    async with connection.transaction():
        await connection.execute("select set_config('shouwang.agency', $1, true)", str(body_id("township-a")))
        for table in ("entry", "child", "token"):
            seen = {r["agency"] for r in await connection.fetch(f"select agency from {table}")}
            assert seen == {body_id("township-a")}, table
    assert await connection.fetchval("select count(*) from entry") == 0
    for sql in (
        "delete from entry",
        "update look set purpose = ''",
        "delete from look",
        "alter table entry disable row level security",
        "update active set n = 1",
        f"create table pages_{version}.own (n integer)",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(sql)
    await connection.close()


@pytest.mark.req("PRV-03")
async def test_a_reader_sees_the_rows_of_one_agency_and_without_one_sees_none(
    platform: tuple[Running, str],
) -> None:
    await sees_own_rows_alone(platform[0], 1)


async def test_with_row_level_security_off_the_check_would_notice(platform: tuple[Running, str]) -> None:
    running, _ = platform
    await running.fetch("agency", "alter table entry disable row level security")
    try:
        with pytest.raises(AssertionError):
            await sees_own_rows_alone(running, 1)
    finally:
        await running.fetch("agency", "alter table entry enable row level security")


@pytest.mark.req("PRV-03")
async def test_each_body_sees_the_classes_of_its_role_and_no_more(platform: tuple[Running, str]) -> None:
    running, child = platform
    everything = {"name", "address", "family", "idnumber"}
    for key, expected in (
        ("township-a-clerk", everything), ("village-a1-director", everything - {"idnumber"}),
        ("civil-affairs-officer", everything), ("police-a-desk", {"name", "address", "idnumber"}),
    ):  # fmt: skip
        page = await (await running.sign_in(key)).ask(f"agency/children/{child}")
        step = next(s for s in page["chronology"] if s["type"] == "registry.child-registered.v1")
        assert {s["data_class"] for s in step["shown"]} == expected, key
        assert set(step["withheld"]) == everything - expected


@pytest.mark.req("PRV-02")
async def test_a_key_that_the_feed_has_not_earned_opens_nothing(
    platform: tuple[Running, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    running, child = platform

    async def nothing(self: Disclosed, agency: UUID, pairs: Sequence[Any]) -> set[Any]:
        del self, agency, pairs
        return set()

    monkeypatch.setattr(Disclosed, "earned", nothing)
    page = await (await running.sign_in("township-a-clerk")).ask(f"agency/children/{child}")
    assert "张小禾" not in str(page)
    assert all(s["fields"] is None for step in page["chronology"] for s in step["shown"])


@pytest.mark.req("PRV-02")
async def test_a_key_released_for_what_the_feed_never_gave_is_noticed(
    platform: tuple[Running, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted violation: whoever asks for a key is handed it."""
    running, child = platform
    clerk, body = await running.sign_in("township-a-clerk"), body_id("township-a")
    taken = await running.fetch("notification", "delete from disclosed where agency = $1 returning *", body)
    try:
        assert "张小禾" not in str(await clerk.ask(f"agency/children/{child}"))

        async def everything(self: Disclosed, agency: UUID, pairs: Sequence[Any]) -> set[Any]:
            del self, agency
            return set(pairs)

        monkeypatch.setattr(Disclosed, "earned", everything)
        assert "张小禾" in str(await clerk.ask(f"agency/children/{child}"))
    finally:
        for row in taken:
            await running.fetch("notification", "insert into disclosed values ($1, $2, $3)", *row)


@pytest.mark.req("PRV-02")
@pytest.mark.parametrize(
    "path", ["agency/worklist", "agency/ledger", "agency/children/{}", "search", "nobody"]
)
async def test_a_look_that_can_not_be_recorded_is_not_answered(
    platform: tuple[Running, str], path: str
) -> None:
    running, child = platform
    clerk = await running.sign_in("township-a-clerk")
    await running.fetch("agency", "revoke insert on look from agency_app")
    try:
        with pytest.raises(Told, match="503 recording-down") as told:
            await look(clerk, path, child)
        assert "张小禾" not in str(told.value.body)
    finally:
        await running.fetch("agency", "grant insert on look to agency_app")


async def look(who: Any, path: str, child: str) -> Any:
    if path == "search":
        return await who.search(name="小禾")
    if path == "nobody":
        return await who.search(name="无此人")
    return await who.ask(path.format(child))


@pytest.mark.req("PRV-02")
async def test_every_look_is_on_record_with_whom_it_showed_and_what_for(
    platform: tuple[Running, str],
) -> None:
    running, child = platform
    clerk = await running.sign_in("township-a-clerk")
    listed, whole = ["family", "name"], ["address", "family", "idnumber", "name"]
    for path, classes in (
        ("agency/ledger", listed), ("agency/children/{}", whole), ("search", listed), ("nobody", []),
    ):  # fmt: skip
        (before,) = await running.fetch("agency", "select count(*) from look")
        await look(clerk, path, child)
        rows = await running.fetch("agency", "select * from look order by seq desc")
        assert len(rows) == before[0] + 1, path
        assert rows[0]["about"] == ([] if path == "nobody" else [child])
        assert rows[0]["classes"] == classes, path
        assert (rows[0]["agency"], rows[0]["purpose"]) == (body_id("township-a"), "case-work")


async def test_an_answer_that_leaves_before_its_record_is_noticed(
    platform: tuple[Running, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    running, child = platform

    async def late(self: Reading, *told: Any) -> None:
        """The planted violation: nothing is written before the answer leaves."""
        del self, told

    monkeypatch.setattr(Reading, "record", late)
    await running.fetch("agency", "revoke insert on look from agency_app")
    try:
        with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"), pytest.raises(Told):
            await look(await running.sign_in("township-a-clerk"), "agency/children/{}", child)
    finally:
        await running.fetch("agency", "grant insert on look to agency_app")


async def test_an_unknown_child_is_not_found_and_the_look_is_recorded(platform: tuple[Running, str]) -> None:
    running, _ = platform
    clerk, nobody = await running.sign_in("township-a-clerk"), uuid4()
    with pytest.raises(Told, match="404 not-found"):
        await clerk.ask(f"agency/children/{nobody}")
    assert await running.fetch("agency", "select 1 from look where about = $1", [str(nobody)])


def test_a_look_that_fails_is_a_refusal_that_says_what_to_do() -> None:
    zh, en = RecordingDown().sentences
    assert "稍后重试" in zh
    assert "try again" in en


async def test_a_child_is_found_by_its_number_and_by_every_name_that_it_has_had(
    platform: tuple[Running, str],
) -> None:
    running, _ = platform
    child = await running.register("周小溪", id_number="990101201605120016")
    clerk = await running.sign_in("township-a-clerk")

    async def found(**asked: str) -> set[str]:
        await running.client.settled()
        return {each["child"] for each in await clerk.search(**asked)}

    assert await found(number="0016") == await found(name="周小溪") == {child}
    await clerk.do("registry/update-ledger-entry", child=child, residence="上塘村7组")
    assert await found(number="0016") == await found(name="周小溪") == {child}
    await clerk.do("registry/update-ledger-entry", child=child, name="周小石")
    assert await found(number="0016") == await found(name="小溪") == await found(name="周小石") == {child}


BUREAU = uuid4()
"""A body with very many children on its view."""
SEARCHES: dict[str, tuple[str, list[Any]]] = {
    "children who have all tokens": (_having(3), [BUREAU, b"a", b"b", b"c"]),
    "their files": (_FILES, [BUREAU, [uuid4()]]),
    "candidates": (_BEST, [[b"a"], 10, BUREAU, 10]),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def many(platform: tuple[Running, str]) -> AsyncIterator[Running]:
    running, _ = platform
    await running.fetch(
        "agency", "insert into child select $1, gen_random_uuid(), null, null, false, '', '', repeat('x', 900)::bytea"
        " from generate_series(1, 5000)", BUREAU,
    )  # fmt: skip
    await running.fetch(
        "agency", "insert into token select $1, t::bytea, gen_random_uuid() from generate_series(1, 5000),"
        " unnest(array['a', 'b', 'c']) t", BUREAU,
    )  # fmt: skip
    await running.fetch("agency", "analyze child, token")
    yield running
    for table in ("child", "token"):
        await running.fetch("agency", f"delete from {table} where agency = $1", BUREAU)


async def reads_all_children(running: Running, sql: str, values: list[Any]) -> bool:
    """Tell whether a question reads a whole table where it has very many rows."""
    connection = await reader(running)
    try:
        async with connection.transaction():
            await connection.execute("select set_config('shouwang.agency', $1, true)", str(BUREAU))
            plan = await connection.fetch(f"explain {sql}", *values)
    finally:
        await connection.close()
    return any("Seq Scan" in row[0] for row in plan)


@pytest.mark.req("PRV-03")
@pytest.mark.parametrize("what", SEARCHES)
async def test_behind_the_fence_a_search_reads_no_whole_table(
    platform: tuple[Running, str], what: str
) -> None:
    assert not await reads_all_children(platform[0], *SEARCHES[what])


async def test_a_search_that_the_fence_keeps_from_its_index_is_noticed(many: Running) -> None:
    """The planted violation: of a million children all were read for one, until `coalesce` was gone."""
    sql, values = SEARCHES["their files"]
    slow = sql.replace("case when c.file is null then c.child else c.file end", "coalesce(c.file, c.child)")
    assert slow != sql
    assert await reads_all_children(many, slow, values)


@pytest.mark.req("PRV-03")
async def test_of_a_name_the_characters_together_come_first_and_then_anywhere(
    platform: tuple[Running, str],
) -> None:
    running, _ = platform
    clerk = await running.sign_in("township-a-clerk")
    child = await running.register("钱晓苗", id_number=number("20150305"))
    apart = await running.register("苗晓军")
    await running.client.settled()

    async def found(**asked: str) -> set[str]:
        return {each["child"] for each in await clerk.search(**asked)}

    assert await found(name="晓苗") == {child}
    assert await found(name="钱苗") == {child}
    assert await found(name="苗晓") == {apart}
    assert await found(name="军苗") == {apart}
    assert await found(name="晓") == {child, apart}
    assert await found(name="miaoxiaojun") == await found(name="mxj") == {apart}
    assert await found(name="晓苗", number=number("20150305")[-4:]) == {child}
    assert await found(name="晓苗", number=number("20150305")) == {child}
    assert await found() == set()
    assert await found(name="张王李赵钱孙周吴郑冯陈褚卫蒋沈韩杨朱秦尤许何吕施") == set()
    assert await found(name="晓军", number=number("20150305")[-4:]) == set()
