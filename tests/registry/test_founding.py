"""Who may ask finds a county: nobody is answered before an empty registry is founded."""

from typing import Any

import pytest

import services.registry.app
from services.kernel.store import EventStore
from services.registry.founding import found
from tests.helpers import embedded


async def test_nobody_is_answered_before_the_county_is_founded(monkeypatch: pytest.MonkeyPatch) -> None:
    founded = []

    async def slowly(file: Any, store: EventStore, *how: Any) -> bool:
        for _ in range(300):
            await store.position()
        done = await found(file, store, *how)
        founded.append(await store.heads())
        return done

    monkeypatch.setattr(services.registry.app, "found", slowly)
    async with embedded() as running:
        assert len(founded) == 1
        await running.sign_in("township-a-clerk")
