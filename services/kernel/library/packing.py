"""A library event as a row of our store, and back: exact bytes where it is ours, the library's own where it is not."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    Mapper,
    ProgrammingError,
    StoredEvent,
)

from schemas.envelope import decode
from services.kernel.store import NewEvent, partition_of
from services.kernel.world import derived_id

_MARK = b"shouwang\x00"


def pack_state(envelope: bytes, blocks: bytes) -> bytes:
    """Put an envelope's exact bytes and its blocks into one `StoredEvent.state`."""
    return _MARK + msgspec.msgpack.encode((envelope, blocks))


def find_packed(state: bytes) -> tuple[bytes, bytes] | None:
    """Return (envelope, blocks) of a state that `pack_state` made, None for any other."""
    if not state.startswith(_MARK):
        return None
    return msgspec.msgpack.decode(state[len(_MARK) :], type=tuple[bytes, bytes])


@dataclass(frozen=True)
class Enveloped:
    """One of our events as the library hands it about: closed, its bytes untouched."""

    originator_id: UUID
    originator_version: int
    type: str
    envelope: bytes
    blocks: bytes


class EnvelopeMapper(Mapper[UUID]):
    """The library's mapper, which also carries our events: by their stable names, never as Python paths."""

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        """Pack one of ours; anything else the library's way."""
        if isinstance(domain_event, Enveloped):
            e = domain_event
            state = pack_state(e.envelope, e.blocks)
            return StoredEvent(e.originator_id, e.originator_version, e.type, state)
        return super().to_stored_event(domain_event)

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        """Return `Enveloped` for one of ours; anything else the library's way."""
        if (packed := find_packed(stored_event.state)) is not None:
            s = stored_event
            return Enveloped(uuid_of(s.originator_id), s.originator_version, s.topic, *packed)
        return super().to_domain_event(stored_event)


def uuid_of(originator_id: UUID | str) -> UUID:
    if not isinstance(originator_id, UUID):
        raise ProgrammingError("originator ids are UUIDs here")
    return originator_id


def _own_id(stream: UUID, version: int) -> UUID:
    return derived_id("library", stream, version)


def new_event_of(stored: StoredEvent) -> NewEvent:
    stream, version = uuid_of(stored.originator_id), stored.originator_version
    if (packed := find_packed(stored.state)) is not None:
        told = decode(packed[0])
        partition = partition_of(told.orderkey)
        at = datetime.fromisoformat(told.recordedat)
        return NewEvent(
            UUID(told.id), stream, version, told.type, told.orderkey, partition, at, packed[0], packed[1]
        )
    key = str(stream)
    return NewEvent(
        _own_id(stream, version), stream, version, stored.topic, key, partition_of(key), datetime.now(UTC),
        stored.state, b"",
    )  # fmt: skip


def state_of(row: Any) -> bytes:
    if row["id"] == _own_id(row["stream"], row["version"]):
        return bytes(row["envelope"])
    return pack_state(row["envelope"], row["blocks"])
