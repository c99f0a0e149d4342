"""The lists of this folder (labels, options, marks, codes), read once."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\u00ad]")
NOISE = re.compile(r"[\s、,;:/*.·()\[\]【】《》“”\"'`_\-—?!。|]+")
NUMBERING = re.compile(r"^(?:[(（]?[一二三四五六七八九十\d]{1,2}[)）.、]\s*)+")
BRACKETS = re.compile(r"[(（\[【][^)）\]】]*[)）\]】]")


@cache
def load(name: str) -> dict[str, Any]:
    """One YAML file of this folder."""
    found: dict[str, Any] = yaml.safe_load((Path(__file__).parent / f"{name}.yaml").read_text("utf-8"))
    return found


def half_width(text: str) -> str:
    """Full-width letters, digits and signs made ASCII; Chinese characters untouched; invisible signs gone."""
    return text if text.isascii() else INVISIBLE.sub("", text.translate(FULL_WIDTH))


def bare(text: str) -> str:
    """A label or an option as it is compared: half-width, lower case, no blanks, numbering or punctuation."""
    text = NUMBERING.sub("", half_width(text).strip())
    return NOISE.sub("", text).lower()


def without_brackets(text: str) -> str:
    return bare(BRACKETS.sub("", half_width(text)))
