"""How likely two descriptions are of one child, and why. It ranks what a clerk is shown and decides nothing.

Evidence is added up in bits, as record linkage does (Fellegi and Sunter 1969): how much more often two records of one child
agree so than two of different children. The bits are estimates by hand; tests/agency measures what they are worth.
"""

from collections.abc import Mapping
from math import exp, log
from typing import Any, NamedTuple

from schemas.fields import birth_date_in
from services.agency.names import glyph_form, plain, readings

MOST = 20
FLOOR = 0.02
"""Who scores less is not shown: that a surname is shared is no reason to look at a child."""
LIKELY = 0.5
"""From here on it is more likely than not, as far as the estimates go."""
REASONS = {
    "same-id": ("身份号码相同", "Same ID number"),
    "id-one-slip": ("身份号码仅一位不同或相邻两位颠倒", "ID numbers differ by one digit, or by two neighbours swapped"),
    "id-differs": ("身份号码不同", "ID numbers differ"),
    "same-name": ("姓名相同", "Same name"),
    "near-glyph": ("姓名字形相近", "Names look alike"),
    "homophone": ("姓名读音相同", "Names sound alike"),
    "one-character-differs": ("姓名有一字不同", "Names differ by one character"),
    "name-inside": ("一个姓名包含另一个姓名的全部字", "All characters of one name are in the other, in order"),
    "same-birth-date": ("出生日期相同", "Same date of birth"),
    "birth-date-partial": ("出生日期不完整,已知部分相符", "One date of birth is partial, and fits"),
    "birth-date-transposed": ("出生日期的月日或数字颠倒", "Day and month, or two digits, of the birth date are swapped"),
    "birth-date-differs": ("出生日期不同", "Dates of birth differ"),
    "same-village": ("同一村", "Same village"),
}  # fmt: skip
"""Code of each reason → what it says, in Chinese and English."""
_NAME_BITS = {  # (names of two characters, longer names)
    "same-name": (9.0, 12.0), "near-glyph": (8.0, 11.0), "homophone": (6.0, 9.0), "name-inside": (6.0, 6.0),
    "one-character-differs": (1.0, 6.0),
}  # fmt: skip
_BITS = {
    "same-id": 24.0, "id-one-slip": 9.0, "id-differs": -8.0, "same-birth-date": 10.0, "birth-date-transposed": 7.0,
    "birth-date-differs": -6.0, "same-village": 3.0,
}  # fmt: skip
_PARTIAL_BITS = {len("2016-03"): 6.0, len("2016"): 3.0}
_OTHER_NAME = -6.0
_OTHER_VILLAGE = -1.0
_PRIOR = -11.0
"""One child among about two thousand."""


class Described(NamedTuple):
    """A child as somebody describes it. A birth date may be a year, or a year and a month."""

    name: str | None = None
    birth_date: str | None = None
    id_number: str | None = None
    region: str | None = None

    @property
    def born(self) -> str | None:
        """The birth date as told, else as the ID number carries it."""
        return self.birth_date or (birth_date_in(self.id_number) if self.id_number else None)


class Likeness(NamedTuple):
    """A score from 0 to 1, and the codes that led to it, strongest kind of evidence first."""

    score: float
    reasons: tuple[str, ...]


def described(facts: Mapping[str, Any], region: str | None) -> Described:
    """Return a child on file as far as its facts may be seen."""
    return Described(facts.get("name"), facts.get("birth_date"), facts.get("id_number"), region)


def likeness(asked: Described, held: Described) -> Likeness:
    """Weigh two descriptions against one another; what either lacks counts for nothing."""
    weighed = [
        _ids(asked.id_number, held.id_number), _names(asked.name, held.name), _births(asked.born, held.born),
        _villages(asked.region, held.region),
    ]  # fmt: skip
    bits = _PRIOR + sum(b for b, _ in weighed)
    return Likeness(
        round(1 / (1 + exp(-bits * log(2))), 3), tuple(code for _, codes in weighed for code in codes)
    )


_Weighed = tuple[float, tuple[str, ...]]
_NOTHING: _Weighed = 0.0, ()


def _ids(asked: str | None, held: str | None) -> _Weighed:
    if not asked or not held:
        return _NOTHING
    code = "same-id" if asked == held else "id-one-slip" if _one_slip(asked, held) else "id-differs"
    return _BITS[code], (code,)


def _names(asked: str | None, held: str | None) -> _Weighed:
    if not asked or not held:
        return _NOTHING
    codes = name_reasons(plain(asked), plain(held))
    longer = min(len(plain(asked)), len(plain(held))) > 2
    return max((_NAME_BITS[code][longer] for code in codes), default=_OTHER_NAME), codes


def name_reasons(asked: str, held: str) -> tuple[str, ...]:
    """Return in which ways two plain names are alike, the strongest first; none where they are two names."""
    if asked == held:
        return ("same-name",)
    found = ["near-glyph"] if glyph_form(asked) == glyph_form(held) else []
    if {"".join(r) for r in readings(asked)} & {"".join(r) for r in readings(held)}:
        found.append("homophone")
    if not found and len(asked) == len(held) and len(_differing(asked, held)) == 1 < len(asked):
        found.append("one-character-differs")
    shorter, longer = sorted((asked, held), key=len)
    if 2 <= len(shorter) < len(longer) and _inside(shorter, longer):
        found.append("name-inside")
    return tuple(found)


def _births(asked: str | None, held: str | None) -> _Weighed:
    if not asked or not held:
        return _NOTHING
    known = min(len(asked), len(held))
    if asked == held and known not in _PARTIAL_BITS:
        return _BITS["same-birth-date"], ("same-birth-date",)
    if asked[:known] == held[:known]:
        return _PARTIAL_BITS[known], ("birth-date-partial",)
    swapped = len(asked) == len(held) and _transposed(asked, held)
    code = "birth-date-transposed" if swapped else "birth-date-differs"
    return _BITS[code], (code,)


def _villages(asked: str | None, held: str | None) -> _Weighed:
    if not asked or not held:
        return _NOTHING
    return (_BITS["same-village"], ("same-village",)) if asked == held else (_OTHER_VILLAGE, ())


def _differing(one: str, other: str) -> list[int]:
    return [i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]


def _inside(shorter: str, longer: str) -> bool:
    left = iter(longer)
    return all(c in left for c in shorter)


def _transposed(one: str, other: str) -> bool:
    """Day and month, or any two digits, have changed places."""
    if f"{one[:5]}{one[8:]}-{one[5:7]}" == other:
        return True
    at = _differing(one, other)
    return len(at) == 2 and one[at[0]] == other[at[1]] and one[at[1]] == other[at[0]]


def _one_slip(one: str, other: str) -> bool:
    """One digit is another, or two neighbours have changed places."""
    if len(one) != len(other):
        return False
    at = _differing(one, other)
    return len(at) == 1 or (at[-1] - at[0] == 1 and one[at[0]] == other[at[1]] and one[at[1]] == other[at[0]])
