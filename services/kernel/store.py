"""The event store: one call appends what waits, `seq` is dense, and a repeat gets its first answer."""

import asyncio
import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import accumulate
from typing import Any
from uuid import UUID

from services.kernel.database import AWAY, Connection, Database
from services.kernel.errors import OutcomeUnknown, StoreDown
from services.kernel.together import Together

PARTITIONS = 24
REFERENCE_PARTITION = PARTITIONS
"""Reference events share one partition, beside the 24 by child."""

_APPEND = (
    "select * from append($1::bytea[], $2::bytea[], $3::bytea[], $4::int[], $5::int[], $6::uuid[], $7::uuid[], $8::int[],"
    " $9::smallint[], $10::text[], $11::text[], $12::timestamptz[], $13::bytea[], $14::bytea[], $15::bytea[],"
    " $16::int[], $17::bytea[], $18::uuid[])"
)
_READ = "select seq, stream, version, envelope, blocks from event where stream = any($1::uuid[]) order by stream, version"
_MOST_TOGETHER = 256
_FEW_TOGETHER = 4
_M, _WORD = 0x5BD1E995, struct.Struct("<I")


@lru_cache(1 << 14)
def partition_of(orderkey: str) -> int:
    """Return the partition of an order key: the same everywhere (Kafka's murmur2)."""
    return (murmur2(orderkey.encode()) & 0x7FFFFFFF) % PARTITIONS


def murmur2(key: bytes) -> int:
    """Return Kafka's hash of a key, as aiokafka's own does, four bytes at a time: every new stream asks for one."""
    whole = len(key) & ~3
    h = (0x9747B28C ^ len(key)) & 0xFFFFFFFF
    for (k,) in _WORD.iter_unpack(key[:whole]):
        k = k * _M & 0xFFFFFFFF  # noqa: PLW2901 - mixed in place, as the algorithm says
        h = (h * _M ^ (k ^ k >> 24) * _M) & 0xFFFFFFFF
    if rest := key[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * _M & 0xFFFFFFFF
    h = (h ^ h >> 13) * _M & 0xFFFFFFFF
    return h ^ h >> 15


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
    outcomes: dict[int, Outcome] = {}
    left = list(range(len(appends)))
    while left:
        # All are appended, or none is and those that may not be are named.
        rows = await connection.fetch(_APPEND, *_columns([appends[i] for i in left]))
        if rows[0]["outcome"] == "appended":
            seq = rows[0]["first_seq"]
            for i in left:
                outcomes[i] = Outcome("appended", seq)
                seq += len(appends[i].events)
            break
        for row in sorted(rows, key=lambda row: (row["rank"], row["first_seq"] or 0)):
            told = Outcome(row["outcome"], row["first_seq"], row["body"], row["answer"], row["holder"])
            outcomes.setdefault(left[row["command"] - 1], told)
        left = [i for i in left if i not in outcomes]
    return [outcomes[i] for i in range(len(appends))]


def _columns(appends: Sequence[Append]) -> tuple[list[Any], ...]:
    events = [(place, e) for place, a in enumerate(appends, 1) for e in a.events]
    claims = [(place, token, holder) for place, a in enumerate(appends, 1) for token, holder in a.claims]
    return (
        [a.key for a in appends], [a.body for a in appends], [a.answer for a in appends],
        list(accumulate((len(a.events) for a in appends[:-1]), initial=0)),
        [place for place, _ in events], [e.id for _, e in events], [e.stream for _, e in events],
        [e.version for _, e in events], [e.partition for _, e in events], [e.orderkey for _, e in events],
        [e.type for _, e in events], [e.at for _, e in events], [e.envelope for _, e in events],
        [e.blocks for _, e in events], [leaf_hash(e.envelope) for _, e in events],
        [place for place, _, _ in claims], [token for _, token, _ in claims], [holder for _, _, holder in claims],
    )  # fmt: skip


class EventStore:
    """One service's events. Commands that arrive together are committed together, by one committer a process."""

    def __init__(self, database: Database) -> None:
        """Use this database; `run` must be running for `append` to be answered."""
        self.database = database
        self.grew = asyncio.Event()
        """Set when this process appended: a relay beside it needn't wait for its next look."""
        self._reading = Together(self._read)
        self._waiting: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._in_play = 0
        """How many appends were under way or waited when the last commit ended."""

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
                    self._in_play = len(batch) + len(self._waiting)
        finally:
            for waiting in self._waiting:
                waiting.done.set_exception(StoreDown())
            self._waiting.clear()

    def _take(self) -> list[_Waiting]:
        """Take what may go together: two appends to one stream, key or claim go one after the other.

        Half of those in play at most: were all of them in one commit, nobody would seal his next meanwhile, and the
        database would wait in turn. Of a few all go, for a commit costs as much as sealing some.
        """
        taken: list[_Waiting] = []
        left: list[_Waiting] = []
        touched: set[object] = set()
        most = min(_MOST_TOGETHER, max(_FEW_TOGETHER, -(-self._in_play // 2)))
        for at, waiting in enumerate(self._waiting):
            if len(taken) == most:
                left += self._waiting[at:]
                break
            a = waiting.append
            touches: set[object] = {e.stream for e in a.events}
            touches.update(token for token, _ in a.claims)
            if a.key:
                touches.add(a.key)
            (taken if touched.isdisjoint(touches) else left).append(waiting)
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
        if not streams:
            return []
        found = await self._reading(streams)
        return [event for stream in dict.fromkeys(streams) for event in found.get(stream, ())]

    async def _read(self, streams: set[UUID]) -> dict[UUID, list[Stored]]:
        found: dict[UUID, list[Stored]] = {}
        for row in await self.database.fetch(_READ, list(streams)):
            found.setdefault(row["stream"], []).append(Stored(*row))
        return found

    async def position(self) -> tuple[UUID, int]:
        """Return the store's incarnation and the last seq."""
        rows = await self.database.fetch("select incarnation, head from store")
        return rows[0][0], rows[0][1]

    async def heads(self, until: int = 1 << 62) -> dict[int, int]:
        """Return the last seq, up to `until`, of each partition that has events."""
        return await heads(self.database, "event", until)

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


async def heads(database: Database, table: str, until: int) -> dict[int, int]:
    """Return the last seq, up to `until`, of each partition of a log's table, with a look into the index for each."""
    rows = await database.fetch(
        "select p, last from generate_series(0, $1) p, lateral"
        f" (select max(seq) as last from {table} where partition = p and seq <= $2) h where last is not null",
        REFERENCE_PARTITION, until,
    )  # fmt: skip
    return {row[0]: row[1] for row in rows}


async def first_after(database: Database, table: str, places: Mapping[int, int]) -> int | None:
    """Return the lowest seq of a log's table that follows its partition's place, with a look into the index for each."""
    rows = await database.fetch(
        "select min(first) from unnest($1::smallint[], $2::bigint[]) w (p, place), lateral"
        f" (select min(seq) as first from {table} where partition = w.p and seq > w.place) f",
        list(places), list(places.values()),
    )  # fmt: skip
    first: int | None = rows[0][0]
    return first
