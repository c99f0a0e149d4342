"""Every hostile upload, by the API: refused by a name in two languages, or read as the mere text that it is."""

import io
import re
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import openpyxl
import pytest
import pytest_asyncio

from services.registry.ledger import limits
from services.registry.ledger import workbook as door
from services.registry.ledger.codes import explain, get_codes
from services.registry.ledger.model import FileRefused
from shouwang.client import Person, Told
from tests.helpers import Running, embedded
from tests.privacy.measured import tell
from tests.registry.hostile.files import FILES, FORMULAS, HOSTILE, Hostile
from tests.registry.ledger.making import CHILD_ROW, text_file

pytestmark = pytest.mark.slow  # its children are ended by their limits
KIB = 1024
MOST_KIB = 256 * KIB
INSIDES = re.compile(r"Traceback|BACKTRACE|panicked|site-packages|\.py\b|root:x:")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running() -> AsyncIterator[Running]:
    async with embedded() as platform:
        yield platform


class Measured:
    """Stands in for `subprocess` at the door: runs the same, and keeps what the child said that it took."""

    TimeoutExpired = subprocess.TimeoutExpired

    def __init__(self) -> None:
        self.peak = self.answer = 0

    def run(self, command: list[str], **how: Any) -> subprocess.CompletedProcess[bytes]:
        done: subprocess.CompletedProcess[bytes] = subprocess.run(command, **how)  # noqa: PLW1510
        told = re.search(rb"peak (\d+)$", done.stderr)
        # who was ended by a limit says nothing, and had no more than its limit
        limit = limits.child_memory(command[-1], len(how["input"]))
        self.peak = int(told[1]) if told else limit // KIB
        self.answer = len(done.stdout)
        return done


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Measured:
    watch = Measured()
    monkeypatch.setattr(door, "subprocess", watch)
    monkeypatch.setattr(door, "CHILD", "tests.registry.hostile.measured_child")
    return watch


def test_there_are_at_least_forty_hostile_files_and_each_says_what_it_attacks() -> None:
    assert len({file.name for file in FILES}) == len(FILES) > len(HOSTILE) >= 40
    assert all(file.attacks for file in FILES)
    assert {code for file in HOSTILE for code in file.refused} - {"too-large"} <= get_codes().keys()


@pytest.mark.req("REG-06")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
async def test_a_hostile_file_is_refused_by_name_or_read_as_text(
    running: Running, file: Hostile, measured: Measured, record_property: Callable[[str, object], None]
) -> None:
    clerk, content = await running.sign_in("township-a-clerk"), file.build()
    before, began = await head(running), time.monotonic()
    code, zh, en, words = await told(clerk, file, content)
    record_property("seconds", round(time.monotonic() - began, 2))
    record_property("peak_kib", measured.peak)
    record_property("outcome", code or "read")
    tell(record_property, "hostile uploads", tried=1, failed=0, bar=40)
    assert code is None or (zh and en)
    assert code in file.refused if file.refused else code is None, words
    assert not INSIDES.search(words)
    assert measured.peak < MOST_KIB
    assert measured.answer < 2 * limits.ANSWER_BYTES
    assert await head(running) == before


async def told(clerk: Person, file: Hostile, content: bytes) -> tuple[str | None, str, str, str]:
    """The code of a refusal, what it says in Chinese and English, and the answer's whole text."""
    try:
        answer = await clerk.send_file(
            "registry/imports", content, filename=file.filename, dry_run=not file.refused
        )
    except Told as problem:
        body, status = problem.body, problem.status
        return (body["code"] if status < 500 else str(status)), body["title"], body["detail"], str(body)
    *rows, last = [msgspec.json.decode(line) for line in answer.content.splitlines()]
    if last["outcome"] != "refused":
        return None, "", "", answer.text
    assert rows == []
    (code,) = last["reasons"]
    return code, last["zh"], last["en"], answer.text


async def head(running: Running) -> int:
    answer = await running.client.request("GET", "/registry/positions")
    place: int = answer.json()["head"]
    return place


@pytest.mark.req("REG-06")
async def test_formulas_come_back_in_the_refused_rows_as_text_that_nothing_computes(running: Running) -> None:
    header = ["序号", "姓名", "性别", "出生日期", "公民身份证号码", "现居住地"]
    wrong = "99010120100305000X"
    rows = [[*CHILD_ROW[:4], wrong, formula] for formula in FORMULAS]
    clerk = await running.sign_in("township-a-clerk")
    answer = await clerk.send_file(
        "registry/imports/refused-rows", text_file([header, *rows]), filename="名册.csv"
    )
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    assert sheet is not None
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value in FORMULAS]
    assert [cell.value for cell in cells] == [*FORMULAS]
    assert {cell.data_type for cell in cells} == {"s"}
    assert not any(cell.hyperlink for cell in cells)


@pytest.mark.req("REG-06")
async def test_a_file_that_can_not_be_read_has_no_refused_rows_but_a_problem(running: Running) -> None:
    clerk = await running.sign_in("township-a-clerk")
    with pytest.raises(Told, match="422 file-unreadable") as refused:
        await clerk.send_file("registry/imports/refused-rows", b"%PDF-1.7", filename="名册.xlsx")
    assert refused.value.body["facts"]["reasons"] == ["wrong-file-type"]
    assert refused.value.body["facts"]["zh"] == explain("wrong-file-type", "zh")


@pytest.mark.parametrize(
    ("how", "code", "detail"),
    [
        ("eats", "workbook-too-large", "memory"),
        ("loops", "workbook-too-slow", "processor time"),
        ("sleeps", "workbook-too-slow", "3 s"),
        ("talks", "workbook-too-large", "bytes read"),
        ("fills", "workbook-too-large", "cells"),
        ("writes", "file-damaged", "reader ended"),
    ],
)
def test_a_reader_that_goes_wrong_is_ended_by_its_limit(
    how: str, code: str, detail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "CHILD", "tests.registry.hostile.planted_child")
    if how == "sleeps":
        monkeypatch.setattr(limits, "CHILD_WALL_SECONDS", 3)
    with pytest.raises(FileRefused) as refused:
        door.open_workbook(how.encode(), "名册.csv")
    assert refused.value.code == code
    assert detail in refused.value.detail


def test_what_a_file_may_ask_grows_with_what_was_sent_and_ends_somewhere() -> None:
    assert limits.child_memory("text", limits.FILE_BYTES) == 256 * limits.MIB
    assert limits.child_memory("xlsx", 1_000) < 256 * limits.MIB
    assert limits.child_memory("xlsx", limits.FILE_BYTES) == limits.CHILD_MEMORY
    assert limits.child_cpu_seconds(1_000) == 2
    assert limits.child_cpu_seconds(limits.FILE_BYTES) == limits.CHILD_CPU_SECONDS
