"""Grants: given once, ended once, one stream a child; and every history can be replayed."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.notification import AccessEnded, AccessGranted, Role
from services.kernel.decider import Command
from services.notification.access import ACCESS, Access, EndAccess, GrantAccess, stream_of
from tests.scenario import SHORT, STATION, TOWNSHIP, Scenario, assert_replays, live, scenario, some

CHILD, SIBLING, CAUSE, OTHER_CAUSE = map(some, range(1, 5))


def granting(
    agency: UUID = TOWNSHIP, role: Role = Role.LEDGER, child: UUID = CHILD, cause: UUID = CAUSE
) -> GrantAccess:
    return GrantAccess(child=child, agency=agency, role=role, basis="residence", cause=cause)


def ending(agency: UUID = TOWNSHIP, role: Role = Role.LEDGER, child: UUID = CHILD) -> EndAccess:
    return EndAccess(child=child, agency=agency, role=role, reason="moved")


def granted(agency: UUID = TOWNSHIP, role: Role = Role.LEDGER, child: UUID = CHILD) -> AccessGranted:
    return AccessGranted(child=child, agency=agency, role=role, basis="residence", cause=CAUSE)


def ended(agency: UUID = TOWNSHIP, role: Role = Role.LEDGER) -> AccessEnded:
    return AccessEnded(child=CHILD, agency=agency, role=role, reason="moved")


def grants() -> Scenario[Access]:
    return scenario(ACCESS)


@pytest.mark.req("PRV-03")
def test_a_body_gains_a_role_with_its_basis_and_cause() -> None:
    grants().when(granting()).then(granted())


@pytest.mark.req("PRV-03")
@pytest.mark.req("PLT-07")
def test_a_role_that_is_held_is_not_granted_again_for_any_cause() -> None:
    grants().given(granted()).when(granting()).then()
    grants().given(granted()).when(granting(cause=OTHER_CAUSE)).then()


@pytest.mark.req("PRV-03")
def test_another_role_another_body_and_a_sibling_are_grants_of_their_own() -> None:
    held = grants().given(granted())
    held.when(granting(role=Role.RESPONDER)).then(granted(role=Role.RESPONDER))
    held.when(granting(STATION)).then(granted(STATION))
    held.when(granting(child=SIBLING)).then(granted(child=SIBLING))
    assert stream_of(CHILD) != stream_of(SIBLING)


@pytest.mark.req("PRV-03")
def test_a_role_ends_and_only_that_one() -> None:
    held = grants().given(granted(), granted(role=Role.RESPONDER), granted(STATION))
    done = held.when(ending()).then(ended())
    assert done.state(stream_of(CHILD)).grants == {(TOWNSHIP, Role.RESPONDER), (STATION, Role.LEDGER)}


@pytest.mark.req("PRV-03")
@pytest.mark.req("PLT-07")
def test_a_role_that_is_not_held_ends_without_an_event() -> None:
    grants().when(ending()).then()
    grants().given(granted(), ended()).when(ending()).then()
    grants().given(granted(STATION)).when(ending()).then()


@pytest.mark.req("PRV-03")
def test_a_role_that_ended_can_be_granted_anew() -> None:
    grants().given(granted(), ended()).when(granting()).then(granted())


bodies, roles, children = (
    st.sampled_from([TOWNSHIP, STATION]),
    st.sampled_from(Role),
    st.sampled_from([CHILD, SIBLING]),
)
commands: st.SearchStrategy[Command] = st.builds(granting, bodies, roles, children) | st.builds(
    ending, bodies, roles, children
)


@pytest.mark.req("PLT-05")
@SHORT
@given(told=st.lists(commands, max_size=15))
def test_any_history_can_be_replayed_and_holds_what_was_granted_and_not_ended_since(
    told: list[Command],
) -> None:
    held: set[tuple[UUID, UUID, Role]] = set()
    for command in told:
        assert isinstance(command, GrantAccess | EndAccess)
        which = (command.child, command.agency, command.role)
        held = held | {which} if isinstance(command, GrantAccess) else held - {which}
    done = live(grants(), told)
    assert_replays(done)
    for child in (CHILD, SIBLING):
        assert done.state(stream_of(child)).grants == {(a, r) for c, a, r in held if c == child}


@pytest.mark.req("PLT-07")
@SHORT
@given(told=st.lists(commands, max_size=10), again=commands)
def test_what_is_told_twice_happens_once(told: list[Command], again: Command) -> None:
    live(grants(), told).when(again).done().when(again).then()
