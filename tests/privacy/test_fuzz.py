"""Every operation of every service is tried: its document, its door, and the ids of others (PRV-03)."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
import requests
from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from services.kernel.doors.web import application
from services.kernel.errors import NotAllowed, NotFound
from services.kernel.people.auth import Tokens
from services.kernel.people.authority import authority_table
from services.registry.founding import body_id, person_id, post_id
from shouwang.client import Told
from shouwang.demo_ledger import demo_workbook
from tests.helpers import Running, embedded
from tests.privacy.fuzzing import (
    EXAMPLES,
    Headers,
    Slot,
    document_of,
    id_slots,
    open_operations,
    told_apart,
    violations,
)
from tests.privacy.measured import Record, tell

PEOPLE = [
    "township-a-clerk", "township-b-clerk", "police-a-desk", "school-a-teacher", "village-a1-director",
    "civil-affairs-officer", "county-officer", "institution-officer", "procurator",
]  # fmt: skip
STRANGERS = [
    "township-b-clerk", "police-b-desk", "school-b-teacher", "village-a1-director",
    "institution-officer",
]  # fmt: skip
"""Posts that may know nothing of what township A's second village did: of B, of the first village, of other kinds."""
A, B = "990101001002", "990101002001"
NAMES = {A: "金丝雀甲", B: "云雀乙"}
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
Ids = Mapping[str, list[str]]
"""Ids by the name of the field that they stand in."""


