"""What is asked while an answer is under way is asked together, once, as soon as it is there."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import Generic, TypeVar

A = TypeVar("A", bound=Hashable)
R = TypeVar("R")


class Together(Generic[A, R]):
    """One question at a time: sixteen callers cost two round trips, or two durable writes, instead of sixteen."""

    def __init__(self, ask: Callable[[set[A]], Awaitable[R]]) -> None:
        """`ask` answers for all that it is handed; each caller takes its own out of the answer."""
        self._ask = ask
        self._next: tuple[set[A], asyncio.Future[R]] | None = None
        self._asking: asyncio.Task[None] | None = None

    async def __call__(self, wanted: Iterable[A]) -> R:
        """Return an answer to a question that was put after this call; raises what `ask` raises."""
        if self._next is None:
            self._next = set(), asyncio.get_running_loop().create_future()
        wants, answer = self._next
        wants.update(wanted)
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._run())
        return await asyncio.shield(answer)

    async def _run(self) -> None:
        while self._next is not None:
            (wants, answer), self._next = self._next, None
            try:
                answer.set_result(await self._ask(wants))
            except Exception as error:  # noqa: BLE001 - the callers' to handle
                answer.set_exception(error)
                answer.exception()  # nobody may be left who asks
            except BaseException:
                answer.cancel()
                raise
