"""The log of every store: exact bytes in, a growing RFC 6962 tree beside them, proofs and roots out."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar
from uuid import UUID

from schemas.envelope import Envelope, decode
from schemas.registry import ChildIdentified
from services.audit import merkle
from services.kernel.bus import REFERENCE, Record
from services.kernel.database import Connection, Database
from services.kernel.store import leaf_hash

STORES = ("registry", "reporting", "assessment", "notification")
_MOST = 5000
T = TypeVar("T")


class Head(NamedTuple):
    """How far a store's log is proved: its incarnation, the number of its leaves, and their root."""

    store: str
    incarnation: UUID
    size: int
    root: bytes


class Logs:
    """The logs of all stores. A leaf is the bytes as they were published; nothing is encoded a second time."""

    def __init__(self, database: Database) -> None:
        """Keep them here."""
        self._database = database

    async def fold(self, rows: Connection, records: Sequence[Record]) -> None:
        """Keep these events and grow the trees as far as no event is missing. Reference events are the registry's."""
        decoded = [(("registry" if r.source == REFERENCE else r.source), r, decode(r.value)) for r in records]
        await rows.executemany(
            "insert into leaf (store, seq, event, subject, type, file, recorded_at, envelope)"
            " values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing",
            [
                (s, r.seq, UUID(e.id), e.subject, e.type, _file(e), e.recordedat, r.value)
                for s, r, e in decoded
            ],
        )
        for store, incarnation in {s: r.store for s, r, _ in decoded}.items():
            await rows.execute(
                "insert into log (store, incarnation, size) values ($1, $2, 0) on conflict do nothing",
                store, incarnation,
            )  # fmt: skip
            while await self._grow(rows, store):
                pass

    async def _grow(self, rows: Connection, store: str) -> bool:
        size = await rows.fetchval("select size from log where store = $1 for update", store)
        found = await rows.fetch(
            "select seq, envelope from leaf where store = $1 and seq > $2 order by seq limit $3",
            store,
            size,
            _MOST,
        )
        leaves = [leaf_hash(row["envelope"]) for i, row in enumerate(found, 1) if row["seq"] == size + i]
        if not leaves:
            return False
        known = await _nodes(rows, store, merkle.edge(size))
        made = merkle.grown(size, leaves, known.__getitem__)
        await rows.executemany(
            "insert into node (store, level, index, hash) values ($1, $2, $3, $4)",
            [(store, level, index, value) for (level, index), value in made],
        )
        await rows.execute("update log set size = $2 where store = $1", store, size + len(leaves))
        return len(leaves) == _MOST

    async def heads(self) -> list[Head]:
        """Return how far each log is proved, in order of name."""
        found = await self._database.fetch("select store, incarnation, size from log order by store")
        return [
            Head(r["store"], r["incarnation"], r["size"], await self.root(r["store"], r["size"]))
            for r in found
        ]

    async def missing(self) -> dict[str, list[int]]:
        """Return, by store, up to a hundred seqs that lie below the highest one heard and never came."""
        found = await self._database.fetch(
            "select l.store, s.seq from log l, lateral (select max(seq) as top from leaf where store = l.store) t,"
            " lateral generate_series(l.size + 1, least(coalesce(t.top, 0), l.size + 100)) s (seq)"
            " where not exists (select from leaf where store = l.store and leaf.seq = s.seq)"
        )
        by_store: dict[str, list[int]] = {}
        for row in found:
            by_store.setdefault(row["store"], []).append(row["seq"])
        return by_store

    async def root(self, store: str, size: int) -> bytes:
        """Return the root of the first `size` leaves. Raises KeyError where there are not so many."""
        return await self._with_nodes(store, lambda nodes: merkle.root(size, nodes))

    async def inclusions(self, store: str, seqs: Sequence[int], size: int) -> dict[int, list[bytes]]:
        """Return, by seq, the proofs that these events are among the first `size`. Raises ValueError, KeyError."""
        return await self._with_nodes(
            store, lambda nodes: {seq: merkle.inclusion(seq - 1, size, nodes) for seq in seqs}
        )

    async def consistency(self, store: str, old: int, new: int) -> list[bytes]:
        """Return the proof that the log of `old` events is the beginning of that of `new`. Raises ValueError, KeyError."""
        return await self._with_nodes(store, lambda nodes: merkle.consistency(old, new, nodes))

    async def _with_nodes(self, store: str, work: Callable[[merkle.Nodes], T]) -> T:
        """Run once to learn which nodes it takes, fetch them together, and run again."""
        wanted: list[merkle.Place] = []

        def ask(place: merkle.Place) -> bytes:
            wanted.append(place)
            return b""

        work(ask)
        found = await _nodes(self._database, store, wanted)
        return work(found.__getitem__)


def _file(envelope: Envelope) -> str | None:
    return envelope.data["file"] if envelope.type == ChildIdentified.type else None


async def _nodes(
    rows: "Database | Connection", store: str, places: Sequence[merkle.Place]
) -> dict[merkle.Place, bytes]:
    found = await rows.fetch(
        "select level, index, hash from node join unnest($2::smallint[], $3::bigint[]) w (level, index)"
        " using (level, index) where store = $1",
        store, [level for level, _ in places], [index for _, index in places],
    )  # fmt: skip
    return {(row["level"], row["index"]): row["hash"] for row in found}
