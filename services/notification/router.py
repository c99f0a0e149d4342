"""The router: every event of a child goes to each body with a role toward it, with the blocks that its role is shown."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from schemas.envelope import Envelope, decode
from schemas.notification import AccessEnded, AccessGranted, Role
from services.kernel.bus import REFERENCE, Record
from services.kernel.database import Connection
from services.kernel.world import World
from services.notification.disclosure import Disclosure, concerns


class Heard(NamedTuple):
    """An event with what the router keeps of it."""

    envelope: Envelope
    partition: int


class Shown(NamedTuple):
    """A feed row before it is numbered."""

    agency: UUID
    child: UUID
    event: UUID
    partition: int
    role: str
    clause: str
    places: list[int]
    pairs: list[tuple[str, str]]


class Router:
    """Folds events and grants of all services into the feed. It routes what it can't read."""

    def __init__(self, disclosure: Disclosure, world: World) -> None:
        """Route by this table."""
        self._disclosure = disclosure
        self._world = world

    async def fold(self, rows: Connection, records: Sequence[Record]) -> None:
        """Route these records, in order. A grant appends the permitted history first (back-fill)."""
        heard = [(r, decode(r.value)) for r in records if r.source != REFERENCE]
        await _remember(rows, heard)
        children = {UUID(e.subject) for _, e in heard}
        grants = await _grants(rows, children)
        history = await self._history(
            rows, {UUID(e.subject) for _, e in heard if e.type == AccessGranted.type}
        )
        shown: list[Shown] = []
        for record, envelope in heard:
            child, now = UUID(envelope.subject), Heard(envelope, record.partition)
            held = grants.setdefault(child, set())
            agency = UUID(envelope.data["agency"]) if "agency" in envelope.data else None
            if envelope.type == AccessGranted.type and agency is not None:
                role = Role(envelope.data["role"])
                held.add((agency, role))
                for past in history.get(child, []):
                    shown += self._show(past, agency, role)
            if envelope.onbehalfof is not None:
                shown += self._show(now, UUID(envelope.onbehalfof), Role.AUTHOR)
            for body, role in sorted(held):
                shown += self._show(now, body, role)
            if envelope.type == AccessEnded.type and agency is not None:
                held.discard((agency, Role(envelope.data["role"])))
        await _keep_grants(rows, children, grants)
        await self._feed(rows, shown)

    def _show(self, heard: Heard, agency: UUID, role: Role) -> list[Shown]:
        envelope = heard.envelope
        found = self._disclosure.shown(envelope, role)
        if found is None or not concerns(envelope, str(agency)):
            return []
        places, rule = found
        pairs = [(b.subject, b.data_class) for i, b in enumerate(envelope.blocks) if i in places]
        return [
            Shown(
                agency, UUID(envelope.subject), UUID(envelope.id), heard.partition, role.value, rule.clause, places,
                pairs,
            )
        ]  # fmt: skip

    async def _history(self, rows: Connection, children: set[UUID]) -> dict[UUID, list[Heard]]:
        if not children:
            return {}
        found: dict[UUID, list[Heard]] = {}
        for row in await rows.fetch(
            "select child, partition, envelope from heard where child = any($1::uuid[]) order by recorded_at, source, seq",
            list(children),
        ):
            found.setdefault(row["child"], []).append(Heard(decode(row["envelope"]), row["partition"]))
        return found

    async def _feed(self, rows: Connection, shown: list[Shown]) -> None:
        """Number and keep feed rows; the head's lock makes `seq` dense, in commit order."""
        if not shown:
            return
        head = await rows.fetchval("select head from feed_head for update")
        known = {
            tuple(row)
            for row in await rows.fetch(
                "select agency, event, role from feed where event = any($1::uuid[])",
                list({s.event for s in shown}),
            )
        }
        fresh: dict[tuple[Any, ...], Shown] = {}
        for s in shown:
            if (s.agency, s.event, s.role) not in known:
                fresh.setdefault((s.agency, s.event, s.role), s)
        now: datetime = self._world.now()
        await rows.executemany(
            "insert into feed (seq, partition, agency, child, event, role, clause, rules_hash, shown, disclosed_at)"
            " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            [
                (
                    head + i, s.partition, s.agency, s.child, s.event, s.role, s.clause,
                    self._disclosure.content_hash, s.places, now,
                )
                for i, s in enumerate(fresh.values(), 1)
            ],
        )  # fmt: skip
        pairs = sorted(
            {(s.agency, subject, data_class) for s in fresh.values() for subject, data_class in s.pairs}
        )
        await rows.execute(
            "insert into disclosed select * from unnest($1::uuid[], $2::uuid[], $3::text[]) on conflict do nothing",
            [a for a, _, _ in pairs], [UUID(s) for _, s, _ in pairs], [c for _, _, c in pairs],
        )  # fmt: skip
        await rows.execute("update feed_head set head = $1", head + len(fresh))


async def _remember(rows: Connection, heard: list[tuple[Record, Envelope]]) -> None:
    await rows.executemany(
        "insert into heard (event, source, seq, child, partition, recorded_at, envelope, blocks)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8)",
        [
            (UUID(e.id), r.source, r.seq, UUID(e.subject), r.partition, e.recordedat, r.value, r.blocks)
            for r, e in heard
        ],
    )


async def _grants(rows: Connection, children: set[UUID]) -> dict[UUID, set[tuple[UUID, Role]]]:
    grants: dict[UUID, set[tuple[UUID, Role]]] = {}
    for row in await rows.fetch(
        "select child, agency, role from access where child = any($1::uuid[])", list(children)
    ):
        grants.setdefault(row["child"], set()).add((row["agency"], Role(row["role"])))
    return grants


async def _keep_grants(
    rows: Connection, children: set[UUID], grants: dict[UUID, set[tuple[UUID, Role]]]
) -> None:
    await rows.execute("delete from access where child = any($1::uuid[])", list(children))
    await rows.executemany(
        "insert into access (child, agency, role) values ($1, $2, $3)",
        [(child, agency, role.value) for child in children for agency, role in grants.get(child, ())],
    )
