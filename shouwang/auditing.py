"""Takes a platform's stores, its feed, its looks and the audit log out of a data folder, for the offline verifier."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg

from infra.databases import urls
from infra.postgres import Postgres
from schemas.look import LOOK_LOGS
from services.audit.log import LOGS, STORES
from services.audit.note import read_note
from services.audit.telling import exact, telling_of
from services.audit.verify import KEY, NOTE, Row, write_row
from services.kernel.bus.port import FEED, Record
from services.kernel.database import Database
from services.kernel.doors.looks import Looks
from services.kernel.world import RealWorld
from services.kernel.writing.recording import stamp
from services.notification.feed import FeedLog
from services.registry.founding import post_id
from shouwang.client import Platform
from shouwang.embedded import secrets_of

_MOST = 5000


async def export_log(data: Path, platform: Platform, auditor: str, to: Path) -> dict[str, int]:
    """Write every log's rows, the audit log's leaf hashes, a fresh checkpoint and the public key; returns the sizes.

    `auditor` is the key of an auditor's post: taking the checkpoint is a look like any other.
    """
    to.mkdir(parents=True, exist_ok=True)
    await platform.settled()
    signed = await (await platform.sign_in(post_id(auditor))).ask("audit/checkpoint")
    (to / NOTE).write_text(signed["note"], encoding="utf8")
    (to / KEY).write_text(signed["key"] + "\n", encoding="utf8")
    logs = read_note(signed["note"], signed["key"]).logs
    sizes = {log: logs[log].size if log in logs else 0 for log in LOGS}
    for log, size in sizes.items():
        await _write_leaves(_url(data, "audit"), log, to, size)
    counts = {store: await _write_events(_url(data, store), store, to, sizes[store]) for store in STORES}
    counts[FEED] = await _write_feed(_url(data, "notification"), to, sizes[FEED])
    return counts | {log: await _write_looks(_url(data, log), log, to, sizes[log]) for log in LOOK_LOGS}


def _url(data: Path, service: str) -> str:
    return urls(service, Postgres(data / "postgres").url, secrets_of(data)["database"])["app"]


async def _write_events(url: str, store: str, to: Path, size: int) -> int:
    count = 0
    with (to / f"{store}.jsonl").open("wb") as out:
        async for found in _pages(url, _EVENTS, size):
            count += 1
            out.write(write_row(_row(found)))
    return count


async def _write_leaves(url: str, log: str, to: Path, size: int) -> None:
    with (to / f"{log}.leaves").open("wb") as out:
        async for found in _pages(url, _LEAVES, size, log):
            out.write(found["hash"])


async def _write_feed(url: str, to: Path, size: int) -> int:
    """Write the feed as notification has it, in the form in which the audit service hashed what it heard of it."""
    database = await Database.open(url, most=1)
    try:
        feed, place = FeedLog(database), 0
        incarnation, _ = await feed.position()
        with (to / f"{FEED}.jsonl").open("wb") as out:
            while place < size and (found := await feed.after(place, min(_MOST, size - place))):
                for row in found:
                    record = Record(
                        FEED, row["partition"], row["seq"], 0, incarnation, row["orderkey"], row["envelope"],
                        row["blocks"], row["headers"],
                    )  # fmt: skip
                    out.write(exact(telling_of(record)) + b"\n")
                place += len(found)
    finally:
        await database.close()
    return place


async def _write_looks(url: str, log: str, to: Path, size: int) -> int:
    database = await Database.open(url, most=1)
    try:
        looks, place = Looks(database, RealWorld()), 0
        with (to / f"{log}.jsonl").open("wb") as out:
            while place < size and (found := await looks.after(place, min(_MOST, size - place))):
                out.writelines(row["envelope"] + b"\n" for row in found)
                place += len(found)
    finally:
        await database.close()
    return place


_EVENTS = "select * from event where seq > $1 and seq <= $2 order by seq limit $3"
_LEAVES = (
    "select index + 1 as seq, hash from node where level = 0 and index >= $1 and index < $2 and store = $4"
    " order by index limit $3"
)


async def _pages(url: str, sql: str, size: int, *more: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(url)
    try:
        place = 0
        while found := await connection.fetch(sql, place, size, _MOST, *more):
            for row in found:
                yield row
            place = found[-1]["seq"]
    finally:
        await connection.close()


def _row(found: Any) -> Row:
    return Row(
        seq=found["seq"], id=str(found["id"]), stream=str(found["stream"]), version=found["version"],
        partition=found["partition"], orderkey=found["orderkey"], type=found["type"],
        recorded_at=stamp(found["recorded_at"]), envelope=found["envelope"], blocks=found["blocks"], leaf=found["leaf"],
    )  # fmt: skip
