"""The ledger as the office knows it: 花名册, 登记表 a page a child, and the summary of annex 3, as workbooks."""

import io
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import xlsxwriter

from services.agency.summary import BANDS, SEXES, AnnexThree

Record = Mapping[str, Any]
Villages = Mapping[str, Sequence[Record]]
"""Name of the village → its children, by the form's labels."""
OWN = (
    "姓名", "性别", "民族", "出生日期", "公民身份证号码", "是否登记户口", "户籍所在地", "现居住地",
    "身体情况", "残疾类别及等级", "患病类型", "是否学校寄宿",
    "就学情况",
)  # fmt: skip
GRANDPARENTS, PARENTS = ("祖父", "祖母", "外祖父", "外祖母"), ("父亲", "母亲")
OF_PARENT = ("姓名", "出生日期", "公民身份证号码", "当前务工地点", "联系电话")
CARE = ("父母双方同时外出", "父母一方外出、另一方无监护能力", "无监护能力", "父母外出有无委托其他监护人")
OF_DELEGATE = ("姓名", "联系电话", "公民身份证号码", "与被监护人关系", "居住地地址")
FOOT = ("监护类型", "家庭经济来源", "救助帮扶情况")
LABELS = (
    *OWN, *(f"{who}.{label}" for who in GRANDPARENTS for label in ("姓名", "出生日期")),
    *(f"{who}.{label}" for who in PARENTS for label in OF_PARENT), *CARE,
    *(f"委托监护人.{label}" for label in OF_DELEGATE), *FOOT,
)  # fmt: skip
ILLEGAL = str.maketrans(dict.fromkeys("[]:*?/\\", " "))


def roster(unit: str, closing: date, villages: Villages) -> bytes:
    """One child a row, a sheet a village."""

    def write(sheet: Any, children: Sequence[Record]) -> None:
        sheet.write_string(0, 0, "农村留守儿童花名册")
        sheet.write_string(1, 0, _head(unit, closing))
        for column, label in enumerate(("序号", *LABELS)):
            sheet.write_string(2, column, label.replace(".", ""))
        for row, record in enumerate(children, 3):
            sheet.write_number(row, 0, row - 2)
            for column, label in enumerate(LABELS, 1):
                _say(sheet, row, column, _shown(record, label))
        sheet.freeze_panes(3, 2)
        sheet.autofit()

    return _book(villages, write)


def forms(unit: str, closing: date, villages: Villages) -> bytes:
    """The form as printed, a page a child, the pages of a village one below the other."""

    def write(sheet: Any, children: Sequence[Record]) -> None:
        at = 0
        for record in children:
            breaks.setdefault(id(sheet), []).append(at)
            for row in _page(unit, closing, record):
                for column, cell in enumerate(row):
                    _say(sheet, at, column, cell)
                at += 1
            at += 1
        sheet.set_h_pagebreaks(breaks[id(sheet)][1:])
        sheet.set_column(0, 12, 16)

    breaks: dict[int, list[int]] = {}
    return _book(villages, write)


def _page(unit: str, closing: date, record: Record) -> list[list[str]]:
    def say(*labels: str) -> list[str]:
        return [cell for label in labels for cell in (label.rpartition(".")[2], _shown(record, label))]

    def of(who: str, *labels: str) -> list[str]:
        return [who, *say(*(f"{who}.{label}" for label in labels))]

    return [
        ["农村留守儿童基本情况登记表"], [_head(unit, closing)],
        ["个人基本情况", *say("姓名", "性别", "民族")], ["", *say("出生日期", "公民身份证号码", "是否登记户口")],
        ["", *say("户籍所在地", "现居住地")], ["", *say("身体情况", "残疾类别及等级", "患病类型")],
        ["", *say("是否学校寄宿", "就学情况")],
        ["家庭情况", *of("祖父", "姓名", "出生日期"), *of("祖母", "姓名", "出生日期")],
        ["", *of("外祖父", "姓名", "出生日期"), *of("外祖母", "姓名", "出生日期")],
        *(["", *of(who, *OF_PARENT)] for who in PARENTS),
        ["实际监护情况", *say(*CARE[:2])], ["", *say(*CARE[2:])], ["", *of("委托监护人", *OF_DELEGATE)],
        ["监护类型", _shown(record, FOOT[0])], ["家庭经济来源", _shown(record, FOOT[1])],
        ["救助帮扶情况", _shown(record, FOOT[2])],
        ["单位负责人:", "", "", "复核人:", "", "", "填表人:"],
    ]  # fmt: skip


def summary(unit: str, annex: AnnexThree) -> bytes:
    """Annex 3 with its breakdowns; whoever could not be counted stands on a second sheet with what is missing."""

    def write(sheet: Any, rows: Sequence[Sequence[str | int]]) -> None:
        for at, row in enumerate(rows):
            for column, cell in enumerate(row):
                (sheet.write_number if isinstance(cell, int) else sheet.write_string)(at, column, cell)
        sheet.autofit()

    rows: list[Sequence[str | int]] = [
        ["农村留守儿童汇总表"],
        [_head(unit, annex.closing)],
        ["合计", annex.total],
        [],
        ["年龄", *SEXES.values(), "小计"],
    ]
    for band in BANDS:
        each = [annex.ages[band, sex] for sex in SEXES.values()]
        rows.append([band, *each, sum(each)])
    for name, told in (*annex.breakdowns.items(), ("小学、初中寄宿情况", annex.boarding)):
        rows += [[], [name]]
        rows += sorted(told.items())
    left: list[Sequence[str | int]] = [["姓名", "待补全"], *annex.left_out]
    return _book({"汇总表": rows, "未计入": left}, write)


def _book(sheets: Mapping[str, Any], write: Callable[[Any, Any], None]) -> bytes:
    """Text stays text: nothing that a cell says is a formula or a link."""
    out = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(out, options) as book:
        for name, content in sheets.items():
            write(book.add_worksheet(name.translate(ILLEGAL)[:31]), content)
        if not sheets:
            book.add_worksheet()
    return out.getvalue()


def _head(unit: str, closing: date) -> str:
    return f"填报单位:{unit}    填报日期:{closing.year}年{closing.month}月{closing.day}日"


def _say(sheet: Any, row: int, column: int, text: str) -> None:
    if text:
        sheet.write_string(row, column, text)


def _shown(record: Record, label: str) -> str:
    """A value as the form shows it; — for the deceased."""
    value = record.get(label)
    if label.endswith(".姓名") and record.get(label.replace("姓名", "已故")):
        return f"{value}(已故)" if value else "—"
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, list | tuple):
        return "、".join(value)
    return "" if value is None else str(value)
