"""A mistaken report is taken back by its reporter alone; it stays for the police, and says nothing of who it was."""

import json
from uuid import uuid4

import pytest

from schemas.reporting import ReportWithdrawn
from services.kernel.errors import NotFound
from services.registry.founding import body_id
from services.reporting.report import AcceptReports, WithdrawReport
from shouwang.client import Told
from tests.helpers import embedded
from tests.reporting.test_report import (
    CHILD,
    FIRST,
    INCIDENT,
    SECOND,
    accepted,
    filed,
    noticed,
    school,
    station,
)
from tests.scenario import VILLAGE, some

WITHDRAW = WithdrawReport(report=FIRST)
WITHDRAWN = ReportWithdrawn(child=CHILD, report=FIRST, incident=INCIDENT, region=VILLAGE)


@pytest.mark.req("PRV-01")
def test_the_reporter_withdraws_it_once_before_or_after_the_police_accepted_it() -> None:
    outcome = school().given(filed()).when(WITHDRAW)
    outcome.then(WITHDRAWN)
    outcome.done().when(WITHDRAW).then()
    school().given(filed(), accepted(), noticed()).when(WITHDRAW).then(WITHDRAWN)


@pytest.mark.req("PRV-01")
def test_nobody_else_can_and_to_them_there_is_no_such_report() -> None:
    school().given(filed()).told(post=some(7)).when(WITHDRAW).refused(NotFound)
    station().given(filed()).when(WITHDRAW).refused(NotFound)
    school().given(filed()).when(WithdrawReport(report=SECOND)).refused(NotFound)


@pytest.mark.req("PRV-01", "EMR-01")
def test_a_withdrawn_report_is_accepted_like_any_other() -> None:
    outcome = station().given(filed(), WITHDRAWN).when(AcceptReports(reports=(FIRST,)))
    assert [type(e).__name__ for e in outcome.events] == ["ReportAccepted", "PoliceNoticeSent"]


@pytest.mark.req("PRV-01")
async def test_the_police_of_the_case_learn_of_it_nobody_else_does_and_the_event_names_no_reporter() -> None:
    async with embedded() as running:
        teacher = await running.sign_in("school-a-teacher")
        done = await teacher.do(
            "reporting/file-report", region="990101001001", children=[{"name": "小禾"}],
            grounds=["LIVING_ALONE"], found_at="2026-10-30T08:00:00+08:00", reporter_name="陈老师",
        )  # fmt: skip
        child = done["events"][0]["subject"]
        rows = await running.fetch("reporting", "select stream from event order by seq")
        report = str(rows[0][0])
        head = await running.sign_in("school-a-head")
        for who, asked in (
            (head, report),
            (teacher, str(uuid4())),
            (await running.sign_in("police-a-desk"), report),
        ):
            with pytest.raises(Told, match=r"404 not-found|403 not-allowed"):
                await who.do("reporting/withdraw-report", report=asked)
        await teacher.do("reporting/withdraw-report", report=report)
        await running.client.settled()
        ((envelope,),) = await running.fetch(
            "reporting", "select envelope from event where type = $1", ReportWithdrawn.type
        )
        told = json.loads(envelope)
        assert (told["actor"], "onbehalfof" in told, told["data"].get("sealed", [])) == ("intake", False, [])
        assert str(body_id("school-a")) not in envelope.decode()
        told_to = await running.fetch(
            "notification",
            "select distinct f.agency from feed f join heard h using (event) where h.envelope like $1",
            f"%{ReportWithdrawn.type}%".encode(),
        )
        assert {row[0] for row in told_to} == {body_id("station-a"), body_id("police")}
        page = await (await running.sign_in("police-a-desk")).ask(f"agency/children/{child}")
        assert ReportWithdrawn.type in json.dumps(page)
        tasks = await (await running.sign_in("police-a-desk")).ask("agency/worklist")
        assert child in json.dumps(tasks), "the police still have it to do"
