"""A table that two have signed holds from then on, for everybody, also after a start anew; nothing that was told changes."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml
from typer.testing import CliRunner

from schemas.disclosure import SHIPPED, hash_of
from services.notification.disclosure import Disclosure, adopted_table, disclosure_table
from services.registry.founding import body_id, post_id
from shouwang.cli import app
from shouwang.client import Platform, Told
from tests.helpers import Running, embedded

_STATION = body_id("station-a")


def wider() -> str:
    """A table under which the station is shown a family too, and the village no health."""
    table = yaml.safe_load(SHIPPED.read_bytes())
    lines = table["registry.child-registered.v1"]
    lines["area_police"]["show"].append("family")
    lines["village"]["show"].remove("health")
    return str(yaml.safe_dump(table, allow_unicode=True))


async def told(running: Running, child: str) -> dict[str, Any]:
    """What the feed has of a registration for the station: classes, and by which table."""
    ((rules, shown, envelope),) = await running.fetch(
        "notification",
        "select f.rules_hash, f.shown, h.envelope from feed f join heard h using (event)"
        " where f.agency = $1 and f.child = $2::text::uuid and role = 'area_police'"
        " and convert_from(h.envelope, 'utf8') like '%registry.child-registered.v1%'",
        _STATION, child,
    )  # fmt: skip
    blocks = yaml.safe_load(envelope)["data"]["sealed"]
    return {"rules": rules, "shown": {blocks[place]["class"] for place in shown}}


@pytest.mark.req("PRV-03")
async def test_a_table_holds_once_two_have_signed_it_and_for_what_comes_then() -> None:
    async with embedded() as running:
        before = await running.register("程小一", father={"name": "程大山"})
        officer = await running.sign_in("county-officer")
        bureau = await running.sign_in("civil-affairs-officer")
        text = wider()
        table = hash_of(text.encode())
        with pytest.raises(Told, match="403 not-allowed"):
            await (await running.sign_in("township-a-clerk")).do(
                "registry/propose-disclosure-table", content=text
            )
        await officer.do("registry/propose-disclosure-table", content=text)
        with pytest.raises(Told, match="409 second-signer"):
            await officer.do("registry/adopt-disclosure-table", content_hash=table)
        await running.client.settled()
        meanwhile = await running.register("程小二", father={"name": "程大山"})
        await running.client.settled()
        seen = await bureau.ask("notification/disclosure")
        assert (seen["content_hash"], seen["adopted"]) == (disclosure_table().content_hash, False)
        (proposed,) = seen["proposed"]
        assert (proposed["content"], proposed["post"]) == (text, str(post_id("county-officer")))
        assert proposed["by"].startswith("望川县人民政府 ")
        changes = {(c["more"], c["event"], c["role"], c["data_class"]) for c in proposed["changes"]}
        kinds = {"registry.child-registered.v1"}
        assert {c for c in changes if c[1] in kinds} == {
            (True, "registry.child-registered.v1", "area_police", "family"),
            (False, "registry.child-registered.v1", "village", "health"),
        }
        more = next(c for c in proposed["changes"] if c["more"])
        assert {h["body"] for h in more["bodies"]} >= {"青禾派出所"}
        await bureau.do("registry/adopt-disclosure-table", content_hash=table)
        await running.client.settled()
        after = await running.register("程小三", father={"name": "程大山"})
        await running.client.settled()
        seen = await bureau.ask("notification/disclosure")
        assert (seen["content_hash"], seen["adopted"], seen["proposed"]) == (table, True, [])
        shipped = {"rules": disclosure_table().content_hash, "shown": {"name"}}
        assert await told(running, before) == await told(running, meanwhile) == shipped
        assert await told(running, after) == {"rules": table, "shown": {"name", "family"}}
        await running.platform.stop()
        await running.platform.start()
        running.client = Platform(running.platform.urls)
        again = await running.register("程小四", father={"name": "程大山"})
        await running.client.settled()
        assert await told(running, again) == {"rules": table, "shown": {"name", "family"}}
        with pytest.raises(Told, match="403 not-allowed"):
            await (await running.sign_in("police-a-desk")).ask("notification/disclosure")


async def test_a_proposed_table_that_names_the_reporter_is_refused_with_its_reason() -> None:
    async with embedded() as running:
        table = yaml.safe_load(SHIPPED.read_bytes())
        table["reporting.report-filed.v1"]["ledger"] = {"show": ["reporter"], "clause": "某条"}
        officer = await running.sign_in("county-officer")
        with pytest.raises(Told, match="422 not-a-table") as refused:
            await officer.do("registry/propose-disclosure-table", content=yaml.safe_dump(table))
        assert "报告人只能告知办案公安" in refused.value.body["facts"]["why"]


def test_what_is_no_table_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("made.up.v1: {ledger: {show: [], clause: x}}", encoding="utf8")
    done = CliRunner().invoke(app, ["disclosure", "propose", str(broken), "--as", "county-officer"])
    assert done.exit_code == 5
    assert "没有此类事件" in done.output


@pytest.mark.req("PRV-03")
async def test_a_table_that_this_release_can_not_read_stops_the_telling_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with embedded() as running:
        notification = running.platform.services["notification"]
        adopted = "registry.child-registered.v1: {a-role-that-is-gone: {show: [name], clause: x}}"
        monkeypatch.setattr(notification.reference, "disclosure", adopted)
        asked: list[str | None] = []

        def counted(content: str | None) -> Disclosure:
            asked.append(content)
            return adopted_table(content)

        monkeypatch.setattr("services.notification.app.adopted_table", counted)
        child = await running.register("程小五")
        asked.clear()
        ready = await running.client.http.get(
            f"{running.client.urls['notification']}/notification/health/ready"
        )
        assert (ready.status_code, ready.json()["code"]) == (503, "table-unreadable")
        async with asyncio.timeout(60):
            while len(asked) < 3:  # the router tries, and tries again
                await asyncio.sleep(0.02)
        assert await running.fetch("notification", "select 1 from feed where child = $1", UUID(child)) == []
        assert await running.fetch("notification", "select 1 from parked") == []
        monkeypatch.setattr(notification.reference, "disclosure", None)
        await running.client.settled()
        told = await running.fetch("notification", "select 1 from feed where child = $1", UUID(child))
        assert len(told) > 3
