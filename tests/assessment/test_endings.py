"""A placement and a case end by an act with its reason, and what was known by them ends with them (PLC-13, ASM-11)."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from schemas.assessment import AssessmentOpened, CaseClosed, CaseOutcome, PlacementEnded, PlacementEnding
from schemas.notification import AccessEnded, AccessGranted, Role
from services.assessment.assessment import ASSESSMENT, CloseCase, stream_of
from services.assessment.placement import EndPlacement, EndsBeforeItStarts
from services.kernel.errors import NotFound
from services.notification import access
from services.notification.access import ACCESS, EndCare, EndCase, GrantAccess
from services.registry.founding import body_id
from shouwang.client import Person, Told
from tests.assessment.test_placement import CHILD, CIVIL, INSTITUTION, placements, placing
from tests.helpers import embedded
from tests.scenario import POLICE, STATION, TOWNSHIP, VILLAGE, scenario, some

CAUSE, FIRST, SECOND, INCIDENT, NOTICE = map(some, range(11, 16))
ACCESS_OF = access.stream_of(CHILD)
_OWED = "select duty from duty where child = $1 and not met"


# --- Decisions
def ending(**told: Any) -> EndPlacement:
    facts: dict[str, Any] = {
        "placement": UUID(int=1),
        "ends": date(2026, 12, 1),
        "ending": "PARENTS_RETURNED",
    }
    return EndPlacement.model_validate(facts | told, strict=False)


@pytest.mark.req("PLC-13")
def test_a_placement_ends_once_by_a_recorded_reason_and_not_before_it_started() -> None:
    made = placements().when(placing()).done()
    made.when(ending(ends=date(2026, 10, 20))).refused(EndsBeforeItStarts)
    outcome = made.when(ending())
    (event,) = outcome.events
    assert isinstance(event, PlacementEnded)
    assert (event.child, event.receiver, event.decided_by) == (CHILD, INSTITUTION, CIVIL)
    assert event.ending is PlacementEnding.PARENTS_RETURNED
    outcome.done().when(ending()).then()
    placements().when(ending()).refused(NotFound)


def held(agency: UUID, role: Role, cause: UUID = CAUSE) -> AccessGranted:
    return AccessGranted(child=CHILD, agency=agency, role=role, basis="placement", cause=cause)


def caring(cause: UUID) -> GrantAccess:
    return GrantAccess(child=CHILD, agency=INSTITUTION, role=Role.CARER, basis="placement", cause=cause)


def leaving(made: UUID) -> EndCare:
    return EndCare(child=CHILD, agency=INSTITUTION, basis="placement", cause=CAUSE, made=made)


@pytest.mark.req("PRV-03", "PLC-13")
def test_who_has_a_child_from_two_placements_keeps_it_until_both_are_over() -> None:
    one = scenario(ACCESS).when(caring(FIRST)).done()
    one.when(caring(FIRST)).then()
    two = one.when(caring(SECOND)).done()
    after = two.when(leaving(FIRST)).done()
    assert (INSTITUTION, Role.CARER) in after.state(ACCESS_OF).grants
    outcome = after.when(leaving(SECOND))
    assert [type(e) for e in outcome.events] == [AccessEnded]
    assert outcome.done().state(ACCESS_OF).grants == frozenset()
    one.when(leaving(FIRST)).then(
        AccessEnded(child=CHILD, agency=INSTITUTION, role=Role.CARER, reason="placement")
    )


@pytest.mark.req("PRV-03", "ASM-11")
def test_the_end_of_a_case_ends_case_roles_and_no_others() -> None:
    roles = (
        held(TOWNSHIP, Role.RESPONDER), held(STATION, Role.CASE_POLICE), held(POLICE, Role.CASE_POLICE),
        held(TOWNSHIP, Role.LEDGER), held(INSTITUTION, Role.CARER),
    )  # fmt: skip
    outcome = scenario(ACCESS).given(*roles).when(EndCase(child=CHILD, basis="case-closed", cause=CAUSE))
    left = outcome.done().state(ACCESS_OF).grants
    assert left == {(TOWNSHIP, Role.LEDGER), (INSTITUTION, Role.CARER)}


@pytest.mark.req("ASM-11")
def test_a_case_is_closed_once_with_its_outcome_and_one_that_nobody_opened_is_not_there() -> None:
    case = stream_of(CHILD, INCIDENT)
    opened = AssessmentOpened(
        child=CHILD, assessment=case, notice=NOTICE, incident=INCIDENT, region=VILLAGE, lead=TOWNSHIP, members=("POLICE",)
    )  # fmt: skip
    close = CloseCase(assessment=case, outcome=CaseOutcome.SAFETY_SECURED, safety="母亲已返乡照料")
    outcome = scenario(ASSESSMENT, body=TOWNSHIP).given(opened).when(close)
    outcome.then(
        CaseClosed(
            child=CHILD, assessment=case, incident=INCIDENT, region=VILLAGE, closed_by=TOWNSHIP,
            outcome=CaseOutcome.SAFETY_SECURED, safety="母亲已返乡照料",
        )
    )  # fmt: skip
    outcome.done().when(close).then()
    with pytest.raises(NotFound):
        ASSESSMENT.scope_of(close, ASSESSMENT.initial())


# --- On the platform
async def sees(who: Person, child: str) -> bool:
    try:
        return bool((await who.ask(f"agency/children/{child}"))["roles"])
    except Told as told:
        if told.status == 404:
            return False
        raise


@pytest.mark.req("PRV-03", "ASM-11", "PLC-13")
async def test_where_case_and_placement_have_ended_those_who_knew_by_them_know_no_more() -> None:
    async with embedded() as running:
        teacher, desk = await running.sign_in("school-a-teacher"), await running.sign_in("police-a-desk")
        clerk, other = await running.sign_in("township-a-clerk"), await running.sign_in("township-b-clerk")
        await teacher.do(
            "reporting/file-report", region="990101001001", children=[{"name": "小禾"}],
            grounds=["LIVING_ALONE"], found_at="2026-10-30T08:00:00+08:00",
        )  # fmt: skip
        ((report,),) = await running.fetch("reporting", "select stream from event")
        await desk.do("reporting/accept-reports", reports=[str(report)])
        await running.client.settled()
        ((case, child),) = await running.fetch("assessment", "select stream, orderkey from event")
        how = {"outcome": "SAFETY_SECURED", "safety": "母亲已返乡照料"}
        bureau = [await running.sign_in(key) for key in ("civil-affairs-officer", "education-officer")]
        for who in (
            desk,
            clerk,
            *bureau,
        ):  # who works the case, the members of the assessment among them (F-31)
            assert await sees(who, child)
        assert (await bureau[1].ask(f"agency/children/{child}"))["facts"]["grounds"] == ["LIVING_ALONE"]
        assert not await sees(other, child)
        assert await running.fetch("notification", _OWED, UUID(child))
        for who in (other, desk):
            with pytest.raises(Told, match=r"404 not-found|403 not-allowed"):
                await who.do("assessment/close-case", assessment=str(case), **how)
        assert (await clerk.do("assessment/close-case", assessment=str(case), **how))["events"]
        assert (await clerk.do("assessment/close-case", assessment=str(case), **how))["events"] == []
        await running.client.settled()
        assert not await sees(desk, child)
        for who in (await running.sign_in("police-county"), *bureau):
            assert not await sees(who, child)
        assert await running.fetch("notification", _OWED, UUID(child)) == [], (
            "with the case its duties are done"
        )
        assert child not in str((await clerk.ask("agency/worklist"))["tasks"])
        for who in (clerk, desk):
            # What they did themselves stays with them; the report, its grounds and the name do not.
            page = await who.ask(f"agency/children/{child}")
            assert page["roles"] == []
            assert "reporting.report-filed.v1" not in str(page["chronology"])

        placed = await running.register("程小满")
        await running.client.settled()
        officer, institution = (
            await running.sign_in("civil-affairs-officer"),
            await running.sign_in("institution-officer"),
        )
        for _ in range(2):
            done = await officer.do(
                "assessment/make-placement", child=placed, kind="PROTECTIVE", receiver=str(body_id("institution")),
                requested_by=str(body_id("station-a")), request="GA-1", starts="2026-10-21", grounds=["UNATTENDED"],
            )  # fmt: skip
            await running.client.settled()
        rows = await running.fetch(
            "assessment", "select stream from event where type = 'assessment.placement-made.v1' order by seq"
        )
        assert done["events"]
        for placement, left in zip((r[0] for r in rows), (True, False), strict=True):
            assert await sees(institution, placed)
            ends = {"ends": "2026-12-01", "ending": "PARENTS_RETURNED"}
            with pytest.raises(Told, match="403 not-allowed"):
                await institution.do("assessment/end-placement", placement=str(placement), **ends)
            await officer.do("assessment/end-placement", placement=str(placement), **ends)
            await running.client.settled()
            assert await sees(institution, placed) is left
