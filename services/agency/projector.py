"""Keeps every agency's rows: feed entries in, one fold a child, rows and checkpoint in one transaction."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any
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
        touched: set[tuple[UUID, UUID]] = set()
        values = []
        for record in records:
            told, envelope = record.headers, decode(record.value)
            agency, child = UUID(told["agency"]), UUID(envelope.subject)
            touched.add((agency, child))
            values.append(
                (
                    agency, child, UUID(envelope.id), told["role"], told["clause"], envelope.recordedat, told["source"],
                    int(told["source_seq"]), told["disclosed_at"], record.value, record.blocks,
                )
            )  # fmt: skip
        await rows.executemany(
            "insert into entry (agency, child, event, role, clause, recorded_at, source, source_seq, disclosed_at,"
            " envelope, blocks) values ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::timestamptz, $10, $11)"
            " on conflict do nothing",
            values,
        )
        entries = await _entries(rows, touched)
        folded = [
            (agency, child, *fold(agency, child, entries[agency, child])) for agency, child in sorted(touched)
        ]
        tokens = await asyncio.to_thread(self._search_tokens, [row for _, _, row, _ in folded])
        for (agency, child, row, kept), found in zip(folded, tokens, strict=True):
            gone = {(e.event, e.role) for e in entries[agency, child]} - {(e.event, e.role) for e in kept}
            await _write(rows, agency, row, found, gone)

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


async def _entries(rows: Connection, touched: set[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], list[Entry]]:
    found: dict[tuple[UUID, UUID], list[Entry]] = {pair: [] for pair in touched}
    for row in await rows.fetch(
        "select agency, child, event, role, clause, recorded_at, source, source_seq, disclosed_at::text, envelope, blocks"
        " from entry join unnest($1::uuid[], $2::uuid[]) t (agency, child) using (agency, child)",
        [a for a, _ in touched], [c for _, c in touched],
    ):  # fmt: skip
        found[row["agency"], row["child"]].append(Entry(*tuple(row)[2:]))
    return found


async def _write(
    rows: Connection, agency: UUID, row: Row, tokens: set[bytes], gone: set[tuple[UUID, str]]
) -> None:
    for event, role in gone:
        await rows.execute(
            "delete from entry where agency = $1 and event = $2 and role = $3", agency, event, role
        )
    await rows.execute("delete from task where agency = $1 and child = $2", agency, row.child)
    await rows.execute("delete from token where agency = $1 and child = $2", agency, row.child)
    if not row.since:
        await rows.execute("delete from child where agency = $1 and child = $2", agency, row.child)
        return
    await rows.execute(
        "insert into child (agency, child, file, region, on_file, since, row, blocks) values ($1,$2,$3,$4,$5,$6,$7,$8)"
        " on conflict (agency, child) do update set file = excluded.file, region = excluded.region,"
        " on_file = excluded.on_file, since = excluded.since, row = excluded.row, blocks = excluded.blocks",
        agency, row.child, row.file, row.region, row.on_file, row.since, pack_open(row), pack_refs(row.blocks),
    )  # fmt: skip
    await rows.executemany(
        "insert into task (agency, child, kind, ref, since, due, missed) values ($1, $2, $3, $4, $5, $6, $7)",
        [(agency, row.child, kind, ref, *task) for (kind, ref), task in sorted(row.tasks.items())],
    )
    await rows.executemany(
        "insert into token (agency, token, child) values ($1, $2, $3)",
        [(agency, token, row.child) for token in sorted(tokens)],
    )


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
