"""Writes the published language as JSON Schema and AsyncAPI: `python -m schemas.export [--check]`."""

import argparse
import inspect
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from schemas.catalogue import EVENTS
from schemas.compatibility import breaks
from schemas.envelope import CONTENT_TYPE, SPEC, Envelope
from schemas.event import Event, parts_of
from schemas.fields import DataClass
from schemas.look import LOOK_LOGS, Look

FOLDER = Path(__file__).parent
DRAFT = "https://json-schema.org/draft/2020-12/schema"
PARTITIONS = 24
REFERENCE = "reference"
PLATFORM = "platform"
"""Events with this prefix are any service's: they travel on the topic of the service that made them."""
Json = dict[str, Any]

_ENVELOPE = {
    "specversion": "CloudEvents 版本 · Version of CloudEvents",
    "id": "事件编号 · Id of the event (UUIDv7; UUIDv5 where it is a reaction)",
    "type": "事件类型,稳定名称及版本 · Stable name of the event, with its version",
    "source": "登记该事件的服务 · The service that recorded it",
    "subject": "所涉对象编号 · Id of what it is about",
    "time": "发生时间(UTC) · When it happened, in UTC",
    "recordedat": "登记时间(UTC) · When it was recorded, in UTC",
    "datacontenttype": "数据格式 · Media type of `data`",
    "actor": "经办岗位;报告为 intake · Post that acted; `intake` for a report",
    "onbehalfof": "所代表的单位 · Body whose act it is",
    "authority": "被转录行为的决定机关 · Body whose act is transcribed",
    "purpose": "事由(编码) · What it was done for, a code",
    "region": "属地区划 · Responsible region",
    "policy": "所依据的政策包及其内容摘要 · Policy pack that it was decided under, with its hash",
    "orderkey": "排序与分区依据 · Key of order and partition",
    "correlationid": "同一次办理的编号 · Shared by all that one act set off",
    "stream": "所属聚合的事件流 · Stream of the aggregate that it belongs to",
    "streamversion": "在该事件流中的序号,自 1 起 · Its place in that stream, from 1",
    "causationid": "引发本事件的事件 · The event that it reacts to",
    "traceparent": "W3C 追踪标识 · W3C trace context",
    "after": "已见的其他日志位置 · Places of other logs that its writer had seen: `registry:12`",
    "data": "公开字段与密封块清单,见各事件 · Open fields and the list of sealed blocks, see each event",
}  # fmt: skip
_BLOCK = {
    "subject": "所属人员编号 · Whose data it is",
    "role": "事件中指出该人的字段 · Field of the event that names that person",
    "class": "数据类别 · Data class",
    "key": "密钥编号 · Id of the key",
    "alg": "加密算法 · Algorithm",
    "sha256": "密封块的 SHA-256(A256GCM) · SHA-256 of the block, with A256GCM",
    "sm3": "密封块的 SM3(SM4GCM) · SM3 of the block, with SM4GCM",
}
_HEADERS = {
    "seq": "在来源日志中的序号 · Place in the source's log",
    "prev": "同一分区中的前一序号 · Place of the record before it in the same partition",
    "store": "来源库编号 · Id of the store that it comes from",
    "sealed": "密封块(msgpack),次序同 data.sealed · The blocks, msgpack, in the order of data.sealed",
}  # fmt: skip
_FEED_HEADERS = {
    "agency": "收件单位 · The body that is told",
    "role": "单位对该儿童的角色 · The body's role toward the child",
    "clause": "告知依据 · The clause by which it is told",
    "source": "来源日志 · The log that it comes from",
    "source_seq": "在来源日志中的序号 · Its place there",
    "disclosed_at": "告知时间 · When it was disclosed",
}
_CHANNELS = {
    REFERENCE: "区划、单位、岗位与已采用的政策包 · Regions, bodies, posts and adopted policy packs",
    "registry": "登记 · Registry: who is on file",
    "reporting": "报告与处置 · Reporting: what happened and the first response",
    "assessment": "评估帮扶 · Assessment: what is done about it",
    "notification": "告知 · Notification: who is told what",
}
FEED, LOOK = "feed", "look"
_LOOK_CHANNELS = {
    "agency": "各单位的查阅记录 · Looks: what agencies read",
    "audit": "审计单位的查询记录 · Looks: what auditors asked",
}
_LOOK = {
    "seq": "在来源日志中的序号 · Place in the source's log",
    "id": "查阅记录编号 · Id of the look",
    "at": "时间 · When",
    "body": "查阅单位 · The body that looked",
    "post": "岗位 · The post",
    "person": "人员编号 · Id of the person",
    "purpose": "事由 · What for",
    "operation": "操作 · What was looked at",
    "about": "所示对象的编号;未查到则空 · Ids of those who were shown; none where nobody was found",
    "classes": "涉及类别 · Data classes that were shown",
}
_DRIFTED = (
    "导出文件与代码不一致,请运行 python -m schemas.export 并提交 · "
    "Exports differ from the code: run python -m schemas.export and commit"
)
_BROKEN = (
    "已发布的事件不得作不兼容修改,请另立新版本(.v2) · "
    "A published event may not change like this: make a new version (.v2)"
)


