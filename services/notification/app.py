"""Wires notification and starts it."""

from dataclasses import dataclass
from pathlib import Path

from services.kernel.assemble import write_path
from services.kernel.bus.port import FEED
from services.kernel.bus.relay import Relay
from services.kernel.doors.command_doors import command_routes
from services.kernel.doors.heard import Heard
from services.kernel.doors.web import application
from services.kernel.hearing.projection import Consumer
from services.kernel.service import Service, Tools, positions_of
from services.kernel.world import day_of
from services.kernel.writing.reactions import Reactions
from services.notification.access import ACCESS
from services.notification.api import internal_routes, table_routes
from services.notification.clock import Clock
from services.notification.disclosure import adopted_table
from services.notification.duty import DUTY
from services.notification.feed import Disclosed, FeedLog
from services.notification.notice import NOTICE
from services.notification.reactions import Rules
from services.notification.router import OWN, Router

MIGRATIONS = Path(__file__).parent / "migrations"
HEARS = ("registry", "reporting", "assessment")


@dataclass
class Notification(Service):
    """The notification service, with what the agency service may ask it."""

    disclosed: Disclosed | None = None


def build(tools: Tools) -> Notification:
    """Return the notification service."""

    def after(partition: int) -> dict[str, int]:
        return {source: consumer.places.get((source, partition), 0) for source in HEARS}

    path = write_path("notification", tools, [ACCESS, NOTICE, DUTY], after)
    reference = path.reference
    rules = Rules(
        reference.find_body_id, lambda region: reference.find_pack(region, day_of(tools.world.now()))
    )
    reactions = Reactions(path.recorder, reference, tools.world, lambda _: (), after)
    feed = FeedLog(tools.database)
    router = Router(lambda: adopted_table(reference.disclosure), tools.world, reactions, rules)

    async def table_readable() -> None:
        adopted_table(reference.disclosure)

    def grew() -> None:
        path.store.grew.set()
        feed.grew.set()

    consumer = Consumer(
        "notification.router", (*HEARS, OWN), tools.database, tools.bus, router.fold,
        reference_seq=lambda: reference.seq, after_commit=grew,
    )  # fmt: skip
    clock = Clock(tools.database, tools.world, reactions, reference, path.store.grew.set)
    disclosed = Disclosed(tools.database, consumer)
    consumers = [path.reference_consumer, consumer]
    app = application(
        "notification", ("告知", "Notification: who is told what"),
        [
            command_routes(path.commands, path.who, Heard(tools.database, consumers, tools.service_secret)),
            table_routes(reference, tools.database, path.who), internal_routes(disclosed, tools.service_secret),
        ],
        [tools.database.ping, table_readable], lambda: positions_of(path.store, consumers, feed), tools.service_secret,
    )  # fmt: skip
    loops = [path.store.run, path.relay.run, Relay(FEED, tools.database, feed, tools.bus).run, clock.run]
    return Notification(
        "notification", tools, app, path.store, path.reference, consumers, loops, disclosed=disclosed
    )
