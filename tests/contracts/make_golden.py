"""Makes the golden files: `python -m tests.contracts.make_golden` writes those that are missing, never one that is there.

Everybody in them is made up: region codes and ID numbers begin with 99.
"""

import asyncio
import hashlib
import json
import sys
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from schemas.assessment import (
    AssessmentOpened,
    CaseClosed,
    CaseOutcome,
    PlacementEnded,
    PlacementEnding,
    PlacementGround,
    PlacementKind,
    PlacementMade,
)
from schemas.catalogue import EVENTS
from schemas.event import Event
from schemas.notification import (
    AccessEnded,
    AccessGranted,
    ClockChange,
    DueReached,
    DutyDelayed,
    DutyMet,
    DutyMissed,
    DutyMissRescinded,
    DutyOpened,
    DutyReassigned,
    EmergencyOpened,
    EmergencyReviewed,
    Judging,
    NotificationAcknowledged,
    NotificationSent,
    Role,
)
from schemas.platform import FactCorrected, ReactionRefused
from schemas.reference import (
    BodyKind,
    BodyRegistered,
    DisclosureTableAdopted,
    DisclosureTableProposed,
    PolicyPackAdopted,
    PostAssigned,
    PostEnded,
    RegionLevel,
    RegionRegistered,
)
from schemas.registry import (
    AliasRecorded,
    Basis,
    ChildCategoryAssigned,
    ChildIdentified,
    ChildRecordTransferred,
    ChildRegistered,
    ChildTransferProposed,
    Closing,
    ErasureHeld,
    ErasureHoldEnded,
    FamilyIdNumbers,
    FamilyPhones,
    Finding,
    GuardianChanged,
    GuardianshipDelegated,
    Health,
    Leaving,
    LedgerEntryClosed,
    LedgerEntryReopened,
    LedgerEntryUpdated,
    Parent,
    Quality,
    Relative,
    RuralProof,
    SchoolFileClosed,
    SchoolFileOpened,
    Schooling,
    Sex,
    SubjectErased,
    SubjectSealed,
    SubjectUnsealed,
    UnsealingApproved,
)
from schemas.reporting import (
    Ground,
    PoliceNoticeSent,
    RecusalSet,
    ReportAccepted,
    Reporter,
    ReporterType,
    ReportFiled,
    ReportWithdrawn,
    Severity,
)
from services.kernel.keys.ciphers import AesGcm
from services.kernel.keys.service import Pair
from services.kernel.store import NewEvent, leaf_hash
from services.kernel.world import SeededWorld
from services.kernel.writing.recording import INTAKE, Circumstances, Planned, Recorder

FOLDER = Path(__file__).parents[2] / "schemas" / "golden"
SUMS = "SHA256SUMS"
START = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
_STORES = {"reference": "registry", "platform": "notification"}
_SPACE = UUID("99999999-0000-5000-8000-000000000000")


class FixedKeys:
    """A key service whose keys follow from the name of what they open. For golden files and tests alone."""

    def sealed(self, subjects: Iterable[str]) -> set[str]:
        del subjects
        return set()

    def ensure(self, subjects: Iterable[str]) -> None:
        """Have them already."""

    def keys(self, pairs: Iterable[Pair]) -> dict[Pair, bytes]:
        """Return a key for every pair."""
        return {(s, c): hashlib.sha256(f"golden|{s}|{c}".encode()).digest() for s, c in pairs}


def some(name: str) -> UUID:
    """Return an id that follows from a name."""
    return uuid5(_SPACE, name)


