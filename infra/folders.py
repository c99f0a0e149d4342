"""Folders of the servers we run: where they are by default, who holds them, what stays inside."""

import fcntl
import hashlib
import os
from pathlib import Path
from typing import IO

from infra.errors import FolderInUse, FolderNotOurs

LOG_KEPT = 16 * 1024 * 1024


def default_folder(name: str) -> Path:
    """A folder for data which the server can reach, and which no cleaner of old files empties."""
    if os.geteuid() == 0:
        return Path("/var/lib/shouwang") / name
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "shouwang" / name


def cache_folder(name: str) -> Path:
    """Where what can be fetched again is kept, readable for the server's account."""
    if os.geteuid() == 0:
        return Path("/var/cache/shouwang") / name
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "shouwang" / name


def mark_of(folder: Path) -> str:
    """A short name for the folder, to know its processes by."""
    return f"shouwang-{hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]}"


def refuse_foreign(folder: Path, ours: set[str], *, mark: str) -> None:
    """A folder with things in it that are not ours stays untouched."""
    names = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    if names - ours and mark not in names:
        raise FolderNotOurs(folder)


def nearest(folder: Path) -> Path:
    """The folder itself or the closest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def make_parents(folder: Path) -> None:
    """Missing parents are made, and passable, whatever the umask; those which exist are left alone."""
    for parent in reversed(folder.parents):
        if not parent.exists():
            parent.mkdir()
            parent.chmod(0o755)


def open_own(path: Path, mode: int = 0o600, flags: int = os.O_APPEND) -> IO[bytes]:
    """Open a file of ours for writing; a link that somebody planted in its place is refused."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | flags, mode), "r+b", buffering=0)


def open_log(path: Path) -> IO[bytes]:
    """Append to the log; one older log is kept when it has grown large."""
    if path.exists() and path.stat().st_size > LOG_KEPT:
        path.replace(path.with_suffix(".old"))
    return open_own(path)


class Hold:
    """One process at a time has a folder; the kernel lets go when that process dies, however it dies."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None

    @property
    def held(self) -> bool:
        return self._file is not None

    def take(self) -> None:
        if self._file:
            return
        file = open_own(self._folder / "lock")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            raise FolderInUse(self._folder) from error
        self._file = file

    def release(self) -> None:
        if self._file:
            self._file.close()
        self._file = None
