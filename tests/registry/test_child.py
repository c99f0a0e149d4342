"""The child's file: each command's good path, its refusals, its repeat; and that every history can be replayed."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from schemas.event import Event
from schemas.packs import FOLDER, read_pack
from schemas.registry import (
    AliasRecorded,
    Basis,
    ChildCategoryAssigned,
    ChildIdentified,
    ChildRegistered,
    Finding,
    GuardianChanged,
    GuardianshipDelegated,
    LedgerEntryUpdated,
    LedgerFacts,
    Relative,
    RuralProof,
    Schooling,
)
from services.kernel.errors import NotFound, StaleVersion
from services.kernel.writing.decider import Command
from services.registry.category import LEFT_BEHIND, NoPolicy
from services.registry.child import (
    CHILD,
    AlreadyIdentified,
    Child,
    IdentifyChild,
    OtherIdNumber,
    RegisterChild,
    UpdateLedgerEntry,
    claims,
)
from services.registry.delegating import DelegateGuardianship, GuardianUnfit, InstrumentMissing
from services.registry.facts import facts_of, identities_of
from tests.registry.ledger.making import number
from tests.scenario import SHORT, VILLAGE, Scenario, assert_replays, live, scenario, some, stored

MINTED = UUID(int=1)
XIAOHE, XIAOMIAO, REPORTED, GRANDMOTHER, AUNT = map(some, range(1, 6))
CLAUSES = {
    "both_parents_away": "SY 一「父母双方外出务工」",
    "one_away_other_incapable": "SY 一「一方外出务工另一方无监护能力」",
    "under_age": "SY 一「不满16周岁」",
    "rural_household": "SY 一「农村户籍是指在农村有土地、宅基地,属于村(居)民委员会且居住当地属于农村低保覆盖范围」",
}
FACTS: dict[str, Any] = {
    "name": "张小禾", "birth_date": "2016-03-05", "both_parents_away": True, "rural": RuralProof.VERIFIED,
}  # fmt: skip
DELEGATION: dict[str, Any] = {
    "starts": date(2026, 9, 1), "instruments": ("DELEGATION_AGREEMENT", "GUARDIANSHIP_UNDERTAKING"), "name": "王桂花",
    "phone": "13900000003", "relation": "祖母",
}  # fmt: skip


def registered(child: UUID = XIAOHE, **facts: Any) -> ChildRegistered:
    return ChildRegistered(child=child, region=VILLAGE, **FACTS | facts)


def decided(child: UUID, category: bool | None, *holds: bool | None) -> ChildCategoryAssigned:
    """The categories of a child: whether it is left-behind, and each condition in the pack's order."""
    return ChildCategoryAssigned(
        child=child, region=VILLAGE, categories=(LEFT_BEHIND,) if category else (),
        undetermined=(LEFT_BEHIND,) if category is None else (),
        findings=tuple(
            Finding(condition=c, holds=h, clause=clause)
            for (c, clause), h in zip(CLAUSES.items(), holds, strict=True)
        ),
    )  # fmt: skip


def on_file(child: UUID = XIAOHE, **facts: Any) -> tuple[Event, Event]:
    return registered(child, **facts), decided(child, True, True, None, True, True)


def delegated(child: UUID, guardian: UUID, **facts: Any) -> GuardianshipDelegated:
    told = DELEGATION | {"capable": True, "willing": True} | facts
    return GuardianshipDelegated(child=child, region=VILLAGE, guardian=guardian, **told)


def now_with(child: UUID, guardian: UUID, previous: UUID | None = None, **facts: Any) -> GuardianChanged:
    told = {"name": DELEGATION["name"], "starts": DELEGATION["starts"]} | facts
    return GuardianChanged(
        child=child, region=VILLAGE, guardian=guardian, basis=Basis.DELEGATION, previous=previous, **told
    )


def delegating(*children: UUID, **facts: Any) -> DelegateGuardianship:
    return DelegateGuardianship(children=children, **DELEGATION | {"capable": True, "willing": True} | facts)


