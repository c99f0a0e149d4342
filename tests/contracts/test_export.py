"""The exported language: no drift, one channel a topic, every field described in Chinese and English, nothing broken."""

import copy
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.databases import SERVICES
from schemas.catalogue import EVENTS
from schemas.compatibility import breaks
from schemas.envelope import Envelope
from schemas.export import FOLDER, breaking, drift, envelope_schema, event_schema, main, render
from schemas.registry import ChildRegistered
from schemas.reporting import ReportAccepted, ReportFiled
from services.agency import views
from services.kernel.bus.port import TOPICS
from services.kernel.writing.decider import Command
from shouwang.openapi import openapi_drift, openapi_of, public_commands

Json = dict[str, Any]


def undescribed(schema: Json, at: str = "") -> Iterator[str]:
    """Name the properties of a JSON schema, at any depth, that are not described as `zh · en`."""
    for name, found in schema.get("properties", {}).items():
        known = [option for option in found.get("anyOf", []) if option != {"type": "null"}]
        told = found.get("description") or (known[0].get("description", "") if len(known) == 1 else "")
        if " · " not in told:
            yield f"{at}.{name}"
        yield from undescribed(found, f"{at}.{name}")
    for name, found in schema.get("$defs", {}).items():
        yield from undescribed(found, f"{at}#{name}")
    for found in [schema.get("items"), *schema.get("anyOf", [])]:
        if isinstance(found, dict) and "const" not in next(iter(found.get("properties", {}).values()), {}):
            yield from undescribed(found, at)


def test_exports_are_those_of_the_code() -> None:
    assert drift() == []


def test_exporting_twice_gives_the_same_text() -> None:
    assert render() == render()


@pytest.mark.parametrize("kind", sorted(EVENTS))
def test_every_field_of_every_event_is_described_in_chinese_and_english(kind: str) -> None:
    assert list(undescribed(event_schema(EVENTS[kind]), kind)) == []


@pytest.mark.parametrize("command", public_commands(), ids=lambda c: c.path)
def test_every_field_of_every_command_that_has_a_door_is_described_in_chinese_and_english(
    command: type[Command],
) -> None:
    assert list(undescribed(command.model_json_schema(), command.path)) == []


@pytest.mark.parametrize(
    "model", [views.Worklist, views.Ledger, views.Page, views.Summary, views.Look], ids=lambda m: m.__name__
)
def test_every_field_that_agencies_are_answered_is_described_in_chinese_and_english(model: Any) -> None:
    assert list(undescribed(model.model_json_schema(), model.__name__)) == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_parameter_and_model_of_a_service_s_openapi_is_described_in_chinese_and_english(
    service: str,
) -> None:
    schema = openapi_of(service)
    ours = {
        n: s
        for n, s in schema["components"]["schemas"].items()
        if n not in {"ValidationError", "HTTPValidationError"}
    }
    said = list(undescribed({"$defs": ours}))
    for path, operations in schema["paths"].items():
        for verb, operation in operations.items():
            if " · " not in operation.get("summary", ""):
                said.append(f"{verb} {path}")
            plain = [
                p["name"] for p in operation.get("parameters", []) if " · " not in p.get("description", "")
            ]
            said += [f"{verb} {path} {name}" for name in plain]
            for body in operation.get("requestBody", {}).get("content", {}).values():
                said += undescribed(body["schema"], f"{verb} {path}")
    assert said == []


def test_exported_openapi_is_that_of_the_code() -> None:
    assert openapi_drift() == []


def test_every_reference_inside_an_openapi_document_leads_somewhere() -> None:
    for service in SERVICES:
        schema = openapi_of(service)
        for reference in _references(schema):
            assert reference.startswith("#/"), reference
            found: Any = schema
            for part in reference.removeprefix("#/").split("/"):
                found = found[part.replace("~1", "/")]


def test_the_envelope_s_schema_names_every_attribute_and_describes_it() -> None:
    schema = envelope_schema()
    assert list(schema["properties"]) == list(Envelope.__struct_fields__)
    assert list(undescribed(schema)) == []


def test_asyncapi_has_one_channel_a_topic_with_its_partitions() -> None:
    document = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text(encoding="utf8"))
    channels = {c["address"]: c["bindings"]["kafka"]["partitions"] for c in document["channels"].values()}
    assert channels == TOPICS
    told = {kind for channel in document["channels"].values() for kind in channel["messages"]}
    assert told == {*EVENTS, "look"}


def test_every_reference_in_asyncapi_leads_somewhere() -> None:
    document = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text(encoding="utf8"))
    for reference in _references(document):
        if reference.startswith("#/"):
            found: Any = document
            for part in reference.removeprefix("#/").split("/"):
                found = found[part]
        else:
            assert (FOLDER / reference).is_file(), reference


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for found in schema.values():
            yield from _references(found)
    elif isinstance(schema, list):
        for found in schema:
            yield from _references(found)


