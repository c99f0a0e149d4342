"""Entries taken back: a file entered in error is closed, an update is corrected to what stood before (PLT-02).

Nothing is deleted, and whoever was told is told of it.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

from pydantic import Field

from schemas.event import Event
from schemas.fields import ChildId, EventId
from schemas.platform import FactCorrected
from schemas.registry import (
    ChildCategoryAssigned,
    ChildRegistered,
    Closing,
    LedgerEntryClosed,
    LedgerEntryReopened,
    LedgerEntryUpdated,
)
from services.kernel.errors import NotFound, Refusal
from services.kernel.writing.correcting import Correction, correct
from services.kernel.writing.decider import Command, Context
from services.registry.facts import facts_of

OPENING = (ChildRegistered, LedgerEntryReopened)
ENTRIES = (*OPENING, LedgerEntryUpdated)
"""What can be taken back; categories follow by themselves."""
_BASIS = "WITHDRAWN"


class EntryInUse(Refusal):
    """该档案登记后已有其他办理(更新、委托、核实或移交),不能整体撤回:请逐项更正。 · The file was used since it was entered (updated, delegated, identified or moved): correct it item by item."""  # noqa: E501

    status = 409


class EntryClosed(Refusal):
    """该档案因误录已注销:更新台账信息(须含姓名)即可恢复。 · The file was closed as entered in error: update its ledger entry, with the name, to open it again."""  # noqa: E501

    status = 409


class NotWithdrawable(Refusal):
    """只能撤回登记和台账更新,其他事项请更正。 · Only registrations and ledger updates can be taken back."""


class WithdrawEntries(Command):
    """Take back what was entered of one child by mistake: its registration, or updates of its ledger entry. [PLT-02]"""

    path: ClassVar[str] = "withdraw-entries"
    title: ClassVar[tuple[str, str]] = ("撤回误录信息", "Take entries back")
    requirements: ClassVar[tuple[str, ...]] = ("PLT-02", "REG-06")

    child: ChildId
    events: Annotated[
        tuple[EventId, ...],
        Field(
            min_length=1, max_length=50,
            description="要撤回的登记或更新事件 · Events to take back: registrations and updates",
        ),
    ]  # fmt: skip

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, Self]]:  # noqa: ARG002 - nothing new
        """One child."""
        yield self.child, self


def withdraw(
    command: WithdrawEntries, region: str, context: Context
) -> tuple[list[LedgerEntryClosed | FactCorrected], dict[str, Any] | None, date | None]:
    """Return (what takes the entries back, the facts that are left and their closing date, or None where none are).

    Raises NotFound where the file holds no such event, NotWithdrawable, EntryInUse.
    """
    taken, known = set(command.events), dict(context.history)
    if not taken <= known.keys():
        raise NotFound
    if other := next((known[i] for i in command.events if not isinstance(known[i], ENTRIES)), None):
        raise NotWithdrawable(type=other.type)
    life = _since_it_opened(context.history)
    if not life:
        return [], None, None
    if life[0][0] in taken:
        if _used(life, taken):
            raise EntryInUse
        closed = LedgerEntryClosed(child=command.child, region=region, reason=Closing.ENTERED_IN_ERROR)
        return [closed], None, None
    corrected: list[LedgerEntryClosed | FactCorrected] = []
    facts: dict[str, Any] = {}
    day: date | None = None
    for event, entry in life:
        if not isinstance(entry, ChildRegistered | LedgerEntryUpdated):
            continue
        told = facts_of(entry)
        if event in taken:
            before = {name: facts.get(name) for name in told}
            for name in told:
                wrong = Correction(event=event, field=name, value=before[name], basis=_BASIS)
                corrected += correct(wrong, command.child, region, context)
            told = {name: value for name, value in before.items() if value is not None}
        else:
            day = entry.closing_date
        facts |= told
    return corrected, facts if corrected else None, day


def _since_it_opened(history: Sequence[tuple[UUID, Event]]) -> Sequence[tuple[UUID, Event]]:
    """Return the events since the file was last opened; none where it is closed."""
    at = max(
        (i for i, (_, e) in enumerate(history) if isinstance(e, (*OPENING, LedgerEntryClosed))), default=0
    )
    life = history[at:]
    return life if life and isinstance(life[0][1], OPENING) else ()


def _used(life: Sequence[tuple[UUID, Event]], taken: set[UUID]) -> bool:
    """Tell whether anything else was entered since: an update that changes nothing any more is nothing."""
    facts: dict[str, Any] = {}
    for i, event in life:
        if isinstance(event, ChildRegistered | LedgerEntryUpdated):
            told = facts_of(event)
            if i not in taken and any(facts.get(name) != value for name, value in told.items()):
                return True
            facts |= told
        elif i not in taken and not isinstance(event, ChildCategoryAssigned):
            return True
    return False
