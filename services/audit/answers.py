"""What the auditor is answered, as the API shows it."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from schemas.fields import DataClass
from schemas.reference import BodyKind


class Proof(BaseModel):
    """That an event, or a telling, is in its log: check it with the leaf hash of its exact bytes (RFC 9162 2.1.3.2)."""

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
        description="事件在日志中的证明;日志尚未连续则空 · Proof of the event; absent until the log is whole so far"
    )
    telling: str | None = Field(
        default=None,
        description="告知记录的原始字节(JSON) · Exact bytes of the telling, JSON: what its leaf hashes",
    )
    telling_proof: Proof | None = Field(
        default=None,
        description="告知在告知日志中的证明 · Proof of the telling; absent until the feed's log is whole so far",
    )


class Read(BaseModel):
    """A look that the body took."""

    at: str = Field(description="时间 · When")
    post: UUID = Field(description="岗位 · Post")
    purpose: str = Field(description="事由 · What for")
    operation: str = Field(description="操作 · What was looked at")
    classes: list[str] = Field(description="涉及类别 · Classes shown")
    look: str = Field(
        description="查阅记录的原始字节(JSON) · Exact bytes of the look, JSON: what its leaf hashes"
    )
    proof: Proof | None = Field(
        description="查阅记录在日志中的证明 · Proof of the look; absent until its log is whole so far"
    )


class Disclosed(BaseModel):
    """What was disclosed to a body in a time: every telling with its proofs, against the signed checkpoint."""

    told: list[Item] = Field(description="告知事项,按告知先后 · Told, in order of telling")
    next: str | None = Field(description="下一页起点(after) · Where the next page starts; empty at the end")
    checkpoint: str = Field(description="签名检查点 · The signed checkpoint that the proofs lead to")


class Known(BaseModel):
    """What a body knew of a child at a moment: told, acknowledged and read are three different facts."""

    until: str = Field(description="时刻 · The moment")
    ids: list[UUID] = Field(description="该儿童的全部编号 · Every id of the child")
    told: list[Item] = Field(description="已被告知 · What it had been told")
    acknowledged: list[Item] = Field(description="已签收 · What it had acknowledged")
    read: list[Read] = Field(description="已查阅 · What it had read")
    checkpoint: str = Field(description="签名检查点 · The signed checkpoint that the proofs belong to")


class BodyTold(BaseModel):
    """A body that somebody may ask about."""

    id: UUID = Field(description="单位编号 · Id of the body")
    name: str = Field(description="单位 · Body")
    kind: BodyKind = Field(description="单位类别 · Kind of body")
    region: str = Field(description="区划 · Region")


class Reader(BaseModel):
    """A body that was given one class of a person's data."""

    body: UUID = Field(description="单位编号 · Id of the body")
    name: str = Field(description="单位 · Body")
    role: str = Field(description="角色 · Role")
    role_zh: str = Field(description="角色说明 · The role, in Chinese")
    role_en: str = Field(description="角色说明(英文) · The role")
    clauses: list[str] = Field(description="依据 · Clauses by which it was told")
    since: str = Field(description="自何时起 · Since when")
    until: str | None = Field(description="何时终止,仍可见则空 · When its role ended; empty while it lasts")
    telling: str = Field(
        description="首次告知的原始字节(JSON) · Exact bytes of the first telling, JSON: what its leaf hashes"
    )
    proof: Proof | None = Field(
        description="首次告知在告知日志中的证明 · Proof of it; absent until the feed's log is whole so far"
    )


class Kept(BaseModel):
    """One class of one person's data, and who has it."""

    person: UUID = Field(description="所属人员编号 · Whose data it is")
    whose: str = Field(
        description="child 儿童本人,guardian 监护人等 · The child, or as what the person stands in the file"
    )
    data_class: DataClass = Field(description="数据类别 · Data class")
    zh: str = Field(description="类别 · The class, in Chinese")
    en: str = Field(description="类别(英文) · The class")
    fields: list[str] = Field(description="该类别可含的栏目 · What may stand in it")
    state: Literal["open", "sealed", "erased"] = Field(
        description="open 可读,sealed 已封存,erased 已删除:后两种谁都看不到 · Sealed and erased nobody reads"
    )
    readers: list[Reader] = Field(description="看得到的单位 · Who sees it")


class Seen(BaseModel):
    """A look that somebody took at the child."""

    at: str = Field(description="时间 · When")
    name: str = Field(description="单位 · Body")
    post: str | None = Field(
        description="岗位;仅检察、审计机关和本单位可见 · Post, for auditors and one's own body"
    )
    purpose: str = Field(description="事由 · What for")
    operation: str = Field(description="操作 · What was looked at")
    classes: list[DataClass] = Field(description="涉及类别 · Classes shown")
    log: str = Field(description="日志 · Log")
    seq: int = Field(description="在日志中的序号 · Its place there")


class Access(BaseModel):
    """Who sees what of a child, by which clause, since when, and who looked."""

    ids: list[UUID] = Field(description="该儿童的全部编号 · Every id of the child")
    whole: bool = Field(
        description="是否为全部;档案主管单位看不到办案、照料单位和公安的查阅"
        " · All of it? The keeper of a file isn't told who works a case or has the child in care, nor when police looked"
    )
    kept: list[Kept] = Field(description="各人各类别 · By person and class")
    looks: list[Seen] = Field(
        description="谁看过,新的在前,至多二百条 · Who looked, newest first, 200 at most"
    )
    earlier: bool = Field(description="还有更早的:以 until 查询 · There are earlier ones: ask with `until`")
    checkpoint: str = Field(description="签名检查点 · The signed checkpoint that the proofs lead to")


class Recipient(BaseModel):
    """Somebody who was told of an event."""

    seq: int = Field(description="告知在告知日志中的序号 · Place of the telling in the feed's log")
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


class Proved(BaseModel):
    """An inclusion proof, and the signed checkpoint that it belongs to."""

    proof: Proof = Field(description="证明 · The proof")
    checkpoint: str = Field(description="签名检查点 · The signed checkpoint")


class Replaced(BaseModel):
    """A key that was replaced."""

    at: str = Field(description="更换时间 · When it was replaced")
    key: str = Field(description="旧公钥 · The public key that it was")


class Key(BaseModel):
    """The key that checkpoints are checked with."""

    name: str = Field(description="签名者名称 · Name under which this installation signs")
    key: str = Field(description="公钥(C2SP) · The public key, as C2SP writes it")
    replaced: list[Replaced] = Field(description="此前的公钥 · Keys that came before, oldest first")
