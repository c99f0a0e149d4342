"""The view of duties as they stand: what the clock polls, and what a transfer or a correction finds."""

from datetime import datetime
from uuid import UUID

from schemas.envelope import Envelope
from schemas.notification import (
    DutyDelayed,
    DutyMet,
    DutyMissed,
    DutyMissRescinded,
    DutyOpened,
    DutyReassigned,
)
from services.kernel.database import Connection
from services.notification.reactions import Known, KnownDuty

_RUNS = {DutyOpened.type, DutyReassigned.type, DutyDelayed.type, DutyMissRescinded.type}
_STOPS = {DutyMet.type, DutyMissed.type}


async def keep(rows: Connection, envelope: Envelope) -> None:
    """Fold one event of a duty; one that was folded already, or is of something else, changes nothing."""
    if envelope.type not in _RUNS | _STOPS:
        return
    data = envelope.data
    # A duty that was missed and passed on is missed still; it runs again only where the miss is taken back.
    stands = envelope.type in _STOPS or data.get("paused_at") is not None
    due = None if stands or "due" not in data else datetime.fromisoformat(data["due"])
    if envelope.type == DutyOpened.type:
        await rows.execute(
            "insert into duty (duty, version, child, about, cause, owed_by, met, runs_out)"
            " values ($1, $2, $3, $4, $5, $6, false, $7) on conflict do nothing",
            UUID(data["duty"]), envelope.streamversion, UUID(data["child"]), UUID(data["about"]), UUID(data["cause"]),
            UUID(data["owed_by"]), due,
        )  # fmt: skip
        return
    await rows.execute(
        "update duty set version = $2, owed_by = $3, met = met or $4, runs_out = $5 where duty = $1 and version < $2",
        UUID(data["duty"]), envelope.streamversion, UUID(data["owed_by"]), envelope.type == DutyMet.type, due,
    )  # fmt: skip


async def known_of(rows: Connection, child: UUID) -> Known:
    """Return what is known of a child."""
    moved = await rows.fetch("select sender, receiver from moved where child = $1", child)
    open_ = await rows.fetch("select duty, about, cause, owed_by, met from duty where child = $1", child)
    return Known(
        {row["sender"]: row["receiver"] for row in moved},
        {row["duty"]: KnownDuty(row["about"], row["cause"], row["owed_by"], row["met"]) for row in open_},
    )


async def move(rows: Connection, child: UUID, sender: UUID, receiver: UUID) -> None:
    """Remember a handover: whoever had the child before, the receiver is responsible now."""
    await rows.execute("delete from moved where child = $1 and sender = $2", child, receiver)
    await rows.execute("update moved set receiver = $2 where child = $1", child, receiver)
    await rows.execute(
        "insert into moved (child, sender, receiver) values ($1, $2, $3)"
        " on conflict (child, sender) do update set receiver = excluded.receiver",
        child, sender, receiver,
    )  # fmt: skip
