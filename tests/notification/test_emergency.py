"""Emergency access: for a reason, for some hours, reviewed by the body above; it ends by itself, or when it was not justified."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from schemas.notification import AccessEnded, AccessGranted, EmergencyOpened, EmergencyReviewed, Role
from schemas.reference import BodyKind
from schemas.registry import ChildRegistered
from services.kernel.errors import NotFound
from services.kernel.world import RealWorld
from services.kernel.writing.reactions import Task
from services.notification.access import ACCESS, Access
from services.notification.duty import MeetDuty, OpenDuty
from services.notification.emergency import (
    EndEmergency,
    NobodyReviews,
    OpenEmergency,
    Reviewed,
    ReviewEmergency,
    addressee,
)
from services.notification.known import Known
from services.notification.reactions import Rules
from services.registry.founding import body_id
from shouwang.client import Told
from tests.helpers import Running, embedded
from tests.scenario import NOW, STATION, TOWNSHIP, Scenario, find_body_in, scenario, some, written

CHILD, CAUSE, POLICE, POST = some(1), some(20), some(150), some(201)
ON_FILE = AccessGranted(child=CHILD, agency=TOWNSHIP, role=Role.LEDGER, basis="residence", cause=CAUSE)
WHY = "儿童走失,须联系其亲属"


def access(superior: Callable[[UUID], UUID | None] = lambda _: POLICE) -> Scenario[Access]:
    return scenario(ACCESS, body=STATION, body_kind=BodyKind.POLICE_STATION, superior_of=superior).given(
        ON_FILE
    )


def opened(emergency: UUID, hours: int = 24) -> EmergencyOpened:
    return EmergencyOpened(
        child=CHILD, emergency=emergency, agency=STATION, post=POST, reviewer=POLICE, until=NOW + timedelta(hours=hours),
        reason=WHY,
    )  # fmt: skip


def granted(emergency: UUID) -> AccessGranted:
    return AccessGranted(child=CHILD, agency=STATION, role=Role.EMERGENCY, basis="emergency", cause=emergency)


def ended(reason: str) -> AccessEnded:
    return AccessEnded(child=CHILD, agency=STATION, role=Role.EMERGENCY, reason=reason)


def reviewed(emergency: UUID, *, justified: bool) -> EmergencyReviewed:
    return EmergencyReviewed(
        child=CHILD, emergency=emergency, agency=STATION, reviewer=POLICE, justified=justified
    )


ID = UUID(int=1)
"""The first id of a scenario."""
OPEN = OpenEmergency(child=CHILD, reason=WHY)


@pytest.mark.req("PRV-02")
def test_it_is_opened_once_at_a_time_for_some_hours_with_a_reviewer_above() -> None:
    done = access().when(OpenEmergency(child=CHILD, reason=WHY, hours=2)).then(opened(ID, 2), granted(ID))
    done.when(OPEN).then()
    access(lambda _: None).when(OPEN).refused(NobodyReviews)


@pytest.mark.req("PRV-02")
@pytest.mark.parametrize("hours", [0, 73])
def test_it_is_for_an_hour_at_least_and_three_days_at_most(hours: int) -> None:
    with pytest.raises(ValueError, match="hours"):
        OpenEmergency(child=CHILD, reason=WHY, hours=hours)


@pytest.mark.req("PRV-02")
def test_of_a_child_of_whom_nobody_may_know_there_is_nothing_to_look_at() -> None:
    with pytest.raises(NotFound):
        ACCESS.scope_of(OPEN, Access())


@pytest.mark.req("PRV-02")
def test_it_ends_by_the_clock_once_and_may_be_opened_anew() -> None:
    end = EndEmergency(child=CHILD, emergency=ID)
    over = access().given(opened(ID), granted(ID)).when(end).then(ended("expired"))
    over.when(end).then()
    again = over.when(OPEN)
    assert [type(e) for e in again.events] == [EmergencyOpened, AccessGranted]


@pytest.mark.req("PRV-02")
def test_what_ends_or_judges_an_earlier_one_leaves_a_later_one_alone() -> None:
    later = some(8)
    both = access().given(opened(ID), granted(ID), ended("not-justified"), opened(later), granted(later))
    both.when(EndEmergency(child=CHILD, emergency=ID)).then()
    both.when(ReviewEmergency(child=CHILD, emergency=ID, justified=False)).then(reviewed(ID, justified=False))
    both.when(EndEmergency(child=CHILD, emergency=later)).then(ended("expired"))


@pytest.mark.req("PRV-02")
def test_the_reviewer_alone_reviews_it_once_and_what_was_not_justified_ends_at_once() -> None:
    stands = access().given(opened(ID), granted(ID))
    yes, no = [ReviewEmergency(child=CHILD, emergency=ID, justified=j) for j in (True, False)]
    assert ACCESS.scope_of(yes, stands.state(ACCESS_STREAM)) == {"addressee": POLICE}
    with pytest.raises(NotFound):
        addressee(
            ReviewEmergency(child=CHILD, emergency=some(9), justified=True), stands.state(ACCESS_STREAM)
        )
    stands.when(yes).then(reviewed(ID, justified=True)).when(no).refused(Reviewed)
    stands.when(no).then(reviewed(ID, justified=False), ended("not-justified"))
    access().given(opened(ID), granted(ID), ended("expired")).when(no).then(reviewed(ID, justified=False))


ACCESS_STREAM = next(iter(access().streams))


def heard(event: Any) -> list[Task]:
    envelope, _ = written(event, CAUSE)
    return list(Rules(find_body_in({}), lambda _: None).tasks(envelope, Known()))


@pytest.mark.req("PRV-02")
def test_the_body_above_owes_a_review_and_has_given_it_when_it_is_there() -> None:
    (owed,) = [t.command for t in heard(opened(ID)) if isinstance(t.command, OpenDuty)]
    assert (owed.owed_by, owed.about, owed.rule, owed.limit) == (POLICE, ID, "review-emergency", "3d")
    (met,) = [t.command for t in heard(reviewed(ID, justified=True)) if isinstance(t.command, MeetDuty)]
    assert met.duty == owed.duty


# --- As people see it
class Hurrying(RealWorld):
    """Real time, that a test may put forward."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


