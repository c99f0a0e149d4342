"""Wires the audit service and starts it."""

from pathlib import Path

from schemas.look import LOOK_LOGS
from services.audit.again import Comparing
from services.audit.api import routes
from services.audit.auditing import Auditing
from services.audit.log import STORES, fold
from services.audit.note import Signer
from services.audit.reads import Reads
from services.audit.told import Told
from services.kernel.bus.port import FEED, REFERENCE
from services.kernel.bus.relay import Relay
from services.kernel.doors.cursors import Cursors
from services.kernel.doors.looks import Looks
from services.kernel.doors.web import application, who_asks
from services.kernel.hearing.projection import Consumer
from services.kernel.hearing.reference import Reference
from services.kernel.service import Service, Tools, positions_of, reference_consumer

MIGRATIONS = Path(__file__).parent / "migrations"


def build(tools: Tools, signer: Signer) -> Service:
    """Return the audit service; `open_signer` gives the signer."""
    reference = Reference()
    bus = Comparing(tools.bus, tools.database)
    consumers = [
        reference_consumer("audit", tools, reference),
        Consumer("audit.log", (*STORES, REFERENCE), tools.database, bus, fold),
        Consumer("audit.told", (FEED,), tools.database, bus, Told(tools.database).fold),
        Consumer("audit.read", LOOK_LOGS, tools.database, bus, Reads(tools.database).fold),
    ]
    who = who_asks(tools.tokens, tools.limits, reference, tools.world)
    looks = Looks(tools.database, tools.world)
    auditing = Auditing(tools.database, signer, looks, reference, tools.world)
    relay = Relay("audit", tools.database, looks, tools.bus)
    app = application(
        "audit", ("审计", "Audit: what was known when, and the proofs"), [routes(auditing, Cursors(tools.service_secret), who)],
        [tools.database.ping, auditing.ping], lambda: positions_of(None, consumers, looks=looks), tools.service_secret,
    )  # fmt: skip
    return Service("audit", tools, app, None, reference, consumers, [relay.run])
