"""A township's ledger goes in by the API: told row by row, the same again changes nothing, what is mended goes in."""

import io
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import openpyxl
import pytest
import pytest_asyncio

from services.kernel.doors.heard import Places
from shouwang.client import Told
from shouwang.demo_ledger import demo_workbook
from shouwang.story import VILLAGES
from tests.helpers import Running, embedded
from tests.registry.ledger.making import number

BOOK, TRUTH = demo_workbook(21, VILLAGES, 80)
HEADER = "姓名,性别,出生日期,公民身份证号码,现居住地,父母双方同时外出,父亲姓名,母亲姓名"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running() -> AsyncIterator[Running]:
    async with embedded() as platform:
        yield platform


async def send(
    running: Running, content: bytes, name: str, key: str = "township-a-clerk", **how: Any
) -> list[dict[str, Any]]:
    clerk = await running.sign_in(key)
    answer = await clerk.send_file(
        "registry/imports", content, filename=name, closing_date="2026-09-30", **how
    )
    return [msgspec.json.decode(line) for line in answer.content.splitlines()]


async def heads(running: Running) -> int:
    head: int = (await running.client.positions())["registry"]["head"]
    return head


def csv(*rows: str) -> bytes:
    return "\n".join([HEADER, *rows]).encode()


@pytest.mark.req("REG-06")
async def test_every_row_is_told_as_the_truth_beside_the_workbook_says(running: Running) -> None:
    before = await heads(running)
    dry = await send(running, BOOK, "花名册.xlsx", dry_run=True)
    assert await heads(running) == before
    *rows, file = await send(running, BOOK, "花名册.xlsx", rural="verified")
    assert Counter(r["outcome"] for r in rows) == Counter(r["outcome"] for r in dry[:-1])
    told = {(r["sheet"], r["row"]): r for r in rows}
    for truth in TRUTH:
        row = told[truth["sheet"], truth["row"]]
        assert row["outcome"] == truth["outcome"]
        if row["outcome"] == "accepted":
            assert row["record"] == truth["record"]
            assert row["child"]
    assert file["counts"]["accepted"] * 2 == await heads(running) - before
    assert file["counts"]["refused"] > 0
    last = "select 'registry', partition, max(seq) from event where seq > $1 group by partition"
    places = Places(running.platform.services["registry"].tools.service_secret).read(file["token"])
    assert set(places) == {tuple(row) for row in await running.fetch("registry", last, before)}


@pytest.mark.req("PLT-07")
async def test_the_same_file_again_changes_nothing(running: Running) -> None:
    before = await heads(running)
    *rows, file = await send(running, BOOK, "花名册.xlsx", rural="verified")
    assert await heads(running) == before
    assert "accepted" not in file["counts"]
    assert {tuple(r["reasons"]) for r in rows if r["outcome"] == "duplicate" and "duplicate_of" not in r} == {
        ("unchanged",)
    }


@pytest.mark.req("REG-08")
async def test_a_changed_file_updates_only_what_changed(running: Running) -> None:
    first = csv(
        "甲小禾,男,2015-03-05,,上塘村1组,是,甲大田,何春", "乙小禾,女,2016-04-06,,上塘村2组,是,乙大田,周春"
    )
    await send(running, first, "台账.csv")
    before = await heads(running)
    changed = csv(
        "甲小禾,男,2015-03-05,,上塘村9组,是,甲大田,何春", "乙小禾,女,2016-04-06,,上塘村2组,是,乙大田,周春"
    )
    *rows, _ = await send(running, changed, "台账.csv")
    assert [(r["outcome"], r["reasons"]) for r in rows if "record" in r] == [
        ("accepted", ["updated"]), ("duplicate", ["unchanged"]),
    ]  # fmt: skip
    (event,) = await running.fetch("registry", "select envelope from event where seq > $1", before)
    data = msgspec.json.decode(event[0])["data"]
    assert [b["class"] for b in data["sealed"]] == ["address"]


async def test_refused_rows_come_back_as_a_workbook_and_go_in_once_mended(running: Running) -> None:
    clerk = await running.sign_in("township-a-clerk")
    content = csv(
        "丙小禾,男,2015-02-30,,上塘村1组,是,丙大田,何春", "丁小禾,男,2015-03-05,,上塘村1组,是,丁大田,何春"
    )
    *rows, _ = await send(running, content, "台账.csv")
    assert [r["outcome"] for r in rows if "record" in r] == ["refused", "accepted"]
    answer = await clerk.send_file(
        "registry/imports/refused-rows", content, filename="台账.csv", closing_date="2026-09-30"
    )
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    sheet = book.active
    assert sheet is not None
    assert "原因" in str(sheet.cell(1, sheet.max_column).value)
    assert [sheet.cell(r, 1).value for r in range(2, sheet.max_row + 1)] == ["丙小禾"]
    sheet.cell(2, 3, "2015-02-28")
    mended = io.BytesIO()
    book.save(mended)
    *rows, _ = await send(running, mended.getvalue(), "改正.xlsx")
    assert [r["outcome"] for r in rows if "record" in r] == ["accepted"]


