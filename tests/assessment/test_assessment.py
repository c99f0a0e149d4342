"""An assessment: opened by a police notice, once a child and incident, with the members that the pack names."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.assessment import AssessmentOpened
from schemas.catalogue import EVENTS
from schemas.packs import FOLDER, read_pack
from schemas.reporting import Ground, PoliceNoticeSent
from services.assessment.assessment import ASSESSMENT, Assessment, NoPolicy, OpenAssessment, stream_of
from services.assessment.reactions import rules
from tests.contracts.make_golden import EXAMPLES
from tests.scenario import (
    SHORT,
    STATION,
    TOWNSHIP,
    VILLAGE,
    Scenario,
    assert_replays,
    live,
    scenario,
    some,
    written,
)

CHILD, SIBLING, INCIDENT, NOTICE, LATER = map(some, range(1, 6))
MEMBERS = ("CIVIL_AFFAIRS", "POLICE", "EDUCATION", "HEALTH", "JUSTICE", "WOMENS_FEDERATION", "YOUTH_LEAGUE")


def opening(child: UUID = CHILD, **told: Any) -> OpenAssessment:
    facts: dict[str, Any] = {"notice": NOTICE, "incident": INCIDENT, "region": VILLAGE, "lead": TOWNSHIP}
    return OpenAssessment(child=child, **facts | told)


def opened(child: UUID = CHILD, **told: Any) -> AssessmentOpened:
    facts: dict[str, Any] = {
        "notice": NOTICE,
        "incident": INCIDENT,
        "region": VILLAGE,
        "lead": TOWNSHIP,
        "members": MEMBERS,
    }
    facts |= {"assessment": stream_of(child, told.get("incident", INCIDENT))}
    return AssessmentOpened(child=child, **facts | told)


def township() -> Scenario[Assessment]:
    return scenario(ASSESSMENT)


def noticed(child: UUID = CHILD) -> PoliceNoticeSent:
    return PoliceNoticeSent(
        child=child, report=some(8), incident=INCIDENT, notice=NOTICE, region=VILLAGE, flow=("F_12",), sender=STATION,
        recipient=TOWNSHIP, grounds=(Ground.LIVING_ALONE,), steps=("ACCEPTED",),
    )  # fmt: skip


@pytest.mark.req("ASM-01")
@pytest.mark.req("ASM-02")
def test_a_notice_opens_an_assessment_with_the_members_of_the_pack() -> None:
    township().when(opening()).then(opened())


@pytest.mark.req("ASM-02")
def test_another_pack_names_other_members() -> None:
    content = (FOLDER / "sy-2017-74.yaml").read_bytes()
    planted = read_pack(content.replace(b"HEALTH, JUSTICE, WOMENS_FEDERATION, YOUTH_LEAGUE", b"HEALTH"))
    members = ("CIVIL_AFFAIRS", "POLICE", "EDUCATION", "HEALTH")
    township().told(pack=planted).when(opening()).then(opened(members=members))


@pytest.mark.req("ASM-05")
def test_a_second_notice_of_the_same_incident_opens_no_second_assessment() -> None:
    township().given(opened()).when(opening()).then()
    township().given(opened()).when(opening(notice=LATER)).then()
    township().given(opened()).told(pack=None).when(opening()).then()


@pytest.mark.req("ASM-05")
def test_siblings_and_other_incidents_have_an_assessment_each() -> None:
    done = township().given(opened()).when(opening(SIBLING)).then(opened(SIBLING))
    done.when(opening(incident=LATER)).then(opened(incident=LATER))


@pytest.mark.req("ASM-02")
def test_where_no_pack_is_adopted_it_is_refused_and_not_opened_without_members() -> None:
    township().told(pack=None).when(opening()).refused(NoPolicy)


@pytest.mark.req("PLT-05")
@SHORT
@given(
    told=st.lists(
        st.builds(
            lambda child, incident, notice: opening(child, incident=incident, notice=notice),
            *[st.sampled_from([CHILD, SIBLING, LATER])] * 3,
        ),
        max_size=6,
    ),
    pack=st.booleans(),
)
def test_any_history_that_was_decided_can_be_replayed(told: list[OpenAssessment], *, pack: bool) -> None:
    done = live(township() if pack else township().told(pack=None), told)
    assert_replays(done)
    assert all(len(events) == 1 for events in done.streams.values())
    assert set(done.streams) == ({stream_of(c.child, c.incident) for c in told} if pack else set())


# --- What assessment does when it hears of others
@pytest.mark.req("ASM-01")
def test_a_police_notice_asks_for_the_recipients_assessment_of_that_child() -> None:
    heard, _ = written(noticed(), some(20))
    (task,) = rules(heard)
    assert task.command == opening()
    assert (task.stream, task.on_behalf_of) == (stream_of(CHILD, INCIDENT), str(TOWNSHIP))
    assert task.decider is ASSESSMENT


@pytest.mark.req("ASM-01")
def test_the_same_notice_heard_again_asks_for_the_same_stream_and_a_siblings_for_another() -> None:
    streams = [
        t.stream for e in (noticed(), noticed(), noticed(SIBLING)) for t in rules(written(e, some(20))[0])
    ]
    assert streams[0] == streams[1] != streams[2]


@pytest.mark.req("ASM-01")
def test_nothing_else_opens_an_assessment() -> None:
    others = [e for e in EXAMPLES if not isinstance(e, PoliceNoticeSent)]
    assert {type(e) for e in others} == {*EVENTS.values()} - {PoliceNoticeSent}
    assert [t for e in others for t in rules(written(e, some(20))[0])] == []
