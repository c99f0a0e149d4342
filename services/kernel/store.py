"""The event store: one call appends what waits, `seq` is dense, and a repeat gets its first answer."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from aiokafka.partitioner import murmur2

from services.kernel.database import AWAY, Connection, Database
from services.kernel.errors import OutcomeUnknown, StoreDown

PARTITIONS = 24
REFERENCE_PARTITION = PARTITIONS
"""Reference events share one partition, beside the 24 by child."""

_APPEND = (
    "select * from append($1::bytea[], $2::bytea[], $3::bytea[], $4::int[], $5::uuid[], $6::uuid[], $7::int[],"
    " $8::smallint[], $9::text[], $10::text[], $11::timestamptz[], $12::bytea[], $13::bytea[], $14::bytea[],"
    " $15::int[], $16::bytea[], $17::uuid[])"
)
_READ = "select seq, stream, version, envelope, blocks from event where stream = any($1::uuid[]) order by stream, version"
_MOST_TOGETHER = 256


@lru_cache(1 << 14)
def partition_of(orderkey: str) -> int:
    """Return the partition of an order key: the same everywhere (Kafka's murmur2)."""
    return int((murmur2(orderkey.encode()) & 0x7FFFFFFF) % PARTITIONS)


def leaf_hash(envelope: bytes) -> bytes:
    """Return the RFC 6962 leaf hash of an envelope's bytes."""
    return hashlib.sha256(b"\x00" + envelope).digest()


@dataclass(frozen=True)
class NewEvent:
    """An event ready to append: its envelope's exact bytes, its blocks, and its place in its stream."""

    id: UUID
    stream: UUID
    version: int
    type: str
    orderkey: str
    partition: int
    at: datetime
    envelope: bytes
    blocks: bytes


@dataclass(frozen=True)
class Append:
    """All that one command appends, or nothing of it. `key` is its idempotency key, `body` the hash of what it said."""

    events: Sequence[NewEvent]
    key: bytes | None = None
    body: bytes = b""
    answer: bytes = b""
    claims: Sequence[tuple[bytes, UUID]] = ()


@dataclass(frozen=True)
class Outcome:
    """`appended`, `repeated`, `stale` or `claimed`; seq of the first event; what the first command said and got."""

    kind: str
    first_seq: int | None = None
    body: bytes | None = None
    answer: bytes | None = None
    holder: UUID | None = None


@dataclass(frozen=True)
class Stored:
    """An event as read back."""

    seq: int
    stream: UUID
    version: int
    envelope: bytes
    blocks: bytes


@dataclass
class _Waiting:
    append: Append
    done: "asyncio.Future[Outcome]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


async def append_in(connection: Connection, appends: Sequence[Append]) -> list[Outcome]:
    """Append inside the caller's transaction: a reaction commits its events with its checkpoint.

    Appends of one call may not touch the same stream, key or claim: the call sees what was there before it.
    """
    events = [(place, e) for place, a in enumerate(appends, 1) for e in a.events]
    claims = [(place, token, holder) for place, a in enumerate(appends, 1) for token, holder in a.claims]
    rows = await connection.fetch(
        _APPEND,
        [a.key for a in appends], [a.body for a in appends], [a.answer for a in appends],
        [place for place, _ in events], [e.id for _, e in events], [e.stream for _, e in events],
        [e.version for _, e in events], [e.partition for _, e in events], [e.orderkey for _, e in events],
        [e.type for _, e in events], [e.at for _, e in events], [e.envelope for _, e in events],
        [e.blocks for _, e in events], [leaf_hash(e.envelope) for _, e in events],
        [place for place, _, _ in claims], [token for _, token, _ in claims], [holder for _, _, holder in claims],
    )  # fmt: skip
    outcomes = {row["command"]: Outcome(*(row[i] for i in range(1, 6))) for row in rows}
    return [outcomes[place] for place in range(1, len(appends) + 1)]


class EventStore:
    """One service's events. Commands that arrive together are committed together, by one committer a process."""

    def __init__(self, database: Database) -> None:
        """Use this database; `run` must be running for `append` to be answered."""
        self.database = database
        self.grew = asyncio.Event()
        """Set when this process appended: a relay beside it needn't wait for its next look."""
        self._waiting: list[_Waiting] = []
        self._wake = asyncio.Event()

    async def append(self, append: Append) -> Outcome:
        """Append one command's events; durable when this returns.

        Raises StoreDown where nothing was sent to the database, OutcomeUnknown where the answer was lost.
        """
        waiting = _Waiting(append)
        self._waiting.append(waiting)
        self._wake.set()
        return await waiting.done

    async def run(self) -> None:
        """Commit what waits, until cancelled."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while batch := self._take():
                    await self._commit(batch)
        finally:
            for waiting in self._waiting:
                waiting.done.set_exception(StoreDown())
            self._waiting.clear()

    def _take(self) -> list[_Waiting]:
        """Take what may go together: two appends to one stream, key or claim go one after the other."""
        taken: list[_Waiting] = []
        left: list[_Waiting] = []
        touched: set[object] = set()
        for waiting in self._waiting:
            a = waiting.append
            touches = (
                {e.stream for e in a.events}
                | {token for token, _ in a.claims}
                | ({a.key} if a.key else set())
            )
            if len(taken) < _MOST_TOGETHER and not touches & touched:
                taken.append(waiting)
            else:
                left.append(waiting)
            touched |= touches
        self._waiting = left
        return taken

    async def _commit(self, batch: list[_Waiting]) -> None:
        sent = False
        try:
            async with self.database.connection() as connection:
                sent = True
                outcomes = await append_in(connection, [w.append for w in batch])
        except Exception as error:  # noqa: BLE001 - the committer lives on; each caller is told
            away = isinstance(error, (StoreDown, *AWAY))
            told = (OutcomeUnknown() if sent else StoreDown()) if away else error
            for waiting in batch:
                if not waiting.done.done():
                    waiting.done.set_exception(told)
            return
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if not waiting.done.done():
                waiting.done.set_result(outcome)
        self.grew.set()

    async def read(self, streams: Sequence[UUID]) -> list[Stored]:
        """Return the events of these streams, in order of version within each."""
        rows = await self.database.fetch(_READ, list(streams))
        return [Stored(*row) for row in rows]

    async def position(self) -> tuple[UUID, int]:
        """Return the store's incarnation and the last seq."""
        rows = await self.database.fetch("select incarnation, head from store")
        return rows[0][0], rows[0][1]

    async def heads(self) -> dict[int, int]:
        """Return the last seq of each partition that has events."""
        rows = await self.database.fetch("select partition, max(seq) from event group by partition")
        return {row[0]: row[1] for row in rows}

    async def after(self, seq: int, most: int) -> list[Any]:
        """Return up to `most` rows after `seq`, in order: what the relay publishes."""
        rows = await self.database.fetch(
            "select seq, id, partition, orderkey, type, envelope, blocks from event where seq > $1 order by seq limit $2",
            seq, most,
        )  # fmt: skip
        return list(rows)

    async def holders(self, tokens: Sequence[bytes]) -> dict[bytes, UUID]:
        """Return who holds these claims."""
        rows = await self.database.fetch(
            "select token, holder from claim where token = any($1::bytea[])", list(tokens)
        )
        return {row[0]: row[1] for row in rows}
