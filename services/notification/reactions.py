"""What notification does when it hears of others: bodies gain and lose roles, notices go out, duties open and are met."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from schemas.assessment import AssessmentOpened, CaseClosed, PlacementEnded, PlacementMade
from schemas.envelope import Envelope
from schemas.notification import EmergencyOpened, EmergencyReviewed, Judging, Role
from schemas.packs import DutyRule, KnownPack
from schemas.platform import FactCorrected
from schemas.reference import BodyKind
from schemas.registry import ChildRecordTransferred, ChildRegistered, SchoolFileClosed, SchoolFileOpened
from schemas.reporting import PoliceNoticeSent, RecusalSet, ReportFiled
from services.kernel.world import day_of
from services.kernel.writing.reactions import Task
from services.notification import access, duty, notice
from services.notification.access import ACCESS, EndCare, EndCase, EndSchooling, GrantAccess, Recuse, Reside
from services.notification.duty import DUTY, MeetDuty, OpenDuty, ReassignDuty, RestartDuty
from services.notification.known import Known
from services.notification.notice import NOTICE, ForwardNotice, SendNotice

_BY_RESIDENCE = {
    BodyKind.TOWNSHIP: Role.LEDGER,
    BodyKind.VILLAGE: Role.VILLAGE,
    BodyKind.CIVIL_AFFAIRS: Role.SUPERVISOR,
    BodyKind.POLICE_STATION: Role.AREA_POLICE,
}
_MEMBERS = {"CIVIL_AFFAIRS": BodyKind.CIVIL_AFFAIRS, "EDUCATION": BodyKind.EDUCATION}
"""Members of an assessment that are on record as bodies; the police have their role by the report."""
_REGISTRY = "registry."
_REVIEW = "review-emergency"
_BY_REPORT = (BodyKind.POLICE_STATION, BodyKind.POLICE)


@dataclass(frozen=True)
class Rules:
    """Notification's rules: pure functions of the event, of what is known of the child, and of the reference data."""

    find_body: Callable[[BodyKind, str], UUID | None]
    find_pack: Callable[[str], KnownPack | None]

    def tasks(self, heard: Envelope, known: Known) -> Iterable[Task]:
        """Return what an event of another service, or one of our own, asks for."""
        yield from self._who_may_know(heard, known)
        if heard.region and (pack := self.find_pack(heard.region)):
            yield from self._duties(heard, known, pack)

    def _who_may_know(self, heard: Envelope, known: Known) -> Iterable[Task]:
        data = heard.data
        if heard.type == ChildRegistered.type:
            yield self._reside(heard)
        elif heard.type == ChildRecordTransferred.type:
            sender, receiver = UUID(data["sender"]), UUID(data["receiver"])
            yield self._reside(heard, sender, receiver)
            yield from _pass_on(heard, known, sender, receiver)
        elif heard.type == ReportFiled.type:
            for kind in _BY_REPORT:
                yield from _grant(heard, self.find_body(kind, data["region"]), Role.CASE_POLICE, "report")
        elif heard.type == RecusalSet.type:
            recused, instead = UUID(data["recused"]), UUID(data["instead"])
            command = Recuse(
                child=UUID(data["child"]),
                basis="recusal",
                cause=UUID(heard.id),
                recused=recused,
                instead=instead,
            )
            yield Task("recuse", ACCESS, access.stream_of(command.child), command)
            yield from _pass_on(heard, known, recused, instead)
        elif heard.type == SchoolFileOpened.type:
            yield from _grant(heard, UUID(data["school"]), Role.SCHOOL, "schooling")
        elif heard.type == SchoolFileClosed.type:
            left = EndSchooling(
                child=UUID(data["child"]),
                basis="schooling",
                cause=UUID(heard.id),
                agency=UUID(data["school"]),
            )
            yield Task("end-schooling", ACCESS, access.stream_of(left.child), left)
        elif heard.type == EmergencyOpened.type:
            yield _review(heard)
        elif heard.type == EmergencyReviewed.type:
            yield _met(heard, duty.stream_of(_REVIEW, UUID(data["emergency"])))
        else:
            yield from self._of_case(heard, known)

    def _of_case(self, heard: Envelope, known: Known) -> Iterable[Task]:
        """Who works a case and who cares for the child, from the police's notice to the end of both."""
        if "child" not in heard.data:
            return
        data, child, cause = heard.data, UUID(heard.data["child"]), UUID(heard.id)
        if heard.type == PoliceNoticeSent.type:
            # Where the child moved on since the police decided, or the recipient is recused, the notice follows.
            recipient = known.now(UUID(data["recipient"]), _day(heard))
            yield from _grant(heard, recipient, Role.RESPONDER, "notice")
            yield _send(heard, recipient)
        elif heard.type == AssessmentOpened.type:
            found = (self.find_body(_MEMBERS[m], data["region"]) for m in data["members"] if m in _MEMBERS)
            for member in (known.now(body, _day(heard)) for body in found if body is not None):
                yield from _grant(heard, member, Role.ASSESSOR, "assessment")
        elif heard.type == CaseClosed.type:
            closing = EndCase(child=child, basis="case-closed", cause=cause)
            yield Task("end-case", ACCESS, access.stream_of(child), closing)
            yield from (_met(heard, each) for each, owed in known.duties.items() if not owed.met)
        elif heard.type == PlacementMade.type:
            yield from _grant(heard, UUID(data["receiver"]), Role.CARER, "placement")
        elif heard.type == PlacementEnded.type:
            carer, made = known.now(UUID(data["receiver"]), _day(heard)), UUID(data["made"])
            ending = EndCare(child=child, basis="placement", cause=cause, agency=carer, made=made)
            yield Task("end-care", ACCESS, access.stream_of(child), ending)

    def _reside(self, heard: Envelope, sender: UUID | None = None, receiver: UUID | None = None) -> Task:
        found = ((self.find_body(kind, heard.data["region"]), role) for kind, role in _BY_RESIDENCE.items())
        command = Reside(
            child=UUID(heard.data["child"]), basis="transfer" if sender else "residence", cause=UUID(heard.id),
            bodies=tuple((body, role) for body, role in found if body is not None), sender=sender, receiver=receiver,
        )  # fmt: skip
        return Task("reside", ACCESS, access.stream_of(command.child), command)

    def _duties(self, heard: Envelope, known: Known, pack: KnownPack) -> Iterable[Task]:
        for name, rule in pack.pack.duties.items():
            if rule.opened_by == heard.type and _rests_on_it(heard, pack):
                owed_by = self._owing(rule, heard)
                if owed_by is not None:
                    # The registry knows who is responsible; others may have written before they heard of a move.
                    now = owed_by if heard.type.startswith(_REGISTRY) else known.now(owed_by, _day(heard))
                    yield _open(name, rule, heard, now)
            if heard.type in rule.met_by:
                each = duty.stream_of(name, UUID(heard.data[rule.about]))
                if each in known.duties:
                    met = MeetDuty(duty=each, cause=UUID(heard.id), at=_judged(rule, heard))
                    yield Task("meet-duty", DUTY, each, met)
        if heard.type == FactCorrected.type and heard.data.get("time"):
            starts = datetime.fromisoformat(heard.data["time"])
            for each, told in known.duties.items():
                if told.cause == UUID(heard.data["corrects"]):
                    command = RestartDuty(duty=each, starts=starts, cause=UUID(heard.id))
                    yield Task("restart-duty", DUTY, each, command)

    def _owing(self, rule: DutyRule, heard: Envelope) -> UUID | None:
        if rule.owed_by == "@township":
            return self.find_body(BodyKind.TOWNSHIP, heard.data["region"])
        return UUID(heard.data[rule.owed_by])


