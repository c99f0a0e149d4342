"""Children as they are, and how offices write down what is known of them."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from services.registry.ledger.values.ids import check_digit

SURNAMES, GIVEN = "王李张刘陈杨赵黄周吴", "小禾满秋月明华平安乐欣雨晨𬭼"
PROVINCES = ["广东省深圳市", "浙江省温州市", "江苏省苏州市", "福建省泉州市", "北京市朝阳区"]


@dataclass
class Truth:
    """A child as it is: what a careful clerk reads, what has to be doubted, or why the row goes back."""

    record: dict[str, Any]
    outcome: str = "accepted"
    reasons: set[str] = field(default_factory=set)
    flags: set[str] = field(default_factory=set)
    village: str | None = None
    cells: dict[str, Any] = field(default_factory=dict)
    """What the office wrote where it is not the plain notation of the record."""

    def says(self, label: str, write: "Notation") -> Any:
        """The cell of a label, in the office's notation."""
        if label in self.cells:
            return self.cells[label]
        return write.cell(label, self.record.get(label))


@dataclass(frozen=True)
class Notation:
    """How an office writes values; every way here loses nothing."""

    number: Callable[[str], Any] = str
    day: Callable[[date], Any] = date.isoformat
    yes: tuple[str, str] = ("是", "否")
    phone: Callable[[str], Any] = str
    several: str = "、"
    tick: Callable[[Sequence[str], Sequence[str]], str] | None = None
    """Writes an option among all printed ones, as boxes."""

    def cell(self, label: str, value: Any) -> Any:
        """A cell for a value of the record."""
        if value is None:
            return None
        kind = label.rpartition(".")[2]
        if label in OPTIONS and self.tick:
            chosen = (
                value
                if isinstance(value, list)
                else [self.yes[not value] if isinstance(value, bool) else value]
            )
            return self.tick(chosen, [*self.yes] if isinstance(value, bool) else OPTIONS[label])
        if isinstance(value, bool):
            return self.yes[not value]
        if isinstance(value, list):
            return self.several.join(value)
        if kind == "公民身份证号码":
            return self.number(value)
        if kind == "出生日期" and len(value) == 10:
            return self.day(date.fromisoformat(value))
        return self.phone(value) if kind == "联系电话" else value


OPTIONS = {
    "是否学校寄宿": [], "父母双方同时外出": [], "父母外出有无委托其他监护人": [],
    "身体情况": ["健康", "残疾", "患病"],
    "就学情况": ["幼儿园", "未入园", "小学", "初中", "高中", "中职", "辍学", "不在学"],
    "监护类型": ["无人监护", "父或母无监护能力", "受委托监护人监护能力不足", "监护情况一般", "监护情况较好"],
    "家庭经济来源": ["打工收入", "种养殖业", "政府救助", "亲朋接济", "其他"],
    "救助帮扶情况": ["享受低保", "临时救助", "医疗救助", "住房救助", "其他救助"],
}  # fmt: skip


def number(born: date, order: int) -> str:
    """A made-up number of a region that is nobody's; odd orders are boys."""
    body = f"990101{born:%Y%m%d}{order:03}"
    return body + check_digit(body)


def children(count: int, seed: int) -> list[Truth]:
    """Children with their families; every one passes."""
    dice = random.Random(seed)
    return [_child(dice, order) for order in range(count)]


