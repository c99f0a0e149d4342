"""The consume loop: rows and checkpoint commit together, a bad record steps aside, and nothing is applied twice."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from uuid import UUID

import msgspec

from schemas.envelope import after_of
from services.kernel.bus.port import REFERENCE, Bus, BusDown, Checkpoint, Record, Subscription
from services.kernel.database import AWAY, Connection, Database
from services.kernel.errors import StoreDown
from services.kernel.store import partition_of
from services.kernel.telemetry import log, metrics

Fold = Callable[[Connection, Sequence[Record]], Awaitable[None]]
"""Applies records, in order, to rows of their own order keys, inside the transaction that it is given."""

_RETRY_SECONDS = 0.5
_PATIENCE = 3
_QUOTA = 20
_ALONE = "pg_advisory_xact_lock(hashtext($1), {})"
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Record).decode


class Outcome(StrEnum):
    """What the loop did with a record."""

    APPLIED = "applied"
    ALREADY_KNOWN = "already_known"
    EARLY = "early"
    PARKED = "parked"


class AnotherStore(Exception):  # noqa: N818
    """来源库已被替换,本视图须先重建。 · The source is another store than this view was built from: rebuild it."""


class TooMuchPoison(Exception):  # noqa: N818
    """坏记录过多,已停止:请先修复程序。 · Too many bad records, stopped: the fault is ours, mend it first."""


class Fenced(Exception):  # noqa: N818
    """Another member of the group has moved this checkpoint, or the view is gone: read it again."""


class _Parked(msgspec.Struct):
    seq: int
    poison: bool
    awaits: dict[str, int]


class Consumer:
    """One consumer group member. It trusts no offset: the checkpoint beside its rows says what is news.

    A record is applied when the one before it in its partition (`prev`) has been; what comes early waits in memory,
    what comes again is dropped. So duplicates, reordering and a wiped, refilled topic change nothing.
    """

    def __init__(
        self,
        name: str,
        sources: Sequence[str],
        database: Database,
        bus: Bus,
        fold: Fold,
        *,
        reference_seq: Callable[[], int] = lambda: 1 << 62,
        after_commit: Callable[[], None] = lambda: None,
    ) -> None:
        """Fold `sources` into `database`. With `reference_seq`, events wait for the reference data they rest on."""
        self.name = name
        self.sources = sources
        self.stopped: str | None = None
        """Name of the error for which it stopped, if it did."""
        self._database = database
        self._bus = bus
        self._fold = fold
        self._reference_seq = reference_seq
        self._after_commit = after_commit
        self.places: dict[tuple[str, int], int] = {}
        self._stores: dict[str, UUID] = {}
        self._early: dict[tuple[str, int], dict[int, Record]] = {}
        self._parked: dict[tuple[str, str], deque[_Parked]] = {}

    async def run(self) -> None:
        """Consume until cancelled; when bus or database are away, wait and go on."""
        while True:
            subscription: Subscription | None = None
            try:
                await self._load()
                subscription = await self._bus.subscribe(self.name, self.sources, self._known())
                await self._release(poison=True)
                await self._consume(subscription)
            except (BusDown, StoreDown, Fenced) as error:
                log.warning("consumer.waits", consumer=self.name, error=type(error).__name__)
                await asyncio.sleep(_RETRY_SECONDS)
            except (AnotherStore, TooMuchPoison) as error:
                self.stopped = type(error).__name__
                log.error("consumer.stopped", consumer=self.name, error=self.stopped)
                return
            finally:
                if subscription is not None:
                    await subscription.close()

    async def _load(self) -> None:
        rows = await self._database.fetch(
            "select source, partition, incarnation, seq from checkpoint where consumer = $1", self.name
        )
        self.places = {(r["source"], r["partition"]): r["seq"] for r in rows}
        self._stores = {r["source"]: r["incarnation"] for r in rows}
        self._early = {}
        await self._load_parked()

    def _known(self) -> dict[str, Checkpoint]:
        return {
            source: Checkpoint(store, {p: seq for (s, p), seq in self.places.items() if s == source})
            for source, store in self._stores.items()
        }

    async def _load_parked(self) -> None:
        self._parked = {}
        for row in await self._database.fetch(
            "select source, orderkey, seq, reason, awaits from parked where consumer = $1 order by source, orderkey, seq",
            self.name,
        ):
            awaits = msgspec.json.decode(row["awaits"] or "{}", type=dict[str, int])
            self._park_in_memory(
                row["source"], row["orderkey"], _Parked(row["seq"], row["reason"] == "poison", awaits)
            )

    async def _consume(self, subscription: Subscription) -> None:
        stuck = 0
        while True:
            records = await subscription.batch()
            if news := self._news(records):
                await self._apply(news)
            if self._parked:
                await self._release()
            if not any(self._early.values()):
                await subscription.mark(self._known)
                stuck = 0
            elif news:
                stuck = 0
            elif not records or any(r.seq > self.places.get((r.source, r.partition), 0) for r in records):
                stuck += 1  # on the way through what is known alone a gap is not lasting: what fills it may come behind
            if stuck >= _PATIENCE:
                stuck = 0
                await subscription.rewind()

    def _news(self, records: Sequence[Record]) -> list[Record]:
        """Return what is next, in order for each partition; keep what is early, drop what is known."""
        news: list[Record] = []
        places = dict(self.places)
        for record in records:
            if self._stores.setdefault(record.source, record.store) != record.store:
                raise AnotherStore(record.source)
            at = (record.source, record.partition)
            early = self._early.setdefault(at, {})
            if record.seq <= places.get(at, 0):
                self._count(Outcome.ALREADY_KNOWN)
                continue
            early[record.prev] = record
            before = len(news)
            while (following := early.pop(places.get(at, 0), None)) is not None:
                news.append(following)
                places[at] = following.seq
            if len(news) == before:
                self._count(Outcome.EARLY)
            for prev in [p for p, r in early.items() if r.seq <= places.get(at, 0)]:
                del early[prev]
        return news

    async def _apply(self, news: list[Record]) -> None:
        """Apply all in one transaction; if one of them is bad, find it by halving."""
        good, aside = list[Record](), list[Record]()
        coming: dict[tuple[str, int], int] = {}
        for record in news:
            awaits, key = self._unmet(record, coming), (record.source, record.key)
            if awaits or key in self._parked:
                aside.append(record)
                self._park_in_memory(*key, _Parked(record.seq, poison=False, awaits=awaits))
            else:
                good.append(record)
                coming[record.source, record.partition] = record.seq
        try:
            await self._commit(news, good, aside, "awaits")
        except (StoreDown, Fenced, *AWAY):
            raise
        except Exception as error:  # noqa: BLE001 - a bad record may fail in any way; found below
            if len(news) == 1:
                await self._park_poison(news[0])
            else:
                log.warning("consumer.halves", consumer=self.name, error=type(error).__name__)
                await self._load_parked()
                for part in (news[: len(news) // 2], news[len(news) // 2 :]):
                    await self._apply(part)

    async def _park_poison(self, record: Record) -> None:
        log.error("consumer.parked", consumer=self.name, source=record.source, seq=record.seq)
        self._park_in_memory(record.source, record.key, _Parked(record.seq, poison=True, awaits={}))
        await self._commit([record], [], [record], "poison")
        if sum(p.poison for queue in self._parked.values() for p in queue) > _QUOTA:
            raise TooMuchPoison

    async def _commit(self, news: list[Record], good: list[Record], aside: list[Record], reason: str) -> None:
        moved: dict[tuple[str, int], int] = {(r.source, r.partition): r.seq for r in news}
        async with self._database.transaction() as rows:
            await self._checkpoint(rows, moved)  # first: who was fenced waits here and writes nothing
            if good:
                await self._fold(rows, good)
            if aside:
                await self._park(rows, aside, reason)
        self.places.update(moved)
        self._after_commit()
        for source, seq in {s: q for (s, _), q in moved.items()}.items():
            metrics.position.labels(self.name, source).set(seq)
        self._count(Outcome.APPLIED, len(good))
        self._count(Outcome.PARKED, len(aside))

    async def _checkpoint(self, rows: Connection, moved: dict[tuple[str, int], int]) -> None:
        """Move the checkpoint from where we know it to be; anything else means that somebody else moved it.

        Until the transaction ends nobody else writes for these partitions, of whichever source: rows of a child hang on
        all of them. Who waits for that then sees what was done.
        """
        moving = sorted(
            moved, key=lambda at: at[1]
        )  # in one order everywhere: two members don't wait for each other
        done = await rows.fetch(
            f"with m as materialized (select m.*, {_ALONE.format('partition')} from"
            " unnest($2::text[], $3::smallint[], $4::uuid[], $5::bigint[], $6::bigint[])"
            " m (source, partition, incarnation, seq, old)),"
            " on_its_way as (update checkpoint c set incarnation = m.incarnation, seq = m.seq from m where c.consumer = $1"
            " and c.source = m.source and c.partition = m.partition and c.seq = m.old returning 1),"
            " begun as (insert into checkpoint (consumer, source, partition, incarnation, seq)"
            " select $1, source, partition, incarnation, seq from m where old = 0 on conflict do nothing returning 1)"
            " table on_its_way union all table begun",
            self.name, [s for s, _ in moving], [p for _, p in moving], [self._stores[s] for s, _ in moving],
            [moved[at] for at in moving], [self.places.get(at, 0) for at in moving],
        )  # fmt: skip
        if len(done) != len(moved):
            raise Fenced

    async def _park(self, rows: Connection, records: Sequence[Record], reason: str) -> None:
        parked = {(r.source, p.seq): p for r in records for p in self._parked[r.source, r.key]}
        await rows.executemany(
            "insert into parked (consumer, source, seq, partition, orderkey, reason, awaits, record)"
            " values ($1, $2, $3, $4, $5, $6, $7, $8)",
            [
                (
                    self.name, r.source, r.seq, r.partition, r.key, reason,
                    msgspec.json.encode(parked[r.source, r.seq].awaits).decode(), _pack(r),
                )
                for r in records
            ],
        )  # fmt: skip

    async def _release(self, *, poison: bool = False) -> None:
        """Apply what was set aside and may go on now, first of each child first; on start, bad ones get another try."""
        for (source, key), queue in list(self._parked.items()):
            while queue and (poison or not queue[0].poison) and self._met(key, queue[0].awaits):
                try:
                    async with self._database.transaction() as rows:
                        # Taken first: where another member of the group had it, it was applied.
                        record = await rows.fetchval(
                            f"with mine as (select * from parked where consumer = $1 and source = $2 and seq = $3),"
                            f" alone as materialized (select {_ALONE.format('partition')} from mine)"
                            " delete from parked using alone where consumer = $1 and source = $2 and seq = $3 returning record",
                            self.name, source, queue[0].seq,
                        )  # fmt: skip
                        if record is not None:
                            await self._fold(rows, [_unpack(record)])
                except (StoreDown, Fenced, *AWAY):
                    raise
                except Exception:  # noqa: BLE001 - still bad: it stays, and all behind it
                    queue[0].poison = True
                    break
                queue.popleft()
                self._after_commit()
                self._count(Outcome.APPLIED, int(record is not None))
            if not queue:
                self._parked.pop((source, key), None)
        metrics.parked.labels(self.name).set(self.parked)

    def _unmet(self, record: Record, coming: dict[tuple[str, int], int]) -> dict[str, int]:
        """Return what the record's writer had seen and we have not."""
        if b'"after":"' not in record.value:
            return {}
        wanted = after_of(record.value)
        return {s: n for s, n in wanted.items() if not self._seen(s, record.partition, record.key, n, coming)}

    def _met(self, key: str, awaits: dict[str, int]) -> bool:
        return all(self._seen(s, partition_of(key), key, n, {}) for s, n in awaits.items())

    def _seen(
        self, source: str, partition: int, key: str, seq: int, coming: dict[tuple[str, int], int]
    ) -> bool:
        if source == REFERENCE:
            return self._reference_seq() >= seq
        if source not in self.sources:
            return True
        place = max(self.places.get((source, partition), 0), coming.get((source, partition), 0))
        return place >= seq and all(p.seq > seq for p in self._parked.get((source, key), ()))

    def _park_in_memory(self, source: str, key: str, parked: _Parked) -> None:
        queue = self._parked.setdefault((source, key), deque())
        if not any(p.seq == parked.seq for p in queue):
            queue.append(parked)
        else:
            for p in queue:
                p.poison = p.poison or (p.seq == parked.seq and parked.poison)

    @property
    def parked(self) -> int:
        """How many records are set aside."""
        return sum(len(queue) for queue in self._parked.values())

    def _count(self, outcome: Outcome, count: int = 1) -> None:
        if count:
            metrics.records.labels(self.name, outcome).inc(count)
