"""Offices that keep their ledgers unlike each other: workbooks made from known children, each with its truth beside it."""

import random
from collections.abc import Sequence
from datetime import date
from itertools import cycle, pairwise
from typing import Any

from tests.registry.ledger.layouts import (
    FEW,
    OLD_SCRIPT,
    OTHER_WORDS,
    PLAIN,
    SYSTEM,
    Cells,
    Merge,
    Merges,
    Told,
    as_html,
    as_text,
    bands,
    behind,
    boxes,
    brackets,
    levels,
    on_sheets,
    own_page,
    page,
    pages,
    parents,
    relatives,
    roster,
    side_by_side,
    ticked,
    together,
    two_tables,
    villages,
)
from tests.registry.ledger.making import old_workbook
from tests.registry.ledger.truth import PLAINLY, Notation, Truth, children, full_width, spoil, zoo


class Offices:
    """All of them, made one after the other; the same every time."""

    def __init__(self) -> None:
        self.made: list[Told] = []
        self._rosters()
        self._villages()
        self._several_rows()
        self._forms()
        self._files()
        self._oddities()

    def add(
        self, name: str, table: tuple[Cells, dict[int, Truth]], merges: Sequence[Merge] = (), **how: Any
    ) -> None:
        """An .xlsx with one sheet."""
        self.made.append(on_sheets(name, {"上塘村": table}, merges, **how))

    def _rosters(self) -> None:
        self.add("花名册", roster(spoilt(1), PLAIN, PLAINLY))
        self.add(
            "其他叫法", roster(spoilt(2), OTHER_WORDS, Notation(day=lambda d: f"{d.year}.{d.month}.{d.day}"))
        )
        self.add("倒序", roster(spoilt(3), dict(reversed(PLAIN.items())), PLAINLY))
        self.add("很少几栏", roster(children(14, 4), FEW, PLAINLY))
        rows, at, merges = levels(spoilt(5), PLAINLY)
        self.add("两级表头", (rows, at), merges)
        rows, at, merges = levels(spoilt(6), Notation(number=full_width, day=zoo))
        self.add("全角数字", (rows, at), merges)
        rows, at, merges = ticked(children(14, 7))
        self.add("打勾", (rows, at), merges)
        self.add(
            "系统导出", roster(coded(spoilt(47)), SYSTEM, Notation(day=lambda d: f"{d.isoformat()} 00:00:00"))
        )
        self.add("繁体", roster(old_script(children(14, 48)), OLD_SCRIPT, PLAINLY))
        self.add("两个表头", two_tables(marked(children(14, 50))))
        self.add("随手填写", roster(by_hand(children(20, 51)), PLAIN, PLAINLY))
        rows, many = side_by_side(children(13, 49), 2)
        beside = on_sheets("左右两栏", {"上塘村": (rows, {})})
        beside.truth = [("上塘村", row + 1, child) for row, here in many.items() for child in here]
        self.made.append(beside)
        villages = {
            "上塘村": roster(spoilt(26), PLAIN, PLAINLY),
            "下塘村": roster(spoilt(27), OTHER_WORDS, Notation(day=zoo), top=[["下塘村留守儿童"]]),
        }
        self.made.append(on_sheets("每村一表", villages))

    def _villages(self) -> None:
        for style in ("column", "once", "merged", "heading"):
            rows, at, merges = villages(children(14, 40), style)
            self.made.append(on_sheets(f"村-{style}", {"Sheet1": (rows, at)}, merges))

        first, at = roster(spoilt(44), PLAIN, PLAINLY)
        more, again = roster(children(14, 45), PLAIN, PLAINLY)
        for truth in again.values():
            truth.flags.add("columns-of-sheet-before")
        goes_on = (more[1:], {row - 1: truth for row, truth in again.items()})
        self.made.append(on_sheets("续表", {"上塘村": (first, at), "上塘村(续)": goes_on}))

    def _several_rows(self) -> None:
        for seed, own in enumerate(("blank", "merged", "again"), 8):
            rows, at, merges = relatives(children(14, seed), PLAINLY, own)
            self.add(f"一人一行-{own}", (rows, at), merges)
        rows, at, _ = relatives(children(14, 11), PLAINLY, "blank")
        self.made.append(as_text("一人一行", rows, at, "gb18030"))

        self.add("父母各一行", parents(children(14, 42), numbers=True))
        self.add("父母各一行-无号码", parents(children(30, 43), numbers=False))

        self.add("一格几项", together(children(14, 46)))

    def _forms(self) -> None:
        for seed, tick in enumerate((None, boxes, brackets, behind), 12):
            rows, at, merges = pages(children(6, seed), Notation(tick=tick, day=zoo))
            self.add(f"登记表-{tick.__name__ if tick else 'words'}", (rows, at), merges)
        rows, at, merges = pages(children(6, 16), Notation(tick=boxes), colon=True)
        self.add("登记表-冒号", (rows, at), merges)
        rows, at, _ = pages(children(6, 17), PLAINLY)
        self.made.append(as_text("登记表", rows, at, "utf-8-sig"))
        self.made.append(_beside(children(2, 18)))
        single = {f"第{n}页": (page(t, PLAINLY)[0], {2: t}) for n, t in enumerate(children(5, 19))}
        self.made.append(on_sheets("登记表-每人一页", single))
        cards: Cells = []
        at = {}
        for truth in children(6, 41):
            at[len(cards) + 1] = truth
            cards += [*bands(truth, Notation(tick=boxes)), []]
        self.add("信息卡", (cards, at))
        whole: Cells = []
        at = {}
        for truth in children(5, 36):
            at[len(whole) + 1] = truth
            whole += [*own_page(truth), []]
        self.add("一人一档", (whole, at))

    def _files(self) -> None:
        self.made.append(as_text("UTF-8", *roster(spoilt(20), PLAIN, PLAINLY), "utf-8"))
        self.made.append(as_text("GB18030", *roster(spoilt(21), OTHER_WORDS, PLAINLY), "gb18030"))
        self.made.append(as_text("UTF-16", *roster(spoilt(22), PLAIN, PLAINLY), "utf-16", "\t"))
        self.made.append(as_text("分号", *roster(spoilt(23), PLAIN, Notation(several=",")), "utf-8-sig", ";"))
        rows, at = roster(spoilt(24), PLAIN, PLAINLY)
        old = old_workbook([["" if cell is None else cell for cell in row] for row in rows])
        self.made.append(Told("旧电脑.xls", old, [("甲村", row + 1, child) for row, child in at.items()]))
        rows, at, merges = levels(spoilt(25), PLAINLY)
        self.made.append(as_html("网页导出", rows, at, merges))

    def _oddities(self) -> None:
        self.add("隐藏", _hidden(roster(children(14, 28), PLAIN, PLAINLY)), then=_hide)
        self.add("1904", roster(spoilt(29), PLAIN, Notation(day=lambda d: d)), date_1904=True)
        truths = children(14, 30)
        self.add("公式", _formulas(roster(truths, PLAIN, PLAINLY)), then=_write_formulas)
        self.made.append(_siblings(children(14, 31)))
        self.add("数字号码", _numbers(children(14, 32)))
        self.add(
            "样例行", roster(spoilt(33), PLAIN, PLAINLY, top=[["青禾镇留守儿童台账"], ["说明:请逐项填写"]])
        )
        self.add("电话", roster(_phones(children(14, 34)), PLAIN, PLAINLY))
        self.add("已故与不详", roster(_gone(children(14, 35)), PLAIN, PLAINLY))