def registry() -> Scenario[Child]:
    return scenario(CHILD)


# --- Register
@pytest.mark.req("REG-01")
@pytest.mark.req("REG-06")
def test_a_child_is_registered_and_its_categories_are_decided_at_once() -> None:
    registry().when(RegisterChild(region=VILLAGE, **FACTS)).then(
        ChildRegistered(child=MINTED, region=VILLAGE, **FACTS), decided(MINTED, True, True, None, True, True)
    )


@pytest.mark.req("REG-02")
def test_a_name_alone_is_enough_to_register_and_leaves_the_category_open() -> None:
    registry().when(RegisterChild(region=VILLAGE, name="张小禾")).then(
        ChildRegistered(child=MINTED, region=VILLAGE, name="张小禾"),
        decided(MINTED, None, None, None, None, None),
    )


@pytest.mark.req("REG-01")
@pytest.mark.parametrize(("closing", "category"), [(date(2026, 7, 31), True), (date(2026, 8, 1), False)])
def test_age_is_counted_to_the_closing_date_that_the_ledger_names(closing: date, category: object) -> None:
    told = FACTS | {"birth_date": "2010-08-01", "closing_date": closing}
    registry().when(RegisterChild(region=VILLAGE, **told)).then(
        ChildRegistered(child=MINTED, region=VILLAGE, **told),
        decided(MINTED, bool(category), True, None, bool(category), True),
    )


@pytest.mark.req("REG-01")
def test_without_a_closing_date_age_is_counted_to_today() -> None:
    under = RegisterChild(region=VILLAGE, **FACTS | {"birth_date": "2010-11-02"})
    for day, category in ((1, True), (2, False)):
        outcome = registry().told(now=datetime(2026, 11, day, 4, tzinfo=UTC)).when(under)
        assert outcome.events[1] == decided(MINTED, category, True, None, category, True)


@pytest.mark.req("REG-01")
def test_today_is_the_day_in_shanghai() -> None:
    birthday = datetime(2026, 11, 1, 17, tzinfo=UTC)  # 2 November, 1:00 in Shanghai
    told = RegisterChild(region=VILLAGE, **FACTS | {"birth_date": "2010-11-02"})
    assert registry().told(now=birthday).when(told).events[1] == decided(
        MINTED, False, True, None, False, True
    )


@pytest.mark.req("REG-01")
def test_where_no_pack_is_adopted_nobody_is_registered_or_judged() -> None:
    nowhere = registry().told(pack=None)
    nowhere.when(RegisterChild(region=VILLAGE, **FACTS)).refused(NoPolicy)
    nowhere.given(*on_file()).when(UpdateLedgerEntry(child=XIAOHE, boards=True)).refused(NoPolicy)
    nowhere.given(*on_file()).when(delegating(XIAOHE)).refused(NoPolicy)


@pytest.mark.req("REG-06")
def test_a_file_claims_its_id_number_or_else_its_name_birth_date_and_village() -> None:
    numbered = number("20160305")
    assert list(claims(registered(id_number=numbered), Child())) == [(f"id|{numbered}", XIAOHE)]
    assert list(claims(registered(), Child())) == [(f"person|张小禾|2016-03-05|{VILLAGE}", XIAOHE)]
    assert list(claims(registered(birth_date=None), Child())) == []
    assert list(claims(decided(XIAOHE, True, True, None, True, True), Child())) == []


@pytest.mark.req("REG-06")
@pytest.mark.parametrize("facts", [{}, {"id_number": number("20160305")}])
def test_the_same_child_registered_again_makes_the_same_claim_and_another_does_not(
    facts: dict[str, Any],
) -> None:
    first, again = registered(XIAOHE, **facts), registered(XIAOMIAO, **facts)
    sibling = registered(XIAOMIAO, name="张小苗", id_number=number("20160305", 124) if facts else None)
    assert (
        [c for c, _ in claims(first, Child())]
        == [c for c, _ in claims(again, Child())]
        != [c for c, _ in claims(sibling, Child())]
    )


