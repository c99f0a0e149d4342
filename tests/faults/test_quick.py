"""The quick cut: every scenario with small counts, and every planted bug still where it was planted."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from infra.kafka import Kafka
from infra.postgres import Postgres
from tests.faults.harness.row import Row, compare, p95
from tests.faults.harness.run import Run
from tests.faults.harness.scenarios import SCENARIOS
from tests.faults.harness.stage import Stage, seconds, stage
from tests.faults.planted.bugs import BUGS
from tests.faults.planted.sitecustomize import ROOT, edited
from tests.faults.scenarios import processes, takeovers, wipe
from tests.helpers import new_folder

_SEED, _PATIENCE = 7, 60.0


def ends_well(rows: list[Row]) -> None:
    """Nothing found, but in the controls; and it went as far as it had to."""
    for row in rows:
        assert row.as_it_must, f"{row.scenario}: {row.found.words()}"
        assert row.enough, f"{row.scenario}: {row.reached}, {row.notes}"


def run_of(name: str, postgres: Postgres, kafka: Kafka) -> Run:
    return Run(name, _SEED, SCENARIOS[name].quick, postgres, kafka, _PATIENCE)


@pytest.fixture
def unused_kafka() -> Kafka:
    """A broker that is never started, for scenarios that need none."""
    with new_folder(on_disk=True) as home:
        return Kafka(home / "kafka")


@pytest.mark.req("PLT-08")
async def test_killed_again_and_again_postgresql_loses_nothing_acknowledged(
    own_postgres: Postgres, unused_kafka: Kafka
) -> None:
    ends_well(await SCENARIOS["postgres"].run(run_of("postgres", own_postgres, unused_kafka)))


@pytest.mark.req("PLT-08")
async def test_a_tailing_reader_sees_what_was_committed_in_order_and_a_naive_one_does_not(
    own_postgres: Postgres, unused_kafka: Kafka
) -> None:
    ends_well(await SCENARIOS["tailing"].run(run_of("tailing", own_postgres, unused_kafka)))


@pytest.mark.slow
async def test_a_full_disk_loses_nothing_acknowledged(own_postgres: Postgres, unused_kafka: Kafka) -> None:
    rows = await SCENARIOS["disk"].run(run_of("disk", own_postgres, unused_kafka))
    if rows[0].notes:
        pytest.skip(rows[0].notes)
    ends_well(rows)


@pytest.mark.slow
@pytest.mark.req("PLT-05")
async def test_a_bad_bus_and_bad_records_give_the_rows_of_a_clean_run(
    own_postgres: Postgres, own_kafka: Kafka
) -> None:
    ends_well(await SCENARIOS["bus"].run(run_of("bus", own_postgres, own_kafka)))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def made() -> AsyncIterator[Stage]:
    """One platform of processes for all that strike at it, on servers of its own: each checks the whole history."""
    with new_folder(on_disk=True) as home:
        postgres, kafka = Postgres(home / "postgres"), Kafka(home / "kafka")
        await asyncio.to_thread(postgres.start)
        await asyncio.to_thread(kafka.start)
        try:
            async with stage(home, postgres, kafka) as made:
                yield made
        finally:
            await asyncio.to_thread(kafka.stop)
            await asyncio.to_thread(postgres.stop)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.req("PLT-05")
async def test_each_process_killed_loses_nothing_and_doubles_nothing(made: Stage) -> None:
    ends_well([await processes.killed(run_of("processes", made.postgres, made.kafka), made)])


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_of_two_relays_pollers_and_routers_one_may_fall_or_wake_again(made: Stage) -> None:
    async with seconds(made, takeovers.TWICE) as second:
        both = (made.platform, second)
        ends_well([await takeovers.taken_over(run_of("takeovers", made.postgres, made.kafka), made, both)])
        ends_well([await takeovers.woken(run_of("zombies", made.postgres, made.kafka), made, both)])


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.req("PLT-05")
async def test_a_kafka_wiped_under_load_is_filled_again_and_nobody_is_told_twice(made: Stage) -> None:
    ends_well([await wipe.wiped(run_of("wipe", made.postgres, made.kafka), made)])


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["network", "restore"])
async def test_ways_that_are_cut_and_a_dump_restored_in_mid_story_cost_nothing_acknowledged(
    own_postgres: Postgres, own_kafka: Kafka, name: str
) -> None:
    ends_well(await SCENARIOS[name].run(run_of(name, own_postgres, own_kafka)))


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_finds_its_place_in_todays_sources(name: str) -> None:
    """Whether its scenario finds it is what `make faults-bite` shows."""
    assert BUGS[name].scenario in SCENARIOS
    for file in {edit.file for edit in BUGS[name].edits}:
        text = (ROOT / file).read_text(encoding="utf8")
        assert edited(text, [e for e in BUGS[name].edits if e.file == file]) != text


def test_the_checker_of_order_sees_each_kind_of_fault() -> None:
    assert not compare([1, 2, 3], [1, 2, 3], "")
    assert compare([1, 2, 3], [1, 3], "").skipped == [": 2"]
    assert compare([1, 2, 3], [1, 2, 2, 3], "").doubled == [": 2"]
    assert compare([1, 2, 3], [1, 3, 2], "").misordered == [": 2"]
    assert compare([1], [1, 9], "").doubled == [": 9"]


def test_a_percentile_is_one_of_what_was_measured() -> None:
    assert p95([]) is None
    assert p95([3.0]) == 3.0
    assert p95([float(i) for i in range(1, 101)]) == 95.0
