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
    return [] if any(is_relation(box.text) for box in labels) and not _names_somebody(labels) else labels


def _is_front(box: Box, line: Sequence[Box]) -> bool:
    return box is line[0] and (is_silent(box.text) or persons_name(box.text) is not None)


def _names_somebody(labels: Sequence[Box]) -> bool:
    """监护人姓名, and no 姓名 of whoever the line below is about."""
    meanings = [meaning_of((box.text,)) for box in labels]
    return any(m is not None and m.field is not None and m.field.endswith(f".{NAME}") for m in meanings)


def _names_child(line: Sequence[Box]) -> bool:
    return persons_name(line[0].text) is None and any(_is_childs_name(box) for box in _heads(line))


def _asks(line: Sequence[Box]) -> bool:
    """Whether a line asks for more of the same child."""
    asked = [box for box in line if is_label(box.text) and not is_silent(box.text)]
    return len(asked) >= FEWEST


def _is_band(line: Sequence[Box], below: Sequence[Box], after: Sequence[Box]) -> bool:
    labels = _heads(line)
    if sum(_is_childs_name(label) for label in labels) > 1:
        return False
    return _fits(labels, line, below) and (len(after) < FEWEST or not _fits(labels, line, after))


def _is_childs_name(label: Box) -> bool:
    meaning = meaning_of((label.text,))
    return meaning is not None and meaning.field == NAME


def _fits(labels: Sequence[Box], line: Sequence[Box], below: Sequence[Box]) -> bool:
    """Whether each value stands below a label, and none is a label itself; 奶奶 may be a relation."""
    values = [box for box in below if box not in line]
    return bool(labels and values) and all(_stands_below(box, labels) for box in values)


def _stands_below(value: Box, labels: Sequence[Box]) -> bool:
    label = next((each for each in labels if each.left <= value.left <= value.right <= each.right), None)
    return label is not None and (not (value.text and is_label(value.text)) or is_relation(label.text))


def _joined(line: Sequence[Box], below: Sequence[Box]) -> list[Box]:
    told: list[Box] = []
    at = 0
    for label in line:
        values = [box for box in below if label.left <= box.left <= label.right and box not in line]
        if values and is_relation(
            label.text
        ):  # a relation is a label elsewhere: in one cell it can't be taken for one
            told.append(Box(values[0].at, f"{label.text}:{values[0].cell}", at, at))
            values = []
        else:
            told.append(Box(label.at, label.cell, at, at))
        for value in values:
            at += 1
            told.append(Box(value.at, value.cell, at, at))
        at += 1 if _is_front(label, line) else 2
    return told
