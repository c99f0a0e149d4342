"""Signing in to the pages: at the OIDC provider, or on a developer's machine as anybody of the demo."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Protocol
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from services.console.asking import Services
from services.console.problems import HOME, Show
from services.console.session import HOURS, Cookies, Session
from services.kernel.doors.sign_in import NotLoopback, require_loopback
from services.kernel.errors import NotAllowed, NotSignedIn
from services.kernel.people.code_flow import CodeFlow

COOKIE, FLOW = "shouwang", "shouwang-flow"
_FLOW_SECONDS = 600


class Door(Protocol):
    """How people come in."""

    async def begin(self, request: Request) -> Response:
        """Return the page, or the redirect, by which signing in begins."""
        ...

    def add_to(self, router: APIRouter, enter: Callable[[Session], Awaitable[Response]]) -> None:
        """Add the routes by which it goes on; `enter` lets in whoever has a token."""
        ...


class ProviderDoor:
    """Code flow with PKCE at the provider; the verifier waits in a cookie of ten minutes."""

    def __init__(self, issuer: str, services: Services, cookies: Cookies, public_url: str) -> None:
        """Send people to `issuer`; they come back to `public_url`, or to where they asked."""
        self._issuer = issuer
        self._services = services
        self._cookies = cookies
        self._public = public_url

    async def begin(self, request: Request) -> Response:
        """Redirect to the provider. Raises ProviderDown."""
        flow = CodeFlow(f"{self._public or str(request.base_url).rstrip('/')}/console/back")
        answer = RedirectResponse(await flow.address(self._services.http, self._issuer), 303)
        self._cookies.put(answer, FLOW, [flow.back, flow.verifier, flow.state], _FLOW_SECONDS)
        return answer

    def add_to(self, router: APIRouter, enter: Callable[[Session], Awaitable[Response]]) -> None:
        """Add where people come back to."""

        @router.get("/back")
        async def back(request: Request, code: str = "", state: str = "") -> Response:
            kept = self._cookies.read(request.cookies, FLOW)
            if kept is None or state != kept[2] or not code:
                raise NotSignedIn
            flow = CodeFlow(kept[0], verifier=kept[1], state=kept[2])
            answer = await enter(Session(await flow.token(self._services.http, self._issuer, code)))
            self._cookies.drop(answer, FLOW)
            return answer


class DevelopmentDoor:
    """Anybody of the demo, on this machine alone."""

    def __init__(self, services: Services, show: Show, host: str) -> None:
        """Raises NotLoopback where the pages are served to more than this machine."""
        require_loopback(host)
        self._services = services
        self._show = show

    async def begin(self, request: Request) -> Response:
        """Show the people of the demo."""
        return self._show("people.html", people=await self._people(request))

    async def _people(self, request: Request) -> Any:
        try:
            require_loopback(request.client.host if request.client else "")
        except NotLoopback as error:
            raise NotAllowed from error
        return await self._services.ask("registry/dev/people")

    def add_to(self, router: APIRouter, enter: Callable[[Session], Awaitable[Response]]) -> None:
        """Add the choice of one."""

        @router.post("/sign-in")
        async def chosen(request: Request, post: Annotated[UUID, Form()]) -> Response:
            await self._people(request)
            told = await self._services.post("registry/dev/sign-in", {"post": str(post)})
            return await enter(Session(told["access_token"]))


def sign_in_routes(door: Door, services: Services, cookies: Cookies, show: Show) -> APIRouter:
    """Return the way in, the choice of a post, and the way out."""
    router = APIRouter()

    async def enter(session: Session) -> Response:
        """Let somebody in: from their one post, or from the one that they choose."""
        held = await services.ask("registry/posts/mine", session)
        post = held[0]["post"] if len(held) == 1 else None
        answer = RedirectResponse(HOME if post else f"{HOME}posts", 303)
        cookies.put(answer, COOKIE, [session.token, post], HOURS * 3600)
        return answer

    @router.get("/sign-in")
    async def begin(request: Request) -> Response:
        return await door.begin(request)

    door.add_to(router, enter)

    @router.get("/posts")
    async def posts(request: Request) -> Response:
        session = signed_in(cookies, request)
        return show("posts.html", posts=await services.ask("registry/posts/mine", session))

    @router.post("/posts")
    async def choose(request: Request, post: Annotated[UUID, Form()]) -> Response:
        session = signed_in(cookies, request)
        answer = RedirectResponse(HOME, 303)
        cookies.put(answer, COOKIE, [session.token, str(post)], HOURS * 3600)
        return answer

    @router.post("/sign-out")
    async def leave() -> Response:
        answer = RedirectResponse(HOME, 303)
        cookies.drop(answer, COOKIE)
        return answer

    return router


def signed_in(cookies: Cookies, request: Request) -> Session:
    """Return who is signed in. Raises NotSignedIn."""
    held = cookies.read(request.cookies, COOKIE)
    if held is None:
        raise NotSignedIn
    return Session(*held)
