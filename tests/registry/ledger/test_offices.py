"""Any office's ledger is read as a careful clerk would read it: at least 25 unlike workbooks, each with its truth."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from services.registry.ledger.model import LedgerReading, Row
from tests.registry.ledger.layouts import Told
from tests.registry.ledger.making import read
from tests.registry.ledger.offices import Offices
from tests.registry.ledger.truth import Truth

OFFICES = Offices().made


@dataclass
class Score:
    """How a file was read against its truth."""

    right: int = 0
    flags: int = 0
    due: int = 0
    made_up: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def score(told: Told, reading: LedgerReading) -> Score:
    """Compare each row of the truth, and look for values that nobody wrote."""
    found = Score()
    left = [row for row in reading.rows if row.outcome != "ignored"]
    labels = {sheet: shown(left, sheet) for sheet, _, _ in told.truth}
    for sheet, at, truth in told.truth:
        row = next((r for r in left if (r.place.sheet, r.place.row) == (sheet, at)), None)
        if row is None:
            found.wrong.append(f"{sheet} {at}: not there")
            continue
        left.remove(row)
        wrong = differences(truth, row, labels[sheet])
        found.right += not wrong
        found.wrong += [f"{sheet} {at}: {each}" for each in wrong]
        record = row.record or {}
        found.made_up += [
            f"{sheet} {at}: {name}" for name, v in record.items() if differs(v, truth.record.get(name))
        ]
        found.due += len(truth.flags) + len(truth.reasons)
        found.flags += len(truth.flags & set(row.warnings)) + len(truth.reasons & set(row.reasons))
    found.made_up += [f"{row.place}: a child that nobody wrote" for row in left]
    return found


def shown(rows: Sequence[Row], sheet: str) -> set[str]:
    """The labels that a sheet shows at all: an office has no column for every field."""
    return {label for row in rows if row.place.sheet == sheet for label in row.record or ()}


def differences(truth: Truth, row: Row, labels: set[str]) -> list[str]:
    wrong = [] if row.outcome == truth.outcome else [f"{row.outcome} {row.reasons}, not {truth.outcome}"]
    if truth.village and truth.village != row.village:
        wrong.append(f"of {row.village}, not {truth.village}")
    record = row.record or {}
    return wrong + [
        f"{label}: {record.get(label)!r}, not {truth.record.get(label)!r}"
        for label in sorted(labels) if differs(record.get(label), truth.record.get(label))
    ]  # fmt: skip


def differs(found: Any, wanted: Any) -> bool:
    """The order of several options is that of the sheet."""
    if isinstance(found, list) and isinstance(wanted, list):
        return sorted(found) != sorted(wanted)
    return bool(found != wanted)


@pytest.mark.req("REG-06")
@pytest.mark.parametrize("told", OFFICES, ids=[told.filename for told in OFFICES])
def test_an_offices_ledger_is_read_as_it_was_meant(told: Told) -> None:
    reading = read(told.content, told.filename)
    assert reading.refused is None, reading.refused_detail
    found = score(told, reading)
    assert found.wrong == []
    assert found.made_up == []
    assert found.flags == found.due
    assert found.right == len(told.truth) >= 1


def test_the_offices_are_unlike_and_their_truth_is_whole() -> None:
    assert len({told.filename for told in OFFICES}) == len(OFFICES) >= 25
    outcomes = {truth.outcome for told in OFFICES for _, _, truth in told.truth}
    assert outcomes == {"accepted", "refused", "duplicate"}


def test_a_reading_that_makes_up_a_value_is_caught() -> None:
    told = OFFICES[0]
    reading = read(told.content, told.filename)
    row = next(row for row in reading.rows if row.outcome == "accepted")
    assert row.record is not None
    row.record["父亲.联系电话"] = "13900000000"
    found = score(told, reading)
    assert len(found.made_up) == len(found.wrong) == 1
