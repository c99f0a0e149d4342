"""Versions of the views, side by side: build one anew, see that it holds what the other holds, let it answer, go back.

Each stands in a schema `pages_<n>` of its own with its own checkpoint. A fold holds its version's row while it writes, so
whoever locks the rows of `version` sees checkpoints that stand still. Nothing but rows is built: no feed, notice or look.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from services.agency.comparing import Comparison, Snapshot, compare_where_level
from services.kernel.bus.port import FEED
from services.kernel.database import Connection
from services.kernel.errors import Refusal

_HERE = Path(__file__).parent
_PATIENCE_SECONDS = 10.0
_LOOK_SECONDS = 0.05
FOLD_FILES = ("page.py", "projector.py", "tokens.py", "names.py", "glyphs.yaml", "pages.sql")


def fold_of(folder: Path) -> str:
    """Return which fold stands in a folder: a hash of all files that the rows of a version follow from."""
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in FOLD_FILES)).hexdigest()[:12]


FOLD = fold_of(_HERE)
"""The fold that is installed."""
CONSUMER = "'agency.pages.' || n"
"""SQL: the consumer that folds version `n`."""
USE = "set_config('search_path', 'pages_' || n || ', public', true)"
"""SQL: from here to the end of the transaction the tables are those of version `n`."""

_REACHED = f"consumer = {CONSUMER} and source = '{FEED}' and c.partition = a.partition and c.seq >= a.seq"
WHOLE = f"not exists (select from awaited a where not exists (select from checkpoint c where {_REACHED}))"
"""SQL: version `n` is as far as the views were that a restore left out."""
REACHED = f"delete from awaited a using checkpoint c, active where {_REACHED}"
"""SQL: what the answering version has reached is awaited no more."""


class NoSuchView(Refusal):
    """没有此视图版本,请用 shouwang view list 查看。 · There is no such version of the views: see shouwang view list."""

    status = 404


class ViewAnswers(Refusal):
    """该版本正在应答,不能删除,请先切换到另一版本。 · This version answers now and can't be dropped: switch to another first."""

    status = 409


class ViewBehind(Refusal):
    """该版本尚未追上正在应答的版本,请稍后再试。 · This version has not caught up with the one that answers: try again later."""

    status = 409


class ViewDiffers(Refusal):
    """两个版本的内容不一致,未切换;确认无误后可加 --accept-differences。 · The versions differ, nothing was switched: look at the difference, then say --accept-differences if it is meant."""  # noqa: E501

    status = 409


class Version(NamedTuple):
    """One version as it stands."""

    n: int
    state: str
    """`building` until it has answered once, then `answered`."""
    active: bool
    fold: str
    current: bool
    """Begun by the fold that is installed now."""
    created: str
    place: int
    """How far into the feed it has come."""
    behind: int
    """In how many partitions it has less than the version that answers."""
    parked: int


