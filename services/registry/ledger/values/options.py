"""Options, yes and no, ticks: what is printed on the form, or nothing."""

import re
from functools import cache, lru_cache

from services.registry.ledger.data import BRACKETS, bare, half_width, load
from services.registry.ledger.model import Cell
from services.registry.ledger.values.read import EMPTY, Read
from services.registry.ledger.values.texts import is_not_known, is_nothing, plain

TICKED, UNTICKED = "☑☒■●√✓✔", "□☐○"
MARK_FIRST = re.compile(f"([{TICKED}{UNTICKED}])\\s*([^{TICKED}{UNTICKED}]+)")
WORD_FIRST = re.compile(f"([^{TICKED}{UNTICKED}]+)([{TICKED}{UNTICKED}])")
BRACKETED = re.compile(f"([^()\\s]*)\\(([\\s{TICKED}]*)\\)([^()\\s]*)")
SEPARATOR = re.compile(r"[、,;/|\s+和及，；]+")


@cache
def options(field: str) -> dict[str, str]:
    """Every spelling of the field's options; for yes and no the options are 'true' and 'false'."""
    own = load("options")["fields"].get(field, {})
    general = load("options")["yesno"] if not own or True in own or False in own else {}
    return {
        _key(str(spelling)): str(option).lower() if isinstance(option, bool) else str(option)
        for group in (general, own)
        for option, spellings in group.items()
        for spelling in spellings
    }


def _key(text: str) -> str:
    return bare(text) or half_width(text).strip().lower()


def option_of(field: str, text: str) -> str | None:
    return options(field).get(_key(text)) if field in load("labels")["fields"] else None


def read_tick(cell: Cell) -> Read:
    """A cell of a column that stands for one option: ticked, not ticked, or unreadable."""
    if is_nothing(cell):
        return Read(False) if cell == "无" else EMPTY
    found = options("").get(_key(plain(cell)))
    return Read(problem="yes-no-unreadable") if found is None else Read(found == "true")


@lru_cache(maxsize=4096, typed=True)
def read_yes_no(field: str, cell: Cell) -> Read:
    """A yes or no. A blank cell, a dash or a stroke is neither."""
    if cell is None or not plain(cell) or (is_nothing(cell) and cell not in ("无", "没有")):
        return EMPTY
    if is_not_known(cell):
        return Read(problem="stated-unknown")
    chosen = _boxes(plain(cell))
    if chosen is not None and len(chosen) != 1:
        return Read(problem="several-options") if chosen else EMPTY
    text = chosen[0] if chosen else plain(cell)
    found = option_of(field, text)
    remark = BRACKETS.search(text)
    if found is None and remark and option_of(field, remark[0][1:-1]) is None:
        found = option_of(field, BRACKETS.sub("", text))
        return (
            Read(problem="yes-no-unreadable")
            if found is None
            else Read(found == "true", ("option-remark-dropped",))
        )
    return Read(problem="yes-no-unreadable") if found is None else Read(found == "true")


@lru_cache(maxsize=4096, typed=True)
def read_choice(field: str, cell: Cell) -> Read:
    """One of the printed options."""
    if is_nothing(cell):
        return EMPTY
    if is_not_known(cell):
        return Read(problem="stated-unknown")
    chosen = _boxes(plain(cell))
    if chosen is not None:
        return _single(field, chosen)
    found = option_of(field, plain(cell))
    if found:
        return Read(found)
    coded = load("options")["codes"].get(field, {}).get(plain(cell))
    if coded:
        return Read(coded, ("option-from-code",))
    alike = option_of(field, BRACKETS.sub("", plain(cell))) or _pattern_of(field, plain(cell))
    return Read(alike, ("option-remark-dropped",)) if alike else Read(problem="option-unknown")


@cache
def _patterns(field: str) -> list[tuple[re.Pattern[str], str]]:
    found = load("options")["patterns"].get(field, {})
    return [(re.compile(pattern), str(option)) for option, pattern in found.items()]


def _pattern_of(field: str, text: str) -> str | None:
    return next((option for pattern, option in _patterns(field) if pattern.fullmatch(bare(text))), None)


def _single(field: str, chosen: list[str]) -> Read:
    if len(chosen) != 1:
        return Read(problem="several-options") if chosen else EMPTY
    found = option_of(field, chosen[0])
    return Read(found) if found else Read(problem="option-unknown")


def read_choices(field: str, cell: Cell) -> Read:
    """Several of the printed options, in the order of the cell, each once."""
    if is_nothing(cell):
        return EMPTY
    if is_not_known(cell):
        return Read(problem="stated-unknown")
    text, warnings = plain(cell), []
    boxes = _boxes(text)
    found: list[str] = []
    for part in boxes if boxes is not None else _parts(field, text):
        option = option_of(field, part) or option_of(field, BRACKETS.sub("", part))
        if option is None:
            warnings.append("option-unknown")
        elif option_of(field, part) is None:
            warnings.append("option-remark-dropped")
        if option and option not in found:
            found.append(option)
    if not found:
        return Read(problem="option-unknown") if warnings else EMPTY
    return Read(found, tuple(dict.fromkeys(warnings)))


def _parts(field: str, text: str) -> list[str]:
    if option_of(field, text):
        return [text]
    return [part for part in SEPARATOR.split(text) if part]


def _boxes(text: str) -> list[str] | None:
    """The ticked words of `☑是 □否`, `是☑ 否□`, `是(√) 否( )` or `是√ 否`; None where there are no such marks."""
    text = text.strip()
    brackets = BRACKETED.findall(text)
    if brackets and len(brackets) == text.count("("):
        return [(before or after).strip() for before, mark, after in brackets if mark.strip()]
    if not text or not any(mark in text for mark in TICKED + UNTICKED):
        return None
    if not any(mark in text for mark in UNTICKED) and len(words := SEPARATOR.split(text)) > 1:
        return [
            word.strip(TICKED) for word in words if word.strip(TICKED) != word and word.strip(TICKED)
        ] or None
    if text[0] in TICKED + UNTICKED and text[-1] not in TICKED + UNTICKED:
        found = MARK_FIRST.findall(text)
    elif text[0] not in TICKED + UNTICKED and text[-1] in TICKED + UNTICKED:
        found = [(mark, word) for word, mark in WORD_FIRST.findall(text)]
    else:
        return None
    return [word.strip() for mark, word in found if mark in TICKED and word.strip()]
