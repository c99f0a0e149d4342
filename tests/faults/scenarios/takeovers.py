"""Two relays, two pollers, two routers at once; one is killed or stopped beyond its session, and the other goes on.

A zombie is a process that was stopped so long that the group gave its partitions away, and whose lock was cut, as a
network does that forgets a connection. When it wakes it must change nothing.
"""

import asyncio
import signal
from collections.abc import Sequence

from shouwang.distributed import Distributed
from tests.faults.harness.attack import attacked
from tests.faults.harness.people import Working
from tests.faults.harness.row import Row
from tests.faults.harness.run import Run
from tests.faults.harness.stage import Stage, on_stage, seconds

TWICE = ("registry", "notification")
"""Registry's relay; notification's router, poller and two relays."""
CONSUMERS = ("assessment", "agency", "audit", "live")
_CUT = (
    "select pg_terminate_backend(l.pid) from pg_locks l join pg_database d on d.oid = l.database"
    " where l.locktype = 'advisory' and l.granted and d.datname = $1"
)


async def run(run: Run) -> list[Row]:
    """Kill one of two, again and again."""
    async with on_stage(run) as made, seconds(made, TWICE) as second:
        return [await taken_over(run, made, (made.platform, second))]


async def taken_over(run: Run, made: Stage, both: Sequence[Distributed]) -> Row:
    """Kill one of two processes of a service, wait until the other does its work and the first one is back."""

    async def strike(people: Working) -> int:
        name, which = run.dice.choice(TWICE), run.dice.choice(both)
        await which.kill(name) if run.dice.random() < 0.3 else await _stop_in_order(which, name)
        await people.more(1, run.patience)
        return 1

    return await attacked(run, made, "takeovers", strike)


async def _stop_in_order(which: Distributed, name: str) -> None:
    fallen = which.processes[name]
    fallen.terminate()
    while which.processes[name] is fallen:
        await asyncio.sleep(0.05)
    await which._ready(name)


async def run_zombies(run: Run) -> list[Row]:
    """Stop processes that have a second, and consumers that have none, until their sessions are over."""
    async with on_stage(run) as made, seconds(made, TWICE) as second:
        return [await woken(run, made, (made.platform, second))]


async def woken(run: Run, made: Stage, both: Sequence[Distributed]) -> Row:
    """Stop several at once, cut their locks, let the others go on, wake them."""

    async def strike(people: Working) -> int:
        which = run.dice.choice(both)
        stopped = [which.processes["notification"], *(made.platform.processes[n] for n in CONSUMERS)]
        if which is not made.platform:  # people talk to the first registry
            stopped.append(which.processes["registry"])
        for process in stopped:
            process.send_signal(signal.SIGSTOP)
        try:
            for database in TWICE:
                await made.fetch("postgres", _CUT, database)
            await asyncio.sleep(run.least["seconds"])
            await people.more(5, run.patience)
        finally:
            for process in stopped:
                process.send_signal(signal.SIGCONT)
        return len(stopped)

    row = await attacked(run, made, "zombies", strike)
    row.reached["seconds"] = run.least["seconds"]
    return row
