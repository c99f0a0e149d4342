"""A saved answer is checked offline; whatever is changed in it that its proofs cover is found."""

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.audit.checking import check_answer
from services.audit.note import NoteBroken
from shouwang.cli import app
from tests.audit.test_known import A, known
from tests.helpers import Running

Lived = tuple[Running, list[str], datetime]
COVERED = {
    "role", "clause", "clauses", "disclosed_at", "since", "body", "event", "at", "post", "purpose", "operation", "telling",
    "look", "leaf", "index", "hashes", "checkpoint",
}  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in an answer."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from places(each, (*path, key))


def changed(answer: Any, path: tuple[Any, ...]) -> Any:
    """The answer with another value at one place."""
    made = deepcopy(answer)
    holder = made
    for step in path[:-1]:
        holder = holder[step]
    old = holder[path[-1]]
    if isinstance(old, list):
        holder[path[-1]] = old[1:]
    elif isinstance(old, int):
        holder[path[-1]] = old + 1
    elif path[-1] in {"disclosed_at", "since", "at"}:
        holder[path[-1]] = "2020-01-01T00:00:00.000000Z"
    else:
        holder[path[-1]] = old[:-1] + ("0" if old[-1] != "0" else "1")
    return made


@pytest.mark.req("OVS-06", "PLT-03")
async def test_what_is_changed_in_a_saved_answer_is_found(lived: Lived, tmp_path: Path) -> None:
    running, siblings, _ = lived
    auditor = await running.sign_in("procurator")
    key = (await auditor.ask("audit/key"))["key"]
    await running.client.settled()
    answers = [
        await known(auditor, A, siblings[0]),
        await auditor.ask("audit/access", child=siblings[0]),
        await auditor.ask("audit/disclosed", body=str(A), **{"from": "2020-01-01T00:00:00Z"}),
    ]
    tried = 0
    for answer in answers:
        told = check_answer(answer, key)
        assert told.proved > 5
        seen: dict[str, int] = {}
        for path in places(answer):
            name = next((step for step in reversed(path) if isinstance(step, str)), "")
            if path[-1] != name or name not in COVERED or "looks" in path or "kept" in path[-2:]:
                continue
            if not (value_at(answer, path) or name == "index") or seen.get(name, 0) > 3:
                continue
            if "acknowledged" in path and "proof" not in path:
                continue  # its proof covers that it is in the log, and no more
            seen[name] = seen.get(name, 0) + 1
            with pytest.raises(NoteBroken):
                pytest.fail(f"not found: {path}: {check_answer(changed(answer, path), key)}")
            tried += 1
    assert tried > 60
    file = tmp_path / "answer.json"
    for content, code, said in (
        (json.dumps(answers[1]), 0, "成立 · Holds"),
        (json.dumps(changed(answers[1], ("kept", 0, "readers", 0, "since"))), 7, "不成立"),
        ("{", 7, "不成立"),
        ("[]", 7, "不成立"),
    ):
        file.write_text(content)
        result = CliRunner().invoke(app, ["check-answer", str(file), "--key", key])
        assert (result.exit_code, said in result.output) == (code, True), result.output


def value_at(answer: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        answer = answer[step]
    return answer
