"""An export against an earlier checkpoint, the feed's own log, and a verifier whose memory does not grow."""

import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from services.audit.merkle import Range
from services.audit.note import Line, Signer
from services.audit.telling import exact, telling_of
from services.audit.verify import NOTE, Broken, Row, verify_folder, verify_store, write_row
from services.kernel.bus.port import FEED
from services.kernel.store import leaf_hash
from shouwang.cli import app
from tests.audit.records import LOG, about_children, tellings
from tests.audit.test_verify import replace_seq, rows_of

WHEN = "2026-11-24T00:00:00Z"


def line(store: str, leaves: Sequence[bytes]) -> Line:
    tree = Range()
    for leaf in leaves:
        tree.add(leaf)
    return Line(store, LOG, tree.size, tree.root())


def said(rows: Sequence[Row]) -> list[bytes]:
    return [exact(telling_of(r)) for r in tellings(rows)]


def lines_of(rows: Sequence[Row], told: Sequence[bytes]) -> list[Line]:
    return [line("registry", [r.leaf for r in rows]), line(FEED, [leaf_hash(t) for t in told])]


def export(folder: Path, rows: Sequence[Row], told: Sequence[bytes], signer: Signer) -> Path:
    """An export of a registry and of a feed, signed as it is."""
    folder.mkdir(exist_ok=True)
    (folder / NOTE).write_text(signer.sign(WHEN, lines_of(rows, told)), encoding="utf8")
    (folder / "registry.jsonl").write_bytes(b"".join(map(write_row, rows)))
    (folder / "registry.leaves").write_bytes(b"".join(row.leaf for row in rows))
    (folder / "feed.jsonl").write_bytes(b"".join(t + b"\n" for t in told))
    (folder / "feed.leaves").write_bytes(b"".join(map(leaf_hash, told)))
    return folder


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer(tmp_path / "audit.key")


@pytest.mark.req("OVS-06")
async def test_an_export_extends_every_earlier_checkpoint_of_its_own_past(
    tmp_path: Path, signer: Signer
) -> None:
    rows = await about_children(20)
    folder = export(tmp_path / "export", rows, said(rows), signer)
    for size in range(21):
        earlier = signer.sign(WHEN, lines_of(rows[:size], said(rows[:size])))
        assert verify_folder(folder, signer.public, earlier) == []


@pytest.mark.req("OVS-06")
async def test_a_past_that_was_written_anew_and_signed_again_is_named_by_its_log(
    tmp_path: Path, signer: Signer
) -> None:
    """Planted: everything in the export fits together, only the earlier checkpoint knows better."""
    rows, other = await about_children(20), await about_children(30)
    earlier = signer.sign(WHEN, lines_of(rows[:13], said(rows[:13])))
    changed = [*rows[:4], replace_seq(other[25], 5), *rows[5:]]
    folder = export(tmp_path / "export", changed, said(rows), signer)
    told = [t for t in verify_folder(folder, signer.public, earlier) if t.store == "registry"]
    assert [(b.store, b.seq, "13" in b.why) for b in told] == [("registry", None, True)]
    withheld = [*said(rows)[:6], said(rows)[6].replace("SY 一".encode(), "SY 二".encode()), *said(rows)[7:]]
    folder = export(tmp_path / "export", rows, withheld, signer)
    assert verify_folder(folder, signer.public) == []
    assert [b.store for b in verify_folder(folder, signer.public, earlier)] == [FEED]


@pytest.mark.req("OVS-06")
async def test_a_log_that_is_shorter_or_gone_since_is_named(tmp_path: Path, signer: Signer) -> None:
    rows = await about_children(9)
    earlier = signer.sign(WHEN, [*lines_of(rows, said(rows)), line("reporting", [bytes(32)])])
    folder = export(tmp_path / "export", rows[:7], said(rows), signer)
    found = verify_folder(folder, signer.public, earlier)
    assert [(b.store, b.seq) for b in found if b.store != FEED] == [("registry", 8), ("reporting", 1)]
    (broken,) = verify_folder(folder, signer.public, earlier.replace(" 9 ", " 7 "))
    assert "先前检查点的签名不成立" in broken.why
    (broken,) = verify_folder(folder, signer.public, Signer(tmp_path / "other.key").sign(WHEN, []))
    assert broken.store == "*"


