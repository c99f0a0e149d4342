"""What the auditor asks: what was known when, who was told, and the proofs. Every look is recorded first."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from schemas.catalogue import EVENTS
from schemas.envelope import decode
from schemas.fields import DataClass
from schemas.look import read_look
from schemas.notification import Role
from schemas.reference import BodyKind
from schemas.words import CLASSES, ROLES
from services.audit.answers import (
    Access,
    BodyTold,
    Checkpoint,
    Disclosed,
    Hashes,
    Item,
    Kept,
    Key,
    Known,
    Proof,
    Proved,
    Read,
    Reader,
    Recipient,
    Replaced,
    Seen,
)
from services.audit.checkpoints import Checkpoints, LeafDiffers
from services.audit.log import Logs
from services.audit.note import Line, Signer
from services.audit.reads import Reads
from services.audit.seeing import CLOSING, GRANTS, Piece, for_keeper, keeps, pieces_of, roles_of
from services.audit.told import Told
from services.kernel.bus.port import FEED
from services.kernel.database import Database
from services.kernel.doors.looks import Looks
from services.kernel.errors import NotAllowed, NotFound
from services.kernel.hearing.reference import Reference
from services.kernel.people.auth import Principal
from services.kernel.store import leaf_hash
from services.kernel.world import World
from services.kernel.writing.recording import stamp

PAGE = 200
MOST_LOOKS = 200
_MAY_ASK = {BodyKind.AUDITOR}
"""Audit offices and procuratorates: one kind of body here. Nobody else, but for what a file's keeper may ask."""
_KEEP = {BodyKind.TOWNSHIP}
"""Who may keep a child's file."""