async def test_a_gb18030_file_of_another_township_goes_to_its_own_ledger(running: Running) -> None:
    content = csv("戊小䶮,女,2017-05-06,,岭东村1组,是,戊大田,何春").decode().encode("gb18030")
    *rows, _ = await send(running, content, "云岭.csv", "township-b-clerk")
    (row,) = [r for r in rows if "record" in r]
    assert row["record"]["姓名"] == "戊小䶮"
    await running.client.settled()
    theirs = await (await running.sign_in("township-b-clerk")).ask(f"agency/children/{row['child']}")
    assert theirs["region"] == "990101002000"
    with pytest.raises(Told, match="404"):
        await (await running.sign_in("township-a-clerk")).ask(f"agency/children/{row['child']}")


async def test_a_file_that_can_not_be_read_is_refused_whole_and_nothing_is_added(running: Running) -> None:
    before = await heads(running)
    for content, code in (
        (b"", "file-empty"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 99, "wrong-file-type"),
        (b"a,b\n1,2\n", "no-header-found"),
    ):
        lines = await send(running, content, "台账.csv")
        assert [(line["outcome"], line["reasons"]) for line in lines] == [("refused", [code])]
        assert "row" not in lines[0]
    assert await heads(running) == before


async def test_a_body_that_keeps_no_ledger_may_not_import(running: Running) -> None:
    with pytest.raises(Told, match="403 not-allowed"):
        await send(running, BOOK, "花名册.xlsx", "school-a-teacher")


@pytest.mark.req("REG-02")
async def test_without_the_clerks_word_on_rural_status_the_category_awaits_facts(running: Running) -> None:
    await send(running, csv("己小禾,男,2015-03-05,,上塘村1组,是,己大田,何春"), "台账.csv")
    await send(running, csv("庚小禾,男,2015-03-05,,上塘村1组,是,庚大田,何春"), "台账.csv", rural="verified")
    await running.client.settled()
    clerk = await running.sign_in("township-a-clerk")
    (waits,) = await clerk.search(name="己小禾")
    (holds,) = await clerk.search(name="庚小禾")
    assert (waits["categories"], waits["undetermined"]) == ([], ["LEFT_BEHIND"])
    assert (holds["categories"], holds["undetermined"]) == (["LEFT_BEHIND"], [])


@pytest.mark.req("REG-32")
async def test_the_ledger_is_filtered_and_paged(running: Running) -> None:
    await running.client.settled()
    clerk = await running.sign_in("township-a-clerk")
    first = await clerk.ask("agency/ledger")
    assert len(first["children"]) == 50
    second = await clerk.ask("agency/ledger", after=first["next"])
    for who, how in (
        (await running.sign_in("township-b-clerk"), {}), (clerk, {"sex": "male"}), (clerk, {"region": "990101001001"}),
    ):  # fmt: skip
        with pytest.raises(Told, match="422 bad-cursor"):
            await who.ask("agency/ledger", after=first["next"], **how)
    assert not {c["child"] for c in first["children"]} & {c["child"] for c in second["children"]}
    girls = await clerk.ask("agency/ledger", sex="female", schooling="primary")
    assert girls["children"]
    assert {(c["sex"], c["schooling"]) for c in girls["children"]} == {("female", "primary")}
    village = await clerk.ask("agency/ledger", region="990101001002")
    assert {c["region"] for c in village["children"]} == {"990101001002"}


OWN_WORDS = (
    "娃娃的大名,性别,出生日期,身份证号,爹娘都出去了没有,我们的编号\n癸小禾,男,2015-03-05,,是,7\n".encode()
)


@pytest.mark.req("REG-06")
async def test_a_preview_tells_columns_counts_and_first_cases_and_writes_nothing(running: Running) -> None:
    before = await heads(running)
    clerk = await running.sign_in("township-a-clerk")
    wrong = "错小禾,男,2015-03-05,990101201503050011,上塘村1组,是,甲大田,何春"
    seen = (
        await clerk.send_file("registry/imports/preview", csv(wrong, wrong, wrong, wrong), filename="a.csv")
    ).json()
    assert await heads(running) == before
    assert {c["label"]: c["field"] for c in seen["columns"][0]["columns"]}["父亲姓名"] == "父亲.姓名"
    assert seen["counts"]["refused"] == 4
    case = next(c for c in seen["cases"] if c["code"] == "id-checksum-wrong")
    assert (case["refuses"], [c["row"] for c in case["first"]]) == (4, [2, 3, 4])
    assert "校验码" in case["zh"]
    assert "check digit" in case["en"]


