"""Wires the pages: templates, what browsers must obey, refusals as pages, sign-in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.responses import Response

from schemas.words import CLASSES, OPERATIONS, ROLES
from services.console.asking import Refused, Services
from services.console.pages import local, page_routes
from services.console.session import Cookies
from services.console.signing_in import HOME, DevelopmentDoor, ProviderDoor, sign_in_routes
from services.kernel.errors import BadInput, NotAllowed, NotFound, NotSignedIn, PostNotHeld, Refusal
from services.kernel.settings import Settings
from services.kernel.telemetry import log
from services.kernel.web import Guard
from services.kernel.world import World

_HERE = Path(__file__).parent
_POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
"""These pages have no scripts."""


def build(settings: Settings, places: Mapping[str, str], world: World) -> FastAPI:
    """Return the pages, which ask the services at `places`. Raises NotLoopback for a development sign-in elsewhere."""
    services = Services(places)
    cookies = Cookies(settings.service_secret, world, https=settings.public_url.startswith("https://"))
    pages = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined
    )
    pages.filters["local"] = local
    pages.globals |= {"CLASSES": CLASSES, "ROLES": ROLES, "OPERATIONS": OPERATIONS, "me": None}

    def show(page: str, request: Request, status: int = 200, /, **told: Any) -> Response:
        return HTMLResponse(pages.get_template(page).render(path=request.url.path, **told), status)

    door = (
        ProviderDoor(settings.oidc_issuer, services, cookies, settings.public_url.rstrip("/"))
        if settings.oidc_issuer
        else DevelopmentDoor(services, show, settings.host)
    )
    app = FastAPI(openapi_url=None)
    app.include_router(sign_in_routes(door, services, cookies, show), prefix="/console")
    app.include_router(page_routes(services, cookies, show), prefix="/console")
    app.mount("/console/static", StaticFiles(directory=_HERE / "static"))
    app.router.on_shutdown.append(services.http.aclose)

    @app.get("/console/health/ready")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.get("/")
    @app.get("/console")
    async def begin() -> Response:
        return RedirectResponse(HOME, 303)

    @app.middleware("http")
    async def own_forms_alone(request: Request, go_on: Any) -> Response:
        if request.method == "POST" and not _from_here(request):
            return _told(show, request, NotAllowed())
        answer: Response = await go_on(request)
        return answer

    @app.exception_handler(Refusal)
    async def on_refusal(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)  # noqa: S101 - registered for it alone
        if isinstance(error, NotSignedIn) and request.method == "GET" and "/back" not in request.url.path:
            return RedirectResponse(f"{HOME}sign-in", 303)
        if isinstance(error, PostNotHeld):
            return RedirectResponse(f"{HOME}posts", 303)
        return _told(show, request, error)

    @app.exception_handler(Refused)
    async def on_refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)  # noqa: S101
        if error.status == NotSignedIn.status and "/back" not in request.url.path:
            return RedirectResponse(f"{HOME}sign-in", 303)
        if error.problem.get("code") in {"post-not-chosen", "post-not-held"}:
            return RedirectResponse(f"{HOME}posts", 303)
        return show("problem.html", request, error.status, problem=error.problem)

    @app.exception_handler(RequestValidationError)
    async def on_bad_input(request: Request, _: Exception) -> Response:
        return _told(show, request, BadInput())

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: Exception) -> Response:
        return _told(show, request, NotFound() if getattr(error, "status_code", 0) == 404 else BadInput())

    @app.exception_handler(Exception)
    async def on_accident(request: Request, error: Exception) -> Response:
        log.error("page.failed", path=request.url.path, error=type(error).__name__)
        problem = {
            "title": "页面出错,请稍后重试。",
            "detail": "Something went wrong: try again in a moment.",
            "code": "internal",
        }
        return show("problem.html", request, 500, problem=problem)

    app.add_middleware(Guard, policy=_POLICY)
    return app


def _told(show: Any, request: Request, refusal: Refusal) -> Response:
    zh, en = refusal.sentences
    answer: Response = show(
        "problem.html", request, refusal.status, problem={"title": zh, "detail": en, "code": refusal.code}
    )
    return answer


def _from_here(request: Request) -> bool:
    """Tell whether a form was sent from a page of ours: browsers say so; who says nothing is no browser."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")