class Auditing:
    """Answers the auditor."""

    def __init__(
        self, database: Database, signer: Signer, looks: Looks, reference: Reference, world: World
    ) -> None:
        """Answer from these."""
        self._logs = Logs(database)
        self._told = Told(database)
        self._reads = Reads(database)
        self._signer = signer
        self._checkpoints = Checkpoints(database, signer, world)
        self._looks = looks
        self._world = world
        self._reference = reference
        self.ping = self._checkpoints.ping

    def key(self) -> Key:
        """Return the public key, for whoever is signed in."""
        replaced = [Replaced(at=r.at, key=r.key) for r in self._signer.renewed]
        return Key(name=self._signer.name, key=self._signer.public, replaced=replaced)

    def bodies(self) -> list[BodyTold]:
        """Return the bodies that take part, by region and name, for whoever is signed in."""
        found = sorted(self._reference.bodies.values(), key=lambda body: (body.region, body.name))
        return [BodyTold(id=b.id, name=b.name, kind=b.kind, region=b.region) for b in found]

    async def signed(self, who: Principal) -> Checkpoint:
        """Return a checkpoint of this moment."""
        await self._record(who, "checkpoint", [])
        note, _ = await self._checkpoints.sign()
        return Checkpoint(note=note, key=self._signer.public, missing=await self._logs.missing())

    async def known(self, who: Principal, body: UUID, child: UUID, until: datetime) -> Known:
        """Return what a body had been told, had acknowledged and had read about a child at a moment."""
        _permit(who)
        ids = await self._told.ids_of(child, until)
        await self._record(who, "known", [str(body), *map(str, ids)])
        note, logs = await self._checkpoints.sign()
        told = await self._told.told(body, ids, until)
        acknowledged = await self._told.acknowledged(body, ids, until)
        read = await self._reads.of(body, ids, until)
        places = {(row["store"], row["place"]) for row in (*told, *acknowledged)}
        said = [(FEED, row["seq"], row["telling"]) for row in told]
        said += [(row["log"], row["seq"], row["look"]) for row in read]
        proofs = await self._proofs([*places, *((log, seq) for log, seq, _ in said)], logs)
        _unaltered([(row["store"], row["place"], row["envelope"]) for row in (*told, *acknowledged)], proofs)
        _unaltered(said, proofs)
        return Known(
            until=stamp(until), ids=ids, told=[_told(row, proofs) for row in told],
            acknowledged=[Item(**_event(row, proofs)) for row in acknowledged],
            read=[_read(row, proofs) for row in read], checkpoint=note,
        )  # fmt: skip

    async def disclosed(
        self, who: Principal, body: UUID, since: datetime, until: datetime, after: int
    ) -> Disclosed:
        """Return what was disclosed to a body in a time, of whomever, a page at a time."""
        await self._record(who, "disclosed", [str(body)])
        note, logs = await self._checkpoints.sign()
        told = await self._told.told_to(body, since, until, after, PAGE)
        proofs = await self._proofs(
            [place for row in told for place in ((row["store"], row["place"]), (FEED, row["seq"]))], logs
        )
        _unaltered([(row["store"], row["place"], row["envelope"]) for row in told], proofs)
        _unaltered([(FEED, row["seq"], row["telling"]) for row in told], proofs)
        more = str(told[-1]["seq"]) if len(told) == PAGE else None
        return Disclosed(told=[_told(row, proofs) for row in told], next=more, checkpoint=note)

    async def access(self, who: Principal, child: UUID, until: datetime) -> Access:
        """Return who sees what of a child, and who looked: all of it to auditors, its part to the keeper of the file.

        Raises NotFound for whoever doesn't keep it, or names an id of the child that it was never told.
        """
        whole = who.kind in _MAY_ASK
        if not whole and who.kind not in _KEEP:
            raise NotAllowed
        ids = await self._told.ids_of(child, self._world.now())
        roles = roles_of(await self._told.events_of(ids, GRANTS))
        told = await self._told.told_of(ids)
        bodies = None
        if not whole:
            known = {row["child"] for row in told if row["agency"] == who.body.id}
            ids = (
                [each for each in ids if each in known]
                if child in known and keeps(who.body.id, roles)
                else []
            )
            told = for_keeper(told, who.body.id)
            bodies = {row["agency"] for row in told if not self._reference.may_be_police(row["agency"])}
        await self._looks.record(who, "access", ids)
        if not told or not ids:
            raise NotFound
        note, logs = await self._checkpoints.sign()
        pieces = pieces_of(told, roles, await self._told.events_of(ids, CLOSING), ids)
        first = [(FEED, r.first["seq"], r.first["telling"]) for piece in pieces for r in piece.readings]
        proofs = await self._proofs([(log, seq) for log, seq, _ in first], logs)
        _unaltered(first, proofs)
        looked = await self._reads.at(ids, until, bodies, MOST_LOOKS + 1)
        return Access(
            ids=ids, whole=whole, kept=[self._kept(piece, proofs) for piece in pieces],
            looks=[self._seen(row, who, whole=whole) for row in looked[:MOST_LOOKS]],
            earlier=len(looked) > MOST_LOOKS, checkpoint=note,
        )  # fmt: skip

    def _kept(self, piece: Piece, proofs: Mapping[tuple[str, int], Proof]) -> Kept:
        zh, en = CLASSES[DataClass(piece.data_class)]
        readers = [
            Reader(
                body=r.body, name=self._name(r.body), role=r.role, role_zh=ROLES[Role(r.role)][0],
                role_en=ROLES[Role(r.role)][1], clauses=list(r.clauses), since=r.since, until=r.until,
                telling=r.first["telling"].decode(), proof=proofs.get((FEED, r.first["seq"])),
            )
            for r in piece.readings
        ]  # fmt: skip
        return Kept(
            person=piece.person, whose=piece.whose, data_class=piece.data_class, zh=zh, en=en, fields=list(piece.fields),
            state=piece.state, readers=readers,
        )  # fmt: skip

    def _seen(self, row: Any, who: Principal, *, whole: bool) -> Seen:
        look = read_look(row["look"])
        post = self._reference.posts.get(UUID(look.post)) if whole or look.body == str(who.body.id) else None
        return Seen(
            at=look.at, name=self._name(UUID(look.body)), post=post.duty if post else None, purpose=look.purpose,
            operation=look.operation, classes=look.classes, log=row["log"], seq=row["seq"],
        )  # fmt: skip

    async def proof(self, who: Principal, store: str, seq: int) -> Proved:
        """Return the proof that a place is in a log, against a checkpoint of this moment. Raises NotFound."""
        await self._record(who, "proof", [store, str(seq)])
        note, logs = await self._checkpoints.sign()
        found = await self._proofs([(store, seq)], logs)
        if (store, seq) not in found:
            raise NotFound
        return Proved(proof=found[store, seq], checkpoint=note)

    async def _proofs(
        self, places: Sequence[tuple[str, int]], logs: Mapping[str, Line]
    ) -> dict[tuple[str, int], Proof]:
        """Return the proof of each place that the logs hold without a gap, with one question a log."""
        proofs: dict[tuple[str, int], Proof] = {}
        for store, line in logs.items():
            seqs = [seq for log, seq in places if log == store and seq <= line.size]
            for seq, (leaf, hashes) in (await self._logs.inclusions(store, seqs, line.size)).items():
                proofs[store, seq] = Proof(
                    store=store, index=seq - 1, size=line.size, root=line.root.hex(), leaf=leaf.hex(),
                    hashes=[h.hex() for h in hashes],
                )  # fmt: skip
        return proofs

    async def recipients(self, who: Principal, event: UUID) -> list[Recipient]:
        """Return everybody who was told of an event, in order of telling."""
        await self._record(who, "told", [str(event)])
        return [
            Recipient(
                seq=r["seq"], body=r["agency"], name=self._name(r["agency"]), role=r["role"], clause=r["clause"],
                disclosed_at=stamp(r["disclosed_at"]), classes=r["classes"],
            )
            for r in await self._told.recipients(event)
        ]  # fmt: skip

    def _name(self, body: UUID) -> str:
        found = self._reference.bodies.get(body)
        return found.name if found else str(body)

    async def consistency(self, who: Principal, store: str, old: int, new: int) -> Hashes:
        """Return the proof that the log did not change its beginning. Raises NotFound."""
        await self._record(who, "consistency", [store])
        try:
            proof = await self._logs.consistency(store, old, new)
            before, after = await self._logs.root(store, old), await self._logs.root(store, new)
        except (KeyError, ValueError) as error:
            raise NotFound from error
        return Hashes(hashes=[h.hex() for h in proof], before=before.hex(), after=after.hex())

    async def receipt(self, number: UUID) -> str:
        """Return the signed receipt of a report, or of a deletion, by the number of its event. Raises NotFound.

        Nobody signs in for it and nobody is recorded: who asked would be who reported (PRV-01).
        """
        found = await self._told.receipt(number)
        if found is None:
            raise NotFound
        return self._signer.receipt(found)

    async def _record(self, who: Principal, operation: str, subjects: Sequence[str]) -> None:
        """Put the auditor's own look on record. Raises NotAllowed, RecordingDown."""
        _permit(who)
        await self._looks.record(who, operation, subjects)


