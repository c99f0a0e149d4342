"""Refused rows go back as the office's own workbook, and are read again when mended."""

import io
from datetime import date
from typing import Any

import openpyxl
import pytest

from services.registry.ledger.model import LedgerReading
from services.registry.ledger.reader import read_ledger
from services.registry.ledger.refused import REASON, refused_workbook
from shouwang.demo_ledger import demo_workbook
from tests.registry.ledger import layouts, truth
from tests.registry.ledger.making import CHILD, CHILD_ROW, HEADER, children, number, read, text_file, workbook

WRONG = CHILD[:-1] + ("0" if CHILD[-1] != "0" else "1")


def returned(reading: LedgerReading) -> bytes:
    rows = [(row, list(row.reasons)) for row in reading.rows if row.outcome == "refused"]
    return refused_workbook(reading, rows)


def changed(content: bytes, values: dict[str, Any]) -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(content))
    for place, value in values.items():
        book.worksheets[0][place] = value
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.req("REG-06")
def test_a_refused_row_can_be_mended_and_read_again() -> None:
    rows = [HEADER, CHILD_ROW, ["2", "李四", "男", "2010-03-05", WRONG]]
    back = returned(read(text_file(rows, "gb18030"), "名册.csv"))
    assert children(read(back))[0].reasons == ("id-checksum-wrong",)
    good = number(order=125)
    (row,) = children(read(changed(back, {"E2": good})))
    assert (row.outcome, (row.record or {})["公民身份证号码"]) == ("accepted", good)


@pytest.mark.req("REG-06")
def test_the_demo_refusals_are_refused_again_for_the_same_reasons_until_mended() -> None:
    content, _ = demo_workbook(4, [("990101001", "青禾村"), ("990101002", "麦田村")])
    first = read_ledger(content, "a.xlsx", closing_date=None)
    second = read_ledger(returned(first), "b.xlsx", closing_date=None)
    assert (second.unit, second.closing_date) == (first.unit, first.closing_date)
    refused = [row for row in first.rows if row.outcome == "refused"]
    again = [row for row in second.rows if row.outcome == "refused"]
    assert [(r.place.sheet, r.reasons, r.record) for r in again] == [
        (r.place.sheet, r.reasons, r.record) for r in refused
    ]
    third = read_ledger(returned(second), "c.xlsx", closing_date=None)
    assert [r.cells for r in third.rows if r.outcome == "refused"] == [r.cells for r in again]


def test_the_reason_stands_in_a_column_of_its_own_in_both_languages() -> None:
    back = returned(read(text_file([HEADER, [*CHILD_ROW[:4], WRONG]]), "名册.csv"))
    sheet = openpyxl.load_workbook(io.BytesIO(back)).worksheets[0]
    assert sheet["F1"].value == REASON
    told = str(sheet["F2"].value)
    assert "校验码不符" in told
    assert "check digit" in told


@pytest.mark.req("REG-06")
def test_a_refused_page_of_the_form_goes_back_whole() -> None:
    truths = truth.children(3, 5)
    right = truths[1].record["公民身份证号码"]
    truths[1].cells["公民身份证号码"] = right[:-1] + ("0" if right[-1] != "0" else "1")
    rows, _, merges = layouts.pages(truths, truth.PLAINLY)
    back = returned(read(workbook({"上塘村": rows}, merges)))
    (row,) = children(read(back))
    assert row.reasons == ("id-checksum-wrong",)
    (number_at,) = [
        cell.coordinate for line in openpyxl.load_workbook(io.BytesIO(back)).worksheets[0].iter_rows() for cell in line
        if cell.value == truths[1].cells["公民身份证号码"]
    ]  # fmt: skip
    (mended,) = children(read(changed(back, {number_at: right})))
    assert mended.outcome == "accepted"
    assert {label: truths[1].record[label] for label in mended.record or {}} == mended.record


@pytest.mark.req("REG-06")
def test_a_refused_child_goes_back_with_its_relatives() -> None:
    truths = truth.children(3, 6)
    right = truths[1].record["公民身份证号码"]
    truths[1].cells["公民身份证号码"] = right[:-1] + ("0" if right[-1] != "0" else "1")
    rows, _, merges = layouts.relatives(truths, truth.PLAINLY, "blank")
    back = returned(read(workbook({"上塘村": rows}, merges)))
    (row,) = children(read(changed(back, {"E3": right})))
    assert row.outcome == "accepted"
    assert {label: truths[1].record[label] for label in row.record or {}} == row.record
    assert (row.record or {})["母亲.姓名"] == truths[1].record["母亲.姓名"]


def test_what_looks_like_a_formula_goes_back_as_text() -> None:
    rows = [[*HEADER, "现住址"], [*CHILD_ROW[:4], WRONG, '=HYPERLINK("http://x","y")']]
    sheet = openpyxl.load_workbook(io.BytesIO(returned(read(text_file(rows), "名册.csv")))).worksheets[0]
    assert (sheet["F2"].value, sheet["F2"].data_type) == ('=HYPERLINK("http://x","y")', "s")
    assert (sheet["E2"].value, sheet["E2"].data_type) == (WRONG, "s")


def test_a_number_that_lost_digits_is_not_laundered_on_its_way_back() -> None:
    reading = read(workbook({"a": [HEADER, [*CHILD_ROW[:4], float(number(order=124))]]}))
    assert children(read(returned(reading)))[0].reasons == ("id-digits-lost",)


def test_days_and_the_1904_system_survive_the_way_back() -> None:
    rows = [HEADER, [*CHILD_ROW[:3], date(2010, 3, 5), WRONG], ["2", "李四", "男", 40242 - 1462, WRONG]]
    back = returned(read(workbook({"a": rows}, date_1904=True)))
    assert [(row.record or {})["出生日期"] for row in children(read(back))] == ["2010-03-05"] * 2


def test_nothing_refused_makes_an_empty_workbook() -> None:
    assert read(returned(read(text_file([HEADER, CHILD_ROW]), "a.csv"))).refused == "file-empty"


@pytest.mark.req("REG-06")
def test_a_row_of_a_sheet_that_goes_on_goes_back_below_the_header() -> None:
    more = [["2", "李四", "男", "2010-03-05", WRONG], ["3", "王五", "男", "2010-03-05", number(order=127)]]
    back = returned(read(workbook({"甲": [HEADER, CHILD_ROW], "乙": more})))
    (row,) = children(read(back))
    assert (row.place.sheet, row.reasons) == ("乙", ("id-checksum-wrong",))
