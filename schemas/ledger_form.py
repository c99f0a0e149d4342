"""The form of 2016 and the ledger's facts: printed labels to fields and back, as data, one line a label."""

from collections.abc import Mapping
from typing import Any

from schemas.registry import Health, LedgerFacts, Parent, Quality, RuralProof, Schooling, Sex

_PLAIN = {
    "姓名": "name",
    "民族": "ethnicity",
    "出生日期": "birth_date",
    "公民身份证号码": "id_number",
    "是否登记户口": "household_registered",
    "户籍所在地": "household_address",
    "现居住地": "residence",
    "残疾类别及等级": "disability",
    "患病类型": "illness",
    "是否学校寄宿": "boards",
    "父母双方同时外出": "both_parents_away",
    "父母一方外出、另一方无监护能力": "one_away_other_incapable",
    "父母外出有无委托其他监护人": "delegated",
    "家庭经济来源": "income",
    "救助帮扶情况": "aid",
}
_OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "性别": ("sex", {"男": Sex.MALE, "女": Sex.FEMALE}),
    "身体情况": ("health", {"健康": Health.HEALTHY, "残疾": Health.DISABLED, "患病": Health.ILL}),
    "就学情况": (
        "schooling",
        {
            "幼儿园": Schooling.KINDERGARTEN,
            "未入园": Schooling.NOT_IN_KINDERGARTEN,
            "小学": Schooling.PRIMARY,
            "初中": Schooling.JUNIOR_SECONDARY,
            "高中": Schooling.SENIOR_SECONDARY,
            "中职": Schooling.VOCATIONAL,
            "辍学": Schooling.DROPPED_OUT,
            "不在学": Schooling.NOT_AT_SCHOOL,
        },
    ),
    "无监护能力": ("incapable_parent", {"父亲": Parent.FATHER, "母亲": Parent.MOTHER}),
    "监护类型": (
        "quality",
        {
            "无人监护": Quality.UNATTENDED,
            "父或母无监护能力": Quality.PARENT_INCAPABLE,
            "受委托监护人监护能力不足": Quality.DELEGATE_SHORT,
            "监护情况一般": Quality.FAIR,
            "监护情况较好": Quality.GOOD,
        },
    ),
}
_PERSONS = {
    "祖父": "paternal_grandfather",
    "祖母": "paternal_grandmother",
    "外祖父": "maternal_grandfather",
    "外祖母": "maternal_grandmother",
    "父亲": "father",
    "母亲": "mother",
    "委托监护人": "delegate",
}
_OF_PERSON = {
    "姓名": "name",
    "出生日期": "birth_date",
    "当前务工地点": "workplace",
    "与被监护人关系": "relation",
    "居住地地址": "address",
    "已故": "deceased",
}
_APART = {"公民身份证号码": "family_id_numbers", "联系电话": "family_phones", "电话": "family_phones"}
"""Of a relative, but of another data class than the family."""


def facts_from(record: dict[str, Any], rural: RuralProof | None) -> LedgerFacts:
    """Return the facts of a row. Raises pydantic's ValidationError where a value is longer than a ledger may hold.

    `rural` is what the clerk attests for the whole file: the form itself has no field for the three facts of SY 一.
    """
    facts: dict[str, Any] = {"rural": rural} if rural else {}
    for label, value in record.items():
        person, _, field = label.partition(".")
        if field in _APART:
            facts.setdefault(_APART[field], {})[_PERSONS[person]] = value
        elif field:
            facts.setdefault(_PERSONS[person], {})[_OF_PERSON[field]] = value
        elif label in _OPTIONS:
            name, meant = _OPTIONS[label]
            facts[name] = meant[value]
        else:
            facts[_PLAIN[label]] = value
    return LedgerFacts.model_validate(facts, strict=False)


_LABEL = {field: label for label, field in _PLAIN.items()}
_SHOWN = {
    field: (label, {code.value: word for word, code in of.items()}) for label, (field, of) in _OPTIONS.items()
}
_PERSON = {field: person for person, field in _PERSONS.items()}
_LABEL_OF_PERSON = {field: label for label, field in _OF_PERSON.items()}
_LABEL_APART = {field: label for label, field in _APART.items() if label != "电话"}


def record_from(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts, as JSON values, by the form's printed labels: what `facts_from` reads. What has no label is left out."""
    record: dict[str, Any] = {}
    for name, value in facts.items():
        if value is None:
            continue
        if name in _LABEL:
            record[_LABEL[name]] = value
        elif name in _SHOWN:
            label, words = _SHOWN[name]
            record[label] = words[value]
        elif name in _PERSON:
            told = {_LABEL_OF_PERSON[k]: v for k, v in value.items() if v is not None}
            record |= {f"{_PERSON[name]}.{label}": v for label, v in told.items()}
        elif name in _LABEL_APART:
            told = {_PERSON[k]: v for k, v in value.items() if v is not None}
            record |= {f"{person}.{_LABEL_APART[name]}": v for person, v in told.items()}
    return record
