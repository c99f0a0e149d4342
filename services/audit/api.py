"""What the auditor asks: what was known when, who was told, and the proofs. Every look is recorded first."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, Field

from schemas.catalogue import EVENTS
from schemas.envelope import decode
from schemas.reference import BodyKind
from services.audit.log import STORES, Head, Logs
from services.audit.note import Line, Signer
from services.audit.told import LookQuestions, Told
from services.kernel.auth import Principal
from services.kernel.database import Database
from services.kernel.errors import NotAllowed, NotFound, RecordingDown
from services.kernel.recording import stamp
from services.kernel.reference import Reference
from services.kernel.store import leaf_hash
from services.kernel.web import Purpose, Who
from services.kernel.world import World


class Proof(BaseModel):
    """That an event is in its store's log: check it with the leaf hash of the event's bytes (RFC 9162 2.1.3.2)."""

    store: str = Field(description="日志 · Log")
    index: int = Field(description="叶序号,自 0 起 · Index of the leaf, from 0")
    size: int = Field(description="日志大小 · Size of the tree")
    root: str = Field(description="根(hex) · Root, hex")
    leaf: str = Field(description="叶哈希(hex) · Leaf hash, hex")
    hashes: list[str] = Field(description="证明路径(hex) · The proof, hex, from the leaf up")


class Item(BaseModel):
    """One thing that a body had been told, or had acknowledged."""

    event: UUID = Field(description="事件编号 · Id of the event")
    type: str = Field(description="事件类型 · Type")
    zh: str = Field(description="事件 · What happened, in Chinese")
    en: str = Field(description="事件(英文) · What happened")
    child: str = Field(description="事件所指儿童编号 · The child id that the event names")
    happened_at: str = Field(description="发生时间 · When it happened")
    recorded_at: str = Field(description="登记时间 · When it was recorded")
    disclosed_at: str | None = Field(default=None, description="告知时间 · When the body was told")
    role: str | None = Field(default=None, description="告知时的角色 · Role under which it was told")
    clause: str | None = Field(default=None, description="告知依据 · Clause by which it was told")
    classes: list[str] = Field(default=[], description="告知的类别 · Classes that were shown")
    withheld: list[str] = Field(default=[], description="未告知的类别 · Classes that were not")
    proof: Proof | None = Field(
        description="在日志中的证明;日志尚未连续则空 · Proof; absent until the log is whole so far"
    )


class Read(BaseModel):
    """A look that the body took."""

    at: str = Field(description="时间 · When")
    post: UUID = Field(description="岗位 · Post")
    purpose: str = Field(description="事由 · What for")
    operation: str = Field(description="操作 · What was looked at")
    classes: list[str] = Field(description="涉及类别 · Classes shown")


class Known(BaseModel):
    """What a body knew of a child at a moment: told, acknowledged and read are three different facts."""

    until: str = Field(description="时刻 · The moment")
    ids: list[UUID] = Field(description="该儿童的全部编号 · Every id of the child")
    told: list[Item] = Field(description="已被告知 · What it had been told")
    acknowledged: list[Item] = Field(description="已签收 · What it had acknowledged")
    read: list[Read] = Field(description="已查阅 · What it had read")
    checkpoint: str = Field(description="签名检查点 · The signed checkpoint that the proofs belong to")


class Recipient(BaseModel):
    """Somebody who was told of an event."""

    body: UUID = Field(description="单位编号 · Id of the body")
    name: str = Field(description="单位 · Body")
    role: str = Field(description="角色 · Role")
    clause: str = Field(description="依据 · Clause")
    disclosed_at: str = Field(description="告知时间 · When")
    classes: list[str] = Field(description="告知的类别 · Classes that were shown")


class Checkpoint(BaseModel):
    """All roots, signed together, and the key to check them with."""

    note: str = Field(description="签名检查点(C2SP signed note) · The signed note")
    key: str = Field(description="公钥 · The public key")
    missing: dict[str, list[int]] = Field(description="缺失的序号 · Seqs that never came, by store")


class Hashes(BaseModel):
    """A consistency proof."""

    hashes: list[str] = Field(description="证明(hex) · The proof, hex")
    before: str = Field(description="旧根(hex) · Root of the older tree, hex")
    after: str = Field(description="新根(hex) · Root of the newer tree, hex")


class Auditing:
    """Answers the auditor."""

    def __init__(
        self, database: Database, logs: Logs, told: Told, signer: Signer, looks: LookQuestions, reference: Reference,
        world: World,
    ) -> None:  # fmt: skip
        """Answer from these."""
        self._database = database
        self._logs = logs
        self._told = told
        self._signer = signer
        self._looks = looks
        self._reference = reference
        self._world = world

    async def checkpoint(self) -> tuple[str, dict[str, Head]]:
        """Sign how far all logs are proved, and keep what was signed."""
        heads = await self._logs.heads()
        now = self._world.now()
        note = self._signer.sign(stamp(now), [Line(h.store, h.incarnation, h.size, h.root) for h in heads])
        await self._database.fetch("insert into signed (at, note) values ($1, $2)", now, note)
        return note, {h.store: h for h in heads}

    async def signed(self, who: Principal) -> Checkpoint:
        """Return a checkpoint of this moment."""
        await self.record(who, "checkpoint", [])
        note, _ = await self.checkpoint()
        return Checkpoint(note=note, key=self._signer.public, missing=await self._logs.missing())

    async def known(self, who: Principal, body: UUID, child: UUID, until: datetime) -> Known:
        """Return what a body had been told, had acknowledged and had read about a child at a moment."""
        ids = await self._told.ids_of(child)
        await self.record(who, "known", [str(body), *map(str, ids)])
        note, heads = await self.checkpoint()
        told = await self._told.told(body, ids, until)
        acknowledged = await self._told.acknowledged(body, ids, until)
        looks = await self._looks.looks(body, ids, until)
        proofs = await self._proofs([*told, *acknowledged], heads)
        return Known(
            until=stamp(until), ids=ids, told=[_item(row, proofs, told=True) for row in told],
            acknowledged=[_item(row, proofs, told=False) for row in acknowledged],
            read=[Read.model_validate(look) for look in looks], checkpoint=note,
        )  # fmt: skip

    async def _proofs(self, rows: Sequence[Any], heads: dict[str, Head]) -> dict[UUID, Proof]:
        """Return the proof of each event that the logs hold without a gap, with one question a log."""
        proofs: dict[UUID, Proof] = {}
        for store, head in heads.items():
            mine = {row["place"]: row for row in rows if row["store"] == store and row["place"] <= head.size}
            found = await self._logs.inclusions(store, list(mine), head.size)
            for seq, row in mine.items():
                proofs[row["event"]] = Proof(
                    store=store, index=seq - 1, size=head.size, root=head.root.hex(),
                    leaf=leaf_hash(row["envelope"]).hex(), hashes=[h.hex() for h in found[seq]],
                )  # fmt: skip
        return proofs

    async def recipients(self, who: Principal, event: UUID) -> list[Recipient]:
        """Return everybody who was told of an event, in order of telling."""
        await self.record(who, "told", [str(event)])
        return [
            Recipient(
                body=r["agency"], name=self._name(r["agency"]), role=r["role"], clause=r["clause"],
                disclosed_at=stamp(r["disclosed_at"]), classes=r["classes"],
            )
            for r in await self._told.recipients(event)
        ]  # fmt: skip

    def _name(self, body: UUID) -> str:
        found = self._reference.bodies.get(body)
        return found.name if found else str(body)

    async def consistency(self, who: Principal, store: str, old: int, new: int) -> Hashes:
        """Return the proof that the log did not change its beginning. Raises NotFound."""
        await self.record(who, "consistency", [store])
        try:
            proof = await self._logs.consistency(store, old, new)
            before, after = await self._logs.root(store, old), await self._logs.root(store, new)
        except (KeyError, ValueError) as error:
            raise NotFound from error
        return Hashes(hashes=[h.hex() for h in proof], before=before.hex(), after=after.hex())

    async def record(self, who: Principal, operation: str, subjects: Sequence[str]) -> None:
        """Put the auditor's own look on record; only auditors get this far. Raises NotAllowed, RecordingDown."""
        if who.kind is not BodyKind.AUDITOR:
            raise NotAllowed
        try:
            await self._database.fetch(
                "insert into look (id, at, agency, post, person, purpose, operation, subjects)"
                " values ($1, $2, $3, $4, $5, $6, $7, $8)",
                self._world.new_id(), self._world.now(), who.body.id, who.post, who.person, who.purpose, operation,
                list(subjects),
            )  # fmt: skip
        except Exception as error:
            raise RecordingDown from error


