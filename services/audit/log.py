"""The log of every store and of the feed: exact bytes in, a growing RFC 6962 tree beside them, proofs and roots out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar
from uuid import UUID

import msgspec

from schemas.envelope import Envelope, decode
from schemas.look import LOOK_LOGS
from schemas.registry import ChildIdentified
from services.audit import merkle
from services.audit.telling import exact, telling_of
from services.kernel.bus.port import FEED, REFERENCE, Record
from services.kernel.database import Connection
from services.kernel.store import leaf_hash

STORES = ("registry", "reporting", "assessment", "notification")
LOGS = (*STORES, FEED, *LOOK_LOGS)
"""Every log: a leaf of a store's is an event, one of the feed's is a telling, all others' are looks."""
_MOST = 5000
T = TypeVar("T")


class Rows(Protocol):
    """Where rows are: a database, or a connection inside a transaction."""

    async def fetch(self, sql: str, *values: Any) -> Sequence[Any]:
        """Run one statement and return its rows."""
        ...


class Logs:
    """All logs. A leaf is the bytes as they were published; nothing is encoded a second time."""

    def __init__(self, rows: Rows) -> None:
        """Read them here."""
        self._rows = rows

    async def sizes(self) -> list[tuple[str, UUID, int]]:
        """Return (log, incarnation, number of leaves without a gap), in order of name."""
        found = await self._rows.fetch("select store, incarnation, size from log order by store")
        return [(r["store"], r["incarnation"], r["size"]) for r in found]

    async def missing(self) -> dict[str, list[int]]:
        """Return, by log, up to a hundred seqs that lie below the highest one heard and never came."""
        found = await self._rows.fetch(
            "select l.store, s.seq from log l, lateral (select max(seq) as top from said where store = l.store) t,"
            " lateral generate_series(l.size + 1, least(coalesce(t.top, 0), l.size + 100)) s (seq)"
            " where not exists (select from said where store = l.store and said.seq = s.seq)"
        )
        by_store: dict[str, list[int]] = {}
        for row in found:
            by_store.setdefault(row["store"], []).append(row["seq"])
        return by_store

    async def roots(self, sizes: Mapping[str, int]) -> dict[str, bytes | None]:
        """Return each log's root at a size, with one question for all; None where its tree has holes."""
        wanted = [(store, *place) for store, size in sizes.items() for place in merkle.edge(size)]
        found = await self._rows.fetch(
            "select store, level, index, hash from node join unnest($1::text[], $2::smallint[], $3::bigint[])"
            " w (store, level, index) using (store, level, index)",
            [s for s, _, _ in wanted], [level for _, level, _ in wanted], [index for *_, index in wanted],
        )  # fmt: skip
        nodes: dict[str, dict[merkle.Place, bytes]] = {store: {} for store in sizes}
        for r in found:
            nodes[r["store"]][r["level"], r["index"]] = r["hash"]
        return {
            store: merkle.root(size, nodes[store].__getitem__)
            if set(merkle.edge(size)) <= nodes[store].keys()
            else None
            for store, size in sizes.items()
        }

    async def root(self, store: str, size: int) -> bytes:
        """Return the root of the first `size` leaves. Raises KeyError where there are not so many."""
        return await self._with_nodes(store, lambda nodes: merkle.root(size, nodes))

    async def inclusions(
        self, store: str, seqs: Sequence[int], size: int
    ) -> dict[int, tuple[bytes, list[bytes]]]:
        """Return, by seq, (leaf hash, proof that it is among the first `size`). Raises ValueError, KeyError."""
        return await self._with_nodes(
            store,
            lambda nodes: {
                seq: (nodes((0, seq - 1)), merkle.inclusion(seq - 1, size, nodes)) for seq in seqs
            },
        )

    async def consistency(self, store: str, old: int, new: int) -> list[bytes]:
        """Return the proof that the log of `old` leaves is the beginning of that of `new`. Raises ValueError, KeyError."""
        return await self._with_nodes(store, lambda nodes: merkle.consistency(old, new, nodes))

    async def _with_nodes(self, store: str, work: Callable[[merkle.Nodes], T]) -> T:
        """Run once to learn which nodes it takes, fetch them together, and run again."""
        wanted: list[merkle.Place] = []

        def ask(place: merkle.Place) -> bytes:
            wanted.append(place)
            return b""

        work(ask)
        found = await _nodes(self._rows, store, wanted)
        return work(found.__getitem__)


