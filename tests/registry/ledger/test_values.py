"""Single cells: numbers, dates, telephones, names and options are read or named, never mended."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.registry.ledger.labels import meaning_of
from services.registry.ledger.values.dates import EPOCH_1900, EPOCH_1904, read_date
from services.registry.ledger.values.ids import check_digit, facts_of, read_id
from services.registry.ledger.values.names import read_name, read_relative
from services.registry.ledger.values.options import read_choice, read_choices, read_tick, read_yes_no
from services.registry.ledger.values.phones import read_phone
from services.registry.ledger.values.read import Read, Setting
from services.registry.ledger.values.texts import read_text
from services.registry.ledger.values.together import apart
from shouwang.demo_ledger import _chinese
from tests.registry.ledger.making import CHILD, number

DAYS = st.dates(date(1910, 1, 1), date(2099, 12, 31))
NUMBERS = st.builds(lambda day, order: number(f"{day:%Y%m%d}", order), DAYS, st.integers(1, 999))
TEXT, SHEET = Setting(typed=False), Setting()


@pytest.mark.req("REG-06")
@given(NUMBERS, st.integers(0, 17), st.sampled_from("0123456789X"))
def test_a_number_with_one_other_character_is_never_read(good: str, at: int, other: str) -> None:
    assert read_id(good, adult=False).value == good
    wrong = good[:at] + other + good[at + 1 :]
    assert wrong == good or read_id(wrong, adult=False).value is None


@given(NUMBERS, st.integers(0, 16))
def test_two_neighbours_changed_about_are_noticed(good: str, at: int) -> None:
    wrong = good[:at] + good[at + 1] + good[at] + good[at + 2 :]
    assert wrong == good or read_id(wrong, adult=False).value is None


@given(NUMBERS)
def test_a_number_is_read_in_all_its_dresses(good: str) -> None:
    wide = good.translate({code: code + 0xFEE0 for code in range(0x30, 0x5B)})
    for dress in (
        f"'{good}",
        f" {good} ",
        good.lower(),
        wide,
        f"{good[:6]} {good[6:14]}　{good[14:]}",
        f"\ufeff{good}",
    ):
        assert read_id(dress, adult=False) == Read(good)


@given(NUMBERS)
def test_a_number_that_went_through_a_double_is_refused_and_one_that_cannot_have_is_read(good: str) -> None:
    if good.isdecimal():
        assert read_id(float(good), adult=True).problem == "id-digits-lost"
        whole = int(good)
        exact = int(float(whole)) != whole
        assert read_id(whole, adult=True).value == (good if exact else None)
    assert read_id(f"{good[0]}.{good[1:14]}E+17", adult=False).problem == "id-digits-lost"


def test_old_numbers_are_read_of_adults_only() -> None:
    assert read_id("990101800101111", adult=True) == Read("990101800101111", ("id-fifteen-digits",))
    assert read_id(990101800101111.0, adult=True).warnings == ("id-read-from-number", "id-fifteen-digits")
    assert read_id("990101800101111", adult=False).problem == "id-fifteen-digits"


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        (CHILD[:-1], "id-malformed"),
        (CHILD + "1", "id-malformed"),
        ("99010X201003051236", "id-malformed"),
        (date(2010, 3, 5), "id-malformed"),
        (CHILD[:14] + "1000", "id-digits-lost"),
        ("未办理", "id-stated-missing"),
        ("不详", "stated-unknown"),
        (number("20100230"), "id-birth-date-impossible"),
    ],
)
def test_a_wrong_number_is_named(cell: Any, problem: str) -> None:
    assert read_id(cell, adult=False) == Read(problem=problem)


@given(NUMBERS)
def test_a_number_tells_birth_and_sex(good: str) -> None:
    facts = facts_of(good)
    assert facts is not None
    assert f"{facts.birth:%Y%m%d}" == good[6:14]
    assert facts.sex == ("男" if int(good[16]) % 2 else "女")
    assert check_digit(good[:17]) == good[17]


@given(DAYS)
def test_a_day_is_read_in_every_notation(day: date) -> None:
    y, m, d = day.year, day.month, day.day
    spellings: list[Any] = [
        f"{y}.{m}.{d}", f"{y}-{m:02}-{d:02}", f"{y}/{m}/{d}", f"{y}{m:02}{d:02}", int(f"{y}{m:02}{d:02}"),
        f"{y}年{m}月{d}日",
        f"{y}年{m:02}月{d:02}日出生", f" {y} 年 {m} 月 {d} 日 ", f"{y}．{m}．{d}",
        day, _chinese(day),
        f"{y}-{m}-{d} 00:00:00", f"{y}{m:02}{d:02}.0", float(f"{y}{m:02}{d:02}"),
        _chinese(day).replace("〇", "○"),
    ]  # fmt: skip
    for spelling in spellings:
        assert read_date(spelling, SHEET) == Read(day.isoformat()), spelling


@given(DAYS, st.booleans())
def test_a_serial_is_read_by_the_workbooks_own_date_system(day: date, late: bool) -> None:
    serial = (day - (EPOCH_1904 if late else EPOCH_1900)).days
    found = read_date(serial, Setting(date_1904=late))
    if serial >= 3654:
        assert found == Read(day.isoformat(), ("date-read-from-serial",))


@given(st.text(max_size=12) | st.floats() | st.integers())
@settings(max_examples=300)
def test_no_cell_breaks_a_reader_or_gives_both_a_value_and_a_problem(cell: str | float) -> None:
    reads = [
        read_id(cell, adult=True), read_date(cell, SHEET), read_phone(cell), read_name(cell), read_text(cell),
        read_relative(cell)[0], read_yes_no("是否登记户口", cell), read_choice("身体情况", cell),
        read_choices("家庭经济来源", cell), read_tick(cell),
    ]  # fmt: skip
    assert all(read.value is None or read.problem is None for read in reads)


@pytest.mark.parametrize(
    ("cell", "setting", "expected"),
    [
        ("2010.3", TEXT, Read("2010-03", ("date-partial",))),
        ("2010年3月", SHEET, Read("2010-03", ("date-partial",))),
        ("201003", SHEET, Read("2010-03", ("date-partial",))),
        (2010.3, SHEET, Read("2010-03", ("date-partial",))),
        (2010.1, SHEET, Read("2010", ("date-month-ambiguous",))),
        ("2010.1", TEXT, Read("2010", ("date-month-ambiguous",))),
        ("2010.10", TEXT, Read("2010-10", ("date-partial",))),
        ("2010年", SHEET, Read("2010", ("date-partial",))),
        ("二〇一〇年三月", SHEET, Read("2010-03", ("date-partial",))),
        ("2010 03 05", SHEET, Read("2010-03-05")),
        ("20100305日", SHEET, Read("2010-03-05")),
        ("2010.3.5(阳历)", SHEET, Read("2010-03-05")),
        ("2010.3.5(农历)", SHEET, Read(problem="date-lunar")),
        ("2010.2.30", SHEET, Read(problem="date-impossible")),
        ("20101305", SHEET, Read(problem="date-impossible")),
        ("2010.13", SHEET, Read(problem="date-impossible")),
        ("10.3.5", SHEET, Read(problem="date-unreadable")),
        ("3/5/2010", SHEET, Read(problem="date-unreadable")),
        ("农历2010年3月5日", SHEET, Read(problem="date-lunar")),
        ("约2010年", SHEET, Read(problem="date-unreadable")),
        ("不详", SHEET, Read(problem="stated-unknown")),
        ("—", SHEET, Read()),
    ],
)
def test_a_doubtful_date_stays_doubtful(cell: Any, setting: Setting, expected: Read) -> None:
    assert read_date(cell, setting) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("10000138000", Read("10000138000")),
        (10000138000.0, Read("10000138000")),
        ("100 0013 8000", Read("10000138000")),
        ("+86 100-0013-8000", Read("10000138000")),
        ("1.0000138E+10", Read("10000138000", ("phone-from-scientific",))),
        ("1.00E+10", Read(problem="phone-digits-lost")),
        ("1.000014E+10", Read(problem="phone-digits-lost")),
        ("(024)99990000", Read("024-99990000")),
        ("024－99990000", Read("024-99990000")),
        ("02499990000", Read("024-99990000")),
        ("99990000", Read("99990000", ("phone-without-area-code",))),
        ("10000138000/10000138001", Read("10000138000、10000138001", ("several-phones",))),
        ("1000013800", Read(problem="phone-unreadable")),
        ("10000138000 10000138001", Read("10000138000、10000138001", ("several-phones",))),
        ("10000138000(微信同号)", Read("10000138000", ("phone-remark-dropped",))),
        ("10000138000(奶奶)", Read(problem="phone-unreadable")),
        ("无", Read()),
    ],
)
def test_a_telephone_is_restored_only_if_exact(cell: Any, expected: Read) -> None:
    assert read_phone(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("张　三", Read("张三")),
        (" 欧阳 小 明 ", Read("欧阳小明")),
        ("古丽•阿依", Read("古丽·阿依")),
        ("古丽・阿依", Read("古丽·阿依")),
        ("古丽．阿依", Read("古丽·阿依")),
        ("𬀩小𠮷", Read("𬀩小𠮷")),
        ("Anna  Li", Read("Anna Li")),
        ("张?", Read("张?", ("unreadable-character",))),
        ("张三2", Read("张三2", ("name-odd",))),
        ("12.张三", Read("张三", ("name-remark-dropped",))),
        ("张三*", Read("张三", ("name-remark-dropped",))),
        ("继父 张三", Read("张三", ("name-remark-dropped",))),
        ("奶奶", Read(problem="name-is-remark")),
        ("离异", Read(problem="name-is-remark")),
        ("李大 在外打工", Read(problem="name-is-remark")),
        ("张三、李四", Read(problem="name-unreadable")),
        ("张三(双胞胎)", Read("张三", ("name-remark-dropped",))),
        ("张三13800000001", Read(problem="name-unreadable")),
        ("12", Read(problem="name-unreadable")),
        (5, Read(problem="name-unreadable")),
    ],
)
def test_a_name_loses_its_blanks_and_nothing_else(cell: Any, expected: Read) -> None:
    assert read_name(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected", "deceased"),
    [
        ("—", Read(), True),
        ("已故", Read(), True),
        ("李四（已故）", Read("李四"), True),
        ("李四已故", Read("李四"), True),
        ("已故（2010年）", Read(), True),
        ("-", Read(problem="deceased-mark-unclear"), False),
        ("/", Read(problem="deceased-mark-unclear"), False),
        ("", Read(), False),
    ],
)
def test_only_the_forms_own_dash_says_that_somebody_died(cell: str, expected: Read, deceased: bool) -> None:
    assert read_relative(cell) == (expected, deceased)


@pytest.mark.parametrize(
    "cell", ["√", "✔", "是", "有", 1, 1.0, "1", True, "Y", "yes", "Ｙ", "☑是 □否", "是√ 否□"]
)
def test_yes_has_many_spellings(cell: Any) -> None:
    assert read_yes_no("是否登记户口", cell) == Read(value=True)


@pytest.mark.parametrize("cell", ["否", "无", 0, "0", False, "N", "×", "x", "□是 ☑否", "是□ 否√", "未登记"])
def test_no_has_many_spellings(cell: Any) -> None:
    assert read_yes_no("是否登记户口", cell) == Read(value=False)


@pytest.mark.parametrize("cell", [None, "", " ", "—", "/", "□是 □否"])
def test_a_blank_is_neither_yes_nor_no(cell: Any) -> None:
    assert read_yes_no("是否登记户口", cell) == Read()


@pytest.mark.parametrize("cell", ["可能", 2, "大概是", "寄宿"])
def test_what_is_neither_yes_nor_no_is_left_out(cell: Any) -> None:
    assert read_yes_no("是否登记户口", cell).problem == "yes-no-unreadable"


def test_options_are_the_printed_ones() -> None:
    assert read_choice("身体情况", "良好") == Read("健康")
    assert read_choice("身体情况", "□健康 ☑残疾 □患病") == Read("残疾")
    assert read_choice("身体情况", "☑健康 ☑残疾 □患病").problem == "several-options"
    assert read_choice("监护类型", "差").problem == "option-unknown"
    assert read_choices("家庭经济来源", "打工、种地，打工") == Read(["打工收入", "种养殖业"])
    assert read_choices("家庭经济来源", "打工,彩票") == Read(["打工收入"], ("option-unknown",))
    assert read_choices("救助帮扶情况", "无") == Read()


def test_text_is_kept_as_written_and_its_oddities_are_named() -> None:
    assert read_text(" 辽宁省  沈阳市 ") == Read("辽宁省 沈阳市")
    assert read_text("=cmd|' /C calc'!A0") == Read("=cmd|' /C calc'!A0")
    assert read_text("a\x07b") == Read("ab", ("control-characters",))
    assert read_text("长" * 501).problem == "text-too-long"
    assert read_text("3") == Read("3")
    assert read_text(3.0) == Read("3", ("text-read-from-number",))


def test_days_count_from_the_epochs_that_spreadsheets_use() -> None:
    assert timedelta(days=1462) == EPOCH_1904 - EPOCH_1900


@pytest.mark.req("REG-06")
@pytest.mark.parametrize(
    ("cell", "asked", "found", "left"),
    [
        ("张大\n10000138000\n广东深圳", "姓名 联系电话 当前务工地点", "张大 10000138000 广东深圳", False),
        ("姓名:张大 电话:10000138000", "姓名 联系电话", "张大 10000138000", False),
        ("张　大 10000138000", "姓名 联系电话", "张　大 10000138000", False),
        ("爷爷王大山10000138000", "姓名 联系电话 与被监护人关系", "王大山 10000138000 爷爷", False),
        ("王大山(外祖父)", "姓名 与被监护人关系", "王大山 外祖父", False),
        ("张大(已故)", "姓名 联系电话", "张大(已故) .", False),
        ("—", "姓名 联系电话", "— .", False),
        ("张大 广东 深圳 龙岗", "姓名 当前务工地点", ". .", True),
        ("张大,广东,深圳", "姓名 当前务工地点", "张大 .", True),
        ("张大,建筑工", "姓名 联系电话", "张大 .", True),
    ],
)
def test_what_stands_together_is_taken_apart_or_left_out(
    cell: str, asked: str, found: str, left: bool
) -> None:
    told = zip(asked.split(), found.replace("　", "\u3000").split(" "), strict=True)
    assert apart(cell, asked.split()) == ({k: v.replace("\u3000", " ") for k, v in told if v != "."}, left)


@pytest.mark.parametrize(
    ("label", "fields"),
    [
        ("父亲(姓名/电话/务工地)", "姓名+联系电话+当前务工地点"),
        ("监护人姓名及电话及关系", "姓名+联系电话+与被监护人关系"),
        ("母亲姓名、联系方式", "姓名+联系电话"),
        ("委托监护人姓名、与儿童关系及联系电话", "姓名+与被监护人关系+联系电话"),
        ("父亲姓名电话", "姓名+联系电话"),
        ("监护人(关系)", "姓名+与被监护人关系"),
        ("父亲(务工地点)", None),
        ("父亲联系电话(手机)", None),
        ("父亲身份证号(18位)", None),
        ("父亲", None),
    ],
)
def test_a_label_may_ask_for_several_things(label: str, fields: str | None) -> None:
    meaning = meaning_of((label,))
    assert meaning is not None
    assert meaning.option == fields


@pytest.mark.parametrize("cell", ["身份证号:{}", "{}(补办)", "{} (新)"])
def test_a_remark_beside_a_number_is_dropped_and_said(cell: str) -> None:
    assert read_id(cell.format(CHILD), adult=False) == Read(CHILD, ("id-remark-dropped",))


@pytest.mark.parametrize("cell", ["{}(母亲)", "母亲:{}", "{}/{}", "{}(12)", "约{}"])
def test_a_number_that_may_be_somebody_elses_is_not_taken(cell: str) -> None:
    assert read_id(cell.replace("{}", CHILD), adult=False) == Read(problem="id-malformed")


def test_sex_may_be_coded_and_is_then_doubted() -> None:
    assert read_choice("性别", 1.0) == read_choice("性别", "1") == Read("男", ("option-from-code",))
    assert read_choice("性别", "2") == Read("女", ("option-from-code",))
    assert read_choice("性别", "0") == read_choice("身体情况", "1") == Read(problem="option-unknown")


@pytest.mark.parametrize(
    ("cell", "option"),
    [
        ("青禾小学三年级(2)班", "小学"),
        ("五年级2班", "小学"),
        ("小学(寄宿)", "小学"),
        ("初二(3)班", "初中"),
        ("青禾中学八年级", "初中"),
        ("高一", "高中"),
        ("青禾幼儿园", "幼儿园"),
        ("未上小学", None),
        ("小学毕业", None),
        ("初三毕业", None),
        ("初二辍学", None),
        ("未上幼儿园", "未入园"),
        ("中学", None),
    ],
)
def test_a_school_or_a_grade_says_the_stage(cell: str, option: str | None) -> None:
    assert read_choice("就学情况", cell).value == option


def test_a_remark_behind_yes_or_an_option_is_dropped_and_said() -> None:
    dropped = ("option-remark-dropped",)
    assert read_yes_no("父母外出有无委托其他监护人", "有(奶奶)") == Read(value=True, warnings=dropped)
    assert read_yes_no("是否登记户口", "是(否)").problem == "yes-no-unreadable"
    assert (
        read_choice("身体情况", "残疾(肢体二级)")
        == read_choice("身体情况", "肢体残疾")
        == Read("残疾", dropped)
    )


@pytest.mark.parametrize("cell", ["{0}-{1}-{2}", "{0}_{1}{2}", "{0} {1} {2}"])
def test_a_number_in_pieces_is_whole(cell: str) -> None:
    assert read_id(cell.format(CHILD[:6], CHILD[6:14], CHILD[14:]), adult=False) == Read(CHILD)
