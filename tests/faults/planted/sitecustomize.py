"""Plants a bug in every interpreter that starts with this folder on its path and SHOUWANG_PLANTED naming it.

Sources are edited as they are read, in memory: nothing of it is in the product, and none of its files is written.
"""

import importlib.util
import os
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

ROOT = Path(__file__).resolve().parents[3]


def _bugs() -> Any:
    spec = importlib.util.spec_from_file_location("planted_bugs", Path(__file__).with_name("bugs.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def edited(text: str, edits: Sequence[Any]) -> str:
    """Return the text with these edits in it; each must be there once, else the bug is not the one we think."""
    for edit in edits:
        if text.count(edit.old) != 1:
            message = f"{edit.file}: {edit.old!r} stands there {text.count(edit.old)} times"
            raise ValueError(message)
        text = text.replace(edit.old, edit.new)
    return text


def plant(name: str) -> None:
    """Edit Python as it is compiled, SQL and other files as they are read."""
    by_file: dict[str, list[Any]] = {}
    for edit in _bugs().BUGS[name].edits:
        by_file.setdefault(str(ROOT / edit.file), []).append(edit)
    get_code, read_text = SourceFileLoader.get_code, Path.read_text

    def code_of(self: SourceFileLoader, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        if path not in by_file:
            return get_code(self, fullname)
        text = self.get_data(path).decode()
        return compile(edited(text, by_file[path]), path, "exec", dont_inherit=True)

    def text_of(self: Path, *args: Any, **how: Any) -> str:
        text = read_text(self, *args, **how)
        return edited(text, by_file[str(self)]) if str(self) in by_file else text

    SourceFileLoader.get_code = code_of  # type: ignore[method-assign, assignment]
    Path.read_text = text_of  # type: ignore[method-assign]


if name := os.environ.get("SHOUWANG_PLANTED"):
    plant(name)
