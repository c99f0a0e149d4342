"""Wires assessment and starts it."""

from services.assessment.assessment import ASSESSMENT
from services.assessment.placement import PLACEMENT
from services.assessment.reactions import rules
from services.kernel.assemble import write_path
from services.kernel.doors.command_doors import command_routes
from services.kernel.doors.heard import Heard
from services.kernel.doors.web import application
from services.kernel.hearing.projection import Consumer
from services.kernel.service import Service, Tools, positions_of
from services.kernel.writing.reactions import Reactions


def build(tools: Tools) -> Service:
    """Return the assessment service. It reacts to reporting, and hears from the registry where a child is on file."""

    def after(partition: int) -> dict[str, int]:
        return {
            "registry": residence.places.get(("registry", partition), 0),
            "reporting": hears.places.get(("reporting", partition), 0),
        }

    path = write_path("assessment", tools, [ASSESSMENT, PLACEMENT], after)
    reactions = Reactions(path.recorder, path.reference, tools.world, rules, after)
    hears = Consumer(
        "assessment.reactions", ("reporting",), tools.database, tools.bus, reactions.fold,
        reference_seq=lambda: path.reference.seq, after_commit=path.store.grew.set,
    )  # fmt: skip
    residence = Consumer(
        "assessment.residence", ("registry",), tools.database, tools.bus, path.residence.fold
    )
    consumers = [path.reference_consumer, hears, residence]
    app = application(
        "assessment", ("评估帮扶", "Assessment: what is done about it"),
        [command_routes(path.commands, path.who, Heard(tools.database, consumers, tools.service_secret))],
        [tools.database.ping], lambda: positions_of(path.store, consumers), tools.service_secret,
    )  # fmt: skip
    return Service(
        "assessment", tools, app, path.store, path.reference, consumers, [path.store.run, path.relay.run]
    )
