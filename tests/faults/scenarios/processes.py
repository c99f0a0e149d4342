"""kill -9 of each process, at random, while people work: API and relay, router and poller, projection, Faust, audit."""

import asyncio
import time

from tests.faults.harness.checker import check
from tests.faults.harness.people import Stuck, Working
from tests.faults.harness.row import Row
from tests.faults.harness.run import Run
from tests.faults.harness.stage import Stage, on_stage

KILLED = ("registry", "reporting", "assessment", "notification", "agency", "live", "audit")


async def run(run: Run) -> list[Row]:
    """Kill one or several at once, until there were as many kills as must be."""
    async with on_stage(run) as made:
        return [await killed(run, made)]


async def killed(run: Run, made: Stage) -> Row:
    """Kill on this stage, then check."""
    row, people = run.row(), Working(made.people, run.seed)
    try:
        row.recoveries = []
        names: list[str] = []
        while row.faults < run.least["kills"]:
            if not names:
                names = run.dice.sample(KILLED, len(KILLED))
            together = [names.pop() for _ in range(min(len(names), run.dice.choice((1, 1, 2, 3))))]
            await people.more(run.dice.randint(3, 12), run.patience)
            fell = time.monotonic()
            await asyncio.gather(*(made.platform.kill(name) for name in together))
            await people.more(1, run.patience)
            row.recoveries.append(time.monotonic() - fell)
            row.faults += len(together)
        await people.more(10, run.patience)
        await people.stop()
    except Stuck:
        row.found.skipped.append("nobody gets an answer any more")
    finally:
        await people.leave()
    people.tell(row)
    row.reached = {"kills": row.faults}
    row.found.add(await check(made, people.acknowledged, run.patience))
    return row