@dataclass(frozen=True)
class World:
    """A platform on which two townships have worked, what the first one's things are called, and the other's."""

    running: Running
    a: Ids
    b: Ids
    canaries: Collection[str]
    people: Mapping[str, Headers]
    kinds: Mapping[str, str]

    @property
    def base(self) -> str:
        return self.running.client.urls["registry"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world() -> AsyncIterator[World]:
    async with embedded() as running:
        await _work(running, A, "township-a-clerk", "school-a-teacher", "police-a-desk")
        a = await _ids(running)
        await _work(running, B, "township-b-clerk", "school-b-teacher", "police-b-desk")
        b = {k: [i for i in ids if i not in a.get(k, ())] for k, ids in (await _ids(running)).items()}
        people = {
            key: {
                "Authorization": (await running.sign_in(key)).headers["Authorization"],
                "X-Post": str(post_id(key)),
            }
            for key in {*PEOPLE, *STRANGERS}
        }
        canaries = {NAMES[A], f"{A}的经过"}
        told = {p["post"]: p["kind"] for p in await running.client.people()}
        kinds = {key: told[str(post_id(key))] for key in people}
        yield World(running, a, b, canaries, people, kinds)


async def _work(running: Running, village: str, clerk: str, teacher: str, desk: str) -> None:
    """A township's year in short: an import, a child by hand, a delegation, a report, its acceptance."""
    office = await running.sign_in(clerk)
    book, _ = demo_workbook(int(village) % 1000, [(village, "村")], 40)
    await office.send_file("registry/imports", book, filename="册.xlsx", closing_date="2026-09-30")
    child = await _registered(running, village, clerk)
    await office.do("registry/delegate-guardianship", **DELEGATION, children=[child])
    child_reported, report = await _reported(running, village, teacher, desk)
    await _reported(running, village, teacher, desk)  # of this one nobody has said yet who it is
    police = await running.sign_in(desk)
    await police.do(
        "registry/identify-child", child=child_reported, file=child, region=village, basis=["HOME_VISIT"]
    )
    await police.do("reporting/accept-reports", reports=[report])
    await running.client.settled()


async def _reported(running: Running, village: str, teacher: str, desk: str) -> tuple[str, str]:
    done = await (await running.sign_in(teacher)).do(
        "reporting/file-report", region=village, children=[{"name": NAMES[village]}], grounds=["LIVING_ALONE"],
        found_at="2026-10-12T07:50:00+08:00", course=f"{village}的经过",
    )  # fmt: skip
    await running.client.settled()
    child = done["events"][0]["subject"]
    steps = (await (await running.sign_in(desk)).ask(f"agency/children/{child}"))["chronology"]
    return child, next(s["open"]["report"] for s in steps if s["event"] == done["events"][0]["id"])


async def _registered(running: Running, village: str, clerk: str) -> str:
    done = await (await running.sign_in(clerk)).do(
        "registry/register-child",
        region=village,
        name=NAMES[village],
        birth_date="2015-03-05",
        residence="x村",
    )
    return str(done["events"][0]["subject"])


async def _ids(running: Running) -> Ids:
    """Return the ids of all that was written so far, but for bodies, posts and people, which everybody knows."""
    reference = {
        str(i) for p in await running.client.people() for i in [p["post"]]
    } | {str(body_id(k)) for k in BODIES}  # fmt: skip
    found: dict[str, list[str]] = {}
    for service in ("registry", "reporting", "assessment", "notification"):
        for (envelope,) in await running.fetch(service, "select envelope from event order by seq"):
            told = json.loads(envelope)
            if told["type"].startswith("reference."):
                continue
            for name, value in [
                ("event", told["id"]),
                ("correlation", told.get("correlationid")),
                *told["data"].items(),
            ]:
                for each in _UUID.findall(json.dumps(value)):
                    if each not in reference and each not in found.setdefault(name, []):
                        found[name].append(each)
    for row in await running.fetch("registry", "select id from import order by made_at"):
        found.setdefault("import", []).append(str(row["id"]))
    return found


BODIES = [
    "county", "civil-affairs", "education", "police", "township-a", "township-b", "station-a", "station-b", "village-a1",
    "village-a2", "village-a3", "village-a4", "village-b1", "village-b2", "village-b3", "village-b4", "school-a",
    "school-b", "institution", "auditor",
]  # fmt: skip
DELEGATION: dict[str, Any] = {
    "starts": "2026-09-01", "instruments": ["DELEGATION_AGREEMENT", "GUARDIANSHIP_UNDERTAKING"], "name": "钱桂香",
    "relation": "外祖母", "capable": True, "willing": True,
}  # fmt: skip
BODY = {
    "recused": "township-a",
    "receiver": "institution",
    "requested_by": "station-b",
    "body": "township-b",
    "school": "school-b",
}
"""Ids of bodies that a request names; all others are the asking township's own."""
CALLED = {
    "children": "child",
    "events": "event",
    "reports": "report",
    "person": "guardian",
    "made": "import",
}
CORRECTION = {"field": "name", "value": "某某", "basis": "ID_CARD_SEEN"}
ASKS: dict[str, dict[str, Any]] = {
    "POST /registry/assign-post": {"duty": "办事员", "valid_from": "2026-01-01", "valid_to": "2026-12-31"},
    "POST /registry/end-post": {},
    "POST /registry/update-ledger-entry": {"residence": "y村"},
    "POST /registry/delegate-guardianship": {**DELEGATION, "starts": "2026-09-02"},
    "POST /registry/identify-child": {"basis": ["HOME_VISIT"], "region": B},
    "POST /registry/correct-fact": CORRECTION,
    **{
        f"POST /registry/{what}": {"basis": "PIPL_47"}
        for what in ("erase-subject", "hold-erasure", "end-erasure-hold", "seal-subject", "unseal-subject")
    },
    "POST /registry/open-school-file": {"starts": "2026-09-01"},
    "POST /registry/close-school-file": {"ends": "2026-12-01", "leaving": "finished"},
    "POST /registry/propose-transfer": {"new_region": A},
    "POST /registry/accept-transfer": {},
    "POST /registry/withdraw-entries": {},
    "POST /registry/imports/{made}/undo": {},
    "POST /reporting/accept-reports": {},
    "POST /reporting/withdraw-report": {},
    "POST /reporting/set-recusal": {"reason": "嫌疑人为该单位人员"},
    "POST /reporting/correct-report-fact": CORRECTION,
    "POST /assessment/end-placement": {"ends": "2026-12-01", "ending": "PARENTS_RETURNED"},
    "POST /assessment/close-case": {"outcome": "SAFETY_SECURED", "safety": "母亲已返乡照料"},
    "POST /assessment/make-placement": {
        "kind": "PROTECTIVE", "request": "GA-2026-118", "starts": "2026-10-21", "grounds": ["UNATTENDED"],
    },
    "POST /notification/acknowledge-notice": {},
    "POST /notification/discharge-duty": {},
    "POST /notification/open-emergency": {"reason": "儿童走失"},
    "POST /notification/review-emergency": {"justified": True},
    "POST /notification/pause-duty": {"reason": "FLOOD"},
    "POST /notification/resume-duty": {"reason": "FLOOD"},
    "POST /notification/extend-duty": {"reason": "FLOOD", "by": "P1D"},
    "GET /agency/ledger": {},
    "GET /agency/children/{child}": {},
    "GET /audit/known": {},
    "GET /audit/disclosed": {},
    "GET /audit/told": {},
    "GET /audit/access": {},
}  # fmt: skip
"""What else stands in a request that names ids: an operation that isn't here fails the test."""
NOT_COMPARED = {
    # Whom to sign in as: for development, on loopback alone.
    ("POST /registry/dev/sign-in", "post"),
    # What was reported is another service's, so any id may be identified here; what follows from it has its own test.
    ("POST /registry/identify-child", "child"),
    # Which bodies there are is no secret; a receipt is for whoever holds its number.
    ("POST /reporting/set-recusal", "recused"),
    ("GET /audit/receipts/{number}", "number"),
    # An emergency is for a child that is no concern of the body's: reviewed, and on record.
    ("POST /notification/open-emergency", "child"),
}
OPEN = {
    *(f"GET /{name}/{page}" for name in ("registry", "reporting", "assessment", "notification", "agency", "audit", "live")
      for page in ("docs", "openapi.json", "static", "health/live", "health/ready", "positions", "metrics")),
    "GET /docs/oauth2-redirect",
    "GET /registry/dev/people", "POST /registry/dev/sign-in",  # for development, on loopback alone
    "GET /audit/receipts/{number}",  # who asked would be who reported
}  # fmt: skip
"""What answers without a token; whoever opens another door writes it here."""


def _without(running: Running) -> list[Headers]:
    """Somebody who has no token, a forged one, one that ran out."""
    tokens = running.platform.services["registry"].tools.tokens
    assert isinstance(tokens, Tokens)
    clerk = (person_id("township-a-clerk"), post_id("township-a-clerk"))
    bearers = [Tokens("another-secret-of-thirty-two-bytes!").issue(*clerk), tokens.issue(*clerk, seconds=-10)]
    return [{}, *({"Authorization": f"Bearer {token}"} for token in bearers)]


@pytest.mark.req("PRV-03")
async def test_an_id_that_somebody_may_not_know_is_answered_like_one_that_does_not_exist(
    world: World,
) -> None:
    found: dict[str, list[str]] = {}
    for service in world.running.platform.services.values():
        await world.running.client.settled()
        slots = list(id_slots(document_of(service.app)))
        for slot in slots:
            if (slot.operation, slot.name) in NOT_COMPARED:
                continue
            for may in (False, True) if slot.place == "body" else (False,):
                for who in STRANGERS:
                    told = await asyncio.to_thread(_told_apart, world, slots, slot, who, may=may)
                    found |= {f"{slot} {who} {may}": told} if told else {}
    assert found == {}


def _told_apart(
    world: World, slots: Collection[Slot], slot: Slot, who: str, *, may: bool = False
) -> list[str]:
    """Ask as a stranger with ids of township A in one place of a request, and with ids that don't exist."""
    method, _, path = slot.operation.partition(" ")
    service, command = path.split("/")[1], path.rpartition("/")[2]
    others = [s for s in slots if s.operation == slot.operation and s != slot and s.name != "guardian"]
    session = requests.Session()

    def ask(asked: str) -> tuple[int, str]:
        parts: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "body": dict(ASKS[slot.operation])}
        for at, value in [*((s, _own(world, s.name)) for s in others), (slot, asked)]:
            parts[at.place][at.name] = [value] if at.many else value
        address = path.format(**parts["path"])
        answer = session.request(
            method, world.base + (address.replace(f"/{service}/", f"/{service}/may/") if may else address),
            params=parts["query"], json=parts["body"] or None,
            headers={**world.people[who], "X-Purpose": "case-work", "Idempotency-Key": str(uuid4())},
        )  # fmt: skip
        return answer.status_code, answer.text

    def head() -> int:
        found: int = session.get(f"{world.base}/{service}/positions").json().get("head", 0)
        return found

    # Of a command that the post's kind of body may never issue, one id tells; else those that fit come first.
    fitting = world.a.get(CALLED.get(slot.name, slot.name), world.a["child"])
    rules = authority_table().get(command)
    allowed = rules is None or any(world.kinds[who] in rule.bodies for rule in rules)
    others_too = [fitting[0], fitting[-1], *(kind[-1] for kind in world.a.values())]
    ids = list(dict.fromkeys(others_too))[: EXAMPLES if allowed else 1]
    return told_apart(ask, ids, _beside(ids[0]), head, world.canaries)


