"""Golden files: an encoded example of every version of every event, which all later code must read the same."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import jsonschema
import pytest
from pydantic import ValidationError, create_model

from schemas.catalogue import EVENTS
from schemas.envelope import decode
from schemas.event import Event, parts_of
from schemas.fields import ChildId, DataClass
from schemas.platform import FactCorrected
from schemas.registry import ChildIdentified
from schemas.reporting import ReportAccepted
from services.kernel.keys.ciphers import AesGcm
from services.kernel.keys.sealing import open_refs, refs
from services.kernel.keys.service import Pair
from services.kernel.store import Stored, leaf_hash
from services.kernel.world import RealWorld
from services.kernel.writing.recording import Recorder
from tests.contracts.make_golden import EXAMPLES, FOLDER, FixedKeys, as_text, make, tampered

KINDS = sorted(EVENTS)


def missing(folder: Path, events: Mapping[str, type[Event]]) -> list[str]:
    """List the event types without a golden file."""
    return [kind for kind in events if not (folder / f"{kind}.json").is_file()]


def misread(file: Path, event: type[Event]) -> list[str]:
    """Say what today's code reads differently in a golden file."""
    golden = json.loads(file.read_text(encoding="utf8"))
    raw, blocks = golden["envelope"].encode(), bytes.fromhex(golden["blocks"])
    if leaf_hash(raw).hex() != golden["leaf"]:
        return ["the leaf hash over the exact bytes differs"]
    envelope = decode(raw)
    closed = refs(envelope, blocks)
    opened = open_refs(closed, FixedKeys(), AesGcm(RealWorld()))
    if opened != golden["sealed"] or len(closed) != len(envelope.blocks):
        return ["the blocks hold something else"]
    fields = {k: v for k, v in envelope.data.items() if k != "sealed"}
    blocks_said = {(r.subject, r.data_class): f for r, f in zip(closed, opened, strict=True)}
    try:
        typed = event.read({**fields, **{k: v for f in golden["sealed"] for k, v in f.items()}})
    except ValidationError as error:
        return [f"{found['loc']}: {found['type']}" for found in error.errors(include_input=False)]
    now_open, now_sealed = typed.split()
    found = [f"{name}: no longer read" for name in fields if now_open.get(name) != fields[name]]
    moved = [n for n in blocks_said.keys() | now_sealed.keys() if blocks_said.get(n) != now_sealed.get(n)]
    found += [f"{data_class}: another block than it was" for _, data_class in moved]
    roles = {(p.subject, p.data_class) for p in parts_of(event)}
    return found + [
        f"{r.role}: no such subject" for r in closed if (r.role, DataClass(r.data_class)) not in roles
    ]


def test_every_event_type_has_a_golden_file_and_every_golden_file_an_event_type() -> None:
    assert missing(FOLDER, EVENTS) == []
    assert sorted(f.stem for f in FOLDER.glob("*.json")) == KINDS


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.req("PLT-04")
def test_today_s_code_reads_every_golden_file_as_it_was_written(kind: str) -> None:
    assert misread(FOLDER / f"{kind}.json", EVENTS[kind]) == []


@pytest.mark.parametrize("event", [e for e in EXAMPLES if e.type != FactCorrected.type], ids=lambda e: e.type)
def test_the_recorder_reads_a_golden_file_to_the_event_that_was_recorded(event: Event) -> None:
    golden = json.loads((FOLDER / f"{event.type}.json").read_text(encoding="utf8"))
    stored = Stored(1, UUID(int=1), 1, golden["envelope"].encode(), bytes.fromhex(golden["blocks"]))
    world = RealWorld()
    assert Recorder("registry", FixedKeys(), AesGcm(world), world).read([stored]) == [event]


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda e: e.type)
def test_making_a_golden_file_again_gives_the_same_bytes(event: Event) -> None:
    assert make(event) == (FOLDER / f"{event.type}.json").read_text(encoding="utf8")


