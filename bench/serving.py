"""The whole platform over HTTP, in a process of its own: commands, what a body sees of them and how soon, a replay, memory.

The clients run in this process and share the machine's cores with platform and PostgreSQL. A row is visible when it stands,
committed, in the table that the body's page is answered from; this is looked up every ten milliseconds.
"""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

import asyncpg

from bench.made import VILLAGE, name_of
from bench.measuring import Row, Sample, Work, cut, row_of, writers
from bench.places import create
from bench.plain import SCHEMA
from bench.platform import Running, plain, running
from services.registry.founding import body_id

PLAIN = "plain FastAPI and one row by asyncpg"
CLIENTS = 16
PACE = 100
QUICK, FULL = (2, 1.0, 40, 500), (5, 4.0, 500, 100_000)
"""Rounds, seconds of a turn, events of the child that is replayed, rows of the roster."""
_LOOK_SECONDS = 0.01
_numbers = count()


async def measure(*, quick: bool) -> AsyncIterator[Row]:
    """Measure all of it."""
    rounds, seconds, events, rows = QUICK if quick else FULL
    async with running() as at:
        yield memory("memory of all services, embedded profile, idle", [at.resident()], 400)
        yield await _idle(at, seconds)
        used: list[float] = []
        yield await _commands(at, rounds, seconds, used)
        yield await _visible(at, "embedded", seconds * 3, used)
        yield await _replayed(at, events, seconds * 2)
        yield memory("memory of all services, embedded profile, most seen under the load above", used, 1024)
    async with running("kafka") as at:
        kafka: list[float] = []
        yield await _visible(at, "kafka", seconds * 3, kafka)
        yield memory("memory of all services, kafka profile, under that load", kafka, None)
    yield await _imported(rows)


def memory(name: str, seen: Sequence[float], most: float | None) -> Row:
    """Return a row of resident memory in MiB, without PostgreSQL and Kafka."""
    used = max(seen)
    return Row(
        name, used, "MiB", bar=None if most is None else f"≤ {most:g} MiB", holds=None if most is None else used <= most
    )  # fmt: skip


async def _idle(at: Running, seconds: float) -> Row:
    begun = at.spent()["all"]
    await asyncio.sleep(seconds)
    share = (at.spent()["all"] - begun) / seconds
    return Row(
        "processor time of all services, embedded profile, idle", round(1000 * share, 1), "ms a second"
    )


def _child() -> dict[str, Any]:
    n = next(_numbers)
    return {
        "region": VILLAGE, "name": name_of(n), "residence": f"上塘村{n}号", "schooling": "primary",
        "birth_date": f"20{10 + n % 9}-0{1 + n % 9}-1{n // 9 % 9}", "father": {"name": f"张建国{n}", "workplace": "广东省"},
    }  # fmt: skip


async def _commands(at: Running, rounds: int, seconds: float, used: list[float]) -> Row:
    clerk = await at.headers("township-a-clerk")
    peer_url = await create(at.postgres, "plain")
    await _execute(peer_url, SCHEMA)
    mine, theirs, spent = [], [], []
    async with plain(peer_url) as url:

        async def command() -> None:
            await at.do("registry/register-child", clerk, _child())

        async def write() -> None:
            n = next(_numbers)
            async with at.http.post(
                f"{url}/children", json={"region": VILLAGE, "name": name_of(n)}
            ) as answer:
                answer.raise_for_status()
                await answer.read()

        for _ in range(rounds):
            begun = at.spent()["all"]
            mine.append(await _watched(at, [command] * CLIENTS, seconds, used))
            accepted = at.spent()["all"]
            # What the commands set going is done first: the peer has the machine to itself.
            await at.client.settled()
            spent.append([1000 * s / mine[-1].done for s in (accepted - begun, at.spent()["all"] - begun)])
            used.append(at.resident())
            theirs.append(await writers([write] * CLIENTS, seconds))
    return row_of(
        f"HTTP command accepted (durable), {CLIENTS} clients, whole embedded platform", "commands/s", mine, peer=PLAIN,
        theirs=theirs, at_least=400, at_most={95: 100},
        beside={
            "processor ms a command while they come, all services": round(statistics.median(s[0] for s in spent), 2),
            "processor ms a command until every body has its rows": round(statistics.median(s[1] for s in spent), 2),
        },
    )  # fmt: skip


async def _watched(at: Running, works: Sequence[Work], seconds: float, used: list[float]) -> Sample:
    async def watch() -> None:
        while True:
            used.append(at.resident())
            await asyncio.sleep(0.2)

    watching = asyncio.create_task(watch())
    try:
        return await writers(works, seconds)
    finally:
        watching.cancel()


