"""Nobody sees and nobody may what the tables don't say: data classes, disclosure and authority are closed by default."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import pytest
import yaml
from pydantic import Field, ValidationError, create_model

from schemas.catalogue import EVENTS
from schemas.described import models_in
from schemas.event import ClasslessField, Event, parts_of
from schemas.fields import ChildId, DataClass, Name, Of
from schemas.notification import Role
from schemas.reference import BodyKind
from schemas.reporting import ReportFiled
from services.kernel.errors import NotAllowed
from services.kernel.hearing.reference import Body
from services.kernel.people.auth import Principal
from services.kernel.people.authority import Rule, Table, authority_table, check
from services.notification.disclosure import Disclosure, disclosure_table
from shouwang.openapi import commands

SCHEMAS = Path(__file__).parents[2] / "schemas"
DISCLOSURE = yaml.safe_load((SCHEMAS / "disclosure.yaml").read_text(encoding="utf8"))
NOT_COMMANDS = {"reference-data", "import-ledger"}
"""Entries of the authority table that guard something else than a command of an aggregate."""
SHOWN_TO_NOBODY: set[str] = set()
"""Event types that are deliberately in no line of the disclosure table; reference events never are."""


def loaded(table: Mapping[str, Any]) -> Disclosure:
    """Load a disclosure table as the router does."""
    return Disclosure(yaml.safe_dump(dict(table), allow_unicode=True).encode())


# --- fields


@pytest.mark.req("PRV-03")
@pytest.mark.parametrize(
    "field",
    [
        (str, ...),
        (Annotated[str, Field(description="无类别 · without a class")], ...),
        (Annotated[UUID, Of("child")], ...),
        (tuple[str, ...], ()),
    ],
    ids=["bare", "described", "with a subject", "list"],
)
def test_a_field_without_a_data_class_can_t_be_declared(field: Any) -> None:
    with pytest.raises(ClasslessField, match=r"Planted\.note"):
        create_model("Planted", __base__=Event, child=(ChildId, ...), note=field)


def test_a_field_called_sealed_can_t_be_declared_since_the_envelope_lists_blocks_there() -> None:
    with pytest.raises(ClasslessField, match=r"Planted\.sealed"):
        create_model("Planted", __base__=Event, child=(ChildId, ...), sealed=(Name, ...))


def test_a_field_with_a_class_can_be_declared() -> None:
    made = create_model("Planted", __base__=Event, child=(ChildId, ...), name=(Name | None, None))
    assert [p.data_class for p in parts_of(made)] == [DataClass.OPEN, DataClass.NAME]


@pytest.mark.parametrize("kind", sorted(EVENTS))
def test_whose_data_a_sealed_field_is_stands_in_a_required_open_field(kind: str) -> None:
    event = EVENTS[kind]
    parts = {p.name: p for p in parts_of(event)}
    for part in parts.values():
        owner = parts[part.subject]
        assert owner.data_class is DataClass.OPEN, part.name
        assert event.model_fields[part.subject].is_required(), part.name


# --- disclosure


def reporter_lines(table: Mapping[str, Any]) -> list[tuple[str, str]]:
    """List where the class `reporter` is shown."""
    return [
        (kind, role)
        for kind, roles in table.items()
        for role, rule in roles.items()
        if "reporter" in rule["show"]
    ]


def strange_lines(table: Mapping[str, Any]) -> list[str]:
    """List what a disclosure table says too broadly or of events that don't exist, and what it forgets."""
    wanted = {k for k in EVENTS if not k.startswith("reference.")} - SHOWN_TO_NOBODY
    found = [f"{kind}: no such event" for kind in table if kind not in EVENTS and kind != "*"]
    found += [f"{kind}: nobody is shown it and nobody decided so" for kind in sorted(wanted - table.keys())]
    found += [f"*: {role} is shown every event" for role in table.get("*", {}) if role != Role.AUTHOR]
    found += [f"{kind}: decided both ways" for kind in SHOWN_TO_NOBODY & table.keys()]
    for kind, roles in table.items():
        classes = {p.data_class.value for p in parts_of(EVENTS[kind])} if kind in EVENTS else {*DataClass}
        found += [
            f"{kind}: {role} is promised {name}, which the event doesn't have"
            for role, rule in roles.items()
            for name in rule["show"]
            if name not in classes
        ]
    return found


@pytest.mark.req("PRV-03")
def test_every_event_has_its_line_in_the_disclosure_table_and_every_line_its_event() -> None:
    assert strange_lines(DISCLOSURE) == []