@pytest.mark.req("REG-06")
def test_an_id_number_learnt_later_is_claimed_too() -> None:
    numbered = number("20160305")
    outcome = registry().given(*on_file()).when(UpdateLedgerEntry(child=XIAOHE, id_number=numbered))
    assert [c for e in outcome.events for c in CHILD.claims(e, CHILD.fold(on_file()))] == [
        (f"id|{numbered}", XIAOHE)
    ]


@pytest.mark.req("REG-06")
@pytest.mark.parametrize("change", [{"name": "张晓禾"}, {"birth_date": "2016-03-06"}])
def test_a_corrected_name_or_birth_date_is_claimed_like_the_first(change: dict[str, Any]) -> None:
    outcome = registry().given(*on_file()).when(UpdateLedgerEntry(child=XIAOHE, **change))
    held = [c for e in outcome.events for c, _ in CHILD.claims(e, CHILD.fold(on_file()))]
    assert [c for c, _ in claims(registered(XIAOMIAO, **change), Child())] == held


@pytest.mark.req("REG-06")
def test_a_child_on_file_without_id_number_is_looked_for_by_name_when_it_comes_with_one() -> None:
    known, again = registered(XIAOHE), registered(XIAOMIAO, id_number=number("20160305"))
    held = {c for c, _ in claims(known, Child())}
    assert held & set(identities_of(facts_of(again), VILLAGE))


@pytest.mark.req("REG-06")
def test_another_id_number_on_a_file_that_has_one_is_refused() -> None:
    registry().given(*on_file(id_number=number("20160305"))).when(
        UpdateLedgerEntry(child=XIAOHE, id_number=number("20160305", 124))
    ).refused(OtherIdNumber)


# --- Update
@pytest.mark.req("REG-08")
def test_an_update_carries_only_what_differs_and_judges_again_only_what_changes() -> None:
    told = UpdateLedgerEntry(
        child=XIAOHE, name="张小禾", birth_date="2016-03-05", schooling=Schooling.PRIMARY
    )
    registry().given(*on_file()).when(told).then(
        LedgerEntryUpdated(child=XIAOHE, region=VILLAGE, schooling=Schooling.PRIMARY)
    )


@pytest.mark.req("REG-01")
@pytest.mark.parametrize(
    ("change", "category", "holds"),
    [
        ({"both_parents_away": False}, None, (False, None, True, True)),
        ({"rural": RuralProof.NOT_RURAL}, False, (True, None, True, False)),
        ({"birth_date": "2000"}, False, (True, None, False, True)),
    ],
)
def test_a_category_is_decided_again_when_a_fact_that_it_rests_on_changes_it(
    change: dict[str, Any], category: object, holds: Sequence[bool | None]
) -> None:
    verdict = None if category is None else bool(category)
    registry().given(*on_file()).when(UpdateLedgerEntry(child=XIAOHE, **change)).then(
        LedgerEntryUpdated(child=XIAOHE, region=VILLAGE, **change), decided(XIAOHE, verdict, *holds)
    )


@pytest.mark.req("REG-01")
def test_the_same_verdict_on_other_grounds_is_not_decided_again() -> None:
    told = UpdateLedgerEntry(child=XIAOHE, one_away_other_incapable=False)
    registry().given(*on_file()).when(told).then(
        LedgerEntryUpdated(child=XIAOHE, region=VILLAGE, one_away_other_incapable=False)
    )


@pytest.mark.req("REG-08")
@pytest.mark.req("PLT-07")
def test_an_update_that_changes_nothing_makes_no_event_and_so_does_its_repeat() -> None:
    registry().given(*on_file()).when(UpdateLedgerEntry(child=XIAOHE, **FACTS)).then()
    told = UpdateLedgerEntry(child=XIAOHE, boards=True)
    done = registry().given(*on_file()).when(told).done()
    done.when(told).then()


