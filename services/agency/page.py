"""One child as one agency knows it: the row, the fold over its feed entries, the open tasks that follow."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from schemas.assessment import AssessmentOpened
from schemas.envelope import Envelope, decode
from schemas.notification import (
    AccessEnded,
    AccessGranted,
    NotificationAcknowledged,
    NotificationSent,
    ReactionRefused,
    Role,
)
from schemas.registry import (
    ChildCategoryAssigned,
    ChildIdentified,
    ChildRegistered,
    GuardianChanged,
    GuardianshipDelegated,
    LedgerEntryUpdated,
)
from schemas.reporting import PoliceNoticeSent, ReportAccepted, ReportFiled
from services.kernel.sealing import BlockRef, refs


class Entry(NamedTuple):
    """An event as the feed gave it to this agency, under one role."""

    event: UUID
    role: str
    clause: str
    recorded_at: str
    source: str
    source_seq: int
    disclosed_at: str
    envelope: bytes
    blocks: bytes


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
    """Report id → `filed` or `accepted`."""
    roles: set[str] = field(default_factory=set)
    blocks: list[BlockRef] = field(default_factory=list)
    tasks: dict[tuple[str, UUID], str] = field(default_factory=dict)
    """(kind, what it is about) → since when."""

    def open_fields(self) -> dict[str, Any]:
        """Return what the row stores beside its columns."""
        return {
            "version": self.version, "guardian": self.guardian, "reports": self.reports, "roles": sorted(self.roles)
        }  # fmt: skip


_FACTS = {ChildRegistered.type, LedgerEntryUpdated.type, ChildCategoryAssigned.type}
_NAMED = {ReportFiled.type, PoliceNoticeSent.type}
_FILE_EVENTS = {
    ChildRegistered.type, LedgerEntryUpdated.type, ChildCategoryAssigned.type, GuardianshipDelegated.type,
    GuardianChanged.type,
}  # fmt: skip


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Sort by when things were recorded, never by when they came: every interleaving gives the same page."""
    return sorted(entries, key=lambda e: (e.recorded_at, e.source, e.source_seq, e.role))


def fold(agency: UUID, child: UUID, entries: Sequence[Entry]) -> tuple[Row, list[Entry]]:
    """Return (the row, the entries that stay). Where the last role has ended only the agency's own acts stay."""
    ordered = in_order(entries)
    roles = _roles(ordered)
    if any(decode(e.envelope).type == AccessEnded.type for e in ordered) and not roles:
        ordered = [e for e in ordered if e.role == Role.AUTHOR]
    row = Row(child=child, roles=roles)
    seen: set[UUID] = set()
    blocks: dict[tuple[str, str, str], BlockRef] = {}
    for entry in ordered:
        envelope = decode(entry.envelope)
        row.since = row.since or envelope.time
        if envelope.type in _FACTS or (envelope.type in _NAMED and not row.on_file):
            # The same event may have come under two roles, each with other blocks: all of them, once.
            for ref in refs(envelope, entry.blocks, lambda b: b.role == "child"):
                blocks[ref.event, ref.subject, ref.data_class] = ref
        if entry.event not in seen:
            seen.add(entry.event)
            _apply(row, agency, envelope)
    row.blocks = list(blocks.values())
    return row, ordered


def _roles(ordered: Sequence[Entry]) -> set[str]:
    roles: set[str] = set()
    for entry in ordered:
        envelope = decode(entry.envelope)
        if envelope.type == AccessGranted.type:
            roles.add(envelope.data["role"])
        elif envelope.type == AccessEnded.type:
            roles.discard(envelope.data["role"])
    return roles


def _apply(row: Row, agency: UUID, envelope: Envelope) -> None:  # noqa: C901 - one branch an event type
    data = envelope.data
    row.region = data.get("region", row.region)
    if envelope.type in _FILE_EVENTS:
        row.version += 1
    if envelope.type == ChildRegistered.type:
        row.on_file = True
    elif envelope.type == ChildIdentified.type:
        row.file = UUID(data["file"])
        row.tasks.pop(("identify-child", row.child), None)
    elif envelope.type == GuardianChanged.type:
        row.guardian = data["guardian"]
    elif envelope.type == ReportFiled.type:
        row.reports[data["report"]] = "filed"
        row.tasks["accept-report", UUID(data["report"])] = envelope.time
        row.tasks["identify-child", row.child] = envelope.time
    elif envelope.type == ReportAccepted.type:
        row.reports[data["report"]] = "accepted"
        row.tasks.pop(("accept-report", UUID(data["report"])), None)
    elif envelope.type == NotificationSent.type and data["recipient"] == str(agency):
        row.tasks["acknowledge-notice", UUID(data["notice"])] = envelope.time
    elif envelope.type == NotificationAcknowledged.type:
        row.tasks.pop(("acknowledge-notice", UUID(data["notice"])), None)
    elif envelope.type == AssessmentOpened.type and data["lead"] == str(agency):
        row.tasks["assess", UUID(data["assessment"])] = envelope.time
    elif envelope.type == ReactionRefused.type:
        row.tasks["mend-reaction", UUID(envelope.id)] = envelope.time
