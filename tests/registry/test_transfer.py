"""A file that moves, a fact that is corrected, a person who is erased: what is decided of one child's file."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from schemas.platform import FactCorrected
from schemas.reference import BodyKind
from schemas.registry import (
    AliasRecorded,
    ChildRecordTransferred,
    ChildTransferProposed,
    GuardianshipDelegated,
    SubjectErased,
)
from services.kernel.errors import NotFound
from services.kernel.writing.correcting import NotCorrectable, ValueUnfit
from services.registry.child import CHILD, Child, CorrectFact
from services.registry.keeping import EraseSubject, NotTheirs
from services.registry.transfer import AcceptTransfer, AlreadyProposed, ProposeTransfer, SameTownship
from tests.registry.test_child import REPORTED, XIAOHE, on_file
from tests.scenario import TOWNSHIP, VILLAGE, Scenario, scenario, some

NEW, OTHER, GRANDMOTHER, TRANSFER = "990201001001", some(120), some(4), some(50)
DELEGATED = GuardianshipDelegated(
    child=XIAOHE, region=VILLAGE, guardian=GRANDMOTHER, starts=date(2026, 9, 1), instruments=(), name="王桂花",
    id_number="99010119550303002X", relation="祖母", capable=True, willing=True,
)  # fmt: skip
ALIAS = AliasRecorded(child=XIAOHE, alias=REPORTED, region=VILLAGE)


def find_body(kind: BodyKind, region: str) -> UUID | None:
    return (OTHER if region == NEW else TOWNSHIP) if kind is BodyKind.TOWNSHIP else None


def registry(*events: Any) -> Scenario[Child]:
    return scenario(CHILD, find_body=find_body).given(*on_file(), *events)


def proposed(transfer: UUID = TRANSFER) -> ChildTransferProposed:
    return ChildTransferProposed(
        child=XIAOHE,
        transfer=transfer,
        region=VILLAGE,
        new_region=NEW,
        sender=TOWNSHIP,
        receiver=OTHER,
        name="张小禾",
    )


def moved(child: UUID = XIAOHE) -> ChildRecordTransferred:
    return ChildRecordTransferred(
        child=child, transfer=TRANSFER, region=NEW, previous_region=VILLAGE, sender=TOWNSHIP, receiver=OTHER
    )


@pytest.mark.req("REG-33")
def test_a_transfer_is_proposed_once_to_the_township_of_the_new_place() -> None:
    proposing = ProposeTransfer(children=(XIAOHE,), new_region=NEW)
    registry().when(proposing).then(proposed(UUID(int=1)))
    registry(proposed()).when(proposing).then()
    registry(proposed()).when(ProposeTransfer(children=(XIAOHE,), new_region="990201001002")).refused(
        AlreadyProposed
    )
    registry().when(ProposeTransfer(children=(XIAOHE,), new_region="990101001002")).refused(SameTownship)
    registry().when(ProposeTransfer(children=(some(9),), new_region=NEW)).refused(NotFound)


@pytest.mark.req("REG-33")
def test_acceptance_moves_the_file_and_every_id_that_was_reported_of_the_child() -> None:
    accepting = AcceptTransfer(child=XIAOHE, transfer=TRANSFER)
    done = registry(ALIAS, proposed()).when(accepting).then(moved(), moved(REPORTED))
    assert done.state(XIAOHE).region == NEW
    assert done.state(REPORTED).region is None, "what was reported is on nobody's file"
    done.when(accepting).then()


@pytest.mark.req("REG-33")
def test_a_transfer_that_nobody_proposed_is_not_accepted() -> None:
    registry().when(AcceptTransfer(child=XIAOHE, transfer=TRANSFER)).refused(NotFound)
    registry(proposed()).when(AcceptTransfer(child=XIAOHE, transfer=some(51))).refused(NotFound)


def correcting(history: Scenario[Child], place: int, field: str, value: Any) -> CorrectFact:
    event = history.history(XIAOHE)[place][0]
    return CorrectFact(child=XIAOHE, event=event, field=field, value=value, basis="ID_CARD_SEEN")


@pytest.mark.req("PLT-02")
def test_a_correction_names_the_event_the_field_and_the_person_and_seals_the_value_in_the_fields_own_class() -> (
    None
):
    known = registry(DELEGATED)
    (made,) = known.when(correcting(known, 2, "id_number", "990101195503030046")).events
    assert isinstance(made, FactCorrected)
    assert (made.corrects, made.corrects_type) == (known.history(XIAOHE)[2][0], DELEGATED.type)
    assert (made.person, made.idnumber, made.name) == (GRANDMOTHER, '"990101195503030046"', None)
    opened, sealed = made.split()
    assert "990101195503030046" not in str(opened)
    assert [(s, c) for s, c in sealed] == [(str(GRANDMOTHER), "idnumber")]


@pytest.mark.req("PLT-02")
def test_what_can_not_be_corrected_or_does_not_fit_is_refused_by_name() -> None:
    known = registry(DELEGATED)
    known.when(correcting(known, 2, "id_number", "99010119550303002X")).then()
    known.when(correcting(known, 2, "id_number", "123")).refused(ValueUnfit, field="id_number")
    known.when(correcting(known, 2, "time", "yesterday")).refused(ValueUnfit, field="time")
    known.when(correcting(known, 2, "guardian", str(some(9)))).refused(NotCorrectable)
    known.when(correcting(known, 2, "nonsense", 1)).refused(NotCorrectable)
    known.when(CorrectFact(child=XIAOHE, event=some(77), field="name", value="x", basis="X")).refused(
        NotFound
    )


@pytest.mark.req("PLT-02")
def test_a_corrected_id_number_of_the_child_is_claimed_and_a_guardians_is_not() -> None:
    def corrected(person: UUID) -> FactCorrected:
        return FactCorrected(
            child=XIAOHE, region=VILLAGE, corrects=some(60), corrects_type="x.y.v1", field="id_number", person=person,
            basis="X", idnumber='"990101195503030046"',
        )  # fmt: skip

    assert list(CHILD.claims(corrected(XIAOHE), Child())) == [("id|990101195503030046", XIAOHE)]
    assert list(CHILD.claims(corrected(GRANDMOTHER), Child())) == []


@pytest.mark.req("PRV-04")
def test_a_person_of_the_file_is_erased_once_and_a_stranger_is_not() -> None:
    erasing = EraseSubject(person=GRANDMOTHER, children=(XIAOHE,), basis="PIPL_47")
    erased = SubjectErased(child=XIAOHE, person=GRANDMOTHER, region=VILLAGE, basis="PIPL_47")
    done = registry(DELEGATED).when(erasing).then(erased)
    done.when(erasing).then()
    registry().when(erasing).refused(NotTheirs)
    registry().when(EraseSubject(person=XIAOHE, children=(XIAOHE,), basis="PIPL_47")).then(
        SubjectErased(child=XIAOHE, person=XIAOHE, region=VILLAGE, basis="PIPL_47")
    )
