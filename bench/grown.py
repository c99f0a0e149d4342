"""Fills databases with children in great number, as the platform's own code packs them, by COPY and in several processes.

A child has its registration (five blocks) and the supervisor's grant in the civil affairs bureau's feed, its row and search
tokens in the bureau's view, its keys in the ring and what they earn in notification; the same registration stands in a store
of its own, to which nobody listens, and nine times more with other ids and versions: a log of ten events a child. Rows go in
by COPY, those nine by one statement each; what is in them is made by recorder, disclosure rules, fold and tokens of the
platform.
"""

import asyncio
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from bench.made import child_of, name_of, number_of, planned_of, told
from schemas.envelope import decode
from schemas.notification import AccessGranted, Role
from services.agency.page import Entry, fold
from services.agency.projector import pack_open, pack_refs
from services.agency.tokens import SearchTokens, all_tokens
from services.kernel.keys.ciphers import AesGcm
from services.kernel.keys.ring import KeyRing
from services.kernel.keys.sealing import redact
from services.kernel.store import NewEvent, leaf_hash
from services.kernel.world import RealWorld, derived_id
from services.kernel.writing.recording import Keys, Planned, Recorder
from services.notification.access import stream_of
from services.notification.disclosure import Disclosure, disclosure_table
from services.registry.founding import body_id

BUREAU = body_id("civil-affairs")
VILLAGE_BODY = body_id("village-a1")
_SOME = 1_000
_EVERY = 20
"""One child in so many has an open task of its village."""
_TABLES = {
    "event": "seq id stream version partition orderkey type recorded_at envelope blocks leaf",
    "entry": "agency child event role clause recorded_at source source_seq disclosed_at envelope blocks",
    "child": "agency child file region on_file since row blocks",
    "token": "agency token child",
    "task": "agency child kind ref since due missed",
    "disclosed": "agency subject class",
}


@dataclass(frozen=True)
class Where:
    """Databases as their administrator, the schema of the version that answers, and the ring."""

    agency: str
    notification: str
    store: str
    pages: str
    ring: str
    passphrase: str


class _Maker:
    """Makes rows of children."""

    def __init__(self, where: Where) -> None:
        world = RealWorld()
        self.ring = KeyRing(Path(where.ring), where.passphrase, world)
        self.recorders = {
            s: Recorder(s, self.ring, AesGcm(world), world) for s in ("registry", "notification")
        }
        self.tokens = SearchTokens(self.ring.search_key)
        self.rules: Disclosure = disclosure_table()

    async def rows(self, first: int, count: int, base: int) -> dict[str, list[tuple[Any, ...]]]:
        """Return rows by table; the store's seqs are `base` more than the children's places."""
        planned = [planned_of(n)[0] for n in range(first, first + count)]
        keys = await self.recorders["registry"].keys(planned)
        found: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _TABLES}
        for n, each in zip(range(first, first + count), planned, strict=True):
            self._child(n, base, each, keys, found)
        return found

    def _child(
        self, n: int, base: int, planned: Planned, keys: Keys, found: dict[str, list[tuple[Any, ...]]]
    ) -> None:
        child, now = child_of(n), datetime.now(UTC)
        (event,) = self.recorders["registry"].seal([planned], told(), keys)
        grant = AccessGranted(
            child=child, agency=BUREAU, role=Role.SUPERVISOR, basis="residence", cause=event.id
        )
        granting = Planned(grant, stream_of(child), 1, derived_id("grant", n))
        (granted,) = self.recorders["notification"].seal([granting], told(), {})
        entries = [self._entry(e, s, n, now) for s, e in (("registry", event), ("notification", granted))]
        row, _ = fold(BUREAU, child, entries)
        found["event"].append(
            (
                base + n + 1, event.id, event.stream, 1, event.partition, event.orderkey, event.type, event.at, event.envelope,
                event.blocks, leaf_hash(event.envelope),
            )
        )  # fmt: skip
        found["entry"] += [(BUREAU, child, *e[:6], now, *e[7:]) for e in entries]
        found["child"].append(
            (BUREAU, child, row.file, row.region, row.on_file, row.since, pack_open(row), pack_refs(row.blocks))
        )  # fmt: skip
        born = number_of(n)[6:14]
        tokens = all_tokens(self.tokens, [name_of(n)], [number_of(n)], [f"{born[:4]}-{born[4:6]}-{born[6:]}"])
        found["token"] += [(BUREAU, token, child) for token in tokens]
        found["disclosed"] += [(BUREAU, child, b.data_class) for b in decode(event.envelope).blocks]
        if n % _EVERY == 0:
            found["task"].append(
                (VILLAGE_BODY, child, "assess", derived_id("task", n), row.since, None, False)
            )

    def _entry(self, event: NewEvent, source: str, n: int, now: datetime) -> Entry:
        shown = self.rules.shown(decode(event.envelope), Role.SUPERVISOR)
        assert shown is not None  # noqa: S101 - the bureau is shown both
        places, rule = shown
        blocks = redact(event.blocks, places)
        return Entry(
            event.id, Role.SUPERVISOR, rule.clause, event.at.isoformat(), source, n + 1, now.isoformat(), event.envelope, blocks
        )  # fmt: skip


