"""A tailing reader against writers that commit late and roll back: what it saw is what was committed, in order.

The same faults on our store, on the three ways of the `eventsourcing` library, and on a plain `bigserial` as control,
which must fail: a deferred trigger on the table of events waits before some commits and rolls others back. Which, the
seed decides by the event's id. The readers are those that each of them offers.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
from eventsourcing.dcb.api import DCBEvent
from eventsourcing.dcb.postgres_tt import PostgresDCBRecorderTT
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

from services.kernel.database import Database
from services.kernel.store import EventStore, append_in
from tests.faults.harness.row import Row, compare
from tests.faults.harness.run import Run, fresh, stands_still
from tests.helpers import one

WRITERS, TOGETHER, PAGE = 8, 20, 1000
_BASE = "faults_tailing"
_DISTURB = """
create table disturbed (what text, at timestamptz default clock_timestamp());
create function disturb() returns trigger language plpgsql as $$
declare dice integer := abs(hashtext({identity}::text || '{seed}')) % 1000;
begin
  if dice < 3 then
    perform pg_sleep(0.002 * (1 + dice));
  elsif dice = 999 then
    raise exception 'rolled back';
  end if;
  return null;
end $$;
create constraint trigger disturb after insert on {table} deferrable initially deferred
  for each row execute function disturb();
"""
InThread = Callable[[Callable[[], Any]], Awaitable[Any]]


def ids(dice: random.Random) -> list[UUID]:
    """Ids of events that are written together."""
    return [UUID(int=dice.getrandbits(128), version=4) for _ in range(TOGETHER)]


class Counted:
    """How many events are to be committed, how many were, and how many batches rolled back."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.committed: set[UUID] = set()
        self.rolled_back = 0
        self.tries = 0

    @property
    def left(self) -> bool:
        return len(self.committed) < self.wanted


async def run(run: Run) -> list[Row]:
    """Tail each of them."""
    return [
        await ours(run),
        await theirs(run, "default recorder", db_functions=False),
        await theirs(run, "DB functions", db_functions=True),
        await theirs_dcb(run),
        await control(run),
    ]


def _row(run: Run, name: str, counted: Counted, committed: list[UUID], seen: list[UUID], **kind: Any) -> Row:
    row = run.row(f"tailing: {name}")
    row.faults, row.commands, row.acknowledged = (
        counted.rolled_back,
        counted.tries,
        len(counted.committed),
    )
    row.reached = {"events": len(committed)}
    row.found = compare(committed, seen, name)
    if missing := counted.committed - set(committed):
        row.found.lost = [str(each) for each in missing]
    row.must_fail, row.theirs = kind.get("must_fail", False), kind.get("theirs", False)
    return row


async def _disturb(url: str, table: str, identity: str, seed: int) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(_DISTURB.format(table=table, identity=identity, seed=seed))
    await connection.close()


async def ours(run: Run) -> Row:
    """Our store: appends by the kernel, read as the relay reads."""
    async with run.database(_BASE, most=WRITERS + 2) as database:
        await _disturb(run.postgres.url(_BASE), "event", "new.id", run.seed)
        store = EventStore(database)

        async def write(together: Sequence[UUID]) -> None:
            async with database.connection() as connection:
                await append_in(connection, [one(each, 1, event_id=each) for each in together])

        async def page(after: int) -> list[tuple[int, UUID]]:
            return [(r["seq"], r["id"]) for r in await store.after(after, PAGE)]

        counted, seen = await _tail(run, write, page)
        rows = await database.fetch("select id from event order by seq")
        return _row(run, "our store", counted, [r["id"] for r in rows], seen)


async def control(run: Run) -> Row:
    """A plain `bigserial`, followed by `position >`: the reader that everybody writes first."""
    await fresh(run.postgres, _BASE)
    url = run.postgres.url(_BASE)
    database = await Database.open(url, most=WRITERS + 2)
    try:
        await database.fetch("create table plain (position bigserial primary key, id uuid not null)")
        await _disturb(url, "plain", "new.id", run.seed)

        async def write(together: Sequence[UUID]) -> None:
            await database.fetch("insert into plain (id) select unnest($1::uuid[])", list(together))

        async def page(after: int) -> list[tuple[int, UUID]]:
            rows = await database.fetch(
                "select position, id from plain where position > $1 order by position limit $2", after, PAGE
            )
            return [(r["position"], r["id"]) for r in rows]

        counted, seen = await _tail(run, write, page)
        rows = await database.fetch("select id from plain order by position")
        return _row(run, "plain bigserial (control)", counted, [r["id"] for r in rows], seen, must_fail=True)
    finally:
        await database.close()


