import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from aiokafka.partitioner import murmur2 as aiokafka_murmur2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.databases import _RUNS
from infra.postgres import Postgres
from services.kernel import store as kernel_store
from services.kernel.database import Database
from services.kernel.errors import OutcomeUnknown, StoreDown
from services.kernel.store import Append, EventStore, append_in, leaf_hash, murmur2
from tests.conftest import NewDatabase
from tests.helpers import new_event, one


@pytest_asyncio.fixture(loop_scope="session")
async def store(new_database: NewDatabase) -> AsyncIterator[EventStore]:
    made = EventStore(await new_database())
    running = asyncio.create_task(made.run())
    yield made
    running.cancel()


async def seqs(store: EventStore) -> list[int]:
    return [row[0] for row in await store.database.fetch("select seq from event order by seq")]


@pytest.mark.req("PLT-08")
async def test_commands_that_arrive_together_are_numbered_without_a_gap(store: EventStore) -> None:
    outcomes = await asyncio.gather(*(store.append(one(uuid4(), 1)) for _ in range(100)))
    assert {o.kind for o in outcomes} == {"appended"}
    assert sorted(o.first_seq or 0 for o in outcomes) == list(range(1, 101))
    assert await seqs(store) == list(range(1, 101))


@pytest.mark.req("PLT-07")
async def test_a_repeated_key_gets_the_first_answer_and_adds_nothing(store: EventStore) -> None:
    first = await store.append(one(uuid4(), 1, command_key=b"key", body=b"said"))
    again = await store.append(one(uuid4(), 1, command_key=b"key", body=b"other"))
    assert (again.kind, again.first_seq, again.body, again.answer) == (
        "repeated",
        first.first_seq,
        b"said",
        b"answer",
    )
    assert await seqs(store) == [1]


async def test_a_command_without_events_keeps_its_key_too(store: EventStore) -> None:
    await store.append(one(uuid4(), 1))
    assert (await store.append(Append([], key=b"nothing", answer=b"[]"))).kind == "appended"
    assert (await store.append(Append([], key=b"nothing"))).kind == "repeated"


async def test_a_stale_version_drops_the_whole_command_and_no_other(store: EventStore) -> None:
    stream, other, third = uuid4(), uuid4(), uuid4()
    await store.append(one(stream, 1))
    stale = store.append(Append([new_event(other, 1), new_event(stream, 1)]))
    good = store.append(one(third, 1))
    outcomes = await asyncio.gather(stale, good)
    assert [o.kind for o in outcomes] == ["stale", "appended"]
    assert await seqs(store) == [1, 2]


async def test_a_version_that_leaves_a_gap_in_its_stream_is_stale(store: EventStore) -> None:
    assert (await store.append(one(uuid4(), 2))).kind == "stale"


@pytest.mark.req("REG-06")
async def test_what_one_stream_claims_no_other_gets(store: EventStore) -> None:
    child, other = uuid4(), uuid4()
    await store.append(Append([new_event(child, 1)], claims=[(b"id", child)]))
    refused = await store.append(Append([new_event(other, 1)], claims=[(b"id", other)]))
    assert (refused.kind, refused.holder) == ("claimed", child)
    assert (await store.append(Append([new_event(child, 2)], claims=[(b"id", child)]))).kind == "appended"


async def test_writers_of_one_stream_at_once_lose_or_win_but_never_both(store: EventStore) -> None:
    stream = uuid4()
    outcomes = await asyncio.gather(*(store.append(one(stream, 1, event_id=uuid4())) for _ in range(20)))
    assert sorted(o.kind for o in outcomes).count("appended") == 1


async def test_an_event_id_that_is_there_already_is_a_repeat(store: EventStore) -> None:
    made = uuid4()
    await store.append(one(uuid4(), 1, event_id=made))
    assert (await store.append(one(uuid4(), 1, event_id=made))).kind == "repeated"


async def test_the_leaf_hash_kept_with_a_row_is_over_the_exact_bytes(store: EventStore) -> None:
    await store.append(one(uuid4(), 1, value='{"名":"张"}'.encode()))
    (row,) = await store.database.fetch("select envelope, leaf from event")
    assert row["leaf"] == leaf_hash('{"名":"张"}'.encode()) == leaf_hash(row["envelope"])