_CHILD, _GUARDIAN, _REGION = some("child"), some("guardian"), "990101001001"
_RELATIVE: dict[str, Any] = {
    "name": "张大山", "birth_date": "1985-03", "workplace": "沈阳市某建筑工地",
    "deceased": False, "relation": "父亲", "address": "示例县甲乡一村1号",
}  # fmt: skip
_DEAD = Relative(name="张老大", deceased=True)
_FACTS: dict[str, Any] = {
    "name": "张小禾", "sex": Sex.FEMALE, "ethnicity": "汉族", "birth_date": "2016-03-05",
    "id_number": "990101201603050026", "household_registered": True, "household_address": "示例县甲乡一村1号",
    "residence": "示例县甲乡一村2号", "rural": RuralProof.VERIFIED, "health": Health.DISABLED,
    "disability": "听力残疾二级", "illness": "先天性心脏病", "schooling": Schooling.PRIMARY, "boards": False,
    "father": Relative(**_RELATIVE), "mother": Relative(name="李小云"),
    "family_id_numbers": FamilyIdNumbers(father="990101198503120010"),
    "family_phones": FamilyPhones(father="13900000001", mother="13900000002"),
    "paternal_grandfather": _DEAD, "paternal_grandmother": Relative(name="王桂花", birth_date="1958"),
    "maternal_grandfather": _DEAD, "maternal_grandmother": _DEAD, "both_parents_away": True,
    "one_away_other_incapable": False, "incapable_parent": Parent.FATHER, "delegated": True,
    "delegate": Relative(name="王桂花", relation="祖母"), "quality": Quality.FAIR, "income": ("务工", "务农"),
    "aid": ("低保",),
}  # fmt: skip
_ABOUT: dict[str, Any] = {
    "child": _CHILD,
    "report": some("report"),
    "incident": some("incident"),
    "region": _REGION,
}
_NOTICE: dict[str, Any] = {"child": _CHILD, "notice": some("notice")}
_DUTY: dict[str, Any] = {
    "child": _CHILD, "duty": some("duty"), "rule": "acknowledge-notice", "about": some("notice"),
}  # fmt: skip
_OWED: dict[str, Any] = {**_DUTY, "owed_by": some("township")}
_TRANSFER: dict[str, Any] = {
    "child": _CHILD, "transfer": some("transfer"), "sender": some("township"), "receiver": some("township-b"),
}  # fmt: skip
_DUE = START + timedelta(days=1)
_ACCESS: dict[str, Any] = {"child": _CHILD, "agency": some("township"), "role": Role.LEDGER}

