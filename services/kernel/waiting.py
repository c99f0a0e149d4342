"""Waiting that ends when it is told to: a cancelled task is not kept alive by a library that loses the cancel."""

import asyncio


async def within(seconds: float, event: asyncio.Event) -> bool:
    """Wait for the event, but no longer; returns whether it came.

    `asyncio.wait_for` of Python 3.11 drops a cancel that comes in the moment of the event.
    """
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


def end_if_cancelled() -> None:
    """Raise the cancel that somebody asked for and a library swallowed, or replaced by an error of its own cleaning up."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
