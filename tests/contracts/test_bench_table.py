"""The tables of figures in the documents are those of the results."""

import copy
import json
from pathlib import Path
from typing import Any

from bench import __main__ as bench
from bench.scaling import _FIGURES, figures, need_of, part, walls
from bench.table import DOCUMENTS, SUITES, rendered, results


def made_up() -> dict[str, dict[str, Any]]:
    """Results that hold every figure that is asked for."""
    found: dict[str, dict[str, Any]] = {}
    for suite, begins, which in _FIGURES.values():
        told = found.setdefault(
            suite,
            {"command": "c", "at": "t", "machine": {"cores": 2, "system": "s", "machine": "m", "load_before": 0},
             "versions": {"python": "3"}, "rows": []},
        )  # fmt: skip
        row = next((r for r in told["rows"] if r["name"] == begins), None)
        if row is None:
            row = dict.fromkeys(("p50", "p95", "p99", "peer", "peer_value", "ratio", "bar", "holds"))
            told["rows"].append(row | {"name": begins, "value": 100.0, "unit": "u", "beside": {}})
        if which != "value":
            told["rows"][-1]["beside"][which] = 2.0
    return found


def test_the_documents_are_made_from_the_results() -> None:
    for file in DOCUMENTS:
        text = file.read_text(encoding="utf8")
        assert rendered(text, results()) == text, f"{file.name}: python -m bench.table"


def test_a_figure_written_by_hand_is_noticed() -> None:
    found = made_up()
    for file in DOCUMENTS:
        text = rendered(file.read_text(encoding="utf8"), found)
        assert rendered(text, found) == text
        altered = copy.deepcopy(found)
        altered["pipeline"]["rows"][0]["value"] = 4711.0
        assert rendered(text, altered) != text


def test_every_suite_has_its_table() -> None:
    assert set(SUITES) == set(bench.SUITES)


def test_a_bar_that_is_missed_says_no() -> None:
    found = made_up()
    found["store"]["rows"][0] |= {"bar": "≥ 1", "holds": False}
    assert "| ≥ 1 | **no** |" in rendered("<!-- bench:rows -->\n<!-- /bench -->", found)


def test_nothing_is_computed_from_a_figure_that_is_not_there() -> None:
    found = made_up()
    del found["growth"]
    assert "disk of a child" in part(found)
    assert "GB a year" not in part(found)
    assert "GB a year" in part(made_up())


def test_needs_grow_with_the_children_and_walls_stand_in_order() -> None:
    have, missing = figures(made_up())
    assert not missing
    county, province = need_of(20_000, have), need_of(1_000_000, have)
    assert province.postgres == county.postgres * 50
    assert province.pages >= county.pages
    heights = [n for _, n in walls(have)]
    assert heights == sorted(heights)


def test_results_are_read_by_suite(tmp_path: Path) -> None:
    (tmp_path / "store.json").write_text(json.dumps({"rows": []}), encoding="utf8")
    assert results(tmp_path) == {"store": {"rows": []}}
