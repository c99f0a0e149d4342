"""What a body would be told of an event, and what another table would change: looked at before anybody is told."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from uuid import UUID

from schemas.catalogue import EVENTS
from schemas.disclosure import Rule
from schemas.envelope import decode
from schemas.event import parts_of
from schemas.fields import DataClass
from schemas.notification import Role
from services.kernel.database import Connection, Database
from services.kernel.errors import NotFound
from services.kernel.keys.sealing import redact
from services.notification.disclosure import Disclosure, concerns
from services.notification.known import load
from services.notification.router import audience


class Told(NamedTuple):
    """What one role makes a body be told: the feed's own bytes, and the classes that are shown and withheld."""

    role: Role
    clause: str
    envelope: bytes
    blocks: bytes
    shown: list[str]
    withheld: list[str]


async def preview(rows: Connection, disclosure: Disclosure, event: UUID, agency: UUID) -> list[Told]:
    """Return what a body would be told of an event that notification has heard, were it told now. Raises NotFound."""
    found = await rows.fetch("select child, envelope, blocks from heard where event = $1", event)
    if not found:
        raise NotFound
    ((child, raw, blocks),) = found
    envelope, known = decode(raw), (await load(rows, [child]))[child]
    told = []
    for body, role, _ in audience(envelope, known):
        if body == agency and concerns(envelope, agency) and (shown := disclosure.shown(envelope, role)):
            places, rule = shown
            classes = [b.data_class for b in envelope.blocks]
            told.append(
                Told(
                    role, rule.clause, raw, redact(blocks, places), [classes[i] for i in places],
                    [c for i, c in enumerate(classes) if i not in places],
                )
            )  # fmt: skip
    return told


class Change(NamedTuple):
    """What a role sees more or less of a kind of event: a class, or (`None`) that it happened at all."""

    more: bool
    event: str
    role: Role
    data_class: DataClass | None
    clause: str


def changes(old: Disclosure, new: Disclosure) -> list[Change]:
    """List what every role sees more or less by another table, by event, role and class. A clause that changes alone is none."""
    return [
        change
        for event in sorted(EVENTS)
        for role in Role
        for change in _changes(event, role, old.find_rule(event, role), new.find_rule(event, role))
    ]


def _changes(event: str, role: Role, old: Rule | None, new: Rule | None) -> Iterator[Change]:
    before, now = _sees(event, old), _sees(event, new)
    for data_class in (None, *DataClass):
        if (data_class in now) != (data_class in before):
            rule = new if data_class in now else old
            assert rule is not None  # noqa: S101 - one of the two shows it
            yield Change(data_class in now, event, role, data_class, rule.clause)


def _sees(event: str, rule: Rule | None) -> set[DataClass | None]:
    if rule is None:
        return set()
    carried = {part.data_class for part in parts_of(EVENTS[event])}
    return {None, *(carried & set(rule.show))}


async def held_by(rows: Connection | Database, roles: Sequence[Role]) -> dict[Role, list[tuple[UUID, int]]]:
    """Return which bodies hold these roles now, and toward how many children."""
    held: dict[Role, list[tuple[UUID, int]]] = {}
    for role, agency, count in await rows.fetch(
        "select role, agency, count(*) from access where role = any($1::text[]) group by role, agency"
        " order by role, count(*) desc, agency",
        [role.value for role in roles],
    ):
        held.setdefault(Role(role), []).append((agency, count))
    return held
