"""The pages: who gets in, what they show and what they never show, and what a browser is told to refuse."""

import html
import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import pytest_asyncio
from starlette.responses import Response

from services.audit import auditing
from services.console import app as console
from services.console.session import Cookies, TokenTooLong
from services.kernel.doors.sign_in import NotLoopback
from services.kernel.settings import Settings
from services.kernel.world import RealWorld
from services.registry.founding import body_id, post_id
from tests.helpers import Running, embedded

MOTHER = "13912340001"
WAIT = httpx2.Timeout(30)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running() -> AsyncIterator[Running]:
    async with embedded() as platform:
        yield platform


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def child(running: Running) -> str:
    facts: dict[str, Any] = {"family_phones": {"mother": MOTHER}, "residence": "上塘村2组"}
    made = await running.register("张小禾", **facts)
    await running.client.settled()
    return made


def browser(running: Running) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=running.platform.pages, follow_redirects=True, timeout=WAIT)


async def signed_in(running: Running, post: str) -> httpx2.AsyncClient:
    client = browser(running)
    came = await client.post("/console/sign-in", data={"post": str(post_id(post))})
    assert (came.status_code, came.url.path) == (200, "/console/")
    return client


def text_of(page: httpx2.Response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


@pytest.mark.req("PRV-03", "OVS-06")
async def test_a_data_protection_officer_finds_who_sees_the_mothers_telephone(
    running: Running, child: str
) -> None:
    await (await running.sign_in("village-a1-director")).ask(f"agency/children/{child}")
    await running.client.settled()
    officer = await signed_in(running, "township-a-clerk")
    found = await officer.post("/console/search", data={"name": "张小禾", "number": ""})
    (link,) = re.findall(r'href="(/console/child\?[^"]+)"', found.text)
    page = await officer.get(link)
    section = page.text[page.text.index("母亲联系电话") :].partition("</section>")[0]
    rows = [text_of(httpx2.Response(200, text=row)) for row in re.findall(r"<tr.*?</tr>", section, re.DOTALL)]
    village = next(row for row in rows if "上塘村村民委员会" in row)
    assert "SY 三.2「定期走访、全面排查」 (F-01)" in village
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", village)
    assert not any("派出所" in row or "民政局" in row for row in rows), "they don't see it"
    looks = text_of(page).partition("谁看过")[2]
    assert "上塘村村民委员会" in looks
    assert "联系方式" in looks


@pytest.mark.req("PRV-03")
async def test_the_page_shows_who_sees_and_never_what(running: Running, child: str) -> None:
    for post in ("township-a-clerk", "procurator"):
        who = await signed_in(running, post)
        for path in ("child", "child.json"):
            page = await who.get(f"/console/{path}", params={"child": child})
            assert page.status_code == 200
            for value in ("张小禾", MOTHER, "上塘村2组"):
                assert value not in page.text
    looks = await running.fetch(
        "audit", "select purpose, operation, about from look order by seq desc limit 1"
    )
    assert tuple(looks[0])[:2] == ("data-protection", "access")
    assert child in looks[0]["about"]


@pytest.mark.req("PRV-03")
async def test_what_was_disclosed_to_a_body_in_a_time_is_a_page_and_signed_json(
    running: Running, child: str
) -> None:
    auditor = await signed_in(running, "procurator")
    home = await auditor.get("/console/")
    assert str(body_id("village-a1")) in home.text
    asked = {"body": str(body_id("village-a1")), "since": "2020-01-01", "until": "2999-12-31"}
    page = await auditor.get("/console/disclosed", params=asked)
    assert "儿童登记建档" in page.text
    assert child in page.text
    assert "告知上塘村村民委员会的事项" in page.text
    told = (await auditor.get("/console/disclosed.json", params=asked)).json()
    assert told["checkpoint"]
    assert all(item["telling_proof"] for item in told["told"])
    none = await auditor.get("/console/disclosed", params=asked | {"until": "2020-01-02"})
    assert "该期间没有告知事项" in none.text


@pytest.mark.req("PRV-03")
async def test_what_does_not_fit_on_a_page_is_on_the_next(
    running: Running, child: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "PAGE", 3)
    monkeypatch.setattr(auditing, "MOST_LOOKS", 1)
    auditor = await signed_in(running, "procurator")
    body = body_id("township-a")
    asked = {"body": str(body), "since": "2020-01-01", "until": "2999-12-31"}
    page, shown = await auditor.get("/console/disclosed", params=asked), 0
    while True:
        shown += page.text.count("<tr>") - 1
        link = re.search(r'href="(/console/disclosed\?[^"]+)">下一页', page.text)
        if link is None:
            break
        page = await auditor.get(html.unescape(link[1]))
    assert shown == len(await running.fetch("notification", "select 1 from feed where agency = $1", body)) > 3
    first = await auditor.get("/console/child", params={"child": child})
    await auditor.get("/console/child", params={"child": child})
    await running.client.settled()
    first = await auditor.get("/console/child", params={"child": child})
    earlier = re.search(r'href="(/console/child\?[^"]+)#looks"', first.text)
    assert earlier is not None
    assert (await auditor.get(html.unescape(earlier[1]))).status_code == 200


@pytest.mark.parametrize(
    ("post", "path", "status", "said"),
    [
        ("village-a1-director", "/console/child?child={child}", 403, "贵单位或岗位无权办理此事项"),
        ("township-b-clerk", "/console/child?child={child}", 404, "未找到"),
        ("procurator", "/console/child?child={nobody}", 404, "未找到"),
        ("procurator", "/console/child?child=1", 422, "请求内容不符合要求"),
        ("procurator", "/console/nothing-here", 404, "未找到"),
        ("township-a-clerk", "/console/disclosed?body={nobody}&since=2026-01-01&until=2026-12-31", 403, "无权"),
    ],
)  # fmt: skip
async def test_a_refusal_is_a_page_in_chinese_and_english(
    running: Running, child: str, post: str, path: str, status: int, said: str
) -> None:
    page = await (await signed_in(running, post)).get(path.format(child=child, nobody=uuid4()))
    assert (page.status_code, said in page.text) == (status, True)
    assert 'lang="en"' in page.text


async def test_who_is_not_signed_in_is_sent_to_the_sign_in(running: Running, child: str) -> None:
    for path in ("/", "/console", "/console/", f"/console/child?child={child}"):
        assert (await browser(running).get(path)).url.path == "/console/sign-in"
    for path, form in (("/console/search", {"name": "张"}), ("/console/posts", {"post": str(uuid4())})):
        assert (await browser(running).post(path, data=form)).status_code == 401


async def test_a_cookie_that_is_forged_or_of_another_kind_or_over_lets_nobody_in(running: Running) -> None:
    who = await signed_in(running, "procurator")
    real = who.cookies["shouwang"]
    other = "A" if real[40] != "A" else "B"
    cookies = Cookies("another secret", RealWorld(), https=False)
    forged, over = Response(), Response()
    cookies.put(forged, "shouwang", ["token", str(post_id("procurator"))], 60)
    cookies.put(over, "shouwang", ["token", None], -1)
    made = forged.headers["set-cookie"].partition("=")[2].partition(";")[0]
    late = over.headers["set-cookie"].partition("=")[2].partition(";")[0]
    for value in (real[:40] + other + real[41:], made, "", "x", "é"):
        answer = await browser(running).get("/console/", headers={b"Cookie": f"shouwang={value}".encode()})
        assert answer.url.path == "/console/sign-in", value
    assert (
        await browser(running).get("/console/", headers={"Cookie": f"shouwang={real}"})
    ).url.path == "/console/"
    assert cookies.read({"shouwang": made}, "shouwang") == ["token", str(post_id("procurator"))]
    assert cookies.read({"shouwang-flow": made}, "shouwang-flow") is None, (
        "a cookie of one kind is none of the other"
    )
    assert cookies.read({"shouwang": late}, "shouwang") is None
    with pytest.raises(TokenTooLong):
        cookies.put(Response(), "shouwang", ["t" * 4000, None], 60)


async def test_browsers_are_told_what_to_refuse_and_cookies_are_not_for_scripts(running: Running) -> None:
    client = browser(running)
    came = await client.post(
        "/console/sign-in", data={"post": str(post_id("procurator"))}, follow_redirects=False
    )
    assert {"httponly", "samesite=lax", "path=/console"} <= {
        part.strip().lower() for part in came.headers["set-cookie"].split(";")
    }
    https = Response()
    Cookies("secret", RealWorld(), https=True).put(https, "shouwang", ["t", None], 60)
    assert "Secure" in https.headers["set-cookie"]
    page = await client.get("/console/")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert (page.headers["cache-control"], page.headers["x-content-type-options"]) == ("no-store", "nosniff")
    assert "<script" not in page.text
    assert "style=" not in page.text
    left = await client.post("/console/sign-out")
    assert left.url.path == "/console/sign-in"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({}, 200),
    ],
)
async def test_a_form_of_another_site_is_refused(
    running: Running, headers: dict[str, str], status: int
) -> None:
    told = {"post": str(post_id("procurator"))}
    assert (await browser(running).post("/console/sign-in", data=told, headers=headers)).status_code == status


