"""Erasure among many: whatever today's keys open, anywhere bytes lie, holds nothing of the erased and all of the others."""

import asyncio
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import asyncpg
import pytest

from infra.backup import back_up, restore
from infra.databases import SERVICES
from infra.postgres import Postgres
from schemas.envelope import decode
from schemas.look import LOOK_LOGS
from services.audit.verify import KEY, verify_folder
from services.kernel.bus.embedded import EmbeddedBus
from services.kernel.keys.sealing import fields_of
from services.registry.ledger.values.ids import check_digit
from shouwang.auditing import export_log
from tests.helpers import Running, embedded
from tests.privacy.measured import Record, many, tell

SUBJECTS, ERASED = many(60, 10_000), many(12, 1_000)
_AT_ONCE = 16
_CANARY = re.compile(r"(?=(雀\d{5}|上塘村\d{5}号|\d{17}[\dX]))")
_SEALED = (
    "select format('%I.%I', table_schema, table_name) from information_schema.columns"
    " where column_name in ('envelope', 'blocks') group by table_schema, table_name having count(*) = 2"
)


def canaries(n: int) -> dict[str, str]:
    """What is known of the n-th child and of nobody else."""
    first = f"990101{2012 + n // 4000}0{1 + n // 500 % 8}01{n % 500:03}"
    return {"name": f"雀{n:05}", "id_number": first + check_digit(first), "residence": f"上塘村{n:05}号"}


async def register(running: Running) -> list[str]:
    clerk = await running.sign_in("township-a-clerk")

    async def one(n: int) -> str:
        async with slots:
            done = await clerk.do("registry/register-child", region="990101001001", **canaries(n))
        return str(done["events"][0]["subject"])

    slots = asyncio.Semaphore(_AT_ONCE)
    return list(await asyncio.gather(*(one(n) for n in range(SUBJECTS))))


async def erase(running: Running, children: Iterable[str]) -> None:
    officer = await running.sign_in("civil-affairs-officer")

    async def one(child: str) -> None:
        async with slots:
            await officer.do("registry/erase-subject", person=child, children=[child], basis="PIPL_47")

    slots = asyncio.Semaphore(_AT_ONCE)
    await asyncio.gather(*(one(child) for child in children))
    await running.client.settled()


async def opened(running: Running, postgres: Postgres | None = None) -> dict[str, str]:
    """Everything that today's keys open, by where it lies: tables of all databases, and the bus."""
    keys, cipher = running.platform.keys, running.platform.services["registry"].tools.cipher
    found: dict[str, str] = {}
    for database in SERVICES:
        connection = await asyncpg.connect((postgres or running.postgres).url(database))
        for (table,) in await connection.fetch(_SEALED):
            rows = await connection.fetch(f"select envelope, blocks from {table}")
            told = [fields_of(decode(r["envelope"]), r["blocks"], keys, cipher) for r in rows]
            found[f"{database} {table}"] = json.dumps(told, ensure_ascii=False)
        await connection.close()
    bus = running.platform.bus
    assert isinstance(bus, EmbeddedBus)
    records = [
        r for source, window in bus._windows.items() if source not in LOOK_LOGS for r in window.records
    ]
    found["bus"] = json.dumps(
        [fields_of(decode(r.value), r.blocks, keys, cipher) for r in records], ensure_ascii=False
    )
    return found


def seen(places: Mapping[str, str], who: Iterable[int]) -> list[str]:
    """Whoever of these stands somewhere, with what and where."""
    found = {place: _canaries_in(text) for place, text in places.items()}
    return [
        f"{n} {what} in {place}" for n in who for what, canary in canaries(n).items()
        for place, there in found.items() if canary in there
    ]  # fmt: skip


def _canaries_in(text: str) -> set[str]:
    """All that has the shape of a canary, wherever it begins."""
    return {found[1] for found in _CANARY.finditer(text)}


def intact(places: Mapping[str, str], who: Iterable[int], *tables: str) -> list[int]:
    """Who of these no longer stands, whole, in each of the tables."""
    assert len(tables) == 2
    there = [_canaries_in(places[table]) for table in tables]
    return [n for n in who if not all(canary in found for found in there for canary in canaries(n).values())]


async def raw(postgres: Postgres) -> str:
    """Every row of every table as text: what a dump shows."""
    parts = []
    for database in SERVICES:
        connection = await asyncpg.connect(postgres.url(database))
        tables = await connection.fetch(
            "select format('%I.%I', schemaname, tablename) from pg_tables"
            " where schemaname not in ('pg_catalog', 'information_schema')"
        )
        for (table,) in tables:
            parts += [row[0] for row in await connection.fetch(f"select t::text from {table} t")]
        await connection.close()
    return "\n".join(parts)


@pytest.mark.req("PRV-04")
@pytest.mark.timeout(3000)
async def test_of_many_some_are_erased_and_nothing_of_them_is_left_anywhere_and_all_of_the_others(
    record_property: Record, capfd: pytest.CaptureFixture[str], own_folder: Path
) -> None:
    async with embedded() as running:
        children = await register(running)
        gone = list(range(0, SUBJECTS, SUBJECTS // ERASED))[:ERASED]
        others = sorted(set(range(SUBJECTS)) - set(gone))
        await running.client.settled()
        await asyncio.to_thread(back_up, running.postgres, own_folder / "backup")
        before = await opened(running)
        assert (
            len(seen(before, gone)) >= 3 * 3 * ERASED
        )  # store, what was heard and pages at least: it can be found

        await erase(running, (children[n] for n in gone))
        after = await opened(running)
        left = seen(after, gone) + seen({"tables": await raw(running.postgres)}, gone)
        left += seen({"log": "".join(capfd.readouterr())}, gone)
        left += [f"{n} is found" for n in gone if await _found(running, n, children[n])]
        kept = [place for place in after if place == "registry public.event" or place.endswith(".entry")]
        harmed = intact(after, others, *kept)
        harmed += [
            n for n in others[:: max(1, len(others) // 50)] if not await _found(running, n, children[n])
        ]
        sizes = await export_log(running.platform.folder, running.client, "procurator", own_folder / "export")
        assert sizes["registry"] > SUBJECTS
        key = (own_folder / "export" / KEY).read_text(encoding="utf8").strip()
        assert verify_folder(own_folder / "export", key) == []

        again = await restore(own_folder / "backup", running.platform.folder, own_folder / "restored")
        try:
            left += seen(await opened(running, again), gone)
            left += seen({"restored tables": await raw(again)}, gone)
        finally:
            await asyncio.to_thread(again.stop)
    tell(record_property, "erasure", tried=ERASED, failed=len(left) + len(harmed), bar=1_000)
    assert left == []
    assert harmed == []


async def _found(running: Running, n: int, child: str) -> bool:
    """Whether a search by what was theirs leads to a child; who is called alike may be found too."""
    clerk = await running.sign_in("township-a-clerk")
    told = await clerk.search(name=canaries(n)["name"]) + await clerk.search(number=canaries(n)["id_number"])
    return child in {each["child"] for each in told}


@pytest.mark.req("PRV-04")
async def test_a_key_that_was_kept_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted violation: the act is on record, and the key ring forgets nothing."""
    async with embedded() as running:
        children = [await running.register(canaries(n)["name"]) for n in range(2)]
        monkeypatch.setattr(type(running.platform.keys), "erase", lambda *_: None)
        await erase(running, children[:1])
        assert seen(await opened(running), [0])
