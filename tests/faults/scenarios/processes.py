"""kill -9 of each process, at random, while people work: API and relay, router and poller, projection, Faust, audit."""

import asyncio

from infra.databases import SERVICES
from tests.faults.harness.attack import attacked
from tests.faults.harness.people import Working
from tests.faults.harness.row import Row
from tests.faults.harness.run import Run
from tests.faults.harness.stage import Stage, on_stage


async def run(run: Run) -> list[Row]:
    """Kill one or several at once, every one as often as any other."""
    async with on_stage(run) as made:
        return [await killed(run, made)]


async def killed(run: Run, made: Stage) -> Row:
    """Kill on this stage, then check."""
    names: list[str] = []

    async def strike(_: Working) -> int:
        if not names:
            names.extend(run.dice.sample(SERVICES, len(SERVICES)))
        together = [names.pop() for _ in range(min(len(names), run.dice.randint(1, 5)))]
        await asyncio.gather(*(made.platform.kill(name) for name in together))
        return len(together)

    return await attacked(run, made, "kills", strike)