async def test_what_somebody_typed_is_shown_as_text(running: Running) -> None:
    name = "<b>小禾&amp;</b>"
    await running.register(name)
    await running.client.settled()
    page = await (await signed_in(running, "township-a-clerk")).post("/console/search", data={"name": name})
    assert "&lt;b&gt;小禾&amp;amp;&lt;/b&gt;" in page.text
    assert "<b>" not in page.text


async def test_who_left_the_post_is_out_at_once(running: Running) -> None:
    gone = await signed_in(running, "education-officer")
    county = await running.sign_in("county-officer")
    (post,) = [p for p in await running.client.people() if p["post"] == str(post_id("education-officer"))]
    await county.do("registry/end-post", post=post["post"])
    await running.client.settled()
    answer = await gone.get("/console/")
    assert (answer.status_code, answer.url.path) == (200, "/console/posts"), "the post is over, at once"
    assert "目前没有任职岗位" in answer.text


async def test_a_service_that_is_away_is_said_to_be() -> None:
    app = console.build(
        Settings(), dict.fromkeys(("registry", "agency", "audit"), "http://127.0.0.1:9"), RealWorld()
    )
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://pages") as client:
        page = await client.get("/console/sign-in")
        assert (page.status_code, "service-away" in page.text) == (503, True)
        assert (await client.get("/console/health/ready")).status_code == 200


async def test_the_development_sign_in_is_for_this_machine_alone(running: Running) -> None:
    places: dict[str, Any] = running.platform.urls
    with pytest.raises(NotLoopback):
        console.build(Settings(host="0.0.0.0"), places, RealWorld())  # noqa: S104 - what must be refused
    app = console.build(Settings(), places, RealWorld())
    far = httpx2.ASGITransport(app=app, client=("192.0.2.7", 1))
    async with httpx2.AsyncClient(transport=far, base_url="http://pages") as client:
        assert (await client.get("/console/sign-in")).status_code == 403
        told = {"post": str(post_id("procurator"))}
        assert (await client.post("/console/sign-in", data=told)).status_code == 403
