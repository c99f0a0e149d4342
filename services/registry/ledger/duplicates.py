"""Rows of one file that are the same child: by number, else by name, birth and parents."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from services.registry.ledger.model import Row
from services.registry.ledger.values.ids import facts_of

NUMBER = "公民身份证号码"
PARENTS = ("父亲.姓名", "母亲.姓名", "父亲.公民身份证号码", "母亲.公民身份证号码")


def mark_duplicates(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Accepted rows again, a second row of a child as `duplicate` of the first.

    One number under two names is nobody's for certain: both rows are refused. Namesakes of the same
    birthday stay apart and are both warned about, unless a parent tells that they are one child.
    """
    seen: list[Row] = list(rows)
    by_number: dict[str, int] = {}
    by_name: dict[tuple[str, str], list[int]] = {}
    for at, row in enumerate(seen):
        if row.outcome != "accepted" or row.record is None:
            continue
        number = row.record.get(NUMBER)
        key = (str(row.record.get("姓名")), _birth(row.record))
        if number in by_number:
            _same_number(seen, by_number[number], at)
            continue
        same = [first for first in by_name.get(key, []) if _outcome(seen, first) == "accepted"]
        if any(_namesake(seen, first, at) for first in same):
            continue
        by_name.setdefault(key, []).append(at)
        if number:
            by_number[number] = at
    return tuple(seen)


def _outcome(rows: list[Row], at: int) -> str:
    return rows[at].outcome


def _birth(record: dict[str, Any]) -> str:
    facts = facts_of(record[NUMBER]) if NUMBER in record else None
    return facts.birth.isoformat() if facts else str(record.get("出生日期"))


def _same_number(rows: list[Row], first: int, at: int) -> None:
    one, other = rows[first].record or {}, rows[at].record or {}
    if one.get("姓名") == other.get("姓名"):
        rows[at] = _duplicate(rows[first], rows[at])
        return
    for place in (first, at):
        if rows[place].outcome == "accepted":
            rows[place] = replace(rows[place], outcome="refused", reasons=("id-shared-by-another-child",))


def _namesake(rows: list[Row], first: int, at: int) -> bool:
    """Whether the later row was found to be the same child; else both are warned about."""
    one, other = rows[first].record or {}, rows[at].record or {}
    if NUMBER in one and NUMBER in other:
        return False  # two valid numbers are two children
    told = [(one[label], other[label]) for label in PARENTS if label in one and label in other]
    if told and all(left == right for left, right in told):
        rows[at] = _duplicate(rows[first], rows[at])
        return True
    if not told:
        for place in (first, at):
            doubted = dict.fromkeys((*rows[place].warnings, "possible-duplicate"))
            rows[place] = replace(rows[place], warnings=tuple(doubted))
    return False


def _duplicate(first: Row, row: Row) -> Row:
    one, other = first.record or {}, row.record or {}
    differs = tuple(
        f"{label}:differs-from-first-row" for label in other if label in one and one[label] != other[label]
    )
    adds = tuple(f"{label}:missing-in-first-row" for label in other if label not in one)
    return replace(
        row, outcome="duplicate", duplicate_of=first.place, warnings=(*row.warnings, *differs, *adds)
    )
