"""The questions that agencies ask: worklist, ledger, search, a child's page. Each look is recorded before it returns."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from pydantic import BaseModel, Field

from schemas.catalogue import EVENTS
from schemas.event import parts_of
from schemas.fields import DataClass
from schemas.platform import FactCorrected
from services.agency.page import Entry, fold, in_order, read_entries, uuid_of
from services.agency.projector import pack_open, pack_refs
from services.agency.reading import Reading
from services.agency.tokens import SearchTokens
from services.kernel.errors import NotFound
from services.kernel.hearing.reference import Reference
from services.kernel.keys.sealing import BlockRef
from services.kernel.people.auth import Principal
from services.kernel.writing.correcting import corrected_field

PAGE = 50
_TASKS = {
    "accept-report": ("受理报告", "Accept the report"),
    "identify-child": ("核实儿童身份", "Identify the child"),
    "acknowledge-notice": ("签收公安通报", "Acknowledge the police notice"),
    "assess": ("开展评估", "Carry out the assessment"),
    "answer-transfer": ("答复档案移交", "Answer a transfer"),
    "review-emergency": ("复核紧急查阅", "Review an emergency access"),
    "review-decision": ("复核据以作出的决定", "Review the decision that rested on it"),
    "missed-duty": ("下级单位逾期未办", "A body below missed its duty"),
    "mend-reaction": ("人工处理被拒事项", "Handle what was refused"),
}


def _task(kind: str) -> tuple[str, str]:
    """Return the words for a kind of task; a rule that a pack adds is called by its code."""
    return _TASKS.get(kind, (kind, kind))


class Task(BaseModel):
    """One thing to do."""

    kind: str = Field(description="事项代码 · Code of the task")
    zh: str = Field(description="事项 · What to do, in Chinese")
    en: str = Field(description="事项(英文) · What to do")
    ref: UUID = Field(description="所涉编号(报告、通报、评估) · Id of report, notice or assessment")
    child: UUID = Field(description="儿童编号 · Child id")
    name: str | None = Field(description="儿童姓名 · Child's name, where it may be shown")
    since: str = Field(description="起始时间 · Since when")
    due: str | None = Field(
        default=None, description="到期时间,无期限则空 · When it is due; empty where no limit is set"
    )
    missed: bool = Field(default=False, description="是否逾期 · Past its due date")


class Worklist(BaseModel):
    """What a body has to do, oldest first."""

    tasks: list[Task] = Field(description="待办事项 · Tasks")


class Summary(BaseModel):
    """A child in a list."""

    child: UUID = Field(description="儿童编号 · Child id")
    region: str | None = Field(description="属地区划 · Responsible region")
    on_file: bool = Field(description="是否在台账 · In the ledger")
    name: str | None = Field(description="姓名 · Name")
    sex: str | None = Field(default=None, description="性别 · Sex")
    birth_date: str | None = Field(default=None, description="出生日期 · Date of birth")
    schooling: str | None = Field(default=None, description="就学情况 · Schooling")
    categories: list[str] = Field(default=[], description="认定的类别 · Categories that hold")
    undetermined: list[str] = Field(default=[], description="待定的类别 · Categories that await facts")
    quality: str | None = Field(default=None, description="监护类型 · Quality of guardianship")


class Ledger(BaseModel):
    """A page of the ledger."""

    children: list[Summary] = Field(description="儿童 · Children")
    next: str | None = Field(description="下一页起点 · Where the next page starts; empty at the end")


class Shown(BaseModel):
    """Fields of one class as this body may see them."""

    data_class: str = Field(description="数据类别 · Data class")
    subject: UUID = Field(description="所属人员编号 · Whose data it is")
    fields: dict[str, Any] | None = Field(
        description="内容,空为已删除或已封存 · Content; empty where it was erased or is sealed"
    )


class Step(BaseModel):
    """One event of the chronology."""

    event: UUID = Field(description="事件编号 · Id of the event")
    type: str = Field(description="事件类型 · Type")
    zh: str = Field(description="事件 · What happened, in Chinese")
    en: str = Field(description="事件(英文) · What happened")
    child: UUID = Field(description="事件所指儿童编号 · The child id that the event names")
    happened_at: str = Field(description="发生时间 · When it happened")
    recorded_at: str = Field(description="登记时间 · When it was recorded")
    disclosed_at: str = Field(description="告知本单位时间 · When this body was told")
    by: str | None = Field(description="办理单位 · The body whose act it is")
    open: dict[str, Any] = Field(description="公开字段 · Open fields")
    shown: list[Shown] = Field(description="可见内容 · What this body may see")
    withheld: list[str] = Field(description="未向本单位开放的类别 · Classes that are not for this body")
    clauses: list[str] = Field(description="告知依据 · By which clause it is shown")
    corrected: dict[str, Any] = Field(
        default={},
        description="已更正的字段及其值,空值为无权知悉 · Fields corrected since; null where it is not for this body",
    )


class Look(BaseModel):
    """Somebody looked."""

    at: str = Field(description="时间 · When")
    body: str = Field(description="单位 · Body")
    post: str | None = Field(description="岗位,仅限本单位 · Post, of one's own body only")
    purpose: str = Field(description="事由 · What for")
    operation: str = Field(description="操作 · What was looked at")
    classes: list[str] = Field(description="涉及类别 · Classes shown")


class Page(BaseModel):
    """A child's page."""

    child: UUID = Field(description="儿童编号 · Child id")
    also: list[UUID] = Field(description="已核实为同一儿童的编号 · Other ids identified with this child")
    region: str | None = Field(description="属地区划 · Responsible region")
    on_file: bool = Field(description="是否在台账 · In the ledger")
    sealed: list[UUID] = Field(
        default=[],
        description="信息已封存的人员:内容均不显示 · Persons whose data are sealed: none are shown",
    )
    version: int = Field(
        description="档案版本,更新时可回传 · Version of the file, to send back with an update"
    )
    roles: list[str] = Field(description="本单位的角色 · This body's roles toward the child")
    facts: dict[str, Any] = Field(description="当前信息 · Facts as they stand, as far as this body may see")
    tasks: list[Task] = Field(description="待办事项 · What this body has to do")
    chronology: list[Step] = Field(description="经过 · What happened, in order of recording")
    seen_by: list[Look] = Field(description="谁看过 · Who has looked")


