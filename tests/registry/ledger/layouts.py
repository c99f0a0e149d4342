"""How offices lay a ledger out: rosters, several rows a child, the form as printed; and the files they keep it in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

from tests.registry.ledger.making import text_file, workbook
from tests.registry.ledger.truth import OPTIONS, PLAINLY, Notation, Truth

Cells = list[list[Any]]
Merge = tuple[int, int, int, int]
Merges = list[Merge]

# --- Rosters
PLAIN = {
    label: label.replace(".", "") for label in (
        "姓名", "性别", "民族", "出生日期", "公民身份证号码", "户籍所在地", "现居住地", "身体情况", "是否学校寄宿", "就学情况",
        "父亲.姓名", "父亲.公民身份证号码",
        "父亲.当前务工地点", "父亲.联系电话", "母亲.姓名", "母亲.公民身份证号码", "母亲.当前务工地点", "母亲.联系电话",
        "父母双方同时外出", "父母外出有无委托其他监护人", "委托监护人.姓名", "委托监护人.联系电话",
        "委托监护人.公民身份证号码", "委托监护人.与被监护人关系", "监护类型", "家庭经济来源",
    )
}  # fmt: skip
OTHER_WORDS = {
    "姓名": "儿童\n姓 名", "性别": "性 别", "出生日期": "出生年月", "公民身份证号码": "身份证号", "现居住地": "家庭住址",
    "就学情况": "就读情况",
    "是否学校寄宿": "是否住校", "父亲.姓名": "父亲姓名", "父亲.公民身份证号码": "父亲身份证号", "父亲.当前务工地点": "父亲务工地",
    "父亲.联系电话": "父亲联系方式",
    "母亲.姓名": "母亲姓名", "母亲.当前务工地点": "母亲务工地点", "母亲.联系电话": "母亲手机号",
    "父母双方同时外出": "父母双方均外出",
    "委托监护人.姓名": "监护人姓名", "委托监护人.联系电话": "监护人电话", "委托监护人.与被监护人关系": "与儿童关系",
    "家庭经济来源": "经济来源",
}  # fmt: skip
SYSTEM = {
    "姓名": "儿童姓名", "公民身份证号码": "儿童身份证件号码", "性别": "性别", "民族": "民族", "出生日期": "出生日期",
    "户籍所在地": "户籍详细地址", "现居住地": "现居住地详细地址", "父亲.姓名": "父亲姓名",
    "父亲.公民身份证号码": "父亲身份证件号码",
    "父亲.当前务工地点": "父亲外出务工地", "父亲.联系电话": "父亲联系电话", "母亲.姓名": "母亲姓名",
    "母亲.公民身份证号码": "母亲身份证件号码",
    "委托监护人.姓名": "监护人姓名", "委托监护人.公民身份证号码": "监护人身份证件号码",
    "委托监护人.与被监护人关系": "监护人与儿童关系",
    "就学情况": "就学状态", "身体情况": "健康状况",
}  # fmt: skip
OLD_SCRIPT = {
    "姓名": "姓名", "性别": "性別", "公民身份证号码": "身份證號碼", "户籍所在地": "戶籍所在地", "现居住地": "現居住地",
    "身体情况": "健康狀況",
    "就学情况": "就學情況", "父亲.姓名": "父親姓名", "父亲.联系电话": "父親聯繫電話", "母亲.姓名": "母親姓名",
    "母亲.联系电话": "母親聯繫電話",
    "委托监护人.姓名": "委託監護人姓名", "委托监护人.与被监护人关系": "與被監護人關係", "监护类型": "監護類型",
}  # fmt: skip
FEW = {
    "姓名": "姓名",
    "性别": "性别",
    "公民身份证号码": "证件号码",
    "父亲.姓名": "父亲",
    "母亲.姓名": "母亲",
    "委托监护人.姓名": "监护人",
}


def roster(
    truths: Sequence[Truth], labels: dict[str, str], write: Notation, *, top: Iterable[Sequence[Any]] = ()
) -> tuple[Cells, dict[int, Truth]]:
    """One child a row below one header row; returns the cells, and which child stands in which row from 0."""
    rows: Cells = [[*row] for row in top]
    rows.append(["序号", *labels.values()])
    at = {}
    for order, truth in enumerate(truths, 1):
        at[len(rows)] = truth
        rows.append([order, *(truth.says(label, write) for label in labels)])
    return rows, at


def two_tables(truths: Sequence[Truth]) -> tuple[Cells, dict[int, Truth]]:
    """A table below another, each with columns of its own, footnotes and a stamp's line at the end."""
    few = {label: PLAIN[label] for label in ("姓名", "性别", "公民身份证号码", "父亲.姓名")}
    rows: Cells = []
    at: dict[int, Truth] = {}
    for title, labels, some in (
        ("一、留守儿童", few, truths[::2]),
        ("二、困境儿童", OTHER_WORDS, truths[1::2]),
    ):
        told, places = roster(some, labels, PLAINLY, top=[[title]])
        at |= {row + len(rows): truth for row, truth in places.items()}
        rows += told
        for truth in some:
            truth.record = {label: value for label, value in truth.record.items() if label in labels}
    rows += [
        ["注:1.红色为新增儿童。2.带*的已核实。"], [None, "备注:蓝色为转出"], ["合计", f"{len(truths)}人"], [],
        ["填报日期:2016年7月31日"], ["上塘村村民委员会(盖章)", None, None, None, "2016年7月31日"],
    ]  # fmt: skip
    return rows, at


