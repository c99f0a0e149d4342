"""What a name looks and sounds like: as it is compared, as it is read, and with look-alike characters folded together."""

from functools import cache
from pathlib import Path

import yaml
from pypinyin import lazy_pinyin

GLYPHS = Path(__file__).parent / "glyphs.yaml"
_SURNAMES = {
    "尉迟": ["yu", "chi"], "万俟": ["mo", "qi"], "澹台": ["tan", "tai"], "长孙": ["zhang", "sun"], "单于": ["chan", "yu"],
    "单": ["shan"], "曾": ["zeng"], "仇": ["qiu"], "解": ["xie"], "查": ["zha"], "盖": ["ge"], "任": ["ren"],
    "朴": ["piao"], "区": ["ou"], "缪": ["miao"], "乐": ["yue"], "种": ["chong"], "召": ["shao"], "员": ["yun"],
    "覃": ["qin"], "翟": ["zhai"], "折": ["she"], "繁": ["po"], "过": ["guo"], "盛": ["sheng"], "隗": ["wei"],
    "卜": ["bu"], "燕": ["yan"], "应": ["ying"], "宁": ["ning"], "华": ["hua"], "纪": ["ji"], "哈": ["ha"], "那": ["na"],
    "冼": ["xian"], "洗": ["xian"], "宓": ["mi"], "粘": ["nian"], "撒": ["sa"], "沈": ["shen"], "贾": ["jia"], "谌": ["chen"],
}  # fmt: skip
"""Surnames that are read otherwise than the word: general dictionaries get these wrong."""


def plain(name: str) -> str:
    """A name as it is compared: without blanks and middle dots, in small letters."""
    return "".join(c for c in name.lower() if c not in " ·•・．'-" and not c.isspace())


def readings(name: str) -> list[list[str]]:
    """The readings of a name in pinyin: as a surname where that differs, and as a word."""
    read = [lazy_pinyin(name)]
    for length in (2, 1):
        if name[:length] in _SURNAMES:
            read.append([*_SURNAMES[name[:length]], *lazy_pinyin(name[length:])])
            break
    return read


@cache
def _firsts() -> dict[int, str]:
    groups: list[str] = yaml.safe_load(GLYPHS.read_text(encoding="utf8"))
    return {ord(c): group[0] for group in groups for c in group}


def glyph_form(name: str) -> str:
    """A name with each character replaced by the first of its look-alikes: 颍 and 颖 are one."""
    return name.translate(_firsts())