def _own(world: World, name: str) -> str:
    """Return what township B would name there."""
    if name in BODY:
        return str(body_id(BODY[name]))
    return world.b.get(CALLED.get(name, name), [str(uuid4())])[-1]


def _beside(known: str) -> str:
    """Return an id that doesn't exist, made as those that do."""
    return str(UUID(int=UUID(known).int ^ 1))


@pytest.mark.req("PRV-03")
async def test_nothing_but_what_is_listed_answers_without_a_token(world: World) -> None:
    found: set[str] = set()
    for service in world.running.platform.services.values():
        found |= await asyncio.to_thread(open_operations, world.base, service.app, _without(world.running))
    assert found == OPEN


async def test_every_answer_is_what_the_document_says_and_no_request_breaks_a_service(
    world: World, record_property: Record
) -> None:
    tried: Counter[Any] = Counter()
    found = set()
    for service in world.running.platform.services.values():
        found |= await asyncio.to_thread(
            violations, world.base, document_of(service.app), _people(world), _known(world), tried=tried
        )
    tell(record_property, "api fuzz", tried=tried.total(), failed=len(found), bar=1_000)
    assert found == set()
    assert {label for label, _, _ in tried} >= set(ASKS)
    assert {status for _, _, status in tried} >= {200, 400, 403, 404, 422}


