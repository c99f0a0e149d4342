"""A whole platform in a process of its own, as `shouwang run` starts it, and clients that cost little."""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import psutil

from infra.ports import free_port
from infra.postgres import Postgres
from infra.processes import server_account
from services.registry.founding import post_id
from shouwang.client import Platform

_START_SECONDS = 180
_LOOK_SECONDS = 0.05
_SERVICE = "shouwang.distributed"


class Refused(Exception):  # noqa: N818
    """An answer that is no success."""


@dataclass
class Running:
    """A platform that runs, with its folder, its database server and a client."""

    folder: Path
    process: asyncio.subprocess.Process
    postgres: Postgres
    client: Platform
    http: aiohttp.ClientSession

    async def headers(self, post: str) -> dict[str, str]:
        """Sign in to a post of the demo county."""
        return (await self.client.sign_in(post_id(post))).headers

    def resident(self) -> float:
        """Return the memory of all services in MiB: the platform's processes of Python, no PostgreSQL, no Kafka."""
        return round(sum(p.memory_info().rss for p in self._processes()) / 2**20, 1)

    def spent(self) -> dict[str, float]:
        """Return the processor time so far of each of these processes, by service, in seconds; `all` is their sum."""
        told: dict[str, float] = {}
        for process in self._processes():
            words = process.cmdline()
            name = words[words.index(_SERVICE) + 1] if _SERVICE in words else "launcher"
            told[name] = sum(process.cpu_times()[:2])
        return told | {"all": sum(told.values())}

    def _processes(self) -> list[psutil.Process]:
        main = psutil.Process(self.process.pid)
        return [main, *(p for p in main.children(recursive=True) if _SERVICE in p.cmdline())]

    async def do(self, path: str, headers: dict[str, str], told: dict[str, Any]) -> dict[str, Any]:
        """Issue a command under a fresh key."""
        url = self.client.urls[path.split("/", maxsplit=1)[0]] + "/" + path
        async with self.http.post(
            url, json=told, headers=headers | {"Idempotency-Key": str(uuid4())}
        ) as answer:
            if answer.status >= 400:
                raise Refused(await answer.text())
            done: dict[str, Any] = await answer.json()
            return done

    async def ask(self, path: str, headers: dict[str, str], **params: str) -> bytes:
        """Ask a question."""
        async with self.http.get(
            self.client.urls["agency"] + "/" + path, params=params, headers=headers
        ) as answer:
            if answer.status >= 400:
                raise Refused(await answer.text())
            return await answer.read()

    async def search(self, headers: dict[str, str], wanted: dict[str, str]) -> list[Any]:
        """Search children."""
        url = self.client.urls["agency"] + "/agency/search"
        async with self.http.post(url, json=wanted, headers=headers) as answer:
            if answer.status >= 400:
                raise Refused(await answer.text())
            found: list[Any] = await answer.json()
            return found


@asynccontextmanager
async def running(profile: str = "embedded") -> AsyncIterator[Running]:
    """Start a platform in a folder of its own; it is gone afterwards."""
    account = server_account()
    with tempfile.TemporaryDirectory(dir=None if account.user is None else "/var/tmp") as made:  # noqa: S108
        folder = Path(made)
        await asyncio.to_thread(folder.chmod, 0o755)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "shouwang", "run", "--data", str(folder), "--port", "0", "--profile", profile,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "SHOUWANG_RATE_PER_MINUTE": "0"},  # a few posts ask as a whole county does
        )  # fmt: skip
        try:
            urls = await _urls(folder / "platform.json", process)
            client = Platform(urls)
            async with aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=1)
            ) as http:
                await client.settled()
                yield Running(folder, process, Postgres(folder / "postgres"), client, http)
            await client.close()
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _urls(file: Path, process: asyncio.subprocess.Process) -> dict[str, str]:
    until = time.monotonic() + _START_SECONDS
    while True:
        if process.returncode is not None or time.monotonic() > until:
            raise RuntimeError("the platform did not start")
        try:
            told: dict[str, Any] = json.loads(await asyncio.to_thread(file.read_text))
            return dict(told["urls"])
        except (FileNotFoundError, ValueError):  # not there yet, or half written
            await asyncio.sleep(_LOOK_SECONDS)


@asynccontextmanager
async def plain(url: str) -> AsyncIterator[str]:
    """Serve the peer on a database; gives its URL."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.plain", url, str(port))
    try:
        while not await _answers(port):
            await asyncio.sleep(_LOOK_SECONDS)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def _answers(port: int) -> bool:
    try:
        _, link = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    link.close()
    return True
