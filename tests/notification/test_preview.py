"""Before anybody is told: a preview is what the feed then holds, byte by byte, and a changed table says who sees more or less."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from schemas.disclosure import SHIPPED
from schemas.fields import DataClass
from schemas.notification import Role
from services.kernel.errors import NotFound
from services.notification.disclosure import Disclosure, disclosure_table
from services.notification.feed import FeedLog
from services.notification.preview import Change, changes, held_by, preview
from services.registry.founding import body_id
from shouwang.cli import app
from shouwang.story import Story
from tests.contracts.make_golden import EXAMPLES
from tests.helpers import Running, embedded
from tests.scenario import SHORT, some, written

TABLE: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(SHIPPED.read_bytes())
BY_TYPE = {event.type: event for event in EXAMPLES if event.type in TABLE}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running() -> AsyncIterator[Running]:
    async with embedded() as platform:
        await Story(platform.client, lambda _: None, rows=40).begin()
        await platform.client.settled()
        yield platform


# --- Preview
@pytest.mark.req("PRV-03")
async def test_a_preview_is_what_the_feed_holds_to_the_byte(running: Running) -> None:
    database = running.platform.services["notification"].tools.database
    fed = await FeedLog(database).after(0, 1 << 30)
    assert len(fed) > 500
    events = {(row["envelope"], row["headers"]["agency"]) for row in fed}
    ids = {row[0]: row[1] for row in await running.fetch("notification", "select envelope, event from heard")}
    ended = {
        (str(r[0]), r[1]) for r in await running.fetch("notification", "select agency, role from feed except select"
        " agency, role from access") if r[1] not in {Role.AUTHOR, Role.PARTY}
    }  # fmt: skip
    assert ended == set()
    agencies = {agency for _, agency in events}
    # Of some events to everybody, so that who is told nothing is previewed nothing, too.
    events |= {(envelope, agency) for envelope in sorted(ids)[::9] for agency in agencies}
    for envelope, agency in events:
        told = {
            (row["headers"]["role"], row["headers"]["clause"], row["envelope"], row["blocks"])
            for row in fed if (row["envelope"], row["headers"]["agency"]) == (envelope, agency)
        }  # fmt: skip
        seen = await preview(database, disclosure_table(), ids[envelope], UUID(agency))
        assert {(t.role.value, t.clause, t.envelope, t.blocks) for t in seen} == told


@pytest.mark.req("PRV-01")
async def test_of_a_report_the_school_that_made_it_and_the_township_would_be_told_nothing(
    running: Running,
) -> None:
    database = running.platform.services["notification"].tools.database
    ((report,), *_) = await running.fetch(
        "notification",
        "select event from heard where convert_from(envelope, 'utf8') like '%report-filed.v1%'",
    )
    for body in ("school-a", "township-a", "village-a1", "civil-affairs"):
        assert await preview(database, disclosure_table(), report, body_id(body)) == []
    (told,) = await preview(database, disclosure_table(), report, body_id("station-a"))
    assert "reporter" in told.shown
    with pytest.raises(NotFound):
        await preview(database, disclosure_table(), uuid4(), body_id("station-a"))


# --- Another table
def table(lines: Any) -> Disclosure:
    return Disclosure(yaml.safe_dump(lines, allow_unicode=True).encode())


def sees(by: Disclosure, event: str, role: Role) -> set[str | None]:
    """What a role sees of the example of an event, which carries every class that the event has; None: that it happened."""
    envelope, _ = written(BY_TYPE[event], some(1))
    shown = by.shown(envelope, role)
    return set() if shown is None else {None, *(envelope.blocks[i].data_class for i in shown[0])}


CLASSES = st.lists(st.sampled_from([c.value for c in DataClass if c is not DataClass.OPEN]), unique=True)
# Corrections follow the lines of what they correct: those are compared.
EDITS = st.lists(
    st.tuples(
        st.sampled_from(sorted(set(BY_TYPE) - {"platform.fact-corrected.v1"})), st.sampled_from(list(Role)),
        st.none() | CLASSES,
    ),
    min_size=1, max_size=4,
)  # fmt: skip


@pytest.mark.req("PRV-03")
@SHORT
@given(edits=EDITS)
def test_a_change_says_what_every_role_sees_more_and_less_of_every_event(
    edits: list[tuple[str, Role, list[str] | None]],
) -> None:
    lines: dict[str, Any] = {event: dict(roles) for event, roles in TABLE.items()}
    for event, role, show in edits:
        if show is None:
            lines[event].pop(role.value, None)
        else:
            lines[event][role.value] = {"show": show, "clause": "planted"}
    old, new = disclosure_table(), table(lines)
    found = {(c.more, c.event, c.role, c.data_class) for c in changes(old, new) if c.event in BY_TYPE}
    wanted = set()
    for event, role, _ in edits:
        before, now = sees(old, event, role), sees(new, event, role)
        wanted |= {(True, event, role, c) for c in now - before} | {
            (False, event, role, c) for c in before - now
        }
    assert found == wanted


def test_a_table_beside_itself_changes_nothing_and_a_new_star_is_said_of_every_event() -> None:
    assert changes(disclosure_table(), disclosure_table()) == []
    lines = TABLE | {"*": TABLE["*"] | {"village": {"show": ["health"], "clause": "planted"}}}
    found = changes(disclosure_table(), table(lines))
    assert {c.role for c in found} == {Role.VILLAGE}
    assert all(c.more and c.clause == "planted" for c in found)
    assert Change(True, "reporting.report-filed.v1", Role.VILLAGE, None, "planted") in found


async def test_the_bodies_that_hold_a_role_are_counted_with_their_children(running: Running) -> None:
    database = running.platform.services["notification"].tools.database
    held = await held_by(database, [Role.SUPERVISOR, Role.CARER])
    ((body, count),) = held[Role.SUPERVISOR]
    assert body == body_id("civil-affairs")
    assert count > 30


# --- At the command line
def test_a_table_is_compared_at_the_command_line_and_one_that_is_none_is_refused_by_name(
    tmp_path: Path,
) -> None:
    lines = TABLE | {"registry.child-registered.v1": {"village": {"show": ["idnumber"], "clause": "某条"}}}
    other, broken = tmp_path / "other.yaml", tmp_path / "broken.yaml"
    other.write_text(yaml.safe_dump(lines, allow_unicode=True), encoding="utf8")
    broken.write_text("registry.child-registered.v1: {stranger: {show: [], clause: x}}", encoding="utf8")
    told = CliRunner().invoke(app, ["disclosure", "diff", str(other)])
    assert told.exit_code == 0
    assert "+ 可见 所在村:儿童登记建档的身份号码(某条)" in told.stdout
    assert "- 不再可见 上级民政:儿童登记建档的发生此事" in told.stdout
    told = CliRunner().invoke(app, ["disclosure", "diff", str(broken)])
    assert told.exit_code == 5
    assert "不是合格的规则表" in told.output
