"""Wires the registry and starts it."""

from pathlib import Path

from services.kernel.assemble import write_path
from services.kernel.doors.command_doors import command_routes
from services.kernel.doors.heard import Heard
from services.kernel.doors.sign_in import post_routes
from services.kernel.doors.web import application
from services.kernel.hearing.projection import Consumer
from services.kernel.service import Service, Tools, positions_of
from services.kernel.world import day_of
from services.registry.api import column_routes, import_routes, undo_routes
from services.registry.child import CHILD
from services.registry.columns import Columns
from services.registry.disclosing import TABLE
from services.registry.erasure import Erasure
from services.registry.founding import found
from services.registry.imports import Imports
from services.registry.posts import POST
from services.registry.undoing import Undoing

MIGRATIONS = Path(__file__).parent / "migrations"


def build(tools: Tools, founding: Path | None = None) -> Service:
    """Return the registry; an empty one is founded from `founding` when it starts."""
    path = write_path("registry", tools, [CHILD, POST, TABLE])
    erasure = Erasure(tools.keys, tools.database)
    erasing = Consumer("registry.erasure", ("registry",), tools.database, tools.bus, erasure.fold)
    consumers = [path.reference_consumer, erasing]

    async def found_once() -> None:
        if founding is not None:
            await found(founding, path.store, path.recorder, tools.world)

    columns = Columns(tools.database, tools.world)
    imports = Imports(path.commands, path.store, path.reference, columns)
    undoing = Undoing(path.commands, path.store, tools.database, tools.world)
    heard = Heard(tools.database, consumers, tools.service_secret)
    app = application(
        "registry", ("登记", "Registry: who is on file"),
        [
            command_routes(path.commands, path.who, heard), import_routes(imports, undoing, path.who, heard.places),
            undo_routes(undoing, path.who), column_routes(columns, path.who),
            post_routes(tools.tokens, path.reference, lambda: day_of(tools.world.now())),
        ],
        [tools.database.ping], lambda: positions_of(path.store, consumers), tools.service_secret,
    )  # fmt: skip
    return Service(
        "registry",
        tools,
        app,
        path.store,
        path.reference,
        consumers,
        [path.store.run, path.relay.run],
        [found_once, erasure.again],
    )
