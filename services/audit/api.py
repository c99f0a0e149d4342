"""What the auditor asks: what was known when, who was told, and the proofs. Every look is recorded first."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import PlainTextResponse
from pydantic import AwareDatetime

from schemas.catalogue import EVENTS
from schemas.envelope import decode
from schemas.look import read_look
from schemas.reference import BodyKind
from services.audit.answers import (
    Checkpoint,
    Disclosed,
    Hashes,
    Item,
    Key,
    Known,
    Proof,
    Proved,
    Read,
    Recipient,
    Replaced,
)
from services.audit.checkpoints import Checkpoints, LeafDiffers
from services.audit.log import LOGS, Logs
from services.audit.note import Line, Signer
from services.audit.reads import Reads
from services.audit.told import Told
from services.kernel.auth import Principal
from services.kernel.bus import FEED
from services.kernel.database import Database
from services.kernel.errors import NotAllowed, NotFound
from services.kernel.looks import Looks
from services.kernel.recording import stamp
from services.kernel.reference import Reference
from services.kernel.store import leaf_hash
from services.kernel.web import Purpose, Who
from services.kernel.world import World

_MOST = 1 << 53
PAGE = 200
_MAY_ASK = {BodyKind.AUDITOR}
"""Audit offices and procuratorates: one kind of body here. Nobody else."""


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
        self._reference = reference
        self.ping = self._checkpoints.ping

    def key(self) -> Key:
        """Return the public key, for whoever is signed in."""
        replaced = [Replaced(at=r.at, key=r.key) for r in self._signer.renewed]
        return Key(name=self._signer.name, key=self._signer.public, replaced=replaced)

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
        more = told[-1]["seq"] if len(told) == PAGE else None
        return Disclosed(told=[_told(row, proofs) for row in told], next=more, checkpoint=note)

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


_Log = Annotated[str, Query(description="日志 · Log", pattern=f"^({'|'.join(LOGS)})$")]


def routes(auditing: Auditing, who: Who) -> APIRouter:
    """Return the auditor's questions; bodies of any other kind are refused, but for the public key."""
    router = APIRouter(tags=["审计 audit"])

    @router.get("/known", summary="某单位某时刻知道什么 · What a body knew at a moment")
    async def known(
        request: Request,
        x_purpose: Purpose,  # noqa: ARG001 - read by who(), named for the documentation
        body: Annotated[UUID, Query(description="单位编号 · Id of the body")],
        child: Annotated[UUID, Query(description="儿童编号 · Child id")],
        until: Annotated[
            AwareDatetime | None, Query(description="时刻,缺省为现在 · The moment; now if absent")
        ] = None,
    ) -> Known:
        return await auditing.known(await who(request), body, child, until or datetime.now(UTC))

    @router.get(
        "/disclosed", summary="某期间告知某单位的全部事项 · All that was disclosed to a body in a time"
    )
    async def disclosed(
        request: Request,
        x_purpose: Purpose,  # noqa: ARG001
        body: Annotated[UUID, Query(description="单位编号 · Id of the body")],
        since: Annotated[AwareDatetime, Query(alias="from", description="起 · From")],
        until: Annotated[
            AwareDatetime | None, Query(alias="to", description="止,缺省为现在 · To; now if absent")
        ] = None,
        after: Annotated[
            int, Query(description="上一页的 next · `next` of the page before", ge=0, le=_MOST)
        ] = 0,
    ) -> Disclosed:
        return await auditing.disclosed(await who(request), body, since, until or datetime.now(UTC), after)

    @router.get("/told", summary="谁被告知过某事件 · Who was told of an event")
    async def told(
        request: Request,
        x_purpose: Purpose,  # noqa: ARG001
        event: Annotated[UUID, Query(description="事件编号 · Id of the event")],
    ) -> list[Recipient]:
        return await auditing.recipients(await who(request), event)

    @router.get("/key", summary="检查点公钥,各单位均可取 · The public key of checkpoints, for every body")
    async def key(request: Request, x_purpose: Purpose) -> Key:  # noqa: ARG001
        await who(request)
        return auditing.key()

    @router.get(
        "/receipts/{number}", summary="报告回执或删除证明,无须登录 · Receipt of a report or a deletion, without signing in",
        response_class=PlainTextResponse,
    )  # fmt: skip
    async def receipt(
        number: Annotated[
            UUID,
            Path(description="办理时告知的事件编号 · Id of the event that was told when it was done"),
        ],
    ) -> PlainTextResponse:
        return PlainTextResponse(await auditing.receipt(number))

    @router.get("/checkpoint", summary="签名检查点 · A signed checkpoint")
    async def checkpoint(request: Request, x_purpose: Purpose) -> Checkpoint:  # noqa: ARG001
        return await auditing.signed(await who(request))

    @router.get("/proof", summary="某事件或告知在日志中的证明 · That an event or a telling is in its log")
    async def proof(
        request: Request,
        x_purpose: Purpose,  # noqa: ARG001
        store: _Log,
        seq: Annotated[
            int, Query(description="日志中的序号,自 1 起 · Place in the log, from 1", ge=1, le=_MOST)
        ],
    ) -> Proved:
        return await auditing.proof(await who(request), store, seq)

    @router.get("/consistency", summary="日志一致性证明 · That a log did not change its beginning")
    async def consistency(
        request: Request,
        x_purpose: Purpose,  # noqa: ARG001
        store: _Log,
        old: Annotated[int, Query(alias="from", description="旧大小 · Older size", ge=1, le=_MOST)],
        new: Annotated[int, Query(alias="to", description="新大小 · Newer size", ge=1, le=_MOST)],
    ) -> Hashes:
        return await auditing.consistency(await who(request), store, old, new)

    return router
