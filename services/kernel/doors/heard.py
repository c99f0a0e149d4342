"""Waiting for what an answer named: `service.partition.seq`, joined by commas, as `token` has it."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Annotated

from fastapi import Query

from services.kernel.database import Database
from services.kernel.errors import NotYet
from services.kernel.hearing.projection import Consumer

WAIT_SECONDS = 10.0
LOOK_SECONDS = 0.02
AtLeast = Annotated[
    str | None,
    Query(
        description="命令或导入答复中的 token,等待此处到达该位置 · Token of an answer: wait until it has come here",
        max_length=1000,
        pattern=r"^[a-z]+\.[0-9]{1,2}\.[0-9]{1,15}(,[a-z]+\.[0-9]{1,2}\.[0-9]{1,15})*$",
        examples=["registry.7.120"],
    ),
]


def places_in(token: str) -> Iterator[tuple[str, int, int]]:
    """Yield (service, partition, seq) of each place."""
    for each in token.split(","):
        source, partition, seq = each.split(".")
        yield source, int(partition), int(seq)


class Heard:
    """What a service has heard of the others, in whichever of its processes: a command may rest on it."""

    def __init__(self, database: Database, consumers: Sequence[Consumer]) -> None:
        """Ask the checkpoints of these consumers."""
        self._database = database
        self._consumers = consumers

    async def wait_for(self, token: str | None) -> None:
        """Wait until all who read a log that the token names have come so far. Raises NotYet after ten seconds."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                for source, partition, seq in places_in(token) if token else ():
                    hearing = [c.name for c in self._consumers if source in c.sources]
                    while await self._reached(hearing, source, partition, seq) < len(hearing):
                        await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError as error:
            raise NotYet from error

    async def _reached(self, consumers: Sequence[str], source: str, partition: int, seq: int) -> int:
        found = await self._database.fetch(
            "select count(*) from checkpoint where consumer = any($1::text[]) and source = $2 and partition = $3 and seq >= $4",
            consumers, source, partition, seq,
        )  # fmt: skip
        count: int = found[0][0]
        return count
