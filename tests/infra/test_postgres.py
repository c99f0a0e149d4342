"""Our own PostgreSQL: it keeps what it has confirmed, says nothing it should not, and names what is wrong."""

import asyncio
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from infra.binaries import ENV, programs
from infra.errors import (
    BinariesUnusable,
    DiskFull,
    FolderInUse,
    FolderNotOurs,
    FolderUnreachable,
    FolderUnwritable,
    OtherMajorVersion,
    PasswordLost,
    explain,
)
from infra.postgres import External, Postgres
from infra.processes import run, server_account

from .conftest import Child, said

HOLD = """
server = Postgres(Path(sys.argv[2]))
server.start()
print(server.pid, flush=True)
sys.stdin.read()
"""
TRY = """
try:
    Postgres(Path(sys.argv[2])).start()
except InfraError as error:
    print(type(error).__name__, flush=True)
"""


@pytest.fixture(scope="module")
def server(shared_folder: Path) -> Iterator[Postgres]:
    """One for the module: each test leaves it running."""
    with Postgres(shared_folder / "postgres") as started:
        yield started


async def ask(server: Postgres, *statements: str) -> object:
    """Run the statements; what the last one answers."""
    connection = await asyncpg.connect(server.url("postgres"))
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return await connection.fetchval(statements[-1])
    finally:
        await connection.close()


async def answers(server: Postgres) -> bool:
    try:
        return await ask(server, "select true") is True
    except (asyncpg.PostgresError, OSError):
        return False


async def test_rows_survive_stop_and_start(server: Postgres) -> None:
    await ask(server, "create table child (name text)", "insert into child values ('小明')")
    server.stop()
    assert not server.running
    server.start()
    assert await ask(server, "select name from child") == "小明"


async def test_starting_what_runs_changes_nothing(server: Postgres) -> None:
    before = server.pid
    server.start()
    assert server.pid == before


async def test_it_is_durable_and_speaks_chinese(server: Postgres) -> None:
    for setting, value in {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "server_encoding": "UTF8",
        "listen_addresses": "",
        "max_connections": "200",
    }.items():
        assert await ask(server, f"show {setting}") == value
    marks = await ask(server, "create extension pg_trgm", "select cardinality(show_trgm('张三丰'))")
    assert marks == 4


async def test_nobody_enters_without_the_password(server: Postgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.url("postgres", "postgres", "guess"))
    assert (server.folder / "password").stat().st_mode & 0o777 == 0o600
    assert server.folder.stat().st_mode & 0o777 == 0o700


async def test_kill_9_during_writes_loses_no_committed_row(server: Postgres) -> None:
    await ask(server, "create table row (n int primary key)", "select 1")
    confirmed: list[int] = []
    busy = asyncio.Event()

    async def write(start: int) -> None:
        connection = await asyncpg.connect(server.url("postgres"))
        for n in range(start, start + 1_000_000):
            await connection.execute("insert into row values ($1)", n)
            confirmed.append(n)
            if len(confirmed) > 200:
                busy.set()

    writers = [asyncio.create_task(write(number * 1_000_000)) for number in range(4)]
    await busy.wait()
    await asyncio.to_thread(server.kill)
    ended = await asyncio.gather(*writers, return_exceptions=True)
    assert all(isinstance(end, Exception) for end in ended)
    assert not server.running
    server.start()
    connection = await asyncpg.connect(server.url("postgres"))
    kept = {record["n"] for record in await connection.fetch("select n from row")}
    await connection.close()
    assert set(confirmed) <= kept
    assert len(kept) <= len(confirmed) + len(writers)


@pytest.mark.parametrize(
    ("settings", "leaks"),
    [
        ({}, False),
        ({"log_min_messages": "warning"}, True),
        ({"log_error_verbosity": "default"}, True),
    ],
)
async def test_what_rows_hold_never_reaches_the_log(
    folder: Path, settings: dict[str, str], *, leaks: bool
) -> None:
    with Postgres(folder / "postgres", settings=settings) as server:
        connection = await asyncpg.connect(server.url("postgres"))
        await connection.execute("create table child (name text primary key)")
        await connection.execute("insert into child values ($1)", "canary")
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute("insert into child values ($1)", "canary")
        with pytest.raises(asyncpg.InvalidTextRepresentationError):
            await connection.execute("select 'canary'::int")
        pid = connection.get_server_pid()
        asleep = f"select count(*) from pg_stat_activity where pid = {pid} and wait_event = 'PgSleep'"
        sleeper = asyncio.create_task(connection.fetchval("select pg_sleep(60), 'canary'"))
        while not await ask(server, asleep):
            pass
        os.kill(pid, signal.SIGKILL)  # the postmaster logs the query of a crashed backend, as a DETAIL
        with pytest.raises((asyncpg.PostgresError, OSError)):
            await sleeper
        while not await answers(server):
            pass
    assert ("canary" in (folder / "postgres/server.log").read_text()) == leaks


async def test_a_server_left_by_a_killed_parent_is_taken_over(folder: Path, child: Child) -> None:
    parent = child(HOLD, folder / "postgres")
    left = int(said(parent))
    parent.kill()
    parent.wait()
    with Postgres(folder / "postgres") as server:
        assert server.pid not in {left, None}
        assert await ask(server, "select 1") == 1