_KEPT: dict[str, Any] = {"child": _CHILD, "person": _GUARDIAN, "region": _REGION, "basis": "PIPL_47"}
_EMERGENCY: dict[str, Any] = {
    "child": _CHILD, "emergency": some("emergency"), "agency": some("police"), "reviewer": some("county"),
}  # fmt: skip
EXAMPLES: tuple[Event, ...] = (
    RegionRegistered(
        region=_REGION, name="示例县甲乡一村", level=RegionLevel.VILLAGE, superior="990101001000",
        valid_from=date(2026, 1, 1),
    ),
    BodyRegistered(
        body=some("township"), kind=BodyKind.TOWNSHIP, name="示例县甲乡人民政府", english="Township A",
        region="990101001000", superior=some("county"),
    ),
    PostAssigned(
        post=some("post"), body=some("township"), person=some("person"), duty="儿童督导员",
        valid_from=date(2026, 1, 1), valid_to=date(2027, 12, 31),
    ),
    PostEnded(post=some("post"), body=some("township")),
    DisclosureTableProposed(
        table=some("table"), content_hash="sha256:" + "7" * 64, content="'*': {}\n", post=some("post"),
        person=some("person"),
    ),
    DisclosureTableAdopted(
        table=some("table"), content_hash="sha256:" + "7" * 64, content="'*': {}\n",
        signed_by=(some("post"), some("post2")),
    ),
    PolicyPackAdopted(
        region="990101000000", pack="SY-2017-74", content_hash="sha256:" + "9" * 64,
        effective_from=date(2026, 1, 1), signed_by=(some("post"), some("post2")),
    ),
    ChildRegistered(child=_CHILD, region=_REGION, closing_date=date(2026, 9, 30), **_FACTS),
    LedgerEntryUpdated(child=_CHILD, region=_REGION, closing_date=date(2026, 9, 30), **_FACTS),
    ChildCategoryAssigned(
        child=_CHILD, region=_REGION, categories=("LEFT_BEHIND",), undetermined=("IN_DIFFICULTY",),
        findings=(
            Finding(condition="both_parents_away", holds=True, clause="SY 一"),
            Finding(condition="rural_household", clause="SY 一"),
        ),
    ),
    GuardianshipDelegated(
        child=_CHILD, region=_REGION, guardian=_GUARDIAN, starts=date(2026, 9, 1),
        instruments=("DELEGATION_AGREEMENT", "GUARDIANSHIP_UNDERTAKING"), name="王桂花",
        id_number="990101195801010027", phone="13900000003", address="示例县甲乡一村2号", relation="祖母",
        capable=True, willing=True,
    ),
    GuardianChanged(
        child=_CHILD, region=_REGION, guardian=_GUARDIAN, basis=Basis.DELEGATION, starts=date(2026, 9, 1),
        name="王桂花", previous=some("father"),
    ),
    ChildIdentified(child=some("reported"), file=_CHILD, region=_REGION, basis=("HOME_VISIT",)),
    ReportFiled(
        **_ABOUT, police=some("police"), reporter=some("reporter"), name="张小禾", school="甲乡中心小学",
        school_class="四年级二班", grounds=(Ground.LIVING_ALONE, Ground.GUARDIAN_NEGLECT),
        found_at=datetime(2026, 8, 31, 23, 30, tzinfo=UTC), harm="无人照料", course="连续三天独自在家",
        severity=Severity.SERIOUS,
        reported_by=Reporter(
            type=ReporterType.MANDATORY, body=some("school"), post=some("teacher"), name="赵老师",
            phone="13900000004",
        ),
    ),
    ReportWithdrawn(**_ABOUT),
    ReportAccepted(**_ABOUT, unit=some("police")),
    PoliceNoticeSent(
        **_ABOUT, notice=some("notice"), flow=("F_12",), sender=some("police"), recipient=some("township"),
        name="张小禾", grounds=(Ground.LIVING_ALONE,), steps=("ACCEPTED",),
    ),
    RecusalSet(
        **_ABOUT, recused=some("township"), instead=some("county"), until=date(2026, 12, 31), reason="嫌疑人为该单位人员"
    ),
    AssessmentOpened(
        **_NOTICE, assessment=some("assessment"), incident=some("incident"), region=_REGION,
        lead=some("township"), members=("CIVIL_AFFAIRS", "POLICE"),
    ),
    AccessGranted(**_ACCESS, basis="residence", cause=some("event")),
    AccessEnded(**_ACCESS, reason="moved"),
    EmergencyOpened(
        **_EMERGENCY, post=some("post"), until=_DUE, reason="儿童走失,须联系其亲属"
    ),
    EmergencyReviewed(**_EMERGENCY, justified=True),
    NotificationSent(
        **_NOTICE, region=_REGION, flow=("F_12",), sender=some("police"), recipient=some("township"), cause=some("event")
    ),
    NotificationAcknowledged(**_NOTICE, region=_REGION, recipient=some("township")),
    AliasRecorded(child=_CHILD, alias=some("reported"), region=_REGION),
    ChildTransferProposed(**_TRANSFER, region=_REGION, new_region="990101002001", name="张小禾"),
    ChildRecordTransferred(**_TRANSFER, region="990101002001", previous_region=_REGION),
    LedgerEntryClosed(child=_CHILD, region=_REGION, reason=Closing.ENTERED_IN_ERROR),
    LedgerEntryReopened(child=_CHILD, region=_REGION),
    SchoolFileOpened(child=_CHILD, region=_REGION, school=some("school"), starts=date(2026, 9, 1)),
    SchoolFileClosed(
        child=_CHILD, region=_REGION, school=some("school"), ends=date(2027, 7, 10), leaving=Leaving.FINISHED
    ),
    SubjectErased(**_KEPT),
    ErasureHeld(**_KEPT),
    ErasureHoldEnded(**_KEPT),
    SubjectSealed(**_KEPT),
    UnsealingApproved(**_KEPT, post=some("post"), approver=some("person")),
    SubjectUnsealed(**_KEPT),
    PlacementEnded(
        child=_CHILD, placement=some("placement"), region=_REGION, made=some("event"), receiver=some("institution"),
        requested_by=some("police"), decided_by=some("civil-affairs"), ends=date(2026, 12, 1),
        ending=PlacementEnding.PARENTS_RETURNED,
    ),
    CaseClosed(
        child=_CHILD, assessment=some("assessment"), incident=some("incident"), region=_REGION,
        closed_by=some("township"), outcome=CaseOutcome.SAFETY_SECURED, safety="母亲已返乡照料",
    ),
    PlacementMade(
        child=_CHILD, placement=some("placement"), region=_REGION, kind=PlacementKind.PROTECTIVE,
        receiver=some("institution"), requested_by=some("police"), request="GA-2026-118",
        decided_by=some("civil-affairs"), starts=date(2026, 9, 1), grounds=(PlacementGround.UNATTENDED,),
    ),
    DutyOpened(
        **_OWED, cause=some("event"), starts=START, judged_by=Judging.OCCURRED, limit="24h", due=_DUE,
        standing="local", clause="SY 三.7「及时通报」",
    ),
    DutyMet(**_OWED, cause=some("event"), late=True, superior=some("county")),
    DutyReassigned(**_OWED, previous=some("township-b"), starts=START, due=_DUE),
    DutyDelayed(**_OWED, change=ClockChange.PAUSED, reason="CHILD_IN_HOSPITAL", due=_DUE, paused_at=START),
    DueReached(**_DUTY, due=_DUE),
    DutyMissed(**_OWED, due=_DUE, superior=some("county")),
    DutyMissRescinded(**_OWED, cause=some("event"), due=_DUE, superior=some("county")),
    FactCorrected(
        child=_CHILD, region=_REGION, corrects=some("event"), corrects_type="registry.child-registered.v1",
        field="name", person=_CHILD, basis="ID_CARD_SEEN", time=START,
        **dict.fromkeys(
            ("name", "idnumber", "address", "contact", "family", "schooling", "health", "economic", "case"), '"张小河"'
        ),
    ),
    ReactionRefused(child=_CHILD, reaction="open-assessment", cause=some("event"), refusal="no-policy"),
)  # fmt: skip
"""One event of every type, each field filled. What stands here stays: a new version gets an example of its own."""


