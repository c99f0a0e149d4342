"""A notice between bodies: sent once, acknowledged once; and every history can be replayed."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.notification import NotificationAcknowledged, NotificationSent
from services.kernel.errors import NotFound
from services.kernel.writing.decider import Command
from services.notification.notice import NOTICE, AcknowledgeNotice, Notice, SendNotice, stream_of
from tests.scenario import SHORT, STATION, TOWNSHIP, VILLAGE, Scenario, assert_replays, live, scenario, some

CHILD, FIRST, SECOND, CAUSE = map(some, range(1, 5))


def sending(notice: UUID = FIRST, **told: Any) -> SendNotice:
    facts: dict[str, Any] = {
        "child": CHILD,
        "region": VILLAGE,
        "flow": ("F_12",),
        "sender": STATION,
        "recipient": TOWNSHIP,
        "cause": CAUSE,
    }
    return SendNotice(notice=notice, **facts | told)


def sent(notice: UUID = FIRST) -> NotificationSent:
    return NotificationSent(
        child=CHILD,
        region=VILLAGE,
        notice=notice,
        flow=("F_12",),
        sender=STATION,
        recipient=TOWNSHIP,
        cause=CAUSE,
    )


def acknowledged(notice: UUID = FIRST) -> NotificationAcknowledged:
    return NotificationAcknowledged(child=CHILD, region=VILLAGE, notice=notice, recipient=TOWNSHIP)


def notices() -> Scenario[Notice]:
    return scenario(NOTICE)


def reacted(history: Scenario[Notice], command: SendNotice) -> list[Any]:
    """What the reaction decides: it knows no scope."""
    return list(NOTICE.decide(command, history.state(stream_of(command.notice)), history.context))


@pytest.mark.req("NTF-01")
def test_a_notice_is_sent_with_sender_receiver_child_flow_and_trigger() -> None:
    assert reacted(notices(), sending()) == [sent()]


@pytest.mark.req("NTF-01")
@pytest.mark.req("PLT-05")
def test_a_notice_heard_again_is_not_sent_again_acknowledged_or_not() -> None:
    assert reacted(notices().given(sent()), sending()) == []
    assert reacted(notices().given(sent(), acknowledged()), sending(cause=some(9))) == []
    assert reacted(notices().given(sent()), sending(SECOND)) == [sent(SECOND)]


@pytest.mark.req("NTF-02")
def test_the_recipient_acknowledges_once() -> None:
    done = notices().given(sent()).when(AcknowledgeNotice(notice=FIRST)).then(acknowledged())
    done.when(AcknowledgeNotice(notice=FIRST)).then()


@pytest.mark.req("NTF-02")
def test_a_notice_that_was_not_sent_is_nobodys_to_acknowledge() -> None:
    notices().when(AcknowledgeNotice(notice=FIRST)).refused(NotFound)
    notices().given(sent(SECOND)).when(AcknowledgeNotice(notice=FIRST)).refused(NotFound)
    with pytest.raises(NotFound):
        NOTICE.decide(AcknowledgeNotice(notice=FIRST), Notice(), notices().context)


@pytest.mark.req("NTF-02")
def test_a_notice_is_its_recipients_to_acknowledge() -> None:
    assert NOTICE.scope_of(AcknowledgeNotice(notice=FIRST), Notice(sent=sent())) == {"addressee": TOWNSHIP}


notice_ids = st.sampled_from([FIRST, SECOND])
commands: st.SearchStrategy[Command] = st.builds(sending, notice_ids) | st.builds(
    AcknowledgeNotice, notice=notice_ids
)


@pytest.mark.req("PLT-05")
@SHORT
@given(told=st.lists(commands, max_size=10))
def test_any_history_can_be_replayed_and_a_notice_is_sent_before_it_is_acknowledged(
    told: list[Command],
) -> None:
    done = notices()
    for command in told:
        done = (
            done.given(*reacted(done, command)) if isinstance(command, SendNotice) else live(done, [command])
        )
    assert_replays(done)
    for events in done.streams.values():
        assert [type(e) for e in events] == [NotificationSent, NotificationAcknowledged][: len(events)]
