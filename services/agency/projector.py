"""Keeps every agency's rows: feed entries in, one fold a child, rows and checkpoint in one transaction."""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from schemas.envelope import decode
from schemas.notification import AccessEnded
from services.agency.page import Entry, Row, fields_in, fold
from services.agency.tokens import SearchTokens, all_tokens
from services.kernel.bus import Record
from services.kernel.database import Connection
from services.kernel.key_service import KeyService
from services.kernel.sealing import BlockRef, Cipher, Erased, open_refs

_pack = msgspec.msgpack.Encoder().encode


class Projector:
    """Folds the feed of all agencies. It opens names, births and ID numbers for search tokens alone, and keeps no plaintext."""

    def __init__(self, keys: KeyService, cipher: Cipher, tokens: SearchTokens) -> None:
        """Open with these keys."""
        self._keys = keys
        self._cipher = cipher
        self._tokens = tokens

    async def fold(self, rows: Connection, records: Sequence[Record]) -> None:
        """Take feed records: add the entries, then fold each child that they touch, once or as often as access ended."""
        for part in _up_to_ends(records):
            await self._fold(rows, part)

    async def _fold(self, rows: Connection, records: Sequence[Record]) -> None:
        touched = await _keep(rows, records)
        entries = await _entries(rows, touched)
        folded = [
            (agency, child, *fold(agency, child, entries[agency, child])) for agency, child in sorted(touched)
        ]
        tokens = await asyncio.to_thread(self._search_tokens, [row for _, _, row, _ in folded])
        pages = []
        for (agency, child, row, kept), found in zip(folded, tokens, strict=True):
            gone = {(e.event, e.role) for e in entries[agency, child]} - {(e.event, e.role) for e in kept}
            pages.append(_Page(agency, row, found if row.since else set(), gone))
        await _write(rows, pages)

    def _search_tokens(self, folded: Sequence[Row]) -> list[set[bytes]]:
        wanted = [
            [b for b in row.blocks if b.data_class in {"name", "idnumber"}] if row.roles or row.blocks else []
            for row in folded
        ]
        opened = iter(open_refs([b for blocks in wanted for b in blocks], self._keys, self._cipher))
        found = []
        for blocks in wanted:
            told = [(b, next(opened)) for b in blocks]
            fields = [fields_in(b, f) for b, f in told if not isinstance(f, Erased)]
            names, numbers, births = (
                [f[name] for f in fields if f.get(name)] for name in ("name", "id_number", "birth_date")
            )
            found.append(all_tokens(self._tokens, names, numbers, births))
        return found


