"""Our own launcher of PostgreSQL: one cluster in a folder of ours, reached by a socket, with a password."""

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Self
from urllib.parse import quote, urlencode

from infra.binaries import ENV, programs
from infra.cluster import Cluster
from infra.errors import StartFailed, explain, named
from infra.folders import Hold, default_folder, open_log
from infra.processes import AtExit, Family, Steps, server_account, wait_until
from infra.urls import External, Server, login

__all__ = ["External", "Postgres", "Server", "default_folder"]

PATIENCE = 300.0  # recovery after a crash reads back up to max_wal_size
KILL: Steps = ((signal.SIGKILL, 10.0),)
AT_ONCE: Steps = ((signal.SIGQUIT, 10.0),)
IN_ORDER: Steps = (
    (signal.SIGINT, 20.0),
    *AT_ONCE,
)  # asked while it recovers, PostgreSQL 18 may wait for ever
NOTHING: Mapping[str, str] = MappingProxyType({})
DEFAULTS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "max_connections": "200",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Rows hold children's data: an error tells its client, never the log. `log` leaves out the errors of
    # statements; terse leaves out the DETAIL that quotes a row, and the query of a crashed backend.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}


class Postgres:
    """One PostgreSQL cluster in a folder of ours, reached by a socket.

    A server that a dead process of ours left behind is stopped in order and started anew. While started, the
    folder is held: a second process gets `FolderInUse`.
    """

    def __init__(self, folder: Path, *, port: int = 5432, settings: Mapping[str, str] = NOTHING) -> None:
        """`port` only names the socket; `settings` are PostgreSQL's, on top of our durable defaults."""
        self.folder = folder.absolute()
        self._port = port
        self._settings = {**DEFAULTS, **settings}
        self._cluster = Cluster(self.folder, port, server_account())
        self._hold = Hold(self.folder)
        self._family = Family("postgres", self._cluster.name)
        self._at_exit = AtExit(self.stop)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, None when it does not run."""
        try:
            pid = int((self._cluster.data / "postmaster.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return None
        return pid if pid in {process.pid for process in self._family.members()} else None

    @property
    def running(self) -> bool:
        return self.pid is not None

    def start(self) -> None:
        """Make the cluster if there is none, start it and wait until it answers; nothing to do when it runs.

        Raises:
            FolderUnreachable, FolderUnwritable, FolderNotOurs, FolderInUse, DiskFull, OtherMajorVersion,
            PasswordLost, BinariesUnusable, NoAccount, StartFailed
        """
        if self._hold.held and self._family.child_runs:
            return
        self._cluster.prepare()
        with named(self.folder):
            self._hold.take()
        try:
            self._end(IN_ORDER)
            binaries = programs(self._cluster.account)
            self._cluster.ensure_made(binaries)
            with named(self.folder):
                self._cluster.drop_stale_locks()
                self._launch(binaries)
        except BaseException:
            self.stop(immediate=True)
            raise

    def stop(self, *, immediate: bool = False) -> None:
        """Stop whatever serves this folder: in order, sending clients away, or at once, to recover later."""
        self._end(AT_ONCE if immediate else IN_ORDER)
        self._let_go()

    def kill(self) -> None:
        """Kill -9 the postmaster and wait until all of its children are gone."""
        self._end(KILL)
        self._let_go()

    def url(self, database: str, user: str | None = None, password: str | None = None) -> str:
        """A URL for asyncpg or libpq; without a user it is the administrator's. Works once it has started."""
        if user in {None, "postgres"} and password is None:
            user, password = "postgres", self._cluster.password()
        sockets = self._cluster.find_socket_folder() or self.folder
        where = urlencode({"host": str(sockets), "port": self._port})
        return f"postgresql://{login(user or 'postgres', password)}@/{quote(database, safe='')}?{where}"

    def _launch(self, binaries: Path) -> None:
        own = {
            "port": str(self._port),
            "cluster_name": self._cluster.name,
            "unix_socket_directories": str(self._cluster.make_socket_folder()),
        }
        options = [
            word for name, value in {**self._settings, **own}.items() for word in ("-c", f"{name}={value}")
        ]
        command: list[str | Path] = [binaries / "postgres", "-D", self._cluster.data, *options]
        with open_log(self.folder / "server.log") as log:
            before = log.seek(0, os.SEEK_END)
            self._at_exit.arm()
            process = self._family.spawn(
                command, log=log, cwd=self.folder, env=ENV, account=self._cluster.account
            )
            if not wait_until(lambda: self._answers(process) or process.poll() is not None, PATIENCE):
                raise StartFailed(self.folder)
            if process.poll() is not None:
                log.seek(before)
                raise explain(log.read().decode(errors="replace"), self.folder)

    def _answers(self, process: subprocess.Popen[bytes]) -> bool:
        """The postmaster says `ready` in the eighth line of its pid file once recovery is over."""
        try:
            lines = (self._cluster.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].strip() == "ready"

    def _end(self, steps: Steps) -> None:
        self._family.end(self.pid, steps)

    def _let_go(self) -> None:
        self._at_exit.disarm()
        self._hold.release()
