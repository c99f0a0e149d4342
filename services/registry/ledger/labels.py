"""What a column means, told by the labels above it from top to bottom."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from services.registry.ledger.data import bare, half_width, load, without_brackets
from services.registry.ledger.values.options import option_of

PIECES = ("年", "月", "日")
TOGETHER = "+"  # between the fields that one column holds
TOLD_BY_SHAPE = {"联系电话", "公民身份证号码", "与被监护人关系"}
BETWEEN = re.compile(r"以及|及其|[/、,;()\s+&及]+|(?<=[名话号码])[和与]")


@dataclass(frozen=True, slots=True)
class Meaning:
    """`field` is a key of the record; `loose` a person's field whose person the labels don't name."""

    field: str | None = None
    option: str | None = None
    loose: str | None = None
    kept: bool = True


@cache
def kinds() -> dict[str, str]:
    """The kind of value of every key that a record may have."""
    known = {field: str(about["kind"]) for field, about in load("labels")["fields"].items()}
    for field, about in load("labels")["person_fields"].items():
        known |= {f"{person}.{field}": str(about["kind"]) for person in about["of"]}
    return known


@cache
def persons() -> dict[str, str]:
    suffixes = load("labels")["person_suffixes"]
    return {
        bare(name + suffix): person
        for person, names in load("labels")["persons"].items()
        for name in names
        for suffix in suffixes
    }


@cache
def whole_labels() -> dict[str, str]:
    """Labels that say it all by themselves, those with a person's name in front included."""
    labels = load("labels")
    known = {}
    for field, about in labels["person_fields"].items():
        for person in about["of"]:
            for name in labels["persons"][person]:
                for synonym in about["labels"]:
                    known[bare(name + synonym)] = known[bare(f"{name}的{synonym}")] = f"{person}.{field}"
    known |= {bare(label): field for field, synonyms in labels["own_labels"].items() for label in synonyms}
    return known | {
        bare(label): field for field, about in labels["fields"].items() for label in about["labels"]
    }


@cache
def person_labels() -> dict[tuple[str, str], str]:
    return {
        (person, bare(label)): field
        for field, about in load("labels")["person_fields"].items()
        for person in about["of"]
        for label in about["labels"]
    }


def several_fields(label: str, person: str | None) -> tuple[str, str] | None:
    """The person and the fields of a column that holds several: `父亲(姓名/电话)` → 父亲, 姓名+联系电话."""
    words = [word for word in BETWEEN.split(half_width(label).strip()) if bare(word)]
    glued = {bare(both) for both in load("labels")["name_and_phone"]}
    fields: list[str] = []
    for word in words:
        text = bare(word)
        names = (name for name, who in persons().items() if text.startswith(name) and person in (None, who))
        said = max(names, key=len, default=None)
        if said and (person is None or text == said or (person, text) not in person_labels()):
            person, text = persons()[said], text.removeprefix(said)
        if person is None or (text and text not in glued and (person, text) not in person_labels()):
            return None
        fields += ["姓名", "联系电话"] if text in glued else [person_labels()[person, text]] if text else []
    fields = list(dict.fromkeys(fields))
    if len(words) > 1 and bare(words[0]) in persons() and {*fields} <= TOLD_BY_SHAPE:
        fields.insert(0, "姓名")  # 监护人(关系)
    return (person, TOGETHER.join(fields)) if person and len(fields) > 1 and "姓名" in fields else None


@cache
def loose_labels() -> dict[str, str]:
    return {label: field for (_, label), field in person_labels().items()}


@cache
def silent_labels() -> tuple[frozenset[str], frozenset[str]]:
    """Section names, and labels of columns that no field of the form keeps."""
    return (
        frozenset(bare(label) for label in load("labels")["sections"]),
        frozenset(bare(label) for label in load("labels")["not_kept"]),
    )


