"""Wires reporting and starts it."""

from services.kernel.assemble import write_path
from services.kernel.service import Service, Tools, positions_of
from services.kernel.web import application, command_routes
from services.reporting.report import REPORT


def build(tools: Tools) -> Service:
    """Return the reporting service."""
    path = write_path("reporting", tools, [REPORT])
    consumers = [path.reference_consumer]
    app = application(
        "reporting", ("报告与处置", "Reporting: what happened and the first response"),
        [command_routes(path.commands, path.who)], [tools.database.ping],
        lambda: positions_of(path.store, consumers),
    )  # fmt: skip
    return Service(
        "reporting", tools, app, path.store, path.reference, consumers, [path.store.run, path.relay.run]
    )
