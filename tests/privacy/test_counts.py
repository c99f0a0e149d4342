"""What `make privacy` writes down: what was tried and failed, and that what was not tried does not hold."""

import json
from pathlib import Path

from tests.privacy.__main__ import BARS, PLANTED, ROOT, WHERE, kept, rows_of

_CASE = '<testcase name="{}"><properties>{}</properties>{}</testcase>'  # as pytest writes it (xunit1)


def case(name: str, told: dict[str, object], *, broken: bool = False) -> str:
    said = "".join(f'<property name="{k}" value="{v}"/>' for k, v in told.items())
    return _CASE.format(name, said, '<failure message="no"/>' if broken else "")


def told(tmp_path: Path, *cases: str) -> dict[str, tuple[int, int, bool]]:
    report = tmp_path / "report.xml"
    report.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
    return {row["test"]: (row["tried"], row["failed"], row["holds"]) for row in rows_of(report)}


def test_a_bar_holds_where_enough_was_tried_and_nothing_failed(tmp_path: Path) -> None:
    erased = {"test": "erasure", "tried": 1000, "failed": 0, "bar": 1000, "seed": 0}
    rows = told(tmp_path, case("test_of_many", erased), *(case(f"{name}[x]", {}) for name in PLANTED))
    assert rows["erasure"] == (1000, 0, True)
    assert rows["planted"] == (6, 0, True)
    assert {name for name, row in rows.items() if not row[2]} == BARS.keys() - {"erasure", "planted"}


def test_what_failed_or_was_tried_too_seldom_does_not_hold(tmp_path: Path) -> None:
    few = {"test": "erasure", "tried": 999, "failed": 0, "seed": 0}
    wrong = {"test": "reporter", "tried": 10_000, "failed": 2, "seed": 0}
    fell = {"test": "disclosure", "tried": 10_000, "failed": 0, "seed": 0}
    rows = told(
        tmp_path, case("a", few), case("b", wrong, broken=True), case("c", fell, broken=True),
        case(next(iter(PLANTED)), {}, broken=True),
    )  # fmt: skip
    assert rows["erasure"] == (999, 0, False)
    assert rows["reporter"] == (10_000, 2, False)
    assert rows["disclosure"] == (10_000, 1, False)
    assert rows["planted"] == (1, 1, False)


def test_rows_that_were_not_run_now_stay_as_they_were(tmp_path: Path) -> None:
    out = tmp_path / "privacy.json"
    assert kept(out, [{"test": "erasure", "tried": 1}]) == [{"test": "erasure", "tried": 1}]
    out.write_text(json.dumps({"rows": [{"test": "reporter", "tried": 2}, {"test": "erasure", "tried": 1}]}))
    rows = kept(out, [{"test": "erasure", "tried": 3}])
    assert rows == [{"test": "reporter", "tried": 2}, {"test": "erasure", "tried": 3}]


def test_every_row_has_its_tests_and_every_planted_violation_is_where_it_is_looked_for() -> None:
    assert WHERE.keys() == BARS.keys()
    assert all((ROOT / path.partition("::")[0]).exists() for paths in WHERE.values() for path in paths)
    for name, file in PLANTED.items():
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf8")
