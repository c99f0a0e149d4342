"""Sign-in against a real Keycloak with the realm of `infra/`: people by code and PKCE, systems by a signed assertion."""

import asyncio
import html
import re
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID, uuid4

import httpx2
import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from services.kernel.errors import NotSignedIn
from services.kernel.people.code_flow import CLIENT, challenge_of
from services.registry.founding import body_id, person_id, post_id
from shouwang.client import Person, Told
from shouwang.signing_in import sign_in
from tests.helpers import Running, embedded
from tests.sign_in.keycloak import PASSWORD, Keycloak

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PEOPLE = {
    "clerk": person_id("township-a-clerk"),
    "county": person_id("county-officer"),
    "newcomer": UUID("7c6f0b3e-52a4-4a35-9b1c-7d2f2ad1b001"),
}
SYSTEM = UUID("7c6f0b3e-52a4-4a35-9b1c-7d2f2ad1b002")
SYSTEM_KEY = ECKey.generate_key("P-256", {"kid": "system", "use": "sig", "alg": "ES256"})


@pytest.fixture(scope="module")
def keycloak() -> Iterator[Keycloak]:
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="shouwang-test-") as folder:
        keys = KeySet([SYSTEM_KEY]).as_dict(private=False)
        with Keycloak(Path(folder), PEOPLE, {"school-system": (SYSTEM, keys)}) as server:
            yield server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(keycloak: Keycloak) -> AsyncIterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOUWANG_OIDC_ISSUER", keycloak.issuer)
        async with embedded() as platform:
            yield platform


@pytest_asyncio.fixture(loop_scope="session")
async def browser() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=60) as client:
        yield client


async def submit(
    browser: httpx2.AsyncClient, address: str, user: str, password: str = PASSWORD
) -> httpx2.Response:
    """Open the sign-in page, type, and return where it leads."""
    page = await browser.get(address)
    form = re.search(r'<form[^>]*action="([^"]+)"', page.text)
    assert form, page.text[:2000]
    # Its cookies are for https; a browser sends them to this machine all the same.
    cookies = "; ".join(f"{c.name}={c.value}" for c in browser.cookies.jar)
    typed = {"username": user, "password": password}
    return await browser.post(html.unescape(form[1]), data=typed, headers={"Cookie": cookies})


async def person(keycloak: Keycloak, browser: httpx2.AsyncClient, user: str, client: str = CLIENT) -> str:
    """Sign somebody in as the command line does; returns the access token."""
    opened: list[asyncio.Task[Any]] = []

    async def go(address: str) -> None:
        came = await submit(browser, address, user)
        assert (await browser.get(came.headers["location"])).status_code == 200

    token = await sign_in(keycloak.issuer, lambda a: opened.append(asyncio.create_task(go(a))), client)
    await asyncio.gather(*opened)
    return token


async def system(keycloak: Keycloak, browser: httpx2.AsyncClient, key: Any = SYSTEM_KEY) -> httpx2.Response:
    """Ask for a token as an agency's system: with an assertion signed by its own key."""
    endpoint = f"{keycloak.issuer}/protocol/openid-connect/token"
    claims = {"iss": "school-system", "sub": "school-system", "aud": keycloak.issuer, "jti": str(uuid4()),
              "exp": int(time.time()) + 60, "iat": int(time.time())}  # fmt: skip
    assertion = jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key, algorithms=["ES256"])
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": _ASSERTION,
        "client_assertion": assertion,
    }
    return await browser.post(endpoint, data=form)


def at(running: Running, token: str, post: str | None = None) -> Person:
    return Person(running.client, token, post=post_id(post) if post else None)


