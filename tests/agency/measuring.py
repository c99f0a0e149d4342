"""A synthetic register, clerks' slips planted in questions about it, and how well ours and pg_trgm find who was meant.

Surnames follow national frequency with a clan in each village, a third of the names have two characters, popular given names
make namesakes, siblings share surname, village and often a character, and a few are twins. Half of the planted look-alikes
are in no group of glyphs.yaml, so that the table is not measured against itself alone. Half of the questions have a second
slip or gap: no birth date, a part of one, a wrong digit in it, no village or another.
"""

import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any, NamedTuple

import asyncpg
import xlsxwriter
import yaml
from pypinyin import lazy_pinyin

from services.agency.candidates import LIKELY
from services.agency.names import GLYPHS
from services.registry.ledger.values.ids import check_digit
from shouwang import story
from tests.helpers import Running

VILLAGES = tuple(region for region, _ in story.VILLAGES)
SURNAMES = dict(  # noqa: C408 - a character each, easier to read so
    王=71, 李=70, 张=68, 刘=54, 陈=45, 杨=31, 黄=23, 赵=23, 吴=20, 周=20, 徐=17, 孙=15, 马=13, 朱=12, 胡=12, 郭=11, 何=11,
    林=11, 高=11, 罗=10, 郑=9, 梁=8, 谢=8, 宋=7, 唐=7, 许=7, 韩=7, 邓=6, 冯=6, 曹=6, 彭=6, 曾=6, 肖=5, 田=5, 董=5, 潘=4,
    袁=4, 蔡=4, 蒋=4, 余=4, 于=4, 杜=4, 叶=4, 程=4, 魏=4, 苏=4, 吕=4, 丁=4, 任=4, 沈=4, 季=2, 汪=3, 石=3, 侯=2, 孟=2, 秦=2,
    江=2, 史=2, 龙=2, 万=2, 傅=2, 欧阳=1,
)  # fmt: skip
GIVEN = dict(  # noqa: C408 - a character each, easier to read so
    子=30, 梓=28, 涵=26, 雨=26, 欣=25, 宇=25, 浩=24, 轩=22, 怡=22, 佳=22, 俊=22, 文=20, 明=20, 诗=18, 嘉=18, 雅=18, 晨=18,
    思=18, 晓=18, 志=17, 杰=17, 婷=17, 博=16, 泽=16, 琪=16, 瑞=15, 建=15, 国=14, 伟=14, 丽=14, 娟=13, 芳=13, 艳=13, 静=13,
    玲=12, 莹=12, 峰=12, 鹏=12, 飞=12, 辉=12, 颖=11, 萱=11, 辰=11, 昊=11, 然=11, 一=11, 可=11, 欢=10, 桂=10, 兰=10, 梅=10,
    军=10, 强=10, 勇=10, 磊=10, 洋=10, 阳=10, 晴=9, 悦=9, 瑶=9, 蕾=9, 慧=9, 敏=9, 洁=9, 倩=9, 霞=8, 燕=8, 凤=8, 红=8, 春=8,
    龙=8, 海=8, 江=8, 波=8, 斌=8, 恒=7, 祥=7, 媛=7, 荣=7, 康=7, 锋=7, 姗=7, 珊=6, 瑜=6, 皓=6, 菲=6, 馨=6, 怀=5, 沐=5, 钰=5,
    玥=5, 未=4, 金=6, 若=6, 延=4, 裕=4, 翊=4, 季=3, 麦=3, 禾=3, 雪=9, 秀=9, 英=9, 云=8, 清=5, 青=5, 微=4, 薇=5, 惠=5, 会=2,
    立=4, 力=4, 莉=6, 亚=5, 诚=4, 成=5, 程=3, 超=7, 朝=3, 毅=5, 义=3, 逸=5, 艺=5, 希=6, 熙=6, 曦=4, 信=3, 新=5, 心=4,
)  # fmt: skip
POPULAR = (
    "子涵", "梓涵", "浩然", "欣怡", "雨欣", "宇轩", "子轩", "佳怡", "诗涵", "梓萱", "俊杰", "思雨", "嘉怡", "雨桐", "浩宇",
    "晨曦", "文博", "一诺", "静怡", "志强", "婷婷", "欣悦", "佳琪", "明轩", "伟", "婷", "静", "浩", "颖", "磊",
)  # fmt: skip
UNLISTED = dict(  # noqa: C408 - a character each, easier to read so
    芳="芬", 洋="样", 婷="停", 静="净", 悦="锐", 霞="霜", 海="梅", 敏="繁", 欢="吹", 磊="垒", 飞="气", 雪="雷", 国="固", 强="张",
    军="车", 斌="赋", 波="坡", 倩="债", 洁="浩", 春="舂", 秀="透", 英="莫", 思="恩", 然="燃", 轩="轲", 怀="坏", 涵="函",
)  # fmt: skip
"""Look-alikes by another hand's measure: none of these pairs is a group of glyphs.yaml."""
KINDS = (
    "homophone", "near-glyph", "near-glyph-unlisted", "one-missing", "one-other", "birth-swapped", "wrong-village", "wrong-id",
)  # fmt: skip
_FIRST = date(2011, 1, 1)
_DAYS = 365 * 14
_SIGHT = 5


