"""The offline verifier: every flipped bit is found, and a clean export never gives a false alarm."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from schemas.envelope import decode, encode
from services.audit import merkle
from services.audit.note import Line, NoteBroken, Signer, read_note
from services.audit.verify import KEY, NOTE, Broken, Row, verify_folder, verify_store, write_row
from services.kernel.keys.ciphers import AesGcm
from services.kernel.keys.sealing import pack, unpack
from services.kernel.store import leaf_hash
from services.kernel.world import SeededWorld
from services.kernel.writing.recording import Circumstances, Planned, Recorder
from tests.contracts.make_golden import EXAMPLES, START, FixedKeys, some

FLIPS, CLEAN = 1000, 100
STORE = UUID(int=7)
NONE: dict[merkle.Place, bytes] = {}


async def rows_of(count: int, seed: int = 1) -> list[Row]:
    """A store of so many events, as an export holds it."""
    world = SeededWorld(seed, START)
    recorder = Recorder("registry", FixedKeys(), AesGcm(world), world)
    told = Circumstances(actor=str(some("post")), purpose="test", correlation=some("correlation"))
    rows = []
    for seq in range(1, count + 1):
        event = EXAMPLES[(seq * 7 + seed) % len(EXAMPLES)]
        (e,) = await recorder.record([Planned(event, some(f"stream {seq}"), 1, world.new_id())], told)
        rows.append(
            Row(
                seq, str(e.id), str(e.stream), e.version, e.partition, e.orderkey, e.type,
                decode(e.envelope).recordedat, e.envelope, e.blocks, leaf_hash(e.envelope),
            )
        )  # fmt: skip
    return rows


def line_of(rows: Sequence[Row]) -> Line:
    leaves = [row.leaf for row in rows]
    nodes = dict(merkle.grown(0, leaves, NONE.__getitem__))
    return Line("registry", STORE, len(leaves), merkle.root(len(leaves), nodes.__getitem__))


def verified(rows: Sequence[Row], true: Sequence[Row]) -> Broken | None:
    """Verify rows against what was signed and logged of the true ones."""
    leaves = {row.seq: row.leaf for row in true}
    return verify_store(line_of(true), rows, leaves.get)


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer(tmp_path / "audit.key")


def export(folder: Path, rows: Sequence[Row], signer: Signer) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / NOTE).write_text(signer.sign("2026-11-24T00:00:00Z", [line_of(rows)]), encoding="utf8")
    (folder / KEY).write_text(signer.public)
    (folder / "registry.jsonl").write_bytes(b"".join(map(write_row, rows)))
    (folder / "registry.leaves").write_bytes(b"".join(row.leaf for row in rows))
    return folder


def flips(rows: Sequence[Row], dice: random.Random) -> Iterator[tuple[int, list[Row]]]:
    """Flip one bit of one column of one row, over and over, every byte as likely as any other."""
    columns = (
        "id",
        "stream",
        "orderkey",
        "type",
        "recorded_at",
        "envelope",
        "blocks",
        "leaf",
        "version",
        "partition",
        "seq",
    )
    sizes = {
        (i, c): len(v) if isinstance(v := getattr(r, c), str | bytes) else 4
        for i, r in enumerate(rows)
        for c in columns
    }
    places = list(sizes)
    while True:
        i, column = dice.choices(places, weights=[sizes[p] for p in places])[0]
        value = getattr(rows[i], column)
        if isinstance(value, int):
            changed: object = value ^ 1 << dice.randrange(20)
        else:
            raw = bytearray(value.encode() if isinstance(value, str) else value)
            if not raw:
                continue
            raw[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
            changed = raw.decode("latin-1") if isinstance(value, str) else bytes(raw)
        yield i + 1, [*rows[:i], msgspec.structs.replace(rows[i], **{column: changed}), *rows[i + 1 :]]


@pytest.mark.req("OVS-06")
@pytest.mark.req("PLT-02")
async def test_a_thousand_flipped_bits_are_all_found_and_the_event_is_named() -> None:
    rows = await rows_of(60)
    made = flips(rows, random.Random(3))
    for _ in range(FLIPS):
        seq, flipped = next(made)
        broken = verified(flipped, rows)
        assert broken is not None, seq
        assert broken.seq == seq, broken


@pytest.mark.req("OVS-06")
async def test_a_hundred_clean_runs_give_no_false_alarm(tmp_path: Path, signer: Signer) -> None:
    for seed in range(CLEAN):
        rows = await rows_of(5 + seed % 30, seed)
        assert verify_folder(export(tmp_path / "export", rows, signer), signer.public) == []


@pytest.mark.req("OVS-06")
async def test_every_flipped_bit_of_the_checkpoint_is_found(tmp_path: Path, signer: Signer) -> None:
    note = signer.sign("2026-11-24T00:00:00Z", [line_of(await rows_of(9))])
    raw = note.encode()
    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises((NoteBroken, UnicodeDecodeError)):
            read_note(flipped.decode(), signer.public)
    with pytest.raises(NoteBroken):
        read_note(note, Signer(tmp_path / "other.key").public)


async def test_a_flipped_bit_of_the_audit_logs_leaves_is_found(tmp_path: Path, signer: Signer) -> None:
    folder = export(tmp_path / "export", await rows_of(9), signer)
    leaves = bytearray((folder / "registry.leaves").read_bytes())
    leaves[70] ^= 1
    (folder / "registry.leaves").write_bytes(leaves)
    (broken,) = verify_folder(folder, signer.public)
    assert broken.seq == 3


@pytest.mark.req("OVS-06")
async def test_an_event_left_out_swapped_or_added_is_named() -> None:
    rows = await rows_of(12)
    assert getattr(verified([*rows[:4], *rows[5:]], rows), "seq", None) == 5
    renumbered = [*rows[:4], *(msgspec.structs.replace(r, seq=r.seq - 1) for r in rows[5:])]
    assert getattr(verified(renumbered, rows), "seq", None) == 5, "a gap that was closed up is found too"
    assert getattr(verified(rows[:-1], rows), "seq", None) == 12
    swapped = [*rows[:2], replace_seq(rows[3], 3), replace_seq(rows[2], 4), *rows[4:]]
    assert getattr(verified(swapped, rows), "seq", None) == 3


def replace_seq(row: Row, seq: int) -> Row:
    return msgspec.structs.replace(row, seq=seq)


@pytest.mark.req("OVS-06")
async def test_a_leaf_over_bytes_that_were_encoded_anew_is_caught() -> None:
    """The same content in other bytes is another event: nothing may be re-serialised on the way."""
    rows = await rows_of(3)
    again = msgspec.json.encode(dict(sorted(msgspec.json.decode(rows[1].envelope).items())))
    assert decode(again) == decode(rows[1].envelope)
    assert encode(decode(again)) != again
    forged = msgspec.structs.replace(rows[1], envelope=again, leaf=leaf_hash(again))
    assert getattr(verified([rows[0], forged, rows[2]], rows), "seq", None) == 2


async def test_a_block_that_was_replaced_or_left_out_is_caught() -> None:
    rows = await rows_of(20)
    i = next(i for i, row in enumerate(rows) if len(unpack(row.blocks)) > 1)
    bodies = unpack(rows[i].blocks)
    for forged in (bodies[::-1], [None, *bodies[1:]], bodies[1:], [*bodies, b"x"]):
        row = msgspec.structs.replace(rows[i], blocks=pack(forged))
        assert getattr(verified([*rows[:i], row, *rows[i + 1 :]], rows), "seq", None) == i + 1


async def test_a_verifier_that_skips_a_gap_would_be_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    from services.audit import verify

    rows = await rows_of(12)
    whole = verify._row
    monkeypatch.setattr(verify, "_row", lambda row, _place: whole(row, row.seq))
    broken = verified([*rows[:4], *rows[5:]], rows)
    assert broken is not None, "the audit log's own leaves and the signed size stand behind the count"
    assert replace(broken, why="") == Broken("registry", 5, rows[5].id, "")


async def test_what_the_checkpoint_does_not_sign_is_never_said_to_hold(
    tmp_path: Path, signer: Signer
) -> None:
    rows = await rows_of(12)
    folder = export(tmp_path / "export", rows, signer)
    (folder / "registry.jsonl").write_bytes(b"".join(map(write_row, [*rows, replace_seq(rows[0], 13)])))
    assert [(b.store, b.seq) for b in verify_folder(folder, signer.public)] == [("registry", 13)]
    (folder / "registry.jsonl").write_bytes(b"".join(map(write_row, rows)))
    (folder / "reporting.jsonl").write_bytes(b"\xff\xfe garbage\n")
    assert [b.store for b in verify_folder(folder, signer.public)] == ["reporting"]
    (folder / NOTE).write_text(signer.sign("2026-11-24T00:00:00Z", []), encoding="utf8")
    assert {b.store for b in verify_folder(folder, signer.public)} == {"*", "registry", "reporting"}


async def test_a_file_with_flipped_bits_is_never_a_crash(tmp_path: Path, signer: Signer) -> None:
    folder = export(tmp_path / "export", await rows_of(3), signer)
    raw, dice = (folder / "registry.jsonl").read_bytes(), random.Random(4)
    for _ in range(300):
        flipped = bytearray(raw)
        flipped[dice.randrange(len(raw))] ^= 1 << 7
        (folder / "registry.jsonl").write_bytes(flipped)
        assert verify_folder(folder, signer.public) != []
