"""Wires the pages: templates, what browsers must obey, refusals as pages, sign-in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response

from schemas.words import CLASSES, OPERATIONS, ROLES
from services.console.asking import Services
from services.console.pages import local, page_routes
from services.console.problems import HOME, refusals_as_pages, told
from services.console.session import Cookies
from services.console.signing_in import DevelopmentDoor, ProviderDoor, sign_in_routes
from services.kernel.doors.web import Guard
from services.kernel.errors import NotAllowed
from services.kernel.settings import Settings
from services.kernel.world import World

_HERE = Path(__file__).parent
_POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
"""These pages have no scripts."""


def build(settings: Settings, places: Mapping[str, str], world: World) -> FastAPI:
    """Return the pages, which ask the services at `places`. Raises NotLoopback for a development sign-in elsewhere."""
    services = Services(places)
    cookies = Cookies(settings.service_secret, world, https=settings.cookies_over_tls)
    pages = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined
    )
    pages.filters["local"] = local
    pages.globals |= {"CLASSES": CLASSES, "ROLES": ROLES, "OPERATIONS": OPERATIONS, "me": None}

    def show(page: str, /, *, status: int = 200, **shown: Any) -> Response:
        return HTMLResponse(pages.get_template(page).render(**shown), status)

    door = (
        ProviderDoor(settings.oidc_issuer, services, cookies, settings.public_url.rstrip("/"))
        if settings.oidc_issuer
        else DevelopmentDoor(services, show, settings.host)
    )
    app = FastAPI(openapi_url=None)
    app.include_router(sign_in_routes(door, services, cookies, show), prefix="/console")
    app.include_router(page_routes(services, cookies, show), prefix="/console")
    app.mount("/console/static", StaticFiles(directory=_HERE / "static"))
    app.state.close = services.http.aclose

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
            return told(show, NotAllowed())
        answer: Response = await go_on(request)
        return answer

    refusals_as_pages(app, show)
    app.add_middleware(Guard, policy=_POLICY)
    return app


def _from_here(request: Request) -> bool:
    """Tell whether a form was sent from a page of ours: browsers say so; who says nothing is no browser."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")
