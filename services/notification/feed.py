"""The feed as a log: what the relay publishes to the agency service, and what it has earned each agency."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from services.kernel.database import Database
from services.kernel.hearing.projection import Consumer
from services.kernel.keys.sealing import redact
from services.kernel.keys.service import Pair
from services.kernel.store import first_after, heads


class FeedLog:
    """Feed rows in order of seq, each with the event's exact bytes and the blocks that are shown."""

    def __init__(self, database: Database) -> None:
        """Read this database's feed."""
        self._database = database
        self.grew = asyncio.Event()

    async def position(self) -> tuple[UUID, int]:
        """Return (incarnation, last seq)."""
        rows = await self._database.fetch(
            "select incarnation, (select head from feed_head) as head from store"
        )
        return rows[0]["incarnation"], rows[0]["head"]

    async def after(self, seq: int, most: int) -> Sequence[Any]:
        """Return rows after `seq`; blocks that a rule doesn't show are left out here, once and for all readers."""
        rows = await self._database.fetch(
            "select f.seq, f.partition, f.child, f.agency, f.role, f.clause, f.rules_hash, f.shown, f.disclosed_at, h.source,"
            " h.seq as source_seq, h.envelope, h.blocks from feed f join heard h using (event)"
            " where f.seq > $1 order by f.seq limit $2",
            seq, most,
        )  # fmt: skip
        return [
            {
                "seq": r["seq"], "partition": r["partition"], "orderkey": str(r["child"]), "envelope": r["envelope"],
                "blocks": redact(r["blocks"], r["shown"]),
                "headers": {
                    "agency": str(r["agency"]), "role": r["role"], "clause": r["clause"],
                    "rules": r["rules_hash"], "source": r["source"],
                    "source_seq": str(r["source_seq"]), "disclosed_at": r["disclosed_at"].isoformat(),
                },
            }
            for r in rows
        ]  # fmt: skip

    async def before(self, seq: int) -> Mapping[int, int]:
        """Return the last seq of each partition up to `seq`."""
        return await heads(self._database, "feed", seq)

    async def first_after(self, places: Mapping[int, int]) -> int | None:
        """Return the lowest seq that follows its partition's place."""
        return await first_after(self._database, "feed", places)


class Disclosed:
    """Answers the agency service's two questions about the feed: a key may be released, a place is reached."""

    def __init__(self, database: Database, router: Consumer) -> None:
        """Ask this database and this router."""
        self._database = database
        self._router = router

    async def earned(self, agency: UUID, pairs: Iterable[Pair]) -> set[Pair]:
        """Return those of the pairs that this agency's feed was given."""
        asked = list(pairs)
        rows = await self._database.fetch(
            "select d.subject, d.class from disclosed d"
            " join unnest($2::uuid[], $3::text[]) a (subject, class) using (subject, class) where d.agency = $1",
            agency, [UUID(s) for s, _ in asked], [c for _, c in asked],
        )  # fmt: skip
        return {(str(r["subject"]), r["class"]) for r in rows}

    async def reached(self, source: str, partition: int, seq: int) -> int | None:
        """Return the feed's last seq in a partition once the router has passed (source, partition, seq); else None."""
        if self._router.places.get((source, partition), 0) < seq:
            return None
        rows = await self._database.fetch(
            "select coalesce(max(seq), 0) as seq from feed where partition = $1", partition
        )
        return int(rows[0]["seq"])
