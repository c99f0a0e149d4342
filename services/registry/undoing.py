"""Imports on record, and one taken back whole: row by row a command, corrected or closed, nothing deleted."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from pydantic import BaseModel, Field

from schemas.envelope import decode
from services.kernel.database import Database
from services.kernel.errors import NotFound, Refusal
from services.kernel.people.auth import Principal
from services.kernel.people.authority import check
from services.kernel.store import EventStore
from services.kernel.world import World
from services.kernel.writing.commands import Answer, Asked, Commands
from services.registry.withdrawing import ENTRIES, WithdrawEntries

_TOGETHER = 250
_READ_TOGETHER = 5_000
_MOST_LISTED = 100


class ImportMade(BaseModel):
    """An import as its office sees it."""

    id: Annotated[UUID, Field(description="导入编号 · Id of the import")]
    made_at: Annotated[datetime, Field(description="导入时间 · When it was made")]
    sha256: Annotated[
        str, Field(description="文件的SHA-256,文件名不保存 · SHA-256 of the file; its name isn't kept")
    ]
    counts: Annotated[
        dict[str, int] | None,
        Field(description="各类行数,未完成则空 · Rows by outcome; empty where it was cut off"),
    ]
    undone_at: Annotated[datetime | None, Field(description="全部撤销的时间 · When all of it was undone")]


@dataclass(frozen=True)
class Undone:
    """What became of one child: `withdrawn`, `unchanged` (nothing left to take back), or `refused`."""

    child: UUID
    outcome: str
    refusal: Refusal | None = None

    def told(self) -> dict[str, Any]:
        """Return its line."""
        line = {"child": str(self.child), "outcome": self.outcome}
        if self.refusal is None:
            return line
        zh, en = self.refusal.sentences
        return line | {"code": self.refusal.code, "zh": zh, "en": en}


class Undoing:
    """The registry's record of imports."""

    def __init__(self, commands: Commands, store: EventStore, database: Database, world: World) -> None:
        """Keep the record in this database, and take back through the same commands that a clerk could issue by hand."""
        self._commands = commands
        self._store = store
        self._database = database
        self._world = world

    async def begin(self, who: Principal, content: bytes) -> UUID:
        """Put an import on record before its first row; returns its id, which its events carry. Raises NotAllowed."""
        check("import-ledger", who, region=who.body.region)
        made = self._world.new_id()
        await self._database.fetch(
            "insert into import (id, body, made_by, made_at, sha256, first_seq) select $1, $2, $3, $4, $5, head from store",
            made, who.body.id, who.post, self._world.now(), hashlib.sha256(content).digest(),
        )  # fmt: skip
        return made

    async def end(self, made: UUID, counts: Mapping[str, int]) -> None:
        """Say that an import is through."""
        await self._database.fetch(
            "update import set last_seq = head, counts = $2 from store where id = $1",
            made, msgspec.json.encode(counts).decode(),
        )  # fmt: skip

    async def made(self, who: Principal) -> list[ImportMade]:
        """Return the office's imports, newest first. Raises NotAllowed."""
        check("import-ledger", who, region=who.body.region)
        rows = await self._database.fetch(
            "select id, made_at, sha256, counts, undone_at from import where body = $1 order by made_at desc limit $2",
            who.body.id, _MOST_LISTED,
        )  # fmt: skip
        return [
            ImportMade(
                id=row["id"], made_at=row["made_at"], sha256=row["sha256"].hex(), undone_at=row["undone_at"],
                counts=None if row["counts"] is None else msgspec.json.decode(row["counts"]),
            )
            for row in rows
        ]  # fmt: skip

    async def entered(self, who: Principal, made: UUID) -> dict[UUID, list[UUID]]:
        """Return what an import of this office entered: events by child. Raises NotAllowed, NotFound."""
        check("import-ledger", who, region=who.body.region)
        found = await self._database.fetch(
            "select first_seq, coalesce(last_seq, head) as last_seq from import, store where id = $1 and body = $2",
            made, who.body.id,
        )  # fmt: skip
        if not found:
            raise NotFound
        seq, last = found[0]
        entered: dict[UUID, list[UUID]] = {}
        while rows := await self._database.fetch(
            "select seq, envelope from event where seq > $1 and seq <= $2 and type = any($3) order by seq limit $4",
            seq, last, [event.type for event in ENTRIES], _READ_TOGETHER,
        ):  # fmt: skip
            for envelope in (decode(row["envelope"]) for row in rows):
                if envelope.correlationid == str(made):
                    entered.setdefault(UUID(envelope.subject), []).append(UUID(envelope.id))
            seq = rows[-1]["seq"]
        return entered

    async def undo(
        self, who: Principal, made: UUID, entered: Mapping[UUID, list[UUID]]
    ) -> AsyncIterator[Undone]:
        """Take back what was entered, a few hundred children at a time; each result is durable when told.

        Undone again it changes nothing. What was used since is refused by name, and stays.
        """
        together, whole = self._world.new_id(), True
        children = list(entered)
        for start in range(0, len(children), _TOGETHER):
            some = children[start : start + _TOGETHER]
            asked = [
                Asked(WithdrawEntries(child=c, events=tuple(entered[c])), who, correlation=together)
                for c in some
            ]
            for child, answer in zip(some, await self._commands.handle_many(asked), strict=True):
                whole = whole and not isinstance(answer, Refusal)
                yield _undone(child, answer)
        if whole:
            await self._database.fetch(
                "update import set undone_at = coalesce(undone_at, $2) where id = $1", made, self._world.now()
            )


def _undone(child: UUID, answer: Answer | Refusal) -> Undone:
    if isinstance(answer, Refusal):
        return Undone(child, "refused", answer)
    return Undone(child, "withdrawn" if answer.events else "unchanged")
