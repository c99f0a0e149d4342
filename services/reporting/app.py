"""Wires reporting and starts it."""

from services.kernel.assemble import write_path
from services.kernel.doors.command_doors import command_routes
from services.kernel.doors.heard import Heard
from services.kernel.doors.web import application
from services.kernel.hearing.projection import Consumer
from services.kernel.service import Service, Tools, positions_of
from services.reporting.report import REPORT


def build(tools: Tools) -> Service:
    """Return the reporting service. It hears the registry: a notice goes to the township that keeps the child's file."""

    def after(partition: int) -> dict[str, int]:
        return {"registry": hears.places.get(("registry", partition), 0)}

    path = write_path("reporting", tools, [REPORT], after)
    hears = Consumer("reporting.residence", ("registry",), tools.database, tools.bus, path.residence.fold)
    consumers = [path.reference_consumer, hears]
    app = application(
        "reporting", ("报告与处置", "Reporting: what happened and the first response"),
        [command_routes(path.commands, path.who, Heard(tools.database, consumers, tools.service_secret))], [tools.database.ping],
        lambda: positions_of(path.store, consumers), tools.service_secret,
    )  # fmt: skip
    return Service(
        "reporting", tools, app, path.store, path.reference, consumers, [path.store.run, path.relay.run]
    )
