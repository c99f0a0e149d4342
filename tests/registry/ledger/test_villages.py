"""Which village a row names, and which region fits it."""

from typing import Any

import pytest

from services.registry.ledger.villages import fitting, in_line, in_title
from tests.registry.ledger.layouts import page
from tests.registry.ledger.making import CHILD_ROW, HEADER, children, number, read, workbook
from tests.registry.ledger.truth import PLAINLY
from tests.registry.ledger.truth import children as made

REGIONS = {
    "0": "青禾镇", "1": "上塘村", "2": "下塘村", "3": "下上塘村", "4": "镇东村", "5": "新村", "6": "幸福社区", "7": "幸福村",
}  # fmt: skip


@pytest.mark.req("REG-06")
@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("上塘村", "1"), ("上塘", "1"), ("上塘村委会", "1"), ("上塘村村民委员会", "1"), ("青禾镇上塘村", "1"), ("上塘村3组", "1"),
        ("上塘三组", "1"), ("上塘村王家湾组", "1"), ("上塘社区", "1"), ("望川县青禾镇下塘村", "2"),
        ("镇东村", "4"), ("青禾镇镇东村", "4"),
        ("新村", "5"), ("幸福村", "7"), ("幸福", "67"), ("青禾镇", "0"),
        ("王家村", ""), ("塘村", ""), ("大上塘村", ""), ("上塘村、下塘村", ""), ("东村", ""), ("村", ""), ("3组", ""),
    ],
)  # fmt: skip
def test_a_region_fits_by_its_whole_name_alone(text: str, codes: str) -> None:
    assert fitting(text, REGIONS) == list(codes)


@pytest.mark.parametrize(
    ("line", "village"),
    [
        ("一、上塘村", "上塘村"), ("(二)上塘村(12人)", "上塘村"), ("上塘村 共12人", "上塘村"), ("村名:上塘", "上塘"),
        ("上塘村3组", "上塘村"),
        ("注:上塘村的数据待核实", None), ("全村", None), ("谢谢配合", None), ("3组", None),
    ],
)  # fmt: skip
def test_a_line_names_a_village_or_nothing(line: str, village: str | None) -> None:
    assert in_line(line) == village


@pytest.mark.parametrize(
    ("title", "village"),
    [
        ("2016年上塘村农村留守儿童花名册", "上塘村"), ("填报单位:青禾镇上塘村(盖章)", "青禾镇上塘村"), ("03-上塘村", "上塘村"),
        ("青禾镇农村留守儿童花名册", None), ("农村留守儿童", None), ("全村留守儿童名单", None), ("Sheet1", None),
    ],
)  # fmt: skip
def test_a_title_names_a_village_or_nothing(title: str, village: str | None) -> None:
    assert in_title(title) == village


def named(rows: list[list[Any]], sheet: str = "上塘村", merges: Any = ()) -> list[str | None]:
    return [row.village for row in children(read(workbook({sheet: rows}, merges)))]


def child(order: int, *more: Any) -> list[Any]:
    return [order, "李四", "男", "2010-03-05", number(order=order), *more]


@pytest.mark.req("REG-06")
def test_the_nearest_word_holds_the_cell_then_the_line_then_the_title_then_the_sheet() -> None:
    rows = [
        ["下塘村留守儿童"],
        [*HEADER, "村名"],
        child(11),
        ["石桥村"],
        child(13),
        child(15, "柳湾村"),
        child(17, "3组"),
    ]
    assert named(rows) == ["下塘村", "石桥村", "柳湾村", "石桥村"]
    assert named(rows[1:3]) == ["上塘村"]
    assert named(rows[1:3], "Sheet1") == [None]


def test_a_blank_among_villages_said_in_each_row_stays_blank() -> None:
    told = ["上塘村", "上塘村", None, "下塘村", "下塘村", None]
    rows = [[*HEADER, "村名"], *(child(11 + 2 * at, village) for at, village in enumerate(told))]
    assert named(rows, "Sheet1") == told


def test_a_village_merged_over_a_hundred_children_is_each_ones() -> None:
    rows = [[*HEADER, "村名"], child(101, "柳湾村"), *(child(103 + 2 * at) for at in range(99))]
    assert named(rows, "Sheet1", [(1, 5, 100, 5)]) == ["柳湾村"] * 100


def test_a_village_is_no_field_of_the_record_and_makes_no_child() -> None:
    reading = read(
        workbook({"a": [[*HEADER, "行政村"], [*CHILD_ROW, "上塘村"], [2, None, None, None, None, "上塘村"]]})
    )
    (row,) = children(reading)
    assert row.record is not None
    assert "村居" not in row.record


def test_each_page_of_a_form_is_of_the_unit_that_filled_it_in() -> None:
    rows: list[list[Any]] = []
    for truth, unit in zip(made(3, 1), ("青禾镇上塘村", "青禾镇", "下塘村"), strict=True):
        truth.cells["户籍所在地"] = "青禾镇石桥村3组"
        told, _ = page(truth, PLAINLY)
        told[1][0] = f"填报单位:{unit}"
        rows += [*told, []]
    assert named(rows, "Sheet1") == ["青禾镇上塘村", None, "下塘村"]


def test_ditto_is_the_village_above_and_never_a_blanks() -> None:
    told = ["上塘村", "同上", "〃", None, "同上", "下塘村"]
    rows = [[*HEADER, "村名"], *(child(11 + 2 * at, village) for at, village in enumerate(told))]
    assert named(rows, "Sheet1") == ["上塘村", "上塘村", "上塘村", None, None, "下塘村"]


def test_the_title_of_the_next_page_names_its_village_and_a_note_does_not() -> None:
    rows = [["青禾镇上塘村留守儿童花名册"], HEADER, child(11), ["青禾镇下塘村留守儿童花名册"], HEADER, child(13),
            ["注:石桥村留守儿童另表"], child(15)]  # fmt: skip
    assert named(rows, "Sheet1") == ["青禾镇上塘村", "青禾镇下塘村", "青禾镇下塘村"]