@pytest.mark.req("PLT-06")
async def test_a_person_signs_in_with_code_and_pkce_and_acts_from_the_one_post_that_is_theirs(
    keycloak: Keycloak, running: Running, browser: httpx2.AsyncClient
) -> None:
    clerk = at(running, await person(keycloak, browser, "clerk"))
    assert [p["duty"] for p in await clerk.ask("registry/posts/mine")] == ["青禾镇民政办事员"]
    done = await clerk.do("registry/register-child", region="990101001001", name="李小满")
    assert done["events"][0]["type"] == "registry.child-registered.v1"
    stored = await running.fetch(
        "registry", "select envelope from event where type like '%child-registered%'"
    )
    assert str(post_id("township-a-clerk")).encode() in bytes(stored[0][0])
    with pytest.raises(Told) as refused:
        await at(running, clerk.headers["Authorization"].split()[1], "county-officer").ask("registry/imports")
    assert (refused.value.status, refused.value.body["code"]) == (403, "post-not-held")


async def test_a_code_is_worth_nothing_without_the_verifier_of_who_asked(
    keycloak: Keycloak, browser: httpx2.AsyncClient
) -> None:
    asked = {"response_type": "code", "client_id": CLIENT, "redirect_uri": "http://127.0.0.1:9/", "scope": "openid",
             "state": "s", "code_challenge": challenge_of("v" * 60), "code_challenge_method": "S256"}  # fmt: skip
    door = f"{keycloak.issuer}/protocol/openid-connect/auth"
    came = await submit(browser, f"{door}?{urlencode(asked)}", "clerk")
    code = parse_qs(urlsplit(came.headers["location"]).query)["code"][0]
    form = {"grant_type": "authorization_code", "client_id": CLIENT, "redirect_uri": "http://127.0.0.1:9/",
            "code": code, "code_verifier": "w" * 60}  # fmt: skip
    answer = await browser.post(f"{keycloak.issuer}/protocol/openid-connect/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    bare = {k: v for k, v in asked.items() if not k.startswith("code_challenge")}
    without = await httpx2.AsyncClient().get(f"{door}?{urlencode(bare)}")
    assert "code=" not in without.headers.get("location", "")
    assert "error=invalid_request" in without.headers["location"]


def pages(running: Running) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=running.platform.pages, timeout=60)


async def came_back(browser: httpx2.AsyncClient, visitor: httpx2.AsyncClient, user: str) -> str:
    """Begin at the pages and sign in at the provider; returns the address that it sends the browser back to."""
    begun = await visitor.get("/console/sign-in")
    assert begun.status_code == 303
    return (await submit(browser, begun.headers["location"], user)).headers["location"]


@pytest.mark.req("PLT-06")
async def test_a_person_signs_in_to_the_pages_at_the_provider_and_nobody_elses_answer_is_taken(
    running: Running, browser: httpx2.AsyncClient
) -> None:
    async with pages(running) as visitor, pages(running) as other:
        back = await came_back(browser, visitor, "clerk")
        assert back.startswith(f"{running.platform.pages}/console/back?")
        assert (await other.get(back)).status_code == 401, "whoever didn't begin it"
        async with httpx2.AsyncClient(timeout=60) as elsewhere:
            await came_back(elsewhere, other, "county")
        assert (await other.get(back)).status_code == 401, "somebody else's answer"
        entered = await visitor.get(back)
        assert (entered.status_code, entered.headers.get("location")) == (303, "/console/"), entered.text
        home = await visitor.get("/console/")
        assert "青禾镇人民政府 · 青禾镇民政办事员" in home.text
        assert (await visitor.get(back)).status_code == 401, "an answer is taken once"
        assert (
            await visitor.post("/console/sign-in", data={"post": str(post_id("procurator"))})
        ).status_code in {404, 405, 422}


