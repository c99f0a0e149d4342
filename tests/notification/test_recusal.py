"""Recusal: a body in which the suspect works is left out, the body above stands in its place, and it isn't told so."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from schemas.notification import AccessEnded, AccessGranted, Role
from schemas.reporting import PoliceNoticeSent, RecusalSet, ReportAccepted, ReportFiled
from services.kernel.world import day_of
from services.kernel.writing.reactions import Task
from services.notification import router
from services.notification.access import ACCESS, Recuse
from services.notification.duty import ReassignDuty
from services.notification.known import Known, KnownDuty, load
from services.notification.notice import ForwardNotice, SendNotice
from services.notification.reactions import Rules
from services.registry.founding import body_id
from services.reporting.report import REPORT, AcceptReports, NobodyAbove, RecusalOver, Report, SetRecusal
from tests.helpers import Running, embedded
from tests.reporting.test_report import FIRST, filed
from tests.scenario import NOW, STATION, TOWNSHIP, VILLAGE, Scenario, find_body_in, scenario, some, written

CHILD, CAUSE, COUNTY = some(1), some(20), some(150)
TODAY = day_of(NOW)
WHY = "嫌疑人为该镇工作人员"


# --- Decided by the police
def station(**told: Any) -> Scenario[Report]:
    return scenario(
        REPORT, body=STATION, superior_of=lambda body: COUNTY if body in (TOWNSHIP, STATION) else None, **told
    )


def recusing(until: date | None = None, recused: UUID = TOWNSHIP) -> SetRecusal:
    return SetRecusal(report=FIRST, recused=recused, reason=WHY, until=until)


def recusal(until: date | None = None) -> RecusalSet:
    about = filed()
    return RecusalSet(
        child=about.child, report=FIRST, incident=about.incident, region=about.region, recused=TOWNSHIP, instead=COUNTY,
        until=until, reason=WHY,
    )  # fmt: skip


@pytest.mark.req("PRV-02")
def test_the_body_above_stands_in_for_the_one_that_is_left_out() -> None:
    done = station().given(filed()).when(recusing()).then(recusal())
    done.when(recusing()).then()
    done.when(recusing(TODAY)).then(recusal(TODAY))
    station().given(filed()).when(recusing(recused=some(999))).refused(NobodyAbove)
    station().given(filed()).when(recusing(TODAY - timedelta(days=1))).refused(RecusalOver)


@pytest.mark.req("PRV-02")
@pytest.mark.parametrize(
    ("until", "expected"),
    [
        (None, COUNTY),
        (TODAY, COUNTY),
        (TODAY - timedelta(days=1), TOWNSHIP),
        (TODAY + timedelta(days=1), COUNTY),
    ],
)
def test_a_notice_goes_past_the_recused_township_until_the_last_day(
    until: date | None, expected: UUID
) -> None:
    told = station().given(filed(), recusal(until)).when(AcceptReports(reports=(FIRST,)))
    (notice,) = [e for e in told.events if isinstance(e, PoliceNoticeSent)]
    assert notice.recipient == expected
    assert any(isinstance(e, ReportAccepted) for e in told.events)


# --- Carried out by notification
def heard(event: Any, known: Known) -> list[Task]:
    envelope, _ = written(event, CAUSE)
    known.hear(envelope)
    rules = Rules(find_body_in({}), lambda _: None)
    return list(rules.tasks(envelope, known))


@pytest.mark.req("PRV-02")
def test_what_it_owes_and_had_of_the_case_passes_to_the_body_above() -> None:
    known = Known(
        duties={
            some(50): KnownDuty(some(6), CAUSE, TOWNSHIP, met=False), some(51): KnownDuty(some(6), CAUSE, TOWNSHIP, met=True),
            some(52): KnownDuty(some(6), CAUSE, STATION, met=False),
        }
    )  # fmt: skip
    made = heard(recusal(), known)
    assert [(t.command.recused, t.command.instead) for t in made if isinstance(t.command, Recuse)] == [
        (TOWNSHIP, COUNTY)
    ]
    assert [(t.stream, t.command.owed_by) for t in made if isinstance(t.command, ReassignDuty)] == [
        (some(50), COUNTY)
    ]
    assert [t.command.recipient for t in made if isinstance(t.command, ForwardNotice)] == [COUNTY]
    assert known.changed


@pytest.mark.req("PRV-02")
def test_a_notice_that_was_decided_before_goes_past_it_too() -> None:
    known = Known()
    heard(recusal(), known)
    about = filed()
    notice = PoliceNoticeSent(
        child=about.child, report=FIRST, incident=about.incident, region=VILLAGE, notice=some(6), flow=("F_12",), sender=STATION,
        recipient=TOWNSHIP, grounds=about.grounds, steps=("ACCEPTED",),
    )  # fmt: skip
    assert {t.command.recipient for t in heard(notice, known) if isinstance(t.command, SendNotice)} == {
        COUNTY
    }


@pytest.mark.req("PRV-02", "REG-33")
def test_a_recusal_holds_after_a_move_and_ends_with_its_day() -> None:
    known = Known(moved={some(105): TOWNSHIP}, recused={TOWNSHIP: (COUNTY, TODAY)})
    assert known.now(some(105), TODAY) == known.now(TOWNSHIP, TODAY) == COUNTY
    assert known.now(TOWNSHIP, TODAY + timedelta(days=1)) == TOWNSHIP


@pytest.mark.req("PRV-02")
def test_roles_of_the_case_pass_and_those_of_residence_stay_and_nobody_is_told_why() -> None:
    def given(role: Role, agency: UUID = TOWNSHIP, basis: str = "notice") -> AccessGranted:
        return AccessGranted(child=CHILD, agency=agency, role=role, basis=basis, cause=CAUSE)

    scenario(ACCESS).given(given(Role.LEDGER), given(Role.RESPONDER), given(Role.CASE_POLICE, STATION)).when(
        Recuse(child=CHILD, basis="recusal", cause=CAUSE, recused=TOWNSHIP, instead=COUNTY)
    ).then(
        given(Role.RESPONDER, COUNTY, "recusal"),
        AccessEnded(child=CHILD, agency=TOWNSHIP, role=Role.RESPONDER, reason="case"),
    )


# --- As people see it
async def reported(running: Running) -> tuple[str, str]:
    """File a report; returns (child, report)."""
    teacher, police = await running.sign_in("school-a-teacher"), await running.sign_in("police-a-desk")
    done = await teacher.do(
        "reporting/file-report", region="990101001001", grounds=["LIVING_ALONE"], children=[{"name": "张小禾"}],
        course="独自在家", found_at="2026-10-12T07:50:00+08:00",
    )  # fmt: skip
    await running.client.settled()
    child = done["events"][0]["subject"]
    page = await police.ask(f"agency/children/{child}")
    return child, page["chronology"][0]["open"]["report"]


async def knows(running: Running, post: str, child: str) -> set[str]:
    """Return the types of what a post's body is shown of a child: nothing is shown to whom it doesn't exist."""
    who = await running.sign_in(post)
    answer = await running.client.http.get(
        f"{running.client.urls['agency']}/agency/children/{child}", headers=who.headers
    )
    assert answer.status_code in {200, 404}
    return {step["type"] for step in answer.json().get("chronology", [])}


@pytest.mark.req("PRV-02")
async def test_the_county_is_told_in_the_townships_place_before_the_notice_and_after() -> None:
    async with embedded() as running:
        desk, county = await running.sign_in("police-a-desk"), await running.sign_in("county-officer")
        early, late = await reported(running), await reported(running)
        about: dict[str, Any] = {"recused": str(body_id("township-a")), "reason": WHY}
        await desk.do("reporting/set-recusal", report=early[1], **about)
        await desk.do("reporting/accept-reports", reports=[early[1], late[1]])
        await running.client.settled()
        database = running.platform.services["notification"].tools.database
        kept = await load(database, [UUID(early[0]), UUID(late[0])])
        assert kept[UUID(early[0])].recused == {body_id("township-a"): (body_id("county"), None)}
        assert kept[UUID(late[0])].recused == {}
        assert await knows(running, "township-a-clerk", early[0]) == set()
        assert PoliceNoticeSent.type in await knows(running, "county-officer", early[0])
        assert PoliceNoticeSent.type in await knows(running, "township-a-clerk", late[0])

        await desk.do("reporting/set-recusal", report=late[1], **about)
        await running.client.settled()
        left = await knows(running, "township-a-clerk", late[0])
        assert PoliceNoticeSent.type not in left
        assert RecusalSet.type not in left | await knows(running, "county-officer", late[0])
        assert PoliceNoticeSent.type in await knows(running, "county-officer", late[0])
        assert RecusalSet.type in await knows(running, "police-a-desk", late[0])
        tasks = (await county.ask("agency/worklist"))["tasks"]
        assert {(t["child"], t["kind"]) for t in tasks} == {
            (child, kind) for child, _ in (early, late) for kind in ("acknowledge-notice", "assess")
        }
        clerk = await running.sign_in("township-a-clerk")
        assert (await clerk.ask("agency/worklist"))["tasks"] == []
        for notice in [t["ref"] for t in tasks if t["kind"] == "acknowledge-notice"]:
            assert (await county.do("notification/acknowledge-notice", notice=notice))["events"]


async def station_is_told(running: Running) -> bool:
    county = await running.sign_in("police-county")
    child, report = await reported(running)
    await county.do(
        "reporting/set-recusal", report=report, recused=str(body_id("station-a")), reason="嫌疑人为该所民警"
    )
    await running.client.settled()
    assert RecusalSet.type in await knows(running, "police-county", child)
    told = await running.fetch(
        "notification", "select 1 from feed join heard using (event) where feed.agency = $1 and feed.child = $2"
        " and envelope like $3", body_id("station-a"), UUID(child), f"%{RecusalSet.type}%".encode(),
    )  # fmt: skip
    return bool(told) or ReportFiled.type in await knows(running, "police-a-desk", child)


@pytest.mark.req("PRV-02")
async def test_a_police_station_that_is_recused_loses_the_case_and_is_not_told_of_the_recusal() -> None:
    async with embedded() as running:
        assert not await station_is_told(running)


@pytest.mark.req("PRV-02")
async def test_a_recusal_that_is_told_to_the_recused_body_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted violation: the event goes to every role that the table names."""
    monkeypatch.setattr(router, "concerns", lambda *_: True)
    async with embedded() as running:
        with pytest.raises(AssertionError):
            assert not await station_is_told(running)
