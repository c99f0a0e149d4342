"""Wires notification and starts it."""

from dataclasses import dataclass
from pathlib import Path

from services.kernel.assemble import write_path
from services.kernel.bus import FEED
from services.kernel.projection import Consumer
from services.kernel.reactions import Reactions
from services.kernel.relay import Relay
from services.kernel.service import Service, Tools, positions_of
from services.kernel.web import application, command_routes
from services.notification.access import ACCESS
from services.notification.api import internal_routes
from services.notification.disclosure import disclosure_table
from services.notification.feed import Disclosed, FeedLog
from services.notification.notice import NOTICE
from services.notification.reactions import rules_with
from services.notification.router import Router

MIGRATIONS = Path(__file__).parent / "migrations"
HEARS = ("registry", "reporting", "assessment")


@dataclass
class Notification(Service):
    """The notification service, with what the agency service may ask it."""

    disclosed: Disclosed | None = None


def build(tools: Tools) -> Notification:
    """Return the notification service."""

    def after(partition: int) -> dict[str, int]:
        return {source: hears.places.get((source, partition), 0) for source in HEARS}

    path = write_path("notification", tools, [ACCESS, NOTICE], after)
    rules = rules_with(path.reference.find_body_id)
    reactions = Reactions(path.recorder, path.reference, tools.world, rules, after)
    hears = Consumer(
        "notification.reactions", HEARS, tools.database, tools.bus, reactions.fold,
        reference_seq=lambda: path.reference.seq, after_commit=path.store.grew.set,
    )  # fmt: skip
    feed = FeedLog(tools.database)
    router = Consumer(
        "notification.router", (*HEARS, "notification"), tools.database, tools.bus,
        Router(disclosure_table(), tools.world).fold, reference_seq=lambda: path.reference.seq,
        after_commit=feed.grew.set,
    )  # fmt: skip
    disclosed = Disclosed(tools.database, router)
    consumers = [path.reference_consumer, hears, router]
    app = application(
        "notification", ("告知", "Notification: who is told what"),
        [command_routes(path.commands, path.who), internal_routes(disclosed, tools.service_secret)],
        [tools.database.ping], lambda: positions_of(path.store, consumers, feed),
    )  # fmt: skip
    loops = [path.store.run, path.relay.run, Relay(FEED, tools.database, feed, tools.bus).run]
    return Notification(
        "notification", tools, app, path.store, path.reference, consumers, loops, disclosed=disclosed
    )
