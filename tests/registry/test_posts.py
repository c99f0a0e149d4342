"""Posts: assigned, changed, stood in for and left; an id of something else is no post, and no child."""

from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from schemas.event import Event
from schemas.reference import PostAssigned, PostEnded
from services.kernel.errors import NotFound, Refusal
from services.kernel.hearing.reference import Reference
from services.registry.founding import body_id, post_id
from services.registry.posts import (
    POST,
    AnotherBodys,
    AssignPost,
    EndPost,
    EndsBeforeItBegins,
    NoEndForDeputy,
)
from shouwang.client import Told
from tests.helpers import embedded

POST_ID, BODY, PERSON = (UUID(int=n) for n in (1, 2, 3))
HELD = PostAssigned(post=POST_ID, body=BODY, person=PERSON, duty="办事员", valid_from=date(2026, 1, 1))


def decide(given: list[Event], command: AssignPost | EndPost) -> list[Event]:
    ((_, part),) = command.each(lambda: POST_ID)
    context: Any = None
    return list(POST.decide(part, POST.fold(given), context))


def assign(**how: Any) -> AssignPost:
    told = {"body": BODY, "person": PERSON, "duty": "办事员", "valid_from": date(2026, 1, 1)} | how
    return AssignPost.model_validate(told)


@pytest.mark.req("PLT-06")
def test_a_post_is_assigned_once_changed_ended_and_taken_up_again() -> None:
    assert decide([], assign()) == [HELD]
    assert decide([HELD], assign(post=POST_ID)) == []
    other = decide([HELD], assign(post=POST_ID, person=uuid4()))
    assert [type(e) for e in other] == [PostAssigned]
    ended = PostEnded(post=POST_ID, body=BODY)
    assert decide([HELD], EndPost(post=POST_ID)) == [ended]
    assert decide([HELD, ended], EndPost(post=POST_ID)) == []
    assert decide([HELD, ended], assign(post=POST_ID)) == [HELD]


@pytest.mark.parametrize(
    ("given", "command", "refusal"),
    [
        ([], EndPost(post=POST_ID), NotFound),
        ([], assign(post=POST_ID), NotFound),
        ([HELD], assign(post=POST_ID, body=uuid4()), AnotherBodys),
        ([], assign(valid_to=date(2025, 12, 31)), EndsBeforeItBegins),
        ([], assign(deputy_of=uuid4()), NoEndForDeputy),
    ],
)
def test_what_makes_no_sense_is_refused(
    given: list[Event], command: AssignPost | EndPost, refusal: type[Refusal]
) -> None:
    with pytest.raises(refusal):
        decide(given, command)


@pytest.mark.req("PLT-06")
async def test_the_body_above_assigns_and_an_id_of_something_else_is_unknown() -> None:
    async with embedded() as running:
        county, clerk = await running.sign_in("county-officer"), await running.sign_in("township-a-clerk")
        fields = {"person": str(uuid4()), "duty": "乡镇儿童督导员", "valid_from": "2026-01-01"}
        await county.do("registry/assign-post", body=str(body_id("township-a")), **fields)
        await county.do("registry/assign-post", body=str(body_id("county")), **fields)
        for body in ("township-a", "county", "school-a", "auditor"):
            with pytest.raises(Told) as refused:
                await clerk.do("registry/assign-post", body=str(body_id(body)), **fields)
            assert (refused.value.status, refused.value.body["code"]) == (403, "not-allowed")
        child = await running.register("周小麦")
        head = (await running.client.positions())["registry"]["head"]
        desk = await running.sign_in("police-a-desk")
        identify = {"region": "990101001001", "basis": ["HOME_VISIT"], "file": child}
        for path, who, how in (
            ("registry/end-post", county, {"post": child}),
            (
                "registry/update-ledger-entry",
                clerk,
                {"child": str(post_id("township-a-clerk")), "residence": "x"},
            ),
            ("registry/identify-child", desk, {"child": str(post_id("township-a-clerk")), **identify}),
        ):
            with pytest.raises(Told) as refused:
                await who.do(path, **how)
            assert refused.value.status == (403 if who is county else 404), path
        assert (await running.client.positions())["registry"]["head"] == head


@pytest.mark.req("PLT-06")
async def test_a_service_that_starts_again_knows_which_posts_were_ended_and_which_assigned_again() -> None:
    async with embedded() as running:
        county, registry = await running.sign_in("county-officer"), running.platform.services["registry"]
        people = [uuid4(), uuid4()]
        fields = {"body": str(body_id("township-a")), "duty": "办事员", "valid_from": "2026-01-01"}
        for person in people:
            done = await county.do("registry/assign-post", person=str(person), **fields)
            post = done["events"][0]["subject"]
            await county.do("registry/end-post", post=post)
        await county.do("registry/assign-post", post=post, person=str(people[1]), **fields)
        await running.client.settled()
        again = Reference()
        await again.load(registry.tools.database)
        for known in (registry.reference, again):
            held = [[str(p.id) for p in known.held(person, date(2026, 6, 1))] for person in people]
            assert held == [[], [post]]
