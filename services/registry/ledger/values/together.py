"""Several facts of a person in one cell: a name with a telephone, a place of work, a relation."""

import re
from collections.abc import Sequence

from services.registry.ledger.data import bare
from services.registry.ledger.model import Cell
from services.registry.ledger.values.texts import is_not_known, is_nothing, marks, plain

NAME, NUMBER, PHONE, RELATION = "姓名", "公民身份证号码", "联系电话", "与被监护人关系"
PATTERNS = {
    NUMBER: re.compile(r"(?<!\d)(?:\d{17}[\dXx]|\d{15})(?![\dXx])"),
    PHONE: re.compile(r"(?<!\d)(?:\+?86[- ]?)?(1\d{2}[- ]?\d{4}[- ]?\d{4}|0\d{2,3}-?\d{7,8}|\d{7,8})(?!\d)"),
}
GONE = "\n"  # where a number stood, one part ends and another begins
PART = re.compile(r"[\n/;,、|()\[\]]+")
LABEL = re.compile(r"^[^:]{1,8}:")
BEFORE_LABEL = re.compile(r"\s+(?=[^\s:]{2,6}:)")
SAYS_NAME = re.compile(r"[^\d:\s]{2,15}|[^\d:\s]\s+[^\d:\s]{1,2}|[A-Za-z ]{2,40}")


def apart(cell: Cell, asked: Sequence[str]) -> tuple[dict[str, Cell], bool]:
    """The cell's part for each field asked for, and whether something was left that fits none."""
    text = plain(cell)
    if is_nothing(cell) or is_not_known(cell) or text in marks("deceased_words"):
        return {NAME: cell}, False
    found: dict[str, Cell] = {}
    for field, pattern in PATTERNS.items():
        numbers = [match[0] for match in pattern.finditer(text)] if field in asked else []
        if numbers:
            found[field] = "、".join(numbers)
            text = pattern.sub(GONE, text)
    words = [field for field in asked if field not in PATTERNS]
    parts = [LABEL.sub("", part.strip()).strip() for part in PART.split(BEFORE_LABEL.sub(GONE, text))]
    parts = [part for part in parts if bare(part)]
    if len(parts) == 1 and len(words) > 1 and len(spaced := parts[0].split()) == len(words):
        parts = spaced
    if RELATION in words:
        parts = _take_relation(parts, found)
    gone = [part for part in parts if part in marks("deceased_words")]
    parts = [part for part in parts if part not in gone]
    if parts and NAME in words and SAYS_NAME.fullmatch(parts[0]):
        found[NAME] = f"{parts.pop(0)}{f'({gone[0]})' if gone else ''}"
    texts = [field for field in words if field not in (NAME, RELATION)]
    if len(parts) == len(texts) == 1 and (NAME in found or NAME not in words):
        found[texts[0]] = parts.pop()
    return found, bool(parts)


def _take_relation(parts: list[str], found: dict[str, Cell]) -> list[str]:
    """奶奶 in a part of its own, or before the name: 奶奶王桂花."""
    said = [part for part in parts if part in marks("kin")]
    if len(said) == 1:
        found[RELATION] = said[0]
        return [part for part in parts if part not in said]
    first = parts[0] if parts else ""
    before = max((word for word in marks("kin") if first.startswith(word)), key=len, default="")
    if len(first) >= len(before) + 2 and before and not said:
        found[RELATION] = before
        return [first.removeprefix(before).strip(), *parts[1:]]
    return parts
