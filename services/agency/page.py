"""One child as one agency knows it: the row, the fold over its feed entries, the open tasks that follow."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from schemas.envelope import Envelope, decode
from schemas.notification import (
    AccessEnded,
    AccessGranted,
    DutyDelayed,
    DutyMet,
    DutyMissed,
    DutyMissRescinded,
    DutyOpened,
    DutyReassigned,
    Role,
)
from schemas.platform import FactCorrected, ReactionRefused
from schemas.registry import (
    ChildCategoryAssigned,
    ChildIdentified,
    ChildRegistered,
    ChildTransferProposed,
    GuardianChanged,
    GuardianshipDelegated,
    LedgerEntryClosed,
    LedgerEntryReopened,
    LedgerEntryUpdated,
    SubjectErased,
    SubjectSealed,
    SubjectUnsealed,
)
from schemas.reporting import PoliceNoticeSent, ReportAccepted, ReportFiled, ReportWithdrawn
from services.kernel.keys.sealing import BlockRef, refs
from services.kernel.writing.correcting import corrected_field

uuid_of = lru_cache(1 << 12)(UUID)
"""An id that is met again and again, as itself."""
CORRECTS = "corrects:"
"""Role of a block that holds the right value of a field; the field's name follows."""


class _Given(NamedTuple):
    event: UUID
    role: str
    clause: str
    recorded_at: str
    source: str
    source_seq: int
    disclosed_at: str
    envelope: bytes
    blocks: bytes


class Entry(_Given):
    """An event as the feed gave it to this agency, under one role."""

    @cached_property
    def told(self) -> Envelope:
        """The envelope, read once: a fold looks at it several times."""
        return decode(self.envelope)

    @cached_property
    def closed(self) -> list[BlockRef]:
        """The blocks that are shown, closed."""
        return refs(self.told, self.blocks)


class Task(NamedTuple):
    """Something to do: since when, until when, and whether that has passed."""

    since: str
    due: str | None = None
    missed: bool = False


@dataclass
class Row:
    """The head of a child's page: open facts, closed blocks, and what is to be done."""

    child: UUID
    file: UUID | None = None
    region: str | None = None
    on_file: bool = False
    since: str = ""
    version: int = 0
    guardian: str | None = None
    reports: dict[str, str] = field(default_factory=dict)
    """Report id → `filed`, `withdrawn` (by the reporter, to be seen to all the same) or `accepted`."""
    roles: set[str] = field(default_factory=set)
    blocks: list[BlockRef] = field(default_factory=list)
    tasks: dict[tuple[str, UUID], "Task"] = field(default_factory=dict)
    """(kind, what it is about) → what there is to do."""
    erased: set[tuple[str, str | None]] = field(default_factory=set)
    """(person, class) of what was erased; without a class it is all of that person's data."""
    sealed: set[str] = field(default_factory=set)
    """Persons whose data nobody reads until two posts unseal them."""

    def open_fields(self) -> dict[str, Any]:
        """Return what the row stores beside its columns."""
        return {
            "version": self.version, "guardian": self.guardian, "reports": self.reports, "roles": sorted(self.roles),
            "sealed": sorted(self.sealed),
        }  # fmt: skip


_OPENS = {ChildRegistered.type, LedgerEntryReopened.type}
_FACTS = {ChildRegistered.type, LedgerEntryUpdated.type, ChildCategoryAssigned.type}
_NAMED = {ReportFiled.type, PoliceNoticeSent.type, ChildTransferProposed.type}
_FILE_EVENTS = {
    ChildRegistered.type, LedgerEntryUpdated.type, LedgerEntryClosed.type, LedgerEntryReopened.type,
    ChildCategoryAssigned.type, GuardianshipDelegated.type, GuardianChanged.type,
}  # fmt: skip
_OWED = {DutyOpened.type, DutyReassigned.type, DutyDelayed.type, DutyMissed.type, DutyMissRescinded.type}
_KEPT = {Role.AUTHOR, Role.PARTY, Role.CORRECTED}
"""What stays with a body whose access ended: its own acts, what concerned it, and that it was told wrong."""


def read_entries(rows: Iterable[Sequence[Any]]) -> list[Entry]:
    """Return rows as entries. What one event was told as under several roles is read once."""
    found: list[Entry] = []
    first: dict[UUID, Entry] = {}
    for row in rows:
        entry = Entry(*row)
        same = first.setdefault(entry.event, entry)
        if entry is not same and entry.envelope == same.envelope:
            entry.told = same.told
            if entry.blocks == same.blocks:
                entry.closed = same.closed
        found.append(entry)
    return found


