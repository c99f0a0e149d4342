"""Logs without personal data, and the closed list of metrics."""

import logging
import sys
import time
from collections.abc import MutableMapping
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SAID = {
    "event", "level", "timestamp", "service", "source", "consumer", "partition", "seq", "error", "code", "status",
    "method", "route", "count", "reason", "url", "profile", "seconds", "type",
}  # fmt: skip


def _only_what_may_be_said(_: Any, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop every key that is not on the list: free text and identities never reach a log."""
    return {k: v for k, v in entry.items() if k in _SAID}


def set_up_logs(service: str) -> None:
    """Write JSON lines to standard error. Libraries say when and where from WARNING on, never what: it may name somebody."""
    logging.Formatter.converter = time.gmtime
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, datefmt="%Y-%m-%dT%H:%M:%S",
        format='{"logger":"%(name)s","level":"%(levelname)s","at":"%(module)s:%(lineno)d","timestamp":"%(asctime)sZ"}',
    )  # fmt: skip
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _only_what_may_be_said,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    structlog.contextvars.bind_contextvars(service=service)


log: Any = structlog.get_logger()


class Metrics:
    """Every metric of the platform, each with its sentence. A name that isn't here doesn't exist."""

    def __init__(self) -> None:
        """Make them in a registry of their own."""
        self.registry = CollectorRegistry()
        r = self.registry
        self.commands = Counter(
            "shouwang_commands",
            "Commands answered, by command and outcome.",
            ["command", "outcome"],
            registry=r,
        )
        self.command_seconds = Histogram(
            "shouwang_command_seconds",
            "Time from a command's arrival to its answer.",
            ["command"],
            registry=r,
        )
        self.relayed = Counter(
            "shouwang_relayed_events", "Events delivered to the bus.", ["source"], registry=r
        )
        self.relay_failures = Counter(
            "shouwang_relay_failures", "Times a relay stopped and began again.", ["source"], registry=r
        )
        self.records = Counter(
            "shouwang_records",
            "Records a consumer handled, by what it did.",
            ["consumer", "outcome"],
            registry=r,
        )
        self.parked = Gauge(
            "shouwang_parked_records",
            "Records set aside: bad, waiting, or behind one.",
            ["consumer"],
            registry=r,
        )
        self.position = Gauge(
            "shouwang_consumer_position",
            "Highest seq handled, by source.",
            ["consumer", "source"],
            registry=r,
        )
        self.looks = Counter(
            "shouwang_looks", "Answers that show a child, recorded before they left.", registry=r
        )
        self.rows_imported = Counter(
            "shouwang_import_rows", "Ledger rows read, by outcome.", ["outcome"], registry=r
        )
        self.not_signed = Counter(
            "shouwang_audit_not_signed",
            "Times the audit service refused to sign, by log and reason.",
            ["source", "reason"],
            registry=r,
        )
        self.requests = Counter(
            "shouwang_http_requests", "HTTP answers, by route and status.", ["route", "status"], registry=r
        )

    def text(self) -> bytes:
        """Return the Prometheus exposition."""
        return generate_latest(self.registry)


metrics = Metrics()
