"""The library's recorders and factory over our store."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    IntegrityError,
    Mapper,
    Notification,
    NotSupportedError,
    ProcessRecorder,
    StoredEvent,
    Subscription,
    Tracking,
    TrackingRecorder,
)

from services.kernel.library.face import Face
from services.kernel.library.packing import EnvelopeMapper, new_event_of, state_of, uuid_of
from services.kernel.store import Append, NewEvent, Outcome, append_in
from services.kernel.waiting import within

_LOOK_SECONDS = 0.05
_MOST = 500
_COLUMNS = "seq, id, stream, version, type, envelope, blocks"


class StoreRecorder(AggregateRecorder):
    """Writes by the core's `append` and reads streams. Raises IntegrityError where a version is taken or leaves a gap."""

    def __init__(self, face: Face) -> None:
        """Record through this face."""
        self.face = face

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Append all or nothing."""
        self._insert(stored_events, **kwargs)
        return None

    def _insert(self, stored_events: Sequence[StoredEvent], tracking: Tracking | None = None) -> list[int]:
        events = [new_event_of(s) for s in stored_events]
        _refuse_gaps(events)
        append = Append(events)
        if tracking is not None:
            outcome = self.face.call(self._with_tracking(append, tracking))
        elif events:
            outcome = self.face.call(self.face.store.append(append))
        else:
            return []
        if outcome.kind != "appended":
            raise IntegrityError(outcome.kind)
        first = outcome.first_seq or 0
        return list(range(first, first + len(events)))

    async def _with_tracking(self, append: Append, tracking: Tracking) -> Outcome:
        async with self.face.database.transaction() as rows:
            outcome = Outcome("appended")
            if append.events:
                (outcome,) = await append_in(rows, [append])
            if outcome.kind == "appended":
                await _track(rows, tracking)
            return outcome

    def select_events(
        self, originator_id: UUID | str, *, gt: int | None = None, lte: int | None = None, desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:  # fmt: skip
        """Return a stream's events in order of version."""
        sql = (
            f"select {_COLUMNS} from event where stream = $1 and version > coalesce($2, -1)"
            f" and version <= coalesce($3, 2147483647) order by version {'desc' if desc else 'asc'} limit $4"
        )
        rows = self.face.call(self.face.database.fetch(sql, uuid_of(originator_id), gt, lte, limit))
        return [StoredEvent(r["stream"], r["version"], r["type"], state_of(r)) for r in rows]


