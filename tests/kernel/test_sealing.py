from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.exceptions import InvalidTag

from schemas.envelope import Envelope
from schemas.event import Event
from schemas.fields import id_number_holds
from schemas.registry import GuardianshipDelegated
from services.kernel.keys import KeyRing, WrongPassphrase
from services.kernel.sealing import (
    AesGcm,
    BlockRef,
    Erased,
    fields_of,
    needed,
    open_refs,
    redact,
    refs,
    seal,
    unpack,
)
from services.kernel.world import SeededWorld
from tests.helpers import START


@pytest.fixture
def world() -> SeededWorld:
    return SeededWorld(7, START)


@pytest.fixture
def ring(tmp_path: Path, world: SeededWorld) -> KeyRing:
    return KeyRing(tmp_path / "keys.sqlite", "passphrase", world)


def delegated(name: str = "周桂香") -> GuardianshipDelegated:
    return GuardianshipDelegated(
        child=UUID(int=1), region="990101001001", guardian=UUID(int=2), starts=date(2026, 9, 1),
        instruments=("DELEGATION_AGREEMENT",), name=name, phone="13900000000", relation="祖母", capable=True, willing=True,
    )  # fmt: skip


def sealed(event: Event, ring: KeyRing, world: SeededWorld) -> tuple[Envelope, bytes]:
    ring.ensure({subject for subject, _ in needed(event.split())})
    data, blocks = seal(event, "event-1", ring.keys(needed(event.split())), AesGcm(world))
    told: dict[str, Any] = dict.fromkeys(
        ("type", "source", "subject", "time", "recordedat", "actor", "purpose", "orderkey", "correlationid"),
        "",
    )
    return Envelope(id="event-1", data=data, **told), blocks


def test_fields_of_one_class_about_one_person_share_a_block(ring: KeyRing, world: SeededWorld) -> None:
    envelope, _ = sealed(delegated(), ring, world)
    assert {(b.role, b.data_class) for b in envelope.blocks} == {
        ("guardian", "name"), ("guardian", "contact"), ("child", "family"),
    }  # fmt: skip


def test_what_was_sealed_comes_back_and_nothing_of_it_shows(ring: KeyRing, world: SeededWorld) -> None:
    envelope, blocks = sealed(delegated(), ring, world)
    assert fields_of(envelope, blocks, ring, AesGcm(world))["name"] == "周桂香"
    for secret in ("周桂香", "13900000000", "祖母"):
        assert secret.encode() not in blocks
        assert secret not in str(envelope.data)


def test_leaving_blocks_out_keeps_the_envelope_and_the_other_blocks(
    ring: KeyRing, world: SeededWorld
) -> None:
    envelope, blocks = sealed(delegated(), ring, world)
    shown = redact(blocks, [0])
    assert [body is not None for body in unpack(shown)] == [True, False, False]
    assert unpack(shown)[0] == unpack(blocks)[0]
    assert len(refs(envelope, shown)) == 1


@pytest.mark.parametrize("swap", ["event", "subject", "data_class"])
def test_a_block_moved_to_another_event_person_or_class_does_not_open(
    ring: KeyRing, world: SeededWorld, swap: str
) -> None:
    envelope, blocks = sealed(delegated(), ring, world)
    block = refs(envelope, blocks)[0]
    ring.ensure([str(UUID(int=9))])
    other = {"event": "event-2", "subject": str(UUID(int=9)), "data_class": "contact"}[swap]
    moved = BlockRef(
        **{**{k: getattr(block, k) for k in ("event", "subject", "role", "data_class", "body")}, swap: other}
    )
    with pytest.raises(InvalidTag):
        open_refs([moved], ring, AesGcm(world))


def test_a_flipped_bit_is_found(ring: KeyRing, world: SeededWorld) -> None:
    envelope, blocks = sealed(delegated(), ring, world)
    block = refs(envelope, blocks)[0]
    bad = BlockRef(
        block.event,
        block.subject,
        block.role,
        block.data_class,
        block.body[:-1] + bytes([block.body[-1] ^ 1]),
    )
    with pytest.raises(InvalidTag):
        open_refs([bad], ring, AesGcm(world))


@pytest.mark.req("PRV-04")
def test_one_act_erases_a_person_everywhere_and_nobody_else(ring: KeyRing, world: SeededWorld) -> None:
    envelope, blocks = sealed(delegated(), ring, world)
    ring.erase(str(UUID(int=2)))
    opened = open_refs(refs(envelope, blocks), ring, AesGcm(world))
    assert [type(o) for o in opened] == [Erased, Erased, dict]
    ring.ensure([str(UUID(int=2))])
    assert isinstance(open_refs(refs(envelope, blocks), ring, AesGcm(world))[0], Erased)


def test_nothing_is_sealed_without_a_key(world: SeededWorld) -> None:
    with pytest.raises(KeyError):
        seal(delegated(), "event-1", {}, AesGcm(world))


def test_block_length_grows_in_steps_so_names_of_like_length_look_alike(
    ring: KeyRing, world: SeededWorld
) -> None:
    lengths = {
        len(unpack(sealed(delegated(name), ring, world)[1])[0] or b"")
        for name in ("王一", "欧阳建国", "阿依古丽")
    }
    assert len(lengths) == 1


def test_the_ring_holds_masters_wrapped_and_opens_with_its_passphrase_alone(
    tmp_path: Path, world: SeededWorld
) -> None:
    ring = KeyRing(tmp_path / "keys.sqlite", "right", world)
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