def side_by_side(truths: Sequence[Truth], blocks: int) -> tuple[Cells, dict[int, list[Truth]]]:
    """Blocks of the same labels side by side, to save paper; children run down the first, then the next."""
    one = ["姓名", "性别", "公民身份证号码", "父亲.姓名"]
    rows: Cells = [["序号", *(PLAIN[label] for label in one), None] * blocks]
    height = -(-len(truths) // blocks)
    at: dict[int, list[Truth]] = {}
    for line in range(height):
        here = truths[line::height]
        at[len(rows)] = list(here)
        told = [
            [line + 1 + n * height, *(t.says(label, PLAINLY) for label in one), None]
            for n, t in enumerate(here)
        ]
        rows.append([cell for cells in told for cell in cells])
    return rows, at


def levels(truths: Sequence[Truth], write: Notation) -> tuple[Cells, dict[int, Truth], Merges]:
    """Two merged levels above a row of column numbers, titles above, totals and signatures below."""
    groups = [
        ("儿童基本情况", ["姓名", "性别", "出生日期", "公民身份证号码", "户籍所在地"]),
        ("父亲情况", ["父亲.姓名", "父亲.公民身份证号码", "父亲.当前务工地点", "父亲.联系电话"]),
        ("母亲情况", ["母亲.姓名", "母亲.公民身份证号码", "母亲.当前务工地点", "母亲.联系电话"]),
        ("委托监护人", ["委托监护人.姓名", "委托监护人.联系电话", "委托监护人.公民身份证号码", "委托监护人.与被监护人关系"]),
    ]  # fmt: skip
    upper, lower, merges, labels = ["序号"], [None], [(0, 0, 0, 17), (2, 0, 3, 0)], []
    for group, members in groups:
        merges.append((2, len(upper), 2, len(upper) + len(members) - 1))
        upper += [group, *[None] * (len(members) - 1)]  # type: ignore[list-item]
        lower += [label.rpartition(".")[2] for label in members]  # type: ignore[misc]
        labels += members
    rows: Cells = [
        ["农村留守儿童花名册"], ["填报单位:青禾镇人民政府", *[None] * 9, "填报日期:2016年7月31日"], upper, lower,
        [f"({n})" for n in range(1, len(upper) + 1)],
    ]  # fmt: skip
    at = {}
    for order, truth in enumerate(truths, 1):
        at[len(rows)] = truth
        rows.append([order, *(truth.says(label, write) for label in labels)])
        if order == 5:
            rows += [["小计", f"{order}人"], [*upper], [*lower]]
    rows += [
        ["合计", f"{len(truths)}人"],
        ["注:以上信息由各村核实"],
        ["单位负责人:", None, None, "填表人:李某"],
    ]
    return rows, at, merges


def ticked(truths: Sequence[Truth]) -> tuple[Cells, dict[int, Truth], Merges]:
    """Options as columns of √."""
    groups = [(label, OPTIONS[label]) for label in ("身体情况", "就学情况", "家庭经济来源", "监护类型")]
    upper: list[Any] = ["姓名", "公民身份证号码", "父亲姓名"]
    lower: list[Any] = [None, None, None]
    merges = [(0, column, 1, column) for column in range(3)]
    for label, options in groups:
        merges.append((0, len(upper), 0, len(upper) + len(options) - 1))
        upper += [label, *[None] * (len(options) - 1)]
        lower += options
    rows, at = [upper, lower], {}
    for truth in truths:
        at[len(rows)] = truth
        cells = [truth.says(label, PLAINLY) for label in ("姓名", "公民身份证号码", "父亲.姓名")]
        for label, options in groups:
            told = truth.record.get(label)
            cells += ["√" if o == told or (isinstance(told, list) and o in told) else None for o in options]
        rows.append(cells)
    return rows, at, merges


VILLAGES = {"上塘村": 5, "下塘村": 3, "柳湾村": 6}


def villages(truths: Sequence[Truth], style: str) -> tuple[Cells, dict[int, Truth], Merges]:
    """A township's roster: the village in each row (`column`), at its first child (`once`), `merged`, or a line (`heading`)."""
    waiting = iter(truths)
    labels = ["姓名", "性别", "公民身份证号码", "父亲.姓名"]
    own = [] if style == "heading" else ["村(社区)"]
    rows: Cells = [["青禾镇农村留守儿童花名册"], ["序号", *own, *(PLAIN[label] for label in labels)]]
    at, merges = {}, []
    for block, (village, count) in enumerate(VILLAGES.items(), 1):
        if style == "heading":
            rows.append([f"{'一二三'[block - 1]}、青禾镇{village}({count}人)"])
        for order, truth in enumerate(islice(waiting, count), 1):
            truth.village = f"青禾镇{village}" if style == "heading" else village
            truth.flags |= {"村居:village-from-above"} if style == "once" and order > 1 else set()
            said = [village if style == "column" or order == 1 else None] if own else []
            at[len(rows)] = truth
            rows.append([order, *said, *(truth.says(label, PLAINLY) for label in labels)])
        if style == "merged":
            merges.append((len(rows) - count, 1, len(rows) - 1, 1))
            rows.append(["小计", f"{count}人"])
    return rows, at, merges


RELATIVE = ["姓名", "公民身份证号码", "当前务工地点", "联系电话"]


def relatives(truths: Sequence[Truth], write: Notation, own: str) -> tuple[Cells, dict[int, Truth], Merges]:
    """A line a relative: the child's own cells stand once (`blank`), are merged, or are said again (`again`)."""
    labels = ["姓名", "性别", "出生日期", "公民身份证号码", "现居住地"]
    rows: Cells = [
        ["序号", *labels, "家庭成员", *[None] * 4],
        [None] * 6 + ["关系", "姓名", "身份证号码", "务工地点", "联系电话"],
    ]
    merges: Merges = [(0, 6, 0, 10), *((0, column, 1, column) for column in range(6))]
    at = {}
    for order, truth in enumerate(truths, 1):
        at[len(rows)] = truth
        people = [p for p in ("父亲", "母亲", "委托监护人") if f"{p}.姓名" in truth.record]
        for line, person in enumerate(people):
            said = line == 0 or own == "again"
            cells = [order, *(truth.says(label, write) for label in labels)] if said else [None] * 6
            rows.append([*cells, person, *(truth.says(f"{person}.{label}", write) for label in RELATIVE)])
        if own == "merged" and len(people) > 1:
            merges += [(len(rows) - len(people), column, len(rows) - 1, column) for column in range(6)]
    return rows, at, merges


def parents(truths: Sequence[Truth], *, numbers: bool) -> tuple[Cells, dict[int, Truth]]:
    """A father's line and a mother's, and no word of which is which."""
    labels = ["姓名", "性别", "公民身份证号码"]
    theirs = [label for label in RELATIVE if numbers or label != "公民身份证号码"]
    rows: Cells = [["序号", *labels, *(f"父母{label}" for label in theirs)]]
    at = {}
    for order, truth in enumerate(truths, 1):
        at[len(rows)] = truth
        for person in ("父亲", "母亲"):
            own = (
                [order, *(truth.says(label, PLAINLY) for label in labels)] if person == "父亲" else [None] * 4
            )
            rows.append([*own, *(truth.says(f"{person}.{label}", PLAINLY) for label in theirs)])
        same = [truth.record[f"{p}.姓名"][0] == truth.record["姓名"][0] for p in ("父亲", "母亲")]
        if not numbers and same == [True, False]:
            truth.flags.add("parents-by-order")
        elif not numbers:
            truth.flags.add("member-unclear")
            truth.record = {k: v for k, v in truth.record.items() if k[:3] not in ("父亲.", "母亲.")}
    return rows, at


def together(truths: Sequence[Truth]) -> tuple[Cells, dict[int, Truth]]:
    """A person a cell: 父亲(姓名/电话/务工地), with line breaks, strokes or blanks between."""
    ways = {
        "父亲": ("姓名", "联系电话", "当前务工地点"), "母亲": ("姓名", "联系电话", "当前务工地点"),
        "委托监护人": ("姓名", "联系电话", "与被监护人关系"),
    }  # fmt: skip
    labels = ["姓名", "性别", "公民身份证号码"]
    rows: Cells = [[*labels, "父亲(姓名/电话/务工地)", "母亲姓名、电话、务工地点", "监护人姓名及电话及关系"]]
    at = {}
    for truth, between in zip(truths, cycle(("\n", "/", " ", ",")), strict=False):
        at[len(rows)] = truth
        people = [
            between.join(told for label in asked if (told := truth.record.get(f"{person}.{label}")))
            for person, asked in ways.items()
        ]  # fmt: skip
        rows.append([*(truth.says(label, PLAINLY) for label in labels), *people])
    return rows, at


# --- The form as printed
def page(truth: Truth, write: Notation, *, colon: bool = False) -> tuple[Cells, Merges]:
    """One child's form, as annex 1 prints it; with `colon`, label and value share a cell."""

    def say(label: str, shown: str | None = None) -> list[Any]:
        shown, cell = shown or label.rpartition(".")[2], truth.says(label, write)
        return [f"{shown}:{'' if cell is None else cell}"] if colon else [shown, cell]

    def person(who: str, *labels: str) -> list[Any]:
        return [
            cell for label in labels for cell in say(f"{who}.{label}", f"{who}{label}" if colon else None)
        ]

    rows: Cells = [
        ["农村留守儿童基本情况登记表"], ["填报单位:青禾镇", None, None, "填报日期:2016年7月31日"],
        ["个人基本情况", *say("姓名"), *say("性别"), *say("民族")],
        [None, *say("出生日期"), *say("公民身份证号码")],
        [None, *say("户籍所在地"), *say("现居住地")],
        [None, *say("身体情况"), *say("是否学校寄宿"), *say("就学情况")],
        ["家庭情况", *([] if colon else ["父亲"]), *person("父亲", "姓名", "出生日期", "公民身份证号码")],
        [None, *([] if colon else [None]), *person("父亲", "当前务工地点", "联系电话")],
        [None, *([] if colon else ["母亲"]), *person("母亲", "姓名", "出生日期", "公民身份证号码")],
        [None, *([] if colon else [None]), *person("母亲", "当前务工地点", "联系电话")],
        ["实际监护情况", *say("父母双方同时外出"), *say("父母外出有无委托其他监护人")],
        [None, *say("委托监护人.姓名", "委托监护人姓名"), *say("委托监护人.联系电话", "委托监护人电话")],
        [None, *say("委托监护人.公民身份证号码", "委托监护人公民身份证号码"), *say("委托监护人.与被监护人关系")],
        [None, *say("监护类型")], [None, *say("家庭经济来源")],
        ["单位负责人:", None, "复核人:", None, "填表人:"],
    ]  # fmt: skip
    merges = [(2, 0, 5, 0), (6, 0, 9, 0), (10, 0, 14, 0)]
    return rows, merges if colon else [*merges, (6, 1, 7, 1), (8, 1, 9, 1)]


def pages(truths: Sequence[Truth], write: Notation, **how: bool) -> tuple[Cells, dict[int, Truth], Merges]:
    """Pages one below the other, an empty one at the end."""
    rows: Cells = []
    merges: Merges = []
    at = {}
    for truth in [*truths, Truth({})]:
        if truth.record:
            at[len(rows) + 2] = truth
        told, joined = page(truth, write, **how)
        merges += [(t + len(rows), left, b + len(rows), right) for t, left, b, right in joined]
        rows += [*told, []]
    return rows, at, merges


def boxes(chosen: Sequence[str], options: Sequence[str]) -> str:
    """☑是 □否."""
    return " ".join(f"{'☑' if option in chosen else '□'}{option}" for option in options)


def brackets(chosen: Sequence[str], options: Sequence[str]) -> str:
    """是(√) 否( )."""
    return " ".join(f"{option}({'√' if option in chosen else ' '})" for option in options)


def behind(chosen: Sequence[str], options: Sequence[str]) -> str:
    """是√ 否."""
    return " ".join(f"{option}√" if option in chosen else option for option in options)


def own_page(truth: Truth) -> Cells:
    """A page of a township's own making: a digit a box, and the family as a small table."""
    digits = list(truth.record["公民身份证号码"])
    people = [
        [who, *(truth.says(f"{who}.{label}", PLAINLY) for label in ("姓名", "出生日期", *RELATIVE[1:]))]
        for who in ("父亲", "母亲")
    ]  # fmt: skip
    return [
        ["困境(留守)儿童一人一档"], ["儿童姓名", truth.record["姓名"], "性别", truth.record["性别"],
         "出生年月", truth.record["出生日期"]],
        ["身份证号码", *digits], ["家庭住址", truth.record["现居住地"]],
        ["称谓", "姓名", "出生年月", "身份证号", "务工地点", "联系方式"], *people,
        ["监护类型", truth.record["监护类型"]], ["备注", None],
    ]  # fmt: skip


def bands(truth: Truth, write: Notation) -> Cells:
    """A page of bands: labels in one line, their values in the line beneath."""
    groups = [
        ["姓名", "性别", "民族", "出生日期", "公民身份证号码"],
        ["户籍所在地", "现居住地", "身体情况", "就学情况"],
        ["父亲.姓名", "父亲.公民身份证号码", "父亲.当前务工地点", "父亲.联系电话"],
        ["母亲.姓名", "母亲.当前务工地点", "母亲.联系电话"],
        ["委托监护人.姓名", "委托监护人.与被监护人关系", "委托监护人.联系电话"],
        ["监护类型", "家庭经济来源"],
    ]  # fmt: skip
    rows: Cells = [["青禾镇留守儿童信息卡"]]
    for labels in groups:
        person = labels[0].rpartition(".")[0]
        rows.append(
            [person + labels[0].rpartition(".")[2], *(label.rpartition(".")[2] for label in labels[1:])]
        )
        rows.append([truth.says(label, write) for label in labels])
    return rows


# --- Files
@dataclass
class Told:
    """A file and its truth: sheet, row from 1, and the child that stands there."""

    filename: str
    content: bytes
    truth: list[tuple[str, int, Truth]]


def on_sheets(
    name: str,
    sheets: dict[str, tuple[Cells, dict[int, Truth]]],
    merges: Sequence[Merge] = (),
    **how: Any,
) -> Told:
    """An .xlsx of these sheets."""
    content = workbook({sheet: rows for sheet, (rows, _) in sheets.items()}, merges, **how)
    truth = [(sheet, row + 1, child) for sheet, (_, at) in sheets.items() for row, child in at.items()]
    return Told(f"{name}.xlsx", content, truth)


def as_text(name: str, rows: Cells, at: dict[int, Truth], encoding: str, delimiter: str = ",") -> Told:
    """A text file of these rows."""
    told = [["" if cell is None else str(cell) for cell in row] for row in rows]
    suffix = "tsv" if delimiter == "\t" else "csv"
    content = text_file(told, encoding, delimiter)
    return Told(f"{name}.{suffix}", content, [("", row + 1, child) for row, child in at.items()])


def as_html(name: str, rows: Cells, at: dict[int, Truth], merges: Merges) -> Told:
    """A web page that calls itself .xls."""
    spans = {(top, left): (bottom - top + 1, right - left + 1) for top, left, bottom, right in merges}
    gone = {
        (row, column) for top, left, bottom, right in merges
        for row in range(top, bottom + 1) for column in range(left, right + 1) if (row, column) != (top, left)
    }  # fmt: skip
    lines = []
    for r, row in enumerate(rows):
        cells = "".join(
            "<td rowspan={} colspan={}>{}</td>".format(
                *spans.get((r, c), (1, 1)), "&nbsp;" if cell is None else str(cell).replace("\n", "<br/>")
            )
            for c, cell in enumerate(row) if (r, c) not in gone
        )  # fmt: skip
        lines.append(f"<tr>{cells}</tr>")
    head = '<html xmlns:x="urn:schemas-microsoft-com:office:excel"><head><meta charset="gb2312"><style>td{}</style></head>'
    content = f"{head}<body><table border=1>{''.join(lines)}</table></body></html>".encode("gb18030")
    return Told(f"{name}.xls", content, [("", row + 1, child) for row, child in at.items()])
