"""Who sees what of one child, by which clause and since when: folded from tellings, grants, erasures and sealings."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from schemas.catalogue import EVENTS
from schemas.described import fields_of
from schemas.envelope import Envelope, decode
from schemas.fields import DataClass
from schemas.notification import AccessEnded, AccessGranted, Role
from schemas.platform import FactCorrected
from schemas.registry import SubjectErased, SubjectSealed, SubjectUnsealed
from services.audit.telling import read_telling
from services.kernel.writing.recording import stamp

GRANTS = (AccessGranted.type, AccessEnded.type)
CLOSING = (SubjectErased.type, SubjectSealed.type, SubjectUnsealed.type)
_FOR_EVER = frozenset({Role.AUTHOR, Role.PARTY, Role.CORRECTED})
"""Roles that no grant gave and none ends: what a body did itself, or was named in."""
_FOR_KEEPER = frozenset({"ledger", "village", "supervisor", "area_police", "school", "emergency", "author"})
"""Whom the keeper of a file may know of: not who works a case of the child, nor who has it in care. [PRV-02]"""
Roles = dict[tuple[UUID, str], dict[str, str]]
"""(body, role) → child id → when the role toward it ended, or nothing while it is held."""


class Reading(NamedTuple):
    """One body that was given one class of one person's data in a role."""

    body: UUID
    role: str
    since: str
    until: str | None
    clauses: Sequence[str]
    first: Any
    """The telling by which it began, a row of `told`."""


class Piece(NamedTuple):
    """One class of one person's data, and who has it."""

    person: str
    whose: str
    data_class: str
    fields: Sequence[str]
    state: str
    readings: Sequence[Reading]


def roles_of(grants: Iterable[bytes]) -> Roles:
    """Return every role that was ever granted toward a child, from these events in their order."""
    roles: Roles = {}
    for envelope in map(decode, grants):
        of = roles.setdefault((UUID(envelope.data["agency"]), envelope.data["role"]), {})
        of[envelope.subject] = envelope.recordedat if envelope.type == AccessEnded.type else ""
    return roles


def keeps(body: UUID, roles: Roles) -> bool:
    """Tell whether a body keeps the child's file now."""
    return "" in roles.get((body, Role.LEDGER), {}).values()


def for_keeper(told: Sequence[Any], own: UUID) -> list[Any]:
    """Return what the keeper of the file may be told: of what it was told itself, who else was, but for cases.

    Who works a case, or has a child in care, may be somebody whom the keeper must not find.
    """
    mine = {row["event"] for row in told if row["agency"] == own}
    return [
        row for row in told if row["agency"] == own or (row["event"] in mine and row["role"] in _FOR_KEEPER)
    ]


def pieces_of(
    told: Sequence[Any], roles: Roles, closing: Iterable[bytes], children: Sequence[UUID]
) -> list[Piece]:
    """Fold tellings, in order of telling, into who has what, by person and class."""
    given: dict[tuple[str, str], dict[tuple[UUID, str], list[Any]]] = {}
    names: dict[tuple[str, str], dict[str, None]] = {}
    whose = {str(child): "child" for child in children}
    for row in told:
        envelope = decode(row["envelope"])
        for person, data_class in _shown(envelope, row["telling"]):
            readers = given.setdefault((person, data_class), {})
            readers.setdefault((row["agency"], row["role"]), []).append(row)
            for subject, words in _fields(envelope, person, data_class):
                whose.setdefault(person, subject)
                names.setdefault((person, data_class), {})[words] = None
    states = _states(closing)
    return [
        Piece(
            person, whose.get(person, "person"), data_class, list(names.get((person, data_class), {})),
            states.get((person, data_class)) or states.get((person, "")) or "open",
            [_reading(*who, rows, roles) for who, rows in readers.items()],
        )
        for (person, data_class), readers in given.items()
    ]  # fmt: skip


def _shown(envelope: Envelope, telling: bytes) -> Iterator[tuple[str, str]]:
    for place in read_telling(telling).shown:
        block = envelope.blocks[place]
        if block.data_class != DataClass.REPORTER:
            yield block.subject, block.data_class


def _fields(envelope: Envelope, person: str, data_class: str) -> Iterator[tuple[str, str]]:
    """List (field that names the person, words) of what may stand in a block; a correction's is what it corrects."""
    if envelope.type == FactCorrected.type:
        return
    for part, _, words in fields_of(EVENTS[envelope.type], DataClass(data_class)):
        if words and envelope.data.get(part.subject) == person:
            yield part.subject, words


def _reading(body: UUID, role: str, rows: Sequence[Any], roles: Roles) -> Reading:
    ended = [""] if role in _FOR_EVER else list(roles.get((body, role), {}).values())
    until = None if "" in ended else max(ended, default=None)
    clauses = list(dict.fromkeys(row["clause"] for row in rows))
    return Reading(body, role, stamp(rows[0]["disclosed_at"]), until, clauses, rows[0])


def _states(closing: Iterable[bytes]) -> dict[tuple[str, str], str]:
    """Return (person, class or none for all) → erased or sealed."""
    states: dict[tuple[str, str], str] = {}
    for envelope in map(decode, closing):
        person = envelope.data["person"]
        if envelope.type == SubjectErased.type:
            states |= dict.fromkeys(((person, c) for c in envelope.data.get("classes") or [""]), "erased")
        elif states.get((person, "")) != "erased":
            states[person, ""] = "sealed" if envelope.type == SubjectSealed.type else "open"
    return states