@pytest.mark.parametrize("kind", KINDS)
def test_every_golden_file_fits_the_exported_schema(kind: str) -> None:
    schema = json.loads((FOLDER.parent / "json" / f"{kind}.json").read_text(encoding="utf8"))
    golden = json.loads((FOLDER / f"{kind}.json").read_text(encoding="utf8"))
    envelope = decode(golden["envelope"].encode())
    check: Any = jsonschema.Draft202012Validator
    check.check_schema(schema)
    check(schema).validate(envelope.data)
    wrapper = json.loads((FOLDER.parent / "json" / "envelope.json").read_text(encoding="utf8"))
    check(wrapper).validate(json.loads(golden["envelope"]))
    for block, plain in zip(envelope.blocks, golden["sealed"], strict=True):
        name = f"{block.role}.{block.data_class}"
        check({"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]}).validate(plain)


def test_golden_files_are_what_their_sums_say() -> None:
    assert tampered(FOLDER) == []


# --- planted violations


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy that may be spoilt."""
    return Path(shutil.copytree(FOLDER, tmp_path / "golden"))


def test_a_changed_byte_in_a_golden_file_is_noticed(folder: Path) -> None:
    file = folder / f"{ReportAccepted.type}.json"
    golden = json.loads(file.read_text(encoding="utf8"))
    golden["envelope"] = golden["envelope"].replace("990101001001", "990101001002")
    file.write_text(as_text(golden), encoding="utf8")
    assert tampered(folder) == [file.name]
    assert misread(file, ReportAccepted) == ["the leaf hash over the exact bytes differs"]


def test_a_changed_block_is_noticed_even_where_its_plaintext_was_changed_too(folder: Path) -> None:
    file = folder / "registry.guardian-changed.v1.json"
    golden = json.loads(file.read_text(encoding="utf8"))
    golden["sealed"][0]["name"] = "另一人"
    file.write_text(as_text(golden), encoding="utf8")
    assert misread(file, EVENTS["registry.guardian-changed.v1"]) == ["the blocks hold something else"]


def test_a_missing_golden_file_is_noticed(folder: Path) -> None:
    (folder / f"{ReportAccepted.type}.json").unlink()
    assert missing(folder, EVENTS) == [ReportAccepted.type]
    assert tampered(folder) == [f"{ReportAccepted.type}.json"]


def test_a_golden_file_that_nobody_listed_is_noticed(folder: Path) -> None:
    (folder / "registry.made-up.v1.json").write_text("{}")
    assert tampered(folder) == ["registry.made-up.v1.json"]


def _variant(event: type[Event], **changed: Any) -> type[Event]:
    """An event class with other fields: None drops one. Without a stored name, so it is not registered."""
    kept = {
        name: (Annotated[field.annotation, *field.metadata, ""], field)
        for name, field in event.model_fields.items()
        if name not in changed
    }
    fields: Any = kept | {name: (given, ...) for name, given in changed.items() if given is not None}
    return create_model("Variant", __base__=Event, **fields)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, []),
        ({"file": None, "on_file": ChildId}, ["('on_file',): missing"]),
        ({"file": None, "on_file": Annotated[ChildId | None, DataClass.OPEN]}, ["('on_file',): missing"]),
        ({"file": None}, ["file: no longer read"]),
        ({"region": Annotated[int, DataClass.OPEN]}, ["region: no longer read"]),
        ({"region": Annotated[str, DataClass.ADDRESS]}, ["region: no longer read", "address: another block than it was"]),
    ],
    ids=["nothing changed", "renamed", "renamed optional", "dropped", "retyped", "another class"],
)  # fmt: skip
def test_a_field_that_was_renamed_dropped_retyped_or_put_in_another_class_is_noticed(
    changed: dict[str, Any], said: list[str]
) -> None:
    variant = _variant(ChildIdentified, **changed)
    assert misread(FOLDER / f"{ChildIdentified.type}.json", variant) == said


def test_a_sealed_field_that_became_open_is_noticed() -> None:
    event = EVENTS["registry.guardian-changed.v1"]
    variant = _variant(event, name=Annotated[str, DataClass.OPEN])
    assert misread(FOLDER / f"{event.type}.json", variant) != []


@pytest.mark.req("PRV-01")
def test_the_reporter_block_has_the_same_size_whoever_reports() -> None:
    golden = json.loads((FOLDER / "reporting.report-filed.v1.json").read_text(encoding="utf8"))
    envelope = decode(golden["envelope"].encode())
    (reporter,) = [r for r in refs(envelope, bytes.fromhex(golden["blocks"])) if r.data_class == "reporter"]
    assert len(reporter.body) == 12 + 768 + 16
    assert hashlib.sha256(reporter.body).hexdigest() in {b.sha256 for b in envelope.blocks}


# --- what reading must survive


class NoKeys(FixedKeys):
    """A key service all of whose keys were destroyed."""

    def keys(self, pairs: Iterable[Pair]) -> dict[Pair, bytes]:  # noqa: ARG002 - every subject was erased
        """Return nothing."""
        return {}


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_whose_subjects_were_erased_is_still_read(kind: str) -> None:
    golden = json.loads((FOLDER / f"{kind}.json").read_text(encoding="utf8"))
    stored = Stored(1, UUID(int=1), 1, golden["envelope"].encode(), bytes.fromhex(golden["blocks"]))
    world = RealWorld()
    read = Recorder("registry", NoKeys(), AesGcm(world), world).read([stored])
    assert len(read) == (kind != FactCorrected.type), "a correction is put into what it corrects"


def test_a_field_that_a_later_version_added_is_passed_over() -> None:
    golden = json.loads((FOLDER / f"{ReportAccepted.type}.json").read_text(encoding="utf8"))
    data = decode(golden["envelope"].encode()).data
    assert ReportAccepted.read({**data, "officer": "x"}) == ReportAccepted.read(data)


def test_a_field_that_a_later_version_added_inside_a_value_is_passed_over() -> None:
    event = EVENTS["registry.child-registered.v1"]
    data = {"child": str(UUID(int=1)), "region": "990101001001", "name": "张小禾"}
    assert event.read({**data, "father": {"name": "张大山", "email": "x"}}) is not None
