"""Other processes: which account they run under, which of them are ours, how they end."""

import atexit
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

import psutil  # psutil ships no types

from infra.errors import StopFailed

POLL = 0.02
Command = Sequence[str | Path]
Steps = Sequence[tuple[signal.Signals, float]]


class Account(NamedTuple):
    """Whom a child process runs as; all None means whoever we are."""

    user: int | None = None
    group: int | None = None
    groups: Sequence[int] | None = None


def server_account() -> Account:
    """PostgreSQL refuses root: root hands it to `nobody`, anyone else runs it himself."""
    if os.geteuid() != 0:
        return Account()
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid, ())


def run(command: Command, *, cwd: Path, env: Mapping[str, str], account: Account) -> tuple[int, str]:
    """Run a program to its end; its exit code and what it said. 126 when it could not be started."""
    try:
        done = subprocess.run(  # noqa: S603 - our own programs, no shell
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=cwd,
            env=env,
            start_new_session=True,
            user=account.user,
            group=account.group,
            extra_groups=account.groups,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return 126, str(error)
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask again and again until it holds; False when it still doesn't after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True


class Family:
    """The processes of one server: known by a mark in their titles, whoever started them.

    A title can be read by everybody; the working folder of another account's process only with SYS_PTRACE,
    which root in a container often lacks.
    """

    def __init__(self, name: str, mark: str) -> None:
        self._name = name
        self._mark = mark
        self._child: subprocess.Popen[bytes] | None = None

    def members(self) -> list[psutil.Process]:
        """Those that live. A leader that was killed is dead before its threads are, and holds its ports until then."""
        child = self._child.pid if self._child and self.child_runs else None
        found = []
        for process in psutil.process_iter(["name", "status"]):
            if process.pid == child:
                found.append(process)
                continue
            if process.info["name"] != self._name or process.info["status"] == psutil.STATUS_ZOMBIE:
                continue
            try:
                if self._mark in " ".join(process.cmdline()):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    @property
    def child_runs(self) -> bool:
        """Whether the server that we ourselves started is still there."""
        return self._child is not None and self._child.poll() is None

    def spawn(
        self, command: Command, *, log: IO[bytes], cwd: Path, env: Mapping[str, str], account: Account
    ) -> subprocess.Popen[bytes]:
        """Start the server in a session of its own, so that Ctrl-C in our terminal does not reach it."""
        self._child = subprocess.Popen(  # noqa: S603 - our own programs, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=cwd,
            env=env,
            start_new_session=True,
            user=account.user,
            group=account.group,
            extra_groups=account.groups,
        )
        return self._child

    def end(self, pid: int | None, steps: Steps) -> None:
        """Signal this one, step by step until all of the family are gone; kill -9 who stays.

        Raises:
            StopFailed: that did not help either.
        """
        for how, seconds in steps:
            if pid is not None:
                send(pid, how)
            if self._gone(seconds if pid is not None else 5.0):
                return
        for process in self.members():
            send(process.pid, signal.SIGKILL)
        if not self._gone(10.0):
            raise StopFailed(self._mark)

    def _gone(self, seconds: float) -> bool:
        gone = wait_until(lambda: not self.members(), seconds)
        if gone:
            self._child = None
        return gone


def send(pid: int, how: signal.Signals) -> None:
    """Signal a process; that it has gone meanwhile is fine."""
    try:
        os.kill(pid, how)
    except ProcessLookupError:
        return


class AtExit:
    """Stops a server when this process ends in order; a fork of ours ends without taking it along."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._owner = 0

    def arm(self) -> None:
        self._owner = os.getpid()
        atexit.register(self._fire)

    def disarm(self) -> None:
        atexit.unregister(self._fire)

    def _fire(self) -> None:
        if os.getpid() == self._owner:
            self._stop()