@pytest.mark.req("PLT-06")
async def test_of_several_posts_one_is_chosen_and_leaving_one_ends_its_rights_under_the_same_token(
    keycloak: Keycloak, running: Running, browser: httpx2.AsyncClient
) -> None:
    county = at(running, await person(keycloak, browser, "county"))
    token = await person(keycloak, browser, "newcomer")
    newcomer = at(running, token)
    assert await newcomer.ask("registry/posts/mine") == []
    with pytest.raises(Told) as refused:
        await newcomer.ask("registry/imports")
    assert refused.value.body["code"] == "post-not-held"

    async def assign(body: str, duty: str, **how: Any) -> UUID:
        told = await county.do(
            "registry/assign-post", body=str(body_id(body)), person=str(PEOPLE["newcomer"]), duty=duty,
            valid_from="2026-01-01", **how,
        )  # fmt: skip
        await running.client.settled()
        return UUID(told["events"][0]["subject"])

    own = await assign("township-b", "云岭乡民政办事员")
    assert await newcomer.ask("registry/imports") == []
    deputy = await assign(
        "township-a",
        "青禾镇民政办事员(代)",
        valid_to="2099-12-31",
        deputy_of=str(post_id("township-a-clerk")),
    )
    with pytest.raises(Told) as refused:
        await newcomer.ask("registry/imports")
    assert refused.value.body["code"] == "post-not-chosen"
    assert sorted(refused.value.body["facts"]["posts"]) == sorted([str(own), str(deputy)])
    async with pages(running) as visitor:
        came = await visitor.get(await came_back(browser, visitor, "newcomer"))
        assert came.headers["location"] == "/console/posts"
        assert "云岭乡民政办事员" in (await visitor.get("/console/posts")).text
        chosen = await visitor.post("/console/posts", data={"post": str(deputy)})
        assert chosen.headers["location"] == "/console/"
        assert "青禾镇民政办事员(代)" in (await visitor.get("/console/")).text
    standing_in = Person(running.client, token, post=deputy)
    await standing_in.do("registry/register-child", region="990101001001", name="王小满")
    with pytest.raises(Told):
        await standing_in.do("registry/register-child", region="990101002001", name="赵小满")

    await county.do("registry/end-post", post=str(deputy))
    await running.client.settled()
    with pytest.raises(Told) as refused:
        await standing_in.do("registry/register-child", region="990101001001", name="孙小满")
    assert (refused.value.status, refused.value.body["code"]) == (403, "post-not-held")
    await newcomer.do(
        "registry/register-child", region="990101002001", name="赵小满"
    )  # one post is left: that one


async def test_a_system_signs_in_with_its_key_and_acts_from_its_post(
    keycloak: Keycloak, running: Running, browser: httpx2.AsyncClient
) -> None:
    county = at(running, await person(keycloak, browser, "county"))
    education = str(body_id("education"))
    await county.do(
        "registry/assign-post",
        body=education,
        person=str(SYSTEM),
        duty="学籍系统接口",
        valid_from="2026-01-01",
    )
    await running.client.settled()
    answer = await system(keycloak, browser)
    assert answer.status_code == 200, answer.text
    told = await at(running, answer.json()["access_token"]).ask("registry/posts/mine")
    assert [p["duty"] for p in told] == ["学籍系统接口"]
    another = await system(keycloak, browser, ECKey.generate_key("P-256", {"kid": "system"}))
    assert (another.status_code, another.json()["error"]) == (400, "invalid_client")


async def test_a_token_of_another_application_opens_nothing(
    keycloak: Keycloak, running: Running, browser: httpx2.AsyncClient
) -> None:
    token = await person(keycloak, browser, "clerk", "another-application")
    with pytest.raises(Told) as refused:
        await at(running, token).ask("registry/posts/mine")
    assert refused.value.status == 401


async def test_a_wrong_password_leads_nowhere(keycloak: Keycloak, browser: httpx2.AsyncClient) -> None:
    def go(address: str) -> None:
        waiting.append(asyncio.create_task(submit(browser, address, "clerk", "wrong")))

    waiting: list[asyncio.Task[httpx2.Response]] = []
    signing = asyncio.create_task(sign_in(keycloak.issuer, go))
    while not waiting:
        await asyncio.sleep(0.01)
    assert "location" not in (await waiting[0]).headers
    signing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await signing
    with pytest.raises(NotSignedIn):
        await sign_in(f"{keycloak.url}/realms/no-such-realm", lambda _: None)


async def test_where_a_provider_is_named_the_development_sign_in_is_not_there(running: Running) -> None:
    with pytest.raises(Told) as refused:
        await running.sign_in("township-a-clerk")
    assert refused.value.status == 404
