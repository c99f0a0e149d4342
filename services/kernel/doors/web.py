"""FastAPI made our way: who asks, what every answer carries, and refusals as problem+json, once."""

import hmac
import ipaddress
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi_offline import FastAPIOffline
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.kernel.doors.problems import (
    MEDIA,
    FieldProblem,
    Problem,
    on_accident,
    on_refusal,
    problem,
)
from services.kernel.errors import (
    BadInput,
    NotFound,
    PurposeMissing,
    Refusal,
    TooLarge,
    WrongMethod,
)
from services.kernel.hearing.reference import Reference
from services.kernel.people.auth import Checking, Principal, principal_of
from services.kernel.people.limiting import Limits
from services.kernel.telemetry import metrics
from services.kernel.world import World, day_of

_OPEN_DOORS = ("/health/", "/metrics", "/positions", "/dev/", "/receipts/")
MOST_BYTES = 256 * 1024
_POLICY = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
"""The API page alone has scripts: those of this origin, and the few lines that start it."""
Who = Callable[[Request], Awaitable[Principal]]
PURPOSE = "[a-z0-9-]{2,40}"


def who_asks(tokens: Checking, limits: Limits, reference: Reference, world: World) -> Who:
    """Return the function that finds out who asks, from which post and what for, and counts it.

    It raises NotSignedIn, ProviderDown, PurposeMissing, PostNotHeld, PostNotChosen and TooMany.
    """

    async def find(request: Request) -> Principal:
        shown = await tokens.check(request.headers.get("authorization"))
        purpose = request.headers.get("x-purpose", "")
        if not re.fullmatch(PURPOSE, purpose):
            raise PurposeMissing
        who = principal_of(shown, request.headers.get("x-post"), purpose, reference, day_of(world.now()))
        if not getattr(request.state, "uncounted", False):
            limits.take(who.body.id)
        return who

    return find


async def body_of(request: Request, most: int = MOST_BYTES) -> bytes:
    """Read a body of at most `most` bytes; a declared length that lies is found out on the way."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise TooLarge(most_bytes=most)
        parts.append(part)
    return b"".join(parts)


def application(
    service: str, title: tuple[str, str], routers: Sequence[APIRouter], ready: Sequence[Callable[[], Awaitable[None]]],
    positions: Callable[[], Awaitable[dict[str, Any]]], secret: str,
) -> FastAPI:  # fmt: skip
    """Return a service's web application under `/<service>`, with health, metrics and its own OpenAPI page.

    Whoever could count the events of reporting would know when somebody reported: places and metrics are shown to this
    machine, and elsewhere to whoever shows the service secret.
    """
    responses: dict[int | str, dict[str, Any]] = {
        status: {"model": Problem, "description": what}
        for status, what in (
            (400, "请求头缺失 · A header is missing"), (401, "未登录 · Not signed in"), (403, "无权 · Not allowed"),
            (404, "未找到 · Not found"), (409, "冲突 · Conflict"), (413, "过大 · Too large"),
            (415, "类型不符 · Wrong type"), (422, "内容不符 · Doesn't fit"),
            (429, "过于频繁 · Too often"), (503, "暂不可用 · Away, try again"),
        )
    }  # fmt: skip
    # Its page brings its own scripts: a county's network may reach nothing outside.
    app = FastAPIOffline(
        title=" · ".join(title), version="1", openapi_url=f"/{service}/openapi.json", docs_url=f"/{service}/docs",
        redoc_url=None, static_url=f"/{service}/static", responses=responses,
    )  # fmt: skip
    for router in routers:
        app.include_router(router, prefix=f"/{service}")
    app.include_router(_health(ready, positions, secret), prefix=f"/{service}", tags=["运行 operation"])
    app.add_exception_handler(Refusal, on_refusal)
    app.add_exception_handler(RequestValidationError, _on_bad_parameters)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, on_accident)
    app.add_middleware(Guard)
    _lift_definitions(app)
    return app


class ForOperators(Refusal):
    """此处仅答复本机;其他机器须在 X-Service-Secret 中出示服务密钥。 · This answers callers on this machine; others must show the service secret in X-Service-Secret."""  # noqa: E501

    status = 403


def is_loopback(host: str) -> bool:
    """Tell whether `host` is an address of this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _health(
    ready: Sequence[Callable[[], Awaitable[None]]], positions: Callable[[], Awaitable[dict[str, Any]]], secret: str
) -> APIRouter:  # fmt: skip
    router = APIRouter()

    def operator(
        request: Request,
        x_service_secret: Annotated[
            str,
            Header(
                description="服务密钥,本机调用可省略 · The service secret; callers on this machine need none"
            ),
        ] = "",
    ) -> None:
        here = is_loopback(request.client.host if request.client else "")
        if not here and not hmac.compare_digest(x_service_secret.encode(), secret.encode()):
            raise ForOperators

    @router.get("/health/live", summary="进程是否存活 · Is the process alive")
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @router.get("/health/ready", summary="能否受理业务 · Can it take work")
    async def is_ready() -> Response:
        try:
            for ping in ready:
                await ping()
        except Refusal as refusal:
            return problem(refusal)
        return JSONResponse({"status": "ready"})

    @router.get(
        "/positions",
        summary="各日志与各视图的位置 · Places of logs and views",
        dependencies=[Depends(operator)],
    )
    async def where() -> dict[str, Any]:
        return await positions()

    @router.get(
        "/metrics", summary="Prometheus 指标 · Prometheus metrics", response_class=PlainTextResponse,
        dependencies=[Depends(operator)],
    )  # fmt: skip
    async def measured() -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")

    return router


