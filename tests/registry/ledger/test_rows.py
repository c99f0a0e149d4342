"""What becomes of a row: taken, taken with a doubt, refused, or the same child again."""

from datetime import date
from typing import Any

import pytest

from services.registry.ledger.codes import code_of
from services.registry.ledger.model import Row
from tests.registry.ledger.making import (
    CHILD,
    CHILD_ROW,
    FATHER,
    HEADER,
    children,
    member,
    number,
    old_workbook,
    one,
    read,
    rezip,
    text_file,
    workbook,
)

NUMBER, BIRTH = "公民身份证号码", "出生日期"
WRONG = CHILD[:-1] + ("0" if CHILD[-1] != "0" else "1")


@pytest.mark.req("REG-06")
@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"姓名": ""}, "name-missing"),
        ({"姓名": "不详"}, "name-missing"),
        ({"姓名": "123"}, "name-unreadable"),
        ({NUMBER: WRONG}, "id-checksum-wrong"),
        ({NUMBER: float(number("20100305", 124))}, "id-digits-lost"),
        ({NUMBER: CHILD[:-1]}, "id-malformed"),
        ({NUMBER: "990101100305123"}, "id-fifteen-digits"),
        ({NUMBER: number("20100230")}, "id-birth-date-impossible"),
        ({BIRTH: "2010-03-06"}, "birth-date-differs-from-id"),
        ({BIRTH: "2010-04"}, "birth-date-differs-from-id"),
        ({BIRTH: "2010-02-30"}, "date-impossible"),
        ({BIRTH: "", "性别": "女"}, "sex-differs-from-id"),
        ({NUMBER: "", BIRTH: ""}, "birth-date-and-id-missing"),
        ({NUMBER: "", BIRTH: "农历三月"}, "birth-date-unreadable"),
        ({NUMBER: ""}, "identity-too-thin"),
        ({NUMBER: "", BIRTH: "2010-03", "户籍所在地": "某村"}, "identity-too-thin"),
    ],
)
def test_a_row_whose_identity_would_be_wrong_or_made_up_is_refused(
    values: dict[str, Any], reason: str
) -> None:
    row = one(values)
    assert (row.outcome, row.reasons) == ("refused", (reason,))


@pytest.mark.parametrize(
    ("values", "warnings", "kept"),
    [
        ({}, (), {NUMBER: CHILD}),
        ({NUMBER: CHILD[:6] + "　" + CHILD[6:].lower()}, (), {NUMBER: CHILD}),
        ({NUMBER: "", "父亲姓名": "张大"}, ("id-missing",), {BIRTH: "2010-03-05"}),
        (
            {NUMBER: "未上户", "是否登记户口": "否", "现居住地": "某村"},
            ("id-missing",),
            {"是否登记户口": False},
        ),
        ({BIRTH: ""}, ("birth-date-missing",), {BIRTH: None}),
        ({BIRTH: "农历二月初五"}, ("出生日期:date-lunar",), {BIRTH: None}),
        ({BIRTH: "2010.3"}, ("出生日期:date-partial",), {BIRTH: "2010-03"}),
        ({BIRTH: 40242}, ("出生日期:date-read-from-serial",), {BIRTH: "2010-03-05"}),
        ({BIRTH: date(2010, 3, 5)}, (), {BIRTH: "2010-03-05"}),
        ({"性别": "女"}, ("sex-differs-from-id",), {"性别": "女"}),
        ({"性别": "未知"}, ("性别:stated-unknown",), {"性别": None}),
        ({"父亲身份证号": WRONG}, ("父亲.公民身份证号码:id-checksum-wrong",), {"父亲.公民身份证号码": None}),
        (
            {"父亲身份证号": CHILD},
            ("父亲.公民身份证号码:id-of-another-person",),
            {"父亲.公民身份证号码": None},
        ),
        (
            {"母亲身份证号": FATHER},
            ("母亲.公民身份证号码:sex-differs-from-id",),
            {"母亲.公民身份证号码": FATHER},
        ),
        (
            {"父亲身份证号": FATHER, "父亲出生年月": "1980-02-02"},
            ("父亲.出生日期:birth-date-differs-from-id",),
            {"父亲.出生日期": "1980-02-02"},
        ),
        ({"父亲姓名": "—", "父亲联系方式": "—"}, (), {"父亲.已故": True, "父亲.姓名": None}),
        ({"父亲姓名": "-"}, ("父亲.姓名:deceased-mark-unclear",), {"父亲.已故": None}),
        ({"父亲出生日期": "2009-01-01"}, ("父亲.出生日期:age-implausible",), {"父亲.出生日期": "2009-01-01"}),
        ({"身体情况": "头疼"}, ("身体情况:option-unknown",), {"身体情况": None}),
        (
            {"身体情况": "健康", "患病类型": "哮喘"},
            ("身体情况:contradicts-another-column",),
            {"身体情况": "健康"},
        ),
        ({"父亲务工地点": "=1+1"}, (), {"父亲.当前务工地点": "=1+1"}),
    ],
)
def test_an_odd_value_is_said_and_never_mended(
    values: dict[str, Any], warnings: tuple[str, ...], kept: dict[str, Any]
) -> None:
    row = one(values)
    assert (row.outcome, row.reasons) == ("accepted", ())
    assert row.warnings == warnings
    assert {label: (row.record or {}).get(label) for label in kept} == kept


