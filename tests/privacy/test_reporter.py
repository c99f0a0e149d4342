"""Two histories that differ only in who reported give equal bytes to everyone but the police (PRV-01)."""

import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from schemas.reporting import ReportFiled
from services.registry.founding import body_id
from services.reporting import report as reporting_report
from shouwang.client import Told
from tests.helpers import Running, embedded
from tests.privacy.lived import SECRETS, LengthCipher, StepWorld, apart, only, quiet
from tests.privacy.measured import Record, many, tell

PAIRS, TIMES = 1_000, many(1, 10)
ACCEPTED = many(20, 4)
"""Every so many reports one is accepted, with all that follows: each has to settle before the next, and takes that long."""
POLICE = {str(body_id(key)) for key in ("police", "station-a", "station-b")}
REPORTERS = [
    "school-a-teacher", "school-a-head", "school-b-teacher", "village-a1-director", "township-a-clerk",
    "civil-affairs-officer", "institution-officer", "education-officer",
]  # fmt: skip
_LATEST = "select stream from event order by seq desc limit 1"
LIVED = "~ lived through"
"""The last line of what a history logs, in order."""
WATCHERS = [*REPORTERS, "township-b-clerk", "county-officer", "procurator"]


def reports(count: int, seed: int) -> list[dict[str, Any]]:
    """What is reported: the same in both histories of a pair."""
    dice = random.Random(seed)
    grounds = ["LIVING_ALONE", "MISSING", "GUARDIAN_NEGLECT", "SUSPECTED_FAMILY_VIOLENCE"]
    return [
        {
            "region": dice.choice(["990101001001", "990101001002", "990101002001"]),
            "children": [{"name": f"小{'甲乙丙丁戊'[dice.randrange(5)]}{i}", "school": "青禾镇中心小学"}],
            "grounds": dice.sample(grounds, dice.randint(1, 3)),
            "found_at": f"2026-10-{dice.randint(1, 28):02}T08:00:00+08:00",
            "severity": dice.choice(["slight", "serious", "urgent"]),
        }
        for i in range(count)
    ]


def reporters(count: int, seed: int) -> list[tuple[str, dict[str, str]]]:
    """Who reports: differs between the two."""
    dice = random.Random(seed)
    told = []
    for _ in range(count):
        said = {
            "reporter_name": "".join(dice.choice("王李张刘陈欧阳诸葛") for _ in range(dice.randint(1, 12))),
            "reporter_phone": f"139{dice.randrange(10**8):08}",
        }
        told.append((dice.choice(REPORTERS), {k: v for k, v in said.items() if dice.random() < 0.7}))
    return told


