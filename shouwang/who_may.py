"""Writes docs/authority.md and docs/disclosure.md from the tables: who may do what, and who is shown what, by which clause."""

from collections.abc import Iterator
from pathlib import Path

from schemas.catalogue import EVENTS
from schemas.described import fields_of
from schemas.event import parts_of
from schemas.fields import DataClass
from schemas.notification import Role
from schemas.reporting import ReportFiled
from schemas.words import CLASSES, KINDS, ROLES, SCOPES, Words
from services.kernel.people.authority import authority_table
from services.notification.disclosure import disclosure_table
from shouwang.openapi import public_commands

FOLDER = Path(__file__).parents[1] / "docs"
_OTHER: dict[str, Words] = {
    "reference-data": ("单位、岗位、区划和政策包", "Bodies, posts, regions and policy packs"),
    "import-ledger": ("导入台账", "Import a ledger"),
}
"""Entries of the table that are no command of an aggregate."""


def _said(words: Words) -> str:
    return " · ".join(words)


def authority_page() -> str:
    """Return the page of who may do what."""
    titles = _OTHER | {c.path: c.title for c in public_commands()}
    lines = [
        "# 谁可以办理什么 · Who may do what",
        "",
        "由 `schemas/authority.yaml` 生成。表中没有的,谁也不能办理。",
        "逐件可问 `POST /<服务>/may/<命令>`:能否办理,不能则为何不能。",
        "",
        "Made from `schemas/authority.yaml`. What is not here nobody may do.",
        "Of a single case `POST /<service>/may/<command>` tells whether you may, and if not, why not.",
        "",
        "| 事项 What | 命令 Command | 单位 Body | 范围 Where | 依据 Clause |",
        "|---|---|---|---|---|",
    ]
    for name, rules in authority_table().items():
        for rule in rules:
            bodies = (
                "、".join(KINDS[b][0] for b in rule.bodies)
                + " · "
                + ", ".join(KINDS[b][1] for b in rule.bodies)
            )
            lines.append(
                f"| {_said(titles[name])} | `{name}` | {bodies} | {_said(SCOPES[rule.scope])} | {rule.clause} |"
            )
    return "\n".join(lines) + "\n"


def disclosure_page() -> str:
    """Return the page of who is shown what: by data class, its fields, then role and clause and of which events."""
    lines = [
        "# 谁看得到什么 · Who sees what",
        "",
        "由 `schemas/disclosure.yaml` 和各事件的字段生成。表中没有的,谁也看不到。",
        "更正与被更正的事件同样告知;曾被告知而现已无权知悉的单位,只知有更正,不知其值。",
        "某个儿童的信息谁看得到、依据哪一条、自何时起,以及谁看过,见网页“谁看得到该儿童的什么”(`GET /audit/access`)。",
        "",
        "Made from `schemas/disclosure.yaml` and the fields of the events. What is not here nobody sees.",
        "A correction is told to whoever may read what it corrects; who may read it no longer is told without its value.",
        "Who sees which data of one child, by which clause and since when, and who looked, is on the web page",
        '"Who sees what of this child" (`GET /audit/access`).',
        "",
        "## 角色 · Roles",
        "",
        *(f"- `{role.value}` {_said(ROLES[role])}" for role in Role),
    ]
    for data_class in DataClass:
        if data_class is not DataClass.OPEN:
            lines += ["", f"## {_said(CLASSES[data_class])} (`{data_class.value}`)", "", *_class(data_class)]
    return "\n".join(lines) + "\n"


def _class(data_class: DataClass) -> Iterator[str]:
    fields: dict[str, list[str]] = {}
    for _, event in sorted(EVENTS.items()):
        for _, name, said in fields_of(event, data_class):
            fields.setdefault(f"`{name}` {said}", []).append(event.title[0])
    if not fields:
        yield "目前没有事件含有此类字段。 · No event carries it yet."
        return
    yield "| 字段 Field | 出现于 In |"
    yield "|---|---|"
    for field, titles in fields.items():
        yield f"| {field} | {'、'.join(dict.fromkeys(titles))} |"
    yield ""
    shown: dict[tuple[Role, str], list[str]] = {}
    for _, event in sorted(EVENTS.items()):
        if any(part.data_class is data_class for part in parts_of(event)):
            # A report has no body whose act it is: who filed it stands in its sealed block alone.
            for role in (r for r in Role if (r, event) != (Role.AUTHOR, ReportFiled)):
                rule = disclosure_table().find_rule(event.type, role)
                if rule and data_class in rule.show:
                    shown.setdefault((role, rule.clause), []).append(_said(event.title))
    if not shown:
        yield "谁也看不到。 · Nobody sees it."
        return
    yield "| 谁看得到 Who | 依据 Clause | 事件 Of which events |"
    yield "|---|---|---|"
    for (role, clause), titles in shown.items():
        yield f"| {_said(ROLES[role])} | {clause} | {'; '.join(titles)} |"


PAGES = {"authority.md": authority_page, "disclosure.md": disclosure_page}


def main() -> None:
    """Write both."""
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf8")


if __name__ == "__main__":
    main()