class Child(NamedTuple):
    """One on file; its place in the register is its number."""

    name: str
    birth_date: str
    region: str
    id_number: str


class Question(NamedTuple):
    """What a clerk types, and who is meant: a number of the register, or nobody."""

    kind: str
    typed: dict[str, str]
    meant: int | None


class Figures(NamedTuple):
    """How one way of finding did: `recall` among the first five, `precision` and `found` of those that it calls likely."""

    recall_at_5: float
    precision: float
    found: float
    threshold: float
    by_kind: dict[str, float]


Ranked = list[tuple[int, float]]
"""The first five of an answer: (number in the register, score)."""


def register(seed: int, size: int) -> list[Child]:
    """Return so many children, no two with the same name, birth and village."""
    chance = Random(seed)
    clans = {village: chance.sample(list(SURNAMES), 3) for village in VILLAGES}
    made: dict[tuple[str, str, str], Child] = {}
    numbers: set[str] = set()
    while len(made) < size:
        child = _child(chance, clans)
        family = [child]
        if chance.random() < 0.2:
            family.append(_sibling(chance, child))
        for each in family:
            if each.id_number not in numbers:
                numbers.add(each.id_number)
                made.setdefault(each[:3], each)
    return list(made.values())[:size]


def _child(chance: Random, clans: dict[str, list[str]]) -> Child:
    village = chance.choice(VILLAGES)
    surname = chance.choice(clans[village]) if chance.random() < 0.4 else _drawn(chance, SURNAMES)
    return _born(chance, surname + _given(chance), village, _FIRST + timedelta(chance.randrange(_DAYS)))


def _sibling(chance: Random, child: Child) -> Child:
    surname = _surname(child.name)
    shared = child.name[len(surname)] if chance.random() < 0.5 else ""
    given = shared + _drawn(chance, GIVEN) if shared else _given(chance)
    apart = 0 if chance.random() < 0.05 else chance.randrange(330, 2500)
    return _born(
        chance, surname + given, child.region, date.fromisoformat(child.birth_date) + timedelta(apart)
    )


def _born(chance: Random, name: str, village: str, day: date) -> Child:
    number = f"{village[:6]}{day:%Y%m%d}{chance.randrange(1000):03}"
    return Child(name, day.isoformat(), village, number + check_digit(number))


def _given(chance: Random) -> str:
    kind = chance.random()
    if kind < 0.2:
        return chance.choice(POPULAR)
    return "".join(_drawn(chance, GIVEN) for _ in range(1 if kind < 0.5 else 2))


def _drawn(chance: Random, weighted: dict[str, int]) -> str:
    return chance.choices(list(weighted), list(weighted.values()))[0]


def _surname(name: str) -> str:
    return name[:2] if name[:2] in SURNAMES else name[:1]


def questions(seed: int, children: Sequence[Child], each: int, strangers: int) -> list[Question]:
    """Return `each` questions of every kind of slip, and some about children who are not on file.

    The strangers are a third namesakes of somebody on file, a third siblings, a third neither.
    """
    chance = Random(seed)
    asked = []
    for kind in KINDS:
        here = 0
        while here < each:
            number = chance.randrange(len(children))
            typed = _slip(chance, kind, children[number])
            if typed is not None:
                asked.append(Question(kind, _second(chance, kind, typed), number))
                here += 1
    known = {child[:2] for child in children}
    clans = {village: chance.sample(list(SURNAMES), 3) for village in VILLAGES}
    while len(asked) < each * len(KINDS) + strangers:
        of = chance.choice(children)
        new = (_child(chance, clans), _sibling(chance, of), _child(chance, clans)._replace(name=of.name))[
            len(asked) % 3
        ]
        if new[:2] not in known:
            typed = _typed(new) | ({"id_number": new.id_number} if chance.random() < 0.5 else {})
            asked.append(Question("stranger", _second(chance, "", typed), None))
    return asked


