"""The store opened for blocking callers: one loop, in one thread, in one place."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import asyncpg
from eventsourcing.persistence import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    OperationalError,
)

from services.kernel.database import Database
from services.kernel.errors import StoreDown
from services.kernel.store import EventStore

_T = TypeVar("_T")


class Face:
    """A store opened on a loop in a thread of its own: the one place where blocking callers meet the loop."""

    def __init__(self, url: str) -> None:
        """Open the store behind `url`; `close` it afterwards. Raises OperationalError where it can't be opened."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="library-store", daemon=True)
        self._thread.start()
        self._closed = False
        self.call(self._open(url))

    async def _open(self, url: str) -> None:
        self.database = await Database.open(url)
        self.store = EventStore(self.database)
        self._committer = asyncio.create_task(self.store.run())

    def call(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run `work` on the store's loop and wait; errors come out as the library names them."""
        if self._closed:
            work.close()
            raise InterfaceError("closed")
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()
        except StoreDown as error:
            raise OperationalError(error.code) from error
        except asyncpg.IntegrityConstraintViolationError as error:
            raise IntegrityError(type(error).__name__) from error
        except asyncpg.PostgresError as error:
            raise DatabaseError(type(error).__name__) from error

    def close(self) -> None:
        """Tell those who wait that nothing was entered, disconnect, end the thread."""
        if self._closed:
            return
        self.call(self._shut())
        self._closed = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _shut(self) -> None:
        self._committer.cancel()
        await asyncio.gather(self._committer, return_exceptions=True)
        await self.database.close()
