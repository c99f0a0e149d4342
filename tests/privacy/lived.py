"""Worlds in which two histories come out the same, but for what is meant to differ."""

import asyncio
import hashlib
import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.agency.app import Agency
from services.kernel.bus.port import FEED
from services.kernel.hearing.projection import Consumer
from tests.helpers import START, Running


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