@pytest.mark.req("REG-08")
def test_an_update_of_nobody_on_file_is_refused() -> None:
    registry().when(UpdateLedgerEntry(child=XIAOHE, boards=True)).refused(NotFound)
    alias = ChildIdentified(child=REPORTED, file=XIAOHE, region=VILLAGE, basis=("HOME_VISIT",))
    registry().given(alias).when(UpdateLedgerEntry(child=REPORTED, boards=True)).refused(NotFound)


@pytest.mark.req("REG-08")
def test_an_update_of_a_version_that_has_moved_is_refused_even_where_it_would_change_nothing() -> None:
    moved = registry().given(*on_file(), LedgerEntryUpdated(child=XIAOHE, region=VILLAGE, boards=True))
    moved.when(UpdateLedgerEntry(child=XIAOHE, boards=False, expected_version=2)).refused(
        StaleVersion, version=3
    )
    moved.when(UpdateLedgerEntry(child=XIAOHE, boards=True, expected_version=2)).refused(
        StaleVersion, version=3
    )
    moved.when(UpdateLedgerEntry(child=XIAOHE, boards=False, expected_version=3)).then(
        LedgerEntryUpdated(child=XIAOHE, region=VILLAGE, boards=False)
    )


@pytest.mark.req("REG-08")
def test_a_relative_who_did_not_change_is_not_carried_again() -> None:
    father = Relative(name="张大山", workplace="沈阳市")
    told = UpdateLedgerEntry(child=XIAOHE, father=father, mother=Relative(name="李小云"))
    registry().given(*on_file(father=father)).when(told).then(
        LedgerEntryUpdated(child=XIAOHE, region=VILLAGE, mother=Relative(name="李小云"))
    )


@pytest.mark.req("REG-08")
def test_a_relatives_new_workplace_leaves_what_else_is_known_of_them() -> None:
    known = registry().given(*on_file(father=Relative(name="张大山", workplace="沈阳市")))
    done = known.when(UpdateLedgerEntry(child=XIAOHE, father=Relative(workplace="大连市"))).done()
    assert done.state(XIAOHE).facts["father"] == {"name": "张大山", "workplace": "大连市"}


@pytest.mark.req("REG-08")
def test_after_its_keys_were_erased_a_file_still_takes_an_update() -> None:
    erased = registry().given(*(stored(event, erased=True) for event in on_file()))
    registry().given(*erased.streams[XIAOHE]).when(UpdateLedgerEntry(child=XIAOHE, boards=True)).then(
        LedgerEntryUpdated(child=XIAOHE, region=VILLAGE, boards=True),
        decided(XIAOHE, None, None, None, None, None),
    )


# --- Delegate
@pytest.mark.req("GRD-03")
@pytest.mark.req("GRD-12")
def test_siblings_are_entrusted_to_the_same_new_guardian() -> None:
    siblings = registry().given(*on_file(XIAOHE), *on_file(XIAOMIAO, name="张小苗"))
    siblings.when(delegating(XIAOHE, XIAOMIAO, XIAOHE)).then(
        delegated(XIAOHE, MINTED),
        now_with(XIAOHE, MINTED),
        delegated(XIAOMIAO, MINTED),
        now_with(XIAOMIAO, MINTED),
    )


@pytest.mark.req("GRD-17")
def test_a_new_guardian_is_told_with_the_one_before() -> None:
    before = registry().given(*on_file(), delegated(XIAOHE, GRANDMOTHER), now_with(XIAOHE, GRANDMOTHER))
    change: dict[str, Any] = {"name": "王桂香", "starts": date(2026, 10, 1)}
    before.when(delegating(XIAOHE, guardian=AUNT, relation="姑母", **change)).then(
        delegated(XIAOHE, AUNT, relation="姑母", **change), now_with(XIAOHE, AUNT, GRANDMOTHER, **change)
    )


@pytest.mark.req("GRD-17")
def test_the_same_guardian_from_another_day_is_a_new_delegation_and_no_change_of_guardian() -> None:
    before = registry().given(*on_file(), delegated(XIAOHE, GRANDMOTHER), now_with(XIAOHE, GRANDMOTHER))
    before.when(delegating(XIAOHE, guardian=GRANDMOTHER, starts=date(2027, 9, 1))).then(
        delegated(XIAOHE, GRANDMOTHER, starts=date(2027, 9, 1))
    )


