"""What every service is made of: a store, its relay, consumers, a web application, and an orderly end."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI

from services.kernel.bus.port import REFERENCE, Bus, Log
from services.kernel.database import AWAY, Database
from services.kernel.doors.looks import Looks
from services.kernel.errors import StoreDown
from services.kernel.hearing.projection import Consumer
from services.kernel.hearing.reference import Reference
from services.kernel.keys.ciphers import Cipher
from services.kernel.keys.ring import KeyRing
from services.kernel.people.auth import Checking
from services.kernel.people.limiting import Limits
from services.kernel.store import EventStore
from services.kernel.telemetry import log
from services.kernel.world import World
from services.kernel.writing.recording import Recorder

_RETRY_SECONDS = 1.0


@dataclass(frozen=True)
class Tools:
    """What `app.py` of a service is handed: everything that has a test double or comes from outside."""

    database: Database
    bus: Bus
    keys: KeyRing
    cipher: Cipher
    world: World
    tokens: Checking
    service_secret: str
    limits: Limits = field(default_factory=Limits)


@dataclass
class Service:
    """A running service. `loops` go on until `stop`; one that falls is logged and started again.

    `first` is done before the service counts as started: nobody is answered before it.
    """

    name: str
    tools: Tools
    app: FastAPI
    store: EventStore | None
    reference: Reference
    consumers: Sequence[Consumer]
    loops: Sequence[Callable[[], Awaitable[None]]]
    first: Sequence[Callable[[], Awaitable[None]]] = ()
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _closes: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    async def start(self) -> None:
        """Load the reference copy, start every loop, and do what comes first."""
        await self.reference.load(self.tools.database)
        everything = [*self.loops, *(consumer.run for consumer in self.consumers), self._follow]
        self._tasks = [asyncio.create_task(keep(self.name, loop)) for loop in everything]
        for act in self.first:
            await keep(self.name, act)

    async def _follow(self) -> None:
        await self.reference.follow(self.tools.database)

    async def stop_loops(self) -> None:
        """End every loop; what was accepted is in the database, what was not is told so."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop(self) -> None:
        """End every loop and close what was opened."""
        await self.stop_loops()
        for close in (*self._closes, self.tools.database.close):
            await close()

    def also_close(self, close: Callable[[], Awaitable[None]]) -> None:
        """Close this too at the end."""
        self._closes.append(close)


def reference_consumer(service: str, tools: Tools, reference: Reference) -> Consumer:
    """Return the consumer that keeps a service's copy of the reference topic."""
    return Consumer(f"{service}.reference", [REFERENCE], tools.database, tools.bus, reference.fold)


def recorder_of(service: str, tools: Tools) -> Recorder:
    """Return the service's recorder."""
    return Recorder(service, tools.keys, tools.cipher, tools.world)


async def positions_of(
    store: EventStore | None,
    consumers: Sequence[Consumer],
    feed: Log | None = None,
    looks: Looks | None = None,
) -> dict[str, Any]:
    """Return where a service's log ends and where its consumers are, for those who wait and those who watch."""
    told: dict[str, Any] = {
        "consumers": {
            c.name: {
                "stopped": c.stopped, "parked": c.parked, "sources": list(c.sources),
                "places": {f"{source}.{partition}": seq for (source, partition), seq in c.places.items()},
            }
            for c in consumers
        }
    }  # fmt: skip
    if store is not None:
        incarnation, head = await store.position()
        told |= {"incarnation": str(incarnation), "head": head, "heads": await store.heads()}
    for name, other in (("feed_heads", feed), ("look_heads", looks)):
        if other is not None:
            told[name] = dict(await other.before(1 << 62))
    return told


async def keep(service: str, loop: Callable[[], Awaitable[None]]) -> None:
    """Run a loop until it ends or is cancelled; one that falls is logged and started again."""
    while True:
        try:
            await loop()
        except asyncio.CancelledError:
            raise
        except (StoreDown, *AWAY) as error:
            log.warning("loop.waits", service=service, error=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - a loop that falls must be seen and start again
            log.error("loop.fell", service=service, error=type(error).__name__)
        else:
            return
        await asyncio.sleep(_RETRY_SECONDS)
