"""A township's ledger comes in: read, matched with what is on file, decided row by row, told row by row."""

import asyncio
import hashlib
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from schemas.ledger_form import facts_from
from schemas.registry import LedgerEntryReopened, LedgerFacts, RuralProof
from services.kernel.errors import AlreadyOnFile, NotFound, Refusal
from services.kernel.hearing.reference import Reference, covers
from services.kernel.people.auth import Principal
from services.kernel.store import EventStore
from services.kernel.telemetry import metrics
from services.kernel.writing.commands import Answer, Asked, Commands, Place
from services.kernel.writing.decider import Command
from services.registry.child import (
    NamesakeOnFile,
    OtherIdNumber,
    RegisterChild,
    UpdateLedgerEntry,
)
from services.registry.columns import Columns
from services.registry.facts import identities_of, identity_in
from services.registry.ledger.codes import code_of, explain, get_codes
from services.registry.ledger.model import LedgerReading, Row
from services.registry.ledger.reader import read_ledger
from services.registry.ledger.refused import refused_workbook
from services.registry.ledger.villages import fitting

_TOGETHER = 250
_CASES = 3

ELSEWHERE = "on-file-elsewhere"
VILLAGE_UNKNOWN, VILLAGE_UNCLEAR = "village-unknown", "village-unclear"
CODES = {
    "unchanged": ("该儿童已在台账,信息无变化", "The child is on file already and nothing differs"),
    "updated": (
        "该儿童已在台账,已更新有变化的信息",
        "The child is on file already; what differs was updated",
    ),
    "reopened": (
        "该儿童的台账曾因误录注销,现已恢复",
        "The child's entry had been closed as entered in error; it is open again",
    ),
    "value-too-long": (
        "某项内容过长或格式不符,请改正后重新导入",
        "A value is too long or malformed: mend it and import again",
    ),
    "namesake-on-file": (
        "已有同村同名同日出生的儿童在册,但父母姓名均不相同:请补填公民身份号码后再导入",
        "A child of this name, birth date and village is on file with other parents: add the ID number, import again",
    ),
    ELSEWHERE: (
        "该儿童的档案由其他乡镇保管,请通过档案移交办理",
        "The child's file is kept by another township: ask for its transfer",
    ),
    VILLAGE_UNKNOWN: (
        "所在乡镇没有这个村,已登记在本级,请核对村名",
        "No village of yours has this name: the child was put under the township itself, check the name",
    ),
    VILLAGE_UNCLEAR: (
        "有几个村符合这个名称,已登记在本级,请写明全称",
        "Several villages fit this name: the child was put under the township itself, write the full name",
    ),
    "file-missing": ("文件不存在或不能读取", "The file isn't there or can't be read"),
}
"""Reasons that the registry adds to those of the reading (zh, en)."""


class FileUnreadable(Refusal):
    """文件不能读取,原因及处理办法见 facts。 · The file can't be read: facts say why and what to do."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a row: the reading's outcome, and what the registry made of it."""

    row: Row
    outcome: str
    reasons: tuple[str, ...] = ()
    child: UUID | None = None
    place: Place | None = None
    """Where its events stand, for whoever waits until a view has them."""

    def told(self) -> dict[str, Any]:
        """Return the row's line: keys as `shouwang import --json` prints them."""
        row, line = (
            self.row,
            {"file": self.row.place.file, "sheet": self.row.place.sheet, "row": self.row.place.row},
        )
        line |= {"outcome": self.outcome, "reasons": list(self.reasons), "warnings": list(row.warnings)}
        if row.duplicate_of is not None:
            of = row.duplicate_of
            line["duplicate_of"] = {"file": of.file, "sheet": of.sheet, "row": of.row}
        if row.record is not None:
            line["record"] = row.record
        if row.village is not None:
            line["village"] = row.village
        if self.child is not None:
            line["child"] = str(self.child)
        return line


@dataclass(frozen=True)
class Order:
    """What a clerk asks for with a file."""

    who: Principal
    filename: str
    closing_date: date | None
    dry_run: bool
    rural: RuralProof | None
    made: UUID | None = None
    """The import's id on record: its events carry it."""

    def asks(self, command: Command) -> Asked:
        """Return the command as a part of this import."""
        return Asked(command, self.who, correlation=self.made)


