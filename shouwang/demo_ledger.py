"""The demo township's ledger: a synthetic roster as dirty as a real one, with the truth beside it."""

import io
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any

import xlsxwriter

from services.registry.ledger.values.ids import check_digit

CLOSING_DATE = date(2026, 9, 30)
TOWNSHIP = "青禾镇"
SIBLING_NAMES = ("程小禾", "程小麦")
SIBLING_BIRTHS = (date(2015, 4, 12), date(2018, 11, 3))
SIBLING_SEXES = ("女", "男")
GRANDMOTHER_NAME = "周桂香"
FATHER_NAME, MOTHER_NAME = "程立田", "何春苗"
SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜"
GIVEN = "禾麦穗苗田林森雨雪晴朗星月川河江山石岩松柏竹兰芳菊梅春夏秋冬安宁平和"
CITIES = ("辽宁省沈阳市", "沈阳市", "大连", "广东省深圳市", "江苏省苏州市", "北京市", "浙江宁波", "天津")
PERSONS = ("祖父", "祖母", "外祖父", "外祖母")
PARENTS = ("父亲", "母亲")
CHILD = "公民身份证号码"
LAYOUTS = (  # group, label as written, field of the record
    (
        ("", "姓名", "姓名"),
        ("", "性别", "性别"),
        ("", "民 族", "民族"),
        ("", "出生\n日期", "出生日期"),
        ("", CHILD, CHILD),
    ),
    (
        ("", "儿童姓名", "姓名"),
        ("", CHILD[2:5] + "号", CHILD),
        ("", "性 别", "性别"),
        ("", "出生年月", "出生日期"),
        ("", "民族", "民族"),
    ),
)
LATER = (
    ("", "是否登记户口", "是否登记户口"), ("", "户籍所在地", "户籍所在地"), ("", "现居住地", "现居住地"),
    ("", "身体情况", "身体情况"), ("", "是否学校寄宿", "是否学校寄宿"), ("", "就学情况", "就学情况"),
    *((person, label, f"{person}.{label}") for person in PERSONS for label in ("姓名", "出生日期")),
    *((person, label, f"{person}.{label}") for person in PARENTS
      for label in ("姓名", "出生日期", CHILD, "当前务工地点", "联系电话")),
    ("实际监护情况", "父母双方同时外出", "父母双方同时外出"),
    ("实际监护情况", "父母外出有无委托其他监护人", "父母外出有无委托其他监护人"),
    *(("委托监护人", label, f"委托监护人.{key}") for label, key in
      (("姓名", "姓名"), ("电话", "联系电话"), ("与被监护人关系", "与被监护人关系"))),
    ("", "监护类型", "监护类型"), ("", "家庭经济来源", "家庭经济来源"), ("", "救助帮扶情况", "救助帮扶情况"),
)  # fmt: skip
FAULTS = (
    "id-checksum-wrong", "id-digits-lost", "name-missing", "birth-date-differs-from-id", "date-impossible",
    "id-malformed", "birth-date-and-id-missing",
)  # fmt: skip


@dataclass
class Line:
    """A row in the making: what is written, what a careful clerk reads, what he doubts."""

    cells: dict[str, Any] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    outcome: str = "accepted"
    reasons: list[str] = field(default_factory=list)
    duplicate_of: "Line | None" = None
    place: tuple[str, int] = ("", 0)

    def put(self, label: str, cell: Any, value: Any = None, *doubts: str) -> None:
        self.cells[label] = cell
        self.record.pop(label, None)
        self.warnings = [doubt for doubt in self.warnings if not doubt.startswith(f"{label}:")]
        if value is not None:
            self.record[label] = value
        self.warnings += [f"{label}:{doubt}" for doubt in doubts]


def identity_number(region: str, born: date, order: int) -> str:
    """A number with a right check digit and a prefix that is assigned to nobody."""
    prefix = region[:6] if region.startswith("99") and len(region) >= 6 else "990101"
    body = f"{prefix}{born:%Y%m%d}{order:03}"
    return body + check_digit(body)


def sibling_numbers(region: str = "990101") -> tuple[str, str]:
    return identity_number(region, SIBLING_BIRTHS[0], 702), identity_number(region, SIBLING_BIRTHS[1], 703)


