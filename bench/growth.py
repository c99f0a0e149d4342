"""What it costs as it grows: append, worklist, child page and search at ten thousand, a hundred thousand, a million children.

The log has ten events a child, and all children are on the view of one bureau, the worst case for its searches. The
databases are filled by COPY (grown.py says with what); what is measured goes through the platform's own doors: HTTP with
eight clients, blocks opened, looks recorded, and for appends the store's own call with sealing. The questions take turns at
each size; the sizes follow one another.
"""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg

from bench import grown
from bench.made import BLOCKS, child_of, name_of, number_of
from bench.measuring import Row, Sample, cut, row_of, writers
from bench.places import create
from bench.platform import Running, running
from bench.store import Ours, sealed_event
from services.kernel.bus.embedded import EmbeddedBus
from services.kernel.database import KERNEL_MIGRATIONS, Database, migrate
from services.kernel.keys.ciphers import AesGcm
from services.kernel.keys.ring import KeyRing
from services.kernel.people.auth import Tokens
from services.kernel.service import Tools, recorder_of
from services.kernel.store import EventStore
from services.kernel.world import RealWorld
from shouwang.embedded import secrets_of

CLIENTS = 8
TASKS = 50
SIZES, QUICK = (10_000, 100_000, 1_000_000), (300, 1_000, 2_000)
"""How many children there are when it is measured."""


async def measure(*, quick: bool) -> AsyncIterator[Row]:
    """Measure all of it."""
    sizes, seconds = (QUICK, 0.7) if quick else (SIZES, 9.0)
    async with running() as at:
        pages = await _pages(at)
        ring = str(at.folder / "keys.sqlite")
        where = grown.Where(
            at.postgres.url("agency"), at.postgres.url("notification"), await create(at.postgres, "grown"), pages, ring,
            secrets_of(at.folder)["key_passphrase"],
        )  # fmt: skip
        await migrate(where.store, [KERNEL_MIGRATIONS])
        seen: dict[str, dict[int, Sample]] = {}
        before = 0
        for size in sizes:
            begin = time.perf_counter()
            await grown.grow(where, before, size, os.cpu_count() or 1)
            if not before:
                await grown.owe(where, [child_of(n) for n in range(0, size, size // TASKS)][:TASKS])
            filled, before = time.perf_counter() - begin, size
            yield Row(f"filled by COPY up to {size:,} children", round(filled, 1), "s")
            for name, sample in (await _ask(at, size, seconds)).items():
                seen.setdefault(name, {})[size] = sample
            yield await _disk(where, size)
            seen.setdefault(_APPEND, {})[size] = await _append(at, where.store, seconds)
        for name, most in _MOST.items():
            yield row_of(
                f"{name}, {CLIENTS} clients, {sizes[-1]:,} children", "answers/s", [seen[name][sizes[-1]]],
                at_most={95: most},
            )  # fmt: skip
        for name, samples in seen.items():
            yield _flat(name, samples)


_APPEND = "append, 8 writers, three sealed blocks"
_MOST = {
    "search by name, blocks opened, look recorded": 50.0, "search by ID tail, blocks opened, look recorded": 50.0,
    "worklist page of 50, names opened, look recorded": 40.0, "child page, blocks opened, look recorded": 75.0,
}  # fmt: skip
"""What is asked, and its bar in milliseconds at the 95th percentile."""
_FLAT = 1.5
_TURNS = 3


async def _pages(at: Running) -> str:
    link = await asyncpg.connect(at.postgres.url("agency"))
    try:
        return f"pages_{await link.fetchval('select n from active')}"
    finally:
        await link.close()


async def _ask(at: Running, size: int, seconds: float) -> dict[str, Sample]:
    officer = await at.headers("civil-affairs-officer")
    dice = random.Random(size)  # noqa: S311 - the same children each time

    async def by_name() -> None:
        assert await at.search(officer, {"name": name_of(dice.randrange(size))})  # noqa: S101

    async def by_tail() -> None:
        assert await at.search(officer, {"number": number_of(dice.randrange(size))[-4:]})  # noqa: S101

    async def worklist() -> None:
        await at.ask("agency/worklist", officer)

    async def page() -> None:
        await at.ask(f"agency/children/{child_of(dice.randrange(size))}", officer)

    found = {name: Sample(0, 0.0) for name in _MOST}
    for turn in range(_TURNS + 1):
        for sample, ask in zip(found.values(), (by_name, by_tail, worklist, page), strict=True):
            told = await writers([ask] * CLIENTS, seconds / _TURNS)
            if turn:  # the first makes plans and fills caches
                sample.done, sample.seconds = sample.done + told.done, sample.seconds + told.seconds
                sample.took += told.took
    return found


async def _append(at: Running, url: str, seconds: float) -> Sample:
    world = RealWorld()
    ring = KeyRing(at.folder / f"{uuid4()}.sqlite", "passphrase", world)
    database = await Database.open(url)
    given = Tools(database, EmbeddedBus(), ring, AesGcm(world), world, Tokens("s" * 32), "s")
    ours = Ours(given, recorder_of("registry", given), EventStore(database))
    committing = asyncio.create_task(ours.store.run())
    try:
        await ours.know(1_000)
        return await writers([ours.new(sealed_event, keyed=True)] * CLIENTS, seconds)
    finally:
        committing.cancel()
        await database.close()
        ring.close()


def _flat(name: str, samples: dict[int, Sample]) -> Row:
    """Compare the median at the last size with that at the first."""
    middle = {size: cut(sorted(sample.took), 50) for size, sample in samples.items()}
    first, *_, last = middle
    ratio = middle[last] / middle[first]
    return Row(
        f"cost as it grows: {name}, {last:,} beside {first:,} children", round(ratio, 2), "×", bar=f"≤ {_FLAT:g} ×",
        holds=ratio <= _FLAT, beside={f"p50 ms at {size:,}": round(value, 2) for size, value in middle.items()},
    )  # fmt: skip


async def _disk(where: grown.Where, size: int) -> Row:
    """Tell what a child takes on disk, indexes and all; the store is measured before others write to it."""
    taken: dict[str, float] = {}
    for name, url, tables in (
        ("store, an event of five blocks", where.store, ("event",)),
        ("view", where.agency, tuple(f"{where.pages}.{t}" for t in ("child", "entry", "token", "task"))),
        ("earned keys", where.notification, ("disclosed",)),
    ):
        link = await asyncpg.connect(url)
        sizes = [
            await link.fetchval("select pg_total_relation_size($1::regclass)", table) for table in tables
        ]
        many = await link.fetchval(f"select count(*) from {tables[0]}")
        taken[name] = sum(sizes) / (many / BLOCKS if name == "earned keys" else many)
        await link.close()
    return Row(
        f"disk of a child at {size:,} children: one event stored and told to one body", round(sum(taken.values())), "bytes",
        beside={f"bytes, {name}": round(each) for name, each in taken.items()},
    )  # fmt: skip
