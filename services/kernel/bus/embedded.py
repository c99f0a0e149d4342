"""The bus inside one process: the same partitions, and on request every fault that a real one can make."""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from services.kernel.bus.log import Reading, known_until, owner_of
from services.kernel.bus.port import BusDown, Checkpoint, Log, Record
from services.kernel.errors import StoreDown
from services.kernel.waiting import within

_MOST = 500
_KEPT = 10_000
_IDLE_SECONDS = 1.0


@dataclass(frozen=True)
class Chaos:
    """Seeded faults: share of records delivered twice, how far records are shuffled, share of polls that lag."""

    seed: int
    duplicates: float = 0.0
    window: int = 1
    lag: float = 0.0


@dataclass
class _Window:
    """The latest records of a source; `gone` came before them."""

    records: list[Record] = field(default_factory=list)
    gone: int = 0

    @property
    def end(self) -> int:
        return self.gone + len(self.records)


class EmbeddedBus:
    """Keeps the latest records of each source in memory. Who is behind them reads in the log that the relay lent.

    So memory doesn't grow with the stores, and nothing is published again when the process starts. A source whose log
    was not lent is kept whole.
    """

    def __init__(self, chaos: Chaos | None = None) -> None:
        """Be a quiet bus, or one with `chaos`."""
        self._identity = "embedded"
        self._windows: dict[str, _Window] = {}
        self._logs: dict[str, Log] = {}
        self._waiting: set[asyncio.Event] = set()
        self.chaos = chaos

    async def identity(self) -> str:
        """Return the same name for every process: what was published to one before can be read again in the logs."""
        return self._identity

    def lend(self, source: str, log: Log) -> None:
        """Read a source's older records here."""
        self._logs[source] = log

    async def publish(self, source: str, records: Sequence[Record]) -> None:
        """Append to the source's latest."""
        window = self._windows.setdefault(source, _Window())
        window.records += records
        if owner_of(source) in self._logs and len(window.records) > 2 * _KEPT:
            window.gone += len(window.records) - _KEPT
            del window.records[:-_KEPT]
        for waiting in self._waiting:
            waiting.set()

    async def subscribe(
        self, group: str, sources: Sequence[str], known: Mapping[str, Checkpoint] | None = None, /
    ) -> "EmbeddedSubscription":
        """Read all partitions of these sources, from behind what is known."""
        return EmbeddedSubscription(self, group, sources, known or {})

    def size(self) -> int:
        """Return how many records were published since the start, or since all was lost."""
        return sum(window.end for window in self._windows.values())

    async def wipe(self) -> None:
        """Lose everything, as a broker does whose disks were replaced."""
        self._identity = f"embedded-{uuid4()}"
        self._windows.clear()

    async def close(self) -> None:
        """Nothing to let go of."""


@dataclass
class _Place:
    """Where a subscription is in a source: in its window, or on the way there through the log."""

    known: Checkpoint | None
    at: int = 0
    seen: int = 0
    begun: bool = False
    again: int | None = None
    """Read the log again from this seq on."""
    reading: Reading | None = None


class EmbeddedSubscription:
    """A reader of the bus, with the bus's faults between."""

    def __init__(
        self, bus: EmbeddedBus, group: str, sources: Sequence[str], known: Mapping[str, Checkpoint]
    ) -> None:
        """Start behind what is known."""
        self._bus = bus
        self._places = {source: _Place(known.get(source)) for source in sources}
        self._identity = bus._identity  # noqa: SLF001 - one thing in two classes
        self._random = random.Random(f"{bus.chaos.seed if bus.chaos else 0}:{group}")  # noqa: S311 - repeatable
        self._held: deque[Record] = deque()

    async def batch(self) -> list[Record]:
        """Return what came, or nothing after a second."""
        await asyncio.sleep(0)  # a reader with much to read leaves room for others
        # No lock: a reader that is cancelled while it waits for one may leave it held for ever.
        grew = asyncio.Event()
        self._bus._waiting.add(grew)  # noqa: SLF001
        try:
            records = await self._ready()
            if not records and not self._held:
                await within(_IDLE_SECONDS, grew)
                records = await self._ready()
        except StoreDown as error:
            raise BusDown from error
        finally:
            self._bus._waiting.discard(grew)  # noqa: SLF001
        return self._faulty(records) if self._bus.chaos else records

    async def _ready(self) -> list[Record]:
        if self._identity != self._bus._identity:  # noqa: SLF001
            self._identity = self._bus._identity  # noqa: SLF001
            for place in self._places.values():
                place.at, place.reading = 0, None
        return [r for source, place in self._places.items() for r in await self._next(source, place)]

    async def _next(self, source: str, place: _Place) -> list[Record]:
        await self._turn_back(source, place)
        found = await self._from_log(source, place) or self._from_window(source, place)
        place.seen = max((place.seen, *(r.seq for r in found)))
        return found

    async def _turn_back(self, source: str, place: _Place) -> None:
        """Go back into the log at the start, where the window has gone on without us, and when it was asked for."""
        log = self._bus._logs.get(owner_of(source))  # noqa: SLF001
        if log is not None and not place.begun:
            place.begun = True
            place.seen = await known_until(source, log, place.known) if place.known else 0
            place.again = place.seen
        elif place.at < self._window(source).gone and place.reading is None:
            place.again = place.seen
        if place.again is None:
            return
        if log is None:
            place.at = 0
        else:
            place.reading = Reading(owner_of(source), log)
            await place.reading.begin(place.again)
        place.again = None

    async def _from_log(self, source: str, place: _Place) -> list[Record]:
        found: list[Record] = []
        while place.reading and not found:
            end, before = self._window(source).end, place.reading.place
            found = [r for r in await place.reading.next(_MOST) if r.source == source]
            if place.reading.place == before:
                # The end of the log: what was published since we asked is in the window.
                place.at, place.reading = end, None
        return found

    def _from_window(self, source: str, place: _Place) -> list[Record]:
        window = self._window(source)
        if place.at < window.gone:  # it went on while we read
            return []
        found = window.records[place.at - window.gone :][:_MOST]
        place.at += len(found)
        return found

    def _window(self, source: str) -> _Window:
        return self._bus._windows.setdefault(source, _Window())  # noqa: SLF001

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

    async def mark(self, known: Callable[[], Mapping[str, Checkpoint]]) -> None:
        """What is known is said at the start."""

    async def rewind(self) -> None:
        """Start again from the oldest."""
        for place in self._places.values():
            place.again = 0

    async def close(self) -> None:
        """Nothing to leave."""
