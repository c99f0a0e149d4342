"""A signing key is never replaced in silence: a lost or another one stops the start, and a new one stands on record."""

import asyncio
from pathlib import Path

import pytest

from infra.postgres import Postgres
from services.audit.checkpoints import Checkpoints
from services.audit.note import ONCE, Note, Signer, read_note
from services.audit.signing_key import AuditKeyDiffers, AuditKeyMissing, AuditKeyRefused, open_signer
from services.audit.verify import NOTE, verify_folder
from services.kernel.database import Database
from services.kernel.world import SeededWorld
from services.kernel.writing.recording import stamp
from services.registry.founding import post_id
from shouwang.auditing import export_log
from shouwang.client import Platform
from shouwang.embedded import Embedded
from tests.audit.records import about_children, events, hear
from tests.conftest import NewDatabase
from tests.contracts.make_golden import START

WORLD = SeededWorld(1, START)


async def signed(database: Database, signer: Signer) -> str:
    return (await Checkpoints(database, signer, WORLD).sign()).note


@pytest.mark.req("OVS-06")
async def test_the_first_start_makes_the_key_and_later_ones_keep_it(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database, file = await new_database("audit"), tmp_path / "audit.key"
    first = await open_signer(database, file, START)
    assert first.renewed == ()
    await signed(database, first)
    again = await open_signer(database, file, START, renew=True)
    assert (again.public, again.renewed) == (first.public, ()), (
        "a key that is there and right is not replaced"
    )


@pytest.mark.req("OVS-06")
async def test_a_key_that_is_lost_or_another_stops_the_start_and_nothing_is_made(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database, file = await new_database("audit"), tmp_path / "audit.key"
    await signed(database, await open_signer(database, file, START))
    kept = file.read_bytes()
    file.unlink()
    with pytest.raises(AuditKeyMissing, match=r"取回.*Bring it back.*--new-audit-key") as missing:
        await open_signer(database, file, START)
    assert "audit.key" in str(missing.value)
    assert not file.exists()
    Signer(file)
    with pytest.raises(AuditKeyDiffers, match="换回"):
        await open_signer(database, file, START)
    await database.fetch("delete from signing_key")
    with pytest.raises(AuditKeyDiffers):
        await open_signer(database, file, START, renew=True)
    file.write_bytes(kept)
    assert (await open_signer(database, file, START)).renewed == ()


@pytest.mark.req("OVS-06")
async def test_a_key_that_was_replaced_on_purpose_stands_in_every_later_checkpoint(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database, file = await new_database("audit"), tmp_path / "audit.key"
    await hear(database, events(await about_children(5)))
    old = await open_signer(database, file, START)
    before = await signed(database, old)
    file.unlink()
    new = await open_signer(database, file, START, renew=True)
    for _ in range(2):
        after: Note = read_note(await signed(database, new), new.public)
        assert [(r.at, r.key) for r in after.renewed] == [(stamp(START), old.public)]
        new = await open_signer(database, file, START)
    assert after.logs == read_note(before, old.public).logs


async def test_notes_that_were_signed_before_keys_had_names_of_their_own_hold_with_the_same_key(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database, file = await new_database("audit"), tmp_path / "audit.key"
    once = Signer(file)
    once.name = ONCE
    await database.fetch("insert into signed (at, note) values ($1, $2)", START, once.sign("then", []))
    signer = await open_signer(database, file, START)
    await hear(database, events(await about_children(3)))
    assert read_note(await signed(database, signer), signer.public).origin == signer.name != ONCE


@pytest.mark.req("OVS-06")
async def test_a_platform_whose_key_is_gone_does_not_start_until_it_is_told_to_take_another(
    own_folder: Path, tmp_path: Path
) -> None:
    """And the export after that extends the one before: the new key names the old."""
    postgres = Postgres(own_folder / "postgres")
    await asyncio.to_thread(postgres.start)
    try:
        before = await lived(own_folder, postgres, tmp_path / "before")
        (own_folder / "audit.key").rename(own_folder / "elsewhere")
        with pytest.raises(AuditKeyRefused):
            await Embedded(own_folder, postgres).start()
        after = await lived(own_folder, postgres, tmp_path / "after", new_audit_key=True)
        assert before != after
        earlier = (tmp_path / "before" / NOTE).read_text()
        assert verify_folder(tmp_path / "after", after, earlier) == []
        assert verify_folder(tmp_path / "before", before, (tmp_path / "after" / NOTE).read_text()) != []
    finally:
        await asyncio.to_thread(postgres.stop)


async def lived(home: Path, postgres: Postgres, to: Path, *, new_audit_key: bool = False) -> str:
    """Run a platform for one registration and take its log out; returns the public key."""
    platform = Embedded(home, postgres, new_audit_key=new_audit_key)
    await platform.start()
    client = Platform(platform.urls)
    try:
        await client.settled()
        clerk = await client.sign_in(post_id("township-a-clerk"))
        await clerk.do("registry/register-child", region="990101001001", name=f"程小满{new_audit_key}")
        await export_log(home, client, "procurator", to)
        key: str = (await clerk.ask("audit/key"))["key"]
        return key
    finally:
        await client.close()
        await platform.stop()