@pytest.mark.req("REG-06")
async def test_a_column_that_the_office_explained_once_is_understood_in_its_next_file(
    running: Running,
) -> None:
    clerk, other = await running.sign_in("township-b-clerk"), await running.sign_in("township-a-clerk")
    refused = (await clerk.send_file("registry/imports/preview", OWN_WORDS, filename="a.csv")).json()
    assert refused["reasons"] == ["no-header-found"]
    chosen = [
        {"label": "娃娃的大名", "field": "姓名"}, {"label": "爹娘都出去了没有", "field": "父母双方同时外出"},
        {"label": "我们的编号", "field": None},
    ]  # fmt: skip
    assert len(await clerk.put("registry/imports/columns", chosen)) == 3
    *rows, file = await send(running, OWN_WORDS, "b.csv", "township-b-clerk", dry_run=True)
    (row,) = [r["record"] for r in rows if "record" in r]
    assert (row["姓名"], row["父母双方同时外出"]) == ("癸小禾", True)
    assert [c["doubt"] for c in file["columns"][0]["columns"]] == [None] * 6
    again = (await other.send_file("registry/imports/preview", OWN_WORDS, filename="a.csv")).json()
    assert again["outcome"] == "refused", "another office's words are its own"


@pytest.mark.req("REG-06")
async def test_a_column_can_only_be_a_label_of_the_form_and_only_a_township_says_so(running: Running) -> None:
    clerk, teacher = await running.sign_in("township-a-clerk"), await running.sign_in("school-a-teacher")
    with pytest.raises(Told) as told:
        await clerk.put("registry/imports/columns", [{"label": "x", "field": "星座"}])
    assert told.value.body["code"] == "unknown-field"
    assert "父亲.姓名" in told.value.body["facts"]["known"]
    with pytest.raises(Told, match="403"):
        await teacher.put("registry/imports/columns", [{"label": "x", "field": "姓名"}])
    with pytest.raises(Told, match="403"):
        await teacher.ask("registry/imports/columns")


@pytest.mark.req("REG-06")
@pytest.mark.req("REG-33")
async def test_a_child_whose_file_another_township_keeps_is_refused_by_a_name_that_says_what_to_do(
    running: Running,
) -> None:
    row = csv(f"甲移禾,男,2015-03-05,{number('20150305', 77)},上塘村9组,是,甲大田,何春")
    *_, file = await send(running, row, "a.csv")
    assert file["counts"]["accepted"] == 1
    told, _ = (await send(running, row, "b.csv", "township-b-clerk"))[-2:]
    assert (told["outcome"], told["reasons"]) == ("refused", ["on-file-elsewhere"])
    assert "child" not in told, "whose file it is stays where it is"


@pytest.mark.req("REG-06")
async def test_a_child_is_put_under_the_village_that_its_row_names(running: Running) -> None:
    named = ["下塘村", "柳湾", "青禾镇石桥村村委会", "王家村", None]
    rows = [
        "村(居),姓名,性别,出生日期,现居住地,父母双方同时外出,父亲姓名,母亲姓名",
        *(
            f"{village or ''},壬{'甲乙丙丁戊'[at]}禾,男,2015-03-0{at + 1},某组,是,壬大田,何春"
            for at, village in enumerate(named)
        ),
    ]
    content = "\n".join(rows).encode()
    *told, file = await send(running, content, "壬.csv", rural="verified")
    assert file["counts"] == {"accepted": 5, "ignored": 1}
    doubts = [[w for w in row["warnings"] if "village" in w] for row in told[1:]]
    assert doubts == [[], [], [], ["王家村:village-unknown"], []]
    clerk = await running.sign_in("township-a-clerk")
    await running.client.settled()
    found = [(await clerk.search(name=row["record"]["姓名"]))[0]["region"] for row in told[1:]]
    assert [int(code[-3:]) for code in found] == [2, 3, 4, 0, 0]
    *again, _ = await send(running, content, "壬.csv", rural="verified")
    assert [row["reasons"] for row in again[1:]] == [["unchanged"]] * 5


async def undo(running: Running, made: str, key: str = "township-a-clerk") -> list[dict[str, Any]]:
    clerk = await running.sign_in(key)
    answer = await clerk.post_lines(f"registry/imports/{made}/undo")
    return list(answer)


