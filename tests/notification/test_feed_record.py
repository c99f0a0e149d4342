"""The feed is a record of what was disclosed: today's rules hold for today, and nobody writes yesterday anew."""

from typing import Any

import asyncpg
import pytest
import yaml

from infra.databases import urls
from schemas.disclosure import SHIPPED
from schemas.envelope import decode
from services.kernel.bus.embedded import EmbeddedBus
from services.notification.disclosure import Disclosure
from services.notification.router import Router
from shouwang.embedded import secrets_of
from tests.helpers import Running, embedded

_FEED = "select agency, event, role, clause, rules_hash, shown, disclosed_at from feed order by seq"


def wider() -> Disclosure:
    """A table under which the station is shown a family too."""
    table = yaml.safe_load(SHIPPED.read_bytes())
    table["registry.child-registered.v1"]["area_police"]["show"].append("family")
    return Disclosure(yaml.safe_dump(table, allow_unicode=True).encode())


def router_of(running: Running) -> Router:
    consumer = next(
        c for c in running.platform.services["notification"].consumers if c.name == "notification.router"
    )
    router = consumer._fold.__self__  # type: ignore[attr-defined]
    assert isinstance(router, Router)
    return router


async def told(running: Running) -> list[Any]:
    """What the audit service heard of the feed."""
    return [
        tuple(row)
        for row in await running.fetch(
            "audit", "select agency, event, role, clause, classes from told order by seq"
        )
    ]


@pytest.mark.req("PLT-03")
@pytest.mark.req("PLT-05")
async def test_wider_rules_hold_for_what_comes_and_what_was_told_stays_as_it_was_told() -> None:
    async with embedded(EmbeddedBus()) as running:
        await running.register("程小满", father={"name": "程大山"})
        await running.client.settled()
        before = await running.fetch("notification", _FEED)
        router_of(running)._table = wider
        assert isinstance(running.platform.bus, EmbeddedBus)
        await running.platform.bus.wipe()
        await running.client.settled()
        assert await running.fetch("notification", _FEED) == before
        await running.register("程小秋", father={"name": "程大山"})
        await running.client.settled()
        after = await running.fetch("notification", _FEED)
        assert after[: len(before)] == before
        hashes = {row["rules_hash"] for row in after}
        assert len(hashes) == 2, "each row names the rules under which it was told"


@pytest.mark.req("PLT-03")
async def test_a_feed_that_was_rebuilt_under_todays_rules_is_noticed() -> None:
    """Planted: somebody throws the feed away and lets it be made again. The audit service heard it otherwise."""
    async with embedded(EmbeddedBus()) as running:
        await running.register("程小满", father={"name": "程大山"})
        await running.client.settled()
        heard = await told(running)
        service = running.platform.services["notification"]
        await service.stop_loops()
        for table in ("feed", "heard", "access", "checkpoint"):
            await running.fetch("notification", f"delete from {table}")
        await running.fetch("notification", "update feed_head set head = 0")
        router_of(running)._table = wider
        await service.start()
        await running.client.settled()
        rows = await running.fetch(
            "notification",
            "select f.agency, f.event, f.role, f.clause, f.shown, h.envelope from feed f"
            " join heard h using (event)",
        )
        rebuilt = set()
        for r in rows:
            blocks = decode(r["envelope"]).blocks
            classes = sorted({blocks[i].data_class for i in r["shown"]})
            rebuilt.add((r["agency"], r["event"], r["role"], r["clause"], tuple(classes)))
        assert {(a, e, r, c, tuple(k)) for a, e, r, c, k in heard} != rebuilt


async def test_the_running_role_can_not_change_what_it_has_disclosed() -> None:
    async with embedded() as running:
        await running.register("程小满")
        await running.client.settled()
        secret = secrets_of(running.platform.folder)["database"]
        connection = await asyncpg.connect(urls("notification", running.postgres.url, secret)["app"])
        for sql in (
            "delete from feed",
            "update feed set clause = 'x'",
            "delete from heard",
            "update event set seq = 0",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(sql)
        await connection.close()
