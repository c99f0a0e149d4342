"""Dumped and restored into a fresh cluster in mid-story, and writing goes on: nothing acknowledged before is lost.

What was acknowledged before the dump began is there, once, where the answer said; what came after it went on elsewhere
and is not. Writing goes on densely from there, everybody agrees with everybody, and nobody is told twice.
"""

import asyncio
from pathlib import Path
from typing import Any

from infra.backup import back_up, restore
from shouwang.distributed import Distributed
from tests.faults.harness.checker import check
from tests.faults.harness.people import Stuck, Working
from tests.faults.harness.row import Row
from tests.faults.harness.run import Run
from tests.faults.harness.stage import Stage, stage


async def run(run: Run) -> list[Row]:
    """Restore, and restore what was restored, as often as must be."""
    row, home = run.row(), run.postgres.folder.parent
    acknowledged: dict[str, dict[str, Any]] = {}
    postgres, folder = run.postgres, home
    for turn in range(run.least["restores"] + 1):
        platform = Distributed(folder, postgres, run.kafka)
        async with stage(folder, postgres, run.kafka, platform) as made:
            last = turn == run.least["restores"]
            kept = await _work(run, made, row, acknowledged, None if last else home / f"backup-{turn}")
        if postgres is not run.postgres:
            await asyncio.to_thread(postgres.stop)
        if last or row.found:
            break
        acknowledged = kept
        installation, folder = folder, home / f"restored-{turn}"
        postgres = await restore(home / f"backup-{turn}", installation, folder)
        row.faults += 1
    row.acknowledged = len(acknowledged)
    row.reached = {"restores": row.faults}
    return [row]


async def _work(
    run: Run, made: Stage, row: Row, before: dict[str, dict[str, Any]], backup: Path | None
) -> dict[str, dict[str, Any]]:
    """Work, dump in the middle of it, check; returns what was acknowledged when the dump began."""
    people = Working(made.people, f"{run.seed} {run.scenario} {row.faults}")
    kept: dict[str, dict[str, Any]] = {}
    try:
        await people.more(30, run.patience)
        if backup is not None:
            kept = {**before, **people.acknowledged}
            await asyncio.to_thread(back_up, made.postgres, backup)
        await people.more(15, run.patience)
    except Stuck as stuck:
        row.found.skipped.append(str(stuck))
    finally:
        await people.stop(run.patience)
        await people.leave()
    row.commands += people.commands
    row.unknown += people.unknown
    before.update(people.acknowledged)
    # What the dump caught between an act and its answer is there, and nobody here was told: the counts may be more.
    row.found.add(await check(made, before, run.patience, others=row.faults > 0))
    return kept
