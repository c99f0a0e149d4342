"""From a record to a decision: who the child is beyond doubt, or why the row goes back."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from services.registry.ledger.doubts import doubts_about, shared_numbers
from services.registry.ledger.records import Draft
from services.registry.ledger.values.ids import facts_of

NAME, BIRTH, NUMBER, SEX = "姓名", "出生日期", "公民身份证号码", "性别"
OWN = (NAME, BIRTH, NUMBER)
NO_NUMBER = ("id-stated-missing", "stated-unknown")
BY_RELATIVE = (
    *(f"{person}.{label}" for person in ("父亲", "母亲") for label in ("姓名", NUMBER)),
    *(f"{person}.姓名" for person in ("祖父", "祖母", "外祖父", "外祖母", "委托监护人")),
)
BY_PLACE = ("户籍所在地", "现居住地")


@dataclass(frozen=True)
class Decision:
    """`reasons` refuse the row; the record holds what was read either way."""

    record: dict[str, Any]
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]


def decide(draft: Draft, closing_date: date | None) -> Decision:
    """Refuses where the identity would be wrong or made up; everything else is taken and doubted."""
    record, problems = dict(draft.record), dict(draft.problems)
    reasons = [*_name(record, problems), *_number(problems), *_birth(record, problems)]
    if not reasons:
        reasons += [*_against_number(record), *_apart(record)]
    warnings = list(draft.warnings)
    for label in shared_numbers(record):
        del record[label]
        problems[label] = "id-of-another-person"
    if NUMBER not in record and problems.get(NUMBER) in (None, *NO_NUMBER):
        problems.pop(NUMBER, None)
        warnings.append("id-missing")
    if BIRTH not in record and BIRTH not in problems and NUMBER in record:
        warnings.append("birth-date-missing")
    facts = facts_of(record[NUMBER]) if NUMBER in record else None
    if facts and record.get(SEX, facts.sex) != facts.sex:
        warnings.append("sex-differs-from-id")
    warnings += [f"{label}:{code}" for label, code in problems.items()]
    warnings += doubts_about(record, closing_date)
    said = {code for reason in reasons for code in (reason, *(f"{label}:{reason}" for label in OWN))}
    kept = (warning for warning in warnings if warning not in said)
    return Decision(record, tuple(dict.fromkeys(reasons)), tuple(dict.fromkeys(kept)))


def _name(record: dict[str, Any], problems: dict[str, str]) -> list[str]:
    if NAME in record:
        return []
    unreadable = problems.get(NAME) == "name-unreadable"
    return ["name-unreadable" if unreadable else "name-missing"]


def _number(problems: dict[str, str]) -> list[str]:
    problem = problems.get(NUMBER)
    return [problem] if problem and problem not in NO_NUMBER else []


def _birth(record: dict[str, Any], problems: dict[str, str]) -> list[str]:
    problem = problems.get(BIRTH)
    if problem == "date-impossible":
        return [problem]
    if NUMBER in record or BIRTH in record or problems.get(NUMBER, NO_NUMBER[0]) not in NO_NUMBER:
        return []
    return (
        ["birth-date-unreadable"]
        if problem and problem != "stated-unknown"
        else ["birth-date-and-id-missing"]
    )


def _against_number(record: dict[str, Any]) -> list[str]:
    if NUMBER not in record:
        return []
    facts = facts_of(record[NUMBER])
    assert facts is not None, "a number without a day of birth is not read"  # noqa: S101
    written = record.get(BIRTH)
    if written and not facts.birth.isoformat().startswith(written):
        return ["birth-date-differs-from-id"]
    if not written and record.get(SEX, facts.sex) != facts.sex:
        return ["sex-differs-from-id"]
    return []


def _apart(record: dict[str, Any]) -> list[str]:
    """Without a number: name, day of birth and a relative or a place; a month of birth needs a relative."""
    if NUMBER in record:
        return []
    precision = len(record.get(BIRTH, ""))
    relative = any(label in record for label in BY_RELATIVE)
    place = any(label in record for label in BY_PLACE)
    enough = (precision == 10 and (relative or place)) or (precision == 7 and relative)
    return [] if enough else ["identity-too-thin"]
