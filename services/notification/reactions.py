"""What notification does when it hears of others: bodies gain roles toward a child, notices go out."""

from collections.abc import Callable, Iterable
from uuid import UUID

from schemas.envelope import Envelope
from schemas.notification import Role
from schemas.reference import BodyKind
from schemas.registry import ChildRegistered
from schemas.reporting import PoliceNoticeSent, ReportFiled
from services.kernel.reactions import Rules, Task
from services.notification import access, notice
from services.notification.access import ACCESS, GrantAccess
from services.notification.notice import NOTICE, SendNotice

FindBody = Callable[[BodyKind, str], UUID | None]

_BY_RESIDENCE = {
    BodyKind.TOWNSHIP: Role.LEDGER,
    BodyKind.VILLAGE: Role.VILLAGE,
    BodyKind.CIVIL_AFFAIRS: Role.SUPERVISOR,
    BodyKind.POLICE_STATION: Role.AREA_POLICE,
}
_BY_REPORT = (BodyKind.POLICE_STATION, BodyKind.POLICE)


def rules_with(find_body: FindBody) -> Rules:
    """Return notification's rules, which look responsible bodies up with `find_body`."""

    def rules(heard: Envelope) -> Iterable[Task]:
        if heard.type == ChildRegistered.type:
            for kind, role in _BY_RESIDENCE.items():
                yield from _grant(heard, find_body(kind, heard.data["region"]), role, "residence")
        elif heard.type == ReportFiled.type:
            for kind in _BY_REPORT:
                yield from _grant(heard, find_body(kind, heard.data["region"]), Role.CASE_POLICE, "report")
        elif heard.type == PoliceNoticeSent.type:
            yield from _grant(heard, UUID(heard.data["recipient"]), Role.RESPONDER, "notice")
            yield _send(heard)

    return rules


def _grant(heard: Envelope, agency: UUID | None, role: Role, basis: str) -> Iterable[Task]:
    if agency is None:
        return
    child = UUID(heard.data["child"])
    command = GrantAccess(child=child, agency=agency, role=role, basis=basis, cause=UUID(heard.id))
    yield Task(f"grant-{role}-{agency}", ACCESS, access.stream_of(child), command)


def _send(heard: Envelope) -> Task:
    data = heard.data
    command = SendNotice(
        child=UUID(data["child"]), notice=UUID(data["notice"]), flow=tuple(data["flow"]), sender=UUID(data["sender"]),
        recipient=UUID(data["recipient"]), cause=UUID(heard.id),
    )  # fmt: skip
    return Task("send-notice", NOTICE, notice.stream_of(command.notice), command)
