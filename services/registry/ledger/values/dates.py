"""Days of the calendar in every notation of an office; what is partial stays partial."""

import math
import re
from datetime import date, datetime, timedelta

from services.registry.ledger.data import BRACKETS
from services.registry.ledger.model import Cell
from services.registry.ledger.values.read import EMPTY, Read, Setting
from services.registry.ledger.values.texts import is_not_known, is_nothing, plain

SEP = r"[-./年、\\,]"
FULL = re.compile(rf"(\d{{4}}){SEP}(\d{{1,2}})[-./月、\\,](\d{{1,2}})日?号?")
MONTH = re.compile(rf"(\d{{4}}){SEP}(\d{{1,2}})月?份?[.]?")
YEAR = re.compile(r"(\d{4})\s*年?")
COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
COMPACT_MONTH = re.compile(r"((?:19|20)\d{2})(0[1-9]|1[0-2])")
CLOCK = re.compile(r"[T\s]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?$")
AROUND = re.compile(r"\s*([-./年月日、\\,])\s*")
TAIL = re.compile(r"(?:出生|生)$")
LUNAR = re.compile(r"农历|阴历|旧历|闰|正月|冬月|腊月|初[一二三四五六七八九十]")
ODD = re.compile(r"[(历\s]|\.$")
BLANKS_BETWEEN = re.compile(r"(\d{4})\s+(\d{1,2})\s+(\d{1,2})")
SOLAR = re.compile(r"公历|阳历|新历")
CHINESE = str.maketrans("〇○零Ｏ一二三四五六七八九", "0000123456789")
TENS = re.compile(r"([一二三四五六七八九]?)十([一二三四五六七八九]?)")
FIRST_YEAR, LAST_YEAR = 1880, 2100
SERIALS = range(3654, 73051)  # 1910 to 2099
EPOCH_1900, EPOCH_1904 = date(1899, 12, 30), date(1904, 1, 1)


def read_date(cell: Cell, setting: Setting) -> Read:
    """An ISO day `2010-03-05`, month `2010-03` or year `2010`.

    Problems: date-impossible, date-unreadable, date-lunar, stated-unknown.
    """
    if is_nothing(cell):
        return EMPTY
    if is_not_known(cell):
        return Read(problem="stated-unknown")
    if isinstance(cell, datetime | date):
        return _day(cell.year, cell.month, cell.day)
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        return Read(problem="date-unreadable")
    if isinstance(cell, str):
        return _from_text(cell, setting)
    return _from_number(float(cell), setting)


def _from_number(number: float, setting: Setting) -> Read:
    if not math.isfinite(number):
        return Read(problem="date-unreadable")
    if number.is_integer():
        return _from_digits(str(int(number)), setting)
    text = repr(number)
    if re.fullmatch(r"(?:19|20)\d{2}\.1", text):  # 2010.10 loses its nought: January or October
        return Read(text[:4], ("date-month-ambiguous",))
    if re.fullmatch(r"(?:19|20)\d{2}\.(?:0[1-9]|[2-9]|1[0-2])", text):
        return _month(text[:4], text[5:])
    if int(number) in SERIALS:
        return _serial(int(number), setting)
    return Read(problem="date-unreadable")


def _from_digits(digits: str, setting: Setting) -> Read:
    compact = COMPACT.fullmatch(digits)
    if compact:
        return _day(*(int(part) for part in compact.groups()))
    month = COMPACT_MONTH.fullmatch(digits)
    if month:
        return _month(month[1], month[2])
    if len(digits) == 4 and FIRST_YEAR <= int(digits) <= LAST_YEAR:
        return Read(digits, ("date-partial",))
    if len(digits) in (4, 5) and int(digits) in SERIALS:
        return _serial(int(digits), setting)
    return Read(problem="date-unreadable")


def _serial(number: int, setting: Setting) -> Read:
    epoch = EPOCH_1904 if setting.date_1904 else EPOCH_1900
    return Read((epoch + timedelta(days=number)).isoformat(), ("date-read-from-serial",))


def _from_text(cell: str, setting: Setting) -> Read:
    text = TAIL.sub("", CLOCK.sub("", plain(cell))).strip()
    if LUNAR.search(text):
        return Read(problem="date-lunar")
    if ODD.search(text):
        text = SOLAR.sub("", BRACKETS.sub("", text)).rstrip(".").strip()
        text = BLANKS_BETWEEN.sub(r"\1-\2-\3", text)
    text = (
        AROUND.sub(r"\1", _arabic(text))
        .replace("。", ".")
        .replace("－", "-")
        .replace("—", "-")
        .replace("–", "-")
    )
    if re.fullmatch(r"\d+(?:\.0)?|\d{8}日", text):
        return _from_digits(text.removesuffix(".0").removesuffix("日"), setting)
    full = FULL.fullmatch(text)
    if full:
        return _day(*(int(part) for part in full.groups()))
    month = MONTH.fullmatch(text)
    if month:
        return _month_text(month, setting)
    year = YEAR.fullmatch(text)
    return Read(year[1], ("date-partial",)) if year else Read(problem="date-unreadable")


def _month_text(month: re.Match[str], setting: Setting) -> Read:
    if not setting.typed and re.fullmatch(r"\d{4}\.1", month[0]):
        return Read(month[1], ("date-month-ambiguous",))
    return _month(month[1], month[2])


def _arabic(text: str) -> str:
    """二〇一〇年十二月二十五日 in digits; other text as it is."""
    if not re.search(r"[〇○零一二三四五六七八九十]", text):
        return text

    def tens(match: re.Match[str]) -> str:
        return f"{match[1] or '一'}{match[2] or '〇'}"

    return TENS.sub(tens, text).translate(CHINESE)


def _day(year: int, month: int, day: int) -> Read:
    try:
        found = date(year, month, day)
    except ValueError:
        return Read(problem="date-impossible")
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return Read(problem="date-impossible")
    return Read(found.isoformat())


def _month(year: str, month: str) -> Read:
    if not (1 <= int(month) <= 12 and FIRST_YEAR <= int(year) <= LAST_YEAR):
        return Read(problem="date-impossible")
    return Read(f"{year}-{int(month):02}", ("date-partial",))
