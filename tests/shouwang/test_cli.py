"""The command as its operator meets it: starts, refuses clearly, imports, stops."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.postgres import Postgres
from shouwang.demo_ledger import demo_workbook
from shouwang.story import VILLAGES

ROOT = Path(__file__).parents[2]


def shouwang(*words: str | Path, wait: int = 90) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "shouwang", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=wait, check=False)


@pytest.fixture
def data(own_folder: Path) -> Path:
    return own_folder


@pytest.fixture
def running(data: Path) -> Iterator[Path]:
    command = [sys.executable, "-m", "shouwang", "run", "--data", str(data), "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "停止 stop" in line:
                break
        yield data
        process.terminate()
        assert process.wait(60) == 0


def test_help_names_every_command_and_the_exit_codes() -> None:
    told = shouwang("--help")
    assert told.returncode == 0
    for word in ("run", "story", "import", "replay", "trace", "stop", "Exit codes", "5 a file was refused"):
        assert word in told.stdout


def test_a_ledger_goes_in_by_the_command_and_the_platform_stops_when_told(
    running: Path, tmp_path: Path
) -> None:
    book = tmp_path / "花名册.xlsx"
    book.write_bytes(demo_workbook(9, VILLAGES, 40)[0])
    told = shouwang(
        "import",
        book,
        "--as",
        "township-a-clerk",
        "--closing-date",
        "2026-09-30",
        "--json",
        "--data",
        running,
    )
    assert told.returncode == 0, told.stderr
    *rows, file = [json.loads(line) for line in told.stdout.splitlines()]
    assert all({"file", "sheet", "row", "outcome", "reasons", "warnings"} <= set(row) for row in rows)
    assert "row" not in file
    assert file["counts"]["accepted"] > 10
    asking = (
        "find",
        "--as",
        "township-a-clerk",
        "--name",
        "程晓禾",
        "--born",
        "2015-04-12",
        "--data",
        running,
    )
    found = shouwang(*asking, "--json")
    assert found.returncode == 0, found.stderr
    first = json.loads(found.stdout)["candidates"][0]
    assert first["child"]["name"] == "程小禾"
    assert {"homophone", "same-birth-date"} <= {r["code"] for r in first["reasons"]}
    assert "程小禾" in shouwang(*asking).stdout
    refused = tmp_path / "refused.xlsx"
    plain = shouwang("import", book, "--as", "青禾镇民政办事员", "--data", running, "--refused", refused)
    assert "duplicate" in plain.stdout
    assert refused.exists() == ("refused" in file["counts"])
    seen = shouwang("import", book, "--as", "township-a-clerk", "--preview", "--json", "--data", running)
    assert json.loads(seen.stdout)["counts"]["duplicate"] > 10
    ledger = tmp_path / "ledger.xlsx"
    told = shouwang(
        "export-ledger", "roster", "--as", "township-a-clerk", "--closing-date", "2026-09-30", "--to", ledger,
        "--data", running,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert ledger.read_bytes().startswith(b"PK")
    bad = tmp_path / "bad.xlsx"
    bad.write_bytes(b"PK\x03\x04 not a workbook")
    told = shouwang("import", bad, "--as", "township-a-clerk", "--json", "--data", running)
    assert told.returncode == 5
    assert [json.loads(line)["outcome"] for line in told.stdout.splitlines()] == ["refused"]
    told = shouwang("import", book, "--as", "nobody", "--data", running)
    assert told.returncode == 6
    assert "没有此岗位" in told.stderr
    assert shouwang("stop", "--data", running).returncode == 0
    assert shouwang("import", book, "--as", "township-a-clerk", "--data", running).returncode == 4


def test_a_port_that_is_taken_stops_the_start_with_its_name(data: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        told = shouwang("run", "--data", data, "--port", str(taken.getsockname()[1]), "--once")
    assert told.returncode == 3
    assert "端口已被占用" in told.stderr
    assert "Traceback" not in told.stderr


def test_data_of_a_newer_version_stops_the_start_and_stays_as_it_is(data: Path) -> None:
    assert shouwang("run", "--data", data, "--port", "0", "--seed", "none", "--once").returncode == 0
    with Postgres(data / "postgres") as server:
        insert = "insert into migration (name, hash) values ('kernel/999_future.sql', 'x')"
        import asyncio

        import asyncpg

        async def plant() -> None:
            connection = await asyncpg.connect(server.url("registry"))
            await connection.execute(insert)
            await connection.close()

        asyncio.run(plant())
    told = shouwang("run", "--data", data, "--port", "0", "--once")
    assert told.returncode == 3
    assert "更新版本" in told.stderr
    assert "999_future" in told.stderr


def test_a_folder_that_can_not_be_written_stops_the_start_with_its_name(data: Path) -> None:
    occupied = data / "a-file"
    occupied.write_text("x")
    told = shouwang("run", "--data", occupied / "below", "--port", "0", "--once")
    assert told.returncode == 3
    assert " · " in told.stderr
    assert "Traceback" not in told.stderr


def test_wrong_usage_and_what_is_not_there_yet_are_said_plainly(data: Path) -> None:
    assert shouwang("run", "--profile", "cloud").returncode == 2
    asked = ("--until", "2026-05-03T14:05", "--child", "x", "--as", "township-a-clerk", "--data", data)
    assert shouwang("replay", "--view", "worklist", *asked).returncode == 2
    assert shouwang("replay", "--view", "page", *asked).returncode == 4
    export = data / "export"
    export.mkdir(parents=True)
    told = shouwang("verify", export, "--key", "shouwang/audit+00000000+AA==")
    assert told.returncode == 7
    assert "签名不成立" in told.stdout
    assert shouwang("stop", "--data", data).returncode == 4


def test_the_trace_is_an_array_that_a_program_can_read() -> None:
    rows = json.loads(shouwang("trace", "--json").stdout)
    assert len(rows) >= 310
    assert set(rows[0]) == {"requirement", "title", "status", "events", "code", "tests"}
    assert any(row["status"] == "done" and row["tests"] for row in rows)