class Imports:
    """The registry's import. The same file again changes nothing; a changed one changes only what differs."""

    def __init__(self, commands: Commands, store: EventStore, reference: Reference, columns: Columns) -> None:
        """Import through the same commands that a clerk could issue by hand."""
        self._columns = columns
        self._commands = commands
        self._store = store
        self._reference = reference

    async def read(self, order: Order, content: bytes) -> LedgerReading:
        """Authorise and read a file, its columns as the office chose. Raises NotAllowed."""
        choices = await self._columns.read_by(order.who)
        return await asyncio.to_thread(
            read_ledger, content, order.filename, closing_date=order.closing_date, choices=choices
        )

    async def run(self, order: Order, reading: LedgerReading) -> AsyncIterator[Result]:
        """Carry an import out, a few hundred rows at a time, in the file's order; each result is durable when told.

        The next rows are decided while those before them are being written.
        """
        rows = reading.rows
        ahead: deque[asyncio.Task[list[Result]]] = deque()
        try:
            for start in range(0, len(rows), _TOGETHER):
                some = self._some(order, reading, rows[start : start + _TOGETHER])
                ahead.append(asyncio.create_task(some))
                while len(ahead) > (start + _TOGETHER < len(rows)):
                    for result in await ahead[0]:
                        metrics.rows_imported.labels(result.outcome).inc()
                        yield result
                    ahead.popleft()
        finally:
            for task in ahead:
                task.cancel()

    async def refused(self, order: Order, reading: LedgerReading) -> bytes:
        """Return the refused rows as the office's own workbook, to mend and import again. Nothing is written."""
        dry = replace(order, dry_run=True)
        refused = [(r.row, list(r.reasons)) async for r in self.run(dry, reading) if r.outcome == "refused"]
        return await asyncio.to_thread(refused_workbook, reading, refused)

    async def _some(self, order: Order, reading: LedgerReading, rows: Sequence[Row]) -> list[Result]:
        regions, rows = self._placed(order.who, rows)
        results = [Result(row, row.outcome, row.reasons) for row in rows]
        wanted: dict[int, tuple[LedgerFacts, str]] = {}
        for i, row in enumerate(rows):
            if row.outcome == "accepted" and row.record is not None:
                try:
                    wanted[i] = facts_from(row.record, order.rural), regions[i]
                except ValidationError:
                    results[i] = Result(row, "refused", ("value-too-long",))
        tokens = {
            i: [self._commands.token(t) for t in identities_of(identity_in(facts), region)]
            for i, (facts, region) in wanted.items()
        }
        held = await self._store.holders([token for mine in tokens.values() for token in mine])
        asked = {}
        for i, (facts, region) in wanted.items():
            # Surest first; a child on file without an ID number is found by name, birth date and village.
            child = next((held[token] for token in tokens[i] if token in held), None)
            by_name = facts.id_number is None or tokens[i][0] not in held
            asked[i] = order.asks(self._command(reading, facts, region, child, by_name=by_name))
        carry_out = self._try_all if order.dry_run else self._commands.handle_many
        answers = await carry_out(list(asked.values()))
        for i, answer in zip(asked, answers, strict=True):
            facts, region = wanted[i]
            if isinstance(answer, OtherIdNumber) or (
                isinstance(answer, NamesakeOnFile) and facts.id_number is not None
            ):
                # A namesake of the same day and village, with another number or other parents, is another child.
                asked[i] = order.asks(self._command(reading, facts, region, None))
                (answer,) = await carry_out([asked[i]])  # noqa: PLW2901 - the answer that counts
            results[i] = await self._result(order, rows[i], asked[i], answer)
        return results

    async def _try_all(self, asked: Sequence[Asked]) -> list[Answer | Refusal]:
        """Decide without appending: what a dry run tells."""
        answers: list[Answer | Refusal] = []
        for each in asked:
            try:
                planned = (await self._commands.plan(each)).planned
                told = self._commands.told(planned)
                answers.append(Answer(told, None, None))
            except Refusal as refusal:
                answers.append(refusal)
        return answers

    async def _result(self, order: Order, row: Row, asked: Asked, answer: Answer | Refusal) -> Result:
        if isinstance(answer, AlreadyOnFile) and isinstance(asked.command, RegisterChild):
            # Somebody registered this child since we looked: then this row is an update of that file.
            told = asked.command.model_dump(exclude_none=True, include=set(LedgerFacts.model_fields))
            update = UpdateLedgerEntry.model_validate(
                told
                | {"child": UUID(answer.facts["child"]), "closing_date": asked.command.closing_date}
                | {"found_by_name": asked.command.id_number is None},
                strict=False,
            )
            (answer,) = await self._commands.handle_many([order.asks(update)])
            return await self._result(order, row, order.asks(update), answer)
        if isinstance(answer, NotFound) and isinstance(asked.command, UpdateLedgerEntry):
            return Result(row, "refused", (ELSEWHERE,))
        if isinstance(answer, Refusal):
            return Result(row, "refused", (answer.code,))
        if isinstance(asked.command, UpdateLedgerEntry):
            if not answer.events:
                return Result(row, "duplicate", ("unchanged",), asked.command.child)
            opened = any(told.type == LedgerEntryReopened.type for told in answer.events)
            reasons = ("reopened" if opened else "updated",)
            return Result(row, "accepted", reasons, asked.command.child, answer.place)
        child = None if order.dry_run else UUID(answer.events[0].subject)
        return Result(row, "accepted", (), child, answer.place)

    def _placed(self, who: Principal, rows: Sequence[Row]) -> tuple[list[str], list[Row]]:
        """Return each row's region, and the rows with what is doubted about it.

        It is the one region beneath the clerk's that fits the village named, else the clerk's own.
        """
        mine = who.body.region
        names = {code: r["name"] for code, r in self._reference.regions.items() if covers(mine, code)}
        fits: dict[str, list[str]] = {}
        regions, told = [], []
        for row in rows:
            text = row.village or row.place.sheet
            if text not in fits:
                fits[text] = fitting(text, names)
            codes = fits[text]
            regions.append(codes[0] if len(codes) == 1 else mine)
            doubt = f"{text}:{VILLAGE_UNCLEAR if codes else VILLAGE_UNKNOWN}"
            doubted = row.outcome == "accepted" and row.village and len(codes) != 1
            told.append(replace(row, warnings=(*row.warnings, doubt)) if doubted else row)
        return regions, told

    def _command(
        self,
        reading: LedgerReading,
        facts: LedgerFacts,
        region: str,
        child: UUID | None,
        *,
        by_name: bool = False,
    ) -> Command:
        told = {name: getattr(facts, name) for name in LedgerFacts.model_fields}
        if child is None:
            return RegisterChild(region=region, closing_date=reading.closing_date, **told)
        return UpdateLedgerEntry(
            child=child, closing_date=reading.closing_date, found_by_name=by_name, **told
        )


