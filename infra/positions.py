"""Looks before a start whether any consumer is ahead of its source, or was built from another log."""

from collections.abc import Callable
from typing import Any, NamedTuple

import asyncpg

from infra.databases import SERVICES
from infra.errors import InfraError

_TABLES = {"feed": "feed"} | dict.fromkeys(("agency", "audit"), "(select 0 as partition, seq from look) look")
"""What is no event: the feed, and looks, which have one partition."""
_STORE_OF = {"reference": "registry", "feed": "notification"}
_REFERENCE_PARTITION = 24


class ConsumerAhead(InfraError):  # noqa: N818 - named for what happened
    """消费者的进度超前于来源库,或来源库已非同一份:很可能只恢复了部分数据库。请从同一份备份恢复整个集群(shouwang restore)。

    A consumer is ahead of its source, or was built from another log: most likely only some of the databases were
    restored. Restore the whole cluster from one backup (shouwang restore).
    """


class _Source(NamedTuple):
    incarnation: Any
    heads: dict[int, int]


async def refuse_ahead(url: Callable[[str], str]) -> None:
    """Raise ConsumerAhead, naming each consumer and how far it is ahead; `url` gives the administrator's connection."""
    sources = {name: await _source(url, name) for name in (*SERVICES[:4], *_TABLES)}
    sources["reference"] = _Source(
        sources["registry"].incarnation, {0: sources["registry"].heads.get(_REFERENCE_PARTITION, 0)}
    )
    found = []
    for service in SERVICES:
        for row in await _rows(
            url, service, "select consumer, source, partition, incarnation, seq from checkpoint"
        ):
            source = sources.get(row["source"])
            if source is None:
                continue
            head = source.heads.get(row["partition"], 0)
            if row["incarnation"] != source.incarnation:
                found.append(f"{row['consumer']} ← {row['source']}: 另一份日志 another log")
            elif row["seq"] > head:
                found.append(f"{row['consumer']} ← {row['source']}.{row['partition']}: {row['seq']} > {head}")
    if found:
        raise ConsumerAhead("; ".join(sorted(set(found))[:5]))


async def _source(url: Callable[[str], str], name: str) -> _Source:
    service = _STORE_OF.get(name, name)
    table = _TABLES.get(name, "event")
    rows = await _rows(url, service, "select incarnation from store")
    heads = await _rows(url, service, f"select partition, max(seq) as seq from {table} group by partition")
    return _Source(rows[0]["incarnation"] if rows else None, {r["partition"]: r["seq"] for r in heads})


async def _rows(url: Callable[[str], str], database: str, sql: str) -> list[Any]:
    """Return rows; a database or table that is not there yet has none."""
    try:
        connection = await asyncpg.connect(url(database))
    except asyncpg.InvalidCatalogNameError:
        return []
    try:
        return list(await connection.fetch(sql))
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
        return []
    finally:
        await connection.close()
