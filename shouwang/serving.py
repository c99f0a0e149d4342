"""Opens a service with everything that it is handed, migrates its database, and serves it over HTTP."""

import asyncio
import contextlib
import gc
import logging
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from infra.databases import grants, migrations
from services.agency import app as agency
from services.agency.feed_client import FeedClient
from services.agency.reading import FeedQuestions
from services.agency.versions import Versions
from services.assessment import app as assessment
from services.audit import app as audit
from services.audit.signing_key import open_signer
from services.kernel.bus.kafka import KafkaBus
from services.kernel.bus.port import Bus
from services.kernel.database import Database, migrate
from services.kernel.doors.sign_in import sign_in_routes
from services.kernel.keys.ciphers import SUITES, Cipher
from services.kernel.keys.ring import KeyRing
from services.kernel.keys.wrapping import protection_of
from services.kernel.people.auth import Tokens
from services.kernel.people.limiting import Limits
from services.kernel.people.oidc import Provider
from services.kernel.service import Service, Tools
from services.kernel.settings import Settings
from services.kernel.world import RealWorld, World
from services.live import app as live
from services.notification import app as notification
from services.registry import app as registry
from services.reporting import app as reporting

Urls = Mapping[str, str]


async def open_service(
    name: str, settings: Settings, urls: Urls, bus: Bus, *, founding: Path | None = None,
    feed: FeedQuestions | None = None, world: World | None = None, cipher: Cipher | None = None,
    keys: KeyRing | None = None,
) -> Service:  # fmt: skip
    """Migrate and build one service; not started yet. What is not given is the real thing."""
    await migrate(urls["owner"], migrations(name), grants(name))
    world = world or RealWorld()
    keys = keys or KeyRing(settings.key_ring, protection_of(settings), world, settings.suite)
    database = await Database.open(urls.get("projector", urls["app"]))
    tokens = (
        Provider(settings.oidc_issuer, settings.oidc_audience)
        if settings.oidc_issuer
        else Tokens(settings.token_secret)
    )
    tools = Tools(
        database, bus, keys, cipher or SUITES[settings.suite](world), world, tokens, settings.service_secret,
        Limits(settings.rate_per_minute),
    )  # fmt: skip
    service = await _build(name, settings, urls, tools, founding, feed)
    if isinstance(tokens, Provider):
        service.also_close(tokens.close)
    elif name == "registry":
        service.app.include_router(
            sign_in_routes(tokens, service.reference, settings.host), prefix="/registry"
        )
    return service


async def _build(
    name: str, settings: Settings, urls: Urls, tools: Tools, founding: Path | None, feed: FeedQuestions | None,
) -> Service:  # fmt: skip
    if name == "registry":
        return registry.build(tools, founding)
    if name == "reporting":
        return reporting.build(tools)
    if name == "assessment":
        return assessment.build(tools)
    if name == "notification":
        return notification.build(tools)
    if name == "live":
        return live.build(tools, _live_feed(settings, tools.bus, tools.world))
    if name == "audit":
        signer = await open_signer(
            tools.database, settings.audit_key, tools.world.now(), renew=settings.new_audit_key
        )
        return audit.build(tools, signer)
    await Versions(urls["owner"], urls["projector"], grants(name)).ensure()
    client = None if feed else FeedClient(settings.notification_url, settings.service_secret)
    questions = feed or client
    assert questions is not None  # noqa: S101 - one of the two lines above
    service = agency.build(tools, await Database.open(urls["app"]), questions)
    if client is not None:
        service.also_close(client.close)
    return service


def _live_feed(settings: Settings, bus: Bus, world: World) -> live.Feed:
    """Return what fills the live windows: Faust where there is a broker, a plain subscription in one process."""
    if isinstance(bus, KafkaBus):
        from services.live.faust_app import faust_feed

        return faust_feed(settings.kafka, world.now)
    return live.subscription_feed(bus)


class Together:
    """One ASGI application over all services of a process: the first part of the path names the service."""

    def __init__(self, services: Mapping[str, Service], pages: FastAPI | None = None) -> None:
        """Serve these, and the pages at the root and below `/console`."""
        self._services = services
        self._pages = pages

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Hand a request to its service; anything else is the registry's, which answers that it isn't there."""
        if scope["type"] == "lifespan":
            return
        name = scope["path"].split("/")[1]
        if self._pages is not None and (name in {"", "console"} or not self._services):
            await self._pages(scope, receive, send)
            return
        service = self._services.get(name) or next(iter(self._services.values()))
        await service.app(scope, receive, send)


# A traceback may quote what somebody typed: on_accident logs the kind of error, uvicorn nothing.
logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)


def calm_the_collector() -> None:
    """Let Python look for cycles more seldom: there are hardly any, and with the usual thresholds it took a quarter."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: whoever starts it also stops it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


class Serving:
    """Services over one port, started and stopped in order."""

    def __init__(
        self, services: Mapping[str, Service], host: str, port: int, pages: FastAPI | None = None
    ) -> None:
        """Serve these at this address."""
        self._services = services
        self._pages = pages
        config = uvicorn.Config(
            Together(services, pages), host=host, port=port, log_config=None, access_log=False, lifespan="off",
            timeout_graceful_shutdown=5, server_header=False, h11_max_incomplete_event_size=64 * 1024,
        )  # fmt: skip
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start loops, then listen; returns when requests are answered. Raises OSError where the port is taken."""
        calm_the_collector()
        listening = socket.create_server((self._server.config.host, self._server.config.port), backlog=2048)
        # asyncio sets this only where the socket names its protocol; without it each answer waits 40 ms for an ACK.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = listening.getsockname()[1]
        for service in self._services.values():
            await service.start()
        self._task = asyncio.create_task(self._server.serve([listening]))
        while not self._server.started:
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Finish open requests, then end every loop."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        for service in self._services.values():
            await service.stop()
        if self._pages is not None:
            await self._pages.state.close()
