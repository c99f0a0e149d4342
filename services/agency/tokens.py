"""Search tokens: keyed hashes of a name's characters, pairs and pinyin, and of an ID number and its tail."""

import hmac
from collections.abc import Iterable

from pypinyin import lazy_pinyin

_SURNAMES = {
    "尉迟": ["yu", "chi"], "万俟": ["mo", "qi"], "澹台": ["tan", "tai"], "长孙": ["zhang", "sun"], "单于": ["chan", "yu"],
    "单": ["shan"], "曾": ["zeng"], "仇": ["qiu"], "解": ["xie"], "查": ["zha"], "盖": ["ge"], "任": ["ren"],
    "朴": ["piao"], "区": ["ou"], "缪": ["miao"], "乐": ["yue"], "种": ["chong"], "召": ["shao"], "员": ["yun"],
    "覃": ["qin"], "翟": ["zhai"], "折": ["she"], "繁": ["po"], "过": ["guo"], "盛": ["sheng"], "隗": ["wei"],
    "卜": ["bu"], "燕": ["yan"], "应": ["ying"], "宁": ["ning"], "华": ["hua"], "纪": ["ji"], "哈": ["ha"], "那": ["na"],
    "冼": ["xian"], "洗": ["xian"], "宓": ["mi"], "粘": ["nian"], "撒": ["sa"], "沈": ["shen"], "贾": ["jia"], "谌": ["chen"],
}  # fmt: skip
"""Surnames that are read otherwise than the word: general dictionaries get these wrong."""


def _plain(name: str) -> str:
    """A name as it is compared: without blanks and middle dots, in small letters."""
    return "".join(c for c in name.lower() if c not in " ·•・．'-" and not c.isspace())


def _readings(name: str) -> list[list[str]]:
    """The readings of a name in pinyin: as a surname where that differs, and as a word."""
    read = [lazy_pinyin(name)]
    for length in (2, 1):
        if name[:length] in _SURNAMES:
            read.append([*_SURNAMES[name[:length]], *lazy_pinyin(name[length:])])
            break
    return read


class SearchTokens:
    """Makes tokens with the deployment's search key (HMAC-SHA256, cut to 16 bytes)."""

    def __init__(self, key: bytes) -> None:
        """Hash under `key`."""
        self._key = key

    def _token(self, kind: str, value: str) -> bytes:
        return hmac.digest(self._key, f"{kind}|{value}".encode(), "sha256")[:16]

    def of_name(self, name: str) -> set[bytes]:
        """Tokens under which a name is found: whole, each character, each pair, pinyin whole and initials."""
        plain = _plain(name)
        return {
            self._token("name", plain),
            *(self._token("char", c) for c in plain),
            *(self._token("pair", plain[i : i + 2]) for i in range(len(plain) - 1)),
            *(self._token("pinyin", "".join(read)) for read in _readings(plain)),
            *(self._token("initials", "".join(p[:1] for p in read)) for read in _readings(plain)),
        }

    def of_id_number(self, number: str) -> set[bytes]:
        """Tokens under which an ID number is found: whole, and its last four and six."""
        return {self._token("id", number), *(self._token("tail", number[-n:]) for n in (4, 6))}

    def asked_name(self, text: str) -> list[bytes]:
        """Tokens that all must be there for a name to match what was typed: characters, or pinyin in Latin letters."""
        plain = _plain(text)
        return [self._token("pinyin", plain)] if plain.isascii() else [self._token("char", c) for c in plain]

    def asked_initials(self, text: str) -> list[bytes]:
        """The same for initials: zxh finds 张小禾."""
        return [self._token("initials", _plain(text))]

    def asked_number(self, number: str) -> list[bytes]:
        """Tokens for a whole ID number, or its last four or six characters."""
        return [self._token("id" if len(number) == 18 else "tail", number.upper())]


def all_tokens(tokens: SearchTokens, names: Iterable[str], numbers: Iterable[str]) -> set[bytes]:
    """Return the tokens of a child that has had these names and numbers."""
    found: set[bytes] = set()
    for name in names:
        found |= tokens.of_name(name)
    for number in numbers:
        found |= tokens.of_id_number(number)
    return found