def test_a_server_ends_with_a_parent_that_ends_in_order(folder: Path, child: Child) -> None:
    parent = child(HOLD, folder / "postgres")
    said(parent)
    assert Postgres(folder / "postgres").running
    parent.communicate()
    assert not Postgres(folder / "postgres").running


def test_ctrl_c_in_our_terminal_does_not_reach_it(server: Postgres) -> None:
    assert server.pid is not None
    assert os.getsid(server.pid) != os.getsid(0)
    assert os.getpgid(server.pid) != os.getpgid(0)


def test_a_folder_that_a_living_process_holds_is_refused(server: Postgres) -> None:
    with pytest.raises(FolderInUse, match=r"正被另一个进程使用.* in use by another process"):
        Postgres(server.folder).start()
    assert server.running


async def test_an_ordinary_user_runs_it_as_well(folder: Path, child: Child) -> None:
    own = folder / "own"
    own.mkdir()
    os.chown(own, 65534 if os.geteuid() == 0 else -1, -1)
    parent = child(HOLD, own / "postgres", ordinary=True)
    assert int(said(parent)) > 0
    assert await ask(Postgres(own / "postgres"), "select 1") == 1
    parent.communicate()


def test_an_unwritable_folder_has_a_name(folder: Path, child: Child) -> None:
    folder.chmod(0o555)
    assert said(child(TRY, folder / "postgres", ordinary=True)) == FolderUnwritable.__name__


def test_a_folder_out_of_reach_has_a_name_and_its_parent_stays_closed(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    if os.geteuid() != 0:
        closed.chmod(0o000)
    mode = closed.stat().st_mode
    with pytest.raises((FolderUnreachable, FolderUnwritable)) as caught:
        Postgres(closed / "postgres").start()
    assert closed.stat().st_mode == mode
    closed.chmod(0o700)
    assert not list(closed.iterdir())
    assert caught.type is (FolderUnreachable if os.geteuid() == 0 else FolderUnwritable)


def test_a_folder_with_something_else_in_it_stays_untouched(folder: Path) -> None:
    (folder / "letters.txt").write_text("mine")
    mode = folder.stat().st_mode
    with pytest.raises(FolderNotOurs):
        Postgres(folder).start()
    assert folder.stat().st_mode == mode
    assert [path.name for path in folder.iterdir()] == ["letters.txt"]


def test_a_cluster_of_another_major_version_is_left_alone(server: Postgres) -> None:
    server.stop()
    version = server.folder / "data/PG_VERSION"
    ours = version.read_text()
    version.write_text("99\n")
    with pytest.raises(OtherMajorVersion, match="99, not 18"):
        server.start()
    version.write_text(ours)
    server.start()


def test_a_lost_password_has_a_name(server: Postgres, folder: Path) -> None:
    server.stop()
    password = server.folder / "password"
    password.rename(folder / "kept")
    with pytest.raises(PasswordLost):
        server.start()
    (folder / "kept").rename(password)
    server.start()


def test_a_stale_pid_that_now_belongs_to_another_program_does_not_stop_it(server: Postgres) -> None:
    server.kill()
    stale = server.folder / "data/postmaster.pid"
    words = stale.read_text().split("\n", 1)[1]
    stale.write_text(f"{os.getpid()}\n{words}")
    assert not server.running
    server.start()
    assert server.running


@pytest.mark.parametrize("name", ["守望, with \"signs\" and 'spaces'", "long" * 30])
async def test_any_folder_name_will_do(folder: Path, name: str) -> None:
    with Postgres(folder / name) as server:
        assert await ask(server, "select 1") == 1
        await asyncio.to_thread(server.kill)
        server.start()
        assert await ask(server, "select 1") == 1
    sockets = server._cluster.find_socket_folder()
    if sockets not in {None, server.folder}:
        sockets.rmdir()  # empty again after a stop in order


def test_programs_in_a_closed_folder_run_all_the_same(folder: Path) -> None:
    account = server_account()
    package = programs(account).parents[1]
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    for part in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, closed / part.name)
    found = programs(account, closed / package.name, folder / "copy")
    assert found.is_relative_to(folder)
    assert run([found / "postgres", "--version"], cwd=Path("/"), env=ENV, account=account)[0] == 0
    with pytest.raises(BinariesUnusable):
        programs(account, folder / "copy", folder / "nothing")


def test_a_full_disk_has_a_name() -> None:
    with pytest.raises(DiskFull, match=r"磁盘已满.*The disk is full"):
        raise explain('FATAL:  could not write to file "pg_wal/x": No space left on device', "/data")


def test_somebody_elses_server_is_named_the_same_way() -> None:
    theirs = External("postgresql://root:p%40ss@db.example:6432/postgres?sslmode=require")
    assert theirs.url("registry") == "postgresql://root:p%40ss@db.example:6432/registry?sslmode=require"
    assert (
        theirs.url("registry", "app", "a/b")
        == "postgresql://app:a%2Fb@db.example:6432/registry?sslmode=require"
    )
    by_socket = External("postgresql:///postgres?host=/run/postgresql")
    assert by_socket.url("audit") == "postgresql:///audit?host=/run/postgresql"
