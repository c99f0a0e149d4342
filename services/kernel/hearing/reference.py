"""Each service's own copy of bodies, posts, regions and adopted packs, folded from the reference topic."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from schemas.envelope import decode
from schemas.packs import KnownPack, known_packs
from schemas.reference import BodyKind
from services.kernel.bus.port import REFERENCE, Record
from services.kernel.database import Connection, Database

_LOOK_SECONDS = 1.0
_KINDS = {
    "reference.region-registered.v1": ("region", "region"),
    "reference.body-registered.v1": ("body", "body"),
    "reference.post-assigned.v1": ("post", "post"),
    "reference.post-ended.v1": ("ended", "post"),
    "reference.policy-pack-adopted.v1": ("pack", None),
    "reference.disclosure-table-proposed.v1": ("proposed", "content_hash"),
    "reference.disclosure-table-adopted.v1": ("adopted", "content_hash"),
}


_POLICE = {BodyKind.POLICE, BodyKind.POLICE_STATION}


@dataclass(frozen=True)
class Body:
    """A body as services know it."""

    id: UUID
    kind: BodyKind
    name: str
    english: str
    region: str
    superior: UUID | None


@dataclass(frozen=True)
class Post:
    """A post: who holds it, in which body, from when to when."""

    id: UUID
    body: UUID
    person: UUID
    duty: str
    valid_from: date
    valid_to: date | None
    ended: bool = False


def stem(region: str) -> str:
    """Return the part of a region's code that all codes inside it begin with: 6, 9 or 12 digits."""
    if region.endswith("000000"):
        return region[:6]
    return region[:9] if region.endswith("000") else region


def covers(outer: str, inner: str) -> bool:
    """Tell whether a region lies in another (or is it)."""
    return inner.startswith(stem(outer))


class Reference:
    """The copy in memory, kept by the `reference` consumer of the service; rows stand in its own database."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.seq = 0
        self.bodies: dict[UUID, Body] = {}
        self.posts: dict[UUID, Post] = {}
        self._posts_of: dict[UUID, dict[UUID, Post]] = {}
        self.regions: dict[str, dict[str, Any]] = {}
        self._packs: list[dict[str, Any]] = []
        self.proposed: dict[str, dict[str, Any]] = {}
        """Tables of disclosure that one post proposes and no other has adopted yet, by the hash of their content."""
        self.disclosure: str | None = None
        """The table of disclosure that was adopted last; none: the one that this version ships."""

    async def load(self, database: Database) -> None:
        """Read the rows that an earlier run, or another process, has folded and that are news here."""
        for row in await database.fetch(
            "select kind, data, seq from reference where seq > $1 order by seq", self.seq
        ):
            self._take(row["kind"], msgspec.json.decode(row["data"]), row["seq"])

    async def follow(self, database: Database) -> None:
        """Read what other processes of the service fold: one of them alone is given the topic's partition."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self.load(database)

    async def fold(self, rows: Connection, records: Sequence[Record]) -> None:
        """Keep the newest of each; facts are open, so no key is needed."""
        for record in records:
            envelope = decode(record.value)
            kind, name = _KINDS[envelope.type]
            key = str(envelope.data[name]) if name else envelope.id
            await rows.execute(
                "insert into reference (kind, id, seq, data) values ($1, $2, $3, $4) on conflict (kind, id)"
                " do update set seq = excluded.seq, data = excluded.data",
                kind, key, record.seq, msgspec.json.encode(envelope.data),
            )  # fmt: skip
            self._take(kind, envelope.data, record.seq)

    def _take(self, kind: str, data: dict[str, Any], seq: int) -> None:
        if kind == "region":
            self.regions[data["region"]] = data
        elif kind == "body":
            body = msgspec.convert({"id": data["body"], "superior": None} | data, Body)
            self.bodies[body.id] = body
        elif kind == "post":
            self._hold(msgspec.convert({"id": data["post"], "valid_to": None} | data, Post))
        elif kind == "ended":
            if post := self.posts.get(UUID(data["post"])):  # its row may be newer: it was assigned again
                self._hold(replace(post, ended=True))
        elif kind == "proposed":
            self.proposed[data["content_hash"]] = data
        elif kind == "adopted":
            self.proposed.pop(data["content_hash"], None)
            self.disclosure = data["content"]
        else:
            self._packs.append(data)
        self.seq = max(self.seq, seq)

    def _hold(self, post: Post) -> None:
        before = self.posts.get(post.id)
        if before is not None:
            self._posts_of[before.person].pop(post.id)
        self.posts[post.id] = post
        self._posts_of.setdefault(post.person, {})[post.id] = post

    def may_be_police(self, body: UUID) -> bool:
        """Tell whether a body's looks and tellings are kept from other bodies; one that isn't known here may be police."""
        found = self.bodies.get(body)
        return found is None or found.kind in _POLICE

    def held(self, person: UUID, today: date) -> list[Post]:
        """Return the posts that a person holds on a day, in bodies that are known; in the order of their ids."""
        found = [
            p for p in self._posts_of.get(person, {}).values()
            if p.valid_from <= today and (p.valid_to is None or today <= p.valid_to) and not p.ended
            and p.body in self.bodies
        ]  # fmt: skip
        return sorted(found, key=lambda p: p.id)

    def find_body(self, kind: BodyKind, region: str) -> Body | None:
        """Return the body of this kind that answers for a region: the one with the smallest area around it."""
        found = [b for b in self.bodies.values() if b.kind is kind and covers(b.region, region)]
        return max(found, key=lambda b: len(stem(b.region)), default=None)

    def superior_of(self, body: UUID) -> UUID | None:
        """Return the body above, where both are on record."""
        known = self.bodies.get(body)
        return known.superior if known else None

    def kind_of(self, body: UUID) -> BodyKind | None:
        """Return the kind of a body, if it is on record."""
        known = self.bodies.get(body)
        return known.kind if known else None

    def find_body_id(self, kind: BodyKind, region: str) -> UUID | None:
        """Return the id of that body, or None."""
        found = self.find_body(kind, region)
        return found.id if found else None

    def find_pack(self, region: str, day: date) -> KnownPack | None:
        """Return the pack in force in a region on a day, of those that this version knows."""
        adopted = [
            p for p in self._packs
            if covers(p["region"], region) and date.fromisoformat(p["effective_from"]) <= day
        ]  # fmt: skip
        newest = max(adopted, key=lambda p: (len(stem(p["region"])), p["effective_from"]), default=None)
        return known_packs().get(newest["content_hash"]) if newest else None


__all__ = ["REFERENCE", "Body", "Post", "Reference", "covers", "stem"]