async def _tail(
    run: Run,
    write: Callable[[Sequence[UUID]], Awaitable[None]],
    page: Callable[[int], Awaitable[list[tuple[int, UUID]]]],
) -> tuple[Counted, list[UUID]]:
    counted = Counted(run.least["events"])
    seen: list[UUID] = []
    place = 0

    async def follow() -> None:
        nonlocal place
        while True:
            if rows := await page(place):
                place = rows[-1][0]
                seen.extend(each for _, each in rows)
            else:
                await asyncio.sleep(0.001)

    async def writer(number: int) -> None:
        dice = random.Random(f"{run.seed} tailing {number}")
        while counted.left:
            together = ids(dice)
            counted.tries += 1
            try:
                await write(together)
            except Exception as error:
                if "rolled back" not in str(error):
                    raise
                counted.rolled_back += 1
            else:
                counted.committed.update(together)

    async def where() -> bool:
        return not await page(place)

    following = asyncio.create_task(follow())
    try:
        await asyncio.gather(*(writer(i) for i in range(WRITERS)))
        await stands_still(where, wanted=True, patience=run.patience)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    return counted, seen


async def theirs(run: Run, name: str, *, db_functions: bool) -> Row:
    """The library's application recorder, read by `select_notifications`."""
    async with _library(run, db_functions=db_functions) as (datastore, in_thread):
        recorder = PostgresApplicationRecorder(datastore, events_table_name="stored_events")
        recorder.create_table()
        await _disturb(run.postgres.url(_BASE), "stored_events", "new.originator_id", run.seed)

        async def write(together: Sequence[UUID]) -> None:
            events = [StoredEvent(each, 1, "happened", b"{}") for each in together]
            await in_thread(lambda: recorder.insert_events(events))

        async def page(after: int) -> list[tuple[int, UUID]]:
            told = await in_thread(lambda: recorder.select_notifications(after + 1 if after else None, PAGE))
            return [(n.id, UUID(str(n.originator_id))) for n in told]

        counted, seen = await _tail(run, write, page)
        committed = await _ids(run, "select originator_id from stored_events order by notification_id")
        return _row(run, f"eventsourcing, {name}", counted, committed, seen, theirs=True)


async def theirs_dcb(run: Run) -> Row:
    """The library's DCB recorder with unconditional appends, read by `read`."""
    async with _library(run) as (datastore, in_thread):
        recorder = PostgresDCBRecorderTT(datastore)
        recorder.create_table()
        table = recorder.events_table_name
        await _disturb(run.postgres.url(_BASE), table, "encode(new.data, 'escape')", run.seed)

        async def write(together: Sequence[UUID]) -> None:
            events = [DCBEvent("happened", str(each).encode(), [str(each)]) for each in together]
            await in_thread(lambda: recorder.append(events))

        async def page(after: int) -> list[tuple[int, UUID]]:
            told = await in_thread(lambda: list(recorder.read(after=after, limit=PAGE)))
            return [(e.position, UUID(e.event.data.decode())) for e in told]

        counted, seen = await _tail(run, write, page)
        committed = await _ids(run, f"select encode(data, 'escape')::uuid from {table} order by id")
        return _row(run, "eventsourcing, DCB unconditional", counted, committed, seen, theirs=True)


@asynccontextmanager
async def _library(
    run: Run, *, db_functions: bool = False
) -> AsyncIterator[tuple[PostgresDatastore, InThread]]:
    """The library's pool on a fresh database, and threads for it: it blocks."""
    await fresh(run.postgres, _BASE)
    told = conninfo_to_dict(run.postgres.url(_BASE))
    dbname, host, port, user, password = (
        str(told[n]) for n in ("dbname", "host", "port", "user", "password")
    )
    threads = ThreadPoolExecutor(WRITERS + 1)

    async def in_thread(work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(threads, work)

    with PostgresDatastore(
        dbname, host, port, user, password, pool_size=WRITERS + 1, max_overflow=1, enable_db_functions=db_functions
    ) as datastore:  # fmt: skip
        yield datastore, in_thread
    threads.shutdown()


async def _ids(run: Run, sql: str) -> list[UUID]:
    connection = await asyncpg.connect(run.postgres.url(_BASE))
    rows = await connection.fetch(sql)
    await connection.close()
    return [UUID(str(row[0])) for row in rows]