def _classes_of(fields: Collection[str]) -> frozenset[str]:
    """Return the classes that hold these facts about a child: what needn't be shown isn't opened, nor put on record."""
    return frozenset(
        part.data_class.value
        for event in EVENTS.values()
        for part in parts_of(event)
        if part.name in fields and part.subject == "child" and part.data_class is not DataClass.OPEN
    )


_NAME, _LISTED = _classes_of(["name"]), _classes_of(Summary.model_fields)


def summary(row: Any, facts: dict[str, Any]) -> Summary:
    """Return a child as lists show it."""
    return Summary(
        child=row["child"], region=row["region"], on_file=row["on_file"], name=facts.get("name"),
        sex=facts.get("sex"), birth_date=facts.get("birth_date"), schooling=facts.get("schooling"),
        categories=facts.get("categories", []), undetermined=facts.get("undetermined", []),
        quality=facts.get("quality"),
    )  # fmt: skip


_MOST_TOKENS = 16
"""Of what was typed so many tell enough, the last first: those of the number are among them."""
_FILES = (
    "select distinct on (f.child) f.child, f.region, f.on_file, f.blocks from unnest($2::uuid[]) t (child)"
    " join child c on c.agency = $1 and c.child = t.child"
    # Behind the fence `coalesce` is not trusted with an index, so that all children would be read; `case` is.
    " join child f on f.agency = $1 and f.child = case when c.file is null then c.child else c.file end order by f.child"
)