@pytest.mark.req("REG-01")
@pytest.mark.parametrize(
    ("closing", "warnings"),
    [
        (date(2026, 3, 4), ()),
        (date(2026, 3, 5), ("over-age-limit",)),
        (date(2026, 3, 6), ("over-age-limit",)),
        (date(2010, 3, 4), ("born-after-closing-date",)),
        (None, ()),
    ],
)
def test_age_is_counted_to_the_closing_date(closing: date | None, warnings: tuple[str, ...]) -> None:
    row = children(read(text_file([HEADER, CHILD_ROW]), "a.csv", closing))[0]
    assert (row.outcome, row.warnings) == ("accepted", warnings)


def test_the_closing_date_on_the_form_wins_over_the_one_given() -> None:
    rows = [["填报日期：2026年3月6日"], HEADER, CHILD_ROW]
    row = children(read(text_file(rows), "a.csv", date(2016, 1, 1)))[0]
    assert row.warnings == ("over-age-limit",)


def test_a_partial_birthday_leaves_the_age_open() -> None:
    rows = [[*HEADER, "父亲姓名"], ["1", "张三", "男", "2010.3", "", "张大"]]
    row = children(read(text_file(rows), "a.csv", date(2026, 3, 6)))[0]
    assert "age-limit-unclear" in row.warnings


def again(*rows: dict[str, str]) -> list[Any]:
    labels = list(dict.fromkeys(label for row in rows for label in row))
    lines = [[row.get(label, "") for label in labels] for row in rows]
    return children(read(text_file([labels, *lines]), "a.csv"))


FULL = {"姓名": "张三", "性别": "男", BIRTH: "2010-03-05", NUMBER: CHILD, "父亲姓名": "张大"}
BARE = FULL | {NUMBER: ""}


@pytest.mark.req("REG-06")
def test_the_same_child_twice_is_a_duplicate_of_the_first_row_and_differences_are_shown() -> None:
    first, second = again(FULL, FULL | {"姓名": "张　三", "父亲姓名": "张达", "民族": "汉族"})
    assert (first.outcome, second.outcome) == ("accepted", "duplicate")
    assert second.duplicate_of == first.place
    assert second.warnings == ("父亲.姓名:differs-from-first-row", "民族:missing-in-first-row")


@pytest.mark.req("REG-06")
def test_one_number_under_two_names_refuses_both_rows() -> None:
    rows = again(FULL, FULL | {"姓名": "李四"}, FULL)
    assert [row.reasons for row in rows[:2]] == [("id-shared-by-another-child",)] * 2


@pytest.mark.req("REG-06")
def test_a_row_that_was_refused_has_no_duplicates() -> None:
    rows = again(FULL | {BIRTH: "2010-02-30"}, FULL)
    assert [row.outcome for row in rows] == ["refused", "accepted"]


