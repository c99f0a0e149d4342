"""Strikes at a platform while people work, until there were as many faults as must be, then checks everything."""

import time
from collections.abc import Awaitable, Callable

from tests.faults.harness.checker import check
from tests.faults.harness.people import Stuck, Working
from tests.faults.harness.row import Row
from tests.faults.harness.run import Run
from tests.faults.harness.stage import Stage

Strike = Callable[[Working], Awaitable[int]]
"""Does its harm and returns how many faults that was; when it returns, nothing is broken any more."""


async def attacked(run: Run, made: Stage, faults: str, strike: Strike) -> Row:
    """Strike again and again. A recovery ends when a child registered after the strike is on its township's page."""
    row, people = run.row(), Working(made.people, f"{run.seed} {run.scenario}")
    try:
        while row.faults < run.least[faults]:
            await people.more(run.dice.randint(3, 12), run.patience)
            struck = time.monotonic()
            row.faults += await strike(people)
            await people.shown(run.patience)
            row.recoveries.append(time.monotonic() - struck)
        await people.more(10, run.patience)
        await people.stop()
    except Stuck as stuck:
        row.found.skipped.append(str(stuck))
        await people.stop(run.patience)
    finally:
        await people.leave()
    people.tell(row)
    row.reached = {faults: row.faults}
    made.acknowledged |= people.acknowledged
    row.found.add(await check(made, made.acknowledged, run.patience))
    return row