@lru_cache(maxsize=2048)
def meaning_of(levels: tuple[str, ...]) -> Meaning | None:
    """The meaning of the labels above one column, None where any of them is not known."""
    person = field = option = None
    for at, level in enumerate(levels):
        found = _level(level, person, field, last=at == len(levels) - 1)
        if found is None:
            return None
        person, field, option = found
        if field == "-":
            return Meaning(kept=False)
        if field and field.startswith("?"):
            return Meaning(loose=field[1:])
    if field is None:
        return Meaning(field=f"{person}.姓名") if person else None
    return Meaning(field=field, option=option)


Found = tuple[str | None, str | None, str | None]


def _level(level: str, person: str | None, field: str | None, *, last: bool) -> Found | None:
    several = several_fields(level, person) if field is None else None
    if several:
        return several[0], f"{several[0]}.姓名", several[1]
    for text in dict.fromkeys((bare(level), without_brackets(level))):
        found = _known(level, text, person, field, last=last)
        if found is not None:
            return found
    return None


def _known(level: str, text: str, person: str | None, field: str | None, *, last: bool) -> Found | None:
    sections, not_kept = silent_labels()
    option = (option_of(field, level) or date_piece(field, text)) if field else None
    if option is not None:
        return person, field, option
    if person and (person, text) in person_labels():
        return person, f"{person}.{person_labels()[person, text]}", None
    if text in whole_labels() and (person is None or whole_labels()[text].startswith(f"{person}.")):
        return person, whole_labels()[text], None
    if text in persons() and field is None:
        return persons()[text], None, None
    if text in sections and not last:
        return person, field, None
    if text in not_kept and last:
        return person, "-", None
    if text in loose_labels() and person is None and last:
        return None, f"?{loose_labels()[text]}", None
    return None


def date_piece(field: str, text: str) -> str | None:
    """年, 月 or 日 below the label of a date: the date is written in three columns."""
    return text if text in PIECES and kinds().get(field) == "date" else None


@lru_cache(maxsize=4096)
def is_label(text: str) -> bool:
    """Whether the text is a label or a part of one."""
    forms = {bare(text), without_brackets(text)}
    silent = silent_labels()[0] | silent_labels()[1]
    known = (whole_labels(), persons(), loose_labels(), silent, relations())
    return any(form in group for form in forms for group in known) or several_fields(text, None) is not None


def persons_name(text: str) -> str | None:
    """The person of whom the text speaks, where it is nothing but that."""
    return persons().get(bare(text))


def is_relation(label: str) -> bool:
    """Whether the last of a column's labels says that a relative is named there."""
    return bare(label.rsplit(" ", maxsplit=1)[-1]) in relations()


def is_parents(label: str) -> bool:
    """Whether a column's labels speak of the parents without saying which of them."""
    words = [bare(word) for word in load("labels")["parents"]]
    return any(bare(level).startswith(word) for level in label.split(" ") for word in words)


def relative_field(label: str) -> str | None:
    """The field that a relative's column holds, by the last of its labels; None where no relative has such a field."""
    text = bare(label.rsplit(" ", maxsplit=1)[-1])
    for prefix in ("", *load("labels")["relatives"]):
        found = loose_labels().get(text.removeprefix(bare(prefix)))
        if found and text.startswith(bare(prefix)):
            return found
    return None


@cache
def relations() -> frozenset[str]:
    return frozenset(bare(label) for label in load("labels")["relations"])


@cache
def running_numbers() -> frozenset[str]:
    return frozenset(bare(label) for label in load("labels")["running_numbers"])


def is_section(text: str) -> bool:
    return bool({bare(text), without_brackets(text)} & silent_labels()[0])


def is_silent(text: str) -> bool:
    """Whether the text names a section, or what no field of the form keeps."""
    sections, not_kept = silent_labels()
    return bool({bare(text), without_brackets(text)} & (sections | not_kept))


def levels_of(texts: Sequence[str]) -> tuple[str, ...]:
    """The labels of one column from top to bottom, a label that merging repeats said once."""
    filled = [text for text in texts if text.strip()]
    return tuple(text for at, text in enumerate(filled) if at == 0 or text != filled[at - 1])