def _met(heard: Envelope, each: UUID) -> Task:
    met = MeetDuty(duty=each, cause=UUID(heard.id), at=datetime.fromisoformat(heard.recordedat))
    return Task("meet-duty", DUTY, each, met)


def _day(heard: Envelope) -> date:
    return day_of(datetime.fromisoformat(heard.recordedat))


def _pass_on(heard: Envelope, known: Known, sender: UUID, receiver: UUID) -> Iterable[Task]:
    """What a body owes about a child, and notices that it has not acknowledged, go to the body that takes its place."""
    for each, told in known.duties.items():
        if told.owed_by == sender and not told.met:
            yield Task("reassign-duty", DUTY, each, ReassignDuty(duty=each, owed_by=receiver))
            forward = ForwardNotice(notice=told.about, recipient=receiver, cause=UUID(heard.id))
            yield Task("forward-notice", NOTICE, notice.stream_of(told.about), forward)


def _rests_on_it(heard: Envelope, pack: KnownPack) -> bool:
    """Tell whether a correction touches a field on which a decision rests; every other event opens what it opens."""
    if heard.type != FactCorrected.type:
        return True
    return heard.data["field"] in pack.pack.reviews.get(heard.data["corrects_type"], ())


def _judged(rule: DutyRule, heard: Envelope) -> datetime:
    return datetime.fromisoformat(heard.time if rule.judged_by is Judging.OCCURRED else heard.recordedat)


def _open(name: str, rule: DutyRule, heard: Envelope, owed_by: UUID) -> Task:
    about = UUID(heard.data[rule.about])
    each = duty.stream_of(name, about)
    command = OpenDuty(
        duty=each, child=UUID(heard.subject), rule=name, about=about, cause=UUID(heard.id), owed_by=owed_by,
        starts=_judged(rule, heard), judged_by=rule.judged_by, limit=rule.limit, standing=rule.standing,
        clause=rule.clause,
    )  # fmt: skip
    return Task(f"open-{name}", DUTY, each, command)


def _review(heard: Envelope) -> Task:
    """An emergency access is reviewed by another body, whatever the region's pack says."""
    data = heard.data
    about = UUID(data["emergency"])
    each = duty.stream_of(_REVIEW, about)
    command = OpenDuty(
        duty=each, child=UUID(data["child"]), rule=_REVIEW, about=about, cause=UUID(heard.id), owed_by=UUID(data["reviewer"]),
        starts=datetime.fromisoformat(heard.recordedat), judged_by=Judging.RECORDED, limit="3d", standing="local",
        clause="PRV-02",
    )  # fmt: skip
    return Task(f"open-{_REVIEW}", DUTY, each, command)


def _grant(heard: Envelope, agency: UUID | None, role: Role, basis: str) -> Iterable[Task]:
    if agency is None:
        return
    child = UUID(heard.data["child"])
    command = GrantAccess(child=child, agency=agency, role=role, basis=basis, cause=UUID(heard.id))
    yield Task(f"grant-{role}-{agency}", ACCESS, access.stream_of(child), command)


def _send(heard: Envelope, recipient: UUID) -> Task:
    data = heard.data
    command = SendNotice(
        child=UUID(data["child"]), region=data["region"], notice=UUID(data["notice"]), flow=tuple(data["flow"]),
        sender=UUID(data["sender"]), recipient=recipient, cause=UUID(heard.id),
    )  # fmt: skip
    return Task("send-notice", NOTICE, notice.stream_of(command.notice), command)
