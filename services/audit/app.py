"""Wires the audit service and starts it."""

from pathlib import Path

from services.audit.api import Auditing, routes
from services.audit.log import STORES, Logs
from services.audit.note import Signer
from services.audit.told import LookQuestions, Told
from services.kernel.bus import FEED, REFERENCE
from services.kernel.projection import Consumer
from services.kernel.reference import Reference
from services.kernel.service import Service, Tools, positions_of, reference_consumer
from services.kernel.web import application, who_asks
from services.kernel.world import day_of

MIGRATIONS = Path(__file__).parent / "migrations"


def build(tools: Tools, looks: LookQuestions, key: Path) -> Service:
    """Return the audit service; it signs with the key in the file `key`."""
    reference = Reference()
    logs, told = Logs(tools.database), Told(tools.database)
    consumers = [
        reference_consumer("audit", tools, reference),
        Consumer("audit.log", (*STORES, REFERENCE), tools.database, tools.bus, logs.fold),
        Consumer("audit.told", (FEED,), tools.database, tools.bus, told.fold),
    ]
    who = who_asks(tools.tokens, reference, lambda: day_of(tools.world.now()))
    auditing = Auditing(tools.database, logs, told, Signer(key), looks, reference, tools.world)
    app = application(
        "audit", ("审计", "Audit: what was known when, and the proofs"), [routes(auditing, who)],
        [tools.database.ping], lambda: positions_of(None, consumers),
    )  # fmt: skip
    return Service("audit", tools, app, None, reference, consumers, [])