def spoilt(seed: int) -> list[Truth]:
    """Fourteen children, and what goes wrong in every office."""
    return spoil(children(14, seed), random.Random(seed))


def coded(truths: list[Truth]) -> list[Truth]:
    """Sex as the national systems code it."""
    for truth in truths:
        truth.cells["性别"] = {"男": "1", "女": "2"}[truth.record["性别"]]
        truth.flags.add("性别:option-from-code")
    return truths


def marked(truths: list[Truth]) -> list[Truth]:
    """Marks and remarks beside names and numbers."""
    for truth, mark in zip(truths, cycle(("1.{}", "{}*", "{}(小名:狗蛋)", "※{}")), strict=False):
        truth.cells["姓名"] = mark.format(truth.record["姓名"])
        truth.flags.add("姓名:name-remark-dropped")
    for truth in truths[::3]:
        truth.cells["公民身份证号码"] = f"{truth.record['公民身份证号码']}(补办)"
        truth.flags.add("公民身份证号码:id-remark-dropped")
    return truths


def by_hand(truths: list[Truth]) -> list[Truth]:
    """What clerks write where there is no better place for it: a status for a name, a grade for a stage, a remark."""
    grades = {"小学": "青禾小学三年级(2)班", "初中": "初二", "幼儿园": "青禾幼儿园大班"}
    for at, truth in enumerate(truths):
        record, born = truth.record, date.fromisoformat(truth.record["出生日期"])
        truth.cells["出生日期"] = (
            f"{born.year}.{born.month}.{born.day}日", f"{born:%Y%m%d}日", f"{born:%Y %m %d}", f"{born:%Y-%m-%d}(阳历)",
        )[at % 4]  # fmt: skip
        truth.cells["就学情况"] = grades[record["就学情况"]]
        if record["就学情况"] != "初中":
            truth.flags.add("就学情况:option-remark-dropped")
        truth.cells["父亲.联系电话"] = f"{record['父亲.联系电话']}(微信同号)"
        truth.flags.add("父亲.联系电话:phone-remark-dropped")
        if at % 2:
            truth.cells["母亲.姓名"] = ("离异", "外出务工", "同上", "改嫁")[at // 2 % 4]
            truth.flags.add("母亲.姓名:name-is-remark")
            del record["母亲.姓名"]
        else:
            truth.cells["父亲.姓名"] = f"{record['父亲.姓名']}已故"
            record["父亲.已故"] = True
    return truths


def old_script(truths: list[Truth]) -> list[Truth]:
    """Options in traditional characters; names stay as they are written."""
    for truth in truths:
        truth.cells["就学情况"] = {"小学": "小學"}.get(truth.record["就学情况"], truth.record["就学情况"])
        truth.record["姓名"] = truth.record["姓名"].replace("张", "張").replace("华", "華")
    return truths


def _beside(truths: list[Truth]) -> Told:
    """Two pages side by side."""
    (left, merges), (right, _) = (page(truth, PLAINLY) for truth in truths)
    wide = [[*one, *[None] * (9 - len(one)), *other] for one, other in zip(left, right, strict=True)]
    both = [*merges, *((t, a + 9, b, c + 9) for t, a, b, c in merges)]
    told = on_sheets("登记表-并排", {"上塘村": (wide, {})}, both)
    return Told(told.filename, told.content, [("上塘村", 3, child) for child in truths])


def _hidden(table: tuple[Cells, dict[int, Truth]]) -> tuple[Cells, dict[int, Truth]]:
    for row in (3, 4):
        table[1][row].flags.add("hidden-row")
    return table


def _hide(_: Any, sheet: Any) -> None:
    for row in (3, 4):
        sheet.set_row(row, None, None, {"hidden": True})
    sheet.set_column(3, 4, None, None, {"hidden": True})


SEXES = {row: truth.record["性别"] for row, truth in enumerate(children(14, 30), 1)}
_SEX = 1 + list(PLAIN).index("性别")


def _formulas(table: tuple[Cells, dict[int, Truth]]) -> tuple[Cells, dict[int, Truth]]:
    for row in (2, 5):
        table[1][row].flags.add("性别:formula-cell")
        table[0][row][_SEX] = None
    return table


def _write_formulas(_: Any, sheet: Any) -> None:
    """Sex by formula from the number; what was computed last is kept in the file."""
    for row in (2, 5):
        sheet.write_formula(row, _SEX, f'=IF(MOD(MID(F{row + 1},17,1),2),"男","女")', None, SEXES[row])


def _siblings(truths: list[Truth]) -> Told:
    """Family cells merged over brothers and sisters."""
    family = [label for label in PLAIN if label.startswith(("父亲", "母亲"))]
    merges: Merges = []
    for at, (one, other) in enumerate(pairwise(truths)):
        if at % 3 == 0:
            for label in family:
                other.record[label] = one.record[label]
                column = 1 + list(PLAIN).index(label)
                merges.append((1 + at, column, 2 + at, column))
                other.cells[label] = None
    rows, at_row = roster(truths, PLAIN, PLAINLY)
    return on_sheets("兄弟姐妹", {"上塘村": (rows, at_row)}, merges)


def _numbers(truths: list[Truth]) -> tuple[Cells, dict[int, Truth]]:
    """Numbers in number cells have lost their last digits; with an apostrophe, blanks or a small x they have not."""
    for at, truth in enumerate(truths):
        told = truth.record["公民身份证号码"]
        if at % 4 == 0 and told.endswith("X"):
            truth.cells["公民身份证号码"] = told.lower()
        elif at % 4 == 1 and not told.endswith("X"):
            del truth.record["公民身份证号码"]
            truth.cells["公民身份证号码"] = float(told)
            truth.outcome, truth.reasons = "refused", {"id-digits-lost"}
        elif at % 4 == 2:
            truth.cells["公民身份证号码"] = f"'{told}"
        else:
            truth.cells["公民身份证号码"] = f"{told[:6]} {told[6:14]} {told[14:]}"
    return roster(truths, PLAIN, PLAINLY)


def _phones(truths: list[Truth]) -> list[Truth]:
    for at, truth in enumerate(truths):
        told = truth.record["父亲.联系电话"]
        if at % 4 == 0:
            truth.cells["父亲.联系电话"] = float(told)
        elif at % 4 == 1:
            truth.cells["父亲.联系电话"] = f"{told[:3]}-{told[3:7]}-{told[7:]}"
        elif at % 4 == 2:
            del truth.record["父亲.联系电话"]
            truth.cells["父亲.联系电话"] = "1.39E+10"
            truth.flags.add("父亲.联系电话:phone-digits-lost")
    return truths


def _gone(truths: list[Truth]) -> list[Truth]:
    for at, truth in enumerate(truths):
        if at % 3 == 0:
            for label in [label for label in truth.record if label.startswith("父亲.")]:
                del truth.record[label]
            truth.record["父亲.已故"] = True
            truth.cells["父亲.姓名"] = "—"
        elif at % 3 == 1:
            del truth.record["母亲.联系电话"]
            truth.cells["母亲.联系电话"] = "不详"
            truth.flags.add("母亲.联系电话:stated-unknown")
    return truths
