"""The words behind the codes: what a refusal or a warning says, and what to do about it."""

from functools import cache
from typing import Literal, NamedTuple

from services.registry.ledger.data import load

Kind = Literal["file", "row", "warning", "ignored", "column"]


class Code(NamedTuple):
    """`zh` and `en` say what is wrong; `todo_zh` and `todo_en` what the office can do."""

    kinds: tuple[Kind, ...]
    zh: str
    en: str
    todo_zh: str
    todo_en: str


@cache
def get_codes() -> dict[str, Code]:
    """Every code that a reading may hold, by name."""
    return {
        name: Code(tuple(about["kinds"]), about["zh"], about["en"], *about["do"])
        for name, about in load("codes").items()
    }


def code_of(warning: str) -> str:
    """The code of `父亲.公民身份证号码:id-checksum-wrong`, which stands behind the last colon."""
    return warning.rpartition(":")[2]


def explain(warning: str, language: Literal["zh", "en"]) -> str:
    """A reason or a warning as a sentence with what to do; a label in front is kept as printed."""
    label = warning.rpartition(":")[0]
    code = get_codes()[code_of(warning)]
    said, todo = (code.zh, code.todo_zh) if language == "zh" else (code.en, code.todo_en)
    front = f"{label}: " if label else ""
    return f"{front}{said}{'。' if language == 'zh' else '. '}{todo}"