async def fold(rows: Connection, records: Sequence[Record]) -> None:
    """Keep these events and grow the trees as far as no event is missing. Reference events are the registry's."""
    decoded = [(_log(r), r, decode(r.value)) for r in records]
    kept = await rows.fetch(
        "insert into leaf (store, seq, event, subject, type, file, recorded_at, envelope)"
        " select * from unnest($1::text[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[],"
        " $8::bytea[]) on conflict do nothing returning seq",
        [s for s, _, _ in decoded], [r.seq for _, r, _ in decoded], [UUID(e.id) for _, _, e in decoded],
        [e.subject for _, _, e in decoded], [e.type for _, _, e in decoded], [_file(e) for _, _, e in decoded],
        [e.recordedat for _, _, e in decoded], [r.value for _, r, _ in decoded],
    )  # fmt: skip
    if len(kept) < len(decoded):
        await compare(rows, records)
        await _compare_places(rows, [(s, r.seq, UUID(e.id), leaf_hash(r.value)) for s, r, e in decoded])
    for store, incarnation in {s: r.store for s, r, _ in decoded}.items():
        await grow(rows, store, incarnation)


async def grow(rows: Connection, store: str, incarnation: UUID) -> None:
    """Grow a log's tree as far as nothing is missing."""
    await rows.execute(
        "insert into log (store, incarnation, size) values ($1, $2, 0) on conflict do nothing",
        store, incarnation,
    )  # fmt: skip
    while await _grow(rows, store):
        pass


async def _grow(rows: Connection, store: str) -> bool:
    size = await rows.fetchval("select size from log where store = $1 for update", store)
    # From a broker the partitions come one after the other: what lies behind a gap is counted, and not read each time.
    found = await rows.fetch(
        "select bytes from (select seq, seq - row_number() over (order by seq) as missing from (select seq from said"
        " where store = $1 and seq > $2 order by seq limit $3) n) r join said using (seq)"
        " where missing = $2 and store = $1 order by seq",
        store, size, _MOST,
    )  # fmt: skip
    leaves = [leaf_hash(row["bytes"]) for row in found]
    if not leaves:
        return False
    known = await _nodes(rows, store, merkle.edge(size))
    made = merkle.grown(size, leaves, known.__getitem__)
    await rows.execute(
        "insert into node (store, level, index, hash) select $1, * from unnest($2::smallint[], $3::bigint[], $4::bytea[])",
        store, [level for (level, _), _ in made], [index for (_, index), _ in made], [value for _, value in made],
    )  # fmt: skip
    await rows.execute("update log set size = $2 where store = $1", store, size + len(leaves))
    return len(leaves) == _MOST


async def compare(rows: Rows, records: Sequence[Record]) -> None:
    """Keep on record which of these have other bytes than the leaf at their place; a place without a leaf says nothing.

    A record of another incarnation is another log's: consumers stop at it, here it is passed over.
    """
    heard = [(_log(r), r.store, r.seq, leaf_hash(leaf_bytes(r))) for r in records]
    await rows.fetch(
        "insert into differing (store, seq, heard) select w.store, w.seq, w.hash"
        " from unnest($1::text[], $2::uuid[], $3::bigint[], $4::bytea[]) w (store, incarnation, seq, hash)"
        " join log using (store, incarnation) join said l on l.store = w.store and l.seq = w.seq"
        " where sha256('\\x00'::bytea || l.bytes) <> w.hash on conflict do nothing",
        *map(list, zip(*heard, strict=True)),
    )


async def _compare_places(rows: Rows, heard: Sequence[tuple[str, int, UUID, bytes]]) -> None:
    """Keep on record which of these events are known at another place."""
    await rows.fetch(
        "insert into differing (store, seq, heard) select w.store, w.seq, w.hash"
        " from unnest($1::text[], $2::bigint[], $3::uuid[], $4::bytea[]) w (store, seq, event, hash)"
        " join leaf l using (event) where (l.store, l.seq) <> (w.store, w.seq) on conflict do nothing",
        *map(list, zip(*heard, strict=True)),
    )


def leaf_bytes(record: Record) -> bytes:
    """Return what the leaf of a record is the hash of."""
    if record.source != FEED:
        return record.value
    try:
        return exact(telling_of(record))
    except (
        KeyError,
        ValueError,
        msgspec.DecodeError,
    ):  # no telling at all: other bytes than any that was kept
        return record.value


def _log(record: Record) -> str:
    return "registry" if record.source == REFERENCE else record.source


def _file(envelope: Envelope) -> str | None:
    return envelope.data["file"] if envelope.type == ChildIdentified.type else None


async def _nodes(rows: Rows, store: str, places: Sequence[merkle.Place]) -> dict[merkle.Place, bytes]:
    if not places:
        return {}
    found = await rows.fetch(
        "select level, index, hash from node join unnest($2::smallint[], $3::bigint[]) w (level, index)"
        " using (level, index) where store = $1",
        store, [level for level, _ in places], [index for _, index in places],
    )  # fmt: skip
    return {(row["level"], row["index"]): row["hash"] for row in found}
