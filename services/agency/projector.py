"""Keeps every agency's rows: feed entries in, one fold a child, rows and checkpoint in one transaction."""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from schemas.envelope import decode
from schemas.notification import AccessEnded
from services.agency.page import Entry, Row, fields_in, fold, read_entries, uuid_of
from services.agency.tokens import SearchTokens, all_tokens
from services.kernel.bus.port import Record
from services.kernel.database import Connection, write
from services.kernel.keys.ciphers import Cipher
from services.kernel.keys.sealing import BlockRef, Erased, open_refs
from services.kernel.keys.service import KeyService

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
        told = _told(records)
        stood = await _entries(rows, told)
        found_by = await _found_by(rows, stood)
        pages = []
        for page in sorted(told, key=lambda page: (page[0].int, page[1].int)):
            before = {(e.event, e.role): e for e in stood.get(page, ())}
            known = {(e.event, e.role): e for e in told[page]} | before
            row, kept = fold(*page, list(known.values()))
            stays = {(e.event, e.role) for e in kept}
            new = [known[each] for each in known if each in stays and each not in before]
            pages.append(_Page(page[0], row, new, before.keys() - stays, page in stood))
        # Tokens follow from what a child is found by: where that is as it was, they are, too.
        other = [p for p in pages if _finding(p.row.blocks) != found_by.get((p.agency, p.row.child), [])]
        await _write(rows, pages)
        if other:
            found = await asyncio.to_thread(self._search_tokens, [p.row for p in other])
            tokens = {(p.agency, p.row.child): each for p, each in zip(other, found, strict=True)}
            await _write_tokens(rows, tokens, found_by)

    def _search_tokens(self, folded: Sequence[Row]) -> list[set[bytes]]:
        wanted = [tuple(_finding(row.blocks)) for row in folded]
        distinct = dict.fromkeys(wanted)  # several agencies are told of one child in one batch
        opened = iter(open_refs([b for blocks in distinct for b in blocks], self._keys, self._cipher))
        found = {}
        for blocks in distinct:
            told = [(b, next(opened)) for b in blocks]
            fields = [fields_in(b, f) for b, f in told if not isinstance(f, Erased)]
            names, numbers, births = (
                [f[name] for f in fields if f.get(name)] for name in ("name", "id_number", "birth_date")
            )
            found[blocks] = all_tokens(self._tokens, names, numbers, births)
        return [found[blocks] for blocks in wanted]


_ENDED = AccessEnded.type.encode()