def event_schema(event: type[Event]) -> Json:
    """Return the schema of an event's `data`; `$defs` holds each sealed block as `<role>.<class>`."""
    made = event.model_json_schema()
    definitions = {name: _tidy(found) for name, found in made.get("$defs", {}).items()}
    required = set(made.get("required", ()))
    groups: dict[tuple[str, DataClass], Json] = {}
    for part in parts_of(event):
        role = part.subject if part.data_class is not DataClass.OPEN else ""
        groups.setdefault((role, part.data_class), {})[part.name] = _tidy(made["properties"][part.name])
    data = groups.pop(("", DataClass.OPEN), {})
    blocks = {
        f"{role}.{data_class}": _closed(fields, required) | {"title": f"{role} · {data_class}"}
        for (role, data_class), fields in groups.items()
    }
    for data_class, size in event.pad.items():
        for name in (n for n in blocks if n.endswith(f".{data_class}")):
            blocks[name]["x-padded-to-bytes"] = size
    schema = _closed(data, required)
    if blocks:
        schema["properties"]["sealed"] = _sealed(list(groups))
        if any("required" in block for block in blocks.values()):
            schema["required"] = [*schema["required"], "sealed"]
    return {
        "$schema": DRAFT, "$id": f"urn:shouwang:event:{event.type}", "title": " · ".join(event.title),
        "description": inspect.cleandoc(event.__doc__ or ""), "x-subject": event.subject,
        "x-requirements": list(event.requirements), **schema,
        "$defs": dict(sorted((definitions | blocks).items())),
    }  # fmt: skip


def _closed(properties: Json, required: set[str]) -> Json:
    needed = [name for name in properties if name in required]
    schema: Json = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | ({"required": needed} if needed else {})


def _sealed(pairs: Iterable[tuple[str, DataClass]]) -> Json:
    """Return the schema of `sealed`: one entry a block, of the kinds that this event may have."""
    names = [(role, data_class.value) for role, data_class in pairs]
    item = _described(_BLOCK) | {"anyOf": [_kind(role, data_class) for role, data_class in names]}
    item["properties"]["subject"]["format"] = "uuid"
    for digest in ("sha256", "sm3"):
        item["properties"][digest]["pattern"] = "^[0-9a-f]{64}$"
        item["required"].remove(digest)
    item["oneOf"] = [{"required": ["sha256"]}, {"required": ["sm3"]}]
    description = "密封块清单 · The sealed blocks; the plaintext of each is `$defs` `<role>.<class>`"
    return {"type": "array", "description": description, "maxItems": len(names), "items": item}


def _kind(role: str, data_class: str) -> Json:
    return {"properties": {"role": {"const": role}, "class": {"const": data_class}}}


