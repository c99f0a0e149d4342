"""Bad input at the HTTP doors: a named error in Chinese and English that says what to do, and nothing lost or added."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import pytest_asyncio

from services.kernel.doors import heard
from services.kernel.doors.heard import Places
from services.kernel.doors.sign_in import NotLoopback, sign_in_routes
from services.kernel.people.auth import Tokens
from services.kernel.settings import PageSettings, Settings
from services.kernel.writing.commands import Place
from services.registry.founding import body_id, person_id, post_id
from shouwang.client import Told
from tests.helpers import Running, embedded

CHILD: dict[str, Any] = {"region": "990101001001", "name": "张小禾", "birth_date": "2015-03-05"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running() -> AsyncIterator[Running]:
    async with embedded() as platform:
        yield platform


async def refusal(
    running: Running, key: str = "township-a-clerk", path: str = "registry/register-child", **how: Any
) -> Told:
    """Send what is wrong; return the refusal, after checking that it can be read and that nothing was added."""
    who = await running.sign_in(key)
    headers = {**who.headers, "Idempotency-Key": str(uuid4()), "Content-Type": "application/json"} | how.pop(
        "headers", {}
    )
    headers = {k: v for k, v in headers.items() if v is not None}
    before = (await running.client.positions())["registry"]["head"]
    with pytest.raises(Told) as told:
        await running.client.request("POST", f"/{path}", headers=headers, **how)
    problem = told.value.body
    assert problem["title"].strip(), "a sentence in Chinese"
    assert problem["detail"].strip(), "a sentence in English"
    assert problem["status"] == told.value.status
    assert (await running.client.positions())["registry"]["head"] == before
    return told.value


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"unknown": 1}, "unknown"),
        ({"name": 5}, "name"),
        ({"name": "长" * 61}, "name"),
        ({"name": "张\x00禾"}, "name"),
        ({"name": " "}, "name"),
        ({"birth_date": "2015-13-40"}, "birth_date"),
        ({"birth_date": "2015-02-30"}, "birth_date"),
        ({"id_number": "990101201503050011"}, "id_number"),
        ({"region": "99"}, "region"),
        ({"region": "９９０１０１００１００１"}, "region"),
        ({"id_number": "９９０１０１２０１００３０５００１４"}, "id_number"),
        ({"name": "张\u202e禾"}, "name"),
        ({"birth_date": "0000-01-01"}, "birth_date"),
        ({"child": "01a20bc6-4870-769d-96dc-69183b2fff23"}, "child"),
        ({"father": {"name": "\x00"}}, "father.name"),
        ({"sex": "unknown"}, "sex"),
        ({"both_parents_away": "yes"}, "both_parents_away"),
        ({"father": {"name": "张大田", "shoe_size": 43}}, "father.shoe_size"),
    ],
)
async def test_a_field_that_does_not_fit_is_named_in_both_languages(
    running: Running, fields: dict[str, Any], field: str
) -> None:
    told = await refusal(running, json=CHILD | fields)
    assert (told.status, told.body["code"]) == (422, "bad-input")
    (found,) = told.body["fields"]
    assert found["field"] == field
    assert found["zh"].strip()
    assert found["en"].strip()
    for value in fields.values():
        assert len(str(value)) < 5 or str(value) not in str(told.body)


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ({"content": b"{"}, 422, "bad-input"),
        ({"content": b""}, 422, "bad-input"),
        ({"content": b"[1]"}, 422, "bad-input"),
        ({"content": b"\xff\xfe"}, 422, "bad-input"),
        ({"content": b'{"name":"' + b"x" * 300_000 + b'"}'}, 413, "too-large"),
        ({"content": b"name=x", "headers": {"Content-Type": "text/plain"}}, 415, "not-json"),
        ({"json": CHILD, "headers": {"Authorization": None}}, 401, "not-signed-in"),
        ({"json": CHILD, "headers": {"Authorization": "Bearer forged.token.here"}}, 401, "not-signed-in"),
        ({"json": CHILD, "headers": {"X-Purpose": None}}, 400, "purpose-missing"),
        ({"json": CHILD, "headers": {"X-Purpose": "<script>"}}, 400, "purpose-missing"),
        ({"json": CHILD, "headers": {"X-Purpose": "CASE-WORK"}}, 400, "purpose-missing"),
        ({"json": CHILD, "headers": {"Idempotency-Key": None}}, 400, "key-missing"),
        ({"json": CHILD, "headers": {"Idempotency-Key": "short"}}, 400, "key-missing"),
        ({"json": CHILD, "path": "registry/no-such-command"}, 404, "not-found"),
        ({"json": CHILD, "key": "school-a-teacher"}, 403, "not-allowed"),
        ({"json": CHILD, "key": "township-b-clerk"}, 403, "not-allowed"),
        (
            {"json": {"child": str(uuid4()), "name": "某"}, "path": "registry/update-ledger-entry"},
            404,
            "not-found",
        ),
    ],
)
async def test_what_is_wrong_has_a_name_and_a_status(
    running: Running, how: dict[str, Any], status: int, code: str
) -> None:
    told = await refusal(running, **how)
    assert (told.status, told.body["code"]) == (status, code)


async def test_tokens_forged_expired_or_of_another_post_are_refused(running: Running) -> None:
    tokens = running.platform.services["registry"].tools.tokens
    assert isinstance(tokens, Tokens)
    right = (person_id("township-a-clerk"), post_id("township-a-clerk"))
    for token in (
        Tokens("another-secret-of-thirty-two-bytes!").issue(*right),
        tokens.issue(*right, seconds=-10),
        tokens.issue(person_id("township-b-clerk"), post_id("township-a-clerk")),
        tokens.issue(uuid4(), uuid4()),
        tokens.issue(*right)[:-3] + "abc",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
    ):
        told = await refusal(running, json=CHILD, headers={"Authorization": f"Bearer {token}"})
        assert told.status == 401


@pytest.mark.req("PLT-07")
async def test_a_repeat_gets_the_first_answer_and_another_body_under_the_key_is_refused(
    running: Running,
) -> None:
    clerk = await running.sign_in("township-a-clerk")
    first = await clerk.do("registry/register-child", "the-same-key", **CHILD)
    again = await clerk.do("registry/register-child", "the-same-key", **CHILD)
    assert (again["events"], again["token"], again["repeated"]) == (first["events"], first["token"], True)
    told = await refusal(running, json=CHILD | {"sex": "male"}, headers={"Idempotency-Key": "the-same-key"})
    assert (told.status, told.body["code"]) == (422, "key-reused")
    other = await running.sign_in("township-b-clerk")
    done = await other.do("registry/register-child", "the-same-key", **CHILD | {"region": "990101002001"})
    assert done["repeated"] is False


@pytest.mark.req("REG-06")
async def test_one_child_has_one_file(running: Running) -> None:
    child = await running.register("王小麦", birth_date="2016-01-01")
    told = await refusal(running, json=CHILD | {"name": "王小麦", "birth_date": "2016-01-01"})
    assert (told.status, told.body["code"], told.body["facts"]["child"]) == (409, "already-on-file", child)


@pytest.mark.req("REG-08")
async def test_an_update_carries_only_what_differs_and_a_stale_one_is_refused(running: Running) -> None:
    clerk = await running.sign_in("township-a-clerk")
    child = await running.register("李小苗", birth_date="2016-02-01", residence="上塘村1组")
    same = await clerk.do("registry/update-ledger-entry", child=child, residence="上塘村1组", name="李小苗")
    assert same["events"] == []
    done = await clerk.do(
        "registry/update-ledger-entry", child=child, residence="上塘村2组", expected_version=2
    )
    assert [e["type"] for e in done["events"]] == ["registry.ledger-entry-updated.v1"]
    told = await refusal(
        running,
        path="registry/update-ledger-entry",
        json={"child": child, "residence": "x村", "expected_version": 2},
    )
    assert (told.status, told.body["code"], told.body["facts"]) == (409, "stale-version", {"version": 3})
    page = await clerk.ask(f"agency/children/{child}", at_least=done["token"])
    assert (page["facts"]["residence"], page["version"]) == ("上塘村2组", 3)


@pytest.mark.req("GRD-20")
async def test_a_delegation_needs_the_instruments_that_the_pack_names(running: Running) -> None:
    child = await running.register("赵小穗", birth_date="2016-03-01")
    fields = {
        "children": [child], "starts": "2026-09-01", "instruments": ["DELEGATION_AGREEMENT"], "name": "钱桂香",
        "relation": "外祖母", "capable": True, "willing": True,
    }  # fmt: skip
    told = await refusal(running, path="registry/delegate-guardianship", json=fields)
    assert told.body["code"] == "instrument-missing"
    assert told.body["facts"]["missing"] == ["GUARDIANSHIP_UNDERTAKING"]
    both = ["DELEGATION_AGREEMENT", "GUARDIANSHIP_UNDERTAKING"]
    told = await refusal(
        running, path="registry/delegate-guardianship", json=fields | {"capable": False, "instruments": both}
    )
    assert told.body["code"] == "guardian-unfit"


async def test_another_townships_files_and_others_notices_do_not_exist(running: Running) -> None:
    child = await running.register("孙小禾", birth_date="2016-04-01")
    told = await refusal(
        running, "township-b-clerk", "registry/update-ledger-entry", json={"child": child, "name": "改名"}
    )
    assert told.status == 404
    told = await refusal(
        running, "township-b-clerk", "notification/acknowledge-notice", json={"notice": str(uuid4())}
    )
    assert told.status == 404


@pytest.mark.req("REP-02")
async def test_a_report_needs_a_ground_of_the_list_and_a_moment_with_its_zone(running: Running) -> None:
    report: dict[str, Any] = {
        "region": "990101001001", "children": [{"name": "周小麦"}], "grounds": ["LIVING_ALONE"],
        "found_at": "2026-10-12T07:50:00+08:00",
    }  # fmt: skip
    wrongs: list[dict[str, Any]] = [
        {"grounds": []}, {"grounds": ["BAD_MOOD"]}, {"found_at": "2026-10-12T07:50:00"}, {"children": []},
        {"found_at": "0001-01-01T00:00:00+08:00"},
    ]  # fmt: skip
    for wrong in wrongs:
        told = await refusal(running, "school-a-teacher", "reporting/file-report", json=report | wrong)
        assert told.body["code"] == "bad-input", wrong
    teacher = await running.sign_in("school-a-teacher")
    done = await teacher.do("reporting/file-report", **report)
    assert len(done["events"]) == 1


@pytest.mark.req("REP-01")
@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("school-a-teacher", "MANDATORY"),
        ("education-officer", "OFFICIAL"),
        ("village-a1-director", "MANDATORY"),
    ],
)
async def test_the_pack_types_the_reporter(running: Running, key: str, kind: str) -> None:
    who = await running.sign_in(key)
    done = await who.do(
        "reporting/file-report", region="990101002001", children=[{"name": "吴小苗"}], grounds=["MISSING"],
        found_at="2026-10-12T07:50:00+08:00",
    )  # fmt: skip
    await running.client.settled()
    page = await (await running.sign_in("police-b-desk")).ask(
        f"agency/children/{done['events'][0]['subject']}"
    )
    (shown,) = [s for s in page["chronology"][0]["shown"] if s["data_class"] == "reporter"]
    assert shown["fields"]["reported_by"]["type"] == kind


async def test_a_database_that_is_away_is_503_and_the_retry_enters_it_once(running: Running) -> None:
    clerk = await running.sign_in("township-a-clerk")
    fields = CHILD | {"name": "郑小禾"}
    await asyncio.to_thread(running.postgres.kill)
    with pytest.raises(Told) as told:
        await clerk.do("registry/register-child", "while-it-is-away", **fields)
    assert (told.value.status, told.value.body["code"]) == (503, "store-down")
    assert "未登记" in told.value.body["title"]
    await asyncio.to_thread(running.postgres.start)
    async with asyncio.timeout(30):
        while True:
            try:
                done = await clerk.do("registry/register-child", "while-it-is-away", **fields)
                break
            except Told as away:
                assert away.status == 503  # noqa: PT017 - still coming back
                await asyncio.sleep(0.1)
    again = await clerk.do("registry/register-child", "while-it-is-away", **fields)
    assert again["events"] == done["events"]


def test_production_does_not_start_with_a_default_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOUWANG_ENVIRONMENT", "production")
    with pytest.raises(ValueError, match="SHOUWANG_KEY_PASSPHRASE"):
        Settings()


def test_the_pages_start_in_production_without_keys_and_not_without_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHOUWANG_ENVIRONMENT", "production")
    monkeypatch.setenv("SHOUWANG_OIDC_ISSUER", "https://provider.example/realms/county")
    with pytest.raises(ValueError, match="SHOUWANG_SERVICE_SECRET"):
        PageSettings()
    monkeypatch.setenv("SHOUWANG_SERVICE_SECRET", "a-secret-of-this-installation")
    assert PageSettings().cookies_over_tls
    monkeypatch.delenv("SHOUWANG_OIDC_ISSUER")
    with pytest.raises(ValueError, match="SHOUWANG_OIDC_ISSUER"):
        PageSettings()
    monkeypatch.setenv("SHOUWANG_ENVIRONMENT", "development")
    assert not PageSettings().cookies_over_tls
    assert PageSettings(public_url="https://shouwang.example.org").cookies_over_tls


@pytest.mark.parametrize("issuer", [None, "http://provider.example/realms/county"])
def test_production_does_not_start_without_an_oidc_provider_at_an_https_address(
    monkeypatch: pytest.MonkeyPatch, issuer: str | None
) -> None:
    for name in ("KEY_PASSPHRASE", "SERVICE_SECRET"):
        monkeypatch.setenv(f"SHOUWANG_{name}", "a-secret-of-this-installation")
    monkeypatch.setenv("SHOUWANG_ENVIRONMENT", "production")
    if issuer:
        monkeypatch.setenv("SHOUWANG_OIDC_ISSUER", issuer)
    with pytest.raises(ValueError, match="SHOUWANG_OIDC_ISSUER"):
        Settings()
    monkeypatch.setenv("SHOUWANG_OIDC_ISSUER", "https://provider.example/realms/county")
    assert Settings().environment == "production"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org"])  # noqa: S104 - refused
def test_the_development_sign_in_refuses_every_address_but_loopback(running: Running, host: str) -> None:
    with pytest.raises(NotLoopback):
        sign_in_routes(Tokens("x" * 32), running.platform.services["registry"].reference, host)


async def test_an_address_asked_the_wrong_way_says_so(running: Running) -> None:
    with pytest.raises(Told) as told:
        await running.client.request("DELETE", "/registry/register-child")
    assert (told.value.status, told.value.body["status"], told.value.body["code"]) == (
        405,
        405,
        "wrong-method",
    )


async def test_every_door_that_shows_or_changes_anything_wants_a_token(running: Running) -> None:
    async with httpx2.AsyncClient() as http:
        for service, url in running.client.urls.items():
            schema = (await http.get(f"{url}/{service}/openapi.json")).json()
            for path, operations in schema["paths"].items():
                for method, operation in operations.items():
                    if "security" in operation:
                        address = path.replace("{child}", str(uuid4()))
                        answer = await http.request(
                            method, url + address, headers={"X-Purpose": "case-work"}, json={}
                        )
                        # Where the query doesn't fit either, that may be said first; nothing is done or shown.
                        assert answer.status_code in {401, 422}, address


@pytest.mark.req("PRV-01")
@pytest.mark.parametrize(
    "made_up",
    ["x", "", "³", "reporting.7.1", "reporting.7.1.", "{}.", "{},", "{},reporting.7.1", "{0},{0}x", "1{}"],
)
async def test_a_place_that_no_answer_named_is_not_waited_for(running: Running, made_up: str) -> None:
    """Else anybody could ask again and again how far the log of reporting has come."""
    clerk = await running.sign_in("township-a-clerk")
    token = (await clerk.do("registry/register-child", **CHILD | {"name": f"程{uuid4().int % 10**9}"}))[
        "token"
    ]
    await clerk.ask("agency/worklist", at_least=f"{token},{token}")
    for forged in {
        made_up.format(token),
        token.replace("registry", "reporting"),
        token.replace(".", ".1", 1),
    }:
        with pytest.raises(Told, match="422 bad-place"):
            await clerk.ask("agency/worklist", at_least=forged)
        with pytest.raises(Told, match="422 bad-place"):
            await clerk.do("registry/register-child", at_least=forged, **CHILD)


@pytest.mark.req("PRV-01")
@pytest.mark.parametrize("door", ["metrics", "positions"])
async def test_whoever_is_not_on_this_machine_can_not_count_reports(running: Running, door: str) -> None:
    """Behind a proxy, too: it says for whom it asks. Health is for whoever balances."""
    for service, url in running.client.urls.items():
        address, http = f"{url}/{service}/{door}", running.client.http
        assert (await http.get(address)).status_code == 200
        for headers in ({}, {"X-Service-Secret": "wrong"}):
            told = await http.get(address, headers=headers | {"X-Forwarded-For": "192.0.2.7"})
            assert (told.status_code, told.json()["code"]) == (403, "for-operators")
        secret = running.platform.services[service].tools.service_secret
        shown = {"X-Forwarded-For": "192.0.2.7", "X-Service-Secret": secret}
        assert (await http.get(address, headers=shown)).status_code == 200
        assert (await http.get(f"{url}/{service}/health/ready", headers=shown)).status_code == 200


@pytest.mark.req("PRV-01")
async def test_whoever_has_the_rows_alone_can_not_test_a_guess_of_who_reported(running: Running) -> None:
    """What the body of a report would be, if it were the teacher, is not found by its digest."""
    teacher = await running.sign_in("school-a-teacher")
    report: dict[str, Any] = {
        "region": "990101001001", "children": [{"name": "小禾"}], "grounds": ["MISSING"], "severity": "slight",
        "found_at": "2026-10-01T08:00:00+08:00", "reporter_name": "王老师",
    }  # fmt: skip
    body, before = json.dumps(report).encode(), await running.fetch("reporting", "select body from command")
    headers = {**teacher.headers, "Idempotency-Key": str(uuid4()), "Content-Type": "application/json"}
    await running.client.request("POST", "/reporting/file-report", headers=headers, content=body)
    rows = {row["body"] for row in await running.fetch("reporting", "select body from command")}
    (kept,) = rows - {row["body"] for row in before}
    for guess in (body, b"file-report\0" + body, b"file-report" + body, report["reporter_name"].encode()):
        assert kept not in {hashlib.new(name, guess).digest() for name in ("sha256", "sha3_256", "blake2s")}
    secret = running.platform.keys.search_key
    assert kept == hmac.digest(secret, b"file-report\0" + body, "sha256"), (
        "with the ring it could be, so the row is it"
    )


async def test_a_command_waits_for_the_answer_that_it_rests_on(running: Running) -> None:
    """The child is registered in one service and placed in another, which has not heard of it yet."""
    clerk, officer = [await running.sign_in(key) for key in ("township-a-clerk", "civil-affairs-officer")]
    placement: dict[str, Any] = {
        "kind": "PROTECTIVE", "receiver": str(body_id("institution")), "requested_by": str(body_id("station-a")),
        "request": "GA-1", "starts": "2026-10-21", "grounds": ["UNATTENDED"],
    }  # fmt: skip
    assessment = running.platform.services["assessment"]
    await assessment.stop_loops()
    try:
        done = await clerk.do("registry/register-child", **CHILD | {"name": "程等待"})
        placement["child"] = done["events"][0]["subject"]
        with pytest.raises(Told, match="404 not-found"):
            await officer.do("assessment/make-placement", **placement)
        placing = asyncio.create_task(
            officer.do("assessment/make-placement", at_least=done["token"], **placement)
        )
        asks = "select from pg_stat_activity where query like $1 and pid <> pg_backend_pid()"
        while not await running.fetch("assessment", asks, "%from checkpoint%seq >= $4"):
            assert not placing.done()
            await asyncio.sleep(0.01)
    finally:
        await assessment.start()
    assert (await placing)["events"]


async def test_what_does_not_come_is_waited_for_a_while_and_nothing_is_done(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heard, "WAIT_SECONDS", 0.1)
    officer = await running.sign_in("civil-affairs-officer")
    heads = (await running.client.positions())["assessment"]["head"]
    ask = {"assessment": str(uuid4()), "outcome": "SAFETY_SECURED", "safety": "母亲已返乡照料"}
    token = Places(running.platform.services["registry"].tools.service_secret).token
    with pytest.raises(Told, match="503 not-yet"):
        await officer.do("assessment/close-case", at_least=token([Place("registry", 7, 1 << 40)]), **ask)
    for log in ("assessment", "nobody"):  # it reads no such log: nothing to wait for
        with pytest.raises(Told, match=r"40[34] "):
            await officer.do("assessment/close-case", at_least=token([Place(log, 7, 1 << 40)]), **ask)
    assert (await running.client.positions())["assessment"]["head"] == heads


@pytest.mark.parametrize("secret", [b"", b"wrong", "é".encode("latin-1")])
async def test_doors_between_services_want_the_secret_and_no_secret_breaks_them(
    running: Running, secret: bytes
) -> None:
    with pytest.raises(Told) as told:
        await running.client.request(
            "GET", "/notification/internal/reached?source=registry&partition=0&seq=1",
            headers={b"X-Service-Secret": secret},
        )  # fmt: skip
    assert told.value.status == 401


@pytest.mark.req("PRV-03")
async def test_a_kind_of_body_that_may_not_is_not_told_whether_a_file_exists(running: Running) -> None:
    child = await running.register("何小禾", birth_date="2016-05-01")
    for asked in (child, str(uuid4())):
        told = await refusal(
            running, "school-a-teacher", "registry/update-ledger-entry", json={"child": asked}
        )
        assert (told.status, told.body["code"]) == (403, "not-allowed")


async def test_health_readiness_and_metrics_are_there_for_every_service(running: Running) -> None:
    for service in running.client.urls:
        assert (await running.client.request("GET", f"/{service}/health/live")).json() == {"status": "live"}
        assert (await running.client.request("GET", f"/{service}/health/ready")).json() == {"status": "ready"}
        assert "shouwang_records_total" in (await running.client.request("GET", f"/{service}/metrics")).text
        schema = (await running.client.request("GET", f"/{service}/openapi.json")).json()
        assert schema["openapi"].startswith("3.1")


@pytest.mark.parametrize(("path", "status"), [("health/live", 200), ("nowhere", 404), ("imports", 422)])
async def test_every_answer_tells_browsers_to_keep_and_to_guess_nothing_and_is_counted(
    running: Running, path: str, status: int
) -> None:
    url, http = running.client.urls["registry"], running.client.http
    answer = await http.get(f"{url}/registry/{path}")
    counted = (await http.get(f"{url}/registry/metrics")).text
    assert answer.status_code == status
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")
    route = "?" if status == 404 else f"/{path}"
    assert any(f'{route}"' in line and f'"{status}"' in line for line in counted.splitlines())
