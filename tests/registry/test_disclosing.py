"""A table of disclosure is proposed by one person and adopted by another; what nobody may adopt is refused with its reason."""

from dataclasses import replace
from typing import Any, cast
from uuid import UUID

import pytest
import yaml

from schemas.disclosure import SHIPPED, hash_of
from schemas.event import Event
from schemas.reference import DisclosureTableAdopted, DisclosureTableProposed
from services.kernel.errors import NotFound
from services.kernel.writing.decider import Context
from services.registry.disclosing import (
    TABLE,
    AdoptDisclosureTable,
    NotATable,
    ProposeDisclosureTable,
    SecondSigner,
)

TEXT = SHIPPED.read_text(encoding="utf8")
HASH = hash_of(TEXT.encode())
OFFICER = cast("Context", replace(cast("Any", Context(
    now=cast("Any", None), new_id=UUID, pack=None, body=UUID(int=1), body_kind=None, post=UUID(int=2),
    find_body=lambda _k, _r: None, person=UUID(int=3),
))))  # fmt: skip
OTHER = replace(OFFICER, post=UUID(int=4), person=UUID(int=5))
PROPOSE, ADOPT = ProposeDisclosureTable(content=TEXT), AdoptDisclosureTable(content_hash=HASH)


def decide(
    given: list[Event], command: ProposeDisclosureTable | AdoptDisclosureTable, by: Context = OFFICER
) -> list[Event]:
    ((_, part),) = command.each(lambda: UUID(int=9))
    return list(TABLE.decide(part, TABLE.fold(given), by))


@pytest.mark.req("PRV-03")
def test_one_proposes_another_adopts_and_asking_twice_changes_nothing() -> None:
    proposed = decide([], PROPOSE)
    assert [(type(e), e.content_hash, e.post) for e in proposed] == [  # type: ignore[attr-defined]
        (DisclosureTableProposed, HASH, OFFICER.post)
    ]
    assert decide(proposed, PROPOSE, OTHER) == []
    adopted = decide(proposed, ADOPT, OTHER)
    (event,) = adopted
    assert isinstance(event, DisclosureTableAdopted)
    assert (event.content, event.signed_by) == (TEXT, (OFFICER.post, OTHER.post))
    assert decide([*proposed, *adopted], ADOPT) == []


@pytest.mark.req("PRV-03")
@pytest.mark.parametrize(
    "by", [OFFICER, replace(OFFICER, post=UUID(int=7)), replace(OTHER, post=OFFICER.post)]
)
def test_who_proposed_it_can_not_adopt_it_from_another_post_nor_another_person_from_the_same(
    by: Context,
) -> None:
    with pytest.raises(SecondSigner):
        decide(decide([], PROPOSE), ADOPT, by)


@pytest.mark.req("PRV-03")
def test_what_nobody_proposed_is_not_there_and_an_old_table_needs_two_signatures_again() -> None:
    with pytest.raises(NotFound):
        decide([], ADOPT, OTHER)
    before = decide([], PROPOSE)
    before += decide(before, ADOPT, OTHER)
    again = decide(before, PROPOSE, OTHER)
    assert [type(e) for e in again] == [DisclosureTableProposed]
    with pytest.raises(SecondSigner):
        decide(before + again, ADOPT, OTHER)
    assert [type(e) for e in decide(before + again, ADOPT, OFFICER)] == [DisclosureTableAdopted]


def changed(event: str, role: str, show: list[str]) -> str:
    table = yaml.safe_load(TEXT)
    table.setdefault(event, {})[role] = {"show": show, "clause": "某条"}
    return yaml.safe_dump(table, allow_unicode=True)


def without(event: str, role: str | None = None) -> str:
    """The shipped table without what a role, or anybody, is told of an event."""
    table = yaml.safe_load(SHIPPED.read_bytes())
    table[event] = {r: rule for r, rule in table[event].items() if role is not None and r != role}
    return yaml.safe_dump(table, allow_unicode=True)


@pytest.mark.req("PRV-01", "PRV-03")
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (changed("reporting.report-filed.v1", "ledger", ["reporter"]), "reporter"),
        (changed("*", "author", ["reporter"]), "reporter"),
        (changed("made.up.v1", "ledger", []), "no such event"),
        (changed("registry.child-registered.v1", "stranger", []), "child-registered"),
        (changed("registry.child-registered.v1", "village", ["everything"]), "village.show"),
        (without("notification.access-ended.v1", "village"), "village"),
        (without("registry.subject-erased.v1"), "subject-erased"),
        ("registry.child-registered.v1: [", "ParserError"),
        ("[" * 3000, "RecursionError"),
        ("- 1", "understood"),
        ("a: &a [*a]", "understood"),
        ("x: 2026-99-99", "understood"),
        ("\u0007", "ReaderError"),
    ],
)
def test_a_table_that_nobody_may_adopt_is_refused_with_its_reason(content: str, why: str) -> None:
    with pytest.raises(NotATable) as refused:
        decide([], ProposeDisclosureTable(content=content))
    assert why in refused.value.facts["why"]
    assert "·" in refused.value.facts["why"]


def test_the_shipped_table_and_a_wider_one_may_be_proposed() -> None:
    assert decide([], PROPOSE)
    wider = changed("registry.child-registered.v1", "area_police", ["name", "family"])
    assert decide([], ProposeDisclosureTable(content=wider))