async def test_an_append_inside_a_transaction_that_rolls_back_leaves_no_gap(store: EventStore) -> None:
    with pytest.raises(RuntimeError):
        async with store.database.transaction() as rows:
            await append_in(rows, [one(uuid4(), 1)])
            raise RuntimeError
    await store.append(one(uuid4(), 1))
    assert await seqs(store) == [1]


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(0, 5)), min_size=1, max_size=25))
async def test_whatever_is_asked_seq_stays_dense_and_versions_stay_whole(
    new_database: NewDatabase, asked: list[tuple[int, int, int]]
) -> None:
    store = EventStore(await _shared(new_database))
    base = (await store.position())[1]
    running = asyncio.create_task(store.run())
    streams = [uuid4() for _ in range(4)]
    await asyncio.gather(
        *(
            store.append(one(streams[s], v, event_id=uuid4(), command_key=b"%d-%s" % (k, streams[0].bytes)))
            for s, v, k in asked
        )
    )
    running.cancel()
    rows = await store.database.fetch(
        "select seq, stream, version from event where seq > $1 order by seq", base
    )
    assert [r["seq"] for r in rows] == list(range(base + 1, base + 1 + len(rows)))
    for stream in streams:
        versions = [r["version"] for r in rows if r["stream"] == stream]
        assert versions == list(range(1, len(versions) + 1))


_made: dict[str, Database] = {}


async def _shared(new_database: NewDatabase) -> Database:
    if "database" not in _made:
        _made["database"] = await new_database()
    return _made["database"]


@pytest.mark.req("PLT-02")
async def test_the_running_role_can_append_but_never_update_or_delete_an_event(
    store: EventStore, postgres: Postgres
) -> None:
    await store.append(one(uuid4(), 1))
    name = (await store.database.fetch("select current_database()"))[0][0]
    admin = await asyncpg.connect(postgres.url(name))
    await admin.execute(f"create role {name}_app login password 'x'")
    await admin.execute(_RUNS.format(app=f"{name}_app"))
    app = await asyncpg.connect(postgres.url(name, f"{name}_app", "x"))
    for sql in (
        "update event set type = 'x'", "delete from event", "truncate event", "drop table event",
        "insert into event select * from event", "update store set head = 0", "delete from command",
    ):  # fmt: skip
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute(sql)
    (outcome,) = await append_in(app, [one(UUID(int=5), 1)])
    assert outcome.kind == "appended"
    await app.close()
    await admin.close()


async def test_a_store_whose_database_is_away_says_that_nothing_was_entered(
    new_database: NewDatabase,
) -> None:
    store = EventStore(await new_database())
    running = asyncio.create_task(store.run())
    store.database._pool.terminate()
    with pytest.raises(StoreDown) as told:
        await store.append(one(uuid4(), 1))
    assert told.value.code == "store-down"
    running.cancel()


async def test_an_answer_that_is_lost_leaves_the_outcome_unknown_and_the_key_resolves_it(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = kernel_store.append_in

    async def cut(connection: Any, appends: Any) -> Any:
        """Commit, and lose the answer."""
        await real(connection, appends)
        raise asyncpg.ConnectionDoesNotExistError

    monkeypatch.setattr(kernel_store, "append_in", cut)
    asked = one(uuid4(), 1, command_key=b"key")
    with pytest.raises(OutcomeUnknown):
        await store.append(asked)
    monkeypatch.setattr(kernel_store, "append_in", real)
    assert (await store.append(asked)).kind == "repeated"
    assert await seqs(store) == [1]


async def test_a_command_whose_versions_leave_a_gap_is_stale_and_takes_no_other_down(
    new_database: NewDatabase,
) -> None:
    store = EventStore(await new_database())
    gap, good, later, twice = uuid4(), uuid4(), uuid4(), uuid4()
    async with store.database.transaction() as rows:
        outcomes = await append_in(
            rows,
            [
                Append([new_event(gap, 1), new_event(gap, 3)]), Append([new_event(good, 1), new_event(good, 2)]),
                Append([new_event(later, 2)]), Append([new_event(twice, 1), new_event(twice, 1)]),
            ],
        )  # fmt: skip
    assert [o.kind for o in outcomes] == ["stale", "appended", "stale", "stale"]
    assert (await store.position())[1] == 2


@given(st.binary(max_size=80))
def test_a_key_s_partition_is_the_one_that_kafka_s_own_clients_choose(key: bytes) -> None:
    assert murmur2(key) == aiokafka_murmur2(key)
