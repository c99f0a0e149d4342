"""What a county, a province and the country need, computed from what was measured: the generated parts of docs/scaling.md.

Nothing is computed from a figure that isn't there: the part then says what is missing.
"""

import math
from dataclasses import dataclass
from typing import Any

CHILDREN = {"县 county": 20_000, "省 province": 1_000_000, "全国 country": 10_000_000}
EVENTS = 24
"""Assumed: events of the three writing services a child and year (a visit a month, a change a month)."""
PEAK = 10
"""Assumed: the busiest hour beside the mean of working hours (250 days of 8 hours)."""
COPIES_OF_KAFKA, COPIES_OF_POSTGRES = 3, 2
"""Assumed: replicas of a topic; a primary and a standby."""
PARTITIONS = 24
_WORKING_SECONDS = 250 * 8 * 3600
_MICRO, _GIGA = 1_000_000, 1_000_000_000

_FIGURES = {
    "commands": ("serving", "HTTP command accepted", "value"),
    "appends": ("store", "append, 16 writers, three sealed blocks, idempotency key", "value"),
    "relayed": ("pipeline", "relay", "value"),
    "relay_micros": ("pipeline", "relay", "processor µs an event"),
    "routed": ("pipeline", "router", "value"),
    "router_micros": ("pipeline", "router", "processor µs an event in"),
    "rows": ("pipeline", "router", "feed rows an event"),
    "notification_bytes": ("pipeline", "router", "bytes of notification's database an event in"),
    "kafka_bytes": ("pipeline", "router", "bytes of Kafka's topics an event in"),
    "pages": ("pipeline", "rebuild of the child page with its search tokens", "value"),
    "page_micros": ("pipeline", "rebuild of the child page with its search tokens", "processor µs a feed row"),
    "page_bytes": ("pipeline", "rebuild of the child page with its search tokens", "bytes a feed row"),
    "store_bytes": ("growth", "disk of a child", "bytes, store, an event of five blocks"),
}  # fmt: skip
"""Name → (suite, how the row's name begins, which figure); of several rows the last."""


@dataclass(frozen=True)
class Need:
    """What so many children need; every figure is computed."""

    children: int
    peak: float
    """Events a second in the busiest hour."""
    processor: float
    """Cores that relay, router and pages keep busy then, without PostgreSQL and Kafka."""
    commands: int
    routers: int
    pages: int
    """Processes of each kind in the busiest hour."""
    postgres: float
    kafka: float
    """Gigabytes a year, with copies."""


def figures(found: dict[str, dict[str, Any]]) -> tuple[dict[str, float], list[str]]:
    """Return (the measured figures, what is missing)."""
    have: dict[str, float] = {}
    for name, (suite, begins, which) in _FIGURES.items():
        rows = [r for r in found.get(suite, {}).get("rows", []) if r["name"].startswith(begins)]
        told = rows and (rows[-1]["value"] if which == "value" else rows[-1]["beside"].get(which))
        if told:
            have[name] = told
    return have, [
        f"{suite}: {begins} ({which})"
        for name, (suite, begins, which) in _FIGURES.items()
        if name not in have
    ]


def peak_of(children: int) -> float:
    """Return events a second in the busiest hour."""
    return children * EVENTS * PEAK / _WORKING_SECONDS


def need_of(children: int, f: dict[str, float]) -> Need:
    """Compute what so many children need."""
    peak, year = peak_of(children), children * EVENTS
    micros = f["relay_micros"] + f["router_micros"] + f["rows"] * f["page_micros"]
    return Need(
        children, peak, peak * micros / _MICRO, math.ceil(peak / f["commands"]), math.ceil(peak / f["routed"]),
        math.ceil(peak * f["rows"] / f["pages"]),
        year * (f["store_bytes"] + f["notification_bytes"] + f["rows"] * f["page_bytes"]) * COPIES_OF_POSTGRES / _GIGA,
        year * f["kafka_bytes"] * COPIES_OF_KAFKA / _GIGA,
    )  # fmt: skip


def walls(f: dict[str, float]) -> list[tuple[str, float]]:
    """Return (what ends, at how many children in the busiest hour), the first wall first."""
    a_child = peak_of(1)
    return sorted(
        [
            ("one store's append, 16 writers, one process", f["appends"] / a_child),
            ("one relay a store", f["relayed"] / a_child),
            (f"routers, one for each of {PARTITIONS} partitions", PARTITIONS * f["routed"] / a_child),
            (f"page builders, one for each of {PARTITIONS} partitions", PARTITIONS * f["pages"] / f["rows"] / a_child),
        ],
        key=lambda wall: wall[1],
    )  # fmt: skip


def _missing(missing: list[str]) -> str:
    return "尚未测量,无法计算 · Not measured yet, so nothing is computed. Missing:\n\n" + "\n".join(
        f"- {m}" for m in missing
    )


def part(found: dict[str, dict[str, Any]]) -> str:
    """Return the table of needs."""
    f, missing = figures(found)
    if missing:
        return _missing(missing)
    lines = [
        "| (c) computed | " + " | ".join(f"{name}, {n:,}" for name, n in CHILDREN.items()) + " |",
        "|---|" + "---|" * len(CHILDREN),
    ]
    needs = [need_of(n, f) for n in CHILDREN.values()]
    for what, told in (
        ("events/s in the busiest hour", [f"{n.peak:,.1f}" for n in needs]),
        ("cores busy then: relay, router, pages", [f"{n.processor:,.2f}" for n in needs]),
        ("processes that take commands", [f"{n.commands:,}" for n in needs]),
        ("routers", [f"{n.routers:,}" for n in needs]),
        ("page builders", [f"{n.pages:,}" for n in needs]),
        (
            "partitions needed (there are 24)",
            [f"{max(n.routers, n.pages):,}" for n in needs],
        ),
        (f"PostgreSQL, GB a year, {COPIES_OF_POSTGRES} copies", [f"{n.postgres:,.0f}" for n in needs]),
        (f"Kafka, GB a year, {COPIES_OF_KAFKA} copies", [f"{n.kafka:,.0f}" for n in needs]),
    ):
        lines.append(f"| {what} | " + " | ".join(told) + " |")
    lines += ["", "| (m) measured | Figure |", "|---|---|"]
    lines += [f"| {s}: {begins} ({which}) | {f[name]:,} |" for name, (s, begins, which) in _FIGURES.items()]
    return "\n".join(lines)


def wall(found: dict[str, dict[str, Any]]) -> str:
    """Return where it ends, the first wall first."""
    f, missing = figures(found)
    if missing:
        return _missing(missing)
    return "\n".join(
        [
            "| (c) What ends | At how many children |",
            "|---|---|",
            *(f"| {w} | {n:,.0f} |" for w, n in walls(f)),
        ]
    )
