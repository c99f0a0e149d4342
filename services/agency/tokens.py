"""Search tokens: keyed hashes of a name (characters, pairs, pinyin, look-alikes), an ID number and its tail, a birth date."""

import hmac
from collections.abc import Iterable

from schemas.fields import birth_date_in
from services.agency.names import glyph_form, plain, readings

_INITIALS = 6


class SearchTokens:
    """Makes tokens with the deployment's search key (HMAC-SHA256, cut to 16 bytes)."""

    def __init__(self, key: bytes) -> None:
        """Hash under `key`."""
        self._key = key

    def _token(self, kind: str, value: str) -> bytes:
        return hmac.digest(self._key, f"{kind}|{value}".encode(), "sha256")[:16]

    def of_name(self, name: str) -> set[bytes]:
        """Tokens under which a name is found: whole, with look-alikes folded, each character and pair, pinyin, initials."""
        written = plain(name)
        return {
            self._token("name", written),
            self._token("glyph", glyph_form(written)),
            *(self._token("char", c) for c in written),
            *(self._token("pair", written[i : i + 2]) for i in range(len(written) - 1)),
            *(self._token("pinyin", "".join(read)) for read in readings(written)),
            *(self._token("initials", "".join(p[:1] for p in read)) for read in readings(written)),
        }

    def of_id_number(self, number: str) -> set[bytes]:
        """Tokens under which an ID number is found: whole, its last four and six, and the birth date in it."""
        return {
            self._token("id", number),
            *(self._token("tail", number[-n:]) for n in (4, 6)),
            *self.of_birth_date(birth_date_in(number)),
        }

    def of_birth_date(self, born: str) -> set[bytes]:
        """The token of a whole date's digits in any order, so that one with digits swapped is found; none of a part."""
        return {self._token("born", "".join(sorted(born)))} if len(born) == len("2016-03-05") else set()

    def asked_name(self, text: str) -> list[list[bytes]]:
        """Ways in which a name may match what was typed, the closest first; of one way all tokens must be there.

        Characters that stand together, then the same characters anywhere; of Latin letters pinyin, then initials (zxh
        finds 张小禾).
        """
        written = plain(text)
        if written.isascii():
            initials = [[self._token("initials", written)]] if len(written) <= _INITIALS else []
            return [[self._token("pinyin", written)], *initials]
        chars = [self._token("char", c) for c in written]
        pairs = [self._token("pair", written[i : i + 2]) for i in range(len(written) - 1)]
        return [pairs, chars] if pairs else [chars]

    def asked_number(self, number: str) -> list[bytes]:
        """Tokens for a whole ID number, or its last four or six characters."""
        return [self._token("id" if len(number) == 18 else "tail", number.upper())]


def all_tokens(
    tokens: SearchTokens, names: Iterable[str], numbers: Iterable[str], births: Iterable[str] = ()
) -> set[bytes]:
    """Return the tokens of a child that has had these names, numbers and dates of birth."""
    found: set[bytes] = set()
    for name in names:
        found |= tokens.of_name(name)
    for number in numbers:
        found |= tokens.of_id_number(number)
    for born in births:
        found |= tokens.of_birth_date(born)
    return found
