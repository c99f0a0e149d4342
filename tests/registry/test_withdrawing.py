"""Entries taken back: what was entered in error is closed, what was updated is as before, what is in use stays."""

from uuid import UUID

import pytest

from schemas.platform import FactCorrected
from schemas.registry import Closing, LedgerEntryClosed, LedgerEntryReopened, LedgerEntryUpdated, Relative
from services.kernel.errors import NotFound
from services.registry.child import CHILD, Child, IdentifyChild, UpdateLedgerEntry
from services.registry.transfer import ProposeTransfer
from services.registry.withdrawing import EntryClosed, EntryInUse, NotWithdrawable, WithdrawEntries
from tests.registry.test_child import (
    FACTS,
    GRANDMOTHER,
    REPORTED,
    XIAOHE,
    decided,
    delegated,
    delegating,
    on_file,
    registered,
)
from tests.scenario import VILLAGE, Scenario, scenario, some

CLOSED = LedgerEntryClosed(child=XIAOHE, region=VILLAGE, reason=Closing.ENTERED_IN_ERROR)
REOPENED = LedgerEntryReopened(child=XIAOHE, region=VILLAGE)
MOVED = LedgerEntryUpdated(child=XIAOHE, region=VILLAGE, residence="上塘村9组", ethnicity="满族")


def registry() -> Scenario[Child]:
    return scenario(CHILD).given(*on_file())


def back(known: Scenario[Child], *places: int) -> WithdrawEntries:
    history = known.history(XIAOHE)
    return WithdrawEntries(child=XIAOHE, events=tuple(history[place][0] for place in places))


@pytest.mark.req("REG-06")
@pytest.mark.req("PLT-02")
def test_a_registration_taken_back_closes_the_file_and_again_changes_nothing() -> None:
    known = registry()
    closed = known.when(back(known, 0)).then(CLOSED)
    closed.when(back(closed, 0)).then()


@pytest.mark.req("PLT-02")
def test_an_update_taken_back_is_corrected_to_what_stood_before_and_an_added_fact_to_unknown() -> None:
    known = registry().given(MOVED)
    corrected = known.when(back(known, 2)).events
    assert all(isinstance(event, FactCorrected) for event in corrected)
    told = {e.field: e.address or e.name for e in corrected if isinstance(e, FactCorrected)}
    assert told == {"residence": "null", "ethnicity": "null"}
    before = registry().given(MOVED, LedgerEntryUpdated(child=XIAOHE, region=VILLAGE, residence="上塘村1组"))
    (event,) = before.when(back(before, 3)).events
    assert isinstance(event, FactCorrected)
    assert (event.field, event.address) == ("residence", '"上塘村9组"')


@pytest.mark.req("PLT-02")
def test_categories_follow_what_is_left() -> None:
    home = LedgerEntryUpdated(child=XIAOHE, region=VILLAGE, both_parents_away=False)
    known = registry().given(home, decided(XIAOHE, None, False, None, True, True))
    *_, category = known.when(back(known, 2)).events
    assert category == decided(XIAOHE, True, True, None, True, True)


@pytest.mark.req("PLT-02")
@pytest.mark.parametrize(
    "used",
    [
        MOVED,
        delegated(XIAOHE, GRANDMOTHER),
    ],
)
def test_a_file_that_was_used_since_stays_and_says_so(used: LedgerEntryUpdated) -> None:
    known = registry().given(used)
    known.when(back(known, 0)).refused(EntryInUse)


@pytest.mark.req("PLT-02")
def test_an_update_that_says_nothing_new_is_no_use_and_what_is_taken_back_together_is_none() -> None:
    told = LedgerEntryUpdated(child=XIAOHE, region=VILLAGE, birth_date=FACTS["birth_date"])
    known = registry().given(told)
    known.when(back(known, 0)).then(CLOSED)
    known = registry().given(MOVED)
    known.when(back(known, 0, 2)).then(CLOSED)


@pytest.mark.req("PLT-02")
def test_what_is_not_there_or_no_entry_is_refused_by_name() -> None:
    known = registry()
    known.when(WithdrawEntries(child=XIAOHE, events=(some(77),))).refused(NotFound)
    known.when(back(known, 1)).refused(NotWithdrawable, type="registry.child-category-assigned.v1")


@pytest.mark.req("REG-06")
def test_a_closed_file_takes_no_delegation_transfer_or_identification_and_opens_by_an_update_with_a_name() -> (
    None
):
    closed = registry().given(CLOSED)
    closed.when(delegating(XIAOHE)).refused(EntryClosed)
    closed.when(ProposeTransfer(children=(XIAOHE,), new_region="990101002001")).refused(EntryClosed)
    closed.when(IdentifyChild(child=REPORTED, file=XIAOHE, basis=("HOME_VISIT",), region=VILLAGE)).refused(
        EntryClosed
    )
    closed.when(UpdateLedgerEntry(child=XIAOHE, residence="上塘村9组")).refused(EntryClosed)
    opened = closed.when(UpdateLedgerEntry(child=XIAOHE, **FACTS)).then(
        REOPENED, LedgerEntryUpdated(child=XIAOHE, region=VILLAGE, **FACTS),
        decided(XIAOHE, True, True, None, True, True),
    )  # fmt: skip
    opened.when(delegating(XIAOHE)).done()
    again = opened.when(back(opened, 3, 4)).then(CLOSED)
    again.when(back(again, 0)).then()


@pytest.mark.req("REG-06")
def test_what_was_said_in_error_does_not_come_back_with_the_file() -> None:
    mother = registered(mother=Relative(name="何春", workplace="大连"))
    closed = scenario(CHILD).given(mother, CLOSED)
    assert closed.state(XIAOHE).facts == {}
    (_, update, _) = closed.when(
        UpdateLedgerEntry(child=XIAOHE, name="张小禾", mother=Relative(name="何秋"))
    ).events
    assert isinstance(update, LedgerEntryUpdated)
    assert update.mother == Relative(name="何秋")


@pytest.mark.req("REG-06")
def test_the_page_of_the_file_counts_a_closing_as_a_version() -> None:
    known = registry()
    assert known.given(CLOSED).state(XIAOHE).version == known.state(XIAOHE).version + 1


def test_a_stream_that_never_was_has_nothing_to_take_back() -> None:
    scenario(CHILD).when(WithdrawEntries(child=UUID(int=9), events=(some(1),))).refused(NotFound)