@pytest.mark.req("OVS-06")
@pytest.mark.req("PLT-03")
async def test_a_telling_that_was_altered_left_out_or_made_up_is_named(
    tmp_path: Path, signer: Signer
) -> None:
    rows = await about_children(9)
    told = said(rows)
    folder = export(tmp_path / "export", rows, told, signer)
    assert verify_folder(folder, signer.public) == []
    planted: dict[str, Callable[[], list[bytes]]] = {
        "another clause": lambda: [*told[:3], told[3].replace(b"ledger", b"police"), *told[4:]],
        "left out": lambda: [*told[:3], *told[4:]],
        "swapped": lambda: [*told[:3], told[4], told[3], *told[5:]],
        "blanks between": lambda: [*told[:3], told[3].replace(b",", b", "), *told[4:]],
        "garbage": lambda: [*told[:3], b"\xff", *told[4:]],
    }
    for what, made in planted.items():
        (folder / "feed.jsonl").write_bytes(b"".join(t + b"\n" for t in made()))
        assert [(b.store, b.seq) for b in verify_folder(folder, signer.public)] == [(FEED, 4)], what
    (folder / "feed.jsonl").write_bytes(b"".join(t + b"\n" for t in told[:-1]))
    assert [(b.store, b.seq) for b in verify_folder(folder, signer.public)] == [(FEED, 9)]


@pytest.mark.req("PLT-03")
async def test_a_telling_of_other_bytes_than_the_logs_event_is_named(tmp_path: Path, signer: Signer) -> None:
    """Planted and signed: a body was told of something that the registry's log holds otherwise."""
    rows = await about_children(9)
    (other,) = (await about_children(10))[9:]
    told = said(rows)
    told[3] = said([replace_seq(other, 4)])[0]
    (broken,) = verify_folder(export(tmp_path / "export", rows, told, signer), signer.public)
    assert (broken.store, broken.seq, broken.event) == (FEED, 4, other.id)


@pytest.mark.req("OVS-06")
async def test_the_command_takes_an_earlier_checkpoint_and_says_which_log_does_not_extend_it(
    tmp_path: Path, signer: Signer
) -> None:
    rows = await about_children(9)
    folder = export(tmp_path / "export", rows, said(rows), signer)
    earlier = tmp_path / "earlier.txt"

    def verify(lines: list[Line]) -> tuple[int, str]:
        earlier.write_text(signer.sign(WHEN, lines), encoding="utf8")
        told = ["verify", str(folder), "--key", signer.public, "--since", str(earlier)]
        answer = CliRunner().invoke(app, told)
        return answer.exit_code, answer.output

    assert verify(lines_of(rows[:5], said(rows[:5]))) == (0, "全部成立 · Everything holds\n")
    code, words = verify([line("registry", [bytes(32)] * 5)])
    assert (code, '"store": "registry"' in words, "earlier checkpoint" in words) == (7, True, True)


@pytest.mark.req("OVS-06")
async def test_ten_times_as_many_events_take_no_more_memory() -> None:
    (row,) = await rows_of(1)

    def peak(count: int) -> int:
        signed = line("registry", [row.leaf] * count)
        tracemalloc.start()
        rows = (msgspec.structs.replace(row, seq=seq) for seq in range(1, count + 1))
        broken: Broken | None = verify_store(signed, rows, lambda _: row.leaf, signed)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert broken is None
        return most

    peak(10)
    few, many = peak(1000), peak(10000)
    assert many < few + 10_000, (few, many)
