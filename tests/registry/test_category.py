"""Which children are left-behind under the SY pack: a truth table, and birth dates at the limit (REG-01, REG-02)."""

from datetime import date, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.packs import FOLDER, KnownPack, read_pack
from schemas.registry import ChildCategoryAssigned, LedgerFacts, RuralProof
from services.registry.category import LEFT_BEHIND, decide_categories
from tests.registry.ledger.making import number
from tests.scenario import SHORT, SY, VILLAGE, some

DAY = date(2026, 11, 1)
HOLDS, OPEN, NOT = ((LEFT_BEHIND,), ()), ((), (LEFT_BEHIND,)), ((), ())
VERDICTS = {True: HOLDS, None: OPEN, False: NOT}
CONTENT = (FOLDER / "sy-2017-74.yaml").read_bytes()

YES_NO_UNKNOWN = (True, False, None)
AGES = {"2016-03-05": True, "2000-03-05": False, None: None}
RURAL = {RuralProof.VERIFIED: True, RuralProof.NOT_RURAL: False, RuralProof.UNVERIFIED: None, None: None}


def judged(day: date = DAY, pack: KnownPack = SY, **facts: Any) -> ChildCategoryAssigned:
    return decide_categories(some(1), VILLAGE, LedgerFacts(**facts), pack, day)


def verdict(day: date = DAY, pack: KnownPack = SY, **facts: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    assigned = judged(day, pack, **facts)
    return assigned.categories, assigned.undetermined


def aged(birth: str, day: date = DAY, pack: KnownPack = SY) -> bool | None:
    """What the finding about age says."""
    (found,) = [f.holds for f in judged(day, pack, birth_date=birth).findings if f.condition == "under_age"]
    return found


def changed(old: bytes, new: bytes) -> KnownPack:
    """The SY pack with one thing otherwise."""
    assert CONTENT.count(old) == 1
    return read_pack(CONTENT.replace(old, new))


def by_filling_in(*conditions: bool | None) -> bool | None:
    """An oracle that knows no three-valued logic: fill in what is unknown in every way; all must agree."""
    found = {
        (both or one) and age and rural
        for both, one, age, rural in product(*[(True, False) if c is None else (c,) for c in conditions])
    }
    return found.pop() if len(found) == 1 else None


# --- The truth table
@pytest.mark.req("REG-01")
@pytest.mark.req("REG-02")
@pytest.mark.parametrize("rural", RURAL)
@pytest.mark.parametrize("birth", AGES)
def test_a_category_holds_only_where_every_way_to_fill_in_what_is_unknown_makes_it_hold(
    birth: str | None, rural: RuralProof | None
) -> None:
    for both, one in product(YES_NO_UNKNOWN, repeat=2):
        expected = VERDICTS[by_filling_in(both, one, AGES[birth], RURAL[rural])]
        told: dict[str, Any] = {
            "both_parents_away": both,
            "one_away_other_incapable": one,
            "birth_date": birth,
            "rural": rural,
        }
        assert verdict(**told) == expected, told


@pytest.mark.req("REG-01")
@pytest.mark.req("REG-02")
@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"both_parents_away": True, "one_away_other_incapable": False}, HOLDS),
        ({"both_parents_away": False, "one_away_other_incapable": True}, HOLDS),
        ({"both_parents_away": True}, HOLDS),
        ({"both_parents_away": False, "one_away_other_incapable": False}, NOT),
        ({"both_parents_away": False}, OPEN),
        ({}, OPEN),
        ({"both_parents_away": True, "rural": RuralProof.NOT_RURAL}, NOT),
        ({"both_parents_away": True, "rural": RuralProof.UNVERIFIED}, OPEN),
        ({"both_parents_away": True, "rural": None}, OPEN),
        ({"both_parents_away": True, "birth_date": "2000-03-05"}, NOT),
        ({"both_parents_away": True, "birth_date": None}, OPEN),
        ({"birth_date": "2000-03-05", "rural": None}, NOT),
        ({"both_parents_away": True, "birth_date": None, "rural": RuralProof.NOT_RURAL}, NOT),
    ],
)
def test_rows_of_the_table_that_a_clerk_would_ask_about(facts: dict[str, Any], expected: Any) -> None:
    assert verdict(**{"birth_date": "2016-03-05", "rural": RuralProof.VERIFIED} | facts) == expected


@pytest.mark.req("REG-01")
@pytest.mark.req("REG-02")
def test_each_condition_is_found_with_its_clause_of_the_pack() -> None:
    found = judged(both_parents_away=True, birth_date="2016-03-05").findings
    assert [(f.condition, f.holds) for f in found] == [
        ("both_parents_away", True), ("one_away_other_incapable", None), ("under_age", True), ("rural_household", None),
    ]  # fmt: skip
    assert {f.condition: f.clause for f in found} == SY.pack.left_behind.clauses
    assert all(f.clause.startswith("SY 一「") for f in found)