@pytest.mark.req("REG-06")
def test_a_child_without_a_number_is_known_by_name_birthday_and_parent() -> None:
    assert [row.outcome for row in again(FULL, BARE)] == ["accepted", "duplicate"]
    assert [row.outcome for row in again(BARE, BARE)] == ["accepted", "duplicate"]


@pytest.mark.req("REG-06")
def test_twins_and_namesakes_stay_apart() -> None:
    assert [row.outcome for row in again(BARE, BARE | {"姓名": "张四"})] == ["accepted", "accepted"]
    assert [row.outcome for row in again(BARE, BARE | {"父亲姓名": "张二"})] == ["accepted", "accepted"]
    assert [row.outcome for row in again(FULL, FULL | {NUMBER: number(order=125)})] == [
        "accepted",
        "accepted",
    ]


def test_namesakes_that_nothing_tells_apart_are_both_doubted() -> None:
    rows = again(FULL, BARE | {"父亲姓名": "", "户籍所在地": "某村"})
    assert [row.outcome for row in rows] == ["accepted", "accepted"]
    assert all("possible-duplicate" in row.warnings for row in rows)


def test_formula_cells_are_read_by_their_kept_value_and_said() -> None:
    def formula(book: Any, sheet: Any) -> None:
        sheet.write_formula(1, 3, '="2010-03-05"', book.add_format(), "2010-03-05")
        sheet.write_formula(1, 5, "=1/0", book.add_format(), "")

    rows = [[*HEADER, "民族"], [*CHILD_ROW[:3], "", CHILD, ""]]
    row = children(read(workbook({"a": rows}, then=formula)))[0]
    assert row.warnings == ("出生日期:formula-cell", "民族:formula-cell")
    assert (row.record or {})[BIRTH] == "2010-03-05"


def test_error_cells_are_said() -> None:
    content = workbook({"a": [[*HEADER, "民族"], [*CHILD_ROW, 12345]]})
    sheet = member(content, "xl/worksheets/sheet1.xml")
    broken = sheet.replace(b'<c r="F2"><v>12345</v></c>', b'<c r="F2" t="e"><v>#N/A</v></c>')
    assert broken != sheet
    row = children(read(rezip(content, {"xl/worksheets/sheet1.xml": broken})))[0]
    assert row.warnings == ("民族:error-cell",)


def never_a_double(order: int) -> bool:
    return number(order=order).isdecimal() and int(float(number(order=order))) != int(number(order=order))


@pytest.mark.parametrize("order", [n for n in range(120, 126) if never_a_double(n)])
def test_all_eighteen_digits_in_the_file_are_read_although_a_double_would_lose_them(order: int) -> None:
    good = number(order=order)
    content = workbook({"a": [HEADER, [*CHILD_ROW[:2], "", CHILD_ROW[3], 12345]]})
    sheet = member(content, "xl/worksheets/sheet1.xml").replace(b"<v>12345</v>", f"<v>{good}</v>".encode())
    row = children(read(rezip(content, {"xl/worksheets/sheet1.xml": sheet})))[0]
    assert (row.outcome, row.warnings) == ("accepted", ("公民身份证号码:id-read-from-number",))
    assert (row.record or {})[NUMBER] == good


def test_dates_of_a_1904_workbook_are_read_by_its_own_count() -> None:
    rows = [HEADER, [*CHILD_ROW[:3], 40242 - 1462, CHILD]]
    row = children(read(workbook({"a": rows}, date_1904=True)))[0]
    assert (row.record or {})[BIRTH] == "2010-03-05"
    row = children(
        read(workbook({"a": [HEADER, [*CHILD_ROW[:3], date(2010, 3, 5), CHILD]]}, date_1904=True))
    )[0]
    assert (row.record or {})[BIRTH] == "2010-03-05"


