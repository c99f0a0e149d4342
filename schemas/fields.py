"""Typed fields of events and commands, each with the data class that decides who may read it."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from operator import mul
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints


class DataClass(StrEnum):
    """The unit of encryption, of disclosure and of erasure (PRV-03). `OPEN` alone travels unsealed."""

    OPEN = "open"
    NAME = "name"
    IDNUMBER = "idnumber"
    ADDRESS = "address"
    CONTACT = "contact"
    FAMILY = "family"
    SCHOOLING = "schooling"
    HEALTH = "health"
    ECONOMIC = "economic"
    CASE = "case"
    REPORTER = "reporter"
    WORKER = "worker"


@dataclass(frozen=True)
class Of:
    """Whose data a sealed field is: the event's field that carries that person's id."""

    subject: str


_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_JOINERS = "\u200c\u200d\u180e"
"""Invisible, but spelling: names in Uyghur, Tibetan and Mongolian need them."""


def _plain(text: str) -> str:
    """Refuse control characters; names keep their rare characters (GB 18030), length counts characters."""
    if not text.isprintable() and any(unicodedata.category(c) in _UNSEEN and c not in _JOINERS for c in text):
        message = "含有控制字符或不可见字符,请删去后重填 · holds control or invisible characters: remove them"
        raise ValueError(message)
    return text


def _line(longest: int) -> StringConstraints:
    return StringConstraints(min_length=1, max_length=longest, strip_whitespace=True, strict=True)


# A non-blank line of at most so many characters, without control characters.
Line25 = Annotated[str, _line(25), AfterValidator(_plain)]
Line30 = Annotated[str, _line(30), AfterValidator(_plain)]
Line60 = Annotated[str, _line(60), AfterValidator(_plain)]
Line80 = Annotated[str, _line(80), AfterValidator(_plain)]
Line120 = Annotated[str, _line(120), AfterValidator(_plain)]
Line200 = Annotated[str, _line(200), AfterValidator(_plain)]
Line2000 = Annotated[str, _line(2000), AfterValidator(_plain)]


Id = UUID
Day = date


def _in_our_time(moment: datetime) -> datetime:
    if not 1900 < moment.year < 2200:
        message = "时间超出范围 · the moment lies outside 1901 to 2199"
        raise ValueError(message)
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_in_our_time)]

_PARTIAL = re.compile(r"(18|19|20|21)[0-9]{2}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?")


def _partial(value: str) -> str:
    if not _PARTIAL.fullmatch(value):
        message = "日期应为 2010、2010-03 或 2010-03-05 · a date is written 2010, 2010-03 or 2010-03-05"
        raise ValueError(message)
    if len(value) == len("2010-03-05"):
        date.fromisoformat(value)
    return value


PartialDate = Annotated[str, AfterValidator(_partial)]

_ID_NUMBER = re.compile(r"[0-9]{17}[0-9X]")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def id_number_holds(number: str) -> bool:
    """Tell whether an 18-character resident ID number has its checksum right (GB 11643-1999)."""
    if not _ID_NUMBER.fullmatch(number):
        return False
    total = sum(map(mul, map(int, number[:17]), _WEIGHTS))
    return "10X98765432"[total % 11] == number[17]


def birth_date_in(number: str) -> str:
    """Return the date of birth that an ID number carries in its digits 7 to 14, as 2010-03-05."""
    return f"{number[6:10]}-{number[10:12]}-{number[12:14]}"


def _id_number(number: str) -> str:
    if not id_number_holds(number):
        message = (
            "公民身份号码应为18位且校验码正确 · an ID number has 18 characters and a right check character"
        )
        raise ValueError(message)
    try:
        date.fromisoformat(birth_date_in(number))
    except ValueError:
        message = "公民身份号码中的出生日期不存在 · the date of birth in the ID number does not exist"
        raise ValueError(message) from None
    return number


# --- open: what routing needs and no more
ChildId = Annotated[Id, DataClass.OPEN, Field(description="儿童编号(平台生成) · Child id, minted here")]
PersonId = Annotated[Id, DataClass.OPEN, Field(description="人员编号(平台生成) · Person id, minted here")]
BodyId = Annotated[Id, DataClass.OPEN, Field(description="单位编号 · Id of a body")]
PostId = Annotated[Id, DataClass.OPEN, Field(description="岗位编号 · Id of a post")]
EventId = Annotated[Id, DataClass.OPEN, Field(description="事件编号 · Id of an event")]
ReportId = Annotated[Id, DataClass.OPEN, Field(description="报告编号 · Id of a report")]
NoticeId = Annotated[Id, DataClass.OPEN, Field(description="通报编号 · Id of a notice")]
TransferId = Annotated[Id, DataClass.OPEN, Field(description="移交编号 · Id of a transfer")]
PlacementId = Annotated[Id, DataClass.OPEN, Field(description="安置编号 · Id of a placement")]
DutyId = Annotated[Id, DataClass.OPEN, Field(description="责任事项编号 · Id of a duty")]
EmergencyId = Annotated[Id, DataClass.OPEN, Field(description="紧急查阅编号 · Id of an emergency access")]
AssessmentId = Annotated[Id, DataClass.OPEN, Field(description="评估编号 · Id of an assessment")]
IncidentId = Annotated[
    Id, DataClass.OPEN, Field(description="同一事由的多名儿童共用 · Shared by the children of one incident")
]
Region = Annotated[
    str,
    DataClass.OPEN,
    StringConstraints(pattern=r"^[0-9]{12}$"),
    Field(
        description="属地区划代码,12位 · Code of the responsible region, 12 digits", examples=["990101001001"]
    ),
]
OpenDay = Annotated[Day, DataClass.OPEN]
Code = Annotated[str, DataClass.OPEN, StringConstraints(pattern=r"^[A-Za-z0-9_.:@-]{1,120}$")]
Classes = Annotated[tuple[DataClass, ...], DataClass.OPEN]
Codes = Annotated[tuple[Annotated[str, StringConstraints(pattern=r"^[A-Z0-9_]{1,60}$")], ...], DataClass.OPEN]
When = Annotated[Moment, DataClass.OPEN]
Title = Annotated[Line120, DataClass.OPEN]

# --- sealed
Name = Annotated[Line60, DataClass.NAME, Field(description="姓名 · Name", examples=["张小禾"])]
IdNumber = Annotated[
    str,
    DataClass.IDNUMBER,
    AfterValidator(_id_number),
    Field(description="公民身份号码 · Resident ID number", examples=["990101201003050014"]),
]
Address = Annotated[Line200, DataClass.ADDRESS]
Phone = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9+() -]{5,25}$"),
    DataClass.CONTACT,
    Field(description="联系电话 · Telephone", examples=["13900000000"]),
]