def _typed(child: Child) -> dict[str, str]:
    return {"name": child.name, "birth_date": child.birth_date, "region": child.region}


def _slip(chance: Random, kind: str, child: Child) -> dict[str, str] | None:
    """Return what is typed of a child with this slip, or None where the child gives no occasion for it."""
    typed = _typed(child)
    match kind:
        case "homophone":
            return _renamed(chance, child, SOUNDS)
        case "near-glyph":
            return _renamed(chance, child, LISTED)
        case "near-glyph-unlisted":
            return _renamed(chance, child, {c: [other] for c, other in UNLISTED.items()})
        case "one-missing":
            at = chance.randrange(len(child.name))
            return typed | {"name": child.name[:at] + child.name[at + 1 :]} if len(child.name) > 2 else None
        case "one-other":
            return _renamed(chance, child, {c: [o for o in GIVEN if o != c] for c in child.name})
        case "birth-swapped":
            swapped = _swapped(chance, child.birth_date)
            return typed | {"birth_date": swapped} if swapped else None
        case "wrong-village":
            return typed | {"region": chance.choice([v for v in VILLAGES if v != child.region])}
        case "wrong-id":  # with the name by ear as well, and no date: the number must carry it
            renamed = _renamed(chance, child, SOUNDS)
            if renamed is None:
                return None
            at = chance.randrange(14, 17)
            other = chance.choice([d for d in "0123456789" if d != child.id_number[at]])
            number = child.id_number[:at] + other + child.id_number[at + 1 :]
            return {"name": renamed["name"], "region": child.region, "id_number": number}
        case _:
            raise ValueError(kind)


def _second(chance: Random, kind: str, typed: dict[str, str]) -> dict[str, str]:
    """Return what is typed with a second slip or gap, in half of the cases, where the first was not."""
    if chance.random() < 0.5:
        return typed
    born, region = typed.get("birth_date"), typed["region"]
    if born is None or kind == "birth-swapped" or (kind != "wrong-village" and chance.random() < 0.4):
        other = chance.choice([v for v in VILLAGES if v != region])
        return typed | {"region": other} if chance.random() < 0.5 else _without(typed, "region")
    at = chance.choice((3, 6, 9))
    wrong = f"{born[:at]}{chance.choice('0123456789')}{born[at + 1 :]}"
    told = chance.choice((None, born[:7], born[:4], wrong if _is_date(wrong) else born[:7]))
    return typed | {"birth_date": told} if told else _without(typed, "birth_date")


def _without(typed: dict[str, str], field: str) -> dict[str, str]:
    return {k: v for k, v in typed.items() if k != field}


def _renamed(chance: Random, child: Child, others: dict[str, list[str]]) -> dict[str, str] | None:
    """Put another character in the place of one, oftener in the given name than in the surname."""
    places = [i for i, c in enumerate(child.name) if others.get(c)]
    given = [i for i in places if i >= len(_surname(child.name))]
    if not (given or places):
        return None
    at = chance.choice(given if given and chance.random() < 0.85 else places)
    return _typed(child) | {
        "name": child.name[:at] + chance.choice(others[child.name[at]]) + child.name[at + 1 :]
    }


def _swapped(chance: Random, born: str) -> str | None:
    places = [5, 6, 8, 9, 2, 3]
    pairs = [(a, b) for a in places for b in places if b == a + 1 and born[a] != born[b]]
    tries = [f"{born[:5]}{born[8:]}-{born[5:7]}", *(_exchanged(born, a, b) for a, b in pairs)]
    real = [told for told in tries if told != born and _is_date(told)]
    return chance.choice(real) if real else None


def _exchanged(text: str, a: int, b: int) -> str:
    return f"{text[:a]}{text[b]}{text[a + 1 : b]}{text[a]}{text[b + 1 :]}"


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text) < date(2026, 11, 1)
    except ValueError:
        return False


def _sounds() -> dict[str, list[str]]:
    by_sound: defaultdict[str, list[str]] = defaultdict(list)
    for c in GIVEN | SURNAMES:
        by_sound[lazy_pinyin(c)[0]].append(c)
    return {c: [o for o in same if o != c] for same in by_sound.values() for c in same}


SOUNDS = _sounds()
LISTED = {
    c: [o for o in group if o != c] for group in yaml.safe_load(GLYPHS.read_text(encoding="utf8")) for c in group
}  # fmt: skip