def _people(world: World) -> dict[str, Headers]:
    return {who: world.people[who] for who in PEOPLE}


def _known(world: World) -> dict[str, Any]:
    one: dict[str, Any] = {name: ids[0] for name, ids in world.a.items()}
    many = {"children": [one["child"]], "reports": [one["report"]], "events": [one["event"]]}
    return one | many | {"region": A, "name": "周小苗", "found_at": "2026-10-12T07:50:00+08:00"}


@pytest.mark.req("PRV-03")
async def test_a_station_that_identifies_what_was_reported_elsewhere_is_shown_nothing_of_it(
    world: World,
) -> None:
    desk = await world.running.sign_in("police-b-desk")
    reported, file = world.a["child"][-1], world.b["file"][0]
    await desk.do("registry/identify-child", child=reported, file=file, region=B, basis=["HOME_VISIT"])
    await world.running.client.settled()
    for key in STRANGERS:
        who = await world.running.sign_in(key)
        told = [await who.ask("agency/worklist"), await who.search(name=NAMES[A])]
        for child in (reported, file):
            with suppress(Told):
                told.append(await who.ask(f"agency/children/{child}"))
        assert not any(name in json.dumps(told, ensure_ascii=False) for name in world.canaries)


# --- Does it bite? A service of planted mistakes beside the real ones, seen by the same checks.
class _Counted(BaseModel):
    n: int


