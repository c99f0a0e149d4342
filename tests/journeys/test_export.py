"""The ledger comes out as it went in: what is exported, imported again, changes nothing; annex 3 agrees with itself."""

import io
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import msgspec
import openpyxl
import pytest
import pytest_asyncio

from services.agency.summary import AnnexThree, broken_checks, count
from shouwang.client import Told
from tests.helpers import Running, embedded
from tests.registry.ledger.layouts import PLAIN, roster
from tests.registry.ledger.making import workbook
from tests.registry.ledger.truth import PLAINLY, children

CLOSING = "2016-07-31"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running() -> AsyncIterator[Running]:
    async with embedded() as platform:
        rows, _ = roster(children(40, 7), PLAIN, PLAINLY)
        rows[3][1 + list(PLAIN).index("父亲.姓名")] = "—"
        for label in ("父亲.公民身份证号码", "父亲.当前务工地点", "父亲.联系电话"):
            rows[3][1 + list(PLAIN).index(label)] = None
        rows[5][1 + list(PLAIN).index("现居住地")] = '=HYPERLINK("http://x","上塘村5号")'
        *told, _ = await send(platform, workbook({"上塘村": rows}), rural="verified")
        assert sum(line["outcome"] == "accepted" for line in told) == 40
        await platform.client.settled()
        yield platform


async def send(running: Running, content: bytes, **how: Any) -> list[dict[str, Any]]:
    clerk = await running.sign_in("township-a-clerk")
    answer = await clerk.send_file(
        "registry/imports", content, filename="a.xlsx", closing_date=CLOSING, **how
    )
    return [msgspec.json.decode(line) for line in answer.content.splitlines()]


async def export(running: Running, kind: str, key: str = "township-a-clerk") -> bytes:
    who = await running.sign_in(key)
    content: bytes = (await who.fetch(f"agency/exports/{kind}", closing_date=CLOSING)).content
    return content


def cells(content: bytes) -> list[Any]:
    return [
        c for sheet in openpyxl.load_workbook(io.BytesIO(content)) for row in sheet.iter_rows() for c in row
    ]


@pytest.mark.req("REG-06")
@pytest.mark.parametrize("kind", ["roster", "forms"])
async def test_what_is_exported_and_imported_again_changes_nothing(running: Running, kind: str) -> None:
    before = (await running.client.positions())["registry"]["head"]
    *rows, file = await send(running, await export(running, kind))
    told = [row for row in rows if row["outcome"] != "ignored"]
    assert [(row["outcome"], row["reasons"]) for row in told] == [("duplicate", ["unchanged"])] * 40
    assert file["closing_date"] == CLOSING
    assert (await running.client.positions())["registry"]["head"] == before


@pytest.mark.parametrize("kind", ["roster", "forms"])
async def test_what_looks_like_a_formula_comes_out_as_text(running: Running, kind: str) -> None:
    found = [c for c in cells(await export(running, kind)) if str(c.value).startswith("=")]
    assert [c.data_type for c in found] == ["s"]


@pytest.mark.req("REG-06")
async def test_annex_3_counts_the_children_who_are_left_behind_and_satisfies_its_own_checks(
    running: Running,
) -> None:
    book = openpyxl.load_workbook(io.BytesIO(await export(running, "summary")))
    rows: list[list[Any]] = [[c.value for c in row] for row in book["汇总表"].iter_rows()]
    total = next(row[1] for row in rows if row[0] == "合计")
    bands = [row for row in rows if str(row[0]).endswith("周岁")]
    clerk = await running.sign_in("township-a-clerk")
    left_behind = 0
    after = None
    while True:
        page = await clerk.ask("agency/ledger", category="LEFT_BEHIND", after=after)
        left_behind += len(page["children"])
        if not (after := page["next"]):
            break
    assert total == left_behind > 20
    assert sum(row[1] + row[2] for row in bands) == sum(row[3] for row in bands) == total


@pytest.mark.req("PLT-03")
async def test_an_export_is_on_record_for_every_child_before_it_leaves(running: Running) -> None:
    before = await running.fetch("agency", "select count(*) from look where operation = 'export-roster'")
    await export(running, "roster")
    after = await running.fetch(
        "agency",
        "select cardinality(about) as many, classes from look where operation = 'export-roster' order by at desc",
    )
    assert len(after) == before[0][0] + 1
    assert after[0]["many"] == 40
    assert {"name", "idnumber", "family"} <= set(after[0]["classes"])


@pytest.mark.req("PRV-03")
async def test_a_body_takes_out_what_it_may_see_and_no_more(running: Running) -> None:
    assert [c.value for c in cells(await export(running, "roster", "school-a-teacher"))] in ([], [None])
    station = {c.value for c in cells(await export(running, "roster", "police-a-desk"))}
    assert "13900000000" not in station
    assert not any(str(value).startswith("139") and len(str(value)) == 11 for value in station)
    clerk = await running.sign_in("township-a-clerk")
    with pytest.raises(Told, match="422"):
        await clerk.fetch("agency/exports/everything", closing_date=CLOSING)


RECORD = {"姓名": "甲", "性别": "男", "出生日期": "2010-03-05", "就学情况": "小学", "是否学校寄宿": True}


@pytest.mark.parametrize(
    ("record", "missing"),
    [
        (RECORD | {"出生日期": "2010-03"}, "出生日期"), ({k: v for k, v in RECORD.items() if k != "性别"}, "性别"),
        ({k: v for k, v in RECORD.items() if k != "是否学校寄宿"}, "是否学校寄宿"),
    ],
)  # fmt: skip
def test_whoever_lacks_a_fact_that_annex_3_needs_is_named_and_not_guessed(
    record: dict[str, Any], missing: str
) -> None:
    annex = count([RECORD, record], date(2016, 7, 31))
    assert annex.total == 1
    assert annex.left_out == [("甲", missing)]
    assert broken_checks(annex) == []


def test_who_turns_sixteen_on_the_closing_date_is_no_longer_counted() -> None:
    day = RECORD | {"出生日期": "2000-07-31"}
    assert count([day], date(2016, 7, 31)).total == 0
    assert count([day], date(2016, 7, 30)).ages == {("14-16周岁", "男"): 1}


def test_a_summary_that_contradicts_itself_is_noticed() -> None:
    def planted(spoil: Any) -> list[str]:
        annex: AnnexThree = count([RECORD], date(2016, 7, 31))
        spoil(annex)
        return broken_checks(annex)

    assert planted(lambda a: a.breakdowns["监护人"].clear()) == ["合计 ≠ 监护人之和"]
    assert planted(lambda a: a.ages.update({("6-13周岁", "?"): 1}))[-1] == "各年龄段 ≠ 男 + 女"
    assert planted(lambda a: a.boarding.clear()) == ["小学 + 初中 ≠ 寄宿 + 走读"]
