"""From the form's printed labels to the ledger's facts: each label lands where it should, and nothing lands by guess."""

from itertools import product
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.ledger_form import facts_from
from schemas.registry import Health, LedgerFacts, Parent, Quality, RuralProof, Schooling, Sex
from services.registry.ledger.data import load
from services.registry.ledger.labels import kinds
from tests.registry.ledger.making import number

PLAIN: list[tuple[str, Any, str]] = [
    ("姓名", "张小禾", "name"),
    ("民族", "汉族", "ethnicity"),
    ("出生日期", "2016-03", "birth_date"),
    ("公民身份证号码", number("20160305"), "id_number"),
    ("是否登记户口", True, "household_registered"),
    ("户籍所在地", "甲乡一村1号", "household_address"),
    ("现居住地", "甲乡一村2号", "residence"),
    ("残疾类别及等级", "听力残疾二级", "disability"),
    ("患病类型", "先天性心脏病", "illness"),
    ("是否学校寄宿", False, "boards"),
    ("父母双方同时外出", True, "both_parents_away"),
    ("父母一方外出、另一方无监护能力", False, "one_away_other_incapable"),
    ("父母外出有无委托其他监护人", True, "delegated"),
]
OPTIONS: list[tuple[str, str, str, Any]] = [
    ("性别", "男", "sex", Sex.MALE),
    ("性别", "女", "sex", Sex.FEMALE),
    ("身体情况", "健康", "health", Health.HEALTHY),
    ("身体情况", "残疾", "health", Health.DISABLED),
    ("身体情况", "患病", "health", Health.ILL),
    ("就学情况", "幼儿园", "schooling", Schooling.KINDERGARTEN),
    ("就学情况", "未入园", "schooling", Schooling.NOT_IN_KINDERGARTEN),
    ("就学情况", "小学", "schooling", Schooling.PRIMARY),
    ("就学情况", "初中", "schooling", Schooling.JUNIOR_SECONDARY),
    ("就学情况", "高中", "schooling", Schooling.SENIOR_SECONDARY),
    ("就学情况", "中职", "schooling", Schooling.VOCATIONAL),
    ("就学情况", "辍学", "schooling", Schooling.DROPPED_OUT),
    ("就学情况", "不在学", "schooling", Schooling.NOT_AT_SCHOOL),
    ("无监护能力", "父亲", "incapable_parent", Parent.FATHER),
    ("无监护能力", "母亲", "incapable_parent", Parent.MOTHER),
    ("监护类型", "无人监护", "quality", Quality.UNATTENDED),
    ("监护类型", "父或母无监护能力", "quality", Quality.PARENT_INCAPABLE),
    ("监护类型", "受委托监护人监护能力不足", "quality", Quality.DELEGATE_SHORT),
    ("监护类型", "监护情况一般", "quality", Quality.FAIR),
    ("监护类型", "监护情况较好", "quality", Quality.GOOD),
]
PERSONS = {
    "祖父": "paternal_grandfather",
    "祖母": "paternal_grandmother",
    "外祖父": "maternal_grandfather",
    "外祖母": "maternal_grandmother",
    "父亲": "father",
    "母亲": "mother",
    "委托监护人": "delegate",
}
OF_PERSON: list[tuple[str, Any, str]] = [
    ("姓名", "张大山", "name"),
    ("出生日期", "1985", "birth_date"),
    ("公民身份证号码", number("19850312"), "family_id_numbers"),
    ("当前务工地点", "沈阳市某工地", "workplace"),
    ("联系电话", "13900000001", "family_phones"),
    ("电话", "13900000001", "family_phones"),
    ("与被监护人关系", "姑母", "relation"),
    ("居住地地址", "甲乡一村3号", "address"),
    ("已故", True, "deceased"),
]
TEXTS = {
    "name": "张小禾",
    "date": "1985-03",
    "id": number("19850312"),
    "yesno": True,
    "phone": "13900000001",
    "text": "某",
}


def known(facts: LedgerFacts) -> dict[str, Any]:
    return facts.model_dump(exclude_none=True)


@pytest.mark.req("REG-07")
@pytest.mark.parametrize(("label", "value", "field"), PLAIN)
def test_a_plain_label_lands_in_its_field_and_in_no_other(label: str, value: Any, field: str) -> None:
    assert known(facts_from({label: value}, None)) == {field: value}


@pytest.mark.req("REG-07")
@pytest.mark.parametrize(("label", "option", "field", "meant"), OPTIONS)
def test_an_option_means_its_code(label: str, option: str, field: str, meant: Any) -> None:
    assert known(facts_from({label: option}, None)) == {field: meant}