def preview(reading: LedgerReading, results: Sequence[Result], content: bytes) -> dict[str, Any]:
    """Return what an import would do: how columns are understood, how many rows go which way, first cases of each code."""
    cases: dict[str, dict[str, Any]] = {}
    for result in results:
        for told in (*result.reasons, *result.row.warnings) if result.outcome != "ignored" else ():
            code = code_of(told)
            case = cases.setdefault(code, {"code": code, "refuses": 0, "warns": 0, "first": []})
            case["refuses" if told in result.reasons and result.outcome == "refused" else "warns"] += 1
            if len(case["first"]) < _CASES:
                place = result.row.place
                case["first"].append(
                    {"sheet": place.sheet, "row": place.row, "about": told.rpartition(":")[0]}
                )
    for code, case in cases.items():
        zh, en = CODES.get(code, (code, code))
        case |= {
            "zh": explain(code, "zh") if code in get_codes() else zh,
            "en": explain(code, "en") if code in get_codes() else en,
        }
    return file_line(reading, Counter(r.outcome for r in results), content) | {
        "cases": sorted(cases.values(), key=lambda c: (-c["refuses"], c["code"]))
    }


def file_line(reading: LedgerReading, counts: Mapping[str, int], content: bytes) -> dict[str, Any]:
    """Return the line about the whole file: refused with its reason, or counts and how columns were understood."""
    line: dict[str, Any] = {"file": reading.file, "sha256": hashlib.sha256(content).hexdigest()}
    if reading.refused is not None:
        return line | {
            "outcome": "refused",
            "reasons": [reading.refused],
            "warnings": [],
            "zh": explain(reading.refused, "zh"),
            "en": explain(reading.refused, "en"),
            "detail": reading.refused_detail,
        }
    columns = [
        {
            "sheet": sheet.sheet,
            "header_rows": list(sheet.header_rows),
            "columns": [{"label": c.label, "field": c.field, "doubt": c.doubt} for c in sheet.columns],
        }
        for sheet in reading.columns
    ]
    closing = reading.closing_date.isoformat() if reading.closing_date else None
    return line | {
        "outcome": "read", "reasons": [], "warnings": [], "counts": dict(counts), "closing_date": closing, "unit": reading.unit,
        "columns": columns,
    }  # fmt: skip