def _mistakes(world: World, touched: list[str]) -> APIRouter:
    router = APIRouter()
    theirs = {i for ids in world.a.values() for i in ids}

    @router.get("/breaks")
    async def breaks() -> _Counted:
        raise ZeroDivisionError

    @router.get("/says-other", response_model=_Counted)
    async def says_other() -> Response:
        return JSONResponse({"n": "many"})

    @router.get("/undeclared", response_model=_Counted)
    async def undeclared() -> Response:
        return JSONResponse({"n": 1}, 207)

    @router.get("/mute", response_model=_Counted)
    async def mute() -> Response:
        return Response("no", 404, media_type="application/problem+json")

    @router.get("/takes-anything", openapi_extra={"parameters": [
        {"name": "n", "in": "query", "required": True, "schema": {"type": "integer"}}]})  # fmt: skip
    async def takes_anything() -> _Counted:
        return _Counted(n=1)

    @router.post("/hidden", include_in_schema=False)
    async def hidden() -> _Counted:
        return _Counted(n=1)

    @router.get("/tells-apart/{child}")
    async def tells_apart(child: UUID) -> None:
        raise NotAllowed if str(child) in theirs else NotFound

    @router.get("/shows/{child}")
    async def shows(child: UUID) -> str:
        return f"{child} {NAMES[A]}"

    @router.get("/changes/{child}")
    async def changes(child: UUID) -> None:
        touched.extend({str(child)} & theirs)
        raise NotFound

    return router


@contextmanager
def _planted(world: World) -> Iterator[FastAPI]:
    touched: list[str] = []

    async def positions() -> dict[str, Any]:
        return {"head": len(touched)}

    app = application("planted", ("植入", "Planted"), [_mistakes(world, touched)], [], positions, "secret")
    services: Any = world.running.platform.services
    services["planted"] = SimpleNamespace(app=app)
    try:
        yield app
    finally:
        del services["planted"]


async def test_planted_answers_that_break_or_are_not_as_declared_are_noticed(world: World) -> None:
    with _planted(world) as app:
        found = await asyncio.to_thread(violations, world.base, document_of(app), _people(world), {}, 4)
    assert {label.partition("/planted/")[2] for label, _ in found} == {
        "breaks", "says-other", "undeclared", "mute", "takes-anything",
    }  # fmt: skip


async def test_a_planted_operation_that_is_open_or_hidden_is_noticed(world: World) -> None:
    with _planted(world) as app:
        found = await asyncio.to_thread(open_operations, world.base, app, _without(world.running))
    assert {"GET /planted/takes-anything", "POST /planted/hidden"} <= found - OPEN


@pytest.mark.parametrize(
    ("operation", "sign"),
    [("tells-apart", "403"), ("shows", "shows a name"), ("changes", " events")],
)
async def test_a_planted_answer_that_leaks_by_an_id_is_noticed(
    world: World, monkeypatch: pytest.MonkeyPatch, operation: str, sign: str
) -> None:
    with _planted(world) as app:
        slots = list(id_slots(document_of(app)))
        slot = next(s for s in slots if f"/{operation}/" in s.operation)
        with pytest.raises(KeyError):  # an operation that nobody has thought of
            await asyncio.to_thread(_told_apart, world, slots, slot, "township-b-clerk")
        monkeypatch.setitem(ASKS, slot.operation, {})
        found = await asyncio.to_thread(_told_apart, world, slots, slot, "township-b-clerk")
    assert any(sign in told for told in found)
