"""Wires assessment and starts it."""

from services.assessment.assessment import ASSESSMENT
from services.assessment.reactions import rules
from services.kernel.assemble import write_path
from services.kernel.projection import Consumer
from services.kernel.reactions import Reactions
from services.kernel.service import Service, Tools, positions_of
from services.kernel.web import application, command_routes

HEARS = ("reporting",)


def build(tools: Tools) -> Service:
    """Return the assessment service."""
    path = write_path("assessment", tools, [ASSESSMENT])

    def after(partition: int) -> dict[str, int]:
        return {source: hears.places.get((source, partition), 0) for source in HEARS}

    reactions = Reactions(path.recorder, path.reference, tools.world, rules, after)
    hears = Consumer(
        "assessment.reactions", HEARS, tools.database, tools.bus, reactions.fold,
        reference_seq=lambda: path.reference.seq, after_commit=path.store.grew.set,
    )  # fmt: skip
    consumers = [path.reference_consumer, hears]
    app = application(
        "assessment", ("评估帮扶", "Assessment: what is done about it"), [command_routes(path.commands, path.who)],
        [tools.database.ping], lambda: positions_of(path.store, consumers),
    )  # fmt: skip
    return Service(
        "assessment", tools, app, path.store, path.reference, consumers, [path.store.run, path.relay.run]
    )
