"""A school is told of its pupil from when its file is opened until the child has left, and of nothing else (REG-23)."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from schemas.notification import AccessEnded, AccessGranted, Role
from schemas.reference import BodyKind
from schemas.registry import (
    ChildRegistered,
    Closing,
    Leaving,
    LedgerEntryClosed,
    SchoolFileClosed,
    SchoolFileOpened,
)
from services.kernel.errors import NotFound
from services.notification.access import ACCESS, EndSchooling, GrantAccess
from services.registry.child import CHILD
from services.registry.founding import body_id
from services.registry.schooling import CloseSchoolFile, NotASchool, OpenSchoolFile
from services.registry.withdrawing import EntryClosed
from shouwang.client import Person, Told
from tests.helpers import Running, embedded
from tests.notification.test_rules import CAUSE, tasks
from tests.scenario import TOWNSHIP, VILLAGE, Scenario, scenario, some

ONE, SCHOOL, OTHER = some(1), some(301), some(302)
KINDS = {SCHOOL: BodyKind.SCHOOL, OTHER: BodyKind.SCHOOL, TOWNSHIP: BodyKind.TOWNSHIP}
START, END = date(2026, 9, 1), date(2026, 12, 1)


def files() -> Scenario[Any]:
    on_file = ChildRegistered(child=ONE, region=VILLAGE, name="张小禾")
    return scenario(CHILD, kind_of=KINDS.get).given(on_file)


def opening(school: UUID = SCHOOL) -> OpenSchoolFile:
    return OpenSchoolFile(child=ONE, school=school, starts=START)


def closing(school: UUID = SCHOOL) -> CloseSchoolFile:
    return CloseSchoolFile(child=ONE, school=school, ends=END, leaving=Leaving.MOVED_ON)


def opened(school: UUID = SCHOOL) -> SchoolFileOpened:
    return SchoolFileOpened(child=ONE, region=VILLAGE, school=school, starts=START)


def left(school: UUID = SCHOOL) -> SchoolFileClosed:
    return SchoolFileClosed(child=ONE, region=VILLAGE, school=school, ends=END, leaving=Leaving.MOVED_ON)


# --- Decisions
@pytest.mark.req("REG-23", "REG-24")
def test_a_file_is_opened_once_at_a_school_and_closed_once() -> None:
    made = files().when(opening()).then(opened())
    made.when(opening()).then()
    made.when(opening(OTHER)).then(opened(OTHER)).when(closing()).then(left()).when(closing()).then()
    files().when(closing()).then()
    made.when(closing()).then(left()).when(opening()).then(opened())


@pytest.mark.req("REG-23")
def test_a_body_that_is_no_school_and_a_child_that_is_not_on_file_are_refused() -> None:
    for body in (TOWNSHIP, some(999)):
        files().when(opening(body)).refused(NotASchool)
    scenario(CHILD, kind_of=KINDS.get).when(opening()).refused(NotFound)


@pytest.mark.req("PRV-03", "REG-23")
def test_a_school_gains_a_role_by_its_file_and_loses_it_with_it() -> None:
    (granting,) = tasks(opened())
    assert granting.command == GrantAccess(
        child=ONE, agency=SCHOOL, role=Role.SCHOOL, basis="schooling", cause=CAUSE
    )
    held = scenario(ACCESS).when(granting.command).done()
    (ending,) = tasks(left())
    assert isinstance(ending.command, EndSchooling)
    held.when(ending.command).then(
        AccessEnded(child=ONE, agency=SCHOOL, role=Role.SCHOOL, reason="schooling")
    )
    (elsewhere,) = tasks(left(OTHER))
    held.when(elsewhere.command).then()
    assert [type(e) for e in held.streams[granting.stream]] == [AccessGranted]


# --- On the platform
async def shown(who: Person, child: str) -> dict[str, set[str]] | None:
    """Event type → classes that its page shows, or None where there is none."""
    try:
        page = await who.ask(f"agency/children/{child}")
    except Told:
        return None
    return {step["type"]: {s["data_class"] for s in step["shown"]} for step in page["chronology"]}


async def on_file(running: Running) -> str:
    facts: dict[str, Any] = {
        "father": {"name": "张大山"}, "family_phones": {"mother": "13912340001"},
        "residence": "上塘村2组", "schooling": "primary",
    }  # fmt: skip
    return await running.register("张小禾", **facts)


@pytest.mark.req("PRV-03", "REG-23")
async def test_a_school_sees_its_pupils_parents_and_guardian_until_the_child_has_left_and_no_report_ever() -> (
    None
):
    async with embedded() as running:
        clerk = await running.sign_in("township-a-clerk")
        teacher, other = await running.sign_in("school-a-teacher"), await running.sign_in("school-b-teacher")
        child = await on_file(running)
        file = {"child": child, "school": str(body_id("school-a"))}
        await running.client.settled()
        assert await shown(teacher, child) is None
        for who, code in ((teacher, "403 not-allowed"), (other, "403 not-allowed")):
            with pytest.raises(Told, match=code):
                await who.do("registry/open-school-file", **file, starts="2026-09-01")
        await clerk.do("registry/open-school-file", **file, starts="2026-09-01")
        await running.client.settled()
        before = await shown(teacher, child)
        assert before is not None
        assert before["registry.child-registered.v1"] == {"name", "family", "schooling"}
        assert "notification.access-granted.v1" in before
        page = str(await teacher.ask(f"agency/children/{child}"))
        assert ("张大山" in page, "13912340001" in page, "上塘村2组" in page) == (True, False, False)
        await clerk.do(
            "registry/delegate-guardianship", children=[child], name="王桂花", relation="祖母", capable=True, willing=True,
            starts="2026-09-02", instruments=["DELEGATION_AGREEMENT", "GUARDIANSHIP_UNDERTAKING"],
        )  # fmt: skip
        await teacher.do(
            "reporting/file-report", region="990101001001", children=[{"name": "张小禾"}], grounds=["LIVING_ALONE"],
            found_at="2026-10-12T07:50:00+08:00",
        )  # fmt: skip
        await running.client.settled()
        now = await shown(teacher, child)
        assert now is not None
        assert now["registry.guardian-changed.v1"] == {"name"}
        assert not any(kind.startswith(("reporting.", "assessment.")) for kind in now)
        assert await shown(other, child) is None
        for school in ("school-a", "school-b"):
            with pytest.raises(Told, match="404 not-found"):
                told = {"child": child, "school": str(body_id(school))}
                await other.do("registry/close-school-file", **told, ends="2026-12-01", leaving="moved_on")
        await teacher.do("registry/close-school-file", **file, ends="2026-12-01", leaving="moved_on")
        await running.client.settled()
        after = await shown(teacher, child)
        assert after is None or set(after) == {"registry.school-file-closed.v1"}, "its own act alone"
        assert "张大山" not in str(after)


@pytest.mark.req("REG-23", "REG-04")
def test_a_file_that_was_entered_in_error_is_opened_at_no_school() -> None:
    closed = LedgerEntryClosed(child=ONE, region=VILLAGE, reason=Closing.ENTERED_IN_ERROR)
    files().given(closed).when(opening()).refused(EntryClosed)
