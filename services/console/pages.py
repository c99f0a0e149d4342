"""The pages: who sees what of a child and who looked; and what was disclosed to a body. They show nobody's data."""

from datetime import date, datetime, time
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from schemas.reference import BodyKind
from services.console.asking import Services
from services.console.problems import Show
from services.console.session import Cookies, Session
from services.console.signing_in import signed_in
from services.kernel.errors import PostNotHeld
from services.kernel.world import CHINA


def page_routes(services: Services, cookies: Cookies, show: Show) -> APIRouter:
    """Return the pages of whoever is signed in; each question may be asked for its answer as JSON too, with the proofs."""
    router = APIRouter()

    @router.get("/")
    async def home(request: Request) -> Response:
        session = signed_in(cookies, request)
        me = await _me(services, session)
        bodies = await services.ask("audit/bodies", session) if me["kind"] == BodyKind.AUDITOR else []
        return show("home.html", me=me, bodies=bodies)

    @router.post("/search")
    async def search(
        request: Request, name: Annotated[str, Form()] = "", number: Annotated[str, Form()] = ""
    ) -> Response:
        session = signed_in(cookies, request)
        wanted = {key: value for key, value in (("name", name.strip()), ("number", number.strip())) if value}
        found = await services.post("agency/search", wanted, session)
        return show("found.html", me=await _me(services, session), found=found)

    @router.get("/child")
    async def child(request: Request, child: UUID, until: str = "") -> Response:
        session = signed_in(cookies, request)
        told = await services.ask("audit/access", session, child=child, until=until)
        return show("child.html", me=await _me(services, session), child=child, told=told, until=until)

    @router.get("/child.json")
    async def child_json(request: Request, child: UUID, until: str = "") -> Response:
        told = await services.ask("audit/access", signed_in(cookies, request), child=child, until=until)
        return _file(told, f"access-{child}.json")

    @router.get("/disclosed")
    async def disclosed(request: Request, body: UUID, since: date, until: date, after: str = "") -> Response:
        session = signed_in(cookies, request)
        told = await services.ask("audit/disclosed", session, **_span(body, since, until, after))
        names = {each["id"]: each["name"] for each in await services.ask("audit/bodies", session)}
        return show(
            "disclosed.html", me=await _me(services, session), told=told, body=body,
            name=names.get(str(body), str(body)), since=since, until=until, after=after,
        )  # fmt: skip

    @router.get("/disclosed.json")
    async def disclosed_json(
        request: Request, body: UUID, since: date, until: date, after: str = ""
    ) -> Response:
        asked = _span(body, since, until, after)
        return _file(
            await services.ask("audit/disclosed", signed_in(cookies, request), **asked),
            f"disclosed-{body}-{since}-{until}.json",
        )

    return router


async def _me(services: Services, session: Session) -> dict[str, Any]:
    """Return the post that somebody acts from. Raises PostNotHeld where they hold it no more."""
    held: list[dict[str, Any]] = await services.ask("registry/posts/mine", session)
    for post in held:
        if post["post"] == session.post:
            return post
    raise PostNotHeld


def _span(body: UUID, since: date, until: date, after: str) -> dict[str, Any]:
    """Return the question for whole days in China, the last one included."""
    return {
        "body": body, "from": datetime.combine(since, time.min, CHINA).isoformat(),
        "to": datetime.combine(until, time.max, CHINA).isoformat(), "after": after,
    }  # fmt: skip


def _file(told: Any, name: str) -> Response:
    return JSONResponse(told, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def local(moment: str) -> str:
    """Return a moment as people in China read it."""
    return datetime.fromisoformat(moment).astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")
