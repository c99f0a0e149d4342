"""Reference data: what one process of a service folds, the others know soon, without being given the partition."""

import asyncio
from datetime import date
from uuid import UUID

import pytest

from schemas.event import Event
from schemas.reference import BodyKind, BodyRegistered, DisclosureTableAdopted, PostAssigned, PostEnded
from services.kernel.bus.port import REFERENCE, Record
from services.kernel.hearing.reference import Reference
from services.kernel.keys.ciphers import AesGcm
from services.kernel.world import RealWorld
from services.kernel.writing.recording import Circumstances, Planned, Recorder
from tests.conftest import NewDatabase
from tests.contracts.make_golden import FixedKeys

_POST, _STORE = UUID(int=1), UUID(int=2)
_HELD = PostAssigned(
    post=_POST, body=UUID(int=3), person=UUID(int=4), duty="办事员", valid_from=date(2026, 1, 1)
)
_TABLE = DisclosureTableAdopted(
    table=UUID(int=5), content_hash="sha256:" + "1" * 64, content="'*': {}\n", signed_by=(_POST, UUID(int=6))
)


async def records(*events: Event) -> list[Record]:
    world = RealWorld()
    recorder = Recorder("registry", FixedKeys(), AesGcm(world), world)
    planned = [Planned(event, UUID(int=n), 1, UUID(int=n)) for n, event in enumerate(events, 1)]
    told = Circumstances(actor="founding", purpose="founding", correlation=UUID(int=1))
    made = await recorder.record(planned, told)
    return [
        Record(REFERENCE, 0, seq, seq - 1, _STORE, REFERENCE, event.envelope)
        for seq, event in enumerate(made, 1)
    ]


@pytest.mark.req("PLT-06", "PRV-03")
async def test_a_process_without_the_partition_learns_what_another_folded(new_database: NewDatabase) -> None:
    database = await new_database("registry")
    owner, other = Reference(), Reference()
    await other.load(database)
    following = asyncio.create_task(other.follow(database))
    try:
        async with database.transaction() as rows:
            await owner.fold(rows, await records(_HELD, _TABLE, PostEnded(post=_POST, body=UUID(int=3))))
        async with asyncio.timeout(30):
            while other.seq < owner.seq:
                await asyncio.sleep(0.02)
        assert other.disclosure == _TABLE.content
        assert other.posts == owner.posts
        assert other.posts[_POST].ended
    finally:
        following.cancel()


@pytest.mark.req("PRV-01")
async def test_a_body_that_is_not_on_record_here_may_be_the_police(new_database: NewDatabase) -> None:
    """What it looked at is kept from the others until it is known what it is."""
    reference, database = Reference(), await new_database("registry")
    kinds = [BodyKind.POLICE, BodyKind.POLICE_STATION, BodyKind.TOWNSHIP]
    bodies = [
        BodyRegistered(body=UUID(int=n), kind=kind, name="某单位", english="A body", region="990101000000")
        for n, kind in enumerate(kinds, 1)
    ]
    assert all(reference.may_be_police(body.body) for body in bodies)
    async with database.transaction() as rows:
        await reference.fold(rows, await records(*bodies))
    assert [reference.may_be_police(body.body) for body in bodies] == [True, True, False]