@pytest.mark.req("REG-06")
@pytest.mark.req("PLT-02")
async def test_an_import_is_undone_by_corrections_and_the_right_file_opens_the_same_files_again(
    running: Running,
) -> None:
    clerk = await running.sign_in("township-a-clerk")
    first = csv(
        "甲撤禾,男,2015-03-05,,上塘村1组,是,甲大田,何春", "乙撤禾,女,2016-04-06,,上塘村2组,是,乙大田,周春"
    )
    *rows, made = await send(running, first, "a.csv")
    one, other = (row["child"] for row in rows if "child" in row)
    changed = csv(f"甲撤禾,男,2015-03-05,{number('20150305', 61)},上塘村9组,是,甲大田,何春")
    *_, update = await send(running, changed, "b.csv")
    facts = (await clerk.ask(f"agency/children/{one}", at_least=update["token"]))["facts"]
    assert (facts["residence"], facts["id_number"]) == ("上塘村9组", number("20150305", 61))

    # The first import can't go while something rests on it: what stays is said by name.
    *told, counts = await undo(running, made["import"])
    assert {t["child"]: (t["outcome"], t.get("code")) for t in told} == {
        one: ("refused", "entry-in-use"), other: ("withdrawn", None),
    }  # fmt: skip
    assert counts["counts"] == {"refused": 1, "withdrawn": 1}
    listed = {i["id"]: i for i in await clerk.ask("registry/imports")}
    assert listed[made["import"]]["undone_at"] is None, "a part of it stands"
    *told, _ = await undo(running, update["import"])
    assert [(t["child"], t["outcome"]) for t in told] == [(one, "withdrawn")]
    await running.client.settled()
    page = await clerk.ask(f"agency/children/{one}")
    assert page["facts"]["residence"] == "上塘村1组"
    assert "id_number" not in page["facts"], "what the update added is not known any more"

    *told, _ = await undo(running, made["import"])
    assert {t["child"]: t["outcome"] for t in told} == {one: "withdrawn", other: "unchanged"}
    await running.client.settled()
    page = await clerk.ask(f"agency/children/{one}")
    assert (page["on_file"], page["facts"]) == (False, {})
    assert not {one, other} & {c["child"] for c in await clerk.search(name="甲撤禾")}
    listed = {i["id"]: i for i in await clerk.ask("registry/imports")}
    assert listed[made["import"]]["undone_at"]
    assert listed[made["import"]]["counts"] == made["counts"]

    *rows, again = await send(running, first, "a.csv")
    assert [(r["child"], r["reasons"]) for r in rows if "child" in r] == [
        (one, ["reopened"]), (other, ["reopened"]),
    ]  # fmt: skip
    await running.client.settled()
    page = await clerk.ask(f"agency/children/{one}")
    assert (page["on_file"], page["facts"]["residence"]) == (True, "上塘村1组")
    assert page["facts"]["name"] == "甲撤禾"
    assert again["import"] != made["import"]


@pytest.mark.req("PRV-03")
async def test_only_the_office_that_imported_may_undo_and_a_try_is_no_import(running: Running) -> None:
    row = csv("丙撤禾,男,2015-03-05,,上塘村1组,是,甲大田,何春")
    *_, tried = await send(running, row, "a.csv", dry_run=True)
    assert tried["import"] is None
    *_, made = await send(running, row, "a.csv")
    with pytest.raises(Told, match="404 not-found"):
        await undo(running, made["import"], "township-b-clerk")
    with pytest.raises(Told, match="403 not-allowed"):
        await undo(running, made["import"], "school-a-teacher")
    other = await running.sign_in("township-b-clerk")
    assert made["import"] not in {i["id"] for i in await other.ask("registry/imports")}


@pytest.mark.req("REG-06")
@pytest.mark.req("REG-25")
async def test_namesakes_of_one_day_and_other_parents_stay_apart(running: Running) -> None:
    one = "同名禾,男,2015-03-05,,上塘村1组,是,张大,何春"
    other = "同名禾,男,2015-03-05,,上塘村2组,是,李二,周秋"
    remarried = "同名禾,男,2015-03-05,,上塘村1组,是,张大,何夏"
    *rows, _ = await send(running, csv(one, other), "a.csv")
    told = [(r["outcome"], r["reasons"]) for r in rows if "record" in r]
    assert told == [("accepted", []), ("refused", ["namesake-on-file"])]
    *rows, _ = await send(running, csv(remarried), "b.csv")
    assert [r["reasons"] for r in rows if "record" in r] == [["updated"]], "one parent is the same"
    numbered = other.replace(",,", f",{number('20150305', 71)},", 1)
    *rows, _ = await send(running, csv(numbered), "c.csv")
    assert [(r["outcome"], r["reasons"]) for r in rows if "record" in r] == [("accepted", [])]