def _item(row: Any, proofs: dict[UUID, Proof], *, told: bool) -> Item:
    envelope = decode(row["envelope"])
    zh, en = EVENTS[envelope.type].title
    feed = {
        "disclosed_at": stamp(row["disclosed_at"]), "role": row["role"], "clause": row["clause"],
        "classes": row["classes"], "withheld": row["withheld"],
    } if told else {}  # fmt: skip
    return Item(
        event=row["event"], type=envelope.type, zh=zh, en=en, child=envelope.subject, happened_at=envelope.time,
        recorded_at=envelope.recordedat, proof=proofs.get(row["event"]), **feed,
    )  # fmt: skip


def routes(auditing: Auditing, who: Who) -> APIRouter:
    """Return the auditor's questions. Bodies of any other kind are refused."""
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
        return await auditing.known(who(request), body, child, until or datetime.now(UTC))

    @router.get("/told", summary="谁被告知过某事件 · Who was told of an event")
    async def told(
        request: Request,
        x_purpose: Purpose,  # noqa: ARG001
        event: Annotated[UUID, Query(description="事件编号 · Id of the event")],
    ) -> list[Recipient]:
        return await auditing.recipients(who(request), event)

    @router.get("/checkpoint", summary="签名检查点 · A signed checkpoint")
    async def checkpoint(request: Request, x_purpose: Purpose) -> Checkpoint:  # noqa: ARG001
        return await auditing.signed(who(request))

    @router.get("/consistency", summary="日志一致性证明 · That a log did not change its beginning")
    async def consistency(
        request: Request,
        x_purpose: Purpose,  # noqa: ARG001
        store: Annotated[str, Query(description="日志 · Log", pattern=f"^({'|'.join(STORES)})$")],
        old: Annotated[int, Query(description="旧大小 · Older size", ge=1)],
        new: Annotated[int, Query(description="新大小 · Newer size", ge=1)],
    ) -> Hashes:
        return await auditing.consistency(who(request), store, old, new)

    return router
