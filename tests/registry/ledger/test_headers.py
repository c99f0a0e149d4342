"""Headers as offices make them: levels, synonyms, orders, ticks, titles above and below."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.registry.ledger.labels import kinds, meaning_of
from tests.registry.ledger.making import (
    CHILD,
    CHILD_ROW,
    CLOSING,
    FATHER,
    HEADER,
    children,
    number,
    read,
    text_file,
    workbook,
)

FAMILY = [
    ["", "姓名", "性别", "出生日期", "公民身份证号码", "父亲", "", "", "母亲", "", "是否登记户口"],
    ["", "", "", "", "", "姓名", "身份证号", "当前务\n工地点", "姓名", "联系 方式", ""],
    ["1", "张三", "男", "2010.3.5", CHILD, "张大", FATHER, "沈阳", "李四", "10000138000", "√"],
]
EXPECTED = {
    "姓名": "张三",
    "性别": "男",
    "出生日期": "2010-03-05",
    "公民身份证号码": CHILD,
    "父亲.姓名": "张大",
    "父亲.公民身份证号码": FATHER,
    "父亲.当前务工地点": "沈阳",
    "母亲.姓名": "李四",
    "母亲.联系电话": "10000138000",
    "是否登记户口": True,
}
MERGES = [*((0, at, 1, at) for at in (0, 1, 2, 3, 4, 10)), (0, 5, 0, 7), (0, 8, 0, 9)]


def record_of(rows: list[list[str]], **options: Any) -> dict[str, Any]:
    found = children(read(workbook({"甲村": rows}, **options)))
    assert len(found) == 1
    return found[0].record or {}


@pytest.mark.req("REG-07")
def test_two_levels_are_read_with_and_without_merges() -> None:
    assert record_of(FAMILY, merges=MERGES) == EXPECTED
    assert children(read(text_file(FAMILY), "名册.csv"))[0].record == EXPECTED


@pytest.mark.req("REG-07")
@given(st.permutations(range(1, 11)))
@settings(max_examples=15, deadline=None)
def test_the_order_of_columns_does_not_matter(order: list[int]) -> None:
    single = [
        "", "姓名", "性别", "出生年月日", "公民身份号码", "父亲姓名", "父亲身份证号",
        "父亲务工地", "母亲的姓名", "母亲手机", "有无户口",
    ]  # fmt: skip
    rows = [[single[at] for at in order], [FAMILY[2][at] for at in order]]
    assert children(read(text_file(rows), "名册.csv"))[0].record == EXPECTED


@pytest.mark.parametrize(
    "label", ["身份证号", "公民身份号码", "证件号码", " 公民身份\n证号码 ", "*身份证号码", "身份证号(18位)"]
)
def test_labels_have_synonyms_and_blanks_and_line_breaks(label: str) -> None:
    rows = [[*HEADER[:4], label], CHILD_ROW]
    assert record_of(rows)["公民身份证号码"] == CHILD


@pytest.mark.parametrize("label", list(kinds()))
def test_every_printed_label_means_itself(label: str) -> None:
    person, dot, field = label.partition(".")
    stack = (person, field) if dot else (label,)
    meaning = meaning_of(stack)
    assert meaning is not None
    assert meaning.field == label
    assert not dot or getattr(meaning_of((person + field,)), "field", None) == label


def test_options_may_be_columns_of_ticks() -> None:
    rows = [
        [*HEADER, "身体情况", "", "", "家庭经济来源", "", "", "是否学校寄宿", ""],
        ["", "", "", "", "", "健康", "残疾", "患病", "打工收入", "种养殖业", "其他", "是", "否"],
        [*CHILD_ROW, "", "√", "", "√", "√", "", "", "√"],
        ["2", "李四", "女", "2010-03-05", number(order=124), "√", "√", "", "", "大概", "", "", ""],
    ]
    first, second = children(read(workbook({"甲村": rows})))
    assert first.record is not None
    assert (first.record["身体情况"], first.record["家庭经济来源"]) == ("残疾", ["打工收入", "种养殖业"])
    assert first.record["是否学校寄宿"] is False
    assert set(second.warnings) == {"身体情况:several-options", "家庭经济来源:yes-no-unreadable"}
    assert "身体情况" not in (second.record or {})


def test_three_levels_with_sections_above_are_read_without_merges() -> None:
    rows = [
        ["", "一、个人基本情况", "", "二、家庭情况", "", "", "三、实际监护情况", "", "", "", "四、其他"],
        [
            "序号",
            "姓名",
            "公民身份证号码",
            "父亲",
            "",
            "母亲",
            "父母双方同时外出(是/否)",
            "无监护能力",
            "",
            "委托监护人",
            "备注",
        ],
        ["", "", "", "姓名", "联系电话", "姓名", "", "父亲", "母亲", "姓名", ""],
        ["1", "张三", CHILD, "张大", "10000138000", "王五", "是", "", "√", "周桂", "x"],
    ]
    assert children(read(text_file(rows), "a.csv"))[0].record == {
        "姓名": "张三",
        "公民身份证号码": CHILD,
        "父亲.姓名": "张大",
        "父亲.联系电话": "10000138000",
        "母亲.姓名": "王五",
        "父母双方同时外出": True,
        "无监护能力": "母亲",
        "委托监护人.姓名": "周桂",
    }


def test_a_row_of_values_under_the_header_is_never_taken_for_a_level_of_it() -> None:
    rows = [["姓名", "性别", "身体情况", "就学情况", "公民身份证号码"], ["张三", "男", "健康", "小学", CHILD]]
    reading = read(text_file(rows), "a.csv")
    assert reading.columns[0].header_rows == (1,)
    assert len(children(reading)) == 1


def test_a_bare_label_belongs_to_the_person_on_its_left_and_this_is_said() -> None:
    rows = [
        [*HEADER, "父亲", "身份证号", "务工地点", "母亲", "联系电话"],
        [*CHILD_ROW, "张大", FATHER, "沈阳", "李四", "10000138000"],
    ]
    reading = read(text_file(rows), "名册.csv")
    record = children(reading)[0].record or {}
    assert (record["父亲.公民身份证号码"], record["母亲.联系电话"]) == (FATHER, "10000138000")
    assert [row.warnings for row in reading.rows if row.outcome == "ignored"] == [
        ("身份证号:person-inferred", "务工地点:person-inferred", "联系电话:person-inferred")
    ]


def test_a_column_that_nobody_understands_is_named_and_not_read() -> None:
    reading = read(
        text_file([[*HEADER, "联系电话", "神秘栏", "备注"], [*CHILD_ROW, "10000138000", "x", "y"]]), "a.csv"
    )
    assert reading.rows[0].warnings == ("联系电话:person-unclear", "神秘栏:column-not-understood")
    assert {"联系电话", "神秘栏", "备注"}.isdisjoint(children(reading)[0].record or {})
    assert [column.field for column in reading.columns[0].columns] == [None, *HEADER[1:], None, None, None]


def test_everything_around_the_list_is_ignored_and_named() -> None:
    rows = [
        ["某县农村留守儿童花名册"],
        ["填报单位：某镇人民政府", "", "", "填报日期：2016年6月30日"],
        HEADER,
        ["甲", "乙", "1", "2", "3"],
        ["示例", "王小明", "男", "2010-03-05", number(order=1)],
        ["一、青禾村"],
        CHILD_ROW,
        [],
        ["2"],
        ["小计", "1"],
        HEADER,
        ["2", "李四", "女", "2010-03-05", number(order=124)],
        ["合计", "2"],
        ["注：本表由村委会填写"],
        ["单位负责人：", "", "复核人：", "", "填表人："],
    ]
    reading = read(text_file(rows), "名册.csv", None)
    assert [row.reasons[0] if row.reasons else row.outcome for row in reading.rows] == [
        "title-row", "title-row", "header-row", "column-numbers", "example-row", "note-row", "accepted",
        "blank-row", "blank-row", "total-row", "header-repeated", "accepted", "total-row", "note-row",
        "signature-row",
    ]  # fmt: skip
    assert [row.place.row for row in reading.rows] == list(range(1, 16))
    assert reading.unit == "某镇人民政府"
    assert str(reading.closing_date) == "2016-06-30"


def test_a_sheet_a_village_with_different_headers_and_an_empty_last_page() -> None:
    other = [["儿童姓名", "证件号码", "生日"], ["李四", number(order=124), "2010年3月5日"]]
    reading = read(workbook({"甲村": [HEADER, CHILD_ROW], "乙村": other, "Sheet3": []}))
    assert [(row.place.sheet, row.place.row) for row in children(reading)] == [("甲村", 2), ("乙村", 2)]
    assert {table.sheet for table in reading.columns} == {"甲村", "乙村"}


def test_a_second_table_with_another_header_on_the_same_sheet_is_read() -> None:
    rows = [
        HEADER,
        CHILD_ROW,
        [],
        ["乙村"],
        ["姓名", "民族", "证件号码"],
        ["李四", "汉族", number(order=124)],
    ]
    reading = read(workbook({"a": rows}))
    assert [row.outcome for row in children(reading)] == ["accepted", "accepted"]
    assert len(reading.columns) == 2


def test_a_sheet_without_a_header_is_said_to_be_unread() -> None:
    reading = read(workbook({"甲村": [HEADER, CHILD_ROW], "说明": [["请于月底前上报"], ["谢谢"]]}))
    assert [row.reasons for row in reading.rows if row.place.sheet == "说明"] == [("no-header-found",)] * 2


def test_hidden_sheets_are_read_and_said() -> None:
    def hide(_: Any, sheet: Any) -> None:
        if sheet.get_name() == "乙村":
            sheet.hide()

    reading = read(
        workbook(
            {
                "甲村": [HEADER, CHILD_ROW],
                "乙村": [HEADER, [*CHILD_ROW[:1], "李四", *CHILD_ROW[2:4], number(order=5)]],
            },
            then=hide,
        )
    )
    assert [table.hidden for table in reading.columns] == [False, True]
    assert len(children(reading)) == 2


def test_family_cells_merged_over_siblings_belong_to_each_and_names_do_not() -> None:
    rows = [
        [*HEADER, "父亲姓名", "现住址"],
        [*CHILD_ROW, "张大", "某村"],
        ["2", "张四", "男", "2010-03-05", number(order=125), "", ""],
    ]
    both = children(read(workbook({"a": rows}, merges=[(1, 5, 2, 5), (1, 6, 2, 6)])))
    assert [(row.record or {}).get("父亲.姓名") for row in both] == ["张大", "张大"]
    rows[2][1] = ""
    assert children(read(workbook({"a": rows}, merges=[(1, 1, 2, 1)])))[1].reasons == ("name-missing",)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_text_files_are_read_in_every_encoding(encoding: str, delimiter: str) -> None:
    content = text_file([HEADER, CHILD_ROW], encoding, delimiter)
    row = children(read(content, "名册.csv", CLOSING))[0]
    assert (row.outcome, row.place.sheet, row.place.row) == ("accepted", "", 2)
    assert (row.record or {})["姓名"] == "张三"


def test_a_cell_with_line_breaks_is_one_row_as_a_spreadsheet_shows_it() -> None:
    rows = [
        ["公民身份\n证号码", "姓\n名", "性别", "现住址"],
        [CHILD, "张三", "男", "某村\n三组"],
        [number(order=9), "李四"],
    ]
    assert [row.place.row for row in children(read(text_file(rows), "a.csv"))] == [2, 3]


@pytest.mark.req("REG-06")
def test_a_date_in_three_columns_is_one_date() -> None:
    rows = [
        ["姓名", "身份证号码", "出生日期", None, None], [None, None, "年", "月", "日"],
        ["张三", CHILD, 2010, 3, 5], ["李四", number(order=125), "2010年", "3月", None],
    ]  # fmt: skip
    reading = read(workbook({"a": rows}, [(0, 2, 0, 4)]))
    one, other = children(reading)
    assert (one.record or {})["出生日期"] == "2010-03-05"
    assert ((other.record or {})["出生日期"], other.warnings) == ("2010-03", ("出生日期:date-partial",))


@pytest.mark.req("REG-06")
def test_a_name_and_a_telephone_in_one_column_are_two_values() -> None:
    rows = [
        ["姓名", "身份证号码", "监护人姓名及电话", "父亲姓名、联系方式"],
        ["张三", CHILD, "王桂花 13900000001", "张大(13800000001)"], ["李四", number(order=125), "王桂花", "13800000001"],
    ]  # fmt: skip
    one, other = (row.record or {} for row in children(read(workbook({"a": rows}))))
    assert (one["委托监护人.姓名"], one["委托监护人.联系电话"]) == ("王桂花", "13900000001")
    assert (one["父亲.姓名"], one["父亲.联系电话"]) == ("张大", "13800000001")
    assert (other["委托监护人.姓名"], other.get("委托监护人.联系电话")) == ("王桂花", None)
    assert (other.get("父亲.姓名"), other["父亲.联系电话"]) == (None, "13800000001")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("上塘村", "title-row"),
        ("下塘村民小组:", "title-row"),
        ("以下空白", "note-row"),
        ("此页无正文", "note-row"),
    ],
)
def test_a_line_that_names_a_village_or_ends_the_page_is_no_child(line: str, code: str) -> None:
    reading = read(workbook({"a": [HEADER, [None, line], CHILD_ROW]}))
    assert [row.reasons for row in reading.rows if row.place.row == 2] == [(code,)]
    assert len(children(reading)) == 1


def test_a_child_whose_name_ends_like_a_village_is_a_child() -> None:
    (row,) = children(read(workbook({"a": [HEADER, [1, "王村", "男", "2010-03-05", CHILD]]})))
    assert row.outcome == "accepted"


@pytest.mark.req("REG-06")
def test_a_sheet_that_goes_on_without_a_header_is_read_and_doubted() -> None:
    more = [
        ["上塘村(续)"],
        ["2", "李四", "女", "2010-03-05", number(order=124)],
        ["3", "王五", "男", "2010-03-05", CHILD[:-1]],
    ]
    reading = read(workbook({"甲": [HEADER, CHILD_ROW], "乙": more, "丙": more[1:2]}))
    assert [(row.outcome, row.warnings) for row in children(reading)] == [
        ("accepted", ()), ("accepted", ("columns-of-sheet-before",)), ("refused", ("columns-of-sheet-before",)),
        ("duplicate", ("columns-of-sheet-before",)),
    ]  # fmt: skip
    assert [table.header_rows for table in reading.columns] == [(1,), (), ()]


def test_a_sheet_without_a_header_goes_on_with_nothing_that_does_not_fit() -> None:
    other = [["李四", number(order=124), "女", "2010-03-05"], ["王五", number(order=126), "女", "2010-03-05"]]
    reading = read(workbook({"甲": [HEADER, CHILD_ROW], "乙": other}))
    assert [(row.outcome, row.reasons) for row in reading.rows[2:]] == [("refused", ("no-header-found",))] * 2
    first = read(workbook({"甲": other, "乙": [HEADER, CHILD_ROW]}))
    assert [(row.outcome, row.reasons) for row in first.rows[:2]] == [("refused", ("no-header-found",))] * 2
    assert read(workbook({"甲": other})).refused == "no-header-found"


def test_two_blocks_without_numbers_of_their_own_may_be_two_persons() -> None:
    rows = [["姓名", "身份证号", "姓名", "身份证号"], ["张三", CHILD, "张大", FATHER]]
    reading = read(workbook({"a": rows}))
    assert [row.record for row in children(reading)] == [{"姓名": "张三", "公民身份证号码": CHILD}]
    assert reading.rows[0].warnings == ("姓名:column-twice", "身份证号:column-twice")


def test_text_that_a_web_page_exports_as_a_formula_is_text() -> None:
    rows = ",".join(HEADER) + "\n" + ",".join(f'="{cell}"' for cell in CHILD_ROW)
    assert children(read(rows.encode(), "a.csv"))[0].outcome == "accepted"


def test_a_row_that_says_what_must_be_filled_in_is_no_child() -> None:
    asked = ["选填", "必填", "必填", "选填", "必填"]
    reading = read(workbook({"a": [HEADER, asked, CHILD_ROW]}))
    assert [row.reasons for row in reading.rows] == [("header-row",), ("note-row",), ()]


def test_a_pages_table_of_relatives_is_read_with_columns_that_no_field_keeps() -> None:
    rows = [
        ["姓名", "张三", "性别", "男", "身份证号", CHILD], ["家庭成员", "称谓", "姓名", "年龄", "联系电话"],
        [None, "父亲", "张大", 40, "13900000001"], [None, "母亲", "李四", 38, "13900000002"],
        ["监护人", "王桂花", "与儿童关系", "奶奶"],
    ]  # fmt: skip
    (row,) = children(read(workbook({"a": rows})))
    assert row.record == {
        "姓名": "张三", "性别": "男", "公民身份证号码": CHILD, "父亲.姓名": "张大", "父亲.联系电话": "13900000001",
        "母亲.姓名": "李四", "母亲.联系电话": "13900000002", "委托监护人.姓名": "王桂花", "委托监护人.与被监护人关系": "奶奶",
    }  # fmt: skip


def test_the_unit_below_the_list_is_no_child() -> None:
    reading = read(
        workbook({"a": [HEADER, CHILD_ROW, ["填报单位", "青禾镇", None, "联系电话", "13800000001"]]})
    )
    assert [row.reasons for row in reading.rows if row.outcome == "ignored"] == [
        ("header-row",),
        ("signature-row",),
    ]