def demo_workbook(
    seed: int, village_regions: list[tuple[str, str]], rows: int = 300
) -> tuple[bytes, list[dict[str, Any]]]:
    """The .xlsx and, for each child's row in its order, the truth.

    The truth of a row: `sheet`, `row`, `outcome`, `reasons`, `warnings` (sorted), `duplicate_of` (`sheet`,
    `row`) and `record` (None for refused rows). About 7 % of the rows are refused; the siblings of the demo
    story stand first in the first village.
    """
    chance = Random(seed)  # noqa: S311 - a roster that can be made again, no secret
    lines: dict[str, list[Line]] = {name: [] for _, name in village_regions}
    order = 0
    for at in range(rows - 4):
        code, name = village_regions[at * len(village_regions) // (rows - 4)]
        order = order % 998 + 1
        sibling = at if at < len(SIBLING_NAMES) else None
        line = _sibling(code, name, at) if sibling is not None else _child(chance, code, name, order)
        if sibling is None and at % 14 == 9:
            _plant(line, FAULTS[at // 14 % len(FAULTS)])
        lines[name].append(line)
    for number in range(min(4, rows)):
        village = village_regions[number % len(village_regions)][1]
        first = next(line for line in lines[village][3 + number :] if line.outcome == "accepted")
        twice = Line(
            dict(first.cells), dict(first.record), list(first.warnings), "duplicate", duplicate_of=first
        )
        lines[village].append(twice)
    return _workbook(lines), [_truth(line) for village in lines.values() for line in village]


def _truth(line: Line) -> dict[str, Any]:
    first = line.duplicate_of
    return {
        "sheet": line.place[0],
        "row": line.place[1],
        "outcome": line.outcome,
        "reasons": line.reasons,
        "warnings": sorted(line.warnings),
        "duplicate_of": {"sheet": first.place[0], "row": first.place[1]} if first else None,
        "record": None if line.outcome == "refused" else line.record,
    }


def _name(chance: Random) -> str:
    return chance.choice(SURNAMES) + "".join(chance.sample(GIVEN, chance.choice((1, 2, 2))))


def _write_date(line: Line, label: str, day: date, style: int) -> None:
    spaced = f"{day.year}年{day.month}月{day.day}日"
    serial = (day - date(1899, 12, 30)).days
    written: tuple[Any, ...] = (
        f"{day.year}.{day.month}.{day.day}", day.isoformat(), int(f"{day:%Y%m%d}"), spaced, day,
        f"{day:%Y/%m/%d}", f"{day:%Y%m%d}", serial, _chinese(day),
    )  # fmt: skip
    cell = written[style % len(written)]
    line.put(label, cell, day.isoformat(), *(["date-read-from-serial"] if cell == serial else []))


def _chinese(day: date) -> str:
    digits = dict(zip("0123456789", "〇一二三四五六七八九", strict=True))

    def number(value: int) -> str:
        tens, ones = divmod(value, 10)
        front = "" if not tens else ("十" if tens == 1 else digits[str(tens)] + "十")
        return front + (digits[str(ones)] if ones else "")

    return "".join(digits[digit] for digit in str(day.year)) + f"年{number(day.month)}月{number(day.day)}日"


def _write_number(line: Line, label: str, number: str, style: int) -> None:
    wide = number.translate({code: code + 0xFEE0 for code in range(0x30, 0x3A)})
    spaced = f"{number[:6]} {number[6:14]} {number[14:]}"
    line.put(label, (number, "'" + number, wide, spaced, number.lower(), number, number)[style % 7], number)


def _write_phone(line: Line, label: str, chance: Random) -> None:
    phone = f"1000{chance.randrange(10**6):06}{chance.randrange(1, 10)}"
    style = chance.randrange(8)
    if style == 0:
        line.put(label, int(phone), phone)
    elif style == 1:
        line.put(label, f"{phone[:3]}-{phone[3:7]}-{phone[7:]}", phone)
    elif style == 2:
        line.put(label, f"1.{phone[1:]}E+10", phone, "phone-from-scientific")
    elif style == 3:
        line.put(label, "1.00E+10", None, "phone-digits-lost")
    else:
        line.put(label, phone, phone)


def _yes_no(line: Line, label: str, chance: Random, *, yes: bool) -> None:
    line.put(label, chance.choice(("√", "是", 1, "有", "Y") if yes else ("否", 0, "无", "×", "N")), yes)


def _base(line: Line, chance: Random, code: str, village: str, *, born: date, sex: str, order: int) -> None:
    style = chance.randrange(63)
    line.put("性别", sex, sex)
    line.put("民族", "汉族", "汉族")
    _write_date(line, "出生日期", born, style)
    _write_number(line, CHILD, identity_number(code, born, order), style)
    _yes_no(line, "是否登记户口", chance, yes=True)
    for label in ("户籍所在地", "现居住地"):
        line.put(label, f"{TOWNSHIP}{village}", f"{TOWNSHIP}{village}")
    age = CLOSING_DATE.year - born.year
    school = "幼儿园" if age < 6 else "小学" if age < 12 else "初中"
    line.put("就学情况", school if style % 5 else f" {school} ", school)
    _yes_no(line, "是否学校寄宿", chance, yes=age > 12)
    line.put("身体情况", "良好" if style % 3 else "健康", "健康")


def _parent(line: Line, chance: Random, person: str, name: str, order: int) -> None:
    born = date(1985, 1, 1) + timedelta(days=chance.randrange(2500))
    line.put(f"{person}.姓名", name, name)
    _write_date(line, f"{person}.出生日期", born, chance.randrange(7))
    odd = order * 2 - (person == "父亲")
    number = identity_number("990202", born, odd % 999 if odd % 999 % 2 == odd % 2 else (odd + 1) % 999)
    wrong = number[:-1] + ("0" if number[-1] != "0" else "1")
    if order % 23 == 0:
        line.put(f"{person}.{CHILD}", wrong, None, "id-checksum-wrong")
    else:
        _write_number(line, f"{person}.{CHILD}", number, chance.randrange(7))
    city = chance.choice(CITIES)
    line.put(f"{person}.当前务工地点", city, city)
    _write_phone(line, f"{person}.联系电话", chance)


def _family(line: Line, chance: Random, surname: str, order: int) -> None:
    for person in PERSONS:
        if chance.random() < 0.25:
            line.put(f"{person}.姓名", "—")
            line.put(f"{person}.出生日期", "—")
            line.record[f"{person}.已故"] = True
            continue
        name = (surname if person == "祖父" else "") + _name(chance)[1 if person == "祖父" else 0 :]
        line.put(f"{person}.姓名", name, name)
        _write_date(line, f"{person}.出生日期", date(1950, 1, 1) + timedelta(days=chance.randrange(3000)), 0)
    _parent(line, chance, "父亲", surname + _name(chance)[1:], order)
    _parent(line, chance, "母亲", _name(chance), order)


def _child(chance: Random, code: str, village: str, order: int) -> Line:
    line = Line()
    name = _name(chance)
    inner = f"{name[0]}　{name[1:]}" if len(name) == 2 else name
    line.put("姓名", inner, name)
    days = 365 * 17 if order % 40 == 0 else chance.randrange(800, 365 * 15)
    born = CLOSING_DATE - timedelta(days=days)
    _base(line, chance, code, village, born=born, sex="男" if order % 2 else "女", order=order)
    if days > 365 * 16:
        line.warnings.append("over-age-limit")
    _family(line, chance, name[0], order)
    _yes_no(line, "父母双方同时外出", chance, yes=True)
    guardian = line.record.get("祖母.姓名")
    _yes_no(line, "父母外出有无委托其他监护人", chance, yes=guardian is not None)
    if guardian:
        line.put("委托监护人.姓名", guardian, guardian)
        line.put("委托监护人.联系电话", "024-99990000", "024-99990000")
        line.put("委托监护人.与被监护人关系", "祖孙", "祖孙")
    kind = "监护情况一般" if guardian else "无人监护"
    line.put("监护类型", kind, kind)
    line.put("家庭经济来源", "打工、种地", ["打工收入", "种养殖业"])
    line.put("救助帮扶情况", *(("低保", ["享受低保"]) if order % 9 == 0 else ("无",)))
    if order % 31 == 0:
        line.put("监护类型", "差", None, "option-unknown")
    return line


def _sibling(code: str, village: str, at: int) -> Line:
    """The children of the demo story: the same family word for word, nobody entrusted with them yet."""
    line, chance = Line(), Random(7)  # noqa: S311 - the same family for both
    line.put("姓名", SIBLING_NAMES[at], SIBLING_NAMES[at])
    _base(line, chance, code, village, born=SIBLING_BIRTHS[at], sex=SIBLING_SEXES[at], order=702 + at)
    for person in ("祖父", "外祖父", "外祖母"):
        line.put(f"{person}.姓名", "—")
        line.record[f"{person}.已故"] = True
    line.put("祖母.姓名", GRANDMOTHER_NAME, GRANDMOTHER_NAME)
    _write_date(line, "祖母.出生日期", date(1955, 6, 18), 0)
    for person, name in zip(PARENTS, (FATHER_NAME, MOTHER_NAME), strict=True):
        _parent(line, chance, person, name, 411)
    _yes_no(line, "父母双方同时外出", chance, yes=True)
    _yes_no(line, "父母外出有无委托其他监护人", chance, yes=False)
    line.put("监护类型", "无人监护", "无人监护")
    line.put("家庭经济来源", "打工", ["打工收入"])
    return line


def _plant(line: Line, fault: str) -> None:
    number, born = line.record[CHILD], date.fromisoformat(line.record["出生日期"])
    line.outcome, line.reasons = "refused", [fault]
    if fault == "id-checksum-wrong":
        line.put(CHILD, number[:-1] + str((int(number[-1].replace("X", "0")) + 1) % 10))
    elif fault == "id-digits-lost":
        line.put(CHILD, float(number[:-1] + "0"))
    elif fault == "name-missing":
        line.put("姓名", None)
    elif fault == "birth-date-differs-from-id":
        _write_date(line, "出生日期", born + timedelta(days=1), 0)
    elif fault == "date-impossible":
        line.put("出生日期", f"{born.year}.2.30")
    elif fault == "id-malformed":
        line.put(CHILD, number[:-1])
    else:
        line.put(CHILD, None)
        line.put("出生日期", None)


def _workbook(villages: dict[str, list[Line]]) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False}) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for at, (village, lines) in enumerate(villages.items()):
            sheet = book.add_worksheet(village)
            columns = (*LAYOUTS[at % len(LAYOUTS)], *LATER)
            top = _header(sheet, columns, village, numbered=at % 2 == 0)
            for number, line in enumerate(lines):
                line.place = (village, top + number + 1)
                sheet.write_number(top + number, 0, number + 1)
                for column, (_, _, key) in enumerate(columns, start=1):
                    _write(sheet, top + number, column, line.cells.get(key), day)
            sheet.write_string(top + len(lines), 0, "合计")
            sheet.write_number(top + len(lines), 1, len(lines))
            sheet.write_string(top + len(lines) + 2, 0, "单位负责人：        复核人：        填表人：")
        book.add_worksheet("Sheet3")
    return buffer.getvalue()


def _header(sheet: Any, columns: tuple[tuple[str, str, str], ...], village: str, *, numbered: bool) -> int:
    sheet.merge_range(0, 0, 0, len(columns), f"{TOWNSHIP}{village}农村留守儿童花名册")
    sheet.write_string(1, 0, f"填报单位：{TOWNSHIP}人民政府")
    sheet.write_string(1, 8, f"填报日期：{CLOSING_DATE.year}年{CLOSING_DATE.month}月{CLOSING_DATE.day}日")
    sheet.merge_range(2, 0, 3, 0, "序号")
    start = 1
    while start <= len(columns):
        group, label, _ = columns[start - 1]
        end = start
        while group and end < len(columns) and columns[end][0] == group:
            end += 1
        if group:
            sheet.merge_range(2, start, 2, end, group)
            for column in range(start, end + 1):
                sheet.write_string(3, column, columns[column - 1][1])
        else:
            sheet.merge_range(2, start, 3, start, label)
        start = end + 1
    if numbered:
        for column in range(len(columns) + 1):
            sheet.write(4, column, "甲" if column == 0 else column)
    return 5 if numbered else 4


def _write(sheet: Any, row: int, column: int, cell: Any, day: Any) -> None:
    if isinstance(cell, date):
        sheet.write_datetime(row, column, cell, day)
    elif isinstance(cell, int | float):
        sheet.write_number(row, column, cell)
    elif cell is not None:
        sheet.write_string(row, column, cell)
