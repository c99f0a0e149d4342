"""Nothing is signed that does not extend what was signed: each way to change the past is planted and named."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from services.audit.again import Comparing
from services.audit.checkpoints import Checkpoints, LeafDiffers, LogDiffers, SignedNoteBroken
from services.audit.note import Signer, read_note
from services.kernel.bus.embedded import EmbeddedBus
from services.kernel.bus.port import Checkpoint
from services.kernel.database import Database
from services.kernel.telemetry import metrics
from services.kernel.world import SeededWorld
from tests.audit.records import AGENCY, about_children, altered, events, hear, rewrite, tellings
from tests.conftest import NewDatabase
from tests.contracts.make_golden import START

Signing = tuple[Database, Checkpoints, Signer]


@pytest_asyncio.fixture(loop_scope="session")
async def signing(new_database: NewDatabase, tmp_path: Path) -> AsyncIterator[Signing]:
    """An audit service that has signed nine events and nine tellings of them."""
    database, signer = await new_database("audit"), Signer(tmp_path / "audit.key")
    rows = await about_children(9)
    await hear(database, events(rows))
    await hear(database, tellings(rows))
    checkpoints = Checkpoints(database, signer, SeededWorld(1, START))
    await checkpoints.sign()
    yield database, checkpoints, signer


async def refused(
    signing: Signing, kind: type[LogDiffers | LeafDiffers | SignedNoteBroken], **facts: object
) -> None:
    """See that nothing is signed, that readiness says the same, that the metric counts it."""
    database, checkpoints, _ = signing
    counter = metrics.not_signed.labels(facts.get("store", "*"), kind().code)
    notes, counted = await database.fetch("select count(*) from signed"), counter._value.get()
    with pytest.raises(kind) as refusal:
        await checkpoints.sign()
    assert refusal.value.facts == facts
    assert all(refusal.value.sentences), "in both languages"
    with pytest.raises(kind):
        await checkpoints.ping()
    assert await database.fetch("select count(*) from signed") == notes
    assert counter._value.get() == counted + 1


@pytest.mark.req("OVS-06")
async def test_a_log_that_grew_is_signed_and_its_new_root_extends_the_old(signing: Signing) -> None:
    database, checkpoints, signer = signing
    rows = await about_children(17)
    await hear(database, events(rows[9:]))
    await checkpoints.ping()
    note, logs = await checkpoints.sign()
    assert (logs["registry"].size, logs["feed"].size) == (17, 9)
    assert read_note(note, signer.public).logs == logs


@pytest.mark.req("OVS-06")
@pytest.mark.parametrize("more", [0, 8])
@pytest.mark.parametrize("store", ["registry", "feed"])
async def test_a_log_that_was_written_anew_is_not_signed_whether_it_grew_or_not(
    signing: Signing, more: int, store: str
) -> None:
    rows = (await about_children(9 + more))[9:]
    if more:
        await hear(signing[0], events(rows) if store == "registry" else tellings(rows))
    await signing[1].ping()
    await rewrite(signing[0], store, 4)
    await refused(signing, LogDiffers, store=store, size=9)


@pytest.mark.req("OVS-06")
async def test_a_log_that_became_shorter_or_went_is_not_signed(signing: Signing) -> None:
    database, *_ = signing
    await database.fetch("update log set size = 8 where store = 'registry'")
    await refused(signing, LogDiffers, store="registry", size=9)
    await database.fetch("update log set size = 9 where store = 'registry'")
    await database.fetch("delete from log where store = 'feed'")
    await refused(signing, LogDiffers, store="feed", size=9)


@pytest.mark.req("OVS-06")
async def test_a_tree_with_holes_is_not_signed(signing: Signing) -> None:
    await signing[0].fetch("delete from node where store = 'registry' and level = 3")
    await refused(signing, LogDiffers, store="registry", size=9)


@pytest.mark.req("OVS-06")
async def test_a_signed_note_that_was_changed_in_the_database_is_not_built_upon(signing: Signing) -> None:
    await signing[0].fetch("update signed set note = replace(note, ' 9 ', ' 8 ')")
    await refused(signing, SignedNoteBroken)


@pytest.mark.req("OVS-06")
@pytest.mark.parametrize("source", ["registry", "feed"])
async def test_other_bytes_for_a_place_that_is_known_are_noticed_though_the_consumer_drops_them(
    signing: Signing, source: str
) -> None:
    """Planted: a store was changed, the bus lost all and was filled again. Consumers have passed that place."""
    database, checkpoints, _ = signing
    rows = await about_children(9)
    told = events(rows) if source == "registry" else tellings(rows)
    bus = EmbeddedBus()
    subscription = await Comparing(bus, database).subscribe("audit.log", [source])
    await bus.publish(source, told)
    assert await subscription.batch() == told
    await checkpoints.ping()
    await bus.publish(source, [altered(told[3])])
    await subscription.batch()
    await refused(signing, LeafDiffers, store=source, seq=4)


@pytest.mark.req("OVS-06")
@pytest.mark.parametrize("source", ["registry", "feed"])
async def test_other_bytes_for_what_was_kept_before_the_start_are_noticed(
    signing: Signing, source: str
) -> None:
    """As when a service starts on a bus that says an old place otherwise, and the right bytes never again."""
    rows = await about_children(9)
    told = events(rows) if source == "registry" else tellings(rows)
    known = Checkpoint(told[0].store, {r.partition: r.seq for r in told})
    bus = EmbeddedBus()
    subscription = await Comparing(bus, signing[0]).subscribe("audit.log", [source], {source: known})
    await bus.publish(source, [altered(told[3])])
    await subscription.batch()
    await refused(signing, LeafDiffers, store=source, seq=4)


@pytest.mark.req("OVS-06")
@pytest.mark.parametrize("source", ["registry", "feed"])
async def test_a_tree_does_not_grow_over_a_gap(signing: Signing, source: str) -> None:
    database, checkpoints, _ = signing
    rows = (await about_children(17))[9:]
    told = events(rows) if source == "registry" else tellings(rows)
    await hear(database, told[1:])
    assert (await checkpoints.sign())[1][source].size == 9
    await hear(database, told[:1])
    assert (await checkpoints.sign())[1][source].size == 17


@pytest.mark.req("OVS-06")
@pytest.mark.parametrize("source", ["registry", "feed"])
async def test_two_contents_for_one_new_place_are_noticed_in_one_batch(signing: Signing, source: str) -> None:
    rows = (await about_children(10))[9:]
    (new,) = events(rows) if source == "registry" else tellings(rows)
    await hear(signing[0], [new, altered(new)])
    await refused(signing, LeafDiffers, store=source, seq=10)


@pytest.mark.req("OVS-06")
async def test_an_event_that_comes_again_at_another_place_is_noticed(signing: Signing) -> None:
    again = msgspec.structs.replace(events(await about_children(9))[2], seq=10)
    await hear(signing[0], [again])
    await refused(signing, LeafDiffers, store="registry", seq=10)


async def test_the_same_bytes_again_and_those_of_another_incarnation_say_nothing(signing: Signing) -> None:
    database, checkpoints, _ = signing
    rows = await about_children(9)
    elsewhere = [msgspec.structs.replace(altered(r), store=AGENCY) for r in events(rows)]
    bus = EmbeddedBus()
    subscription = await Comparing(bus, database).subscribe("audit.log", ["registry"])
    await bus.publish("registry", [*events(rows), *elsewhere])
    await subscription.batch()
    await hear(database, events(rows))
    await hear(database, tellings(rows))
    await checkpoints.sign()
