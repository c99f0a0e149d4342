"""Refusals as pages, in Chinese and English: our own, and those of the services that were asked."""

from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from services.console.asking import Refused
from services.kernel.errors import BadInput, NotFound, NotSignedIn, PostNotChosen, PostNotHeld, Refusal
from services.kernel.telemetry import log

HOME = "/console/"
Show = Callable[..., Response]
"""Makes a page of a template and what it shows; `status` if it isn't 200."""
_ELSEWHERE = {
    NotSignedIn().code: f"{HOME}sign-in",
    PostNotHeld().code: f"{HOME}posts",
    PostNotChosen().code: f"{HOME}posts",
}
"""Where somebody goes on whom these stopped."""
_ACCIDENT = {
    "title": "页面出错,请稍后重试。",
    "detail": "Something went wrong: try again in a moment.",
    "code": "internal",
}


def told(show: Show, refusal: Refusal) -> Response:
    """Return the page that says a refusal."""
    zh, en = refusal.sentences
    problem = {"title": zh, "detail": en, "code": refusal.code}
    return show("problem.html", status=refusal.status, problem=problem)


def refusals_as_pages(app: FastAPI, show: Show) -> None:
    """Have `app` answer with a page whatever goes wrong."""

    def elsewhere(request: Request, code: str) -> Response | None:
        """Who comes back from the provider, or sends a form without being signed in, is told so and not sent around."""
        if request.method == "POST" or request.url.path.endswith("/back"):
            return None
        return RedirectResponse(_ELSEWHERE[code], 303) if code in _ELSEWHERE else None

    @app.exception_handler(Refusal)
    async def on_refusal(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)  # noqa: S101 - registered for it alone
        return elsewhere(request, error.code) or told(show, error)

    @app.exception_handler(Refused)
    async def on_refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)  # noqa: S101
        code = str(error.problem.get("code"))
        return elsewhere(request, code) or show("problem.html", status=error.status, problem=error.problem)

    @app.exception_handler(RequestValidationError)
    async def on_bad_input(_: Request, __: Exception) -> Response:
        return told(show, BadInput())

    @app.exception_handler(HTTPException)
    async def on_http(_: Request, error: Exception) -> Response:
        return told(show, NotFound() if getattr(error, "status_code", 0) == 404 else BadInput())

    @app.exception_handler(Exception)
    async def on_accident(request: Request, error: Exception) -> Response:
        log.error("page.failed", path=request.url.path, error=type(error).__name__)
        return show("problem.html", status=500, problem=_ACCIDENT)
