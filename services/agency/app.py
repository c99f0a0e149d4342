"""Wires the agency service and starts it."""

from dataclasses import dataclass
from pathlib import Path

from services.agency.api import routes
from services.agency.exporting import Exporting
from services.agency.finding import Finding
from services.agency.folding import Folding
from services.agency.projector import Projector
from services.agency.reading import FeedQuestions, Reading
from services.agency.tokens import SearchTokens
from services.agency.views import Views
from services.kernel.bus.relay import Relay
from services.kernel.database import Database
from services.kernel.doors.cursors import Cursors
from services.kernel.doors.heard import Places
from services.kernel.doors.looks import Looks
from services.kernel.doors.web import application, who_asks
from services.kernel.hearing.reference import Reference
from services.kernel.service import Service, Tools, positions_of, reference_consumer

MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass
class Agency(Service):
    """The agency service."""

    folding: Folding | None = None

    async def start(self) -> None:
        """See which versions of the views there are before anybody asks how far they have come."""
        if self.folding is not None:
            await self.folding.look()
        await super().start()


def build(tools: Tools, readers: Database, feed: FeedQuestions) -> Agency:
    """Return the agency service. `tools.database` writes rows; `readers` is fenced in by row-level security."""
    reference = Reference()
    tokens = SearchTokens(tools.keys.search_key)
    projector = Projector(tools.keys, tools.cipher, tokens)
    folding = Folding(tools.database, tools.bus, projector)
    looks = Looks(readers, tools.world)
    reading = Reading(readers, feed, tools.keys, tools.cipher, looks, Places(tools.service_secret))
    views = Views(reading, reference, tokens)
    who = who_asks(tools.tokens, tools.limits, reference, tools.world)
    hearing = reference_consumer("agency", tools, reference)
    app = application(
        "agency", ("单位视图", "Agency: what each body sees"),
        [routes(views, Finding(reading, tokens), Exporting(reading, reference), reading, Cursors(tools.service_secret), who)],
        [readers.ping], lambda: positions_of(None, [hearing, *folding.consumers.values()], looks=looks), tools.service_secret,
    )  # fmt: skip
    loops = [folding.run, Relay("agency", readers, looks, tools.bus).run]
    service = Agency("agency", tools, app, None, reference, [hearing], loops, folding=folding)
    service.also_close(readers.close)
    return service
