"""Events and tellings as the bus carries them, made by hand for the audit service."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from schemas.envelope import decode
from schemas.look import LOOK_LOGS
from services.audit.log import fold
from services.audit.merkle import grown
from services.audit.told import Told
from services.audit.verify import Row
from services.kernel.bus.port import FEED, Record
from services.kernel.database import Database
from services.kernel.keys.sealing import redact
from tests.audit.test_verify import rows_of

LOG, AGENCY = UUID(int=7), UUID(int=8)


async def about_children(count: int) -> list[Row]:
    """So many events about children, numbered; fewer of them are the beginning of more."""
    rows = [r for r in await rows_of(60) if len(decode(r.envelope).subject) == 36]
    return [msgspec.structs.replace(r, seq=seq) for seq, r in enumerate(rows[:count], 1)]


def events(rows: Sequence[Row]) -> list[Record]:
    """The registry's events as they were published."""
    return [Record("registry", r.partition, r.seq, 0, LOG, r.orderkey, r.envelope, r.blocks) for r in rows]


def tellings(rows: Sequence[Row]) -> list[Record]:
    """A feed that tells a body of every event, of each without its first block."""
    return [
        Record(
            FEED, r.partition, r.seq, 0, LOG, r.orderkey, r.envelope, redact(r.blocks, range(1, 99)),
            {
                "agency": str(AGENCY), "role": "ledger", "clause": "SY 一", "rules": "sha256:0", "source": "registry",
                "source_seq": str(r.seq), "disclosed_at": f"2026-11-01T00:00:{r.seq:02}+00:00",
            },
        )
        for r in rows
    ]  # fmt: skip


async def hear(database: Database, records: Sequence[Record]) -> None:
    """Fold records as the audit service's two consumers do."""
    async with database.transaction() as rows:
        if records and records[0].source == FEED:
            await Told(database).fold(rows, records)
        else:
            await fold(rows, records)


async def rewrite(database: Database, store: str, seq: int) -> None:
    """Write a log's whole tree anew around another leaf, as somebody who may change every row would."""
    found = await database.fetch("select hash from node where store = $1 and level = 0 order by index", store)
    leaves = [bytes(32) if i == seq else row["hash"] for i, row in enumerate(found, 1)]
    for (level, index), value in grown(0, leaves, dict[tuple[int, int], bytes]().__getitem__):
        await database.fetch(
            "update node set hash = $4 where store = $1 and level = $2 and index = $3",
            store,
            level,
            index,
            value,
        )


def altered(record: Record) -> Record:
    """The same record with other bytes: the same event at another time, telling by another clause, or look for another end."""
    if record.source == FEED:
        return msgspec.structs.replace(record, headers=record.headers | {"clause": "SY 二"})
    if record.source in LOOK_LOGS:
        return msgspec.structs.replace(record, value=record.value.replace(b"case-work", b"idle-talk"))
    time = decode(record.value).time.encode()
    return msgspec.structs.replace(record, value=record.value.replace(time, b"1999" + time[4:]))
