"""A bus that does what a bad day does: it delivers twice, out of order, or half and then fails."""

import random
from collections import deque
from collections.abc import Mapping, Sequence

from services.kernel.bus.port import Bus, BusDown, Checkpoint, Log, Record, Subscription

_REMEMBERED = 500


class FaultyBus:
    """Stands between a relay and the bus. `fails` of the first calls deliver a half, then raise BusDown."""

    def __init__(
        self, bus: Bus, dice: random.Random, *, duplicates: float = 0.1, window: int = 50, fails: int = 2
    ) -> None:
        self._bus = bus
        self._dice = dice
        self._duplicates = duplicates
        self._window = window
        self._fails = set(dice.sample(range(1, 1 + 2 * fails), fails))
        self._calls = 0
        self._past: dict[str, deque[Record]] = {}
        self.faults = 0

    async def identity(self) -> str:
        """Name the bus behind."""
        return await self._bus.identity()

    async def publish(self, source: str, records: Sequence[Record]) -> None:
        """Deliver all, and more, and in another order."""
        past = self._past.setdefault(source, deque(maxlen=_REMEMBERED))
        mixed = self._mix(records, past)
        past.extend(records)
        self._calls += 1
        if self._calls in self._fails:
            self.faults += 1
            await self._bus.publish(source, [r for r in mixed if self._dice.random() < 0.5])
            raise BusDown
        await self._bus.publish(source, mixed)

    def _mix(self, records: Sequence[Record], past: Sequence[Record]) -> list[Record]:
        left: list[Record] = []
        for record in records:
            left.append(record)
            if self._dice.random() < self._duplicates:
                self.faults += 1
                left.append(self._dice.choice(past) if past and self._dice.random() < 0.5 else record)
        by_partition: dict[tuple[str, int], list[Record]] = {}
        for record in left:
            by_partition.setdefault((record.source, record.partition), []).append(record)
        return [each for told in by_partition.values() for each in self._shuffled(told)]

    def _shuffled(self, left: list[Record]) -> list[Record]:
        mixed: list[Record] = []
        while left:
            place = self._dice.randrange(min(len(left), self._window))
            self.faults += place > 0
            mixed.append(left.pop(place))
        return mixed

    def lend(self, source: str, log: Log) -> None:
        """Lend to the bus behind."""
        self._bus.lend(source, log)

    async def subscribe(
        self, group: str, sources: Sequence[str], known: Mapping[str, Checkpoint] | None = None, /
    ) -> Subscription:
        """Read the bus behind."""
        return await self._bus.subscribe(group, sources, known)

    async def close(self) -> None:
        """Let go of the bus behind."""
        await self._bus.close()