async def history(count: int, seed: int) -> dict[str, Any]:
    """Live through one history and return everything that anybody but the police is given."""
    world = StepWorld()
    async with embedded(world=world, cipher=LengthCipher(), secrets=SECRETS) as running:
        people = {key: await running.sign_in(key) for key in WATCHERS}
        answers = []
        async with only(running, "reporting"):
            for i, (what, (who, said)) in enumerate(
                zip(reports(count, seed // 1_000), reporters(count, seed), strict=True)
            ):
                answers.append(await people[who].do("reporting/file-report", f"{who}-{i:04}", **what, **said))
                if i % 7 == 0:  # a few are taken back: at once, by whoever it was
                    report = await running.fetch("reporting", _LATEST)
                    taken = {"report": str(report[0][0])}
                    answers.append(
                        await people[who].do("reporting/withdraw-report", f"{who}-back-{i:04}", **taken)
                    )
        await quiet(running)
        world.step()
        filed = await running.fetch(
            "reporting", "select envelope from event where type = $1 order by seq", ReportFiled.type
        )
        for envelope in (json.loads(row[0]) for row in filed[::ACCEPTED]):
            police = await running.sign_in("police-county")
            data = envelope["data"]
            answers.append(
                await police.do(
                    "reporting/accept-reports", f"accept-{data['report']}", reports=[data["report"]]
                )
            )
            # Assessment and notification hear at their own pace: one act after the other is the same in both histories.
            await quiet(running)
        world.step()
        children = [json.loads(row[0])["data"]["child"] for row in filed]
        return {
            "answers": answers,
            "http": await looked_at(running, people, children),
            "rows": await rows_of(running),
        }


async def looked_at(running: Running, people: dict[str, Any], children: list[str]) -> list[Any]:
    """What every body but the police is answered."""
    answers: list[Any] = []
    for key, who in people.items():
        answers += [key, await who.ask("agency/worklist"), await who.ask("agency/ledger")]
        for child in children[:: max(1, len(children) // 20)]:
            try:
                answers.append(await who.ask(f"agency/children/{child}"))
            except Told as told:
                answers.append([told.status, told.body])
    answers.append(
        [line for line in (await metrics_of(running)) if "_seconds" not in line and "_created" not in line]
    )
    return answers


async def metrics_of(running: Running) -> list[str]:
    """Counters of commands and refusals; those of polling depend on timing, not on anybody's data."""
    text = (await running.client.request("GET", "/reporting/metrics")).text
    return [line for line in text.splitlines() if line.startswith("shouwang_commands_total")]


async def rows_of(running: Running) -> dict[str, list[str]]:
    """All rows that a body other than the police, or a thief of the cluster without keys, can get."""
    wanted = {
        "reporting.event": "select seq, id, stream, version, type, envelope, blocks, leaf from event order by seq",
        "assessment.event": "select seq, id, type, envelope, blocks, leaf from event order by seq",
        "notification.event": "select seq, id, type, envelope, blocks, leaf from event order by seq",
        "notification.heard": "select event, source, seq, envelope, blocks from heard order by event",
        "notification.feed": "select agency, event, role, clause, shown, disclosed_at from feed order by 1, 2, 3",
        "agency.entry": "select * from entry order by agency, event, role",
        "agency.child": "select * from child order by agency, child",
        "agency.task": "select * from task order by agency, kind, ref",
    }
    found = {}
    for name, sql in wanted.items():
        database = name.partition(".")[0]
        rows = [dict(row) for row in await running.fetch(database, sql)]
        found[name] = [str(r) for r in rows if str(r.get("agency")) not in POLICE]
    return found


def without_times(log: str) -> list[str]:
    """What was logged, but for when."""
    return sorted({line.partition('"timestamp"')[0] for line in log.splitlines()})


async def pair(folder: Path, count: int, turn: int, *how: str) -> list[dict[str, Any]]:
    """Live through two histories: what is reported hangs on the turn, who reports it on each."""
    seeds = (1_000 * turn + 101, 1_000 * turn + 202)
    lived = await apart(folder, *(["reporter", count, seed, *how] for seed in seeds))
    return [given | {"log": without_times(said)} for given, said in lived]


@pytest.mark.req("PRV-01")
@pytest.mark.timeout(7200)
async def test_1000_pairs_that_differ_in_the_reporter_alone_are_equal_to_the_byte(
    tmp_path: Path, record_property: Record
) -> None:
    differ: list[str] = []
    for turn in range(TIMES):
        one, other = await pair(tmp_path, PAIRS, turn)
        assert one["log"][-1] == f"{LIVED} {PAIRS}", "what is logged is heard"
        assert len(one["rows"]["notification.feed"]) >= 10 * (PAIRS // ACCEPTED)
        assert len(one["http"]) > 200
        differ += [part for part in ("answers", "http", "log") if one[part] != other[part]]
        differ += [name for name, rows in one["rows"].items() if rows != other["rows"][name]]
    tell(record_property, "reporter", tried=PAIRS * TIMES, failed=len(differ), bar=10_000, seed=101)
    assert differ == []


def plant() -> None:
    """Leak the reporter in three ways, each of which shows elsewhere: by a line of the log, by a name, by a size."""
    filing = reporting_report._file

    def leaky(part: Any, context: Any) -> ReportFiled:
        sys.stderr.write(f"filed by {part.command.reporter_name}\n")
        filed: ReportFiled = filing(part, context)
        return filed.model_copy(update={"name": f"{filed.name}{len(context.body_kind) % 10}"})

    reporting_report._file = leaky
    ReportFiled.pad = {}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def planted(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Two histories in which `plant` leaks."""
    return await pair(tmp_path_factory.mktemp("planted"), 8, 0, "planted")


async def test_a_reporter_in_a_line_of_the_log_is_noticed(planted: list[dict[str, Any]]) -> None:
    one, other = planted
    assert one["log"] != other["log"]


async def test_a_reporter_that_leaks_into_a_field_of_the_case_is_noticed(
    planted: list[dict[str, Any]],
) -> None:
    one, other = planted
    assert one["http"] != other["http"]


async def test_a_reporter_block_that_is_not_padded_is_noticed(planted: list[dict[str, Any]]) -> None:
    sizes = [[len(row) for row in lived["rows"]["reporting.event"]] for lived in planted]
    assert len(sizes[0]) == len(sizes[1]) > 8
    assert sizes[0] != sizes[1]