def _described(texts: Mapping[str, str]) -> Json:
    """Return a closed object of text properties, all required."""
    return {
        "type": "object",
        "properties": {name: {"type": "string", "description": text} for name, text in texts.items()},
        "required": list(texts),
        "additionalProperties": False,
    }


def _tidy(schema: Json) -> Json:
    """Drop what pydantic adds for Python: titles, and null, since an absent value is left out of the JSON."""
    if "properties" in schema:
        schema = schema | {"properties": {name: _tidy(found) for name, found in schema["properties"].items()}}
    if isinstance(schema.get("items"), dict):
        schema = schema | {"items": _tidy(schema["items"])}
    if "anyOf" in schema:
        options = [_tidy(option) for option in schema["anyOf"] if option != {"type": "null"}]
        rest = {name: value for name, value in schema.items() if name != "anyOf"}
        schema = options[0] | rest if len(options) == 1 else rest | {"anyOf": options}
    absent = {"title"} | ({"default"} if schema.get("default", "") is None else set())
    return {name: value for name, value in schema.items() if name not in absent}


def envelope_schema() -> Json:
    """Return the schema of the wrapper. Attributes of later versions are passed over, so it is open."""
    optional = {"onbehalfof", "authority", "region", "policy", "causationid", "traceparent", "after"}
    schema = _described({name: _ENVELOPE[name] for name in Envelope.__struct_fields__})
    schema["properties"]["specversion"]["const"] = SPEC
    schema["properties"]["datacontenttype"]["const"] = CONTENT_TYPE
    schema["properties"]["data"]["type"] = "object"
    schema["properties"]["streamversion"]["type"] = "integer"
    for name in ("time", "recordedat"):
        schema["properties"][name]["format"] = "date-time"
    schema["required"] = [name for name in Envelope.__struct_fields__ if name not in optional]
    del schema["additionalProperties"]
    about = {"$schema": DRAFT, "$id": "urn:shouwang:envelope", "title": "事件信封 · Envelope of an event"}
    return about | {"description": inspect.cleandoc(Envelope.__doc__ or "")} | schema


def asyncapi() -> Json:
    """Return the AsyncAPI document: one channel a topic, with keys, partitions and headers."""
    channels = {name: _channel(name, told, _types_on(name)) for name, told in _CHANNELS.items()}
    told = "各单位获知的事件,按单位裁去密封块 · What each body is told, with the blocks it may have"
    channels[FEED] = _channel(FEED, told, [kind for kind in sorted(EVENTS) if _prefix(kind) != REFERENCE])
    channels |= {name: _channel(name, told, [LOOK]) for name, told in _LOOK_CHANNELS.items()}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "守望 · Shouwang", "version": "1",
            "description": "顺序以 seq 为准,可能重复送达 · `seq` is the order; a record may come twice",
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": channels,
        "operations": {
            f"publish-{name}": {"action": "send", "channel": {"$ref": f"#/channels/{name}"}}
            for name in channels
        },
        "components": {
            "messages": {kind: _message(kind, "record") for kind in sorted(EVENTS)}
            | {f"feed.{kind}": _message(kind, FEED) for kind in sorted(EVENTS) if _prefix(kind) != REFERENCE}
            | {LOOK: _look_message()},
            "schemas": {"record": _described(_HEADERS), FEED: _described(_HEADERS | _FEED_HEADERS)},
        },
    }  # fmt: skip


def _prefix(kind: str) -> str:
    return kind.partition(".")[0]


def _types_on(channel: str) -> list[str]:
    shared = () if channel == REFERENCE else (PLATFORM,)
    return [kind for kind in sorted(EVENTS) if _prefix(kind) in (channel, *shared)]


def _channel(name: str, told: str, kinds: Iterable[str]) -> Json:
    topic = f"shouwang.{name}.v1"
    message = "feed." if name == FEED else ""
    partitions = 1 if name == REFERENCE or name in LOOK_LOGS else PARTITIONS
    return {
        "address": topic,
        "description": told,
        "messages": {kind: {"$ref": f"#/components/messages/{message}{kind}"} for kind in kinds},
        "bindings": {"kafka": {"topic": topic, "partitions": partitions, "bindingVersion": "0.5.0"}},
    }


