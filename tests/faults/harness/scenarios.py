"""The scenarios by name, with how far a full run and a quick cut of each must go."""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from tests.faults.harness.row import Row
from tests.faults.harness.run import Run
from tests.faults.scenarios import bus, disk, network, postgres, processes, restore, tailing, takeovers, wipe


class Scenario(NamedTuple):
    """How a scenario is run, and the least counts of a full run and of a quick cut."""

    run: Callable[[Run], Awaitable[list[Row]]]
    full: Mapping[str, int]
    quick: Mapping[str, int]


SCENARIOS = {
    "postgres": Scenario(
        postgres.run, {"kills": 100, "acknowledged": 200_000}, {"kills": 3, "acknowledged": 3_000}
    ),
    "processes": Scenario(processes.run, {"kills": 200}, {"kills": 7}),
    "takeovers": Scenario(takeovers.run, {"takeovers": 20}, {"takeovers": 2}),
    "zombies": Scenario(takeovers.run_zombies, {"zombies": 20, "seconds": 46}, {"zombies": 5, "seconds": 11}),
    "network": Scenario(network.run, {"cuts": 50}, {"cuts": 3}),
    "wipe": Scenario(wipe.run, {"wipes": 10}, {"wipes": 2}),
    "restore": Scenario(restore.run, {"restores": 3}, {"restores": 1}),
    "disk": Scenario(disk.run, {"fills": 5}, {"fills": 2}),
    "bus": Scenario(bus.run, {"events": 100_000}, {"events": 4_000}),
    "tailing": Scenario(tailing.run, {"events": 200_000}, {"events": 6_000}),
}
