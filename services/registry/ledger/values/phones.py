"""Telephone numbers: mobiles as eleven digits, landlines with their area code, never completed."""

import re
from decimal import Decimal

from services.registry.ledger.model import Cell
from services.registry.ledger.values.read import EMPTY, Read
from services.registry.ledger.values.texts import is_not_known, is_nothing, plain

SCIENTIFIC = re.compile(r"(\d(?:\.\d+)?)E\+?(\d{1,2})", re.IGNORECASE)
FULL_MANTISSA = (
    8  # spreadsheets and C print at most 7 significant digits, programs that print a double all it has
)
MOBILE = re.compile(r"(?:\+?86|0086)?(1\d{10})")
LANDLINE = re.compile(r"\(?(010|02\d|0[3-9]\d{2})\)?[- ]?(\d{7,8})(?:[-转*](\d{1,6}))?")
LOCAL = re.compile(r"\d{7,8}")
SEVERAL = re.compile(r"[、,;/|，；\n]+|\s{2,}|(?<=\d{11})\s+(?=1\d{10})")
REMARK = re.compile(r"([\d\s-]{7,})\([^\d父母爷奶祖外公婆叔伯姑舅姨邻]{1,12}\)|([\d\s-]{7,})[.;,]")


def read_phone(cell: Cell) -> Read:
    """Digits as text; several numbers of one cell joined by `、` with a warning."""
    if is_nothing(cell):
        return EMPTY
    if is_not_known(cell):
        return Read(problem="stated-unknown")
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        return Read(problem="phone-unreadable")
    if isinstance(cell, int | float):
        return _one(plain(cell)) if float(cell).is_integer() else Read(problem="phone-unreadable")
    text = plain(cell)
    scientific = SCIENTIFIC.fullmatch(text.replace(" ", ""))
    if scientific:
        return _scientific(scientific[1], int(scientific[2]))
    if text.isdigit():
        return _one(text)
    remark = REMARK.fullmatch(text)
    if remark:
        read = _one(remark[1] or remark[2])
        return (
            Read(read.value, (*read.warnings, "phone-remark-dropped"), read.problem)
            if remark[1] and read.value
            else read
        )
    found = [_one(part) for part in SEVERAL.split(text) if part.strip()]
    if len(found) > 1 and all(read.value for read in found):
        several = dict.fromkeys(str(read.value) for read in found)
        return Read("、".join(several), ("several-phones",) if len(several) > 1 else ())
    return _one(text)


def _scientific(mantissa: str, power: int) -> Read:
    if len(mantissa.replace(".", "")) < FULL_MANTISSA:
        return Read(problem="phone-digits-lost")
    number = Decimal(mantissa) * 10**power
    if number != number.to_integral_value():
        return Read(problem="phone-digits-lost")
    found = _one(str(int(number)))
    return Read(found.value, ("phone-from-scientific",)) if found.value else found


def _one(text: str) -> Read:
    text = text.strip().removesuffix(".0")
    digits = re.sub(r"[\s-]", "", text)
    mobile = MOBILE.fullmatch(digits)
    if mobile:
        return Read(mobile[1])
    landline = LANDLINE.fullmatch(re.sub(r"[–—]", "-", text)) or LANDLINE.fullmatch(digits)
    if landline:
        extension = f"-{landline[3]}" if landline[3] else ""
        return Read(f"{landline[1]}-{landline[2]}{extension}")
    if LOCAL.fullmatch(digits):
        return Read(digits, ("phone-without-area-code",))
    return Read(problem="phone-unreadable")
