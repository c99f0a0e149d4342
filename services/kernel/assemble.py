"""The part of `app.py` that is the same in every service that writes."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from services.kernel.authority import authority_table
from services.kernel.commands import Commands
from services.kernel.decider import Decider
from services.kernel.log import StoreLog
from services.kernel.projection import Consumer
from services.kernel.recording import Recorder
from services.kernel.reference import Reference
from services.kernel.relay import Relay
from services.kernel.residence import Residence
from services.kernel.service import Tools, recorder_of, reference_consumer
from services.kernel.store import EventStore
from services.kernel.web import Who, who_asks


class Writing(NamedTuple):
    """The pieces of the write path."""

    store: EventStore
    recorder: Recorder
    reference: Reference
    reference_consumer: Consumer
    commands: Commands
    relay: Relay
    who: Who
    residence: Residence


def write_path(
    service: str, tools: Tools, deciders: Sequence[Decider[Any]],
    after: Callable[[int], dict[str, int]] = lambda _partition: {},
) -> Writing:  # fmt: skip
    """Wire store, recorder, reference copy, commands and relay. Only commands in the authority table get a door."""
    store = EventStore(tools.database)
    residence = Residence(tools.database)
    recorder = recorder_of(service, tools)
    reference = Reference()
    commands = Commands(
        service, store, recorder, reference, tools.world, deciders, tools.keys.search_key, after,
        public=authority_table(), regions=residence.regions,
    )  # fmt: skip
    relay = Relay(service, tools.database, StoreLog(store), tools.bus)
    who = who_asks(tools.tokens, tools.limits, reference, tools.world)
    return Writing(
        store,
        recorder,
        reference,
        reference_consumer(service, tools, reference),
        commands,
        relay,
        who,
        residence,
    )