@pytest.mark.req("PRV-01")
def test_the_reporter_is_shown_in_one_line_alone_to_the_police_who_work_the_case() -> None:
    assert reporter_lines(DISCLOSURE) == [(ReportFiled.type, Role.CASE_POLICE)]
    for kind in [*EVENTS, "made.up.v1"]:
        for role in Role:
            rule = disclosure_table().find_rule(kind, role)
            shown = rule is not None and DataClass.REPORTER in rule.show
            assert shown == ((kind, role) == (ReportFiled.type, Role.CASE_POLICE))


@pytest.mark.req("PRV-03")
def test_an_event_type_that_the_table_does_not_name_is_shown_to_nobody_but_its_author() -> None:
    for role in Role:
        rule = disclosure_table().find_rule("made.up.v1", role)
        assert (rule is None) == (role is not Role.AUTHOR)


@pytest.mark.req("PRV-03")
def test_a_role_that_a_line_does_not_name_is_not_shown_the_event() -> None:
    assert disclosure_table().find_rule(ReportFiled.type, Role.LEDGER) is None
    assert disclosure_table().find_rule(ReportFiled.type, Role.RESPONDER) is None


@pytest.mark.parametrize(
    "line",
    [
        {"stranger": {"show": [], "clause": "x"}},
        {"ledger": {"show": ["shoe-size"], "clause": "x"}},
        {"ledger": {"show": []}},
        {"ledger": {"clause": "x"}},
        {"ledger": {"show": [], "clause": "x", "unless": "y"}},
    ],
    ids=["unknown role", "unknown class", "no clause", "nothing said", "unknown word"],
)
def test_a_disclosure_table_that_says_what_is_not_understood_is_refused_at_start(
    line: dict[str, Any],
) -> None:
    with pytest.raises(ValidationError):
        loaded({ReportFiled.type: line})


@pytest.mark.parametrize(
    ("kind", "role", "rule", "said"),
    [
        ("*", "ledger", {"show": [], "clause": "x"}, "*: ledger is shown every event"),
        ("made.up.v1", "ledger", {"show": [], "clause": "x"}, "made.up.v1: no such event"),
        (
            "reporting.report-accepted.v1", "responder", {"show": ["health"], "clause": "x"},
            "reporting.report-accepted.v1: responder is promised health, which the event doesn't have",
        ),
    ],
)  # fmt: skip
def test_a_line_that_is_too_broad_is_noticed(kind: str, role: str, rule: dict[str, Any], said: str) -> None:
    planted = copy.deepcopy(DISCLOSURE)
    planted.setdefault(kind, {})[role] = rule
    loaded(planted)
    assert said in strange_lines(planted)


def test_a_line_that_was_dropped_is_noticed() -> None:
    planted = {kind: roles for kind, roles in DISCLOSURE.items() if kind != ReportFiled.type}
    assert f"{ReportFiled.type}: nobody is shown it and nobody decided so" in strange_lines(planted)


def test_a_second_line_that_shows_the_reporter_is_noticed() -> None:
    planted = copy.deepcopy(DISCLOSURE)
    planted[ReportFiled.type]["ledger"] = {"show": ["reporter"], "clause": "x"}
    assert reporter_lines(planted) != [(ReportFiled.type, Role.CASE_POLICE)]


# --- authority


def asker(kind: BodyKind, region: str = "990101001000") -> Principal:
    """Somebody in a body of this kind."""
    body = Body(UUID(int=1), kind, "某单位", "Some body", region, None)
    return Principal(UUID(int=2), UUID(int=3), body, "case-work")


def broad_rules(table: Table) -> list[str]:
    """List the lines of an authority table that allow nearly everybody, or every command."""
    found = [f"{name}: every command" for name in table if name not in PATHS | NOT_COMMANDS]
    for name, rules in table.items():
        found += [f"{name}: every kind of body" for rule in rules if {*BodyKind} <= {*rule.bodies}]
        found += [
            f"{name}: anyone of many"
            for r in rules
            if r.scope == "anyone" and len(r.bodies) > 2 and name not in OPEN_DOORS
        ]
        found += [f"{name}: no clause" for rule in rules if not rule.clause.strip()]
    return found


PATHS = {c.path for c in commands()}
OPEN_DOORS = {"file-report", "withdraw-report"}
"""Commands that nearly every kind of body may issue anywhere: a report is always accepted."""
INTERNAL = {
    "grant-access", "reside", "send-notice", "forward-notice", "open-assessment", "open-duty", "meet-duty",
    "reassign-duty", "restart-duty", "reach-due", "recuse",
    "end-emergency", "end-care", "end-schooling", "end-case",
}  # fmt: skip
"""Commands that reactions alone issue."""


