"""Nothing sealed is at rest in plaintext: canaries are searched for in every place where bytes come to lie."""

import pytest

from schemas.fields import DataClass
from services.kernel.bus.embedded import EmbeddedBus
from shouwang.client import Told
from tests.helpers import Running, embedded

CANARIES = {
    "name": "金丝雀姓名甲", "idnumber": "99010120150305001X", "address": "金丝雀住址乙", "family": "金丝雀父亲丙",
    "contact": "13911112222", "health": "金丝雀病丁", "economic": "金丝雀收入戊", "schooling": "金丝雀学校己",
    "case": "金丝雀案情庚", "reporter": "金丝雀报告人辛", "guardian": "金丝雀祖母壬", "log": "金丝雀错误癸",
}  # fmt: skip


def valid_id() -> str:
    from schemas.fields import id_number_holds

    return next(n for c in "0123456789X" if id_number_holds(n := CANARIES["idnumber"][:17] + c))


CANARIES["idnumber"] = valid_id()


async def fill(running: Running) -> None:
    """Put every canary in by the front door, look at it, and make a few errors with it."""
    clerk = await running.sign_in("township-a-clerk")
    child = await running.register(
        CANARIES["name"], birth_date="2015-03-05", id_number=CANARIES["idnumber"], residence=CANARIES["address"],
        father={"name": CANARIES["family"]}, illness=CANARIES["health"], income=[CANARIES["economic"]],
    )  # fmt: skip
    await clerk.do(
        "registry/delegate-guardianship", children=[child], starts="2026-09-01", name=CANARIES["guardian"],
        phone=CANARIES["contact"], relation="祖母", capable=True, willing=True,
        instruments=["DELEGATION_AGREEMENT", "GUARDIANSHIP_UNDERTAKING"],
    )  # fmt: skip
    teacher = await running.sign_in("school-a-teacher")
    await teacher.do(
        "reporting/file-report", region="990101001001", grounds=["LIVING_ALONE"], course=CANARIES["case"],
        children=[{"name": CANARIES["name"], "school": CANARIES["schooling"]}], reporter_name=CANARIES["reporter"],
        found_at="2026-10-12T07:50:00+08:00",
    )  # fmt: skip
    with pytest.raises(Told, match="409 already-on-file"):
        await running.register(CANARIES["name"], id_number=CANARIES["idnumber"])
    with pytest.raises(Told, match="422 bad-input") as told:
        await running.register(CANARIES["log"], birth_date=CANARIES["log"])
    assert CANARIES["log"] not in str(told.value.body)
    await running.client.settled()
    police = await running.sign_in("police-a-desk")
    reported = (await police.ask("agency/worklist"))["tasks"][0]["child"]
    for name in ("case", "reporter", "schooling"):
        assert CANARIES[name] in str(await police.ask(f"agency/children/{reported}")), name
    page = await clerk.ask(f"agency/children/{child}")
    for name in ("name", "idnumber", "address", "family", "contact", "health", "economic", "guardian"):
        assert CANARIES[name] in str(page), name
    await clerk.search(name=CANARIES["name"], number=CANARIES["idnumber"][-4:])
    await running.client.request("GET", "/registry/metrics")


def variants(canary: str) -> list[bytes]:
    """A canary as text, as JSON escapes and as hex: what a dump could show."""
    return [
        canary.encode(), canary.encode("utf-16-le"), canary.encode("gb18030"),
        canary.encode("unicode_escape"), canary.encode().hex().encode(),
    ]  # fmt: skip


def found_in(content: bytes) -> set[str]:
    return {name for name, canary in CANARIES.items() if any(v in content for v in variants(canary))}


@pytest.mark.req("PRV-04")
async def test_no_canary_is_found_in_store_topics_feed_rows_logs_metrics_or_the_data_folder(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async with embedded() as running:
        await fill(running)
        for database in ("registry", "reporting", "assessment", "notification", "agency"):
            content = await dump_of(running, database)
            assert len(content) > 1000
            assert found_in(content) == set(), database
        assert isinstance(running.platform.bus, EmbeddedBus)
        topics = repr(running.platform.bus._windows).encode() + b"".join(
            r.value + r.blocks for window in running.platform.bus._windows.values() for r in window.records
        )
        assert len(topics) > 1000
        assert found_in(topics) == set()
        assert found_in((await running.client.request("GET", "/registry/metrics")).content) == set()
        assert found_in("".join(capfd.readouterr()).encode()) == set()
        await running.fetch("postgres", "checkpoint")
        files = [f for f in running.platform.folder.rglob("*") if f.is_file()]
        assert len(files) > 100
        assert {str(f): found for f in files if (found := found_in(f.read_bytes()))} == {}


async def dump_of(running: Running, database: str) -> bytes:
    """Every table of every schema of a database, as text and as Python values."""
    parts = []
    for table in await running.fetch(
        database,
        "select format('%I.%I', schemaname, tablename) from pg_tables"
        " where schemaname not in ('pg_catalog', 'information_schema')",
    ):
        parts.append(str(await running.fetch(database, f"select t::text from {table[0]} t")).encode())
        values = [v for row in await running.fetch(database, f"select * from {table[0]}") for v in row]
        parts += [v if isinstance(v, bytes) else repr(v).encode() for v in values]
    return b"\n".join(parts)


async def test_a_view_that_keeps_a_name_in_plaintext_is_noticed() -> None:
    async with embedded() as running:
        await running.fetch("agency", "create table leak as select $1::text as name", CANARIES["name"])
        assert found_in(await dump_of(running, "agency")) == {"name"}


async def test_a_name_in_plaintext_in_a_version_that_does_not_answer_is_noticed() -> None:
    async with embedded() as running:
        n = await running.versions.build()
        await running.fetch(
            "agency", f"create table pages_{n}.leak as select $1::text as name", CANARIES["name"]
        )
        assert found_in(await dump_of(running, "agency")) == {"name"}


async def test_a_field_sealed_under_no_class_would_be_found_in_the_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import schemas.event

    def open_all(event: type) -> tuple[tuple[str, str, str], ...]:
        return tuple(
            (name, DataClass.OPEN.value, "child")
            for name in event.model_fields  # type: ignore[attr-defined]
        )

    monkeypatch.setattr(schemas.event, "_places", open_all)
    async with embedded() as running:
        await running.register(CANARIES["name"])
        assert found_in(await dump_of(running, "registry")) == {"name"}