class Guard:
    """Puts what browsers must obey on every answer, and counts it. Plain ASGI: what wraps requests takes longer than many."""

    def __init__(self, app: ASGIApp, policy: str = _POLICY) -> None:
        """Put `policy` on every answer of `app`: what its pages may load."""
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Content-Security-Policy"] = self._policy
                headers["Cache-Control"] = "no-store"
                headers["Referrer-Policy"] = "no-referrer"
                route = getattr(scope.get("route"), "path", "?")
                metrics.requests.labels(route, str(message["status"])).inc()
            await send(message)

        await self._app(scope, receive, tell)


async def _on_bad_parameters(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it alone
    fields = [
        FieldProblem(field=".".join(str(p) for p in found["loc"][1:]), zh="参数不符合要求", en=found["msg"])
        for found in error.errors()
    ]
    return problem(BadInput(), fields)


async def _on_http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
    known: dict[int, Refusal] = {404: NotFound(), 405: WrongMethod()}
    return problem(known.get(error.status_code, BadInput()))


def _lift_definitions(app: FastAPI) -> None:
    """Move the models that commands refer to into `components`; say what refusals are and which doors want a token."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = made()
            parts = schema.setdefault("components", {})
            parts["securitySchemes"] = {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "登录取得的令牌;担任多个岗位的,另用 X-Post 头写明岗位编号"
                    " · Token of a sign-in; who holds several posts names one in the header X-Post",
                }
            }
            for path, operations in schema["paths"].items():
                for operation in operations.values():
                    parts.setdefault("schemas", {}).update(operation.pop("x-definitions", {}))
                    for status, answer in operation["responses"].items():
                        if status >= "400":
                            answer["content"] = {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}
                    if not any(open_door in path for open_door in _OPEN_DOORS):
                        operation["security"] = [{"token": []}]
        assert app.openapi_schema is not None  # noqa: S101 - made() has set it
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


Cursor = Annotated[
    str | None,
    Query(description="上一页的 next,原样照抄 · `next` of the page before, as it is", max_length=200),
]
# What doesn't fit is PurposeMissing, told by who(): the pattern is for the documentation.
Purpose = Annotated[
    str,
    Header(
        alias="X-Purpose", description="事由(编码) · What it is for, a code", examples=["case-work"],
        json_schema_extra={"pattern": f"^{PURPOSE}$"},
    ),
]  # fmt: skip
