"""The bus inside one process: the same partitions, and on request every fault that a real one can make."""

import asyncio
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from services.kernel.bus import Record
from services.kernel.waiting import within

_MOST = 500
_IDLE_SECONDS = 1.0


@dataclass(frozen=True)
class Chaos:
    """Seeded faults: share of records delivered twice, how far records are shuffled, share of polls that lag."""

    seed: int
    duplicates: float = 0.0
    window: int = 1
    lag: float = 0.0


class EmbeddedBus:
    """Logs in memory; gone with the process, and rebuilt from the stores by the relays of the next."""

    def __init__(self, chaos: Chaos | None = None) -> None:
        """Be a quiet bus, or one with `chaos`."""
        self._identity = f"embedded-{uuid4()}"
        self._logs: dict[str, list[Record]] = {}
        self._waiting: set[asyncio.Event] = set()
        self.chaos = chaos

    async def identity(self) -> str:
        """Return this process's bus: each has its own."""
        return self._identity

    async def publish(self, source: str, records: Sequence[Record]) -> None:
        """Append to the source's log."""
        self._logs.setdefault(source, []).extend(records)
        for waiting in self._waiting:
            waiting.set()

    async def subscribe(self, group: str, sources: Sequence[str]) -> "EmbeddedSubscription":
        """Read all partitions of these sources from the start."""
        return EmbeddedSubscription(self, group, sources)

    def size(self) -> int:
        """Return how many records there are."""
        return sum(len(records) for records in self._logs.values())

    async def wipe(self) -> None:
        """Lose everything, as a broker does whose disks were replaced."""
        self._identity = f"embedded-{uuid4()}"
        self._logs.clear()

    async def close(self) -> None:
        """Nothing to let go of."""


class EmbeddedSubscription:
    """A reader of the logs, with the bus's faults between."""

    def __init__(self, bus: EmbeddedBus, group: str, sources: Sequence[str]) -> None:
        """Start before the first record."""
        self._bus = bus
        self._sources = list(sources)
        self._places = dict.fromkeys(sources, 0)
        self._identity = bus._identity  # noqa: SLF001 - one thing in two classes
        self._random = random.Random(f"{bus.chaos.seed if bus.chaos else 0}:{group}")  # noqa: S311 - repeatable
        self._held: deque[Record] = deque()

    def _ready(self) -> list[Record]:
        found: list[Record] = []
        if self._identity != self._bus._identity:  # noqa: SLF001
            self._identity = self._bus._identity  # noqa: SLF001
            self._places = dict.fromkeys(self._sources, 0)
        for source in self._sources:
            log = self._bus._logs.get(source, [])  # noqa: SLF001
            found += log[self._places[source] : self._places[source] + _MOST]
            self._places[source] = min(len(log), self._places[source] + _MOST)
        return found

    async def batch(self) -> list[Record]:
        """Return what came, or nothing after a second."""
        await asyncio.sleep(0)  # a reader with much to read leaves room for others
        records = self._ready()
        if not records and not self._held:
            # No lock: a reader that is cancelled while it waits for one may leave it held for ever.
            grew = asyncio.Event()
            self._bus._waiting.add(grew)  # noqa: SLF001
            try:
                if not await within(_IDLE_SECONDS, grew):
                    return []
            finally:
                self._bus._waiting.discard(grew)  # noqa: SLF001
            records = self._ready()
        return self._faulty(records) if self._bus.chaos else records

    def _faulty(self, records: list[Record]) -> list[Record]:
        chaos, dice = self._bus.chaos, self._random
        assert chaos is not None  # noqa: S101 - asked for by batch()
        told = list(self._held)
        self._held.clear()
        for record in records:
            told += [record] * (2 if dice.random() < chaos.duplicates else 1)
        by_source: dict[str, list[Record]] = {}
        for record in told:
            by_source.setdefault(record.source, []).append(record)
        mixed: list[Record] = []
        while any(by_source.values()):
            source = dice.choice([s for s, left in by_source.items() if left])
            left = by_source[source]
            mixed.append(left.pop(dice.randrange(min(len(left), chaos.window))))
        late = [r for r in mixed if dice.random() < chaos.lag]
        self._held.extend(late)
        return [r for r in mixed if r not in late]

    async def rewind(self) -> None:
        """Start again from the oldest."""
        self._places = dict.fromkeys(self._sources, 0)

    async def close(self) -> None:
        """Nothing to leave."""
