"""The demo township's roster is read exactly as its truth says."""

from collections import Counter
from typing import Any

import pytest

from services.registry.ledger.model import LedgerReading
from services.registry.ledger.reader import read_ledger
from shouwang.demo_ledger import CLOSING_DATE, GRANDMOTHER_NAME, SIBLING_NAMES, demo_workbook, sibling_numbers

VILLAGES = [
    ("990101001", "青禾村"),
    ("990101002", "麦田村"),
    ("990101003", "柳河村"),
    ("990101004", "石桥村"),
]


def as_truth(reading: LedgerReading) -> list[dict[str, Any]]:
    return [
        {
            "sheet": row.place.sheet,
            "row": row.place.row,
            "outcome": row.outcome,
            "reasons": list(row.reasons),
            "warnings": sorted(row.warnings) if row.outcome != "refused" else None,
            "duplicate_of": row.duplicate_of
            and {"sheet": row.duplicate_of.sheet, "row": row.duplicate_of.row},
            "record": row.record if row.outcome != "refused" else None,
        }
        for row in reading.rows
        if row.outcome != "ignored"
    ]


@pytest.mark.req("REG-06")
@pytest.mark.req("REG-07")
@pytest.mark.parametrize("seed", range(5))
def test_the_demo_ledger_is_read_as_its_truth_says(seed: int) -> None:
    content, truth = demo_workbook(seed, VILLAGES)
    reading = read_ledger(content, "花名册.xlsx", closing_date=None)
    expected = [line | ({"warnings": None} if line["outcome"] == "refused" else {}) for line in truth]
    assert as_truth(reading) == expected
    assert (reading.unit, reading.closing_date) == ("青禾镇人民政府", CLOSING_DATE)


def test_the_demo_ledger_is_as_dirty_as_promised() -> None:
    content, truth = demo_workbook(1, VILLAGES)
    outcomes = Counter(line["outcome"] for line in truth)
    assert sum(outcomes.values()) == 300
    assert 0.06 <= outcomes["refused"] / 300 <= 0.08
    assert outcomes["duplicate"] == 4
    assert sum(bool(line["warnings"]) for line in truth) > 20
    assert demo_workbook(1, VILLAGES)[1] == truth
    assert content[:2] == b"PK"


def test_the_siblings_of_the_story_have_one_grandmother_and_no_delegated_guardian() -> None:
    _, truth = demo_workbook(2, VILLAGES)
    siblings = [
        line["record"] for line in truth if line["record"] and line["record"]["姓名"] in SIBLING_NAMES
    ]
    assert [record["公民身份证号码"] for record in siblings] == list(sibling_numbers())
    assert {record["祖母.姓名"] for record in siblings} == {GRANDMOTHER_NAME}
    assert all(record["父母双方同时外出"] and not record["父母外出有无委托其他监护人"] for record in siblings)
    assert not any(label.startswith("委托监护人.") for record in siblings for label in record)


def test_no_number_of_the_demo_can_belong_to_anyone() -> None:
    _, truth = demo_workbook(3, VILLAGES)
    numbers = [
        str(value) for line in truth for label, value in (line["record"] or {}).items() if "身份证" in label
    ]
    assert len(numbers) > 600
    assert all(found.startswith("99") for found in numbers)