@pytest.mark.req("GRD-03")
@pytest.mark.req("PLT-07")
def test_a_delegation_told_twice_is_recorded_once_and_a_late_repeat_brings_nobody_back() -> None:
    told = delegating(XIAOHE, guardian=GRANDMOTHER)
    done = registry().given(*on_file()).when(told).done()
    done.when(told).then()
    later = done.when(delegating(XIAOHE, guardian=AUNT, starts=date(2026, 10, 1))).done()
    later.when(told).then()


@pytest.mark.req("GRD-20")
@pytest.mark.parametrize("missing", ["DELEGATION_AGREEMENT", "GUARDIANSHIP_UNDERTAKING"])
def test_a_delegation_without_an_instrument_of_the_pack_is_refused_with_the_clause(missing: str) -> None:
    signed = tuple(i for i in DELEGATION["instruments"] if i != missing)
    registry().given(*on_file()).when(delegating(XIAOHE, instruments=signed)).refused(
        InstrumentMissing, missing=[missing], clause="SY 三.2「签订委托监护协议」; SY 三.1「签订监护责任书」"
    )


@pytest.mark.req("GRD-20")
def test_another_regions_pack_asks_for_another_instrument() -> None:
    content = (FOLDER / "sy-2017-74.yaml").read_bytes()
    planted = read_pack(
        content.replace(b"[DELEGATION_AGREEMENT, GUARDIANSHIP_UNDERTAKING]", b"[COMMITMENT_LETTER]")
    )
    elsewhere = registry().told(pack=planted).given(*on_file())
    elsewhere.when(delegating(XIAOHE)).refused(InstrumentMissing, missing=["COMMITMENT_LETTER"])
    elsewhere.when(delegating(XIAOHE, guardian=AUNT, instruments=("COMMITMENT_LETTER",))).then(
        delegated(XIAOHE, AUNT, instruments=("COMMITMENT_LETTER",)), now_with(XIAOHE, AUNT)
    )


@pytest.mark.req("GRD-12")
@pytest.mark.parametrize(
    "unfit", [{"capable": False}, {"willing": False}, {"capable": False, "willing": False}]
)
def test_who_is_not_both_capable_and_willing_does_not_become_guardian(unfit: dict[str, bool]) -> None:
    registry().given(*on_file()).when(delegating(XIAOHE, **unfit)).refused(GuardianUnfit)


@pytest.mark.req("GRD-03")
def test_a_delegated_guardian_is_an_adult() -> None:
    outcome = registry().given(*on_file()).when(delegating(XIAOHE, id_number=number("20160101")))
    assert outcome.refusal is not None


@pytest.mark.req("GRD-03")
def test_one_sibling_who_is_not_on_file_refuses_the_delegation_of_both() -> None:
    registry().given(*on_file()).when(delegating(XIAOHE, XIAOMIAO)).refused(NotFound)


# --- Identify
ALIAS = AliasRecorded(child=XIAOHE, alias=REPORTED, region=VILLAGE)
IDENTIFIED = ChildIdentified(child=REPORTED, file=XIAOHE, region=VILLAGE, basis=("HOME_VISIT",))


def identifying(child: UUID, file: UUID) -> IdentifyChild:
    return IdentifyChild(child=child, file=file, region=VILLAGE, basis=("HOME_VISIT",))


@pytest.mark.req("REG-06")
def test_a_reported_child_is_identified_with_the_one_on_file_and_the_file_stays_as_it_is() -> None:
    done = registry().given(*on_file()).when(identifying(REPORTED, XIAOHE)).then(ALIAS, IDENTIFIED)
    assert done.state(XIAOHE).version == 2
    assert done.state(REPORTED).file == XIAOHE


