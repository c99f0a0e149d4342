"""How we measure: ours and the peer take turns in one run, what counts is the ratio of each pair."""

import asyncio
import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

Work = Callable[[], Awaitable[Any]]
PACKAGES = ("aiokafka", "asyncpg", "eventsourcing", "faust-streaming", "msgspec", "psycopg", "pydantic")


@dataclass
class Sample:
    """One side's turn: how much was done in how many seconds, and how long each took (milliseconds)."""

    done: int
    seconds: float
    took: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Per second."""
        return self.done / self.seconds


@dataclass(frozen=True)
class Row:
    """One line of a result; latencies in milliseconds, `ratio` of the paired turns' median to the peer."""

    name: str
    value: float
    unit: str
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None
    bar: str | None = None
    holds: bool | None = None
    rounds: int = 1
    beside: dict[str, float] = field(default_factory=dict)
    """Other figures of the same turns: a ceiling, a share."""


def row_of(
    name: str, unit: str, ours: Sequence[Sample], *, peer: str | None = None, theirs: Sequence[Sample] = (),
    at_least: float | None = None, times: float | None = None, at_most: Mapping[int, float] | None = None,
    beside: dict[str, float] | None = None,
) -> Row:  # fmt: skip
    """Sum up turns. Bars: a rate of at least so much, so many times the peer, percentiles of at most so much."""
    took = sorted(t for sample in ours for t in sample.took)
    value = statistics.median(s.rate for s in ours)
    ratio = statistics.median(o.rate / t.rate for o, t in zip(ours, theirs, strict=True)) if theirs else None
    bars: dict[str, bool] = {}
    if at_least is not None:
        bars[f"≥ {at_least:,.0f} {unit}"] = value >= at_least
    if times is not None and ratio is not None:
        bars[f"≥ {times:g} ×"] = ratio >= times
    for percent, most in (at_most or {}).items():
        bars[f"p{percent} ≤ {most:g} ms"] = cut(took, percent) <= most
    p50, p95, p99 = (round(cut(took, p), 2) if took else None for p in (50, 95, 99))
    return Row(
        name, round(value, 1), unit, p50, p95, p99, peer,
        peer_value=round(statistics.median(t.rate for t in theirs), 1) if theirs else None,
        ratio=round(ratio, 2) if ratio is not None else None, bar="; ".join(bars) or None,
        holds=all(bars.values()) if bars else None, rounds=len(ours), beside=beside or {},
    )  # fmt: skip


def cut(took: Sequence[float], percent: int) -> float:
    """Return a percentile of sorted times."""
    return took[min(len(took) - 1, len(took) * percent // 100)]


async def writers(works: Sequence[Work], seconds: float) -> Sample:
    """Let each do its work again and again for so long; each finishes what it began."""
    until = time.perf_counter() + seconds
    sample = Sample(0, 0.0)

    async def write(one: Work) -> None:
        while (begin := time.perf_counter()) < until:
            await one()
            sample.took.append((time.perf_counter() - begin) * 1000)
            sample.done += 1

    begin = time.perf_counter()
    await asyncio.gather(*(write(work) for work in works))
    sample.seconds = time.perf_counter() - begin
    return sample


async def threads(works: Sequence[Callable[[], Any]], seconds: float) -> Sample:
    """Do the same with blocking work, a thread each."""
    sample = Sample(0, 0.0)

    def write(one: Callable[[], Any]) -> list[float]:
        took = []
        while (begin := time.perf_counter()) < until:
            one()
            took.append((time.perf_counter() - begin) * 1000)
        return took

    begin = time.perf_counter()
    until = begin + seconds
    for took in await asyncio.gather(*(asyncio.to_thread(write, work) for work in works)):
        sample.took += took
    sample.done, sample.seconds = len(sample.took), time.perf_counter() - begin
    return sample


def written(command: str, rows: Sequence[Row]) -> dict[str, Any]:
    """Return the JSON of a result file."""
    return {
        "command": command, "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "machine": {
            "cores": os.cpu_count(), "system": platform.system(), "machine": platform.machine(),
            "load_before": round(os.getloadavg()[2], 2),
        },
        "versions": {"python": platform.python_version()} | {p: importlib.metadata.version(p) for p in PACKAGES},
        "rows": [asdict(row) for row in rows],
    }  # fmt: skip