async def sees(running: Running, post: str, child: str) -> str | None:
    who = await running.sign_in(post)
    url = f"{running.client.urls['agency']}/agency/children/{child}"
    answer = await running.client.http.get(url, headers=who.headers)
    assert answer.status_code in {200, 404}
    return answer.text if answer.status_code == 200 else None


@pytest.mark.req("PRV-02")
async def test_a_station_elsewhere_looks_for_an_hour_and_the_county_police_review_it() -> None:
    world = Hurrying()
    async with embedded(world=world) as running:
        child = await running.register(
            "张小禾", residence="上塘村1组", family_phones={"mother": "13900000071"}
        )
        await running.client.settled()
        station, above, keeper = [
            await running.sign_in(p) for p in ("police-b-desk", "police-county", "township-a-clerk")
        ]
        assert await sees(running, "police-b-desk", child) is None
        with pytest.raises(Told, match="403 not-allowed"):
            await keeper.do("notification/open-emergency", child=child, reason=WHY)
        with pytest.raises(Told, match="404 not-found"):
            await station.do("notification/open-emergency", child=str(some(9)), reason=WHY)
        done = await station.do("notification/open-emergency", child=child, reason=WHY, hours=1)
        await running.client.settled()
        page = await sees(running, "police-b-desk", child)
        assert page is not None
        assert "13900000071" in page
        assert WHY not in (await sees(running, "township-a-clerk", child) or "")
        chronology = (await keeper.ask(f"agency/children/{child}"))["chronology"]
        assert EmergencyOpened.type in {s["type"] for s in chronology}
        (task,) = [
            t for t in (await above.ask("agency/worklist"))["tasks"] if t["kind"] == "review-emergency"
        ]
        told = await running.fetch(
            "notification", "select agency from feed where event = $1", UUID(done["events"][0]["id"])
        )
        assert body_id("police") in {row["agency"] for row in told}

        world.ahead = timedelta(hours=1, seconds=1)
        async with asyncio.timeout(30):
            while "13900000071" in (left := await sees(running, "police-b-desk", child) or ""):
                await asyncio.sleep(0.05)
        assert "张小禾" not in left
        assert EmergencyOpened.type in left  # what it did itself it keeps
        await above.do("notification/review-emergency", child=child, emergency=task["ref"], justified=True)
        with pytest.raises(Told, match="409 reviewed"):
            await above.do(
                "notification/review-emergency", child=child, emergency=task["ref"], justified=False
            )
        await running.client.settled()
        assert not [
            t for t in (await above.ask("agency/worklist"))["tasks"] if t["kind"] == "review-emergency"
        ]
        assert ChildRegistered.type in {s["type"] for s in chronology}
