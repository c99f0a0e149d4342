"""What lies in the folder of a PostgreSQL cluster: its data, its password, its socket, whose it is."""

import os
import secrets
import shutil
import tempfile
from pathlib import Path

import psutil  # psutil ships no types

from infra.binaries import ENV, major_version
from infra.errors import (
    FolderNotOurs,
    FolderUnreachable,
    NoAccount,
    OtherMajorVersion,
    PasswordLost,
    explain,
    named,
)
from infra.folders import make_parents, mark_of, nearest, open_own, refuse_foreign
from infra.processes import Account, run

SOCKET_PATH_LIMIT = 103  # Linux takes 107 bytes, macOS 103
OURS = {"lock", "password", "data", "data.new", "socket", "server.log", "server.old"}


class Cluster:
    """One cluster's folder. The server's account owns it; root and that account alone can look inside."""

    def __init__(self, folder: Path, port: int, account: Account) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.account = account
        self.name = mark_of(folder)  # PostgreSQL shows it in the title of each of its processes
        self._socket = f".s.PGSQL.{port}"

    def prepare(self) -> None:
        """Make the folder, give it to the server's account and see that this account can reach it."""
        with named(self.folder):
            self._refuse_others()
            if not self._can_enter(nearest(self.folder.parent)):
                raise FolderUnreachable(self.folder)
            make_parents(self.folder)
            self.folder.mkdir(mode=0o700, exist_ok=True)
            self._give(self.folder)
            self.folder.chmod(0o700)
        if not self._can_enter(self.folder):
            raise FolderUnreachable(self.folder)

    def ensure_made(self, binaries: Path) -> None:
        """`initdb` if there is no cluster yet; one of another major version is left alone."""
        with named(self.folder):
            if not self.data.exists():
                self._make(binaries)
            theirs = (self.data / "PG_VERSION").read_text().strip()
            ours = major_version(binaries, self.account)
        if theirs != str(ours):
            raise OtherMajorVersion(f"{self.folder}: {theirs}, not {ours}")
        self.password()

    def password(self) -> str:
        try:
            return (self.folder / "password").read_text()
        except FileNotFoundError as error:
            raise PasswordLost(self.folder) from error

    def find_socket_folder(self) -> Path | None:
        """The folder itself, or the short one made for it; None when that one is still to be made."""
        path = self.folder / self._socket
        if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT and "," not in str(
            path
        ):  # clients cut a host at commas
            return self.folder
        remembered = self.folder / "socket"
        return Path(remembered.read_text()) if remembered.exists() else None

    def make_socket_folder(self) -> Path:
        """A private folder under /tmp when the path of the socket would be too long for one."""
        known = self.find_socket_folder()
        if known and known.is_dir() and not known.is_symlink() and known.stat().st_uid == self._owner():
            return known
        made = Path(tempfile.mkdtemp(prefix="shouwang-", dir="/tmp"))  # mode 0700, random name
        self._give(made)
        with open_own(self.folder / "socket", flags=os.O_TRUNC) as file:
            file.write(os.fsencode(made))
        return made

    def drop_stale_locks(self) -> None:
        """Nothing of ours runs: a lock file whose number now belongs to another program must not stop us."""
        sockets = self.find_socket_folder() or self.folder
        for lock in (self.data / "postmaster.pid", sockets / f"{self._socket}.lock"):
            if lock.exists() and psutil.pid_exists(int((lock.read_text().split() or ["0"])[0])):
                lock.unlink()

    def _make(self, binaries: Path) -> None:
        """`initdb` beside the final place, then one rename: half a cluster is never taken for a whole one."""
        fresh, password = self.folder / "data.new", self.folder / "password"
        shutil.rmtree(fresh, ignore_errors=True)
        if not password.exists() or not password.read_text():
            with open_own(password) as file:
                file.write(secrets.token_urlsafe(32).encode())
        self._give(password)
        command: list[str | Path] = [
            *(binaries / "initdb", f"--pgdata={fresh}", "--username=postgres", f"--pwfile={password}"),
            *("--auth=scram-sha-256", "--data-checksums", "--encoding=UTF8", "--no-instructions"),
            *("--locale=C.UTF-8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        ]
        code, words = run(command, cwd=self.folder, env=ENV, account=self.account)
        if code:
            shutil.rmtree(fresh, ignore_errors=True)
            raise NoAccount(self._owner()) if "user does not exist" in words else explain(words, self.folder)
        fresh.rename(self.data)

    def _refuse_others(self) -> None:
        refuse_foreign(self.folder, OURS, mark="password")
        if self.account.user is not None and self.folder.exists():
            owner = self.folder.lstat().st_uid
            if owner not in {os.geteuid(), self.account.user}:
                raise FolderNotOurs(self.folder)

    def _can_enter(self, folder: Path) -> bool:
        ask: list[str | Path] = ["/bin/sh", "-c", 'cd "$1"', "sh", folder]
        return run(ask, cwd=Path("/"), env=ENV, account=self.account)[0] == 0

    def _owner(self) -> int:
        return os.geteuid() if self.account.user is None else self.account.user

    def _give(self, path: Path) -> None:
        if self.account.user is not None and self.account.group is not None:
            os.chown(path, self.account.user, self.account.group)
