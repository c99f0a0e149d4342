"""kill -9 of each process, at random, while people work: API and relay, router and poller, projection, Faust, audit."""

import asyncio
import itertools
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.databases import SERVICES
from infra.processes import send
from tests.faults.harness.attack import attacked
from tests.faults.harness.people import Working
from tests.faults.harness.row import Row
from tests.faults.harness.run import Run
from tests.faults.harness.stage import Stage, on_stage


async def run(run: Run) -> list[Row]:
    """Kill one or several at once, each in its turn; the registry, whose relay carries most, more often."""
    async with on_stage(run) as made:
        return [await killed(run, made)]


async def killed(run: Run, made: Stage) -> Row:
    """Kill on this stage, then check. Before every other strike the bus stands still, so that relays die behind."""
    names: list[str] = []
    strikes = itertools.count()

    async def strike(people: Working) -> int:
        if not names:
            names.extend(run.dice.sample(SERVICES, len(SERVICES)))
        together = [names.pop() for _ in range(min(len(names), run.dice.randint(1, 5)))]
        if next(strikes) % 2:
            await asyncio.gather(*map(made.platform.kill, together))
        else:
            together = list({*together, "registry"})
            async with _bus_stands_still(made):
                await _fall_behind(made, people, run.patience)
                killing = [asyncio.create_task(made.platform.kill(name)) for name in together]
                await asyncio.sleep(0)  # each has sent its signal
            await asyncio.gather(*killing)
        return len(together)

    return await attacked(run, made, "kills", strike)


async def _fall_behind(made: Stage, people: Working, patience: float) -> None:
    """Let people work until the registry has events that its relay can't have sent.

    What it sent first may lie in a socket that the broker reads when it goes on: a relay that dies then has lost nothing.
    """
    ((place,),) = await made.fetch("registry", "select place from relay where source = 'registry'")
    wanted = None
    while True:
        await people.more(2, patience)
        ((head,),) = await made.fetch("registry", "select head from store")
        if wanted is None and head > place:
            wanted = head + 3
        elif wanted is not None and head >= wanted:
            return


@asynccontextmanager
async def _bus_stands_still(made: Stage) -> AsyncIterator[None]:
    broker = made.kafka.pid
    assert broker is not None
    send(broker, signal.SIGSTOP)
    try:
        yield
    finally:
        send(broker, signal.SIGCONT)
