"""A county's ledger for the benchmarks: as many made-up children as asked for, each with a number of its own."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import xlsxwriter

from services.registry.ledger.values.ids import check_digit

LABELS = (
    "序号", "姓名", "性别", "民族", "出生日期", "公民身份证号码", "户籍所在地", "现居住地", "身体情况", "是否学校寄宿",
    "就学情况", "父亲姓名",
    "父亲公民身份证号码", "父亲当前务工地点", "父亲联系电话", "母亲姓名", "母亲当前务工地点", "母亲联系电话", "父母双方同时外出",
    "委托监护人姓名", "委托监护人联系电话", "与被监护人关系", "监护类型", "家庭经济来源",
)  # fmt: skip
_SURNAMES, _GIVEN = "王李张刘陈杨赵黄周吴", "禾满秋月明华平安乐欣雨晨"
_FIRST = date(2011, 1, 1)


def _number(born: date, order: int) -> str:
    body = f"990101{born:%Y%m%d}{order:03}"
    return body + check_digit(body)


def children(count: int) -> Iterator[list[str | int]]:
    """Rows below LABELS; numbers are of a region that is nobody's."""
    for n in range(count):
        born = _FIRST + timedelta(days=n // 480)
        name = _SURNAMES[n % 10] + _GIVEN[n // 10 % 12] + _GIVEN[n // 120 % 12]
        father = date(1980, 1, 1) + timedelta(days=n // 480)
        yield [
            n + 1, name, "男" if n % 2 else "女", "汉族", born.isoformat(),
            _number(born, n % 480 * 2 + n % 2),
            f"青禾镇上塘村{n}号", f"青禾镇上塘村{n}号", "健康", "是" if n % 3 else "否", "小学",
            f"{name[0]}建国",
            _number(father, n % 480 * 2 + 1), "广东省深圳市", f"139{n:08}", f"{_SURNAMES[n % 7]}秀兰", "浙江省温州市",
            f"137{n:08}",
            "是", f"{_SURNAMES[n % 9]}桂花", f"138{n:08}", "祖母", "监护情况较好", "打工收入、种养殖业",
        ]  # fmt: skip


def write(path: Path, count: int) -> None:
    """Write an .xlsx of so many children."""
    with xlsxwriter.Workbook(str(path), {"constant_memory": True, "strings_to_numbers": False}) as book:
        sheet = book.add_worksheet("上塘村")
        sheet.write_row(0, 0, LABELS)
        for row, cells in enumerate(children(count), 1):
            sheet.write_row(row, 0, cells)