def _permit(who: Principal) -> None:
    """Raise NotAllowed before anything is looked up for whoever may not ask."""
    if who.kind not in _MAY_ASK:
        raise NotAllowed


def _unaltered(shown: Sequence[tuple[str, int, bytes]], proofs: Mapping[tuple[str, int], Proof]) -> None:
    """Raise LeafDiffers where what would be shown is not what the log holds at its place."""
    for store, seq, content in shown:
        proof = proofs.get((store, seq))
        if proof is not None and leaf_hash(content).hex() != proof.leaf:
            raise LeafDiffers(store=store, seq=seq)


def _told(row: Any, proofs: Mapping[tuple[str, int], Proof]) -> Item:
    return Item(
        **_event(row, proofs), disclosed_at=stamp(row["disclosed_at"]), role=row["role"], clause=row["clause"],
        classes=row["classes"], withheld=row["withheld"], telling=row["telling"].decode(),
        telling_proof=proofs.get((FEED, row["seq"])),
    )  # fmt: skip


def _read(row: Any, proofs: Mapping[tuple[str, int], Proof]) -> Read:
    look = read_look(row["look"])
    return Read(
        at=look.at, post=look.post, purpose=look.purpose, operation=look.operation, classes=look.classes,
        look=row["look"].decode(), proof=proofs.get((row["log"], row["seq"])),
    )  # fmt: skip


def _event(row: Any, proofs: Mapping[tuple[str, int], Proof]) -> dict[str, Any]:
    envelope = decode(row["envelope"])
    zh, en = EVENTS[envelope.type].title
    return {
        "event": row["event"], "type": envelope.type, "zh": zh, "en": en, "child": envelope.subject,
        "happened_at": envelope.time, "recorded_at": envelope.recordedat,
        "proof": proofs.get((row["store"], row["place"])),
    }  # fmt: skip