def fields_in(block: BlockRef, opened: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the facts of an opened block; one that corrects a field holds that field's right value."""
    if not block.role.startswith(CORRECTS):
        return opened
    return corrected_field({"field": block.role.removeprefix(CORRECTS)}, opened)


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Sort by when things were recorded, never by when they came: every interleaving gives the same page."""
    return sorted(entries, key=lambda e: (e.recorded_at, e.source, e.source_seq, e.role))


def fold(agency: UUID, child: UUID, entries: Sequence[Entry]) -> tuple[Row, list[Entry]]:
    """Return (the row, the entries that stay). Where the last role has ended only what is the agency's own stays."""
    ordered = in_order(entries)
    roles, ended = _roles(ordered)
    if ended:
        ordered = [e for e in ordered if e.role in _KEPT]
    row = Row(child=child, roles=roles)
    right = _right_values(ordered)
    seen: set[UUID] = set()
    blocks: dict[tuple[str, str, str, str], BlockRef] = {}
    facts: set[tuple[str, str, str, str]] = set()
    for entry in ordered:
        envelope = entry.told
        row.since = row.since or envelope.time
        if envelope.type in _FACTS or (envelope.type in _NAMED and not row.on_file):
            # The same event may have come under two roles, each with other blocks: all of them, once.
            for ref in (r for r in entry.closed if r.role == "child"):
                for each in (ref, *right.get((ref.event, ref.subject, ref.data_class), ())):
                    place = each.event, each.subject, each.data_class, each.role
                    blocks[place] = each
                    if envelope.type in _FACTS:
                        facts.add(place)
        if entry.event not in seen:
            seen.add(entry.event)
            _apply(row, agency, envelope)
        # What it entered itself is not on its ledger once the child is another's.
        row.on_file = row.on_file or (envelope.type in _OPENS and entry.role not in _KEPT)
        if envelope.type == LedgerEntryClosed.type:
            # Entered in error: what the ledger said of the child counts no more.
            row.on_file = False
            blocks = {place: ref for place, ref in blocks.items() if place not in facts}
    row.blocks = [b for b in blocks.values() if row.erased.isdisjoint({(b.subject, None), b.pair})]
    return row, ordered


def _right_values(ordered: Sequence[Entry]) -> dict[tuple[str, str, str], list[BlockRef]]:
    """Return the blocks of corrections by the block that each belongs behind, oldest first."""
    found: dict[tuple[str, str, str], list[BlockRef]] = {}
    for entry in ordered:
        envelope = entry.told
        if envelope.type == FactCorrected.type:
            for ref in entry.closed:
                place = envelope.data["corrects"], ref.subject, ref.data_class
                found.setdefault(place, []).append(ref._replace(role=CORRECTS + envelope.data["field"]))
    return found


def _roles(ordered: Sequence[Entry]) -> tuple[set[str], bool]:
    """Return (the roles in force, whether there was one and the last has ended)."""
    roles: set[str] = set()
    ended = False
    for entry in ordered:
        envelope = entry.told
        if envelope.type == AccessGranted.type:
            roles.add(envelope.data["role"])
        elif envelope.type == AccessEnded.type:
            roles.discard(envelope.data["role"])
            ended = True
    return roles, ended and not roles


def _apply(row: Row, agency: UUID, envelope: Envelope) -> None:
    data = envelope.data
    row.region = data.get("region", row.region)
    if envelope.type in _FILE_EVENTS:
        row.version += 1
    if envelope.type == ChildIdentified.type:
        row.file = UUID(data["file"])
    elif envelope.type == GuardianChanged.type:
        row.guardian = data["guardian"]
    elif envelope.type == SubjectErased.type:
        row.erased.update((data["person"], c) for c in data.get("classes") or [None])
    elif envelope.type == SubjectSealed.type:
        row.sealed.add(data["person"])
    elif envelope.type == SubjectUnsealed.type:
        row.sealed.discard(data["person"])
    elif envelope.type == ReportFiled.type:
        row.reports[data["report"]] = "filed"
    elif envelope.type == ReportAccepted.type:
        row.reports[data["report"]] = "accepted"
    elif envelope.type == ReportWithdrawn.type and row.reports.get(data["report"]) == "filed":
        row.reports[data["report"]] = "withdrawn"
    elif envelope.type == ReactionRefused.type:
        row.tasks["mend-reaction", UUID(envelope.id)] = Task(envelope.time)
    elif "duty" in data:
        _duty(row, agency, envelope)


def _duty(row: Row, agency: UUID, envelope: Envelope) -> None:
    """What a body owes is its task; what was missed is a task of the body above, until it is met or taken back."""
    data = envelope.data
    about = UUID(data["about"])
    own, above = (data["rule"], about), ("missed-duty", UUID(data["duty"]))
    due = data.get("due")
    if envelope.type == DutyMissed.type and data.get("superior") == str(agency):
        row.tasks[above] = Task(data["due"], due, missed=True)
    elif envelope.type in {DutyMet.type, DutyMissRescinded.type}:
        row.tasks.pop(above, None)
    if envelope.type == DutyMet.type or data.get("previous") == str(agency):
        row.tasks.pop(own, None)
    elif data.get("owed_by") == str(agency) and envelope.type in _OWED:
        told = row.tasks.get(own)
        since = data.get("starts") or (told.since if told else envelope.time)
        row.tasks[own] = Task(since, due, missed=envelope.type == DutyMissed.type)
