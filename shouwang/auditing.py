"""Takes a platform's stores and the audit log out of a data folder, for the offline verifier."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg

from infra.databases import urls
from infra.postgres import Postgres
from services.audit.log import STORES
from services.audit.note import read_note
from services.audit.verify import KEY, NOTE, Row, write_row
from services.kernel.recording import stamp
from services.registry.founding import post_id
from shouwang.client import Platform
from shouwang.embedded import secrets_of

_MOST = 5000


async def export_log(data: Path, platform: Platform, auditor: str, to: Path) -> dict[str, int]:
    """Write every store's rows, the audit log's leaf hashes, a fresh checkpoint and the public key; returns the sizes.

    `auditor` is the key of an auditor's post: taking the checkpoint is a look like any other.
    """
    to.mkdir(parents=True, exist_ok=True)
    await platform.settled()
    signed = await (await platform.sign_in(post_id(auditor))).ask("audit/checkpoint")
    (to / NOTE).write_text(signed["note"], encoding="utf8")
    (to / KEY).write_text(signed["key"] + "\n", encoding="utf8")
    _, heads = read_note(signed["note"], signed["key"])
    return {
        store: await _export(data, store, to, heads[store].size if store in heads else 0) for store in STORES
    }


async def _export(data: Path, store: str, to: Path, size: int) -> int:
    secret, postgres = secrets_of(data)["database"], Postgres(data / "postgres")
    count = 0
    with (to / f"{store}.jsonl").open("wb") as out:
        async for found in _pages(urls(store, postgres.url, secret)["app"], _EVENTS, None):
            if found["seq"] > size:
                break
            count += 1
            out.write(write_row(_row(found)))
    with (to / f"{store}.leaves").open("wb") as out:
        async for found in _pages(urls("audit", postgres.url, secret)["app"], _LEAVES, store):
            if found["seq"] > size:
                break
            out.write(found["hash"])
    return count


_EVENTS = "select * from event where seq > $1 and $2::text is null order by seq limit $3"
_LEAVES = "select index + 1 as seq, hash from node where level = 0 and index >= $1 and store = $2 order by index limit $3"


async def _pages(url: str, sql: str, store: str | None) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(url)
    try:
        place = 0
        while found := await connection.fetch(sql, place, store, _MOST):
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
