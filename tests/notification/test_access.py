"""Grants: given once, ended once, one stream a child; and every history can be replayed."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.notification import AccessEnded, AccessGranted, Role
from services.kernel.writing.decider import Command
from services.notification.access import ACCESS, BY_RESIDENCE, Access, GrantAccess, Reside, stream_of
from tests.scenario import SHORT, STATION, TOWNSHIP, Scenario, assert_replays, live, scenario, some

CHILD, SIBLING, CAUSE, OTHER_CAUSE, OTHER = map(some, range(1, 6))


def granting(
    agency: UUID = TOWNSHIP, role: Role = Role.LEDGER, child: UUID = CHILD, cause: UUID = CAUSE
) -> GrantAccess:
    return GrantAccess(child=child, agency=agency, role=role, basis="residence", cause=cause)


def residing(
    *bodies: tuple[UUID, Role], child: UUID = CHILD, case: tuple[UUID, UUID] | None = None
) -> Reside:
    """On file with these bodies; with `case`, handed over by the one township to the other."""
    sender, receiver = case or (None, None)
    return Reside(child=child, bodies=bodies, basis="moved", cause=CAUSE, sender=sender, receiver=receiver)


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
@pytest.mark.req("REG-33")
def test_a_child_that_moves_is_known_where_it_lives_now_and_no_longer_where_it_lived() -> None:
    case = granted(STATION, Role.CASE_POLICE)
    held = grants().given(granted(), granted(role=Role.RESPONDER), case)
    done = held.when(residing((OTHER, Role.LEDGER), case=(TOWNSHIP, OTHER)))
    made = [e for e in done.events if isinstance(e, AccessGranted | AccessEnded)]
    assert [(type(e), e.agency, e.role) for e in made] == [
        (AccessGranted, OTHER, Role.LEDGER), (AccessGranted, OTHER, Role.RESPONDER),
        (AccessEnded, TOWNSHIP, Role.LEDGER), (AccessEnded, TOWNSHIP, Role.RESPONDER),
    ]  # fmt: skip
    assert done.done().state(stream_of(CHILD)).grants == {
        (OTHER, Role.LEDGER), (OTHER, Role.RESPONDER), (STATION, Role.CASE_POLICE),
    }  # fmt: skip


@pytest.mark.req("REG-33")
def test_what_was_only_reported_of_a_child_passes_with_its_case_alone() -> None:
    held = grants().given(granted(role=Role.RESPONDER), granted(STATION, Role.CASE_POLICE))
    done = held.when(residing((OTHER, Role.LEDGER), case=(TOWNSHIP, OTHER))).done()
    assert done.state(stream_of(CHILD)).grants == {(OTHER, Role.RESPONDER), (STATION, Role.CASE_POLICE)}
    nothing = grants().given(granted(STATION, Role.CASE_POLICE))
    nothing.when(residing((OTHER, Role.LEDGER), case=(TOWNSHIP, OTHER))).then()


@pytest.mark.req("PRV-03")
@pytest.mark.req("PLT-07")
def test_a_role_that_is_not_held_ends_without_an_event() -> None:
    grants().when(residing()).then()
    grants().given(granted(), ended()).when(residing()).then()


@pytest.mark.req("PRV-03")
def test_a_role_that_ended_can_be_granted_anew() -> None:
    grants().given(granted(), ended()).when(granting()).then(granted())


bodies, roles, children = (
    st.sampled_from([TOWNSHIP, STATION]),
    st.sampled_from(Role),
    st.sampled_from([CHILD, SIBLING]),
)
places = st.lists(st.tuples(bodies, st.sampled_from(sorted(BY_RESIDENCE))), unique=True, max_size=3)
commands: st.SearchStrategy[Command] = st.builds(granting, bodies, roles, children) | st.builds(
    lambda told, child: residing(*told, child=child), places, children
)


@pytest.mark.req("PLT-05")
@SHORT
@given(told=st.lists(commands, max_size=15))
def test_any_history_can_be_replayed_and_holds_what_was_granted_and_not_ended_since(
    told: list[Command],
) -> None:
    held: dict[UUID, set[tuple[UUID, Role]]] = {CHILD: set(), SIBLING: set()}
    for command in told:
        if isinstance(command, GrantAccess):
            held[command.child].add((command.agency, command.role))
        elif isinstance(command, Reside):
            stays = {(a, r) for a, r in held[command.child] if r not in BY_RESIDENCE}
            held[command.child] = stays | set(command.bodies)
    done = live(grants(), told)
    assert_replays(done)
    for child in (CHILD, SIBLING):
        assert done.state(stream_of(child)).grants == held[child]


@pytest.mark.req("PLT-07")
@SHORT
@given(told=st.lists(commands, max_size=10), again=commands)
def test_what_is_told_twice_happens_once(told: list[Command], again: Command) -> None:
    live(grants(), told).when(again).done().when(again).then()
