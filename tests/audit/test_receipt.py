"""The reporter's receipt: that and when a report was filed and accepted, signed, and nothing else (PRV-01, REP-04)."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from typer.testing import CliRunner

from services.audit.note import Line, NoteBroken, Receipt, Signer, read_note, read_receipt
from services.kernel.store import leaf_hash
from shouwang.cli import app
from shouwang.client import Told
from tests.helpers import Running, embedded

TOLD = Receipt(
    "report", UUID(int=7), (("filed", "2026-05-03T06:05:00.000001Z"), ("accepted", "-")), 3, bytes(range(32))
)


@pytest.mark.req("PRV-01")
def test_what_is_signed_as_a_receipt_is_read_as_one_and_as_nothing_else(tmp_path: Path) -> None:
    ours, other = Signer(tmp_path / "a.key"), Signer(tmp_path / "b.key")
    erased = Receipt(
        "deletion",
        UUID(int=8),
        (("erased", "2026-05-03T06:20:00.000001Z"), ("classes", "name,health")),
        0,
        b"x",
    )
    for receipt in (TOLD, erased):
        assert read_receipt(ours.receipt(receipt), ours.public) == receipt
    with pytest.raises(NoteBroken):
        read_receipt(ours.receipt(TOLD), other.public)
    with pytest.raises(NoteBroken):
        read_receipt(ours.receipt(TOLD).replace("06:05", "06:04"), ours.public)
    with pytest.raises(NoteBroken):
        read_receipt(ours._note("whatever", "report 7", "filed now", "leaf 0 AAAA"), ours.public)
    with pytest.raises(NoteBroken):
        read_receipt(ours.sign("then", [Line("registry", UUID(int=7), 3, bytes(32))]), ours.public)
    with pytest.raises(NoteBroken):
        read_note(ours.receipt(TOLD), ours.public)


async def receipt_of(running: Running, number: Any) -> str:
    """Ask without a token."""
    return (await running.client.request("GET", f"/audit/receipts/{number}")).text


@pytest.mark.req("PRV-01")
async def test_a_reporter_is_told_without_signing_in_when_a_report_was_filed_and_accepted(
    tmp_path: Path,
) -> None:
    async with embedded() as running:
        teacher, police = await running.sign_in("school-a-teacher"), await running.sign_in("police-a-desk")
        done = await teacher.do(
            "reporting/file-report", region="990101001001", grounds=["LIVING_ALONE"], children=[{"name": "张小禾"}],
            reporter_name="梁老师", course="独自在家", found_at="2026-10-12T07:50:00+08:00",
        )  # fmt: skip
        number = done["events"][0]["id"]
        await running.client.settled()
        public = (await police.ask("audit/key"))["key"]
        before = read_receipt(await receipt_of(running, number), public)
        (filed,) = await running.fetch(
            "reporting", "select seq, recorded_at, envelope from event where id = $1", UUID(number)
        )
        assert (before.kind, before.number, before.index) == ("report", UUID(number), filed["seq"] - 1)
        assert before.leaf == leaf_hash(filed["envelope"])
        at = filed["recorded_at"].isoformat().replace("+00:00", "Z")
        assert before.told == (("filed", at), ("accepted", "-"))

        page = await police.ask(f"agency/children/{done['events'][0]['subject']}")
        await police.do("reporting/accept-reports", reports=[page["chronology"][0]["open"]["report"]])
        await running.client.settled()
        text = await receipt_of(running, number)
        after = read_receipt(text, public)
        accepted = dict(after.told)["accepted"]
        assert after.told == (("filed", at), ("accepted", accepted))
        assert accepted > at
        for secret in ("张小禾", "梁老师", "独自在家", "990101", done["events"][0]["subject"], "school"):
            assert secret not in text

        for strange in (uuid4(), page["child"]):
            with pytest.raises(Told, match="404 not-found"):
                await receipt_of(running, strange)
        (acceptance,) = await running.fetch(
            "reporting", "select id from event where type = 'reporting.report-accepted.v1'"
        )
        with pytest.raises(Told, match="404 not-found"):
            await receipt_of(running, acceptance["id"])
        for service in ("audit", "agency"):  # who asked would be who reported
            rows = await running.fetch(service, "select l::text as told from look l")
            assert not any(number in row["told"] for row in rows)

        kept = tmp_path / "receipt.txt"
        kept.write_text(text, encoding="utf8")
        told = CliRunner().invoke(app, ["check-receipt", str(kept), "--key", public])
        assert told.exit_code == 0
        assert accepted in told.output
        kept.write_text(text.replace("filed 2", "filed 1"), encoding="utf8")
        told = CliRunner().invoke(app, ["check-receipt", str(kept), "--key", public])
        assert told.exit_code == 7


@pytest.mark.req("PRV-04")
async def test_a_deletion_is_proved_to_the_persons_side_by_its_number() -> None:
    async with embedded() as running:
        child = await running.register("张小禾")
        officer = await running.sign_in("civil-affairs-officer")
        about: dict[str, Any] = {"person": child, "children": [child], "basis": "PIPL_47"}
        part = await officer.do("registry/erase-subject", **about, classes=["health", "address"])
        whole = await officer.do("registry/erase-subject", **about)
        await running.client.settled()
        public = (await officer.ask("audit/key"))["key"]
        for done, classes in ((part, "address,health"), (whole, "all")):
            number = done["events"][0]["id"]
            told = read_receipt(await receipt_of(running, number), public)
            (row,) = await running.fetch(
                "registry", "select seq, envelope from event where id = $1", UUID(number)
            )
            assert (told.kind, dict(told.told)["classes"]) == ("deletion", classes)
            assert (told.index, told.leaf) == (row["seq"] - 1, leaf_hash(row["envelope"]))