def _message(kind: str, headers: str) -> Json:
    of_kind = {"properties": {"type": {"const": kind}, "data": {"$ref": f"json/{kind}.json"}}}
    key = "envelope 的 orderkey · `orderkey` of the envelope"
    return {
        "name": kind,
        "title": " · ".join(EVENTS[kind].title),
        "contentType": CONTENT_TYPE,
        "headers": {"$ref": f"#/components/schemas/{headers}"},
        "payload": {"allOf": [{"$ref": "json/envelope.json"}, of_kind]},
        "bindings": {"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": "0.5.0"}},
    }


def _look_message() -> Json:
    payload = _described({name: _LOOK[name] for name in Look.__struct_fields__})
    payload["properties"]["seq"]["type"] = "integer"
    for name in ("about", "classes"):
        payload["properties"][name] |= {"type": "array", "items": {"type": "string"}}
    return {
        "name": LOOK, "title": "查阅记录 · Look", "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/record"}, "payload": payload,
        "bindings": {"kafka": {"key": {"type": "string", "description": _LOOK["body"]}, "bindingVersion": "0.5.0"}},
    }  # fmt: skip


def render() -> dict[str, str]:
    """Return every exported file by its path under `schemas/`; the same code gives the same text."""
    files = {f"json/{kind}.json": as_text(event_schema(event)) for kind, event in sorted(EVENTS.items())}
    files["json/envelope.json"] = as_text(envelope_schema())
    about = "# Written by `python -m schemas.export`; change the event classes, not this file.\n"
    files["asyncapi.yaml"] = about + yaml.dump(
        asyncapi(), Dumper=_Plain, allow_unicode=True, sort_keys=False, width=110
    )
    return files


class _Plain(yaml.SafeDumper):
    """YAML without anchors: each part can be read by itself."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the name that yaml calls
        return True


def as_text(schema: Json) -> str:
    """Return JSON as it is committed: two blanks, Chinese as it is, a line feed at the end."""
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def drift(folder: Path = FOLDER) -> list[str]:
    """List the files in `folder` that are not what the code says: changed, missing, or nobody's any more."""
    files = render()
    changed = [
        name for name, text in files.items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf8") != text
    ]  # fmt: skip
    strangers = [
        f"json/{file.name}"
        for file in sorted((folder / "json").glob("*"))
        if f"json/{file.name}" not in files
    ]
    return changed + strangers


def breaking(folder: Path = FOLDER) -> list[str]:
    """List what today's code would break for events that `folder` says exist."""
    found = []
    for file in sorted((folder / "json").glob("*.v*.json")):
        before, kind = json.loads(file.read_text(encoding="utf8")), file.name.removesuffix(".json")
        after = event_schema(EVENTS[kind]) if kind in EVENTS else None
        found += [f"{kind}: {what}" for what in breaks(before, after)]
    return found


def main(arguments: list[str], folder: Path = FOLDER) -> int:
    """Write the exports, or with `--check` compare them. Exit code 1: drifted, or refused as breaking."""
    parser = argparse.ArgumentParser(prog="python -m schemas.export", description=__doc__)
    parser.add_argument("--check", action="store_true", help="只比较,不写 · compare only, write nothing")
    check = parser.parse_args(arguments).check
    if broken := breaking(folder):
        sys.stderr.write("\n  ".join([_BROKEN, *broken]) + "\n")
        return 1
    drifted = drift(folder)
    if check and drifted:
        sys.stderr.write("\n  ".join([_DRIFTED, *drifted]) + "\n")
        return 1
    if not check:
        write(render(), folder)
        for name in drift(folder):
            (folder / name).unlink()
    return 0


def write(files: Mapping[str, str], folder: Path) -> None:
    """Write files by their path under `folder`."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
