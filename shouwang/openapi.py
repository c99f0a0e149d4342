"""Writes each service's OpenAPI document: `python -m shouwang.openapi [--check]`. Needs no database: nothing is started."""

import json
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from infra.databases import SERVICES
from services.agency import app as agency
from services.assessment import app as assessment
from services.audit import app as audit
from services.audit.note import Signer
from services.kernel.people.auth import Tokens
from services.kernel.people.authority import authority_table
from services.kernel.service import Service, Tools
from services.kernel.world import RealWorld
from services.kernel.writing.decider import Command
from services.live import app as live
from services.notification import app as notification
from services.registry import app as registry
from services.reporting import app as reporting

FOLDER = Path(__file__).parents[1] / "schemas" / "openapi"


def _build(service: str) -> Service:
    nothing: Any = SimpleNamespace(search_key=b"", ping=None, close=None)
    tools = Tools(nothing, nothing, nothing, nothing, RealWorld(), Tokens("only-for-export" * 3), "")
    match service:
        case "registry":
            return registry.build(tools)
        case "reporting":
            return reporting.build(tools)
        case "assessment":
            return assessment.build(tools)
        case "notification":
            return notification.build(tools)
        case "agency":
            return agency.build(tools, nothing, nothing)
        case "audit":
            with tempfile.TemporaryDirectory() as folder:
                return audit.build(tools, Signer(Path(folder) / "audit.key"))
        case "live":
            return live.build(tools, nothing)
        case unknown:
            raise ValueError(unknown)


def openapi_of(service: str) -> dict[str, Any]:
    """Return a service's OpenAPI document, without the development sign-in."""
    return _build(service).app.openapi()


def public_commands() -> list[type[Command]]:
    """Return the commands that have a door, in order of their path."""
    for service in SERVICES:
        _build(service)
    return sorted((c for c in commands() if c.path in authority_table()), key=lambda c: c.path)


def commands() -> list[type[Command]]:
    """Return every command class of the services that are imported."""
    found: list[type[Command]] = []
    waiting = [Command]
    while waiting:
        below = [c for c in waiting.pop().__subclasses__() if c.__module__.startswith("services.")]
        found += [c for c in below if c.path and c not in found]
        waiting += below
    return sorted(found, key=lambda c: (c.__module__, c.__name__))


def _files() -> dict[str, str]:
    return {
        f"{service}.json": json.dumps(openapi_of(service), ensure_ascii=False, indent=2) + "\n"
        for service in SERVICES
    }


def openapi_drift(folder: Path = FOLDER) -> list[str]:
    """List the documents in `folder` that are not what the code says."""
    return [
        name
        for name, text in _files().items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf8") != text
    ]


def main(arguments: list[str], folder: Path = FOLDER) -> int:
    """Write the documents, or with `--check` compare them; exit code 1 where they differ."""
    if "--check" not in arguments:
        folder.mkdir(exist_ok=True)
        for name, text in _files().items():
            (folder / name).write_text(text, encoding="utf8")
        return 0
    if drifted := openapi_drift(folder):
        sys.stderr.write(
            "接口文档与代码不一致,请运行 python -m shouwang.openapi 并提交 · "
            f"OpenAPI differs from the code: run python -m shouwang.openapi and commit: {drifted}\n"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
