"""Search tokens: what is typed finds whom it should, under this key alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.agency.tokens import SearchTokens, all_tokens
from tests.registry.ledger.making import number
from tests.scenario import SHORT

TOKENS = SearchTokens(b"key")
ID = number("20160305")


def finds(name: str, typed: str) -> bool:
    """Tell whether what was typed finds a child of this name, as characters or pinyin."""
    return any(set(way) <= TOKENS.of_name(name) for way in TOKENS.asked_name(typed))


def finds_initials(name: str, typed: str) -> bool:
    """Tell whether the second way, initials, finds a child of this name."""
    return set(TOKENS.asked_name(typed)[1]) <= TOKENS.of_name(name)


def finds_number(held: str, typed: str) -> bool:
    return set(TOKENS.asked_number(typed)) <= TOKENS.of_id_number(held)


@pytest.mark.req("PRV-03")
@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("张小禾", "张小禾"), ("张小禾", "小禾"), ("张小禾", "张"), ("张小禾", "张禾"),
        ("李丽", "李丽"), ("李丽", "丽"), ("欧阳建国", "欧阳"),
        ("𠮷田小麦", "𠮷"), ("𠮷田小麦", "𠮷田"), ("㛃𬭎", "㛃𬭎"), ("㛃𬭎", "𬭎"),
        ("买买提·艾力", "买买提·艾力"), ("买买提·艾力", "艾力"), ("买买提·艾力", "买买提•艾力"),
        ("张小禾", "zhangxiaohe"), ("张小禾", "Zhang Xiaohe"), ("李丽", "LILI"), ("吕布", "lvbu"), ("㛃𬭎", "jiehong"),
    ],
)  # fmt: skip
def test_a_name_is_found_by_its_characters_and_by_its_pinyin(name: str, typed: str) -> None:
    assert finds(name, typed)


@pytest.mark.req("PRV-03")
@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("张小禾", "李小禾"), ("张小禾", "张小苗"), ("张小禾", "zhangxiaomiao"), ("张小禾", "zhang"), ("李丽", "李莉"),
        ("𠮷田小麦", "吉田"),
    ],
)  # fmt: skip
def test_another_name_and_a_look_alike_are_not_found(name: str, typed: str) -> None:
    assert not finds(name, typed)


@pytest.mark.parametrize(
    ("name", "typed"), [("张小禾", "zxh"), ("张小禾", "ZXH"), ("李丽", "ll"), ("㛃𬭎", "jh")]
)
def test_a_name_is_found_by_its_initials(name: str, typed: str) -> None:
    assert finds_initials(name, typed)
    assert not finds_initials(name, typed[:-1])


@pytest.mark.parametrize(
    "typed", [ID, ID[-4:], ID[-6:], number("20160305", 128), number("20160305", 128)[-4:].lower()]
)
def test_an_id_number_is_found_whole_and_by_its_last_four_or_six(typed: str) -> None:
    held = ID if ID.endswith(typed) else number("20160305", 128)
    assert finds_number(held, typed)


@pytest.mark.parametrize("typed", [ID[:-1], ID[-5:], ID[:6], ID[6:14], number("20160306")])
def test_an_id_number_is_not_found_by_any_other_part_of_it(typed: str) -> None:
    assert not finds_number(ID, typed)


def test_a_check_character_x_is_found_in_either_case() -> None:
    held = next(n for n in (number("20160305", order) for order in range(100, 200)) if n.endswith("X"))
    assert finds_number(held, held[-4:].lower())
    assert finds_number(held, held.lower())


characters = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF) | st.characters(
    min_codepoint=0x20000, max_codepoint=0x2A6DF
)
names = st.text(characters, min_size=2, max_size=8)


@pytest.mark.req("PRV-03")
@SHORT
@given(name=names, other=names)
def test_another_key_makes_other_tokens_and_every_token_is_sixteen_bytes(name: str, other: str) -> None:
    mine, theirs = TOKENS.of_name(name), SearchTokens(b"other").of_name(name)
    assert not mine & theirs
    assert {len(token) for token in mine} == {16}
    assert mine == TOKENS.of_name(name)
    assert finds(name, name)
    assert finds(name, other) is (set(other) <= set(name))


def test_kinds_of_tokens_do_not_meet_so_that_no_tail_is_found_as_a_name() -> None:
    assert not TOKENS.of_name("1234") & set(TOKENS.asked_number("1234"))
    assert not TOKENS.of_name("李") & TOKENS.of_id_number("李")


def test_a_child_is_found_by_every_name_and_number_it_has_had() -> None:
    found = all_tokens(TOKENS, ["张小禾", "张晓禾"], [ID])
    for asked in (*TOKENS.asked_name("小禾"), *TOKENS.asked_name("晓"), TOKENS.asked_number(ID[-4:])):
        assert set(asked) <= found
    assert all_tokens(TOKENS, [], []) == set()


@pytest.mark.parametrize("typed", ["maimaitiaili", "Maimaiti Aili"])
def test_a_name_with_a_dot_is_found_by_its_pinyin(typed: str) -> None:
    assert finds("买买提·艾力", typed)


def test_a_name_with_a_dot_is_found_by_its_initials() -> None:
    assert finds_initials("买买提·艾力", "mmtal")


@pytest.mark.parametrize("name", ["Anna", "Li Ming", "阿里A"])
def test_a_name_in_latin_letters_is_found_by_what_it_reads(name: str) -> None:
    assert finds(name, {"阿里A": "aliA"}.get(name, name))


@pytest.mark.parametrize(
    ("name", "typed"), [("曾力", "zengli"), ("单小禾", "shanxiaohe"), ("仇大山", "qiudashan")]
)
def test_a_surname_is_read_as_a_surname(name: str, typed: str) -> None:
    assert finds(name, typed)


def test_characters_that_stand_together_are_tried_before_the_same_ones_anywhere() -> None:
    together, anywhere = TOKENS.asked_name("小禾")
    assert set(together) <= TOKENS.of_name("张小禾")
    assert not set(together) <= TOKENS.of_name("禾小张")
    assert set(anywhere) <= TOKENS.of_name("禾小张")
    assert len(TOKENS.asked_name("张")) == 1


def test_of_latin_letters_pinyin_is_tried_and_of_few_of_them_initials() -> None:
    assert len(TOKENS.asked_name("zxh")) == 2
    assert len(TOKENS.asked_name("zhangxiaohe")) == 1
