"""The library's own shipped exams for recorders, on our store; then its Application, and our events through it."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import (
    EventStore as LibraryStore,
)
from eventsourcing.persistence import (
    IntegrityError,
    InterfaceError,
    JSONTranscoder,
    NotSupportedError,
    ProgrammingError,
    StoredEvent,
)
from eventsourcing.tests.persistence import (
    AggregateRecorderTestCase,
    ApplicationRecorderTestCase,
    NonInterleavingNotificationIDsBaseCase,
    ProcessRecorderTestCase,
    TrackingRecorderTestCase,
)

from infra.postgres import Postgres
from schemas.envelope import Envelope, encode
from services.kernel.database import KERNEL_MIGRATIONS, migrate
from services.kernel.keys.sealing import pack
from services.kernel.library.face import Face
from services.kernel.library.packing import Enveloped, EnvelopeMapper, find_packed
from services.kernel.library.recorders import (
    Factory,
    LogRecorder,
    PlaceRecorder,
    StoreProcessRecorder,
    StoreRecorder,
)
from services.kernel.store import Append, NewEvent, partition_of
from tests.helpers import START, one


async def _made(postgres: Postgres) -> str:
    name = f"library_{uuid4().hex}"
    admin = await asyncpg.connect(postgres.url("postgres"))
    await admin.execute(f"create database {name}")
    await admin.close()
    await migrate(postgres.url(name), [KERNEL_MIGRATIONS])
    return postgres.url(name)


@pytest.fixture
def url(postgres: Postgres) -> str:
    return asyncio.run(_made(postgres))


@pytest.fixture
def face(url: str) -> Iterator[Face]:
    opened = Face(url)
    yield opened
    opened.close()


class _OnOurStore:
    face: Face

    @pytest.fixture(autouse=True)
    def _given_a_store(self, face: Face) -> None:
        self.face = face


class TestStreams(_OnOurStore, AggregateRecorderTestCase):
    def create_recorder(self) -> StoreRecorder:
        return StoreRecorder(self.face)


class TestLog(_OnOurStore, ApplicationRecorderTestCase[LogRecorder]):
    def create_recorder(self) -> LogRecorder:
        return LogRecorder(self.face)

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestNonInterleaving(_OnOurStore, NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> LogRecorder:
        return LogRecorder(self.face)


class TestPlaces(_OnOurStore, TrackingRecorderTestCase):
    def create_recorder(self) -> PlaceRecorder:
        return PlaceRecorder(self.face)


class TestProcess(_OnOurStore, ProcessRecorderTestCase):
    def create_recorder(self) -> StoreProcessRecorder:
        return StoreProcessRecorder(self.face)


def library_event(stream: UUID, version: int) -> StoredEvent:
    return StoredEvent(stream, version, "topic", b"state")


@pytest.mark.parametrize("versions", [(2,), (1, 3), (1, 1), (3, 1)])
def test_versions_that_leave_a_gap_or_come_twice_are_refused_and_nothing_is_inserted(
    face: Face, versions: Sequence[int]
) -> None:
    recorder, stream = LogRecorder(face), uuid4()
    with pytest.raises(IntegrityError):
        recorder.insert_events([library_event(stream, v) for v in versions])
    assert recorder.max_notification_id() is None
    assert recorder.select_events(stream) == []


def test_a_refused_place_takes_its_events_with_it_and_leaves_no_gap(face: Face) -> None:
    from eventsourcing.persistence import Tracking

    recorder = StoreProcessRecorder(face)
    recorder.insert_events([library_event(uuid4(), 1)], tracking=Tracking("up", 5))
    with pytest.raises(IntegrityError):
        recorder.insert_events([library_event(uuid4(), 1)], tracking=Tracking("up", 5))
    assert recorder.insert_events([library_event(uuid4(), 1)], tracking=Tracking("up", 6)) == [2]


def test_of_writers_that_want_one_version_at_once_one_wins(face: Face) -> None:
    from concurrent.futures import ThreadPoolExecutor

    stream, recorder = uuid4(), LogRecorder(face)

    def write(_: int) -> bool:
        try:
            recorder.insert_events([library_event(stream, 1)])
        except IntegrityError:
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(write, range(30))) == 1
    assert recorder.max_notification_id() == 1


@pytest.mark.req("PLT-08")
def test_a_reader_beside_many_writers_of_two_processes_skips_nothing(url: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    faces = [Face(url), Face(url), Face(url)]
    try:
        seen: list[int] = []
        with ThreadPoolExecutor(9) as pool:
            writing = [
                pool.submit(LogRecorder(faces[i % 2]).insert_events, [library_event(s, 1), library_event(s, 2)])
                for i, s in enumerate(uuid4() for _ in range(400))
            ]  # fmt: skip
            reader = LogRecorder(faces[2])
            with reader.subscribe() as subscription:
                for notification in subscription:
                    seen.append(notification.id)
                    if len(seen) == 800:
                        break
        assert all(f.exception() is None for f in writing)
        assert seen == list(range(1, 801))
    finally:
        for opened in faces:
            opened.close()


class Kite(Aggregate):
    @event("Made")
    def __init__(self, colour: str) -> None:
        self.colour = colour

    @event("Painted")
    def paint(self, colour: str) -> None:
        self.colour = colour


def test_the_librarys_application_saves_reads_and_shows_its_log_on_our_store(url: str) -> None:
    env = {"PERSISTENCE_MODULE": "services.kernel.library.recorders:Factory", "STORE_URL": url}
    with Application[UUID](env) as application:
        kite = Kite("red")
        kite.paint("blue")
        application.save(kite)
        kite.paint("green")
        application.save(kite)
        found: Kite = application.repository.get(kite.id)
        assert (found.colour, found.version) == ("green", 3)
        earlier: Kite = application.repository.get(kite.id, version=2)
        assert earlier.colour == "blue"
        log = application.notification_log.select(start=1, limit=10)
        assert [n.id for n in log] == [1, 2, 3]
        assert application.notification_log["1,3"].items[0].originator_id == kite.id


def our_event(stream: UUID) -> NewEvent:
    made = uuid4()
    child = str(uuid4())
    told: dict[str, Any] = dict.fromkeys(
        ("source", "subject", "time", "actor", "purpose", "correlationid"), "x"
    )
    envelope = encode(
        Envelope(
            id=str(made), type="test.happened.v1", recordedat="2026-11-01T00:00:00.000000Z", orderkey=child,
            data={"名": "张"}, **told,
        )
    )  # fmt: skip
    return NewEvent(
        made, stream, 1, "test.happened.v1", child, partition_of(child), START, envelope, pack([b"closed"])
    )


def test_what_our_core_appended_comes_through_the_face_byte_for_byte(face: Face) -> None:
    stream = uuid4()
    ours = our_event(stream)
    face.call(face.store.append(Append([ours])))
    (stored,) = LogRecorder(face).select_events(stream)
    assert (stored.topic, find_packed(stored.state)) == (ours.type, (ours.envelope, ours.blocks))
    (notified,) = LogRecorder(face).select_notifications(1, 10)
    assert (notified.id, notified.state) == (1, stored.state)
    library = LibraryStore(EnvelopeMapper(JSONTranscoder()), LogRecorder(face))
    assert list(library.get(stream)) == [Enveloped(stream, 1, ours.type, ours.envelope, ours.blocks)]


def test_one_of_our_events_put_by_the_library_is_the_same_row_that_our_core_writes(
    postgres: Postgres, face: Face
) -> None:
    ours = our_event(uuid4())
    library = LibraryStore(EnvelopeMapper(JSONTranscoder()), LogRecorder(face))
    library.put([Enveloped(ours.stream, 1, ours.type, ours.envelope, ours.blocks)])
    other = Face(asyncio.run(_made(postgres)))
    other.call(other.store.append(Append([ours])))
    sql = "select * from event"
    assert [tuple(r) for r in face.call(face.database.fetch(sql))] == [
        tuple(r) for r in other.call(other.database.fetch(sql))
    ]
    other.close()


def test_a_closed_face_refuses_and_closing_twice_is_harmless(url: str) -> None:
    face = Face(url)
    face.close()
    face.close()
    with pytest.raises(InterfaceError):
        LogRecorder(face).max_notification_id()


def test_snapshots_and_ids_that_are_no_uuids_are_refused_by_name(url: str) -> None:
    with Factory({"STORE_URL": url}) as factory, pytest.raises(NotSupportedError):
        factory.aggregate_recorder("snapshots")
    face = Face(url)
    with pytest.raises(ProgrammingError):
        LogRecorder(face).select_events("not-a-uuid")
    face.call(face.store.append(one(uuid4(), 1)))
    assert LogRecorder(face).max_notification_id() == 1
    face.close()
