"""Answering an agency: its rows under row-level security, keys that its feed has earned, and the look on record first."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol
from uuid import UUID

import msgspec

from services.agency.page import fields_in
from services.agency.projector import unpack_refs
from services.agency.versions import CONSUMER, USE, WHOLE
from services.kernel.database import Connection, Database
from services.kernel.doors.heard import LOOK_SECONDS, WAIT_SECONDS, Places
from services.kernel.doors.looks import Looks
from services.kernel.errors import NotYet
from services.kernel.keys.ciphers import Cipher
from services.kernel.keys.sealing import BlockRef, Erased, open_refs
from services.kernel.keys.service import KeyService, Pair
from services.kernel.people.auth import Principal


class FeedQuestions(Protocol):
    """What the agency service may ask notification."""

    async def earned(self, agency: UUID, pairs: Iterable[Pair]) -> set[Pair]:
        """Return those of the pairs that this agency's feed was given."""
        ...

    async def reached(self, source: str, partition: int, seq: int) -> int | None:
        """Return the feed's place once the router has passed an event, else None."""
        ...


class _ForAgency:
    """The keys of one answer: what the feed has earned, and nothing else."""

    def __init__(self, keys: KeyService, earned: set[Pair]) -> None:
        self._keys = keys
        self._earned = earned

    def ensure(self, subjects: Iterable[str]) -> None:
        raise NotImplementedError(subjects)  # an answer makes no keys

    def keys(self, pairs: Iterable[Pair]) -> dict[Pair, bytes]:
        return self._keys.keys([pair for pair in pairs if pair in self._earned])

    def sealed(self, subjects: Iterable[str]) -> set[str]:
        return self._keys.sealed(subjects)


class Opened(msgspec.Struct):
    """Fields of one block as shown, or that they were erased."""

    subject: str
    data_class: str
    fields: dict[str, Any] | None


class Reading:
    """One agency service's way to answer."""

    def __init__(
        self,
        database: Database,
        feed: FeedQuestions,
        keys: KeyService,
        cipher: Cipher,
        looks: Looks,
        places: Places,
    ) -> None:
        """Answer from these rows, with these keys."""
        self._places = places
        self._database = database
        self._feed = feed
        self._keys = keys
        self._cipher = cipher
        self._looks = looks

    @asynccontextmanager
    async def rows_of(self, agency: UUID) -> AsyncIterator[Connection]:
        """Give a transaction in which this agency's rows, of the version that answers now, are all there is.

        Raises NotYet while that version is being filled again after a restore: "nobody found" would be untrue.
        """
        async with self._database.transaction() as rows:
            choose = f"select set_config('shouwang.agency', $1, true), {USE} from active where {WHOLE}"
            if await rows.fetchrow(choose, str(agency)) is None:
                raise NotYet
            yield rows

    async def open(self, agency: UUID, blocks: Sequence[BlockRef]) -> list[Opened]:
        """Open blocks with one question for keys; one that is erased, or not earned, shows no fields."""
        if not blocks:
            return []
        earned = await self._feed.earned(agency, {block.pair for block in blocks})
        opened = await asyncio.to_thread(open_refs, blocks, _ForAgency(self._keys, earned), self._cipher)
        return [
            Opened(b.subject, b.data_class, None if isinstance(fields, Erased) else fields)
            for b, fields in zip(blocks, opened, strict=True)
        ]

    async def facts(
        self, agency: UUID, packed: Sequence[bytes], only: Collection[str] | None = None
    ) -> list[tuple[dict[str, Any], set[str]]]:
        """Open the facts of many children, of some classes only or of all: (fields, newest last; classes shown) for each."""
        closed = [[ref for ref in unpack_refs(p) if only is None or ref.data_class in only] for p in packed]
        opened = iter(await self.open(agency, [b for blocks in closed for b in blocks]))
        found = []
        for blocks in closed:
            fields: dict[str, Any] = {}
            classes: set[str] = set()
            for ref in blocks:
                block = next(opened)
                classes.add(block.data_class)
                if block.fields is None:
                    fields[f"erased.{block.data_class}"] = True
                else:
                    fields |= fields_in(ref, block.fields)
            known = {name: value for name, value in fields.items() if value is not None}
            found.append((known, classes))
        return found

    async def record(
        self, who: Principal, operation: str, children: Iterable[UUID], classes: Iterable[str]
    ) -> None:
        """Put a look on record, durably; what can't be recorded is not shown (RecordingDown)."""
        await self._looks.record(who, operation, children, classes)

    async def looks_at(self, children: Sequence[UUID]) -> Sequence[Any]:
        """Return the latest hundred looks at these children, newest first."""
        return await self._database.fetch(
            "select at, agency, post, purpose, operation, classes from look where about && $1::text[]"
            " order by seq desc limit 100",
            [str(child) for child in children],
        )

    async def wait_for(self, token: str | None) -> None:
        """Wait until the version that answers has what the token names. Raises NotYet after ten seconds, BadPlace."""
        if token is None:
            return
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                for source, partition, wanted in self._places.read(token):
                    while (feed := await self._feed.reached(source, partition, wanted)) is None:
                        await asyncio.sleep(LOOK_SECONDS)
                    while await self._place(partition) < feed:
                        await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError as error:
            raise NotYet from error

    async def _place(self, partition: int) -> int:
        found = await self._database.fetch(
            f"select seq from active join checkpoint on consumer = {CONSUMER} where source = 'feed' and partition = $1",
            partition,
        )
        return found[0]["seq"] if found else 0
