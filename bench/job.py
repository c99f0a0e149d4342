"""A consumer in a process of its own: `python -m bench.job` is told what to do on its standard input.

It says when it is ready, begins when it is told, and at the end of its input says when the first record came, when the last
was committed, and how much processor time lay between.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import msgspec

from bench.measuring import Sample
from schemas.envelope import decode
from schemas.registry import ChildRegistered
from services.agency.folding import Folding
from services.agency.projector import Projector
from services.agency.tokens import SearchTokens
from services.kernel.bus.kafka import KafkaBus
from services.kernel.bus.port import Record, topic_of
from services.kernel.database import Connection, Database
from services.kernel.hearing.projection import Consumer
from services.kernel.hearing.residence import Residence
from services.kernel.keys.ciphers import AesGcm
from services.kernel.keys.ring import KeyRing
from services.kernel.keys.service import KeyService, Pair
from services.kernel.people.auth import Tokens
from services.kernel.service import Tools
from services.kernel.world import RealWorld
from services.notification import app as notification
from shouwang.serving import calm_the_collector

PASSPHRASE = "passphrase"  # noqa: S105 - of a ring that is gone after the run
_LOOK_SECONDS = 0.02


class Job(msgspec.Struct):
    """What to run: `open`, `faust`, `router`, `page` or `page-closed`, on which database, reading which topic."""

    kind: str
    url: str
    bootstrap: str
    keys: str = ""
    name: str = ""
    source: str = "registry"
    version: int = 0
    instance: str = "1"


@dataclass
class Clock:
    """When the first record was seen and the last committed."""

    first: float = 0.0
    last: float = 0.0
    begun: float = 0.0
    spent: float = 0.0

    def came(self) -> None:
        """Take note of the first record."""
        if not self.first:
            self.first, self.begun = time.time(), time.process_time()

    def went(self) -> None:
        """Take note of a commit."""
        self.last, self.spent = time.time(), time.process_time() - self.begun

    def watch(self, consumer: Consumer) -> Consumer:
        """Take note of what a consumer does."""
        fold, after = consumer._fold, consumer._after_commit  # noqa: SLF001 - no other way to see when it begins

        async def folding(rows: Connection, records: Sequence[Record]) -> None:
            self.came()
            await fold(rows, records)

        def committed() -> None:
            self.went()
            after()

        consumer._fold, consumer._after_commit = folding, committed  # noqa: SLF001
        return consumer


class _NoKeys:
    """A ring that holds no key: every block stays closed, as for people who were erased."""

    def sealed(self, subjects: Iterable[str]) -> set[str]:
        del subjects
        return set()

    def ensure(self, subjects: Iterable[str]) -> None:
        raise NotImplementedError(subjects)

    def keys(self, pairs: Iterable[Pair]) -> dict[Pair, bytes]:  # noqa: ARG002
        return {}


# --- In the process
@asynccontextmanager
async def _running(job: Job, clock: Clock) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    async with AsyncExitStack() as stack:
        world = RealWorld()
        database = await Database.open(job.url)
        stack.push_async_callback(database.close)
        bus = KafkaBus(job.bootstrap, job.instance)
        stack.push_async_callback(bus.close)
        if job.kind == "open":
            consumer = Consumer(job.name, [job.source], database, bus, Residence(database).fold)
            yield clock.watch(consumer).run
        elif job.kind == "faust":
            yield _faust(job, database, clock)
        elif job.kind == "router":
            ring = KeyRing(Path(job.keys), PASSPHRASE, world)
            service = notification.build(
                Tools(database, bus, ring, AesGcm(world), world, Tokens("s" * 32), "s")
            )
            clock.watch(service.consumers[1])
            yield service.start
            await service.stop_loops()
        else:
            ring = KeyRing(Path(job.keys), PASSPHRASE, world)
            keys: KeyService = ring if job.kind == "page" else _NoKeys()
            projector = Projector(keys, AesGcm(world), SearchTokens(ring.search_key))
            folding = Folding(database, bus, projector)
            await folding.look()
            yield clock.watch(folding.consumers[job.version]).run


def _faust(job: Job, database: Database, clock: Clock) -> Callable[[], Awaitable[None]]:
    import faust
    from faust.contrib.asgi import faust_app_running

    async def run() -> None:
        with TemporaryDirectory() as folder:
            app = faust.App(
                job.name, broker=f"kafka://{job.bootstrap}", store="memory://", datadir=folder, web_enabled=False,
                topic_allow_declare=False, topic_disable_leader=True, consumer_auto_offset_reset="earliest",
                broker_max_poll_records=5000, stream_buffer_maxsize=16384, stream_wait_empty=False,
            )  # fmt: skip

            async def write(stream: Any) -> AsyncIterator[None]:
                async for batch in stream.take(2000, within=0.1):
                    clock.came()
                    heard = [e for e in map(decode, batch) if e.type == ChildRegistered.type]
                    await database.fetch(
                        "insert into residence select * from unnest($1::uuid[], $2::text[])"
                        " on conflict (child) do update set region = excluded.region",
                        [UUID(e.subject) for e in heard], [e.region for e in heard],
                    )  # fmt: skip
                    clock.went()
                    yield

            topic = app.topic(topic_of(job.source), key_serializer="raw", value_serializer="raw")
            app.agent(topic, name="bench.rows")(write)
            async with faust_app_running(app):
                await asyncio.Event().wait()

    return run


async def _serve() -> None:
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    job = msgspec.json.decode(await lines.readline(), type=Job)
    clock = Clock()
    async with _running(job, clock) as run:
        _say("ready")
        await lines.readline()
        running = asyncio.ensure_future(run())
        await lines.read()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    _say(json.dumps({"first": clock.first, "last": clock.last, "spent": clock.spent}))


_OUT = os.dup(1)


def _say(words: str) -> None:
    os.write(_OUT, words.encode() + b"\n")


# --- Outside
@dataclass
class Ran:
    """One turn of one or more processes."""

    sample: Sample
    spent: float
    """Processor time, all processes, without PostgreSQL and Kafka."""
    bytes: float = 0.0
    """What one record takes in the rows, where that was asked."""

    @property
    def micros(self) -> float:
        """Processor time for one record, in microseconds."""
        return self.spent / self.sample.done * 1_000_000


async def run_jobs(jobs: Sequence[Job], records: int, done: Callable[[], Awaitable[bool]]) -> Ran:
    """Run these side by side until `done` says so; they begin together, and share out partitions within the time that counts."""
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.job", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )
        for _ in jobs
    ]  # fmt: skip
    try:
        for process, job in zip(processes, jobs, strict=True):
            _pipe(process.stdin).write(msgspec.json.encode(job) + b"\n")
        for process in processes:
            await _said(process, "ready")
        for process in processes:
            _pipe(process.stdin).write(b"go\n")
        async with asyncio.timeout(600):
            while not await done():
                if any(p.returncode is not None for p in processes):
                    raise RuntimeError("a process of the benchmark fell")
                await asyncio.sleep(_LOOK_SECONDS)
        told = []
        for process in processes:
            _pipe(process.stdin).write_eof()
            told.append(json.loads(await _pipe(process.stdout).readline()))
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
            await process.wait()
    busy = [t for t in told if t["first"]]
    seconds = max(t["last"] for t in busy) - min(t["first"] for t in busy)
    return Ran(Sample(records, seconds), sum(t["spent"] for t in busy))


def _pipe(pipe: Any) -> Any:
    assert pipe is not None  # noqa: S101 - asked for
    return pipe


async def _said(process: asyncio.subprocess.Process, word: str) -> None:
    if (await _pipe(process.stdout).readline()).strip() != word.encode():
        raise RuntimeError("a process of the benchmark fell")


if __name__ == "__main__":
    os.dup2(2, 1)  # what anybody prints is no answer of ours
    calm_the_collector()
    asyncio.run(_serve())  # as the Kafka profile does: NotOnUvloop
