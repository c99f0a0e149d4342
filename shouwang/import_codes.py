"""Writes docs/import-codes.md from the codes themselves: what a clerk reads about a refused row."""

from pathlib import Path

from services.registry.imports import CODES
from services.registry.ledger.codes import get_codes

FILE = Path(__file__).parents[1] / "docs" / "import-codes.md"
_KINDS = {
    "file": "整个文件被拒 · File refused", "row": "该行被拒 · Row refused", "warning": "收下并提示 · Taken, with a doubt",
    "ignored": "跳过 · Passed over", "column": "表头提示 · Header",
}  # fmt: skip


def page() -> str:
    """Return the page: a table of every code, what it says and what to do."""
    lines = [
        "# 台账导入代码 · Codes of a ledger import",
        "",
        "每行结果为 `accepted` 收下、`refused` 拒绝、`duplicate` 重复、`ignored` 跳过。",
        "提示前可带栏目名:`父亲.公民身份证号码:id-checksum-wrong`。",
        "",
        "Outcomes are `accepted`, `refused`, `duplicate` and `ignored`. A warning may stand behind its label.",
        "",
        "| 代码 Code | 用于 Where | 含义 Meaning | 怎么办 What to do |",
        "|---|---|---|---|",
    ]
    for name, code in sorted(get_codes().items()):
        kinds = "; ".join(_KINDS[kind] for kind in code.kinds)
        lines.append(f"| `{name}` | {kinds} | {code.zh} · {code.en} | {code.todo_zh} {code.todo_en} |")
    for name, (zh, en) in sorted(CODES.items()):
        lines.append(f"| `{name}` | 台账比对 · Against the ledger | {zh} · {en} | |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(page(), encoding="utf8")
