"""Who comes to know of a child: which events give whom a role, and what each role is shown of each event."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from schemas.assessment import AssessmentOpened, CaseClosed, PlacementEnded, PlacementMade
from schemas.catalogue import EVENTS
from schemas.disclosure import SHIPPED
from schemas.envelope import Block, Envelope, encode
from schemas.event import Event
from schemas.fields import DataClass
from schemas.notification import (
    AccessEnded,
    AccessGranted,
    DueReached,
    DutyReassigned,
    EmergencyOpened,
    EmergencyReviewed,
    Judging,
    NotificationAcknowledged,
    Role,
)
from schemas.packs import KnownPack
from schemas.platform import FactCorrected
from schemas.reference import BodyKind
from schemas.registry import (
    ChildRecordTransferred,
    ChildRegistered,
    ChildTransferProposed,
    GuardianshipDelegated,
    SchoolFileClosed,
    SchoolFileOpened,
)
from schemas.reporting import Ground, PoliceNoticeSent, RecusalSet, ReportFiled
from services.kernel.keys.sealing import BlockRef, redact, refs, unpack
from services.kernel.world import SeededWorld
from services.kernel.writing.reactions import Task
from services.notification import access, notice
from services.notification.access import ACCESS, GrantAccess, Reside
from services.notification.disclosure import Disclosure, concerns, disclosure_table
from services.notification.duty import DUTY, MeetDuty, OpenDuty, ReassignDuty
from services.notification.known import Known, KnownDuty
from services.notification.notice import NOTICE, ForwardNotice, SendNotice
from services.notification.reactions import Rules
from services.notification.router import Heard, Router, Shown, _Turn
from tests.contracts.make_golden import EXAMPLES
from tests.scenario import (
    NOW,
    NOWHERE,
    POLICE,
    SHORT,
    STATION,
    SY,
    TOWNSHIP,
    VILLAGE,
    find_body_in,
    some,
    written,
)

CHILD, CAUSE, OTHER = some(1), some(20), some(105)
BODIES = {kind: some(300 + i) for i, kind in enumerate(BodyKind)}
BY_TYPE = {event.type: event for event in EXAMPLES if not event.type.startswith("reference.")}
ALL = "name idnumber address family schooling health economic"


def tasks(event: Event, *kinds: BodyKind) -> list[Task]:
    """What notification does on hearing an event, where bodies of these kinds (or of all) are on record."""
    return heard(event, Known(), *kinds)


def heard(event: Event, known: Known, *kinds: BodyKind, pack: KnownPack | None = None) -> list[Task]:
    """The same, where this is known of the child, and this pack is in force (none: no duties)."""
    found = find_body_in({k: BODIES[k] for k in kinds or BODIES})
    return list(Rules(found, lambda _: pack).tasks(written(event, CAUSE)[0], known))


def gained(made: Sequence[Task]) -> set[tuple[UUID, Role]]:
    granted = {(t.command.agency, t.command.role) for t in made if isinstance(t.command, GrantAccess)}
    return granted | {g for t in made if isinstance(t.command, Reside) for g in t.command.bodies}


def registered(region: str = VILLAGE) -> ChildRegistered:
    return ChildRegistered(child=CHILD, region=region, name="张小禾")


def reported(region: str = VILLAGE) -> ReportFiled:
    filed = BY_TYPE[ReportFiled.type]
    assert isinstance(filed, ReportFiled)
    return filed.model_copy(update={"child": CHILD, "region": region})


def noticed() -> PoliceNoticeSent:
    return PoliceNoticeSent(
        child=CHILD, report=some(8), incident=some(7), notice=some(6), region=VILLAGE, flow=("F_12",), sender=STATION,
        recipient=TOWNSHIP, grounds=(Ground.LIVING_ALONE,), steps=("ACCEPTED",),
    )  # fmt: skip


# --- Who gains a role
@pytest.mark.req("PRV-03")
def test_a_registered_child_is_known_to_its_township_village_civil_affairs_and_station_and_to_nobody_else() -> (
    None
):
    made = tasks(registered())
    assert gained(made) == {
        (BODIES[BodyKind.TOWNSHIP], Role.LEDGER),
        (BODIES[BodyKind.VILLAGE], Role.VILLAGE),
        (BODIES[BodyKind.CIVIL_AFFAIRS], Role.SUPERVISOR),
        (BODIES[BodyKind.POLICE_STATION], Role.AREA_POLICE),
    }
    assert len(made) == 1


@pytest.mark.req("PRV-01")
@pytest.mark.req("PRV-03")
def test_a_report_is_known_to_the_police_and_to_nobody_else() -> None:
    made = tasks(reported())
    assert gained(made) == {
        (BODIES[BodyKind.POLICE_STATION], Role.CASE_POLICE), (BODIES[BodyKind.POLICE], Role.CASE_POLICE),
    }  # fmt: skip
    assert len(made) == 2


@pytest.mark.req("NTF-01")
@pytest.mark.req("PRV-03")
def test_a_police_notice_is_sent_and_known_to_its_recipient_whoever_answers_for_the_region() -> None:
    made = tasks(noticed())
    assert gained(made) == {(TOWNSHIP, Role.RESPONDER)}
    assert made[1].command == SendNotice(
        child=CHILD,
        region=VILLAGE,
        notice=some(6),
        flow=("F_12",),
        sender=STATION,
        recipient=TOWNSHIP,
        cause=CAUSE,
    )
    assert (made[1].decider, made[1].stream, len(made)) == (NOTICE, notice.stream_of(some(6)), 2)


@pytest.mark.req("PRV-03")
def test_no_other_event_gives_anybody_a_role() -> None:
    deciding = {
        ChildRegistered.type, ReportFiled.type, PoliceNoticeSent.type, PlacementMade.type, ChildRecordTransferred.type,
            RecusalSet.type, EmergencyOpened.type, EmergencyReviewed.type,
            PlacementEnded.type, CaseClosed.type, AssessmentOpened.type, SchoolFileOpened.type, SchoolFileClosed.type,
    }  # fmt: skip
    assert [t for event in EXAMPLES if event.type not in deciding for t in tasks(event)] == []
    assert {e.type for e in EXAMPLES} == {*EVENTS}


@pytest.mark.req("PRV-03")
def test_in_a_region_that_nobody_answers_for_nobody_gains_a_role() -> None:
    assert gained(tasks(registered(NOWHERE))) == set()
    assert tasks(reported(NOWHERE)) == []


@pytest.mark.req("PRV-03")
def test_a_kind_of_body_that_is_not_on_record_is_left_out_and_the_others_are_not() -> None:
    assert gained(tasks(registered(), BodyKind.TOWNSHIP)) == {(BODIES[BodyKind.TOWNSHIP], Role.LEDGER)}
    assert gained(tasks(reported(), BodyKind.POLICE)) == {(BODIES[BodyKind.POLICE], Role.CASE_POLICE)}
    assert gained(tasks(registered(), BodyKind.SCHOOL)) == set()


@pytest.mark.req("PRV-03")
@pytest.mark.req("PLT-05")
def test_grants_rest_on_the_event_heard_go_to_the_childs_stream_and_have_names_of_their_own() -> None:
    for event in (registered(), reported(), noticed()):
        grants = [t for t in tasks(event) if isinstance(t.command, GrantAccess | Reside)]
        assert {t.stream for t in grants} == {access.stream_of(CHILD)}
        assert all(getattr(t.command, "cause", None) == CAUSE for t in grants)
        assert all(t.decider is ACCESS and t.on_behalf_of is None for t in grants)
        assert len({t.name for t in tasks(event)}) == len(tasks(event))
        assert tasks(event) == tasks(event)


# --- A child that moved
TRANSFERRED = ChildRecordTransferred(
    child=CHILD,
    transfer=some(9),
    region="990101002001",
    previous_region=VILLAGE,
    sender=TOWNSHIP,
    receiver=OTHER,
)


@pytest.mark.req("REG-33")
def test_a_notice_about_a_child_that_has_moved_goes_to_the_township_that_is_responsible_now() -> None:
    made = heard(noticed(), Known(moved={TOWNSHIP: OTHER}))
    assert gained(made) == {(OTHER, Role.RESPONDER)}
    assert {t.command.recipient for t in made if isinstance(t.command, SendNotice)} == {OTHER}


@pytest.mark.req("REG-33")
def test_open_duties_of_the_township_that_hands_over_pass_on_and_met_ones_and_others_do_not() -> None:
    open_, met, others = some(50), some(51), some(52)
    known = Known(
        duties={
            open_: KnownDuty(some(6), CAUSE, TOWNSHIP, met=False), met: KnownDuty(some(6), CAUSE, TOWNSHIP, met=True),
            others: KnownDuty(some(6), CAUSE, STATION, met=False),
        }
    )  # fmt: skip
    made = heard(TRANSFERRED, known)
    assert [t.stream for t in made if isinstance(t.command, ReassignDuty)] == [open_]
    assert [t.command.recipient for t in made if isinstance(t.command, ForwardNotice)] == [OTHER]


@pytest.mark.req("REG-33")
def test_a_township_that_once_handed_the_child_over_owes_the_answer_when_it_is_asked_to_take_it_back() -> (
    None
):
    back = ChildTransferProposed(
        child=CHILD, transfer=some(9), region=VILLAGE, new_region="990101001002", sender=OTHER, receiver=TOWNSHIP,
        name="小禾",
    )  # fmt: skip
    made = heard(back, Known(moved={TOWNSHIP: OTHER}), pack=SY)
    assert [t.command.owed_by for t in made if isinstance(t.command, OpenDuty)] == [TOWNSHIP]


@pytest.mark.req("REG-33")
def test_a_duty_event_that_comes_again_gives_the_duty_back_to_nobody() -> None:
    """Own events come back by the bus, later than what followed them."""
    duty = some(50)
    known = Known(duties={duty: KnownDuty(some(6), CAUSE, OTHER, met=False, version=3)})
    again = DutyReassigned(
        child=CHILD,
        duty=duty,
        rule="assess",
        about=some(6),
        owed_by=TOWNSHIP,
        previous=STATION,
        starts=NOW,
        due=None,
    )
    envelope = written(again, some(51))[0]
    known.hear(msgspec.structs.replace(envelope, streamversion=2))
    assert known.duties[duty].owed_by == OTHER
    known.hear(msgspec.structs.replace(envelope, streamversion=4))
    assert known.duties[duty].owed_by == TOWNSHIP


# --- Duties
@pytest.mark.req("NTF-02")
@pytest.mark.req("NTF-06")
def test_a_duty_is_opened_by_the_event_that_the_pack_names_and_met_by_the_one_it_names() -> None:
    opened = [t.command for t in heard(noticed(), Known(), pack=SY) if isinstance(t.command, OpenDuty)]
    assert [(d.rule, d.owed_by, d.about, d.limit, d.standing) for d in opened] == [
        ("acknowledge-notice", TOWNSHIP, some(6), "24h", "local")
    ]
    acknowledged = NotificationAcknowledged(child=CHILD, region=VILLAGE, notice=some(6), recipient=TOWNSHIP)
    known = Known(duties={opened[0].duty: KnownDuty(some(6), CAUSE, TOWNSHIP, met=False)})
    met = [t.stream for t in heard(acknowledged, known, pack=SY) if isinstance(t.command, MeetDuty)]
    assert met == [opened[0].duty]
    assert heard(acknowledged, Known(), pack=SY) == []
    assert not any(isinstance(t.command, OpenDuty) for t in heard(noticed(), Known()))


@pytest.mark.req("NTF-06")
def test_a_duty_is_judged_by_the_clock_that_the_pack_names() -> None:
    envelope, _ = written(noticed(), CAUSE)
    envelope = msgspec.structs.replace(
        envelope, time="2026-10-20T00:00:00Z", recordedat="2026-10-25T00:00:00Z"
    )
    starts = {}
    for judged in Judging:
        rule = SY.pack.duties["acknowledge-notice"].model_copy(update={"judged_by": judged})
        pack = replace(SY, pack=SY.pack.model_copy(update={"duties": {"acknowledge-notice": rule}}))
        rules = Rules(find_body_in(BODIES), {VILLAGE: pack}.get)
        (command,) = [t.command for t in rules.tasks(envelope, Known()) if isinstance(t.command, OpenDuty)]
        starts[judged] = command.starts
    assert starts == {
        Judging.OCCURRED: datetime(2026, 10, 20, tzinfo=UTC), Judging.RECORDED: datetime(2026, 10, 25, tzinfo=UTC)
    }  # fmt: skip


@pytest.mark.req("PLT-02")
def test_a_correction_of_a_field_on_which_a_decision_rests_asks_for_a_review_and_another_does_not() -> None:
    def corrected(field: str) -> FactCorrected:
        return FactCorrected(
            child=CHILD, region=VILLAGE, corrects=some(60), corrects_type=GuardianshipDelegated.type, field=field,
            person=OTHER, basis="ID_CARD_SEEN", idnumber='"990101195503030046"',
        )  # fmt: skip

    reviewed = [
        t.command for t in heard(corrected("id_number"), Known(), pack=SY) if isinstance(t.command, OpenDuty)
    ]
    assert [(d.rule, d.owed_by, d.about) for d in reviewed] == [
        ("review-decision", BODIES[BodyKind.TOWNSHIP], some(60))
    ]
    assert heard(corrected("phone"), Known(), pack=SY) == []


# --- What a role is shown
EVERYBODY = [r for r in Role if r not in {Role.AUTHOR, Role.PARTY, Role.CORRECTED}]
KEEPERS = (Role.LEDGER, Role.VILLAGE, Role.SUPERVISOR, Role.AREA_POLICE)
FACTS = {
    Role.LEDGER: f"{ALL} contact", Role.VILLAGE: "name address contact family schooling health", Role.SUPERVISOR: ALL,
    Role.AREA_POLICE: "name idnumber address", Role.CARER: "name idnumber contact family schooling health",
    Role.EMERGENCY: "name address contact family health", Role.SCHOOL: "name family schooling",
}  # fmt: skip
DUTY_TYPES = [e.type for e in DUTY.events if e.type != DueReached.type]
EXPECTED: dict[str, dict[Role, str]] = {
    "registry.child-registered.v1": FACTS,
    "registry.ledger-entry-updated.v1": FACTS,
    "registry.child-category-assigned.v1": dict.fromkeys((*KEEPERS, Role.SCHOOL, Role.EMERGENCY), "family"),
    "registry.guardianship-delegated.v1": {
        Role.LEDGER: "name idnumber address contact family", Role.VILLAGE: "name address contact family",
        Role.SUPERVISOR: "name family", Role.AREA_POLICE: "name idnumber address contact",
        Role.CARER: "name contact family", Role.EMERGENCY: "name contact family", Role.SCHOOL: "name family",
    },
    "registry.guardian-changed.v1": dict.fromkeys((*KEEPERS, Role.CARER, Role.SCHOOL, Role.EMERGENCY), "name"),
    "registry.child-identified.v1": {Role.CASE_POLICE: "", Role.RESPONDER: ""},
    "registry.alias-recorded.v1": {},
    "registry.child-transfer-proposed.v1": {Role.LEDGER: "name", Role.PARTY: "name"},
    "registry.child-record-transferred.v1": dict.fromkeys([*EVERYBODY, Role.PARTY], ""),
    "registry.ledger-entry-closed.v1": dict.fromkeys((*KEEPERS, Role.CARER, Role.SCHOOL, Role.EMERGENCY), ""),
    "registry.ledger-entry-reopened.v1": dict.fromkeys((*KEEPERS, Role.CARER, Role.SCHOOL, Role.EMERGENCY), ""),
    **{f"registry.subject-{act}.v1": dict.fromkeys(EVERYBODY, "") for act in ("erased", "sealed", "unsealed")},
    **{
        f"registry.school-file-{act}.v1": dict.fromkeys((Role.LEDGER, Role.VILLAGE, Role.SUPERVISOR, Role.SCHOOL), "")
        for act in ("opened", "closed")
    },
    **{
        f"registry.{act}.v1": {Role.LEDGER: "", Role.SUPERVISOR: ""}
        for act in ("erasure-held", "erasure-hold-ended", "unsealing-approved")
    },
    "assessment.placement-ended.v1": {
        Role.LEDGER: "case", Role.VILLAGE: "", Role.SUPERVISOR: "case", Role.AREA_POLICE: "case", Role.CARER: "case",
        Role.PARTY: "case",
    },
    "assessment.case-closed.v1": dict.fromkeys((Role.RESPONDER, Role.CASE_POLICE, Role.ASSESSOR), "case"),
    "reporting.report-withdrawn.v1": {Role.CASE_POLICE: ""},
    "reporting.recusal-set.v1": {Role.CASE_POLICE: "case"},
    "reporting.report-filed.v1": {Role.CASE_POLICE: "name schooling case reporter"},
    "reporting.report-accepted.v1": {Role.CASE_POLICE: ""},
    "reporting.police-notice-sent.v1": dict.fromkeys((Role.CASE_POLICE, Role.RESPONDER, Role.ASSESSOR), "name case"),
    "assessment.assessment-opened.v1": dict.fromkeys((Role.CASE_POLICE, Role.RESPONDER, Role.ASSESSOR), ""),
    "assessment.placement-made.v1": {Role.VILLAGE: ""}
    | dict.fromkeys((Role.LEDGER, Role.SUPERVISOR, Role.AREA_POLICE, Role.CARER, Role.PARTY), "case"),
    "notification.access-granted.v1": dict.fromkeys(EVERYBODY, ""),
    "notification.access-ended.v1": dict.fromkeys(EVERYBODY, ""),
    "notification.emergency-opened.v1": {Role.PARTY: "case", Role.LEDGER: "", Role.SUPERVISOR: ""},
    "notification.emergency-reviewed.v1": {Role.PARTY: "", Role.LEDGER: "", Role.SUPERVISOR: ""},
    "notification.notification-sent.v1": {Role.CASE_POLICE: "", Role.RESPONDER: ""},
    "notification.notification-acknowledged.v1": {Role.CASE_POLICE: "", Role.RESPONDER: ""},
    "notification.due-reached.v1": {},
    **{kind: {Role.PARTY: ""} for kind in DUTY_TYPES},
    # The example corrects a registration and holds every class: the carer may not read all of them.
    "platform.fact-corrected.v1": {Role.CORRECTED: ""},
    "platform.reaction-refused.v1": {Role.LEDGER: "", Role.RESPONDER: "", Role.CASE_POLICE: ""},
}  # fmt: skip


def router(table: Disclosure | None = None) -> Router:
    nothing: Any = None
    return Router(lambda: table or disclosure_table(), SeededWorld(1, NOW), nothing, nothing)


def shown(envelope: Envelope, agency: UUID, role: Role) -> list[Shown]:
    nothing: Any = None
    turn = _Turn(nothing, {}, set())
    router()._show(turn, Heard("registry", 1, 3, envelope, b"", b""), agency, role, CAUSE)
    assert set(turn.shown) <= {(agency, UUID(envelope.id), role.value, CAUSE)}
    return list(turn.shown.values())


@pytest.mark.req("PRV-03")
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("kind", sorted(BY_TYPE))
def test_a_role_is_shown_the_blocks_that_the_table_gives_it_and_no_others(kind: str, role: Role) -> None:
    event = BY_TYPE[kind]
    envelope, blocks = written(event, CAUSE)
    agency = event.agency if isinstance(event, AccessGranted | AccessEnded) else TOWNSHIP
    expected = "".join(f"{c} " for c in DataClass if c is not DataClass.REPORTER) if role is Role.AUTHOR else (
        EXPECTED[kind].get(role)
    )  # fmt: skip
    rows = shown(envelope, agency, role)
    if expected is None:
        assert rows == []
        return
    (row,) = rows
    classes = [b.data_class for b in envelope.blocks]
    assert {classes[i] for i in row.places} == set(expected.split()) & set(classes)
    assert {c for _, c in row.pairs} == {classes[i] for i in row.places}
    assert row.clause
    given = refs(envelope, redact(blocks, row.places))
    assert [g.data_class for g in given] == [classes[i] for i in row.places]
    assert len(unpack(redact(blocks, row.places))) == len(classes)


@pytest.mark.req("PRV-03")
def test_the_examples_carry_every_class_so_that_nothing_is_shown_by_being_absent() -> None:
    for kind, roles in EXPECTED.items():
        classes = {b.data_class for b in written(BY_TYPE[kind], CAUSE)[0].blocks}
        assert {c for said in roles.values() for c in said.split()} <= classes, kind
    assert set(EXPECTED) == set(BY_TYPE)


@pytest.mark.req("PRV-03")
def test_a_blocks_subject_is_the_person_whose_data_it_is() -> None:
    delegated = GuardianshipDelegated(
        child=CHILD, region=VILLAGE, guardian=OTHER, starts=date(2026, 9, 1), instruments=(), name="王桂花",
        phone="13900000003", relation="祖母", capable=True, willing=True,
    )  # fmt: skip
    (row,) = shown(written(delegated, CAUSE)[0], TOWNSHIP, Role.AREA_POLICE)
    assert set(row.pairs) == {(str(OTHER), "name"), (str(OTHER), "contact")}


# --- Corrections
@pytest.mark.req("PLT-02")
@pytest.mark.parametrize("role", Role)
def test_a_correction_is_shown_to_whoever_may_read_the_field_and_to_others_without_its_value(
    role: Role,
) -> None:
    """The rule is that of the event which is corrected: nobody has to remember a second line."""
    right = FactCorrected(
        child=CHILD, region=VILLAGE, corrects=some(60), corrects_type=GuardianshipDelegated.type, field="id_number",
        person=OTHER, basis="ID_CARD_SEEN", idnumber='"990101195503030046"',
    )  # fmt: skip
    envelope, blocks = written(right, CAUSE)
    assert b"990101195503030046" not in encode(envelope)
    rows = shown(envelope, TOWNSHIP, role)
    may_read = role in {Role.LEDGER, Role.AREA_POLICE, Role.AUTHOR}
    assert [bool(r.places) for r in rows] == (
        [True] if may_read else [False] if role is Role.CORRECTED else []
    )
    for row in rows:
        assert (b"990101195503030046" in redact(blocks, row.places)) is may_read


@pytest.mark.req("PRV-03")
@pytest.mark.parametrize("role", [*EVERYBODY, Role.AUTHOR])
@pytest.mark.parametrize("kind", [AccessGranted, AccessEnded])
def test_who_may_know_of_a_child_is_told_to_the_body_concerned_alone(
    kind: type[AccessGranted | AccessEnded], role: Role
) -> None:
    event = BY_TYPE[kind.type]
    assert isinstance(event, AccessGranted | AccessEnded)
    envelope, _ = written(event, CAUSE)
    assert len(shown(envelope, event.agency, role)) == 1
    assert shown(envelope, POLICE, role) == []
    assert concerns(envelope, event.agency)
    assert not concerns(envelope, POLICE)


def leaks_by_retraction(table: Disclosure) -> list[str]:
    """Name the classes that a body which may no longer know would be given with a retraction."""
    event = BY_TYPE[FactCorrected.type]
    envelope, _ = written(event, CAUSE)
    places, _ = table.shown(envelope, Role.CORRECTED) or ([], None)
    return sorted(envelope.blocks[i].data_class for i in places)


@pytest.mark.req("PLT-02")
def test_a_table_whose_retraction_carries_the_value_is_caught() -> None:
    table = yaml.safe_load(SHIPPED.read_bytes())
    table[FactCorrected.type]["corrected"] = {"show": ["idnumber"], "clause": "planted"}
    planted = Disclosure(yaml.safe_dump(table, allow_unicode=True).encode())
    assert leaks_by_retraction(planted) == ["idnumber"]
    assert leaks_by_retraction(disclosure_table()) == []


# --- The reporter
def reporter_leaks(table: Disclosure, envelope: Envelope, roles: Sequence[Role]) -> bool:
    """Tell whether the union of what these roles are shown holds a block about a reporter."""
    places = {i for role in roles for i in (table.shown(envelope, role) or ([],))[0]}
    return any(envelope.blocks[i].data_class == DataClass.REPORTER for i in places)


not_police = [role for role in Role if role is not Role.CASE_POLICE]
sealed_classes = st.sampled_from([c for c in DataClass if c is not DataClass.OPEN])


def of_blocks(kind: str, classes: Sequence[DataClass]) -> Envelope:
    """An envelope of this type with a block of each of these classes, whatever its event class says."""
    envelope, _ = written(registered(), CAUSE)
    blocks = [Block(subject=str(CHILD), role="child", data_class=c.value) for c in classes]
    return msgspec.structs.replace(envelope, type=kind, data={"sealed": msgspec.to_builtins(blocks)})


@pytest.mark.req("PRV-01")
@SHORT
@given(
    kind=st.sampled_from([*EVENTS, "made.up.v1"]), roles=st.lists(st.sampled_from(not_police)),
    classes=st.lists(sealed_classes),
)  # fmt: skip
def test_all_roles_but_the_case_police_together_are_never_shown_a_reporter_block(
    kind: str, roles: list[Role], classes: list[DataClass]
) -> None:
    envelope = of_blocks(kind, [*classes, DataClass.REPORTER])
    assert not reporter_leaks(disclosure_table(), envelope, roles)
    police = kind == ReportFiled.type
    assert reporter_leaks(disclosure_table(), envelope, [*roles, Role.CASE_POLICE]) is police


@pytest.mark.req("PRV-01")
@pytest.mark.parametrize("role", not_police)
def test_a_table_that_shows_a_reporter_to_another_role_is_caught(role: Role) -> None:
    table = yaml.safe_load(SHIPPED.read_bytes())
    table[ReportFiled.type][role.value] = {"show": ["reporter"], "clause": "planted"}
    planted = Disclosure(yaml.safe_dump(table, allow_unicode=True).encode())
    assert reporter_leaks(planted, written(reported(), CAUSE)[0], not_police)
    assert not reporter_leaks(disclosure_table(), written(reported(), CAUSE)[0], not_police)
    assert planted.content_hash != disclosure_table().content_hash


@pytest.mark.req("PRV-01")
def test_what_anybody_but_the_police_receives_of_a_report_holds_no_word_of_its_reporter() -> None:
    envelope, blocks = written(reported(), CAUSE)
    filed = reported()
    given: list[BlockRef] = []
    for role in not_police:
        for row in shown(envelope, TOWNSHIP, role):
            given += refs(envelope, redact(blocks, row.places))
    told = b"".join(ref.body for ref in given) + msgspec.json.encode(envelope)
    by = filed.reported_by
    for secret in (by.name, by.phone, str(by.body), str(by.post), by.type.value):
        assert secret is not None
        assert secret.encode() in blocks
        assert secret.encode() not in told