@pytest.mark.req("REG-07")
@pytest.mark.parametrize(("person", "said"), list(product(PERSONS, OF_PERSON)))
def test_what_is_said_of_a_person_stays_with_that_person(person: str, said: tuple[str, Any, str]) -> None:
    label, value, field = said
    # Numbers and telephones of relatives are of other data classes than the family: they stand apart.
    apart = field.startswith("family_")
    expected = {field: {PERSONS[person]: value}} if apart else {PERSONS[person]: {field: value}}
    assert known(facts_from({f"{person}.{label}": value}, None)) == expected


@pytest.mark.req("REG-07")
def test_a_whole_row_lands_whole() -> None:
    record = {label: value for label, value, _ in PLAIN} | {
        "性别": "女",
        "家庭经济来源": ["打工收入", "其他"],
    }
    record |= {
        "父亲.姓名": "张大山",
        "母亲.姓名": "李小云",
        "父亲.联系电话": "13900000001",
        "救助帮扶情况": ["享受低保"],
    }
    assert known(facts_from(record, RuralProof.VERIFIED)) == {field: value for _, value, field in PLAIN} | {
        "sex": Sex.FEMALE, "income": ("打工收入", "其他"), "aid": ("享受低保",), "rural": RuralProof.VERIFIED,
        "father": {"name": "张大山"}, "mother": {"name": "李小云"}, "family_phones": {"father": "13900000001"},
    }  # fmt: skip


@pytest.mark.req("REG-07")
def test_every_label_and_option_that_the_reading_can_give_is_understood() -> None:
    options = load("options")["fields"]
    facts = {label: kind for label, kind in kinds().items() if kind != "village"}
    for label, kind in facts.items():
        given = [TEXTS[kind]] if kind in TEXTS else [o if kind == "choice" else [o] for o in options[label]]
        for value in given:
            assert len(known(facts_from({label: value}, None))) == 1, (label, value)


@pytest.mark.req("REG-02")
@pytest.mark.parametrize("rural", RuralProof)
def test_the_rural_proof_is_what_the_clerk_attests_and_else_unknown(rural: RuralProof) -> None:
    assert facts_from({"姓名": "张小禾"}, rural).rural is rural
    assert facts_from({"姓名": "张小禾"}, None).rural is None


@pytest.mark.req("REG-07")
def test_what_the_row_does_not_say_is_unknown_and_never_no() -> None:
    assert known(facts_from({}, None)) == {}


@pytest.mark.parametrize(
    "record",
    [
        {"年龄": "10"},
        {"叔父.姓名": "张二"},
        {"父亲.血型": "A"},
        {"父亲.": "张"},
        {"性别": "不详"},
        {"监护类型": True},
    ],
)
def test_a_label_or_option_that_the_form_does_not_print_is_a_key_error_and_no_guess(
    record: dict[str, Any],
) -> None:
    with pytest.raises(KeyError):
        facts_from(record, None)


@pytest.mark.req("REG-07")
@pytest.mark.parametrize(
    ("label", "longest"),
    [
        ("姓名", 60), ("民族", 30), ("户籍所在地", 200), ("现居住地", 200), ("残疾类别及等级", 80), ("患病类型", 80),
        ("父亲.姓名", 60), ("母亲.当前务工地点", 200), ("委托监护人.与被监护人关系", 30), ("委托监护人.居住地地址", 200),
    ],
)  # fmt: skip
def test_a_value_of_the_ledgers_length_is_taken_and_one_character_more_is_not(
    label: str, longest: int
) -> None:
    assert known(facts_from({label: "𠮷" * longest}, None))
    with pytest.raises(ValidationError):
        facts_from({label: "𠮷" * (longest + 1)}, None)


@pytest.mark.req("REG-07")
@pytest.mark.parametrize(
    "record",
    [
        {"公民身份证号码": "990101201603050000"}, {"父亲.公民身份证号码": "123"}, {"出生日期": "2016/3/5"},
        {"出生日期": "2016-02-30"}, {"父亲.联系电话": "一三九"}, {"家庭经济来源": ["收" * 31]}, {"是否登记户口": "或许"},
        {"姓名": ""}, {"姓名": "张\u0000禾"}, {"姓名": 7},
    ],
)  # fmt: skip
def test_a_value_that_no_ledger_may_hold_is_a_validation_error(record: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        facts_from(record, None)
