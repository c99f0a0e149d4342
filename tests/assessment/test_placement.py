"""A placement: on the police's request, of a kind and with a body that the pack allows."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from schemas.assessment import PlacementGround, PlacementKind, PlacementMade
from schemas.reference import BodyKind
from services.assessment.placement import (
    PLACEMENT,
    KindNotAllowed,
    MakePlacement,
    NoPolicyHere,
    Placement,
    ReceiverUnfit,
    RequestMissing,
)
from services.kernel.errors import NotFound
from tests.scenario import STATION, VILLAGE, Scenario, find_body_in, scenario, some

CHILD, INSTITUTION, CIVIL, POLICE = map(some, range(1, 5))
BODIES = {
    BodyKind.WELFARE_INSTITUTION: INSTITUTION,
    BodyKind.POLICE_STATION: STATION,
    BodyKind.POLICE: POLICE,
}


def placements(**told: Any) -> Scenario[Placement]:
    facts: dict[str, Any] = {"find_body": find_body_in(BODIES), "body": CIVIL, "regions": {CHILD: VILLAGE}}
    return scenario(PLACEMENT, **facts | told)


def placing(**told: Any) -> MakePlacement:
    facts: dict[str, Any] = {
        "child": CHILD, "kind": PlacementKind.PROTECTIVE, "receiver": INSTITUTION, "requested_by": STATION,
        "request": "GA-2026-118", "starts": date(2026, 10, 21), "grounds": (PlacementGround.UNATTENDED,),
    }  # fmt: skip
    return MakePlacement(**facts | told)


@pytest.mark.req("PLC-01")
@pytest.mark.req("PLC-02")
def test_a_placement_says_who_asked_who_decided_where_and_since_when() -> None:
    placements().when(placing()).then(
        PlacementMade(
            child=CHILD, placement=UUID(int=1), region=VILLAGE, kind=PlacementKind.PROTECTIVE, receiver=INSTITUTION,
            requested_by=STATION, request="GA-2026-118", decided_by=CIVIL, starts=date(2026, 10, 21),
            grounds=(PlacementGround.UNATTENDED,),
        )
    )  # fmt: skip


@pytest.mark.req("PLC-03")
def test_what_the_pack_does_not_allow_is_refused_by_name_and_clause() -> None:
    placements().when(placing(kind=PlacementKind.INSTITUTIONAL)).refused(KindNotAllowed)
    placements().when(placing(receiver=STATION)).refused(ReceiverUnfit)
    placements().when(placing(requested_by=CIVIL)).refused(RequestMissing)
    placements().when(placing(requested_by=POLICE)).done()
    placements(pack=None).when(placing()).refused(NoPolicyHere)


@pytest.mark.req("PLC-01")
def test_a_child_that_is_not_on_file_is_not_placed() -> None:
    placements(regions={}).when(placing()).refused(NotFound)
