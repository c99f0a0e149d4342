"""Wires the live service. What feeds it is handed in: a plain subscription here, Faust in the kafka profile."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from services.kernel.bus.port import Bus, BusDown
from services.kernel.doors.web import application, who_asks
from services.kernel.errors import Refusal
from services.kernel.hearing.reference import Reference
from services.kernel.service import Service, Tools, positions_of, reference_consumer
from services.kernel.telemetry import log, metrics
from services.live.api import routes
from services.live.windows import Rules, Windows

SOURCE = "reporting"
_RETRY_SECONDS = 0.5
Feed = Callable[[Windows, asyncio.Event], Awaitable[None]]
"""Fills the windows until cancelled; sets the event when it has heard all that was there at the start."""


class StillReading(Refusal):
    """正在重读近期记录,请稍候。 · Recent records are still being read again: wait a moment."""

    status = 503


def subscription_feed(bus: Bus, source: str = SOURCE) -> Feed:
    """Return the feed of the embedded profile. A record that can't be read is counted and passed over."""

    async def feed(windows: Windows, caught_up: asyncio.Event) -> None:
        while True:
            try:
                subscription = await bus.subscribe("live.windows", [source])
                while True:
                    for r in await subscription.batch():
                        try:
                            outcome: str = windows.take(r.source, r.partition, r.seq, r.value)
                        except msgspec.MsgspecError as error:
                            windows.parked += 1
                            outcome = "parked"
                            log.error("live.parked", source=source, seq=r.seq, error=type(error).__name__)
                        metrics.records.labels("live.windows", outcome).inc()
                    caught_up.set()
            except BusDown as error:
                log.warning("live.waits", error=type(error).__name__)
                await asyncio.sleep(_RETRY_SECONDS)

    return feed


def build(tools: Tools, feed: Feed, rules: Rules | None = None) -> Service:
    """Return the live service. Its database holds its copy of the reference data and nothing else."""
    reference, windows, caught_up = Reference(), Windows(), asyncio.Event()
    consumers = [reference_consumer("live", tools, reference)]

    async def read() -> None:
        await feed(windows, caught_up)

    async def ready() -> None:
        if not caught_up.is_set():
            raise StillReading

    async def positions() -> dict[str, Any]:
        places = {f"{source}.{partition}": seq for (source, partition), seq in windows.places.items()}
        return {**await positions_of(None, consumers), "live": {"places": places, "parked": windows.parked}}

    who = who_asks(tools.tokens, tools.limits, reference, tools.world)
    app = application(
        "live", ("实时态势", "Live: counts, surges and silences"),
        [routes(windows, rules or Rules(), who, tools.world.now)], [tools.database.ping, ready], positions, tools.service_secret,
    )  # fmt: skip
    return Service("live", tools, app, None, reference, consumers, [read])