@pytest.mark.req("REG-06")
@pytest.mark.req("PLT-07")
def test_an_identification_told_twice_is_recorded_once() -> None:
    registry().given(*on_file(), ALIAS, IDENTIFIED).when(identifying(REPORTED, XIAOHE)).then()


@pytest.mark.req("REG-06")
def test_an_identification_with_nobody_on_file_is_refused() -> None:
    registry().when(identifying(REPORTED, XIAOHE)).refused(NotFound)
    registry().given(*on_file(), IDENTIFIED).when(identifying(some(9), REPORTED)).refused(NotFound)


@pytest.mark.req("REG-06")
def test_a_child_with_a_file_of_its_own_or_another_identity_is_not_identified_again() -> None:
    known = registry().given(*on_file(XIAOHE), *on_file(XIAOMIAO, name="张小苗"), IDENTIFIED)
    known.when(identifying(REPORTED, XIAOMIAO)).refused(AlreadyIdentified)
    known.when(identifying(XIAOMIAO, XIAOHE)).refused(AlreadyIdentified)
    known.when(identifying(XIAOHE, XIAOHE)).refused(AlreadyIdentified)


@pytest.mark.req("REG-06")
def test_a_command_is_answered_by_the_region_of_the_file_and_a_new_one_by_its_own() -> None:
    state = registry().given(*on_file()).state(XIAOHE)
    elsewhere = "990101002001"
    ((_, part),) = RegisterChild(region=elsewhere, name="张小禾").each(lambda: MINTED)
    assert CHILD.scope_of(part, Child()) == {"region": elsewhere}
    assert CHILD.scope_of(UpdateLedgerEntry(child=XIAOHE), state) == {"region": VILLAGE}
    looking, alias = (p for _, p in identifying(REPORTED, XIAOHE).each(lambda: MINTED))
    assert CHILD.scope_of(looking, state) == CHILD.scope_of(alias, Child()) == {"region": VILLAGE}


# --- Any history
names = st.sampled_from(["张小禾", "李", "买买提·艾力", "𠮷田小麦"])
born = st.sampled_from(["2016-03-05", "2010-11", "2012", "2000-02-29"])
relatives = st.builds(Relative, name=names, deceased=st.booleans())
facts: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "name": names,
        "birth_date": born,
        "id_number": st.dates(date(2005, 1, 1), date(2020, 12, 31)).map(
            lambda d: number(d.strftime("%Y%m%d"))
        ),
        "rural": st.sampled_from(RuralProof),
        "both_parents_away": st.booleans(),
        "one_away_other_incapable": st.booleans(),
        "father": relatives,
        "income": st.lists(st.sampled_from(["打工收入", "政府救助"]), max_size=2).map(tuple),
    },
)
children = st.sampled_from([UUID(int=n) for n in range(1, 4)] + [XIAOHE])
days = st.sampled_from([date(2026, 9, 1), date(2027, 9, 1)])
commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(lambda f: RegisterChild(region=VILLAGE, **{"name": "无名"} | f), facts),
    st.builds(lambda c, f, v: UpdateLedgerEntry(child=c, expected_version=v, **f), children, facts,
              st.none() | st.integers(1, 4)),
    st.builds(
        lambda cs, g, d, i, ok: delegating(*cs, guardian=g, starts=d, instruments=i, capable=ok),
        st.lists(children, min_size=1, max_size=3), st.none() | st.just(AUNT), days,
        st.sampled_from([DELEGATION["instruments"], ()]), st.booleans(),
    ),
    st.builds(identifying, children, children),
)  # fmt: skip


@pytest.mark.req("PLT-05")
@SHORT
@given(told=st.lists(commands, max_size=8), pack=st.booleans())
def test_any_history_that_was_decided_can_be_replayed_and_nothing_but_refusals_is_raised(
    told: list[Command], pack: bool
) -> None:
    begun = registry() if pack else registry().told(pack=None)
    assert_replays(live(begun, told))


