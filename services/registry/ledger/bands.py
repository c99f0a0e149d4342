"""Bands of a printed page: a line of labels with their values in the line beneath, put side by side as elsewhere."""

from collections.abc import Sequence
from itertools import pairwise

from services.registry.ledger.boxes import Box, Lines
from services.registry.ledger.labels import is_label, is_relation, is_silent, meaning_of, persons_name

NAME = "姓名"
FEWEST = 2  # labels of a band


def banded(lines: Lines) -> Lines:
    """The same lines, each band made one line of labels with their values beside them, and an empty one.

    A roster is no band: its header has several lines of values, or stands alone above one.
    """
    filled = [index for index, line in lines.items() if line]
    changed: Lines = {}
    for index, below in pairwise(filled):
        if index not in changed and _is_band(lines[index], lines[below], lines.get(below + 1, [])):
            changed[index], changed[below] = _joined(lines[index], lines[below]), []
    names = [index for index in filled if changed and _names_child(lines[index])]
    for start, end in pairwise([*names, 1 << 20]):
        page = [lines[index] for index in filled if start < index < end]
        if start in changed and not any(_asks(line) for line in page):
            return lines
    return lines | changed


def _heads(line: Sequence[Box]) -> list[Box]:
    """The labels of a line that holds nothing else, one beside the other; a person or a section may stand in front."""
    labels = [box for box in line if not _is_front(box, line)]
    close = all(one.right + 1 == other.left for one, other in pairwise(labels))
    asked = sum(not is_silent(box.text) for box in labels)
    if asked < FEWEST or not close or not all(is_label(box.text) for box in labels):
        return []
    return [] if any(is_relation(box.text) for box in labels) and _names(labels) else labels


def _is_front(box: Box, line: Sequence[Box]) -> bool:
    return box is line[0] and (is_silent(box.text) or persons_name(box.text) is not None)


def _names(labels: Sequence[Box]) -> bool:
    return any(box.text.endswith(NAME) for box in labels)


def _names_child(line: Sequence[Box]) -> bool:
    meanings = [meaning_of((box.text,)) for box in _heads(line)]
    return persons_name(line[0].text) is None and any(m is not None and m.field == NAME for m in meanings)


def _asks(line: Sequence[Box]) -> bool:
    """Whether a line asks for more of the same child."""
    asked = [box for box in line if is_label(box.text) and not is_silent(box.text)]
    return len(asked) >= FEWEST


def _is_band(line: Sequence[Box], below: Sequence[Box], after: Sequence[Box]) -> bool:
    labels = _heads(line)
    if not labels or sum(_names_child([label]) for label in labels) > 1:
        return False
    return _fits(labels, line, below) and (len(after) < FEWEST or not _fits(labels, line, after))


def _fits(labels: Sequence[Box], line: Sequence[Box], below: Sequence[Box]) -> bool:
    """Whether each value stands below a label, and none is a label itself."""
    values = [box for box in below if box not in line]
    return bool(values) and all(
        not (box.text and is_label(box.text)) and any(a.left <= box.left <= a.right and box.right <= a.right for a in labels)
        for box in values
    )  # fmt: skip


def _joined(line: Sequence[Box], below: Sequence[Box]) -> list[Box]:
    told: list[Box] = []
    at = 0
    for label in line:
        told.append(Box(label.at, label.cell, at, at))
        for value in (box for box in below if label.left <= box.left <= label.right and box not in line):
            at += 1
            told.append(Box(value.at, value.cell, at, at))
        at += 1 if _is_front(label, line) else 2
    return told
