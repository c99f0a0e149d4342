"""Folders which the server's account can reach, and other processes that hold a server."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DROP = """
import encodings.idna, os, sys
from pathlib import Path
from infra.errors import InfraError
from infra.kafka import Kafka
from infra.postgres import Postgres
if os.geteuid() == 0 and sys.argv[1] == "ordinary":  # the interpreter itself may be out of reach afterwards
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
"""
Child = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A new folder in a place that everybody may pass through; pytest's own is closed to other accounts."""
    yield from _new_folder()


@pytest.fixture(scope="module")
def shared_folder() -> Iterator[Path]:
    """One such folder for the server that the tests of a module share."""
    yield from _new_folder()


def _new_folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="shouwang-test-", dir="/var/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def child() -> Iterator[Child]:
    """Run lines of Python in another process, as ourselves or as an ordinary user; it dies with the test."""
    started: list[subprocess.Popen[str]] = []

    def run(code: str, *words: object, ordinary: bool = False) -> subprocess.Popen[str]:
        who = "ordinary" if ordinary else "ourselves"
        process = subprocess.Popen(
            [sys.executable, "-c", DROP + code, who, *map(str, words)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()
