"""What a change of an event's schema would break: today's code must read every event that was ever stored."""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
_AT_MOST = ("maxLength", "maxItems", "maximum", "exclusiveMaximum")
_AT_LEAST = ("minLength", "minItems", "minimum", "exclusiveMinimum")
_BECAME = "改为必填 · became required"
_NEW = "新增必填字段而无缺省 · a new field is required, without default"


def breaks(before: Json, after: Json | None) -> list[str]:
    """Name every change from one exported event schema to the next that old events don't survive.

    Optional fields, more codes in a list and wider limits are fine; `after` is None where the event is gone.
    """
    if after is None:
        return ["事件已删除 · the event was removed"]
    old, new = _fields(before), _fields(after)
    found = [f"{name}: 字段已删除 · the field was removed" for name in old if name not in new]
    for name, (place, schema, _) in old.items():
        if name in new:
            found += _changed(name, (place, schema), new[name][:2], (before, after))
    found += _newly_required(
        {name for name, (_, _, required) in old.items() if required},
        {name: name in old for name, (_, _, required) in new.items() if required},
    )
    return found


def _newly_required(before: set[str], after: dict[str, bool]) -> list[str]:
    return [f"{name}: {_BECAME if known else _NEW}" for name, known in after.items() if name not in before]


def _fields(schema: Json) -> dict[str, tuple[str, Json, bool]]:
    """Return the fields of an event: (where: `open` or `<role>.<class>`, its schema, whether required)."""
    found = {}
    blocks = {name: block for name, block in schema.get("$defs", {}).items() if "." in name}
    for place, part in [("open", schema), *blocks.items()]:
        for name, field in part.get("properties", {}).items():
            if name != "sealed":
                found[name] = (place, field, name in part.get("required", ()))
    return found


def _changed(name: str, old: tuple[str, Json], new: tuple[str, Json], roots: tuple[Json, Json]) -> list[str]:
    if old[0] != new[0]:
        return [f"{name}: 数据类别由 {old[0]} 改为 {new[0]} · data class changed from {old[0]} to {new[0]}"]
    return list(_narrowed(name, _at(old[1], roots[0]), _at(new[1], roots[1]), roots))


def _at(schema: Json, root: Json) -> Json:
    """Follow a `$ref` inside the document."""
    if "$ref" not in schema:
        return schema
    target: Json = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return _at(target, root)


def _narrowed(name: str, old: Json, new: Json, roots: tuple[Json, Json]) -> Iterator[str]:
    """Tell where `new` refuses or reads differently what `old` allowed."""
    for word in ("type", "format", "pattern", "const"):
        if (was := old.get(word)) != (now := new.get(word)):
            yield f"{name}: {word} 由 {was} 改为 {now} · {word} changed from {was} to {now}"
    if "enum" in new and (gone := [code for code in old.get("enum", ["*"]) if code not in new["enum"]]):
        yield f"{name}: 代码已删除 {gone} · codes were removed: {gone}"
    for word in (*_AT_MOST, *_AT_LEAST):
        if word in new and _tightened(old.get(word), new[word], at_most=word in _AT_MOST):
            yield f"{name}: {word} 收紧为 {new[word]} · {word} was tightened to {new[word]}"
    if len(old.get("anyOf", ())) != len(new.get("anyOf", ())):
        yield f"{name}: 可选形式有变 · its alternatives changed"
    for place, (one, other) in enumerate(zip(old.get("anyOf", ()), new.get("anyOf", ()), strict=False)):
        yield from _narrowed(f"{name}({place})", _at(one, roots[0]), _at(other, roots[1]), roots)
    for word in ("items", "additionalProperties"):
        if isinstance(old.get(word), dict) and isinstance(new.get(word), dict):
            yield from _narrowed(f"{name}[]", _at(old[word], roots[0]), _at(new[word], roots[1]), roots)
    yield from _parts(name, old, new, roots)


def _tightened(was: float | None, now: float, *, at_most: bool) -> bool:
    if was is None:
        return True
    return now < was if at_most else now > was


def _parts(name: str, old: Json, new: Json, roots: tuple[Json, Json]) -> Iterator[str]:
    """Compare the fields of a value that has fields of its own."""
    mine, theirs = old.get("properties", {}), new.get("properties", {})
    for part in mine:
        if part not in theirs:
            yield f"{name}.{part}: 字段已删除 · the field was removed"
        else:
            yield from _narrowed(
                f"{name}.{part}", _at(mine[part], roots[0]), _at(theirs[part], roots[1]), roots
            )
    required = {f"{name}.{part}": part in mine for part in new.get("required", ())}
    yield from _newly_required({f"{name}.{part}" for part in old.get("required", ())}, required)
