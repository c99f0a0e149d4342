"""What a careful clerk would ask about a record that can be read: contradictions, never corrections."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from services.registry.ledger.values.ids import facts_of

AGE_LIMIT = 16  # the form's own; the region's policy pack decides
SEXES = {"父亲": "男", "母亲": "女"}
GENERATIONS = {"父亲": 14, "母亲": 14, "祖父": 28, "祖母": 28, "外祖父": 28, "外祖母": 28}
NUMBERED = ("公民身份证号码", "父亲.公民身份证号码", "母亲.公民身份证号码", "委托监护人.公民身份证号码")


def birth_of(record: dict[str, Any]) -> str | None:
    """The child's day of birth as far as the row tells it: the number's, else the written one."""
    number = record.get("公民身份证号码")
    facts = facts_of(number) if number else None
    return facts.birth.isoformat() if facts else record.get("出生日期")


def doubts_about(record: dict[str, Any], closing_date: date | None) -> list[str]:
    """Warnings; the record is not changed by them."""
    return [*_age(record, closing_date), *_relatives(record), *_contradictions(record)]


def shared_numbers(record: dict[str, Any]) -> list[str]:
    """Labels whose number is also another person's of the same row: both can't be right."""
    seen: dict[str, str] = {}
    found: list[str] = []
    for label in NUMBERED:
        number = record.get(label)
        if number in seen and not (label.startswith("委托监护人") and seen[number] != NUMBERED[0]):
            found.append(label)
        elif number:
            seen[number] = label
    return found


def _age(record: dict[str, Any], closing_date: date | None) -> Iterator[str]:
    birth = birth_of(record)
    if closing_date is None or birth is None:
        return
    closing = closing_date.isoformat()
    if birth[: len(birth)] > closing[: len(birth)]:
        yield "born-after-closing-date"
    limit = f"{closing_date.year - AGE_LIMIT}{closing[4:]}"
    if birth < limit[: len(birth)] or birth == limit:
        yield "over-age-limit"
    elif len(birth) < len(limit) and birth == limit[: len(birth)]:
        yield "age-limit-unclear"


def _relatives(record: dict[str, Any]) -> Iterator[str]:
    child = birth_of(record)
    for person, years in GENERATIONS.items():
        written = record.get(f"{person}.出生日期")
        number = record.get(f"{person}.公民身份证号码")
        facts = facts_of(number) if number else None
        if facts and written and not facts.birth.isoformat().startswith(written):
            yield f"{person}.出生日期:birth-date-differs-from-id"
        if facts and facts.sex != SEXES.get(person, facts.sex):
            yield f"{person}.公民身份证号码:sex-differs-from-id"
        born = written or (facts.birth.isoformat() if facts else None)
        if child and born and int(child[:4]) - int(born[:4]) < years:
            yield f"{person}.出生日期:age-implausible"


def _contradictions(record: dict[str, Any]) -> Iterator[str]:
    if record.get("身体情况") == "健康" and (record.get("残疾类别及等级") or record.get("患病类型")):
        yield "身体情况:contradicts-another-column"
    if record.get("父母双方同时外出") and record.get("父母一方外出、另一方无监护能力"):
        yield "父母一方外出、另一方无监护能力:contradicts-another-column"
    delegated = record.get("父母外出有无委托其他监护人")
    named = any(label.startswith("委托监护人.") for label in record)
    if (delegated is False and named) or (delegated is True and not record.get("委托监护人.姓名")):
        yield "父母外出有无委托其他监护人:contradicts-another-column"
    if record.get("委托监护人.与被监护人关系") in (
        "父亲",
        "母亲",
        "父子",
        "父女",
        "母子",
        "母女",
        "父",
        "母",
    ):
        yield "委托监护人.与被监护人关系:guardian-is-parent"
    if record.get("是否登记户口") is False and record.get("公民身份证号码"):
        yield "是否登记户口:contradicts-another-column"
    for person in SEXES:
        if record.get(f"{person}.已故") and any(
            record.get(f"{person}.{label}") for label in ("当前务工地点", "联系电话")
        ):
            yield f"{person}.已故:contradicts-another-column"