@pytest.mark.req("PRV-03")
def test_the_authority_table_names_exactly_the_commands_that_have_a_door() -> None:
    assert set(authority_table()) - NOT_COMMANDS == PATHS - INTERNAL
    assert broad_rules(authority_table()) == []


@pytest.mark.parametrize(
    ("command", "who", "facts"),
    [
        ("erase-everything", asker(BodyKind.COUNTY_GOVERNMENT), {"region": "990101001000"}),
        ("", asker(BodyKind.COUNTY_GOVERNMENT), {}),
        ("grant-access", asker(BodyKind.COUNTY_GOVERNMENT), {"region": "990101001000"}),
        ("register-child", asker(BodyKind.SCHOOL), {"region": "990101001001"}),
        ("register-child", asker(BodyKind.TOWNSHIP), {"region": "990101002001"}),
        ("register-child", asker(BodyKind.TOWNSHIP), {}),
        ("accept-reports", asker(BodyKind.POLICE_STATION), {"region": "990101002000"}),
        ("file-report", asker(BodyKind.AUDITOR), {"region": "990101001001"}),
        ("acknowledge-notice", asker(BodyKind.TOWNSHIP), {}),
        ("acknowledge-notice", asker(BodyKind.TOWNSHIP), {"addressee": UUID(int=9)}),
        ("acknowledge-notice", asker(BodyKind.TOWNSHIP), {"region": "990101001001"}),
        ("acknowledge-notice", asker(BodyKind.POLICE), {"addressee": UUID(int=1)}),
    ],
    ids=[
        "unknown command", "no command", "internal command", "wrong kind", "wrong region", "missing region",
        "wrong police", "kind not listed", "missing addressee", "another addressee", "region is no addressee",
        "addressee of wrong kind",
    ],
)  # fmt: skip
@pytest.mark.req("PRV-03")
def test_what_the_authority_table_does_not_allow_is_refused(
    command: str, who: Principal, facts: dict[str, Any]
) -> None:
    with pytest.raises(NotAllowed):
        check(command, who, **facts)


def test_what_the_authority_table_allows_is_allowed_with_its_clause() -> None:
    assert "一人一档案" in check("register-child", asker(BodyKind.TOWNSHIP), region="990101001001").clause
    assert check("acknowledge-notice", asker(BodyKind.TOWNSHIP), addressee=UUID(int=1)).scope == "addressee"


@pytest.mark.parametrize(
    "rule",
    [
        {"bodies": [], "scope": "anyone", "clause": "x"},
        {"bodies": ["stranger"], "scope": "anyone", "clause": "x"},
        {"bodies": ["police"], "scope": "everywhere", "clause": "x"},
        {"bodies": ["police"], "scope": "anyone"},
        {"bodies": ["police"], "scope": "anyone", "clause": "x", "unless": "y"},
    ],
    ids=["no bodies", "unknown body", "unknown scope", "no clause", "unknown word"],
)
def test_an_authority_rule_that_is_not_understood_is_refused_at_start(rule: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Rule.model_validate(rule)


@pytest.mark.parametrize(
    ("name", "rule", "said"),
    [
        ("*", Rule(bodies=(BodyKind.TOWNSHIP,), scope="own_region", clause="x"), "*: every command"),
        (
            "register-child",
            Rule(bodies=tuple(BodyKind), scope="own_region", clause="x"),
            "register-child: every kind of body",
        ),
        (
            "accept-reports",
            Rule(bodies=(BodyKind.POLICE, BodyKind.SCHOOL, BodyKind.VILLAGE), scope="anyone", clause="x"),
            "accept-reports: anyone of many",
        ),
        (
            "accept-reports",
            Rule(bodies=(BodyKind.POLICE,), scope="own_region", clause=" "),
            "accept-reports: no clause",
        ),
    ],
    ids=["every command", "every body", "many anywhere", "no clause"],
)
def test_a_catch_all_rule_is_noticed_and_a_star_opens_no_door(name: str, rule: Rule, said: str) -> None:
    planted = {**authority_table(), name: (rule,)}
    assert said in broad_rules(planted)
    with pytest.raises(NotAllowed):
        check("erase-everything", asker(BodyKind.TOWNSHIP), region="990101001001", table=planted)


# --- what rides inside


@pytest.mark.req("PRV-03")
def test_a_value_with_fields_of_its_own_never_stands_open() -> None:
    for event in EVENTS.values():
        for part in parts_of(event):
            if part.data_class is DataClass.OPEN:
                assert [*models_in(event.model_fields[part.name].annotation)] == [], (event.type, part.name)
