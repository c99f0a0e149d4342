"""Citizen identity numbers by GB 11643-1999: read from any cell, never mended."""

import re
from dataclasses import dataclass
from datetime import date

from services.registry.ledger.model import Cell
from services.registry.ledger.values.read import EMPTY, Read
from services.registry.ledger.values.texts import BLANKS, is_not_known, is_nothing, marks, plain

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECKS = "10X98765432"
EXACT = 2**53  # above this a double can't tell neighbouring whole numbers apart
SCIENTIFIC = re.compile(r"\d(?:\.\d+)?E\+?1\d", re.IGNORECASE)
EIGHTEEN, FIFTEEN = re.compile(r"\d{17}[\dX]"), re.compile(r"\d{15}")


# a label before the number, or a remark behind it that speaks of nobody else
REMARK = re.compile(
    r"(?!\d{17}[\dX]$)(?:(?:公民)?身份证?号?码?:)?(\d{17}[\dX])(?:\([^\d父母爷奶祖公婆监护兄弟姐妹]{1,12}\))?"
)


WHOLE = 18
PIECES = re.compile(r"(?<=\d{6})[-_](?=\d{8})|(?<=\d{8})[-_](?=\d{3}[\dX]$)")


@dataclass(frozen=True, slots=True)
class NumberFacts:
    """What a valid number says: day of birth, and sex by its 17th (of old ones the 15th) digit."""

    birth: date
    sex: str


def check_digit(first_seventeen: str) -> str:
    """The 18th character that belongs to the first seventeen."""
    return CHECKS[
        sum(int(digit) * weight for digit, weight in zip(first_seventeen, WEIGHTS, strict=True)) % 11
    ]


def facts_of(number: str) -> NumberFacts | None:
    """None when the number holds no day of the calendar."""
    digits, order = (number[6:14], number[16]) if len(number) == 18 else ("19" + number[6:12], number[14])
    try:
        birth = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
    return NumberFacts(birth, "男" if int(order) % 2 else "女") if birth.year >= 1880 else None


def read_id(cell: Cell, *, adult: bool) -> Read:
    """An 18-character number, or 15 digits of an adult; the problem names what is wrong with it."""
    if is_nothing(cell):
        return EMPTY
    if is_not_known(cell):
        return Read(problem="stated-unknown")
    if isinstance(cell, str) and cell.strip() in marks("no_number"):
        return Read(problem="id-stated-missing")
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        return Read(problem="id-malformed")
    if isinstance(cell, int | float) and _rounded(cell):
        return Read(problem="id-digits-lost")
    text = BLANKS.sub("", plain(cell)).replace("'", "").upper()
    text = text if len(text) == WHOLE else PIECES.sub("", text)
    remark = None if len(text) == WHOLE else REMARK.fullmatch(text)
    if remark:
        found = _checked(remark[1], adult=adult)
        return Read(found.value, ("id-remark-dropped", *found.warnings)) if found.value else found
    found = _checked(text, adult=adult)
    if found.value and not isinstance(cell, str):
        return Read(found.value, ("id-read-from-number", *found.warnings))
    return found


def _rounded(number: float) -> bool:
    """A number that a double holds may have been another; a whole number that none holds was not."""
    return abs(number) >= EXACT and (isinstance(number, float) or int(float(number)) == number)


def _checked(text: str, *, adult: bool) -> Read:
    if SCIENTIFIC.fullmatch(text):
        return Read(problem="id-digits-lost")
    if FIFTEEN.fullmatch(text):
        if not adult:
            return Read(problem="id-fifteen-digits")
        return (
            Read(text, ("id-fifteen-digits",)) if facts_of(text) else Read(problem="id-birth-date-impossible")
        )
    if not EIGHTEEN.fullmatch(text):
        return Read(problem="id-malformed")
    if check_digit(text[:17]) != text[17]:
        return Read(problem="id-digits-lost" if text.endswith("000") else "id-checksum-wrong")
    if facts_of(text) is None:
        return Read(problem="id-birth-date-impossible")
    return Read(text)