def test_an_old_workbook_is_read_with_its_formulas_and_date_system() -> None:
    late = b"\x22\x00\x02\x00\x01\x00"
    content = old_workbook([HEADER, [*CHILD_ROW[:3], 40242 - 1462, CHILD]], [(1, 0, 7.0)], extra=late)
    row = children(read(content, "名册.xls"))[0]
    assert (row.outcome, (row.record or {})[BIRTH]) == ("accepted", "2010-03-05")
    content = old_workbook([HEADER, [*CHILD_ROW[:3], "", CHILD]] * 30, [(1, 3, 20100305.0)])
    first = children(read(content, "名册.xls"))[0]
    assert first.warnings == ("出生日期:formula-cell",)


@pytest.mark.parametrize("kind", ["姓名", BIRTH, "父亲姓名", "父亲联系电话", "现住址", "家庭经济来源"])
def test_a_cell_as_long_as_a_book_costs_no_time_and_is_not_read(kind: str) -> None:
    row = one({kind: "张" + " " * 30_000 + "("}, text=True)
    assert "张" not in str((row.record or {}) | {"姓名": ""})
    assert row.warnings or row.reasons == ("name-unreadable",)


def test_a_parents_wrong_number_is_said_beside_the_childs_own() -> None:
    row = one({NUMBER: WRONG, "父亲身份证号": WRONG})
    assert row.reasons == ("id-checksum-wrong",)
    assert "父亲.公民身份证号码:id-checksum-wrong" in row.warnings


def test_a_reading_is_the_same_each_time() -> None:
    content = workbook({"a": [HEADER, CHILD_ROW]})
    assert read(content) == read(content)


def test_a_code_stands_behind_the_last_colon() -> None:
    assert code_of("父亲.公民身份证号码:id-checksum-wrong") == "id-checksum-wrong"
    assert code_of("over-age-limit") == "over-age-limit"


# --- The form as printed
def on_a_page(*lines: list[Any]) -> Row:
    """The only child of a page with these lines below the usual ones."""
    usual: list[list[Any]] = [
        ["个人基本情况", "姓名", "张三", "性别", "男"], [None, "公民身份证号码", CHILD, "民族", "汉族"],
        [None, "现居住地", "上塘村1组", "就学情况", "小学"],
    ]  # fmt: skip
    (row,) = children(read(workbook({"甲村": [*usual, *lines]})))
    return row


@pytest.mark.parametrize(
    ("boxes", "read_as"),
    [
        ([2010, 3, 5], "2010-03-05"), ([2010, 1, 2], "2010-01-02"), (["2010", "年", "3", "月", "5", "日"], "2010-03-05"),
        (list("20100305"), "2010-03-05"), (["2010年", "3月"], "2010-03"),
    ],
)  # fmt: skip
def test_a_date_in_several_boxes_of_a_form_is_read_as_it_was_meant(boxes: list[Any], read_as: str) -> None:
    assert (on_a_page([None, "父亲姓名", "张大", "出生日期", *boxes]).record or {})[
        "父亲.出生日期"
    ] == read_as


def test_a_label_that_names_nobody_is_the_childs_unless_its_own_stands_elsewhere_on_the_page() -> None:
    row = on_a_page(
        [None, "父亲姓名", "张大", "公民身份证号码", number("19800101", 111), "联系电话", "13900000001"]
    )
    record = row.record or {}
    assert (record["公民身份证号码"], record["父亲.公民身份证号码"]) == (CHILD, number("19800101", 111))
    assert record["父亲.联系电话"] == "13900000001"


def test_a_page_that_is_not_filled_in_is_no_child() -> None:
    page = [
        ["姓名", None, "性别", "□男 □女"],
        ["出生日期", None, "公民身份证号码", None],
        ["现居住地", None, "民族", None],
    ]
    reading = read(
        workbook(
            {
                "甲村": [
                    ["姓名", "张三", "性别", "男"],
                    ["公民身份证号码", CHILD],
                    ["现居住地", "x村"],
                    ["民族", "汉"],
                    *page,
                ]
            }
        )
    )
    assert [row.outcome for row in children(reading)] == ["accepted"]
    assert [row.place.row for row in reading.rows if row.reasons == ("blank-form",)] == [5]
