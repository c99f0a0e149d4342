import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher as Primitive
from cryptography.hazmat.primitives.ciphers import algorithms, modes

from schemas.envelope import Envelope
from schemas.event import Event
from schemas.fields import id_number_holds
from schemas.registry import GuardianshipDelegated
from services.kernel.errors import FileSealed, PersonErased
from services.kernel.keys.ciphers import SUITES, Cipher
from services.kernel.keys.ring import KeyRing, WrongPassphrase
from services.kernel.keys.sealing import (
    Erased,
    fields_of,
    is_described,
    needed,
    open_refs,
    redact,
    refs,
    seal,
    unpack,
)
from services.kernel.world import SeededWorld
from services.kernel.writing.recording import Circumstances, Planned, Recorder
from tests.helpers import START


@pytest.fixture
def world() -> SeededWorld:
    return SeededWorld(7, START)


@pytest.fixture(params=SUITES)
def suite(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def cipher(suite: str, world: SeededWorld) -> Cipher:
    return SUITES[suite](world)


@pytest.fixture
def ring(tmp_path: Path, world: SeededWorld, suite: str) -> KeyRing:
    return KeyRing(tmp_path / "keys.sqlite", "passphrase", world, suite)


def delegated(name: str = "周桂香") -> GuardianshipDelegated:
    return GuardianshipDelegated(
        child=UUID(int=1), region="990101001001", guardian=UUID(int=2), starts=date(2026, 9, 1),
        instruments=("DELEGATION_AGREEMENT",), name=name, phone="13900000000", relation="祖母", capable=True, willing=True,
    )  # fmt: skip


def sealed(event: Event, ring: KeyRing, cipher: Cipher) -> tuple[Envelope, bytes]:
    ring.ensure({subject for subject, _ in needed(event.split())})
    data, blocks = seal(event, "event-1", ring.keys(needed(event.split())), cipher)
    told: dict[str, Any] = dict.fromkeys(
        ("type", "source", "subject", "time", "recordedat", "actor", "purpose", "orderkey", "correlationid"),
        "",
    )
    return Envelope(id="event-1", data=data, **told), blocks


def test_fields_of_one_class_about_one_person_share_a_block(ring: KeyRing, cipher: Cipher) -> None:
    envelope, _ = sealed(delegated(), ring, cipher)
    assert {(b.role, b.data_class) for b in envelope.blocks} == {
        ("guardian", "name"), ("guardian", "contact"), ("child", "family"),
    }  # fmt: skip


def test_what_was_sealed_comes_back_and_nothing_of_it_shows(ring: KeyRing, cipher: Cipher) -> None:
    envelope, blocks = sealed(delegated(), ring, cipher)
    assert fields_of(envelope, blocks, ring, cipher)["name"] == "周桂香"
    for secret in ("周桂香", "13900000000", "祖母"):
        assert secret.encode() not in blocks
        assert secret not in str(envelope.data)


def test_leaving_blocks_out_keeps_the_envelope_and_the_other_blocks(ring: KeyRing, cipher: Cipher) -> None:
    envelope, blocks = sealed(delegated(), ring, cipher)
    shown = redact(blocks, [0])
    assert [body is not None for body in unpack(shown)] == [True, False, False]
    assert unpack(shown)[0] == unpack(blocks)[0]
    assert len(refs(envelope, shown)) == 1


@pytest.mark.parametrize("swap", ["event", "subject", "data_class"])
def test_a_block_moved_to_another_event_person_or_class_does_not_open(
    ring: KeyRing, cipher: Cipher, swap: str
) -> None:
    envelope, blocks = sealed(delegated(), ring, cipher)
    block = refs(envelope, blocks)[0]
    ring.ensure([str(UUID(int=9))])
    other = {"event": "event-2", "subject": str(UUID(int=9)), "data_class": "contact"}[swap]
    moved = block._replace(**dict[str, Any]({swap: other}))
    with pytest.raises(InvalidTag):
        open_refs([moved], ring, cipher)


def test_a_flipped_bit_is_found(ring: KeyRing, cipher: Cipher) -> None:
    envelope, blocks = sealed(delegated(), ring, cipher)
    block = refs(envelope, blocks)[0]
    bad = block._replace(body=block.body[:-1] + bytes([block.body[-1] ^ 1]))
    with pytest.raises(InvalidTag):
        open_refs([bad], ring, cipher)


@pytest.mark.req("PRV-04")
def test_one_act_erases_a_person_everywhere_and_nobody_else(ring: KeyRing, cipher: Cipher) -> None:
    envelope, blocks = sealed(delegated(), ring, cipher)
    ring.erase(str(UUID(int=2)))
    opened = open_refs(refs(envelope, blocks), ring, cipher)
    assert [type(o) for o in opened] == [Erased, Erased, dict]
    ring.ensure([str(UUID(int=2))])
    assert isinstance(open_refs(refs(envelope, blocks), ring, cipher)[0], Erased)


def test_nothing_is_sealed_without_a_key(cipher: Cipher) -> None:
    with pytest.raises(KeyError):
        seal(delegated(), "event-1", {}, cipher)


def test_block_length_grows_in_steps_so_names_of_like_length_look_alike(
    ring: KeyRing, cipher: Cipher
) -> None:
    lengths = {
        len(unpack(sealed(delegated(name), ring, cipher)[1])[0] or b"")
        for name in ("王一", "欧阳建国", "阿依古丽")
    }
    assert len(lengths) == 1


def test_the_ring_holds_masters_wrapped_and_opens_with_its_passphrase_alone(
    tmp_path: Path, world: SeededWorld, suite: str
) -> None:
    ring = KeyRing(tmp_path / "keys.sqlite", "right", world, suite)
    ring.ensure(["a"])
    (key,) = ring.keys([("a", "name")]).values()
    ring.close()
    again = KeyRing(tmp_path / "keys.sqlite", "right", world)
    assert list(again.keys([("a", "name")]).values()) == [key]
    again.close()
    assert key not in (tmp_path / "keys.sqlite").read_bytes()
    assert (tmp_path / "keys.sqlite").stat().st_mode & 0o077 == 0
    with pytest.raises(WrongPassphrase):
        KeyRing(tmp_path / "keys.sqlite", "wrong", world)


def test_each_class_has_a_key_of_its_own(ring: KeyRing) -> None:
    subject = str(uuid4())
    ring.ensure([subject])
    keys = ring.keys([(subject, "name"), (subject, "case")])
    assert len(set(keys.values())) == 2


def test_any_single_wrong_digit_of_an_id_number_is_noticed() -> None:
    right = "990101201003050014"
    assert id_number_holds(right)
    wrong = [right[:i] + d + right[i + 1 :] for i in range(18) for d in "0123456789" if d != right[i]]
    assert not any(id_number_holds(number) for number in wrong)


def test_what_was_sealed_before_the_suite_was_changed_opens_under_the_other(
    tmp_path: Path, world: SeededWorld
) -> None:
    ring = KeyRing(tmp_path / "keys.sqlite", "passphrase", world)
    before, blocks = sealed(delegated(), ring, SUITES["aes"](world))
    ring.close()
    changed = KeyRing(tmp_path / "keys.sqlite", "passphrase", world, "gm")
    assert fields_of(before, blocks, changed, SUITES["gm"](world))["name"] == "周桂香"
    after, more = sealed(delegated(), changed, SUITES["gm"](world))
    assert {b.alg for b in after.blocks} == {"SM4GCM"}
    assert fields_of(after, more, changed, SUITES["aes"](world))["name"] == "周桂香"


def test_a_ring_older_than_suites_opens_as_it_was_made(tmp_path: Path, world: SeededWorld) -> None:
    ring = KeyRing(tmp_path / "keys.sqlite", "passphrase", world)
    before, blocks = sealed(delegated(), ring, SUITES["aes"](world))
    ring.close()
    with sqlite3.connect(tmp_path / "keys.sqlite") as file:
        file.execute("delete from meta where name = 'suite'")
    file.close()
    again = KeyRing(tmp_path / "keys.sqlite", "passphrase", world, "gm")
    assert fields_of(before, blocks, again, SUITES["gm"](world))["name"] == "周桂香"


def test_a_description_names_the_block_by_the_hash_of_its_suite(ring: KeyRing, cipher: Cipher) -> None:
    envelope, blocks = sealed(delegated(), ring, cipher)
    bodies = unpack(blocks)
    for at, (block, body) in enumerate(zip(envelope.blocks, bodies, strict=True)):
        assert is_described(block, body or b"")
        assert not is_described(block, bodies[at - 1] or b"")
        assert bool(block.sm3) == (block.alg == "SM4GCM") != bool(block.sha256)


def test_sm4_in_this_mode_gives_what_rfc_8998_prints() -> None:
    """Appendix A.1. Our keys are 32 bytes and cut by HKDF-SM3, so the vector goes to the primitive that we use."""
    key, nonce = bytes.fromhex("0123456789abcdeffedcba9876543210"), bytes.fromhex("00001234567800000000abcd")
    does = Primitive(algorithms.SM4(key), modes.GCM(nonce)).encryptor()
    does.authenticate_additional_data(bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2"))
    plain = b"".join(bytes([b]) * 8 for b in (0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF, 0xEE, 0xAA))
    assert does.update(plain).hex() == (
        "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
    )
    does.finalize()
    assert does.tag.hex() == "83de3541e4c2b58177e065a9bf7b62ec"


@pytest.mark.req("PRV-04")
def test_a_class_is_erased_by_itself_for_every_process(
    tmp_path: Path, ring: KeyRing, world: SeededWorld, suite: str
) -> None:
    ring.ensure(["a", "b"])
    pairs = [("a", "name"), ("a", "health"), ("b", "health")]
    other = KeyRing(tmp_path / "keys.sqlite", "passphrase", world, suite)
    before = other.keys(pairs)
    assert set(before) == set(pairs)
    ring.erase("a", ["health"])
    assert_soon(lambda: other.keys(pairs) == {p: before[p] for p in pairs if p != ("a", "health")})
    assert ring.keys(pairs) == other.keys(pairs)
    other.close()


@pytest.mark.req("PRV-07")
def test_a_sealed_person_has_no_key_for_anybody_until_unsealed_and_is_erased_all_the_same(
    tmp_path: Path, ring: KeyRing, world: SeededWorld, suite: str
) -> None:
    ring.ensure(["a"])
    other = KeyRing(tmp_path / "keys.sqlite", "passphrase", world, suite)
    before = other.keys([("a", "name")])
    ring.seal("a")
    assert_soon(lambda: other.keys([("a", "name")]) == {})
    assert other.sealed(["a", "b"]) == {"a"}
    ring.ensure(["a"])
    assert ring.keys([("a", "name")]) == {}
    ring.unseal("a")
    assert_soon(lambda: other.keys([("a", "name")]) == before)
    ring.seal("a")
    ring.erase("a")
    ring.unseal("a")
    ring.seal("a")
    assert ring.sealed(["a"]) == set()
    assert ring.keys([("a", "name")]) == {}
    other.close()


@pytest.mark.req("PRV-07")
async def test_what_would_be_sealed_under_a_withheld_key_is_refused_by_another_name_than_under_a_destroyed_one(
    ring: KeyRing, cipher: Cipher, world: SeededWorld
) -> None:
    """The child's file refuses by its own state; a guardian's data in it are refused here."""
    recorder = Recorder("registry", ring, cipher, world)
    planned = [Planned(delegated(), UUID(int=1), 1, world.new_id())]
    told = Circumstances(actor="test", purpose="test", correlation=world.new_id())
    assert await recorder.record(planned, told)
    ring.seal(str(UUID(int=2)))
    with pytest.raises(FileSealed):
        await recorder.record(planned, told)
    ring.erase(str(UUID(int=2)))
    with pytest.raises(PersonErased) as refused:
        await recorder.record(planned, told)
    assert type(refused.value) is PersonErased


def assert_soon(holds: Callable[[], bool]) -> None:
    """A ring asks whether another process wrote once a millisecond at most."""
    until = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < until


@pytest.mark.req("PRV-04")
def test_another_passphrase_opens_the_ring_and_the_old_one_no_more_and_keys_stay(
    tmp_path: Path, ring: KeyRing, cipher: Cipher, world: SeededWorld, suite: str
) -> None:
    envelope, blocks = sealed(delegated(), ring, cipher)
    ring.ensure(["gone", "shut"])
    ring.erase("gone")
    ring.seal("shut")
    search, before = ring.search_key, wrapped(tmp_path)
    ring.rotate("another")
    assert fields_of(envelope, blocks, ring, cipher)["name"] == "周桂香"
    ring.close()
    with pytest.raises(WrongPassphrase):
        KeyRing(tmp_path / "keys.sqlite", "passphrase", world, suite)
    again = KeyRing(tmp_path / "keys.sqlite", "another", world, suite)
    assert fields_of(envelope, blocks, again, cipher)["name"] == "周桂香"
    assert again.search_key == search
    assert again.keys([("gone", "name")]) == {}
    assert again.sealed(["shut"]) == {"shut"}
    again.unseal("shut")
    assert set(again.keys([("shut", "name")])) == {("shut", "name")}
    again.close()
    file = (tmp_path / "keys.sqlite").read_bytes()
    assert len(before) == 4
    assert not any(old in file for old in before)
    assert all(new in file for new in wrapped(tmp_path))


def wrapped(folder: Path) -> list[bytes]:
    """Everything that is wrapped under the passphrase."""
    with closing(sqlite3.connect(folder / "keys.sqlite")) as file:
        rows = file.execute(
            "select master from ring where master is not null union all select value from meta where name = 'search'"
        )
        return [row[0] for row in rows]
