"""The signed note with several signatures: a known key must hold, unknown ones are passed over, names tell keys apart."""

import base64
from pathlib import Path
from uuid import UUID

import pytest

from services.audit.note import Line, NoteBroken, Signer, read_note

LINE = Line("registry", UUID(int=7), 3, bytes(32))


def signature(note: str) -> str:
    return note.rpartition("\n\n")[2]


@pytest.fixture
def signers(tmp_path: Path) -> tuple[Signer, Signer]:
    return Signer(tmp_path / "a.key"), Signer(tmp_path / "b.key")


def cosigned(ours: Signer, note: str, witness: Signer) -> str:
    """The note with a witness's signature of the same words before ours."""
    body = note.rpartition("\n\n")[0] + "\n"
    raw = witness._key.sign(body.encode())
    told = base64.b64decode(signature(witness.sign("x", [])).split(" ")[2])[:4] + raw
    line = f"\u2014 {witness.name} {base64.b64encode(told).decode()}\n"
    assert ours.name != witness.name
    return f"{body}\n{line}{signature(note)}"


def test_each_installation_signs_under_a_name_that_follows_from_its_key(
    signers: tuple[Signer, Signer], tmp_path: Path
) -> None:
    ours, other = signers
    assert ours.name.startswith("shouwang/audit/")
    assert len(ours.name) == len("shouwang/audit/12345678")
    assert ours.name != other.name
    assert Signer(tmp_path / "a.key").name == ours.name
    assert ours.public.startswith(f"{ours.name}+")
    assert read_note(ours.sign("then", [LINE]), ours.public).origin == ours.name


@pytest.mark.req("OVS-06")
def test_a_signature_of_an_unknown_key_is_passed_over_and_one_of_a_known_key_must_hold(
    signers: tuple[Signer, Signer],
) -> None:
    ours, witness = signers
    note = ours.sign("then", [LINE])
    both = cosigned(ours, note, witness)
    assert read_note(both, ours.public).logs == {"registry": LINE}
    assert read_note(both, ours.public, witness.public).logs == {"registry": LINE}
    with pytest.raises(NoteBroken):
        read_note(note, witness.public)
    with pytest.raises(NoteBroken):  # the witness signed it, but the note is not of the witness's own log
        read_note(both, witness.public)
    forged = both.replace(signature(note), signature(ours.sign("later", [LINE])))
    with pytest.raises(NoteBroken):
        read_note(forged, ours.public)
    with pytest.raises(NoteBroken):
        read_note(forged, ours.public, witness.public)


@pytest.mark.parametrize("tail", [
    "", "\n", "\u2014 a\n", "\u2014 a b c\n", "- a AAAAAAAA\n", "\u2014  AAAAAAAA\n", "\u2014 a AAAA\n", "\u2014 a !!!!\n",
    "\u2014 a AAAAAAAB", "\u2014 a AAAAAAB=\n",
])  # fmt: skip
def test_a_line_that_is_no_signature_breaks_the_note(signers: tuple[Signer, Signer], tail: str) -> None:
    ours, _ = signers
    note = ours.sign("then", [LINE])
    with pytest.raises(NoteBroken):
        read_note(note + tail if tail else note.rpartition("\n\n")[0] + "\n\n", ours.public)


def test_a_note_with_more_signatures_than_anybody_needs_is_refused(signers: tuple[Signer, Signer]) -> None:
    ours, _ = signers
    note = ours.sign("then", [LINE])
    stranger = "\u2014 somebody AAAAAAAA\n"
    assert read_note(note + stranger * 99, ours.public).moment == "then"
    with pytest.raises(NoteBroken):
        read_note(note + stranger * 100, ours.public)
