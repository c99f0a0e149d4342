"""The story told to the end, for the audit service's questions."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest_asyncio

from shouwang.sequel import Sequel
from shouwang.story import Story
from tests.helpers import Running, embedded


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def lived() -> AsyncIterator[tuple[Running, list[str], datetime]]:
    """The story told to the end, with a moment in the middle: after A acknowledged and looked, before the move."""
    async with embedded() as running:
        story = Story(running.client, lambda _: None, rows=40)
        siblings = await story.begin()
        moment = datetime.now(UTC)
        await Sequel(story).tell(siblings)
        await running.client.settled()
        yield running, siblings, moment