def _up_to_ends(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Cut where more follows on an ended access: what that end takes away must not depend on how records are batched."""
    part: list[Record] = []
    ended: set[tuple[str, str]] = set()
    for record in records:
        envelope = decode(record.value)
        pair = record.headers["agency"], envelope.subject
        if pair in ended:
            yield part
            part, ended = [], set()
        part.append(record)
        if envelope.type == AccessEnded.type:
            ended.add(pair)
    if part:
        yield part


async def _keep(rows: Connection, records: Sequence[Record]) -> set[tuple[UUID, UUID]]:
    """Add feed records to the entries; returns the pages (agency, child) that they touch."""
    columns: list[tuple[Any, ...]] = []
    for record in records:
        told, envelope = record.headers, decode(record.value)
        columns.append(
            (
                UUID(told["agency"]), UUID(envelope.subject), UUID(envelope.id), told["role"], told["clause"],
                envelope.recordedat, told["source"], int(told["source_seq"]), told["disclosed_at"], record.value,
                record.blocks,
            )
        )  # fmt: skip
    await rows.execute(
        "insert into entry (agency, child, event, role, clause, recorded_at, source, source_seq, disclosed_at,"
        " envelope, blocks) select a, c, e, r, l, w, s, q, d::timestamptz, v, b from unnest($1::uuid[], $2::uuid[],"
        " $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[], $10::bytea[],"
        " $11::bytea[]) n (a, c, e, r, l, w, s, q, d, v, b) on conflict do nothing",
        *zip(*columns, strict=True),
    )
    return {(agency, child) for agency, child, *_ in columns}


async def _entries(rows: Connection, touched: set[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], list[Entry]]:
    found: dict[tuple[UUID, UUID], list[Entry]] = {pair: [] for pair in touched}
    for row in await rows.fetch(
        "select agency, child, event, role, clause, recorded_at, source, source_seq, disclosed_at::text, envelope, blocks"
        " from entry join unnest($1::uuid[], $2::uuid[]) t (agency, child) using (agency, child)",
        [a for a, _ in touched], [c for _, c in touched],
    ):  # fmt: skip
        found[row["agency"], row["child"]].append(Entry(*tuple(row)[2:]))
    return found


class _Page(NamedTuple):
    """A page to be written: what is found of it by search, and which entries (event, role) leave it."""

    agency: UUID
    row: Row
    tokens: set[bytes]
    gone: set[tuple[UUID, str]]


_Table = dict[tuple[Any, ...], tuple[Any, ...]]
"""Rows by key."""


async def _write(rows: Connection, pages: Sequence[_Page]) -> None:
    """Write many pages with a few statements; of tokens and tasks only what differs."""
    await _delete(rows, "entry", ("event", "role"), {(p.agency, *each) for p in pages for each in p.gone})
    shown = [p for p in pages if p.row.since]
    await _delete(rows, "child", ("child",), {(p.agency, p.row.child) for p in pages if not p.row.since})
    heads = [
        (p.agency, p.row.child, p.row.file, p.row.region, p.row.on_file, p.row.since, pack_open(p.row), pack_refs(p.row.blocks))
        for p in shown
    ]  # fmt: skip
    await _insert(
        rows,
        "insert into child (agency, child, file, region, on_file, since, row, blocks) select * from unnest($1::uuid[],"
        " $2::uuid[], $3::uuid[], $4::text[], $5::bool[], $6::text[], $7::bytea[], $8::bytea[])"
        " on conflict (agency, child) do update set file = excluded.file, region = excluded.region,"
        " on_file = excluded.on_file, since = excluded.since, row = excluded.row, blocks = excluded.blocks",
        heads,
    )
    of = [p.agency for p in pages], [p.row.child for p in pages]
    await _write_tokens(rows, of, {(p.agency, token, p.row.child) for p in pages for token in p.tokens})
    await _write_tasks(
        rows, of,
        {
            (p.agency, kind, ref): (p.row.child, *task)
            for p in shown for (kind, ref), task in p.row.tasks.items()
        },
    )  # fmt: skip


_Of = tuple[list[UUID], list[UUID]]
"""Agencies and children of the pages, side by side."""


async def _write_tokens(rows: Connection, of: _Of, tokens: set[tuple[UUID, bytes, UUID]]) -> None:
    had = {
        tuple(row)
        for row in await rows.fetch(
            "select agency, token, child from token join unnest($1::uuid[], $2::uuid[]) t (agency, child)"
            " using (agency, child)",
            *of,
        )
    }
    await _delete(rows, "token", ("token", "child"), had - tokens)
    await _insert(
        rows,
        "insert into token (agency, token, child) select * from unnest($1::uuid[], $2::bytea[], $3::uuid[])",
        sorted(tokens - had),
    )


async def _write_tasks(rows: Connection, of: _Of, tasks: _Table) -> None:
    stood: _Table = {
        tuple(row)[:3]: tuple(row)[3:]
        for row in await rows.fetch(
            "select agency, kind, ref, child, since, due, missed from task"
            " join unnest($1::uuid[], $2::uuid[]) t (agency, child) using (agency, child)",
            *of,
        )
    }
    await _delete(
        rows, "task", ("kind", "ref"), {key for key, told in stood.items() if tasks.get(key) != told}
    )
    await _insert(
        rows,
        "insert into task (agency, kind, ref, child, since, due, missed) select * from unnest($1::uuid[], $2::text[],"
        " $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::bool[])",
        [(*key, *told) for key, told in sorted(tasks.items()) if stood.get(key) != told],
    )


_KINDS = {"event": "uuid", "role": "text", "child": "uuid", "token": "bytea", "kind": "text", "ref": "uuid"}


async def _delete(rows: Connection, table: str, by: Sequence[str], gone: Collection[tuple[Any, ...]]) -> None:
    """Delete rows of agencies by these columns."""
    if gone:
        kinds = ", ".join(f"${n}::{_KINDS[name]}[]" for n, name in enumerate(by, 2))
        same = " and ".join(f"{table}.{name} = g.{name}" for name in ("agency", *by))
        await rows.execute(
            f"delete from {table} using unnest($1::uuid[], {kinds}) g (agency, {', '.join(by)}) where {same}",
            *zip(*gone, strict=True),
        )


async def _insert(rows: Connection, sql: str, new: Sequence[tuple[Any, ...]]) -> None:
    if new:
        await rows.execute(sql, *zip(*new, strict=True))


def pack_open(row: Row) -> bytes:
    """Write a row's open fields into one column."""
    return _pack(row.open_fields())


def pack_refs(blocks: Sequence[BlockRef]) -> bytes:
    """Write closed blocks into one column."""
    return _pack([(b.event, b.subject, b.role, b.data_class, b.body) for b in blocks])


def unpack_refs(packed: bytes) -> list[BlockRef]:
    """Read closed blocks from their column."""
    found: list[Any] = msgspec.msgpack.decode(packed)
    return [BlockRef(*each) for each in found]