async def _fill(where: Where, first: int, count: int, base: int) -> None:
    async with AsyncExitStack() as stack:
        links = {}
        for name, url in (
            ("agency", where.agency),
            ("notification", where.notification),
            ("store", where.store),
        ):
            links[name] = await asyncpg.connect(url)
            stack.push_async_callback(links[name].close)
        maker = _Maker(where)
        stack.callback(maker.ring.close)
        for start in range(first, first + count, _SOME):
            rows = await maker.rows(start, min(_SOME, first + count - start), base)
            for table, columns in _TABLES.items():
                service = {"event": "store", "disclosed": "notification"}.get(table, "agency")
                await links[service].copy_records_to_table(
                    table, records=rows[table], columns=columns.split(),
                    schema_name=where.pages if service == "agency" else None,
                )  # fmt: skip


def fill(where: Where, first: int, count: int, base: int) -> None:
    """Fill one part, in a process of its own."""
    asyncio.run(_fill(where, first, count, base))


_UNINDEX = """
alter table {t}.token drop constraint token_pkey; drop index {t}.token_by_child;
"""
_INDEX = """
set maintenance_work_mem = '256MB';
alter table {t}.token add primary key (agency, token, child); create index token_by_child on {t}.token (agency, child);
"""
_VERSIONS = 10
_UNINDEX_LOG = """
alter table event drop constraint event_id_key, drop constraint event_stream_version_key; drop index event_by_partition;
"""
_INDEX_LOG = """
set maintenance_work_mem = '256MB';
alter table event add unique (id), add unique (stream, version); create index event_by_partition on event (partition, seq);
update store set head = (select max(seq) from event);
"""
_AGAIN = """
insert into event select seq + $2 * ($3 - 1), gen_random_uuid(), stream, $3, partition, orderkey, type, recorded_at, envelope,
  blocks, leaf from event where seq > $1 and version = 1
"""
"""A later version of the streams after a seq, so many of them."""


async def grow(where: Where, before: int, size: int, processes: int) -> None:
    """Fill up from `before` to `size` children; most indexes are made anew afterwards."""
    agency, notification, store = [
        await asyncpg.connect(url) for url in (where.agency, where.notification, where.store)
    ]
    try:
        await agency.execute(_UNINDEX.format(t=where.pages))
        await notification.execute("alter table disclosed drop constraint disclosed_pkey")
        await store.execute(_UNINDEX_LOG)
        head = await store.fetchval("select head from store")
        part = -(-(size - before) // processes)
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            loop = asyncio.get_running_loop()
            await asyncio.gather(
                *(
                    loop.run_in_executor(pool, fill, where, start, min(part, size - start), head - before)
                    for start in range(before, size, part)
                )
            )
        await agency.execute(_INDEX.format(t=where.pages))
        await notification.execute("alter table disclosed add primary key (agency, subject, class)")
        for version in range(2, _VERSIONS + 1):
            await store.execute(_AGAIN, head, size - before, version)
        await store.execute(_INDEX_LOG)
        for link in (agency, notification, store):
            await link.execute("vacuum analyze")
    finally:
        for link in (agency, notification, store):
            await link.close()


async def owe(where: Where, children: list[UUID]) -> None:
    """Give the bureau a task about each of these children."""
    link = await asyncpg.connect(where.agency)
    await link.copy_records_to_table(
        "task", columns=_TABLES["task"].split(), schema_name=where.pages,
        records=[
            (BUREAU, child, "missed-duty", derived_id("owed", child), "2026-11-01T00:00:00Z", None, False)
            for child in children
        ],
    )  # fmt: skip
    await link.close()
