"""From a decided event to stored bytes and back: envelope, sealing, opening. The only place that does either."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from schemas.catalogue import EVENTS
from schemas.envelope import CONTENT_TYPE, SPEC, Envelope, decode, encode, format_after
from schemas.event import Event, Split
from schemas.platform import FactCorrected
from services.kernel.errors import FileSealed, PersonErased
from services.kernel.keys.ciphers import Cipher
from services.kernel.keys.sealing import Erased, needed, open_refs, refs, seal
from services.kernel.keys.service import KeyService, Pair
from services.kernel.store import REFERENCE_PARTITION, NewEvent, Stored, partition_of
from services.kernel.together import Together
from services.kernel.world import World
from services.kernel.writing.correcting import corrections

INTAKE = "intake"
"""The actor of a report: who filed it stands in the reporter block alone (PRV-01)."""


Keys = Mapping[Pair, bytes]


@dataclass(frozen=True)
class Circumstances:
    """What the envelope says beside the fact: who, for whom, what for, since when, because of what."""

    actor: str
    purpose: str
    correlation: UUID
    occurred: datetime | None = None
    on_behalf_of: str | None = None
    causation: str | None = None
    after: Callable[[int], Mapping[str, int]] = lambda _partition: {}


@dataclass(frozen=True)
class Planned:
    """A decided event with its place in its stream."""

    event: Event
    stream: UUID
    version: int
    id: UUID
    policy: str | None = None
    """The pack under which it was decided."""

    @cached_property
    def split(self) -> Split:
        """The event's open and sealed fields."""
        return self.event.split()


def stamp(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC with microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Recorder:
    """Seals and wraps on the way in, opens and types on the way out."""

    def __init__(self, source: str, keys: KeyService, cipher: Cipher, world: World) -> None:
        """Record for the service `source`."""
        self._source = source
        self._keys = keys
        self._cipher = cipher
        self._world = world
        self._making = Together(self._make)

    async def keys(self, planned: Iterable[Planned]) -> Keys:
        """Return the keys that these events are sealed under, missing ones made and durable; an erased one is absent."""
        pairs = {pair for p in planned for pair in needed(p.split)}
        found = self._keys.keys(pairs) if pairs else {}
        if len(found) < len(pairs):
            await self._making({subject for subject, _ in pairs - found.keys()})
            found = self._keys.keys(pairs)
        return found

    async def _make(self, subjects: set[str]) -> None:
        await asyncio.to_thread(self._keys.ensure, subjects)

    async def record(self, planned: Sequence[Planned], told: Circumstances) -> list[NewEvent]:
        """Return the events ready to append. Keys are durable before the first append that uses them.

        Raises PersonErased where a key was destroyed, FileSealed where it is withheld: nothing is ever sealed under nothing.
        """
        return self.seal(planned, told, await self.keys(planned))

    def seal(self, planned: Sequence[Planned], told: Circumstances, keys: Keys) -> list[NewEvent]:
        """Return the events ready to append, under keys that were looked up for many. Raises PersonErased, FileSealed."""
        if lacking := {pair[0] for p in planned for pair in needed(p.split) if pair not in keys}:
            raise FileSealed if self._keys.sealed(lacking) else PersonErased
        now = self._world.now()
        recorded = stamp(now)
        occurred = stamp(told.occurred) if told.occurred else recorded
        return [self._wrap(p, told, now, recorded, occurred, keys) for p in planned]

    def _wrap(
        self, p: Planned, told: Circumstances, now: datetime, recorded: str, occurred: str, keys: Keys
    ) -> NewEvent:
        data, blocks = seal(p.event, str(p.id), keys, self._cipher, p.split)
        subject = str(data[p.event.subject])
        reference = p.event.type.startswith("reference.")
        orderkey = "reference" if reference else subject
        partition = REFERENCE_PARTITION if reference else partition_of(orderkey)
        envelope = Envelope(
            specversion=SPEC, id=str(p.id), type=p.event.type, source=f"/{self._source}", subject=subject,
            time=occurred, recordedat=recorded, datacontenttype=CONTENT_TYPE,
            actor=told.actor, onbehalfof=told.on_behalf_of, purpose=told.purpose, region=data.get("region"),
            stream=str(p.stream), streamversion=p.version,
            policy=p.policy, orderkey=orderkey, correlationid=str(told.correlation), causationid=told.causation,
            after=format_after(dict(told.after(partition))), data=data,
        )  # fmt: skip
        return NewEvent(
            p.id, p.stream, p.version, p.event.type, orderkey, partition, now, encode(envelope), blocks
        )

    def read(self, stored: Iterable[Stored]) -> list[Event]:
        """Return typed events with what was corrected in them; a field that was erased is absent."""
        return [event for _, event in self.history(stored)]

    def history(self, stored: Iterable[Stored]) -> list[tuple[UUID, Event]]:
        """Return (id, event) of each, with one look-up of keys. Corrections are put in where they belong (PLT-02)."""
        decoded = [(decode(s.envelope), s.blocks) for s in stored]
        closed = [refs(envelope, blocks) for envelope, blocks in decoded]
        opened = iter(open_refs([ref for each in closed for ref in each], self._keys, self._cipher))
        told: list[tuple[Envelope, dict[str, Any]]] = []
        for (envelope, _), blocks in zip(decoded, closed, strict=True):
            fields: dict[str, Any] = {}
            for _ in blocks:
                if not isinstance(block := next(opened), Erased):
                    fields |= block
            told.append((envelope, fields))
        put = corrections(told)
        return [
            (UUID(e.id), EVENTS[e.type].read({**e.data, **fields, **put.get(e.id, {})}))
            for e, fields in told
            if e.type != FactCorrected.type
        ]