def _child(dice: random.Random, order: int) -> Truth:
    born = date(2010, 1, 1) + timedelta(days=dice.randrange(5 * 365))
    boy = dice.random() < 0.5
    name = dice.choice(SURNAMES) + "".join(dice.sample(GIVEN, dice.choice([1, 2])))
    both = dice.random() < 0.7
    record: dict[str, Any] = {
        "姓名": name, "性别": "男" if boy else "女", "民族": "汉族", "出生日期": born.isoformat(),
        "公民身份证号码": number(born, 2 * order + boy + 10), "户籍所在地": f"青禾镇上塘村{order + 1}组",
        "现居住地": f"青禾镇上塘村{order + 1}号", "身体情况": dice.choice(["健康", "健康", "残疾"]),
        "是否学校寄宿": dice.random() < 0.3, "就学情况": dice.choice(["小学", "初中", "幼儿园"]),
        "父母双方同时外出": both, "监护类型": dice.choice(["监护情况一般", "监护情况较好"]),
        "家庭经济来源": dice.sample(["打工收入", "种养殖业", "亲朋接济"], dice.choice([1, 2])),
    }  # fmt: skip
    for person, sex in (("父亲", 1), ("母亲", 0)):
        birth = date(1978 + dice.randrange(10), 3, 1 + dice.randrange(20))
        record |= {
            f"{person}.姓名": dice.choice(SURNAMES) + dice.choice(["建国", "大山", "桂英", "秀兰"]),
            f"{person}.出生日期": birth.isoformat(),
            f"{person}.公民身份证号码": number(birth, 300 + 2 * order + sex),
            f"{person}.当前务工地点": dice.choice(PROVINCES), f"{person}.联系电话": f"139{dice.randrange(10**8):08}",
        }  # fmt: skip
    if both:
        birth = date(1950 + dice.randrange(9), 5, 1 + dice.randrange(20))
        record |= {
            "父母外出有无委托其他监护人": True, "委托监护人.姓名": dice.choice(SURNAMES) + "桂花",
            "委托监护人.联系电话": f"138{dice.randrange(10**8):08}",
            "委托监护人.公民身份证号码": number(birth, 600 + 2 * order),
            "委托监护人.与被监护人关系": dice.choice(["祖母", "外婆", "奶奶"]),
            "委托监护人.居住地地址": f"青禾镇上塘村{order + 1}号",
        }  # fmt: skip
    return Truth(record)


def spoil(truths: list[Truth], dice: random.Random) -> list[Truth]:
    """The same with what goes wrong in every office: a wrong check digit, a contradiction, a row twice, odd cells."""
    wrong, other, twice = dice.sample(range(len(truths) - 1), 3)
    right = truths[wrong].record.pop("公民身份证号码")
    truths[wrong].cells["公民身份证号码"] = right[:-1] + ("0" if right[-1] != "0" else "1")
    truths[wrong].outcome, truths[wrong].reasons = "refused", {"id-checksum-wrong"}
    day = date.fromisoformat(truths[other].record["出生日期"]) + timedelta(days=40)
    truths[other].record["出生日期"] = day.isoformat()
    truths[other].outcome, truths[other].reasons = "refused", {"birth-date-differs-from-id"}
    again = Truth(dict(truths[twice].record), "duplicate")
    return [*truths, again]


PLAINLY = Notation()


# --- Values
def full_width(text: str) -> str:
    """Digits as Chinese input methods write them."""
    return "".join(chr(ord(c) + 0xFEE0) if c.isascii() else c for c in text)


def spelled(day: date) -> str:
    """二〇一〇年三月五日."""
    digits = "〇一二三四五六七八九"
    year = "".join(digits[int(d)] for d in str(day.year))

    def ten(n: int) -> str:
        tens, ones = divmod(n, 10)
        return (digits[tens] if tens > 1 else "") + ("十" if tens else "") + (digits[ones] if ones else "")

    return f"{year}年{ten(day.month)}月{ten(day.day)}日"


ZOO: list[Callable[[date], Any]] = [
    lambda d: f"{d.year}.{d.month}.{d.day}", lambda d: f"{d:%Y%m%d}", lambda d: f"{d.year}年{d.month}月{d.day}日",
    lambda d: f"{d.year}/{d.month:02}/{d.day:02}", lambda d: d, spelled, lambda d: f"{d.isoformat()} 00:00:00",
    lambda d: f"{d.year} . {d.month} . {d.day}", lambda d: int(f"{d:%Y%m%d}"),
    lambda d: full_width(f"{d.year}-{d.month}-{d.day}"),
]  # fmt: skip


def zoo(day: date) -> Any:
    """Any notation that says the whole day."""
    return ZOO[day.toordinal() % len(ZOO)](day)
