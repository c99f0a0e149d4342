"""What the documents promise is true of this tree: their blocks run, their files exist."""

import asyncio
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from shouwang import import_codes, who_may
from shouwang.demo_ledger import demo_workbook
from shouwang.story import VILLAGES
from tests.helpers import embedded, new_folder

_EXPORT = "/tmp/shouwang-export"  # noqa: S108 - as the README writes it
ROOT = Path(__file__).parents[2]


def blocks(name: str) -> list[str]:
    return re.findall(r"```sh\n(.*?)```", (ROOT / name).read_text(encoding="utf8"), re.DOTALL)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)


def make(*words: str) -> subprocess.CompletedProcess[str]:
    return run("make", *words)


def test_the_two_readmes_show_the_same_commands() -> None:
    assert blocks("README.md")[0] == blocks("README.zh.md")[0] == "make run ONCE=1\nmake test\n"
    assert blocks("README.md")[-1] == blocks("README.zh.md")[-1]


def test_make_prints_every_target_that_a_document_names() -> None:
    told = make().stdout
    named = set()
    for document in ROOT.glob("*.md"):
        named |= set(re.findall(r"`?make ([a-z]+)", document.read_text(encoding="utf8")))
    targets = set(re.findall(r"^([a-z]+)", told, re.MULTILINE))
    assert {"run", "test", "quick"} <= targets
    assert {n for n in named if n in {"run", "test", "quick", "lock"}} <= targets


def test_the_first_command_of_the_readme_tells_the_story_and_ends_well() -> None:
    with new_folder() as data:
        told = make("run", "ONCE=1", f"DATA={data}", "PORT=0")
        assert told.returncode == 0, told.stderr
        for step in (
            "一、",
            "二、",
            "三、",
            "四、",
            "五、",
            "六、",
            "七、",
            "八、",
            "九、",
            "十、",
            "十一、",
            "两个版本一致",
            "十二、",
        ):
            assert step in told.stdout
        assert "Traceback" not in told.stdout + told.stderr
        again = make("run", "ONCE=1", f"DATA={data}", "PORT=0")
        assert again.returncode == 0, again.stderr
        assert "已讲过" in again.stdout


async def test_the_readme_by_hand_works_by_hand() -> None:
    async with embedded() as running:
        (by_hand,) = [b for b in blocks("README.md") if "curl" in b]
        base = running.client.urls["registry"]
        script = by_hand.replace("http://127.0.0.1:8180", base)
        assert script != by_hand
        told = await asyncio.to_thread(run, "bash", "-euc", script)
        assert told.returncode == 0, told.stderr
        assert '"registry.child-registered.v1"' in told.stdout
        assert '{"tasks":[]}' in told.stdout
        book = running.platform.folder / "花名册.xlsx"
        book.write_bytes(demo_workbook(3, VILLAGES, 40)[0])
        (importing,) = [b for b in blocks("README.md") if "shouwang import" in b]
        command = [str(book) if word == "花名册.xlsx" else word for word in importing.split()]
        told = await asyncio.to_thread(run, *command, "--url", base)
        assert told.returncode == 0, told.stderr
        assert '"outcome":"accepted"' in told.stdout
        plain = [word for word in command if word != "--json"]
        told = await asyncio.to_thread(run, *plain, "--url", base)
        assert told.returncode == 0, told.stderr
        assert "导入编号 import" in told.stdout.splitlines()[-1]
        clerk = [*plain[plain.index("--as") : plain.index("--as") + 2], "--url", base]
        told = await asyncio.to_thread(run, plain[0], "undo-import", *clerk)
        again, first = (line.split()[0] for line in told.stdout.splitlines())
        told = await asyncio.to_thread(run, plain[0], "undo-import", again, *clerk)
        assert told.stdout == f"{again}: 0\n"
        told = await asyncio.to_thread(run, plain[0], "undo-import", first, *clerk)
        assert "withdrawn" in told.stdout.splitlines()[-1]


async def test_the_readmes_export_verifies_and_a_changed_one_does_not() -> None:
    async with embedded() as running:
        folder = running.platform.folder
        (folder / "platform.json").write_text(json.dumps({"pid": os.getpid(), "urls": running.client.urls}))
        (block,) = [b for b in blocks("README.md") if "export-log" in b]
        export, verify = (line.replace(_EXPORT, str(folder / "export")) for line in block.splitlines())
        told = await asyncio.to_thread(run, *export.split(), "--data", str(folder))
        assert told.returncode == 0, told.stderr
        assert "registry" in told.stdout
        told = await asyncio.to_thread(run, *verify.split())
        assert (told.returncode, told.stdout) == (0, "全部成立 · Everything holds\n")
        lines = (folder / "export" / "registry.jsonl").read_text().splitlines(keepends=True)
        (folder / "export" / "registry.jsonl").write_text("".join(lines[:9] + lines[10:]))
        told = await asyncio.to_thread(run, *verify.split(), "--json")
        assert told.returncode == 7
        assert [(b["store"], b["seq"]) for b in json.loads(told.stdout)] == [("registry", 10)]


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "README.zh.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "docs/privacy.md",
        "docs/privacy.zh.md",
        "docs/sign-in.md",
    ],
)
def test_every_file_that_a_document_names_exists(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf8")
    paths = {
        ROOT / p for p in re.findall(r"`((?:services|schemas|infra|shouwang|tests|docs)/[\w./-]*)`", text)
    }
    links = {p for p in re.findall(r"\]\(([^)#]+)\)", text) if not p.startswith("http")}
    paths |= {(ROOT / document).parent / p for p in links}
    assert paths
    assert [p for p in sorted(paths) if not p.exists()] == []


def test_the_page_of_import_codes_is_that_of_the_code() -> None:
    assert import_codes.FILE.read_text(encoding="utf8") == import_codes.page()


@pytest.mark.req("PRV-03")
@pytest.mark.parametrize("name", who_may.PAGES)
def test_the_pages_of_who_may_and_who_sees_are_those_of_the_tables(name: str) -> None:
    assert (who_may.FOLDER / name).read_text(encoding="utf8") == who_may.PAGES[name]()


@pytest.mark.req("PRV-01")
def test_the_page_says_who_sees_the_mother_s_telephone_and_that_the_police_alone_see_a_reporter() -> None:
    sections = dict(
        re.findall(
            r"^## [^\n]*\(`(\w+)`\)\n(.*?)(?=^## |\Z)", who_may.disclosure_page(), re.MULTILINE | re.DOTALL
        )
    )
    assert "`family_phones.mother`" in sections["contact"]
    shown = sections["reporter"].partition("| 谁看得到 Who")[2].splitlines()[2:]
    assert len([line for line in shown if line.strip()]) == 1
    assert "办案公安" in sections["reporter"]


def test_every_threat_names_tests_that_there_are() -> None:
    """A line whose test was renamed or removed answers nothing any more."""
    text = (ROOT / "SECURITY.md").read_text(encoding="utf8")
    lines = [line for line in text.splitlines() if line.startswith("| ") and "Threat" not in line]
    there = {
        name for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", file.read_text(encoding="utf8"))
    }  # fmt: skip
    assert len(lines) > 15
    assert [line for line in lines if not re.findall(r"`(test_\w+)`", line)] == []
    assert set(re.findall(r"`(test_\w+)`", text)) <= there
