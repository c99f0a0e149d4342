"""The matrix of requirements: code and tests name what exists, and what claims to be done is proved."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from shouwang.trace import (
    Row,
    Status,
    _marked,
    catalogue,
    matrix,
    named_in_code,
    named_in_events,
    named_in_tests,
    table,
    trace,
    unknown,
    unproved,
)

IDS = [r.id for r in catalogue()]


def test_the_catalogue_has_every_requirement_once() -> None:
    assert len(IDS) == len(set(IDS)) == 310


def test_code_and_tests_name_only_requirements_that_exist() -> None:
    assert unknown(IDS, named_in_events(), named_in_code(), named_in_tests()) == []


def test_what_claims_to_be_done_is_proved_by_a_test() -> None:
    assert unproved(matrix()) == []


def test_every_row_of_the_trace_has_the_promised_keys() -> None:
    rows = trace()
    assert [row["requirement"] for row in rows] == IDS
    for row in rows:
        assert list(row) == ["requirement", "title", "status", "events", "code", "tests"]
        assert row["status"] in {"done", "partial", "planned"}


def test_an_event_and_a_command_are_found_by_the_requirement_that_they_name() -> None:
    rows = {row.requirement: row for row in matrix()}
    assert "reporting.report-accepted.v1" in rows["EMR-01"].events
    assert {"schemas/reporting.py::ReportAccepted", "services/reporting/report.py::AcceptReports"} <= set(
        rows["EMR-01"].code
    )


def test_every_place_that_the_trace_names_exists() -> None:
    root = Path(__file__).parents[2]
    for row in matrix():
        for place in (*row.code, *row.tests):
            file, _, name = place.partition("::")
            assert name.rpartition("::")[2] in (root / file).read_text(encoding="utf8"), place


def test_the_table_ends_with_the_counts() -> None:
    rows = trace()
    lines = table(rows).splitlines()
    assert lines[0].startswith("REG-01")
    assert lines[-1].endswith("all 310")


# --- planted violations


def test_a_requirement_that_is_done_without_a_test_is_caught() -> None:
    planted = [
        replace(row, status=Status.DONE, tests=[]) if row.requirement == "SRC-08" else row for row in matrix()
    ]
    assert unproved(planted) == ["SRC-08"]
    assert unproved([Row("SRC-08", "x", Status.PARTIAL)]) == []


def test_a_requirement_that_nobody_knows_is_caught_with_who_names_it() -> None:
    assert unknown(IDS, {"REP-99": ["tests/x.py::test_it"]}) == ["REP-99: tests/x.py::test_it"]


def test_marks_are_found_on_functions_classes_and_whole_files_and_nowhere_else() -> None:
    source = """
import pytest
pytestmark = pytest.mark.req("PLT-01")
@pytest.mark.req("REG-01", "REG-02")
async def test_one(): ...
@pytest.mark.req("REG-03")
class TestMany:
    @pytest.mark.parametrize("x", [1])
    @pytest.mark.req("REG-04")
    def test_two(self): ...
@pytest.mark.req("REG-05")
def helper(): ...
"""
    assert list(_marked(ast.parse(source))) == [
        ("test_one", "PLT-01"), ("test_one", "REG-01"), ("test_one", "REG-02"),
        ("TestMany::test_two", "PLT-01"), ("TestMany::test_two", "REG-03"), ("TestMany::test_two", "REG-04"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "- {id: REG-1, title: A title long enough, status: done}",
        "- {id: REG-01, title: short, status: done}",
        "- {id: REG-01, title: A title long enough, status: finished}",
        "- {id: REG-01, title: A title long enough}",
    ],
)
def test_a_line_of_the_catalogue_that_says_too_little_or_something_else_is_refused(
    tmp_path: Path, line: str
) -> None:
    file = tmp_path / "requirements.yaml"
    file.write_text(line + "\n")
    with pytest.raises(ValidationError):
        catalogue(file)