def _having(tokens: int) -> str:
    """Return the statement that finds children who have all of so many tokens ($2, $3 …), the first 50 of them.

    It walks along the last token's children, in order, and stops when it has enough: what many have, as a surname, is
    not counted up. The agency, which the fence says too, lets each be looked up by its key.
    """
    others = "".join(
        f" and exists (select from token where agency = $1 and token = ${n} and child = t.child)"
        for n in range(2, tokens + 1)
    )
    return f"select child from token t where agency = $1 and token = ${tokens + 1}{others} order by child limit {PAGE}"


class Views:
    """What the agency API answers."""

    def __init__(self, reading: Reading, reference: Reference, tokens: SearchTokens) -> None:
        """Answer through `reading`."""
        self._reading = reading
        self._reference = reference
        self._tokens = tokens

    async def worklist(self, who: Principal) -> Worklist:
        """Return what a body has to do, oldest first, at most 200."""
        async with self._reading.rows_of(who.body.id) as rows:
            found = await rows.fetch(
                "select t.kind, t.ref, t.child, t.since, t.due, t.missed, c.blocks from task t join child c using (agency, child)"
                " order by t.since, t.kind, t.ref limit 200"
            )
        tasks, classes = await self._tasks(who, found)
        await self._reading.record(who, "worklist", [t.child for t in tasks], classes)
        return Worklist(tasks=tasks)

    async def _tasks(self, who: Principal, found: Sequence[Any]) -> tuple[list[Task], set[str]]:
        facts = await self._reading.facts(who.body.id, [r["blocks"] for r in found], _NAME)
        tasks = [
            Task(
                kind=r["kind"], zh=_task(r["kind"])[0], en=_task(r["kind"])[1], ref=r["ref"], child=r["child"],
                name=fields.get("name"), since=r["since"], due=r["due"], missed=r["missed"],
            )
            for r, (fields, _) in zip(found, facts, strict=True)
        ]  # fmt: skip
        return tasks, {c for _, classes in facts for c in classes}

    async def ledger(self, who: Principal, wanted: dict[str, str | None], after: UUID | None) -> Ledger:
        """Return a page of children on file. Sealed filters are matched after opening, so a page may be short."""
        region = wanted.pop("region") or ""
        children: list[Summary] = []
        classes: set[str] = set()
        looked: list[UUID] = []
        more = True
        while more and len(children) < PAGE:
            async with self._reading.rows_of(who.body.id) as rows:
                found = await rows.fetch(
                    "select child, region, on_file, blocks from child where on_file and file is null and region like $1"
                    " and ($2::uuid is null or child > $2) order by child limit $3",
                    region + "%", after, PAGE,
                )  # fmt: skip
            more = len(found) == PAGE
            facts = await self._reading.facts(who.body.id, [r["blocks"] for r in found], _LISTED)
            for row, (fields, shown) in zip(found, facts, strict=True):
                if len(children) == PAGE:
                    more = True
                    break
                after = row["child"]
                each = summary(row, fields)
                if _matches(each, wanted):
                    children.append(each)
                    looked.append(each.child)
                    classes |= shown
        await self._reading.record(who, "ledger", looked, classes)
        return Ledger(children=children, next=str(after) if more and after else None)

    async def search(self, who: Principal, name: str | None, number: str | None) -> list[Summary]:
        """Return children whose name and ID number match what was typed, at most 50; finding nobody is recorded too.

        One whose name doesn't open, being sealed, isn't found: that there is such a file would tell what is sealed.
        """
        number_tokens = self._tokens.asked_number(number) if number else []
        asked = [way + number_tokens for way in (self._tokens.asked_name(name) if name else [[]])]
        ways = [list(dict.fromkeys(way))[-_MOST_TOKENS:] for way in asked if way]
        found: dict[UUID, Any] = {}
        async with self._reading.rows_of(who.body.id) as rows:
            for way in ways:
                ids = await rows.fetch(_having(len(way)), who.body.id, *way)
                for row in await rows.fetch(_FILES, who.body.id, [r["child"] for r in ids]) if ids else ():
                    found[row["child"]] = row
                if found and name and not name.isascii():
                    break  # characters that stand together were found: those that don't are not what was meant
        facts = await self._reading.facts(who.body.id, [r["blocks"] for r in found.values()], _LISTED)
        seen = [
            (summary(row, fields), shown)
            for row, (fields, shown) in zip(found.values(), facts, strict=True)
            if "erased.name" not in fields
        ]
        classes = {c for _, shown in seen for c in shown}
        await self._reading.record(who, "search", [child.child for child, _ in seen], classes)
        return [child for child, _ in seen]

    async def page(self, who: Principal, child: UUID, until: datetime | None = None) -> Page:
        """Return a child's page; an id identified with a file leads to the file. Raises NotFound.

        With `until` it is the page as it was at that moment: the fold of what the body had been told by then (PLT-03).
        """
        agency = who.body.id
        async with self._reading.rows_of(agency) as rows:
            found = await rows.fetch(
                "select c.child, c.file, c.region, c.on_file, c.row, c.blocks from child c where c.child = $1 or c.file = $1"
                " or c.child = (select file from child where child = $1)"
                " or c.file = (select file from child where child = $1) order by c.file nulls first, c.child",
                child,
            )
            ids = [r["child"] for r in found]
            tasks = await rows.fetch(
                "select t.kind, t.ref, t.child, t.since, t.due, t.missed, c.blocks from task t join child c using (agency, child)"
                " where t.child = any($1::uuid[]) order by t.since, t.kind, t.ref",
                ids,
            )
            entries = await rows.fetch(
                "select event, role, clause, recorded_at, source, source_seq, disclosed_at::text, envelope, blocks"
                " from entry where child = any($1::uuid[]) and ($2::timestamptz is null or disclosed_at <= $2)",
                ids, until,
            )  # fmt: skip
        given = read_entries(entries)
        if until is not None:
            found, tasks = _as_of(agency, ids, given)
            ids = [r["child"] for r in found]
        if not found:
            await self._reading.record(who, "page", [child], [])
            raise NotFound
        steps, classes = await self._chronology(agency, given)
        facts = await self._reading.facts(agency, [r["blocks"] for r in reversed(found)])
        told, _ = await self._tasks(who, tasks)
        await self._reading.record(who, "page", ids, classes)
        seen = await self._seen_by(who, ids, {str(r) for row in found for r in _open(row)["roles"]})
        head = found[0]
        known = _open(head)
        return Page(
            child=head["child"], also=ids[1:], region=head["region"], on_file=head["on_file"],
            version=known["version"], sealed=known.get("sealed", []),
            roles=sorted({r for row in found for r in _open(row)["roles"]}),
            facts={k: v for fields, _ in facts for k, v in fields.items()}, tasks=told, chronology=steps, seen_by=seen,
        )  # fmt: skip

    async def _chronology(self, agency: UUID, entries: list[Entry]) -> tuple[list[Step], set[str]]:
        by_event: dict[UUID, list[Entry]] = {}
        for entry in in_order(entries):
            by_event.setdefault(entry.event, []).append(entry)
        closed: list[tuple[UUID, BlockRef]] = []
        for event, same in by_event.items():
            mine = {(r.subject, r.data_class): r for e in same for r in e.closed}
            closed += [(event, ref) for ref in mine.values()]
        shown: dict[UUID, list[Shown]] = {}
        for (event, _), block in zip(
            closed, await self._reading.open(agency, [r for _, r in closed]), strict=True
        ):
            shown.setdefault(event, []).append(
                Shown(data_class=block.data_class, subject=uuid_of(block.subject), fields=block.fields)
            )
        right = _corrected(by_event, shown)
        steps = [
            self._step(same, shown.get(event, []), right.get(event, {})) for event, same in by_event.items()
        ]
        return steps, {ref.data_class for _, ref in closed}

    def _step(self, same: list[Entry], shown: list[Shown], corrected: dict[str, Any]) -> Step:
        envelope = same[0].told
        zh, en = EVENTS[envelope.type].title
        body = self._reference.bodies.get(uuid_of(envelope.onbehalfof)) if envelope.onbehalfof else None
        seen = {(s.data_class, str(s.subject)) for s in shown}
        return Step(
            event=same[0].event, type=envelope.type, zh=zh, en=en, child=uuid_of(envelope.subject),
            happened_at=envelope.time, recorded_at=envelope.recordedat,
            disclosed_at=min(e.disclosed_at for e in same), by=body.name if body else None,
            open={k: v for k, v in envelope.data.items() if k not in {"sealed", "reporter"}}, shown=shown,
            withheld=sorted(
                {b.data_class for b in envelope.blocks if (b.data_class, b.subject) not in seen} - {"reporter"}
            ),
            clauses=sorted({e.clause for e in same}), corrected=corrected,
        )  # fmt: skip

    async def _seen_by(self, who: Principal, children: list[UUID], roles: set[str]) -> list[Look]:
        """Own body's looks in full; the ledger's keeper sees other bodies' too, but not the police's (a case is theirs)."""
        rows = await self._reading.looks_at(children)
        told = []
        for row in rows:
            own = row["agency"] == who.body.id
            if not own and ("ledger" not in roles or self._reference.may_be_police(row["agency"])):
                continue
            body = self._reference.bodies.get(row["agency"])
            post = self._reference.posts.get(row["post"])
            told.append(
                Look(
                    at=row["at"].isoformat(), body=body.name if body else str(row["agency"]),
                    post=post.duty if own and post else None, purpose=row["purpose"], operation=row["operation"],
                    classes=row["classes"],
                )
            )  # fmt: skip
        return told


