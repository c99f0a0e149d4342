"""The bus as everybody sees it: records by topic and partition, at least once, in any order that a fault may give."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import msgspec

from schemas.look import LOOK_LOGS
from services.kernel.store import PARTITIONS

REFERENCE = "reference"
FEED = "feed"


class Record(msgspec.Struct, frozen=True):
    """One event on its way. `prev` is the seq before it in the same partition of the same source.

    With `prev` a consumer knows exactly what comes next: duplicates, gaps and a wiped, refilled topic are told apart
    without trusting offsets.
    """

    source: str
    partition: int
    seq: int
    prev: int
    store: UUID
    key: str
    value: bytes
    blocks: bytes = b""
    headers: dict[str, str] = {}


class Checkpoint(NamedTuple):
    """What somebody has of a source: the store it came from, and the last seq of each partition."""

    store: UUID
    places: Mapping[int, int]


def topic_of(source: str) -> str:
    """Return the topic that carries a source's records."""
    return f"shouwang.{source}.v1"


TOPICS = {
    topic_of(source): PARTITIONS for source in ("registry", "reporting", "assessment", "notification", FEED)
} | {topic_of(source): 1 for source in (REFERENCE, *LOOK_LOGS)}
"""Every topic with its number of partitions; created by infra, never by clients."""


class Log(Protocol):
    """What a relay reads: an event store, the feed, or the looks."""

    grew: asyncio.Event

    async def position(self) -> tuple[UUID, int]:
        """Return (incarnation, last seq)."""
        ...

    async def after(self, seq: int, most: int) -> Sequence[Any]:
        """Return rows after `seq`, in order."""
        ...

    async def before(self, seq: int) -> Mapping[int, int]:
        """Return the last seq of each partition up to `seq`."""
        ...

    async def first_after(self, places: Mapping[int, int]) -> int | None:
        """Return the lowest seq that follows its partition's place."""
        ...


class Subscription(Protocol):
    """One consumer's place on the bus."""

    async def batch(self) -> list[Record]:
        """Wait for records; an empty list says that nothing came for a while."""
        ...

    async def mark(self, known: Callable[[], Mapping[str, Checkpoint]]) -> None:
        """Hear what is known by now of all that `batch` returned: the next subscription may begin behind it."""
        ...

    async def rewind(self) -> None:
        """Start again from the oldest record: the consumer saw a gap that did not close."""
        ...

    async def close(self) -> None:
        """Leave."""
        ...


class Bus(Protocol):
    """What relays publish to and consumers subscribe to."""

    async def identity(self) -> str:
        """Name this bus: another name means that what was published before is gone."""
        ...

    async def publish(self, source: str, records: Sequence[Record]) -> None:
        """Publish in order; returns when all are delivered, raises BusDown at the first failure."""
        ...

    def lend(self, source: str, log: Log) -> None:
        """Say where a source can be read again. A broker keeps all that it was given, and has no use for it."""
        ...

    async def subscribe(
        self, group: str, sources: Sequence[str], known: Mapping[str, Checkpoint] | None = None, /
    ) -> Subscription:
        """Join a consumer group on these sources, all partitions alike, from the oldest record kept.

        What comes before the first that is not `known` may be left out.
        """
        ...

    async def close(self) -> None:
        """Let go of all connections."""
        ...


class BusDown(Exception):  # noqa: N818
    """消息总线暂不可用,已登记的事件不会丢失,恢复后自动续传。

    The bus is away; nothing that was accepted is lost, it goes on by itself.
    """
