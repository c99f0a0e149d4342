"""The part of `app.py` that is the same in every service that writes."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from services.kernel.bus.log import StoreLog
from services.kernel.bus.relay import Relay
from services.kernel.doors.web import Who, who_asks
from services.kernel.hearing.projection import Consumer
from services.kernel.hearing.reference import Reference
from services.kernel.hearing.residence import Residence
from services.kernel.people.authority import authority_table
from services.kernel.service import Tools, recorder_of, reference_consumer
from services.kernel.store import EventStore
from services.kernel.writing.commands import Commands
from services.kernel.writing.decider import Decider
from services.kernel.writing.recording import Recorder


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
