"""Waiting for what an answer named: `token`, the signed places of its events, is taken back as `at_least`."""

import asyncio
import base64
import hmac
from collections.abc import Iterable, Sequence
from typing import Annotated

from fastapi import Query

from services.kernel.database import Database
from services.kernel.errors import NotYet, Refusal
from services.kernel.hearing.projection import Consumer
from services.kernel.writing.commands import Place

WAIT_SECONDS = 10.0
LOOK_SECONDS = 0.02
AtLeast = Annotated[
    str | None,
    Query(
        description="命令或导入答复中的 token,等待此处到达该位置 · Token of an answer: wait until it has come here",
        max_length=1500,
    ),
]


class BadPlace(Refusal):
    """at_least 不是平台给出的:请照抄答复中的 token。 · `at_least` is no token of ours: send `token` of an answer as it is."""


class Places:
    """Names places and takes back what it named: nobody asks how far a log has come of which they were told nothing."""

    def __init__(self, secret: str) -> None:
        """Sign under a key made from the secret that the services share."""
        self._key = hmac.digest(secret.encode(), b"shouwang places", "sha256")

    def token(self, places: Iterable[Place]) -> str | None:
        """Return what an answer says of these places; none where there are none."""
        named = [".".join(map(str, place)) for place in places]
        return ",".join(f"{each}.{self._mac(each)}" for each in named) or None

    def read(self, token: str) -> list[Place]:
        """Return the places of a token. Raises BadPlace."""
        found = []
        for each in token.split(","):
            named, _, mac = each.rpartition(".")
            if not hmac.compare_digest(mac.encode(), self._mac(named).encode()):
                raise BadPlace
            source, partition, seq = named.split(".")
            found.append(Place(source, int(partition), int(seq)))
        return found

    def _mac(self, named: str) -> str:
        return base64.urlsafe_b64encode(hmac.digest(self._key, named.encode(), "sha256")[:12]).decode()


class Heard:
    """What a service has heard of the others, in whichever of its processes: a command may rest on it."""

    def __init__(self, database: Database, consumers: Sequence[Consumer], secret: str) -> None:
        """Ask the checkpoints of these consumers; `secret` is that of `places`."""
        self._database = database
        self._consumers = consumers
        self.places = Places(secret)

    async def wait_for(self, token: str | None) -> None:
        """Wait until all who read a log that the token names have come so far. Raises NotYet after ten seconds, BadPlace."""
        if token is None:
            return
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                for place in self.places.read(token):
                    hearing = [c.name for c in self._consumers if place.source in c.sources]
                    while await self._reached(hearing, place) < len(hearing):
                        await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError as error:
            raise NotYet from error

    async def _reached(self, consumers: Sequence[str], place: Place) -> int:
        found = await self._database.fetch(
            "select count(*) from checkpoint where consumer = any($1::text[]) and source = $2 and partition = $3 and seq >= $4",
            consumers, *place,
        )  # fmt: skip
        count: int = found[0][0]
        return count
