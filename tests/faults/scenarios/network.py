"""The network between each process and its servers: connections cut, half-open, slow; a proxy of our own on each way.

PostgreSQL listens on a socket alone, so its proxies are sockets. Kafka tells clients where it lives, so each process has
a listener of its own, which is told to be where its proxy is.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx2

from infra.databases import SERVICES
from infra.kafka import Kafka
from infra.ports import free_port
from infra.postgres import Postgres
from shouwang.client import Told
from shouwang.distributed import Distributed
from tests.faults.harness.attack import attacked
from tests.faults.harness.people import Stuck, Working
from tests.faults.harness.proxy import Proxy
from tests.faults.harness.row import Row
from tests.faults.harness.run import Run, stands_still
from tests.faults.harness.stage import Stage, stage

_HOST = "127.0.0.1"
_HALF_OPEN_SECONDS = 3.0


class Listeners(Kafka):
    """A broker with a listener for each process, advertised where that process's proxy is."""

    def __init__(self, folder: Path, proxies: dict[str, int]) -> None:
        super().__init__(folder)
        self._proxies = proxies
        self.listens: dict[str, int] = {}

    def _write_properties(self) -> None:
        super()._write_properties()
        file = self.folder / "server.properties"
        told = dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)
        if not self.listens:
            for name in self._proxies:
                self.listens[name] = free_port({*self._read_ports().values(), *self.listens.values()})
        for name, port in self._proxies.items():
            told["listeners"] += f",{name.upper()}://{_HOST}:{self.listens[name]}"
            told["advertised.listeners"] += f",{name.upper()}://{_HOST}:{port}"
            told["listener.security.protocol.map"] += f",{name.upper()}:PLAINTEXT"
        file.write_text("".join(f"{key}={value}\n" for key, value in told.items()))


class _Behind:
    """A server as one process sees it: behind its proxy."""

    def __init__(self, postgres: Postgres, folder: Path) -> None:
        self._postgres = postgres
        self._folder = folder

    def url(self, database: str, user: str | None = None, password: str | None = None) -> str:
        url = self._postgres.url(database, user, password)
        socket = parse_qs(urlsplit(url).query)["host"][0]
        return url.replace(quote(socket, safe=""), quote(str(self._folder), safe=""))


class Proxied(Distributed):
    """A platform each of whose processes reaches PostgreSQL and Kafka by proxies of its own."""

    def __init__(
        self, folder: Path, postgres: Postgres, kafka: Kafka, sockets: Path, ports: dict[str, int]
    ) -> None:
        super().__init__(folder, postgres, kafka)
        self._real: tuple[Any, Any] = (postgres, kafka)
        self._sockets = sockets
        self._proxy_ports = ports

    def _spawn(self, name: str, secret: str) -> Any:
        if name not in self._proxy_ports:  # the pages reach neither
            return super()._spawn(name, secret)

        class Bootstrap:
            bootstrap = f"{_HOST}:{self._proxy_ports[name]}"

        behind: Any = (_Behind(self._real[0], self._sockets / name), Bootstrap())
        self._postgres, self._kafka = behind
        try:
            return super()._spawn(name, secret)
        finally:
            self._postgres, self._kafka = self._real


@asynccontextmanager
async def proxied(run: Run) -> AsyncIterator[tuple[Stage, dict[str, Proxy]]]:
    """A stage with a proxy on every way."""
    proxies: dict[str, Proxy] = {}
    with tempfile.TemporaryDirectory(prefix="shouwang-", dir="/tmp") as folder:  # sockets want short paths
        socket = Path(parse_qs(urlsplit(run.postgres.url("postgres")).query)["host"][0]) / ".s.PGSQL.5432"
        for name in SERVICES:
            (Path(folder) / name).mkdir()
            proxies[f"{name} ↔ PostgreSQL"] = Proxy(lambda: socket)
            await proxies[f"{name} ↔ PostgreSQL"].listen_on_socket(Path(folder) / name / ".s.PGSQL.5432")
        ports: dict[str, int] = {}
        kafka = Listeners(run.kafka.folder.parent / "kafka-proxied", ports)
        for name in SERVICES:
            proxies[f"{name} ↔ Kafka"] = Proxy(lambda name=name: (_HOST, kafka.listens[name]))  # type: ignore[misc]
            ports[name] = await proxies[f"{name} ↔ Kafka"].listen_on_port()
        try:
            platform = Proxied(run.postgres.folder.parent, run.postgres, kafka, Path(folder), ports)
            async with stage(run.postgres.folder.parent, run.postgres, kafka, platform) as made:
                yield made, proxies
        finally:
            for proxy in proxies.values():
                await proxy.close()
            await asyncio.to_thread(kafka.stop)


async def run(run: Run) -> list[Row]:
    """Harm one way after the other, in every manner."""
    async with proxied(run) as (made, proxies):
        todo: list[tuple[str, str]] = []

        async def strike(people: Working) -> int:
            if not todo:
                todo.extend((way, how) for way in proxies for how in ("cut", "half-open", "slow"))
                run.dice.shuffle(todo)
            way, how = todo.pop()
            proxy = proxies[way]
            before = proxy.passed
            match how:
                case "cut":
                    proxy.cut()
                    await asyncio.sleep(run.dice.random())
                case "half-open":
                    proxy.half_open()
                    await asyncio.sleep(_HALF_OPEN_SECONDS)
                case _:
                    proxy.slow(0.2)
                    await people.more(2, run.patience)
            proxy.mend()

            async def passed() -> bool:
                # Some have little to say to their database unless they are asked.
                with suppress(Told, httpx2.HTTPError):
                    await made.client.request("GET", f"/{way.split()[0]}/health/ready")
                return proxy.passed > before

            if not await stands_still(passed, wanted=True, patience=run.patience):
                raise Stuck(f"nothing passes {way} after {how}")
            return 1

        return [await attacked(run, made, "cuts", strike)]