def _as_of(agency: UUID, ids: Sequence[UUID], entries: list[Entry]) -> tuple[list[Any], list[Any]]:
    """Return (rows, tasks) as the view would have held them when these entries were all that the body had been told."""
    mine: dict[str, list[Entry]] = {}
    for entry in entries:
        mine.setdefault(entry.told.subject, []).append(entry)
    folded = [fold(agency, child, mine[str(child)])[0] for child in ids if str(child) in mine]
    rows: list[Any] = [
        {
            "child": row.child, "file": row.file, "region": row.region, "on_file": row.on_file,
            "row": pack_open(row), "blocks": pack_refs(row.blocks),
        }
        for row in folded
    ]  # fmt: skip
    tasks: list[Any] = [
        {"kind": kind, "ref": ref, "child": row.child, "blocks": pack_refs(row.blocks), **task._asdict()}
        for row in folded for (kind, ref), task in sorted(row.tasks.items())
    ]  # fmt: skip
    return rows, tasks


def _corrected(
    by_event: dict[UUID, list[Entry]], shown: dict[UUID, list[Shown]]
) -> dict[UUID, dict[str, Any]]:
    """Return what was corrected in each event: the right value where it is shown here, None where it is not."""
    right: dict[UUID, dict[str, Any]] = {}
    for event, same in by_event.items():
        envelope = same[0].told
        if envelope.type == FactCorrected.type:
            opened = {k: v for block in shown.get(event, []) for k, v in (block.fields or {}).items()}
            told = {envelope.data["field"]: envelope.data.get("time")} | corrected_field(
                envelope.data, opened
            )
            right.setdefault(UUID(envelope.data["corrects"]), {}).update(told)
    return right


def _open(row: Any) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.msgpack.decode(row["row"])
    return fields


def _matches(child: Summary, wanted: dict[str, str | None]) -> bool:
    for name, value in wanted.items():
        held = getattr(child, name)
        if value is not None and value != held and not (isinstance(held, list) and value in held):
            return False
    return True
