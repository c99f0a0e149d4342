"""Looks are a log: dense, proved, and a look that was taken out or rewritten is found."""

import asyncio
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import pytest

from schemas.look import read_look
from services.audit.note import read_note
from services.audit.verify import KEY, verify_folder
from services.kernel.bus.embedded import EmbeddedBus
from services.kernel.store import leaf_hash
from shouwang.auditing import export_log
from shouwang.client import Person, Told
from tests.audit.records import altered
from tests.audit.test_known import A, known
from tests.audit.test_proofs import holds
from tests.helpers import Running


@pytest.mark.req("PRV-02", "OVS-06")
async def test_what_a_body_read_is_proved_against_the_signed_checkpoint_with_its_exact_bytes(
    lived: tuple[Running, list[str], datetime],
) -> None:
    running, siblings, _ = lived
    auditor = await running.sign_in("procurator")
    found = await known(auditor, A, siblings[0])
    line = read_note(found["checkpoint"], (await auditor.ask("audit/key"))["key"]).logs["agency"]
    assert len(found["read"]) > 3
    for read in found["read"]:
        look = read_look(read["look"].encode())
        assert set(found["ids"]) & set(look.about)
        assert (look.at, look.purpose, look.body) == (read["at"], read["purpose"], str(A))
        assert holds(read["proof"], line)
        assert leaf_hash(read["look"].encode()).hex() == read["proof"]["leaf"]


@pytest.mark.req("PRV-03")
async def test_what_an_auditor_asked_is_in_a_log_too(lived: tuple[Running, list[str], datetime]) -> None:
    running, siblings, _ = lived
    auditor = await running.sign_in("procurator")
    await known(auditor, A, siblings[0])
    await running.client.settled()
    rows = await running.fetch("audit", "select look from read where log = 'audit' order by seq desc limit 1")
    look = read_look(rows[0][0])
    assert (look.operation, siblings[0] in look.about, str(A) in look.about) == ("known", True, True)


@pytest.mark.req("PRV-02")
async def test_looks_of_many_at_once_are_numbered_without_a_gap_and_each_is_there(
    lived: tuple[Running, list[str], datetime],
) -> None:
    running, siblings, _ = lived
    clerk = await running.sign_in("township-a-clerk")
    token = clerk.headers["Authorization"].partition(" ")[2]
    purposes = [f"many-{n:03}" for n in range(60)]
    await asyncio.gather(
        *(Person(running.client, token, p).ask(f"agency/children/{siblings[0]}") for p in purposes)
    )
    rows = await running.fetch("agency", "select seq, purpose from look order by seq")
    assert [r["seq"] for r in rows] == list(range(1, len(rows) + 1))
    assert sorted(r["purpose"] for r in rows if r["purpose"].startswith("many-")) == purposes


@pytest.mark.req("PRV-02", "OVS-06")
@pytest.mark.parametrize(
    ("harm", "why"),
    [
        ("delete from look where seq = 3", "seq is not dense"),
        ("update look set purpose = 'holiday' where seq = 3", "differs from the audit log"),
        ("update look set about = '{}' where seq = 3", "differs from the audit log"),
    ],
)
async def test_a_look_that_somebody_takes_out_or_rewrites_is_named(
    lived: tuple[Running, list[str], datetime], tmp_path: Path, harm: str, why: str
) -> None:
    running, _, _ = lived
    await running.fetch("agency", "create table kept as select * from look")
    await running.fetch("agency", harm)
    try:
        await export_log(running.platform.folder, running.client, "procurator", tmp_path)
        (broken,) = verify_folder(tmp_path, (tmp_path / KEY).read_text())
        assert (broken.store, broken.seq) == ("agency", 3)
        assert why in broken.why
    finally:
        await running.fetch("agency", "delete from look")
        await running.fetch("agency", "insert into look select * from kept")
        await running.fetch("agency", "drop table kept")
    await export_log(running.platform.folder, running.client, "procurator", tmp_path)
    assert verify_folder(tmp_path, (tmp_path / KEY).read_text()) == []


@pytest.mark.req("OVS-06")
async def test_a_bus_that_says_an_old_look_otherwise_stops_the_signing(
    lived: tuple[Running, list[str], datetime],
) -> None:
    running, siblings, _ = lived
    bus = running.platform.bus
    assert isinstance(bus, EmbeddedBus)
    second = bus._windows["agency"].records[1]
    await bus.publish("agency", [altered(second)])
    await (await running.sign_in("township-a-clerk")).ask(f"agency/children/{siblings[0]}")
    await running.client.settled()
    try:
        with pytest.raises(Told, match="503 leaf-differs"):
            await (await running.sign_in("procurator")).ask("audit/checkpoint")
    finally:
        await running.fetch("audit", "delete from differing")


def test_a_look_in_other_bytes_than_its_own_is_refused() -> None:
    line = (
        f'{{"seq":1,"id":"{uuid4()}","at":"2026-11-26T00:00:00.000000Z","body":"b","post":"p","person":"q",'
        '"purpose":"case-work","operation":"page","about":[],"classes":[]}'
    ).encode()
    assert read_look(line).seq == 1
    for other in (
        line.replace(b'"seq":1', b'"seq": 1'),
        line.replace(b'"classes":[]', b'"classes":[],"more":1'),
    ):
        with pytest.raises(ValueError):  # noqa: PT011 - whichever, it is no look
            read_look(other)
