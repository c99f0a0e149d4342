"""Annex 3 of the survey: left-behind children counted by age and sex, schooling, boarding, absence, guardian, quality."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

BANDS = {"0-5周岁": range(6), "6-13周岁": range(6, 14), "14-16周岁": range(14, 16)}
"""The annex's own words; who is 16 is no longer counted (SY 一: under 16)."""
SEXES = {"MALE": "男", "FEMALE": "女"}
PUPILS = ("小学", "初中")
_UNKNOWN = "未填"
_GRANDPARENTS = {
    "祖父母": ("祖父", "祖母", "爷爷", "奶奶", "祖孙"),
    "外祖父母": ("外祖", "外公", "外婆", "姥"),
}
BREAKDOWNS = ("就学情况", "外出情况", "监护人", "监护类型")


@dataclass
class AnnexThree:
    """The counts, and who could not be counted for want of which fact."""

    closing: date
    ages: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(band, sex) → children."""
    breakdowns: dict[str, Counter[str]] = field(
        default_factory=lambda: {name: Counter() for name in BREAKDOWNS}
    )
    boarding: Counter[str] = field(default_factory=Counter)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    """(name, what is missing)."""

    @property
    def total(self) -> int:
        """All children counted."""
        return self.ages.total()


def count(records: Iterable[Mapping[str, Any]], closing: date) -> AnnexThree:
    """Count records by the form's labels; whoever lacks a fact that the cross-checks need is listed, not guessed."""
    annex = AnnexThree(closing)
    for record in records:
        band, missing = _band(record.get("出生日期"), closing)
        sex = record.get("性别")
        schooling = record.get("就学情况", _UNKNOWN)
        boards = record.get("是否学校寄宿")
        missing += ["性别"] if sex is None else []
        missing += ["是否学校寄宿"] if schooling in PUPILS and boards is None else []
        if missing or band is None:
            annex.left_out.append((str(record.get("姓名", "")), "、".join(missing)))
            continue
        annex.ages[band, str(sex)] += 1
        for name, told in zip(BREAKDOWNS, (schooling, *_care(record)), strict=True):
            annex.breakdowns[name][told] += 1
        if schooling in PUPILS:
            annex.boarding["寄宿" if boards else "走读"] += 1
    return annex


def _band(born: Any, closing: date) -> tuple[str | None, list[str]]:
    if not isinstance(born, str) or len(born) < len("2010-01-01"):
        return None, ["出生日期"]
    day = date.fromisoformat(born)
    age = closing.year - day.year - ((closing.month, closing.day) < (day.month, day.day))
    band = next((name for name, years in BANDS.items() if age in years), None)
    return band, [] if band else ["截止日期时不满0或已满16周岁"]


def _care(record: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return (absence, guardian, quality)."""
    both, one = record.get("父母双方同时外出"), record.get("父母一方外出、另一方无监护能力")
    absence = "父母双方外出" if both else "一方外出、另一方无监护能力" if one else _UNKNOWN
    relation = record.get("委托监护人.与被监护人关系", "")
    named = next((kind for kind, words in _GRANDPARENTS.items() if any(w in relation for w in words)), None)
    if "委托监护人.姓名" in record or relation:
        guardian = ("外祖父母" if "外" in relation else named or "其他委托监护人") if relation else _UNKNOWN
    else:
        guardian = "无委托监护人" if record.get("父母外出有无委托其他监护人") is False else _UNKNOWN
    return absence, guardian, record.get("监护类型", _UNKNOWN)


def broken_checks(annex: AnnexThree) -> list[str]:
    """Name the annex's own cross-checks that don't hold; none of a summary that may be handed in."""
    broken = [f"合计 ≠ {name}之和" for name, told in annex.breakdowns.items() if told.total() != annex.total]
    bands = Counter({band: sum(n for (b, _), n in annex.ages.items() if b == band) for band in BANDS})
    sexes = Counter({sex: sum(n for (_, s), n in annex.ages.items() if s == sex) for sex in SEXES.values()})
    if not bands.total() == sexes.total() == annex.total:
        broken.append("各年龄段 ≠ 男 + 女")
    pupils = sum(annex.breakdowns["就学情况"][kind] for kind in PUPILS)
    if pupils != annex.boarding.total():
        broken.append("小学 + 初中 ≠ 寄宿 + 走读")
    return broken