@pytest.mark.req("PLT-07")
@SHORT
@given(told=st.lists(commands, max_size=6), again=commands)
def test_a_command_that_names_its_child_and_guardian_and_is_told_twice_makes_events_once(
    told: list[Command], again: Command
) -> None:
    done = live(registry(), told).when(again)
    repeated = done.done().when(again)
    if isinstance(again, RegisterChild) or (isinstance(again, DelegateGuardianship) and not again.guardian):
        return
    if isinstance(again, UpdateLedgerEntry) and again.expected_version and done.events:
        repeated.refused(StaleVersion)
    else:
        assert repeated.events == ()
        assert type(repeated.refusal) is type(done.refusal)


class ChildMachine(RuleBasedStateMachine):
    """Children on file against plain dictionaries of what was told of them."""

    registered = Bundle("registered")

    def __init__(self) -> None:
        super().__init__()
        self.now = registry()
        self.told: dict[UUID, dict[str, Any]] = {}
        self.guardians: dict[UUID, UUID] = {}
        self.aliases: dict[UUID, UUID] = {}
        self.minted = 0

    @rule(target=registered, facts=facts)
    def register(self, facts: dict[str, Any]) -> UUID:
        outcome = self.now.when(RegisterChild(region=VILLAGE, **{"name": "无名"} | facts))
        self.now = outcome.done()
        (first, second) = outcome.events
        assert isinstance(first, ChildRegistered)
        assert isinstance(second, ChildCategoryAssigned)
        self.told[first.child] = facts_of(LedgerFacts(**{"name": "无名"} | facts))
        return first.child

    @rule(child=registered, facts=facts)
    def update(self, child: UUID, facts: dict[str, Any]) -> None:
        outcome = self.now.when(UpdateLedgerEntry(child=child, **facts))
        on_record = self.told[child].get("id_number")
        if on_record and facts.get("id_number", on_record) != on_record:
            outcome.refused(OtherIdNumber)
            return
        self.now = outcome.done()
        news = facts_of(LedgerFacts(**facts))
        differing = {k: v for k, v in news.items() if self.told[child].get(k) != v}
        assert [facts_of(e) for e in outcome.events if isinstance(e, LedgerEntryUpdated)] == (
            [differing] if differing else []
        )
        self.told[child] |= news

    @rule(child=registered, sibling=registered, guardian=st.sampled_from([GRANDMOTHER, AUNT]), starts=days)
    def delegate(self, child: UUID, sibling: UUID, guardian: UUID, starts: date) -> None:
        outcome = self.now.when(delegating(child, sibling, guardian=guardian, starts=starts))
        self.now = outcome.done()
        for event in outcome.events:
            if isinstance(event, GuardianChanged):
                assert event.previous == self.guardians.get(event.child) != guardian
                self.guardians[event.child] = guardian

    @rule(file=registered, reported=st.sampled_from([REPORTED, some(30)]))
    def identify(self, file: UUID, reported: UUID) -> None:
        outcome = self.now.when(identifying(reported, file))
        if self.aliases.setdefault(reported, file) == file:
            assert outcome.refusal is None
        else:
            outcome.refused(AlreadyIdentified)
        self.now = outcome.done()

    @invariant()
    def the_files_say_what_was_told(self) -> None:
        for child, told in self.told.items():
            state = self.now.state(child)
            assert state.facts == told
            assert state.guardian == self.guardians.get(child)
            shown = [e for e in self.now.streams[child] if not isinstance(e, AliasRecorded)]
            assert state.version == len(shown)
        assert {c: self.now.state(c).file for c in self.aliases} == self.aliases

    @invariant()
    def the_category_in_force_is_the_one_that_the_facts_give(self) -> None:
        for child, told in self.told.items():
            fresh = registry().when(RegisterChild.model_validate({"region": VILLAGE} | told, strict=False))
            assigned = fresh.events[1]
            assert isinstance(assigned, ChildCategoryAssigned)
            assert self.now.state(child).categories == (assigned.categories, assigned.undetermined)

    def teardown(self) -> None:
        assert_replays(self.now)


TestChildMachine = ChildMachine.TestCase
TestChildMachine.settings = SHORT