class Versions:
    """What an operator may do. Refusals say why not; nothing is half done."""

    def __init__(self, owner_url: str, projector_url: str, grants: str) -> None:
        """Make tables as the owner's role and give `grants`; read rows of all agencies as the projector's role."""
        self._owner_url = owner_url
        self._projector_url = projector_url
        self._grants = grants

    async def standing(self) -> list[Version]:
        """Return all versions, oldest first."""
        async with _connected(self._owner_url) as owner, owner.transaction(isolation="repeatable_read"):
            answering = await _active(owner)
            at = await _places(owner, answering)
            found = await owner.fetch(
                "select n, state, n = $1 as active, fold, fold = $2 as current, created::text,"
                f" (select count(*) from parked where consumer = {CONSUMER}) as parked from version order by n",
                answering, FOLD,
            )  # fmt: skip
            versions = []
            for row in found:
                places = await _places(owner, row["n"])
                versions.append(
                    Version(**row, place=max(places.values(), default=0), behind=_behind(places, at))
                )
            return versions

    async def ensure(self) -> None:
        """See to it that there is a version: where there is none, a fresh one is begun and answers."""
        async with _connected(self._owner_url) as owner, owner.transaction():
            if await owner.fetchval("select count(*) from active") == 0:
                await owner.execute("insert into active (n) values ($1)", await self._make(owner, "answered"))
            await owner.execute(
                f"update version set fold = $1 where not exists (select from checkpoint where consumer = {CONSUMER})",
                FOLD,
            )

    async def build(self) -> int:
        """Begin a new version beside the others and return its number; the running service folds it from the start."""
        async with _connected(self._owner_url) as owner, owner.transaction():
            return await self._make(owner, "building")

    async def _make(self, owner: Connection, state: str) -> int:
        n: int = await owner.fetchval(
            "insert into version (state, fold) values ($1, $2) returning n", state, FOLD
        )
        await owner.execute(f"create schema pages_{n}; set local search_path = pages_{n}, public")
        await owner.execute((_HERE / "pages.sql").read_text(encoding="utf8"))
        await owner.execute(self._grants)
        return n

    async def compare(self, n: int, other: int | None = None) -> Comparison:
        """Compare all rows of version `n` with those of another, or of the one that answers.

        Partitions are compared where both have come equally far, over several snapshots if need be, so nothing has to
        stand still. Raises NoSuchView, and ViewBehind where they don't come level in time.
        """
        deadline = time.monotonic() + _PATIENCE_SECONDS
        found: Comparison | None = None
        async with _connected(self._projector_url) as reader:
            while True:
                async with reader.transaction(isolation="repeatable_read", readonly=True):
                    answering = await _active(reader) if other is None else other
                    await _state(reader, n)
                    await _state(reader, answering)
                    found = found or Comparison(of=n, other=answering)
                    at = await _places(reader, n), await _places(reader, answering)
                    await compare_where_level(Snapshot(reader, *at), found)
                if not found.left:
                    return found
                if time.monotonic() > deadline:
                    raise ViewBehind(version=n, partitions=len(found.left))
                await asyncio.sleep(_LOOK_SECONDS)

    async def switch(self, n: int, *, accept_differences: bool = False) -> Comparison | None:
        """Let version `n` answer, from the next request on. What has answered before is not compared: going back is at once.

        Returns the comparison if one was made. Raises NoSuchView, ViewDiffers, ViewBehind.
        """
        async with _connected(self._owner_url) as owner:
            told = None
            if await _state(owner, n) == "building" and not accept_differences:
                told = await self.compare(n)
                if told.first is not None:
                    raise ViewDiffers(**told.told())
            deadline = time.monotonic() + _PATIENCE_SECONDS
            while behind := await self._switch_if_level(owner, n):
                if time.monotonic() > deadline:
                    raise ViewBehind(version=n, partitions=behind)
                await asyncio.sleep(_LOOK_SECONDS)
            return told

    @staticmethod
    async def _switch_if_level(owner: Connection, n: int) -> int:
        """Switch unless `n` lacks what the answering version has; returns in how many partitions it does."""
        async with owner.transaction():
            await owner.execute("select from version order by n for update")  # no fold is under way from here
            await _state(owner, n)
            answering = await _active(owner)
            behind = _behind(await _places(owner, n), await _places(owner, answering))
            aside = await owner.fetch(
                "select partition from parked where consumer = $1 and not (source, seq) in"
                " (select source, seq from parked where consumer = $2)",
                f"agency.pages.{n}", f"agency.pages.{answering}",
            )  # fmt: skip
            if not (behind or aside):
                await owner.execute("update active set n = $1", n)
                await owner.execute("update version set state = 'answered' where n = $1", n)
            return behind or len({row["partition"] for row in aside})

    async def drop(self, n: int) -> None:
        """Drop a version with everything of it. Raises NoSuchView, and ViewAnswers for the one that answers."""
        async with _connected(self._owner_url) as owner, owner.transaction():
            # As a fold goes: its place or what is set aside first, then the version; else each waits for the other.
            await owner.execute("lock table checkpoint, parked in share row exclusive mode")
            await owner.execute("select from version order by n for update")
            await _state(owner, n)
            if await _active(owner) == n:
                raise ViewAnswers(version=n)
            await owner.execute(f"drop schema pages_{n} cascade")
            for table in ("checkpoint", "parked"):
                await owner.execute(f"delete from {table} where consumer = $1", f"agency.pages.{n}")
            await owner.execute("delete from version where n = $1", n)


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def _active(connection: Connection) -> int:
    found: int | None = await connection.fetchval("select n from active")
    if found is None:
        raise NoSuchView
    return found


async def _state(connection: Connection, n: int) -> str:
    found: str | None = await connection.fetchval("select state from version where n = $1", n)
    if found is None:
        raise NoSuchView(version=n)
    return found


async def _places(connection: Connection, n: int) -> dict[int, int]:
    found = await connection.fetch(
        "select partition, seq from checkpoint where consumer = $1 and source = $2", f"agency.pages.{n}", FEED
    )
    return {row["partition"]: row["seq"] for row in found}


def _behind(places: dict[int, int], others: dict[int, int]) -> int:
    return sum(places.get(partition, 0) < seq for partition, seq in others.items())