# --- planted violations


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the exports that may be spoilt."""
    shutil.copytree(FOLDER / "json", tmp_path / "json")
    shutil.copy(FOLDER / "asyncapi.yaml", tmp_path)
    return tmp_path


def test_a_changed_a_missing_and_a_left_over_export_are_listed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed, gone, stranger = (
        folder / "json" / n for n in ("registry.child-registered.v1.json", "envelope.json", "old.json")
    )
    changed.write_text(changed.read_text(encoding="utf8").replace("儿童登记建档", "登记"), encoding="utf8")
    gone.unlink()
    stranger.write_text("{}")
    assert drift(folder) == ["json/registry.child-registered.v1.json", "json/envelope.json", "json/old.json"]
    assert main(["--check"], folder) == 1
    said = capsys.readouterr().err
    assert "导出文件与代码不一致" in said
    assert "Exports differ from the code" in said
    assert "json/envelope.json" in said


def test_exporting_mends_drift(folder: Path) -> None:
    (folder / "json" / "old.json").write_text("{}")
    (folder / "asyncapi.yaml").unlink()
    assert main([], folder) == 0
    assert drift(folder) == []


def test_a_field_without_a_description_is_named() -> None:
    schema = event_schema(ReportFiled)
    del schema["properties"]["police"]["description"]
    schema["$defs"]["child.case"]["properties"]["course"]["description"] = "only English"
    assert list(undescribed(schema, "it")) == ["it.police", "it#child.case.course"]


def _planted(event: Any, change: Any) -> list[str]:
    before = event_schema(event)
    after = copy.deepcopy(before)
    change(after)
    assert breaks(before, before) == []
    return breaks(before, after)


def _take(schema: Json, name: str) -> None:
    del schema["properties"][name]
    schema["required"].remove(name)


def _reclass(schema: Json) -> None:
    schema["properties"]["school"] = schema["$defs"]["child.schooling"]["properties"].pop("school")


def _require(schema: Json) -> None:
    schema["properties"]["officer"] = {"type": "string"}
    schema["required"].append("officer")


@pytest.mark.parametrize(
    ("event", "change", "said"),
    [
        (ReportAccepted, lambda s: _take(s, "unit"), "unit: 字段已删除 · the field was removed"),
        (ReportAccepted, lambda s: s["properties"]["unit"].update(type="integer"), "unit: type 由 string 改为 integer"),
        (ReportAccepted, lambda s: s["properties"]["unit"].pop("format"), "unit: format 由 uuid 改为 None"),
        (ReportFiled, _reclass, "school: 数据类别由 child.schooling 改为 open · data class changed"),
        (ReportAccepted, _require, "officer: 新增必填字段而无缺省 · a new field is required"),
        (ReportFiled, lambda s: s["$defs"]["child.case"]["required"].append("course"), "course: 改为必填 · became required"),
        (ReportFiled, lambda s: s["$defs"]["Ground"]["enum"].remove("MISSING"), "grounds[]: 代码已删除 ['MISSING']"),
        (
            ReportFiled,
            lambda s: s["$defs"]["child.case"]["properties"]["course"].update(maxLength=10),
            "course: maxLength 收紧为 10 · maxLength was tightened",
        ),
        (
            ChildRegistered,
            lambda s: s["$defs"]["Relative"]["properties"].pop("workplace"),
            "father.workplace: 字段已删除 · the field was removed",
        ),
        (
            ChildRegistered,
            lambda s: s["$defs"]["Relative"].update(required=["name"]),
            "father.name: 改为必填 · became required",
        ),
    ],
    ids=[
        "removed field", "changed type", "changed format", "changed class", "new required field", "became required",
        "removed code", "tightened limit", "removed part", "required part",
    ],
)  # fmt: skip
def test_a_breaking_change_is_named(event: Any, change: Any, said: str) -> None:
    assert any(found.startswith(said) for found in _planted(event, change))


def test_a_new_optional_field_more_codes_and_a_wider_limit_break_nothing() -> None:
    def widen(schema: Json) -> None:
        schema["properties"]["officer"] = {"type": "string", "description": "x · y"}
        schema["$defs"]["Ground"]["enum"].append("TRAFFICKED")
        schema["$defs"]["child.case"]["properties"]["course"]["maxLength"] = 4000
        schema["$defs"]["child.case"]["required"].remove("grounds")

    assert _planted(ReportFiled, widen) == []


def test_a_removed_event_is_breaking() -> None:
    assert breaks(event_schema(ReportAccepted), None) == ["事件已删除 · the event was removed"]


def test_the_exporter_refuses_to_write_over_what_it_would_break(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "json" / f"{ReportAccepted.type}.json"
    committed = json.loads(file.read_text(encoding="utf8"))
    committed["properties"]["officer"] = {"type": "string"}
    file.write_text(json.dumps(committed))
    assert breaking(folder) == ["reporting.report-accepted.v1: officer: 字段已删除 · the field was removed"]
    assert main([], folder) == 1
    assert "make a new version" in capsys.readouterr().err
    assert "officer" in file.read_text(encoding="utf8")
