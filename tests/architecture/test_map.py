"""The map: who may import whom. The contracts stand in pyproject.toml; here each is seen to bite."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("services", "schemas", "infra", "shouwang")


def lint(folder: Path) -> tuple[int, str]:
    """Run lint-imports on a tree; return (exit code, what it says)."""
    command = str(Path(sys.executable).with_name("lint-imports"))
    done = subprocess.run(
        [command, "--no-cache", "--config", str(folder / "pyproject.toml")],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def without_init(root: Path) -> list[str]:
    """List folders with Python in them that are no package: the linter would not see them."""
    found = []
    for package in PACKAGES:
        folders = {file.parent for file in (root / package).rglob("*.py")}
        found += [str(f.relative_to(root)) for f in sorted(folders) if not (f / "__init__.py").exists()]
    return found


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages alone, copied once."""
    tree = tmp_path_factory.mktemp("tree")
    shutil.copy(ROOT / "pyproject.toml", tree)
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package,
            tree / package,
            ignore=lambda _, names: [n for n in names if "." in n and not n.endswith(".py")],
        )
    return tree


def test_every_import_follows_the_map() -> None:
    code, said = lint(ROOT)
    assert code == 0, said


def test_every_folder_with_python_is_a_package_that_the_map_covers() -> None:
    assert without_init(ROOT) == []


def test_an_untouched_copy_passes_so_that_what_fails_below_fails_for_its_plant(copied: Path) -> None:
    code, said = lint(copied)
    assert code == 0, said


SERVICES = "Services stand side by side on the kernel; another needs a decision"
FAUST = "Faust is known to one file"
LIBRARY = "The eventsourcing library stands behind one face"
PURE = "Decisions, folds and the published language do no I/O and know no framework"


@pytest.mark.parametrize(
    ("file", "line", "broken"),
    [
        ("services/registry/imports.py", "import services.agency.page", SERVICES),
        ("services/assessment/reactions.py", "from services.reporting.report import REPORT", SERVICES),
        ("services/kernel/writing/commands.py", "import services.registry.child", SERVICES),
        ("services/sixth/__init__.py", '"""A sixth service."""', SERVICES),
        ("schemas/event.py", "import services.kernel.world", "The published language knows nobody"),
        ("services/agency/app.py", "import infra.postgres", "Services don't know how they are run"),
        ("infra/kafka.py", "from services.kernel.bus.port import TOPICS", "Infrastructure doesn't know what it runs"),
        ("infra/kafka.py", "import schemas.export", "Infrastructure doesn't know what it runs"),
        ("services/kernel/hearing/projection.py", "import services.kernel.writing.commands", "Rooms of the kernel"),
        ("services/kernel/eighth/__init__.py", '"""A room that no layer names."""', "Rooms of the kernel"),
        ("services/registry/child.py", "import services.registry.imports", "Rooms of the registry"),
        ("services/reporting/report.py", "import services.reporting.app", "Rooms of reporting"),
        ("services/assessment/assessment.py", "import services.assessment.reactions", "Rooms of assessment"),
        ("services/notification/disclosure.py", "import services.notification.router", "Rooms of notification"),
        ("services/agency/page.py", "import services.agency.reading", "Rooms of the agency service"),
        ("services/registry/child.py", "from fastapi import FastAPI", PURE),
        ("services/agency/page.py", "import asyncpg", PURE),
        ("services/reporting/report.py", "import aiokafka", PURE),
        ("services/kernel/keys/sealing.py", "from services.kernel.keys.ring import KeyRing", PURE),
        ("services/kernel/writing/decider.py", "from services.kernel.store import partition_of", PURE),
        ("schemas/packs.py", "import sqlite3", PURE),
        ("services/kernel/store.py", "from eventsourcing.persistence import StoredEvent", LIBRARY),
        ("services/registry/app.py", "import eventsourcing.application", LIBRARY),
        ("services/live/app.py", "import faust", FAUST),
        ("services/live/windows.py", "import services.live.api", "Rooms of the live service"),
        ("services/live/windows.py", "from services.kernel.hearing.reference import covers", PURE),
    ],
)  # fmt: skip
def test_an_import_against_the_map_is_caught_by_the_contract_that_forbids_it(
    copied: Path, file: str, line: str, broken: str
) -> None:
    planted = copied / file
    before = planted.read_text(encoding="utf8") if planted.exists() else None
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(f"{before or ''}\n{line}\n", encoding="utf8")
    try:
        code, said = lint(copied)
    finally:
        if before is None:
            shutil.rmtree(planted.parent)
        else:
            planted.write_text(before, encoding="utf8")
    assert code == 1, said
    assert f"{broken} BROKEN" in said.replace("\n", " ")


def test_a_folder_that_is_no_package_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "services" / "hidden").mkdir(parents=True)
    (tmp_path / "services" / "__init__.py").touch()
    (tmp_path / "services" / "hidden" / "sly.py").touch()
    assert without_init(tmp_path) == ["services/hidden"]