async def _visible(at: Running, profile: str, seconds: float, used: list[float]) -> Row:
    """Issue commands at a steady pace; take the time from each answer to the row in the township's ledger."""
    clerk = await at.headers("township-a-clerk")
    await at.do("registry/register-child", clerk, _child())
    await at.client.settled()
    accepted: dict[UUID, float] = {}
    took: list[float] = []
    answers: list[float] = []

    async def command() -> None:
        begin = time.perf_counter()
        done = await at.do("registry/register-child", clerk, _child())
        accepted[UUID(done["events"][0]["subject"])] = time.perf_counter()
        answers.append((time.perf_counter() - begin) * 1000)

    begun = at.spent()
    looking = asyncio.create_task(_look(at.postgres.url("agency"), accepted, took))
    begin, issued = time.perf_counter(), []
    for i in range(int(seconds * PACE)):
        await asyncio.sleep(max(0.0, begin + i / PACE - time.perf_counter()))
        issued.append(asyncio.create_task(command()))
    await asyncio.gather(*issued)
    pace = len(issued) / (time.perf_counter() - begin)
    used.append(at.resident())
    async with asyncio.timeout(300):
        while accepted:
            await asyncio.sleep(_LOOK_SECONDS)
    looking.cancel()
    spent = {name: 1000 * (now - begun[name]) / len(issued) for name, now in at.spent().items()}
    answers.sort()
    return row_of(
        f"commit to row visible in the agency's page, {PACE} commands/s, {profile} profile", "commands/s",
        [Sample(len(issued), len(issued) / pace, took)], at_most={50: 100, 99: 1000},
        beside={"answer to the command, p95 ms": round(cut(answers, 95), 1)}
        | {f"processor ms a command, {name}": round(each, 2) for name, each in spent.items()},
    )  # fmt: skip


async def _look(url: str, accepted: dict[UUID, float], took: list[float]) -> None:
    rows = await asyncpg.connect(url)
    try:
        pages = f"pages_{await rows.fetchval('select n from active')}"
        while True:
            begin = time.perf_counter()
            found = await rows.fetch(
                f"select child from {pages}.child where agency = $1 and child = any($2::uuid[])",
                body_id("township-a"), list(accepted),
            )  # fmt: skip
            now = time.perf_counter()
            took += [(now - accepted.pop(r["child"])) * 1000 for r in found]
            await asyncio.sleep(max(0.0, begin + _LOOK_SECONDS - now))
    finally:
        await rows.close()


async def _replayed(at: Running, events: int, seconds: float) -> Row:
    clerk = await at.headers("township-a-clerk")
    done = await at.do("registry/register-child", clerk, _child())
    child = done["events"][0]["subject"]
    for n in range(events - 2):
        await at.do("registry/update-ledger-entry", clerk, {"child": child, "residence": f"上塘村{n}组"})
    await at.client.settled()
    now = datetime.now(UTC).isoformat()

    async def replay() -> None:
        await at.ask(f"agency/children/{child}", clerk, until=now)

    page = json.loads(await at.ask(f"agency/children/{child}", clerk, until=now))
    sample = await writers([replay], seconds)
    return row_of(
        f"replay of one child's page as of a time, {len(page['chronology'])} events, blocks opened, look recorded",
        "pages/s", [sample], at_most={95: 20},
    )  # fmt: skip


async def _imported(rows: int) -> Row:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.import_ledger", str(rows), stdout=asyncio.subprocess.PIPE
    )
    told = json.loads((await process.communicate())[0])
    if told["ours"]["events"] < rows:
        raise RuntimeError(f"{told['ours']['events']} events of {rows} rows: the roster was not taken")
    mine, peak = told["ours"], max(told["ours"]["peak_mib"], told["ours"]["reader_child_peak_mib"])
    return Row(
        f"import of a {rows:,}-row roster workbook, to durable", mine["durable_s"], "s",
        peer="openpyxl and COPY of the same cells", peer_value=told["peer_openpyxl_and_copy"]["durable_s"],
        ratio=told["ratio"], bar="≤ 90 s; ≤ 512 MiB in each process", holds=mine["durable_s"] <= 90 and peak <= 512,
        beside={
            "events": mine["events"], "peak MiB": mine["peak_mib"], "peak MiB of the reading process":
            mine["reader_child_peak_mib"],
        },
    )  # fmt: skip


async def _execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(sql)
    await connection.close()
