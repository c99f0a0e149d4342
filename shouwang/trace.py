"""The matrix: which requirement is met by which events, which code, and proved by which tests."""

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

ROOT = Path(__file__).parents[1]
CATALOGUE = ROOT / "schemas" / "requirements.yaml"
TESTS = ROOT / "tests"


class Status(StrEnum):
    """How far a requirement is met."""

    DONE = "done"
    PARTIAL = "partial"
    PLANNED = "planned"


class Requirement(BaseModel):
    """One line of the catalogue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[A-Z]{3}-\d{2}$")
    title: str = Field(min_length=10, max_length=120)
    status: Status


@dataclass
class Row:
    """One requirement with what meets it and what proves it. Code and tests read `path::name`."""

    requirement: str
    title: str
    status: Status
    events: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    tests: list[str] = field(default_factory=list)


def catalogue(file: Path = CATALOGUE) -> list[Requirement]:
    """Read the catalogue; a line too vague is a pydantic ValidationError."""
    return TypeAdapter(list[Requirement]).validate_python(yaml.safe_load(file.read_text(encoding="utf8")))


def named_in_events() -> dict[str, list[str]]:
    """Return the event types that name each requirement."""
    from schemas.catalogue import EVENTS

    return _grouped((name, kind) for kind, event in sorted(EVENTS.items()) for name in event.requirements)


def named_in_code() -> dict[str, list[str]]:
    """Return the event and command classes that name each requirement."""
    from schemas.catalogue import EVENTS
    from shouwang.openapi import commands

    classes: list[Any] = [*EVENTS.values(), *commands()]
    return _grouped((name, _place(c)) for c in classes for name in c.requirements)


def _place(found: type) -> str:
    return f"{found.__module__.replace('.', '/')}.py::{found.__name__}"


def named_in_tests(folder: Path = TESTS) -> dict[str, list[str]]:
    """Return the tests that name each requirement with `@pytest.mark.req`; reads, runs nothing."""
    files = sorted(folder.rglob("*.py"))
    return _grouped(
        (name, f"{file.relative_to(folder.parent)}::{test}")
        for file in files
        for test, name in _marked(ast.parse(file.read_text(encoding="utf8")))
    )


def _marked(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield (test, requirement): marks on functions, on classes for all their tests, and `pytestmark` for a file's."""
    whole = [name for node in tree.body if _is_pytestmark(node) for name in _marks(node)]
    for node in tree.body:
        yield from _marked_in(node, whole)


def _marked_in(node: ast.stmt, outer: Sequence[str], within: str = "") -> Iterator[tuple[str, str]]:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    marks = [*outer, *(name for decorator in node.decorator_list for name in _marks(decorator))]
    if isinstance(node, ast.ClassDef):
        for inner in node.body:
            yield from _marked_in(inner, marks, f"{within}{node.name}::")
    elif node.name.startswith("test_"):
        for name in dict.fromkeys(marks):
            yield f"{within}{node.name}", name


def _is_pytestmark(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and any(
        isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets
    )


def _marks(node: ast.AST) -> Iterator[str]:
    """Yield every requirement of `pytest.mark.req("…", …)` below a node."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "req":
            yield from (str(a.value) for a in call.args if isinstance(a, ast.Constant))


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, where in pairs:
        held = found.setdefault(name, [])
        if where not in held:
            held.append(where)
    return found


def matrix() -> list[Row]:
    """Return the whole matrix, in the order of the catalogue. Away from the sources there are no tests to read."""
    events, code = named_in_events(), named_in_code()
    tests = named_in_tests() if TESTS.is_dir() else {}
    return [
        Row(r.id, r.title, r.status, events.get(r.id, []), code.get(r.id, []), tests.get(r.id, []))
        for r in catalogue()
    ]


def unknown(known: Iterable[str], *named: Mapping[str, list[str]]) -> list[str]:
    """List the requirements that code or tests name and the catalogue doesn't have, with who names them."""
    ids = set(known)
    return [
        f"{name}: {where}"
        for group in named
        for name, places in group.items()
        if name not in ids
        for where in places
    ]


def unproved(rows: Iterable[Row]) -> list[str]:
    """List the requirements that claim to be done and no test proves."""
    return [row.requirement for row in rows if row.status is Status.DONE and not row.tests]


def trace() -> list[dict[str, Any]]:
    """Return the matrix as `shouwang trace --json` prints it."""
    return [
        {
            "requirement": row.requirement, "title": row.title, "status": row.status.value, "events": row.events,
            "code": row.code, "tests": row.tests,
        }
        for row in matrix()
    ]  # fmt: skip


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the matrix as text: a line a requirement, what meets and proves it below, the counts at the end."""
    lines = []
    for row in rows:
        lines.append(f"{row['requirement']}  {row['status']:<8} {row['title']}")
        for name in ("events", "code", "tests"):
            lines += [f"{'':8}{name:<7} {what}" for what in row[name]]
    counts = {s.value: sum(row["status"] == s for row in rows) for s in Status}
    lines.append("  ".join(f"{name} {count}" for name, count in counts.items()) + f"  all {len(rows)}")
    return "\n".join(lines)
