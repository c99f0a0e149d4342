"""Taking the ledger out of the platform: what the body may see of its children, as workbooks; every child is on record."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from schemas.ledger_form import record_from
from services.agency.reading import Reading
from services.agency.sheets import forms, roster, summary
from services.agency.summary import broken_checks, count
from services.kernel.errors import Refusal
from services.kernel.hearing.reference import Reference
from services.kernel.people.auth import Principal

_AT_ONCE = 500
_LEFT_BEHIND = "LEFT_BEHIND"


class ChecksBroken(Refusal):
    """汇总表交叉核对不符,未导出,请报系统管理员。 · The summary contradicts itself and was not handed out: tell the operator."""

    status = 500


class Kind(StrEnum):
    """What can be taken out."""

    ROSTER = "roster"
    FORMS = "forms"
    SUMMARY = "summary"


class Exporting:
    """Answers with workbooks from an agency's rows."""

    def __init__(self, reading: Reading, reference: Reference) -> None:
        """Read through `reading`: row-level security, earned keys and the record of the look hold here too."""
        self._reading = reading
        self._reference = reference

    async def export(self, who: Principal, kind: Kind, closing: date) -> bytes:
        """Return an .xlsx of the children on file; the summary counts those that are left behind (SY 一)."""
        children: list[UUID] = []
        classes: set[str] = set()
        villages: dict[str, list[Mapping[str, Any]]] = {}
        after: UUID | None = None
        while True:
            async with self._reading.rows_of(who.body.id) as rows:
                found = await rows.fetch(
                    "select child, region, blocks, row from child where on_file and file is null"
                    " and ($1::uuid is null or child > $1) order by child limit $2",
                    after, _AT_ONCE,
                )  # fmt: skip
            told = await self._reading.facts(who.body.id, [row["blocks"] for row in found])
            for row, (fields, shown) in zip(found, told, strict=True):
                if kind is not Kind.SUMMARY or _LEFT_BEHIND in fields.get("categories", ()):
                    villages.setdefault(self._village(row["region"]), []).append(record_from(fields))
                    children.append(row["child"])
                    classes |= shown
            if len(found) < _AT_ONCE:
                break
            after = found[-1]["child"]
        await self._reading.record(who, f"export-{kind}", children, classes)
        by_name = {
            name: sorted(villages[name], key=lambda r: str(r.get("姓名"))) for name in sorted(villages)
        }
        match kind:
            case Kind.ROSTER:
                return roster(who.body.name, closing, by_name)
            case Kind.FORMS:
                return forms(who.body.name, closing, by_name)
            case Kind.SUMMARY:
                annex = count((record for each in by_name.values() for record in each), closing)
                if broken := broken_checks(annex):
                    raise ChecksBroken(checks=broken)
                return summary(who.body.name, annex)

    def _village(self, region: str | None) -> str:
        return str(self._reference.regions.get(region or "", {}).get("name", region or "未定"))