class LogRecorder(StoreRecorder, ApplicationRecorder):
    """The store's log as the library's notification log: dense, in commit order, so that a reader can't skip."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Append all or nothing; returns their places in the log."""
        return self._insert(stored_events, **kwargs)

    def select_notifications(
        self, start: int | None, limit: int, stop: int | None = None, topics: Sequence[str] = (), *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:  # fmt: skip
        """Return what stands in the log from `start`, at most `limit`, up to `stop`."""
        sql = (
            f"select {_COLUMNS} from event where seq >= $1 and seq <= coalesce($2, 9223372036854775807)"
            " and (cardinality($3::text[]) = 0 or type = any($3)) order by seq limit $4"
        )
        first = (start or 0) + (0 if inclusive_of_start else 1)
        rows = self.face.call(self.face.database.fetch(sql, first, stop, list(topics), limit))
        return [Notification(r["stream"], r["version"], r["type"], state_of(r), r["seq"]) for r in rows]

    def max_notification_id(self) -> int | None:
        """Return the last place of the log, None where it is empty."""
        return self.face.call(self.face.store.position())[1] or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> "LogSubscription":
        """Follow the log: what stands there, then what comes."""
        return LogSubscription(self, gt, topics)


class LogSubscription(Subscription[LogRecorder]):
    """Looks again when this process appended, and every 50 ms for what others did."""

    _found: Sequence[Notification] = ()

    def __next__(self) -> Notification:
        """Return the next notification, waiting for it; ends when stopped."""
        while not self._has_been_stopped:
            if not self._found:
                self._found = self._recorder.select_notifications(
                    self._last_notification_id, _MOST, topics=self._topics, inclusive_of_start=False
                )
            if self._found:
                found, self._found = self._found[0], self._found[1:]
                self._last_notification_id = found.id
                return found
            self._recorder.face.call(_grown(self._recorder.face.store.grew))
        raise StopIteration


class PlaceRecorder(TrackingRecorder):
    """Keeps how far an application has come in the logs of others."""

    def __init__(self, face: Face) -> None:
        """Record through this face."""
        self.face = face

    def insert_tracking(self, tracking: Tracking) -> None:
        """Move forward; raises IntegrityError where the place is not ahead."""
        self.face.call(self._move(tracking))

    async def _move(self, tracking: Tracking) -> None:
        async with self.face.database.transaction() as rows:
            await _track(rows, tracking)

    def max_tracking_id(self, application_name: str) -> int | None:
        """Return the highest place processed of that application's log."""
        sql = "select position from tracking where application = $1"
        rows = self.face.call(self.face.database.fetch(sql, application_name))
        return rows[0]["position"] if rows else None


class StoreProcessRecorder(PlaceRecorder, LogRecorder, ProcessRecorder):
    """Events and the place that they come from commit together."""


class Factory(InfrastructureFactory[TrackingRecorder]):
    """What `PERSISTENCE_MODULE=services.kernel.library.recorders:Factory` builds; `STORE_URL` names the application's role."""

    STORE_URL = "STORE_URL"
    _face: Face | None = None

    @property
    def face(self) -> Face:
        """The face, opened when first asked for."""
        if self._face is None:
            self._face = Face(self.env.get(self.STORE_URL) or "")
        return self._face

    def mapper(self, transcoder: Any = None, mapper_class: Any = None) -> Mapper[Any]:
        """Return our mapper where none is named."""
        return super().mapper(transcoder, mapper_class or EnvelopeMapper)

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """Return a recorder of streams; raises NotSupportedError for snapshots."""
        if purpose != "events":
            raise NotSupportedError("snapshots would keep open what is sealed")
        return StoreRecorder(self.face)

    def application_recorder(self) -> ApplicationRecorder:
        """Return the recorder with the log."""
        return LogRecorder(self.face)

    def tracking_recorder(
        self, tracking_recorder_class: type[TrackingRecorder] | None = None
    ) -> TrackingRecorder:
        """Return the recorder of places, or the given kind of it."""
        return cast("type[PlaceRecorder]", tracking_recorder_class or PlaceRecorder)(self.face)

    def process_recorder(self) -> ProcessRecorder:
        """Return the recorder of events with their origin."""
        return StoreProcessRecorder(self.face)

    def close(self) -> None:
        """Close the face."""
        if self._face is not None:
            self._face.close()


def _refuse_gaps(events: Sequence[NewEvent]) -> None:
    """Refuse what `append` doesn't look for inside one command; there it would fail those that commit beside it."""
    ordered = sorted(events, key=lambda e: (e.stream, e.version))
    for before, after in itertools.pairwise(ordered):
        if before.stream == after.stream and after.version != before.version + 1:
            raise IntegrityError("versions of one stream must follow one another")
    if len({e.id for e in events}) < len(events):
        raise IntegrityError("the same event twice")


async def _track(rows: Any, tracking: Tracking) -> None:
    moved = await rows.fetch(
        "insert into tracking as t values ($1, $2) on conflict (application) do update"
        " set position = excluded.position where t.position < excluded.position returning 1",
        tracking.application_name, tracking.notification_id,
    )  # fmt: skip
    if not moved:
        raise IntegrityError("not ahead of the place that is kept")


async def _grown(grew: asyncio.Event) -> None:
    grew.clear()
    await within(_LOOK_SECONDS, grew)
