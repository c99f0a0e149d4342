"""Worlds in which two histories come out the same, but for what is meant to differ."""

import asyncio
import hashlib
import json
import random
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from services.agency.app import Agency
from services.kernel.bus.port import FEED
from services.kernel.hearing.projection import Consumer
from tests.helpers import START, Running, made_cluster

SECRETS = dict.fromkeys(
    ("database", "key_passphrase", "token_secret", "service_secret"), "the same in both histories!"
)
"""Tokens of places are signed: two installations answer alike where their secrets are alike."""


class StepWorld:
    """Time stands until the test moves it; ids count up. So what is done in order comes out the same."""

    def __init__(self) -> None:
        self.moment = START
        self._made = 0
        self._dice = random.Random(1)  # the key of search tokens too: they come out the same

    def step(self) -> None:
        self.moment += timedelta(minutes=1)

    def now(self) -> datetime:
        return self.moment

    def new_id(self) -> UUID:
        self._made += 1
        return UUID(int=self._made, version=4)

    def secret(self, size: int) -> bytes:
        return self._dice.randbytes(size)


class LengthCipher:
    """Blocks depend on their padded length only; what they hold is remembered beside."""

    alg = "TEST"
    digest = "sha256"

    def __init__(self) -> None:
        self._held: dict[bytes, bytes] = {}

    def encrypt(self, key: bytes, plain: bytes, bound_to: bytes) -> bytes:
        del key
        self._held[bound_to] = plain
        return b"." * (len(plain) + 28)

    def decrypt(self, key: bytes, block: bytes, bound_to: bytes) -> bytes:
        del key, block
        return self._held[bound_to]

    def hash_of(self, block: bytes) -> str:
        return hashlib.sha256(block).hexdigest()


@asynccontextmanager
async def only(running: Running, writer: str) -> AsyncIterator[None]:
    """Nobody but this service does anything meanwhile; the others then hear it all at once, which costs a fraction."""
    others = [service for name, service in running.platform.services.items() if name != writer]
    await asyncio.gather(*(service.stop_loops() for service in others))
    yield
    for service in others:
        await service.start()


_FEED_HEADS = "select partition, max(seq) from feed group by partition"


async def quiet(running: Running) -> None:
    """Wait until every consumer has handled all that its sources hold, asking the services in this process: no HTTP."""
    before: Any = None
    async with asyncio.timeout(120):
        while (now := await _places(running)) is None or now != before:
            before = now
            await asyncio.sleep(0.004)


async def _places(running: Running) -> Mapping[str, Any] | None:
    """Return the heads of all logs, or None where somebody is behind them."""
    services = running.platform.services
    heads: dict[str, dict[int, int]] = {
        name: await service.store.heads() for name, service in services.items() if service.store is not None
    }
    heads["reference"] = {0: heads["registry"].pop(24, 0)}
    heads[FEED] = {row[0]: row[1] for row in await services["notification"].tools.database.fetch(_FEED_HEADS)}
    consumers: list[Consumer] = [c for service in services.values() for c in service.consumers]
    for service in services.values():
        if isinstance(service, Agency) and service.folding is not None:
            consumers += service.folding.consumers.values()
    behind = any(
        consumer.places.get((source, partition), 0) < seq
        for consumer in consumers
        for source in consumer.sources
        for partition, seq in heads.get(source, {}).items()
    )
    return None if behind else heads


_ROOT = Path(__file__).parents[2]


async def apart(folder: Path, *histories: Sequence[object]) -> list[tuple[Any, str]]:
    """Live through histories at once, each in a process of its own; return what each gives, and what was logged."""

    async def lived(what: Sequence[object], out: Path) -> tuple[Any, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.privacy.one_history", str(out), *map(str, what), cwd=_ROOT,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            said, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, said[-2000:]
        return json.loads(out.read_text()), said.decode()

    await made_cluster()
    async with asyncio.TaskGroup() as both:
        tasks = [both.create_task(lived(what, folder / f"{n}.json")) for n, what in enumerate(histories)]
    return [task.result() for task in tasks]