async def fill(running: Running, children: Sequence[Child]) -> None:
    """Import them all as the township's ledger, a sheet a village."""
    clerk = await running.sign_in("township-a-clerk")
    answer = await clerk.send_file(
        "registry/imports", _workbook(children), filename="花名册.xlsx", closing_date="2026-09-30"
    )
    counts = json.loads(answer.content.splitlines()[-1])["counts"]
    if counts["accepted"] != len(children):
        raise ValueError(counts)
    await running.client.settled()


def _workbook(children: Sequence[Child]) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        for region, village in story.VILLAGES:
            sheet = book.add_worksheet(village)
            lines = [(c.name, c.birth_date, c.id_number) for c in children if c.region == region]
            for row, line in enumerate([("姓名", "出生日期", "公民身份证号码"), *lines]):
                sheet.write_row(row, 0, line)
    return buffer.getvalue()


async def ask_ours(running: Running, children: Sequence[Child], asked: Iterable[Question]) -> list[Ranked]:
    """Ask the platform, as the township's clerk does."""
    numbers = {child[:3]: number for number, child in enumerate(children)}
    clerk = await running.sign_in("township-a-clerk")
    answers = []
    for question in asked:
        told = (await clerk.post("agency/candidates", question.typed))["candidates"][:_SIGHT]
        answers.append([(numbers[_of(c["child"])], c["score"]) for c in told])
    return answers


def _of(child: dict[str, str]) -> tuple[str, str, str]:
    return child["name"], child["birth_date"], child["region"]


async def ask_peer(
    running: Running, children: Sequence[Child], asked: Iterable[Question], *, same_birth: bool
) -> list[Ranked]:
    """Ask PostgreSQL's trigrams about names in plain text; with `same_birth` among those of the typed date (or part) alone."""
    await running.fetch("postgres", "drop database if exists peer")
    await running.fetch("postgres", "create database peer")
    connection = await asyncpg.connect(running.postgres.url("peer"))
    try:
        await connection.execute("create extension pg_trgm; create table child (n int, name text, born text)")
        await connection.copy_records_to_table(
            "child", records=[(n, c.name, c.birth_date) for n, c in enumerate(children)]
        )
        answers = []
        for question in asked:
            born = question.typed.get("birth_date", "") if same_birth else ""
            rows = await connection.fetch(
                "select n, similarity(name, $1) as score from child where starts_with(born, $2)"
                " order by score desc, n limit $3",
                question.typed["name"], born, _SIGHT,
            )  # fmt: skip
            answers.append([(row["n"], row["score"]) for row in rows])
        return answers
    finally:
        await connection.close()


def figures(asked: Sequence[Question], answers: Sequence[Ranked], threshold: float | None = None) -> Figures:
    """Judge answers. Without a threshold the one that suits them best (by F1) on these very questions is taken."""
    if threshold is None:
        scores = sorted({score for ranked in answers for _, score in ranked if score > 0})
        return max((figures(asked, answers, score) for score in scores), key=_f1)
    on_file = [(q, r) for q, r in zip(asked, answers, strict=True) if q.meant is not None]
    seen = [(q.kind, q.meant in {n for n, score in r if score > 0}) for q, r in on_file]
    likely = [
        q.meant == n for q, r in zip(asked, answers, strict=True) for n, score in r if score >= threshold
    ]
    totals, right = Counter(kind for kind, _ in seen), Counter(kind for kind, hit in seen if hit)
    return Figures(
        round(right.total() / len(seen), 3), round(sum(likely) / max(1, len(likely)), 3), round(sum(likely) / len(seen), 3),
        round(threshold, 3), {kind: round(right[kind] / n, 3) for kind, n in totals.items()},
    )  # fmt: skip


def _f1(told: Figures) -> float:
    return 2 * told.precision * told.found / max(1e-9, told.precision + told.found)


async def measure(running: Running, seed: int = 7, size: int = 3000, each: int = 40) -> dict[str, Any]:
    """Fill, ask and judge all three ways on one set; returns Figures by way."""
    children = register(seed, size)
    asked = questions(seed + 1, children, each, strangers=2 * each)
    await fill(running, children)
    return {
        "shouwang": figures(asked, await ask_ours(running, children, asked), LIKELY),
        "pg_trgm": figures(asked, await ask_peer(running, children, asked, same_birth=False)),
        "pg_trgm_same_birth_date": figures(asked, await ask_peer(running, children, asked, same_birth=True)),
    }
