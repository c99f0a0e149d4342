"""The lists of this folder (labels, options, marks, codes), read once."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
TRADITIONAL = str.maketrans(
    "號證戶況學聯繫係電話監護親關與兒備註現業務點類別齡當內國縣鄉鎮區組體殘級種濟來養農無雙時獨貧補幫醫療臨實際狀態讀園輟職過歲"
    "週機碼絡間產發經單孫爺媽嬸記報負責複審計總數長屬稱謂員處樣範說簽協議創資訊託寫編誌齊靠",
    "号证户况学联系系电话监护亲关与儿备注现业务点类别龄当内国县乡镇区组体残级种济来养农无双时独贫补帮医疗临实际状态读园辍职过岁"
    "周机码络间产发经单孙爷妈婶记报负责复审计总数长属称谓员处样范说签协议创资讯托写编志齐靠",
)
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
    """A label or an option as it is compared: half-width, lower case, numbering or punctuation, in simplified characters."""
    text = NUMBERING.sub("", half_width(text).strip())
    text = text if text.isascii() else text.translate(TRADITIONAL)
    return NOISE.sub("", text).lower()


def without_brackets(text: str) -> str:
    return bare(BRACKETS.sub("", half_width(text)))
