"""What assessment does when it hears of others: a police notice opens the township's assessment (SY 三.8)."""

from collections.abc import Iterable
from uuid import UUID

from schemas.envelope import Envelope
from schemas.reporting import PoliceNoticeSent
from services.assessment.assessment import ASSESSMENT, OpenAssessment, stream_of
from services.kernel.writing.reactions import Task


def rules(heard: Envelope) -> Iterable[Task]:
    """Any police notice about a child's problem opens an assessment (EMR-18 as corrected in §0.6)."""
    if heard.type != PoliceNoticeSent.type:
        return
    data = heard.data
    command = OpenAssessment(
        child=UUID(data["child"]), notice=UUID(data["notice"]), incident=UUID(data["incident"]),
        region=data["region"], lead=UUID(data["recipient"]),
    )  # fmt: skip
    yield Task(
        "open-assessment", ASSESSMENT, stream_of(command.child, command.incident), command,
        on_behalf_of=data["recipient"],
    )  # fmt: skip