@pytest.mark.req("REG-02")
def test_a_pack_that_asks_for_no_rural_facts_neither_finds_nor_needs_them() -> None:
    pack = changed(b"rural_facts: true", b"rural_facts: false")
    facts: dict[str, Any] = {
        "both_parents_away": True,
        "birth_date": "2016-03-05",
        "rural": RuralProof.NOT_RURAL,
    }
    assert verdict(pack=pack, **facts) == HOLDS
    assert verdict(**facts) == NOT
    assert "rural_household" not in {f.condition for f in judged(pack=pack, **facts).findings}


@pytest.mark.req("REG-01")
@pytest.mark.req("PLT-01")
def test_a_wrong_age_limit_planted_in_the_pack_changes_the_verdict_and_the_hash() -> None:
    planted = changed(b"age_below: 16", b"age_below: 15")
    facts: dict[str, Any] = {
        "both_parents_away": True, "birth_date": "2011-06-01", "rural": RuralProof.VERIFIED
    }  # fmt: skip
    assert verdict(**facts) == HOLDS
    assert verdict(pack=planted, **facts) == NOT
    assert planted.content_hash != SY.content_hash
    assert planted.name != SY.name


@pytest.mark.req("PLT-01")
def test_a_clause_planted_in_the_pack_stands_in_the_finding_and_changes_the_hash() -> None:
    planted = changed("SY 一「不满16周岁」".encode(), "SY 一「不满十六周岁」".encode())
    assert [f.clause for f in judged(pack=planted).findings][2] == "SY 一「不满十六周岁」"
    assert planted.content_hash != SY.content_hash


# --- Birth dates at the limit
@pytest.mark.req("REG-01")
@pytest.mark.parametrize(
    ("birth", "day", "under"),
    [
        ("2010-11-02", DAY, True),
        ("2010-11-01", DAY, False),
        ("2010-10-31", DAY, False),
        ("2010-12", DAY, True),
        ("2010-11", DAY, None),
        ("2010-11", date(2026, 11, 30), False),
        ("2010-11", date(2026, 11, 29), None),
        ("2010-11", date(2026, 10, 31), True),
        ("2010-10", DAY, False),
        ("2010-12", date(2026, 12, 31), False),
        ("2010-12", date(2026, 12, 30), None),
        ("2011", DAY, True),
        ("2010", DAY, None),
        ("2010", date(2026, 12, 31), False),
        ("2010", date(2026, 12, 30), None),
        ("2010", date(2026, 1, 1), None),
        ("2010", date(2025, 12, 31), True),
        ("2009", DAY, False),
        ("2012-02-29", date(2028, 2, 28), True),
        ("2012-02-29", date(2028, 2, 29), False),
        ("2012-02", date(2028, 2, 28), None),
        ("2012-02", date(2028, 2, 29), False),
        ("2011-02", date(2027, 2, 28), False),
    ],
)
def test_age_is_counted_to_the_closing_day_and_a_partial_date_may_leave_it_open(
    birth: str, day: date, under: bool | None
) -> None:
    assert aged(birth, day) is under


@pytest.mark.req("REG-01")
@pytest.mark.parametrize(("day", "under"), [(date(2026, 2, 28), True), (date(2026, 3, 1), False)])
def test_who_was_born_on_29_february_comes_of_age_on_1_march_of_a_common_year(day: date, under: bool) -> None:
    assert aged("2008-02-29", day, changed(b"age_below: 16", b"age_below: 18")) is under


@pytest.mark.req("REG-01")
@SHORT
@given(
    born=st.dates(date(2008, 1, 1), date(2013, 12, 31)),
    length=st.sampled_from([4, 7, 10]),
    day=st.dates(date(2024, 1, 1), date(2029, 12, 31)),
)
def test_a_partial_birth_date_says_what_all_its_days_say_alike(born: date, length: int, day: date) -> None:
    birth = born.isoformat()[:length]
    days = (date(born.year, 1, 1) + timedelta(n) for n in range(366))
    possible = [d for d in days if d.isoformat().startswith(birth)]
    under = {(day.year - 16, day.month, day.day) < (d.year, d.month, d.day) for d in possible}
    assert aged(birth, day) is (under.pop() if len(under) == 1 else None)


# --- A birth date that stands in the ID number alone
@pytest.mark.req("REG-01")
@pytest.mark.parametrize(("born", "under"), [("20101102", True), ("20101101", False)])
def test_without_a_birth_date_the_id_number_tells_the_age(born: str, under: bool) -> None:
    found = {f.condition: f.holds for f in judged(id_number=number(born)).findings}
    assert found["under_age"] is under


@pytest.mark.req("REG-01")
def test_a_birth_date_that_was_told_counts_before_the_id_number() -> None:
    found = {f.condition: f.holds for f in judged(id_number=number("20160305"), birth_date="2000").findings}
    assert found["under_age"] is False


@pytest.mark.req("REG-01")
@pytest.mark.parametrize("born", ["20101340", "20110231", "00000000"])
def test_an_id_number_without_a_possible_birth_date_is_no_id_number(born: str) -> None:
    with pytest.raises(ValidationError, match="出生日期不存在"):
        judged(id_number=number(born))
