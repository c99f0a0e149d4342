"""The kafka profile: real Apache Kafka and PostgreSQL, a process for each service, watched and restarted."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx2

from infra.databases import SERVICES, prepare, urls
from infra.errors import StartFailed
from infra.kafka import Kafka, create_topics
from infra.ports import free_port
from infra.positions import refuse_ahead
from infra.postgres import Postgres
from services.audit.checkpoints import LeafDiffers, LogDiffers, SignedNoteBroken
from services.audit.signing_key import AuditKeyRefused
from services.console import app as console
from services.kernel.bus.kafka import KafkaBus
from services.kernel.bus.port import TOPICS
from services.kernel.settings import PageSettings, Settings
from services.kernel.telemetry import log, set_up_logs
from services.kernel.waiting import within
from services.kernel.world import RealWorld
from shouwang.embedded import DEMO_COUNTY, secrets_of
from shouwang.serving import Serving, open_service

_START_SECONDS = 60
_WATCH_SECONDS = 0.2
PAGES = "console"
PROCESSES = (*SERVICES, PAGES)
_NOT_SIGNED = {refusal().code for refusal in (LogDiffers, LeafDiffers, SignedNoteBroken)}


class Distributed:
    """A platform of service processes; this one starts them, watches them and stops them."""

    def __init__(
        self,
        folder: Path,
        postgres: Postgres,
        kafka: Kafka,
        *,
        port: int = 0,
        founding: Path | None = DEMO_COUNTY,
        new_audit_key: bool = False,
    ) -> None:
        """Keep data in `folder`; services listen on `port` and those after it, or on free ones.

        `new_audit_key` replaces a lost signing key, at this start alone.
        """
        self._folder = folder
        self._postgres = postgres
        self._kafka = kafka
        self._founding = founding
        self._new_audit_key = new_audit_key
        self._ports: dict[str, int] = {}
        for i, name in enumerate(PROCESSES):
            self._ports[name] = port + i if port else free_port(self._ports.values())
        self.urls = {name: f"http://127.0.0.1:{self._ports[name]}" for name in SERVICES}
        self.pages = f"http://127.0.0.1:{self._ports[PAGES]}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Prepare databases and topics, start every process, wait until each is ready.

        Raises StartFailed with the last words of a process that ended instead.
        """
        secret = secrets_of(self._folder)["database"]
        await prepare(self._postgres.url("postgres"), secret)
        await refuse_ahead(self._postgres.url)
        await create_topics(self._kafka.bootstrap, TOPICS)
        for name in PROCESSES:
            self.processes[name] = self._spawn(name, secret)
        try:
            await asyncio.gather(*(self._ready(name) for name in PROCESSES))
        except StartFailed:
            await self.stop()
            raise
        self._new_audit_key = False
        self._watching = asyncio.create_task(self._watch(secret))

    def _spawn(self, name: str, secret: str) -> subprocess.Popen[bytes]:
        told = secrets_of(self._folder)
        environment = {
            **os.environ, "SHOUWANG_PORT": str(self._ports[name]), "SHOUWANG_SERVICE_SECRET": told["service_secret"],
            **{f"SHOUWANG_{other.upper()}_URL": self.urls[other] for other in ("notification", "registry", "agency", "audit")},
            **({} if name == PAGES else self._told_service(name, secret, told)),
        }  # fmt: skip
        founding = [str(self._founding)] if self._founding and name == "registry" else []
        with (self._folder / f"{name}.log").open("ab") as out:
            return subprocess.Popen(  # noqa: S603 - our own interpreter, our own module
                [sys.executable, "-m", "shouwang.distributed", name, *founding], env=environment, stdout=out, stderr=out,
                cwd=Path(__file__).parents[1],
            )  # fmt: skip

    def _told_service(self, name: str, secret: str, told: Mapping[str, str]) -> dict[str, str]:
        """Return what a service is told beyond what the pages are: these get no database, no keys and no broker."""
        connections = urls(name, self._postgres.url, secret)
        return {
            "SHOUWANG_DATABASE_URL": connections["app"], "SHOUWANG_OWNER_URL": connections["owner"],
            "SHOUWANG_PROJECTOR_URL": connections.get("projector", ""), "SHOUWANG_KAFKA": self._kafka.bootstrap,
            "SHOUWANG_KEY_RING": str(self._folder / "keys.sqlite"), "SHOUWANG_KEY_PASSPHRASE": told["key_passphrase"],
            "SHOUWANG_TOKEN_SECRET": told["token_secret"],
            "SHOUWANG_AUDIT_KEY": str(self._folder / "audit.key"), "SHOUWANG_NEW_AUDIT_KEY": str(self._new_audit_key),
        }  # fmt: skip

    async def _ready(self, name: str) -> None:
        async with httpx2.AsyncClient() as http, asyncio.timeout(_START_SECONDS):
            while True:
                if self._watching is None and self.processes[name].poll() is not None:
                    words = (self._folder / f"{name}.log").read_text(encoding="utf8", errors="replace")
                    raise StartFailed(f"{name}: {words.strip().rpartition(chr(10))[2]}")
                try:
                    answer = await http.get(f"{self.urls.get(name, self.pages)}/{name}/health/ready")
                    # A log that does not hold stops the signing of checkpoints, and nobody's work.
                    if answer.status_code == 200 or answer.json().get("code") in _NOT_SIGNED:
                        return
                except (httpx2.HTTPError, ValueError):
                    pass
                await asyncio.sleep(_WATCH_SECONDS)

    async def _watch(self, secret: str) -> None:
        """Start again what fell: every process comes back from its database alone."""
        while True:
            for name, process in self.processes.items():
                if process.poll() is not None:
                    log.error("process.fell", service=name, status=process.returncode)
                    self.processes[name] = self._spawn(name, secret)
            await asyncio.sleep(_WATCH_SECONDS)

    async def kill(self, name: str) -> None:
        """Kill -9 one process and wait until its successor is ready."""
        fallen = self.processes[name]
        fallen.kill()
        while self.processes[name] is fallen:
            await asyncio.sleep(0.05)
        await self._ready(name)

    async def stop(self) -> None:
        """Stop every process in order."""
        if self._watching is not None:
            self._watching.cancel()
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                await asyncio.to_thread(process.wait, 15)
            except subprocess.TimeoutExpired:
                process.kill()


async def serve(name: str, founding: Path | None) -> None:
    """Run one service, or the pages, in this process until it is told to stop, or its parent is gone."""
    import signal

    set_up_logs(name)
    settings = PageSettings() if name == PAGES else Settings()
    connections = {"owner": settings.owner_url, "app": settings.database_url}
    if settings.projector_url:
        connections["projector"] = settings.projector_url
    bus = None if name == PAGES else KafkaBus(settings.kafka, settings.instance)
    if bus is None:
        places = {
            "registry": settings.registry_url,
            "agency": settings.agency_url,
            "audit": settings.audit_url,
        }
        serving = Serving({}, settings.host, settings.port, console.build(settings, places, RealWorld()))
    else:
        service = await open_service(name, settings, connections, bus, founding=founding)
        serving = Serving({name: service}, settings.host, settings.port)
    await serving.start()
    told, parent = asyncio.Event(), os.getppid()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    while os.getppid() == parent and not await within(1, told):
        pass
    await serving.stop()
    if bus is not None:
        await bus.close()


if __name__ == "__main__":
    try:
        # Not uvloop: see NotOnUvloop.
        asyncio.run(serve(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) > 2 else None))
    except AuditKeyRefused as refused:
        sys.exit(str(refused))