def make(event: Event) -> str:
    """Return the golden file of an example; the same example gives the same text, whatever else there is."""
    recorded, plain = _recorded(event)
    return as_text(
        {
            "envelope": recorded.envelope.decode(),
            "blocks": recorded.blocks.hex(),
            "sealed": plain,
            "leaf": leaf_hash(recorded.envelope).hex(),
        }
    )


def as_text(golden: dict[str, Any]) -> str:
    """Return a golden file as it is committed."""
    return json.dumps(golden, ensure_ascii=False, indent=1) + "\n"


def _recorded(event: Event) -> tuple[NewEvent, list[dict[str, Any]]]:
    seed = int.from_bytes(hashlib.sha256(event.type.encode()).digest()[:8], "big")
    world = SeededWorld(seed, START)
    hidden = event.type == ReportFiled.type
    told = Circumstances(
        actor=INTAKE if hidden else str(some("post")), purpose="golden", correlation=some("correlation"),
        occurred=START, on_behalf_of=None if hidden else str(some("township")),
        causation=str(some("cause")),
        after=lambda _: {"reference": 12, "registry": 3},
    )  # fmt: skip
    prefix = event.type.partition(".")[0]
    recorder = Recorder(_STORES.get(prefix, prefix), FixedKeys(), AesGcm(world), world)
    planned = Planned(event, some("stream"), 1, world.new_id(), "SY-2017-74@sha256:" + "9" * 64)
    (recorded,) = asyncio.run(recorder.record([planned], told))
    return recorded, list(event.split()[1].values())


def write_sums(folder: Path) -> None:
    """Write SHA256SUMS of a folder of golden files."""
    lines = [f"{_sum_of(file)}  {file.name}\n" for file in sorted(folder.glob("*.json"))]
    (folder / SUMS).write_text("".join(lines), encoding="utf8")


def tampered(folder: Path) -> list[str]:
    """List the golden files that are not what SHA256SUMS says: changed, gone, or never listed."""
    lines = (folder / SUMS).read_text(encoding="utf8").splitlines() if (folder / SUMS).exists() else []
    listed = {name: told for told, name in (line.split("  ") for line in lines)}
    there = {file.name: _sum_of(file) for file in folder.glob("*.json")}
    return sorted(name for name in listed.keys() | there.keys() if listed.get(name) != there.get(name))


def _sum_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def main() -> None:
    """Write what is missing, and the sums; refuses where a file that is there was changed."""
    FOLDER.mkdir(exist_ok=True)
    if changed := tampered(FOLDER):
        sys.exit(f"已有的样例不得改动 · golden files are kept for ever, these were changed: {changed}")
    for event in EXAMPLES:
        file = FOLDER / f"{event.type}.json"
        if not file.exists():
            file.write_text(make(event), encoding="utf8")
            sys.stdout.write(f"{file.name}\n")
    for kind in sorted(set(EVENTS) - {event.type for event in EXAMPLES}):
        sys.stderr.write(f"{kind}: 缺少示例 · has no example\n")
    write_sums(FOLDER)


if __name__ == "__main__":
    main()
