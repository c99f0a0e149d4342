"""A page of bands is a form; a roster of one child is none."""

from typing import Any

import pytest

from tests.registry.ledger.making import CHILD, CHILD_ROW, FATHER, HEADER, children, number, read, workbook

OTHER = ["2", "李四", "女", "2010-03-05", number(order=124)]
PAGE: list[list[Any]] = [
    ["姓名", "性别", "公民身份证号码"], ["张三", "男", CHILD],
    ["父亲", "姓名", "身份证号码"], [None, "张大", FATHER],
    ["监护类型", "家庭经济来源"], ["监护情况一般", "打工收入"],
]  # fmt: skip


@pytest.mark.req("REG-06")
def test_a_label_heads_the_value_beneath_it() -> None:
    (row,) = children(read(workbook({"a": PAGE}, [(2, 0, 3, 0)])))
    assert row.record == {
        "姓名": "张三", "性别": "男", "公民身份证号码": CHILD, "父亲.姓名": "张大", "父亲.公民身份证号码": FATHER,
        "监护类型": "监护情况一般", "家庭经济来源": ["打工收入"],
    }  # fmt: skip


@pytest.mark.parametrize(
    "rows",
    [
        [HEADER, CHILD_ROW, ["合计", 1]],
        [HEADER, CHILD_ROW, OTHER],
        [HEADER, CHILD_ROW, ["姓名", "身份证号码", "父亲姓名"], ["李四", number(order=124), "李大"]],
        [HEADER, CHILD_ROW, ["姓名", "身份证号码", "父亲姓名"], ["李四", number(order=124), "李大"],
         ["王五", number(order=126), "王大"]],
    ],
)  # fmt: skip
def test_a_roster_of_few_children_is_no_page(rows: list[list[Any]]) -> None:
    reading = read(workbook({"a": rows}))
    assert [row.outcome for row in children(reading)] == ["accepted"] * (
        len(rows) - len(reading.columns) - (rows[-1][0] == "合计")
    )
    assert all(table.header_rows for table in reading.columns)


def test_a_guardian_in_a_band_is_the_guardian_whatever_the_relation() -> None:
    rows = [*PAGE, ["监护人姓名", "与儿童关系", "联系电话"], ["王桂花", "奶奶", "13800000001"]]
    (row,) = children(read(workbook({"a": rows}, [(2, 0, 3, 0)])))
    told = {label: value for label, value in (row.record or {}).items() if label.startswith(("委托", "祖母"))}
    assert told == {
        "委托监护人.姓名": "王桂花",
        "委托监护人.与被监护人关系": "奶奶",
        "委托监护人.联系电话": "13800000001",
    }