def _up_to_ends(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """Cut where more follows on an ended access: what that end takes away must not depend on how records are batched."""
    if not any(_ENDED in record.value for record in records):
        yield records
        return
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


_Key = tuple[UUID, UUID]
"""A page: whose, and of which child."""


def _told(records: Sequence[Record]) -> dict[_Key, list[Entry]]:
    """Read feed records as entries, by page."""
    told: dict[_Key, list[Entry]] = {}
    for record in records:
        how, envelope = record.headers, decode(record.value)
        entry = Entry(
            uuid_of(envelope.id), how["role"], how["clause"], envelope.recordedat, how["source"], int(how["source_seq"]),
            how["disclosed_at"], record.value, record.blocks,
        )  # fmt: skip
        entry.told = envelope
        told.setdefault((uuid_of(how["agency"]), uuid_of(envelope.subject)), []).append(entry)
    return told


async def _entries(rows: Connection, pages: Iterable[_Key]) -> dict[_Key, list[Entry]]:
    """Return the entries that stand; a page without one is absent."""
    found: dict[_Key, list[tuple[Any, ...]]] = {}
    for row in await rows.fetch(
        "select agency, child, event, role, clause, recorded_at, source, source_seq, disclosed_at::text, envelope, blocks"
        " from entry join unnest($1::uuid[], $2::uuid[]) t (agency, child) using (agency, child)",
        *zip(*pages, strict=True),
    ):  # fmt: skip
        found.setdefault((row["agency"], row["child"]), []).append(tuple(row)[2:])
    return {page: read_entries(each) for page, each in found.items()}


def _finding(blocks: Sequence[BlockRef]) -> list[BlockRef]:
    """Return the blocks that a child is found by."""
    return [b for b in blocks if b.data_class in {"name", "idnumber"}]


async def _found_by(rows: Connection, pages: Collection[_Key]) -> dict[_Key, list[BlockRef]]:
    """Return the blocks by which these pages' children are found now."""
    if not pages:
        return {}
    found = await rows.fetch(
        "select agency, child, blocks from child join unnest($1::uuid[], $2::uuid[]) t (agency, child)"
        " using (agency, child)",
        *zip(*pages, strict=True),
    )
    return {(row["agency"], row["child"]): _finding(unpack_refs(row["blocks"])) for row in found}


class _Page(NamedTuple):
    """A page to be written: which entries come to it, which (event, role) leave it, and whether it stood before."""

    agency: UUID
    row: Row
    new: list[Entry]
    gone: Collection[tuple[UUID, str]]
    stood: bool


_Table = dict[tuple[Any, ...], tuple[Any, ...]]
"""Rows by key."""


async def _write(rows: Connection, pages: Sequence[_Page]) -> None:
    """Write many pages with a few statements; of tasks only what differs."""
    await write(
        rows,
        "insert into entry (agency, child, event, role, clause, recorded_at, source, source_seq, disclosed_at,"
        " envelope, blocks) select a, c, e, r, l, w, s, q, d::timestamptz, v, b from unnest($1::uuid[], $2::uuid[],"
        " $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[], $10::bytea[],"
        " $11::bytea[]) n (a, c, e, r, l, w, s, q, d, v, b) on conflict do nothing",
        [(p.agency, p.row.child, *entry) for p in pages for entry in p.new],
    )
    await _delete(rows, "entry", ("event", "role"), {(p.agency, *each) for p in pages for each in p.gone})
    shown = [p for p in pages if p.row.since]
    await _delete(
        rows, "child", ("child",), {(p.agency, p.row.child) for p in pages if p.stood and not p.row.since}
    )
    heads = [
        (p.agency, p.row.child, p.row.file, p.row.region, p.row.on_file, p.row.since, pack_open(p.row), pack_refs(p.row.blocks))
        for p in shown
    ]  # fmt: skip
    await write(
        rows,
        "insert into child (agency, child, file, region, on_file, since, row, blocks) select * from unnest($1::uuid[],"
        " $2::uuid[], $3::uuid[], $4::text[], $5::bool[], $6::text[], $7::bytea[], $8::bytea[])"
        " on conflict (agency, child) do update set file = excluded.file, region = excluded.region,"
        " on_file = excluded.on_file, since = excluded.since, row = excluded.row, blocks = excluded.blocks",
        heads,
    )
    await _write_tasks(
        rows, [(p.agency, p.row.child) for p in pages if p.stood],
        {
            (p.agency, kind, ref): (p.row.child, *task)
            for p in shown for (kind, ref), task in p.row.tasks.items()
        },
    )  # fmt: skip


async def _write_tokens(
    rows: Connection, tokens: Mapping[_Key, set[bytes]], found_by: Mapping[_Key, Sequence[BlockRef]]
) -> None:
    """Write the tokens of these pages; who was found by nothing before has none yet."""
    had: dict[_Key, set[bytes]] = {page: set() for page in tokens}
    if before := [page for page in tokens if found_by.get(page)]:
        for row in await rows.fetch(
            "select agency, child, token from token join unnest($1::uuid[], $2::uuid[]) t (agency, child)"
            " using (agency, child)",
            *zip(*before, strict=True),
        ):
            had[row["agency"], row["child"]].add(row["token"])
    gone = [(page[0], token, page[1]) for page, now in tokens.items() for token in had[page] - now]
    await _delete(rows, "token", ("token", "child"), gone)
    await write(
        rows,
        "insert into token (agency, token, child) select * from unnest($1::uuid[], $2::bytea[], $3::uuid[])",
        [(page[0], token, page[1]) for page, now in tokens.items() for token in sorted(now - had[page])],
    )


async def _write_tasks(rows: Connection, stood: Sequence[_Key], tasks: _Table) -> None:
    had: _Table = {}
    if stood:
        for row in await rows.fetch(
            "select agency, kind, ref, child, since, due, missed from task"
            " join unnest($1::uuid[], $2::uuid[]) t (agency, child) using (agency, child)",
            *zip(*stood, strict=True),
        ):
            had[tuple(row)[:3]] = tuple(row)[3:]
    await _delete(rows, "task", ("kind", "ref"), {key for key, told in had.items() if tasks.get(key) != told})
    await write(
        rows,
        "insert into task (agency, kind, ref, child, since, due, missed) select * from unnest($1::uuid[], $2::text[],"
        " $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::bool[])",
        [(*key, *told) for key, told in tasks.items() if had.get(key) != told],
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


def pack_open(row: Row) -> bytes:
    """Write a row's open fields into one column."""
    return _pack(row.open_fields())


def pack_refs(blocks: Sequence[BlockRef]) -> bytes:
    """Write closed blocks into one column."""
    return _pack(blocks)


def unpack_refs(packed: bytes) -> list[BlockRef]:
    """Read closed blocks from their column."""
    found: list[Any] = msgspec.msgpack.decode(packed)
    return [BlockRef(*each) for each in found]
