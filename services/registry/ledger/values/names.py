"""Names of persons, and the marks for those who have died."""

import re
from functools import cache

from services.registry.ledger.data import BRACKETS, half_width
from services.registry.ledger.model import Cell
from services.registry.ledger.values.read import EMPTY, Read
from services.registry.ledger.values.texts import BLANKS, CONTROL, is_not_known, is_nothing, marks, plain

DOTS = re.compile(r"\s*[·•・．‧∙⋅●。.]\s*")
SERIAL = re.compile(r"^\d{1,3}[.、)](?=\D)")  # 1.张三
FOOTNOTE = re.compile(r"^[*※△▲★☆#]+|[*※△▲★☆#]+$|[①-⑳]$")
LATIN = re.compile(r"[A-Za-z]")
STROKES = re.compile(r"[-－/／\\]+")
DAMAGED = re.compile("[\ufffd?？□\ue000-\uf8ff]")
ODD = re.compile(r"[\d,;:=+@#$%^&*<>|\"_~!，；：！、()（）\[\]【】{}]")
SEVERAL = re.compile(r"[^\W\d]{2,4}(?:[、,;/][^\W\d]{2,4})+")
KIN = re.compile(r"([^\s:：]{2,4})[\s:：]+(?=\S{2})")  # 继父 张大
NUMBER_IN_IT = re.compile(r"\d{5}")
LONGEST = 50


def read_name(cell: Cell) -> Read:
    """A name with its inner blanks gone and its dot made `·`."""
    if is_nothing(cell):
        return EMPTY
    if is_not_known(cell):
        return Read(problem="stated-unknown")
    if not isinstance(cell, str):
        return Read(problem="name-unreadable")
    text = CONTROL.sub("", half_width(cell).replace("\u2028", " ")).strip().lstrip("'")
    text = BLANKS.sub(" " if LATIN.search(text) else "", text).strip()
    told = text
    if not cell.isalpha():  # most names are letters and nothing else
        text = _without_remarks(cell, text)
    dropped = ("name-remark-dropped",) if text != told else ()
    text = DOTS.sub("·", text).strip("·")
    if text in _no_names() or _remark().search(text):
        return Read(problem="name-is-remark")
    if (
        NUMBER_IN_IT.search(text)
        or SEVERAL.fullmatch(text)
        or not any(letter.isalpha() or DAMAGED.match(letter) for letter in text)
        or len(text) > LONGEST
    ):
        return Read(problem="name-unreadable")
    if DAMAGED.search(text):
        return Read(text, (*dropped, "unreadable-character"))
    return Read(text, (*dropped, *(("name-odd",) if ODD.search(text) or len(text) == 1 else ())))


def _without_remarks(cell: str, text: str) -> str:
    """张三 in 1.张三, 张三*, 张三(双胞胎) or 继父 张三."""
    if (kin := KIN.match(cell.strip())) and kin[1] in marks("kin") | marks("step_kin"):
        text = text[len(kin[1]) :].lstrip(":")
    text = FOOTNOTE.sub("", SERIAL.sub("", text)) or text
    return BRACKETS.sub("", text).strip() or text


@cache
def _no_names() -> frozenset[str]:
    return marks("no_names") | marks("kin")


@cache
def _remark() -> re.Pattern[str]:
    return re.compile("|".join(sorted(marks("never_in_names"))))


def read_relative(cell: Cell) -> tuple[Read, bool]:
    """A relative's name, and whether the cell says that the relative has died."""
    text = plain(cell)
    if isinstance(cell, str) and (cell.strip() in marks("deceased_dash") or text in marks("deceased_words")):
        return EMPTY, True
    if STROKES.fullmatch(text):
        return Read(problem="deceased-mark-unclear"), False
    if BRACKETS.sub("", text).strip() in marks("deceased_words"):
        return EMPTY, True
    gone = max((word for word in marks("deceased_words") if text.endswith(word)), key=len, default="")
    if len(gone) > 1 and len(text) >= len(gone) + 2:
        return read_name(text.removesuffix(gone)), True
    remark = BRACKETS.search(text)
    if remark and remark[0][1:-1].strip() in marks("deceased_words"):
        return read_name(BRACKETS.sub("", text)), True
    return read_name(cell), False
