"""`shouwang import`: sends ledgers to a running platform and prints what became of each row."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import typer

from services.registry.founding import post_id
from services.registry.imports import CODES
from services.registry.ledger.codes import code_of, explain, get_codes
from shouwang.client import Person, Platform, Told

_MOST_BYTES = 50 * 1024 * 1024
_LOOKS = 30
"""Each waits up to ten seconds."""
_MARKS = {"accepted": "✓", "refused": "✗", "duplicate": "=", "ignored": "·"}
_UNDONE = {"withdrawn": "✓", "unchanged": "=", "refused": "✗"}


async def import_all(
    platform: Platform,
    files: list[Path],
    post: str,
    wanted: dict[str, Any],
    refused: Path | None,
    *,
    columns: list[str],
    preview: bool,
    as_json: bool,
) -> bool:
    """Import files one after the other, or only preview them; returns whether every file could be read."""
    clerk = await platform.sign_in(await post_of(platform, post))
    if columns:
        pairs = [told.rpartition("=") for told in columns]
        choices = [{"label": label, "field": field or None} for label, _, field in pairs]
        await clerk.put("registry/imports/columns", choices)
    whole = True
    for file in files:
        if preview:
            whole = await _preview(clerk, file, wanted, as_json=as_json) and whole
            continue
        lines = await _import(clerk, file, wanted)
        for line in lines:
            typer.echo(msgspec.json.encode(line).decode() if as_json else _plain(line))
        whole = whole and lines[-1]["outcome"] != "refused"
        if refused is not None and any(line["outcome"] == "refused" for line in lines[:-1]):
            told = {k: v for k, v in wanted.items() if k != "dry_run"}
            book = await clerk.send_file(
                "registry/imports/refused-rows", file.read_bytes(), filename=file.name, **told
            )
            target = refused if len(files) == 1 else refused.with_name(f"{refused.stem}-{file.stem}.xlsx")
            target.write_bytes(book.content)
        if lines[-1].get("token"):
            await _seen(clerk, lines[-1]["token"])
    return whole


async def _seen(clerk: Person, token: str) -> None:
    """Wait until the office's ledger shows what was imported: who exports next expects to find it."""
    for _ in range(_LOOKS):
        try:
            await clerk.ask("agency/worklist", at_least=token)
        except Told as told:
            if told.body.get("code") != "not-yet":
                raise
        else:
            return
    typer.echo(
        "已全部登记;台账视图仍在更新,稍后可查可导出 · All entered; the ledger's view still catches up",
        err=True,
    )


async def undo(platform: Platform, post: str, made: UUID | None, *, as_json: bool) -> bool:
    """Take an import back, or list the office's imports where none is named; returns whether all could be taken back."""
    clerk = await platform.sign_in(await post_of(platform, post))
    if made is None:
        for each in await clerk.ask("registry/imports"):
            typer.echo(msgspec.json.encode(each).decode() if as_json else _on_record(each))
        return True
    *children, last = await clerk.post_lines(f"registry/imports/{made}/undo")
    for line in children:
        told = f"{_UNDONE[line['outcome']]} {line['child']}  {line.get('zh', '')} {line.get('en', '')}"
        typer.echo(msgspec.json.encode(line).decode() if as_json else told.rstrip())
    counted = ", ".join(f"{k} {v}" for k, v in last["counts"].items())
    typer.echo(msgspec.json.encode(last).decode() if as_json else f"{last['import']}: {counted or 0}")
    return "refused" not in last["counts"]


def _on_record(made: dict[str, Any]) -> str:
    counts = ", ".join(f"{k} {v}" for k, v in (made["counts"] or {}).items()) or "未完成 cut off"
    undone = f"  已撤销 undone {made['undone_at']}" if made["undone_at"] else ""
    return f"{made['id']}  {made['made_at']}  {counts}{undone}"


async def _preview(clerk: Person, file: Path, wanted: dict[str, Any], *, as_json: bool) -> bool:
    told = {k: v for k, v in wanted.items() if k != "dry_run"}
    content = await asyncio.to_thread(file.read_bytes)
    seen = (await clerk.send_file("registry/imports/preview", content, filename=file.name, **told)).json()
    if as_json:
        typer.echo(msgspec.json.encode(seen).decode())
        return bool(seen["outcome"] != "refused")
    typer.echo(_plain(seen))
    for sheet in seen.get("columns", []):
        typer.echo(f"  {sheet['sheet'] or file.name}")
        for column in sheet["columns"]:
            doubt = f"  ({_said(column['doubt'])})" if column["doubt"] else ""
            typer.echo(f"    {column['label']} → {column['field'] or '—'}{doubt}")
    for case in seen.get("cases", []):
        where = ", ".join(f"{c['sheet']} {c['row']} {c['about']}".strip() for c in case["first"])
        typer.echo(f"  ✗{case['refuses']} !{case['warns']}  {case['zh']} {case['en']}  [{where}]")
    return bool(seen["outcome"] != "refused")


async def _import(clerk: Person, file: Path, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    try:
        if not file.is_file():
            return [_whole(file, "file-missing")]
        if file.stat().st_size > _MOST_BYTES:
            return [_whole(file, "workbook-too-large")]
        answer = await clerk.send_file("registry/imports", file.read_bytes(), filename=file.name, **wanted)
    except OSError:
        return [_whole(file, "file-missing")]
    return [msgspec.json.decode(line) for line in answer.content.splitlines()]


def _whole(file: Path, reason: str) -> dict[str, Any]:
    return {"file": file.name, "outcome": "refused", "reasons": [reason], "warnings": []}


async def post_of(platform: Platform, post: str) -> UUID:
    """Find a post by its id, its key in the founding file, or its title."""
    people = await platform.people()
    for person in people:
        if post in {person["post"], person["duty"], f"{person['body']} {person['duty']}"}:
            return UUID(person["post"])
    keyed = post_id(post)
    if str(keyed) in {p["post"] for p in people}:
        return keyed
    raise Told(
        404,
        {
            "code": "post-unknown",
            "title": f"没有此岗位:{post}",
            "detail": "No such post; see GET /registry/dev/people",
        },
    )


def _plain(line: dict[str, Any]) -> str:
    """Return a line for people."""
    if "row" not in line:
        counts = ", ".join(f"{k} {v}" for k, v in line.get("counts", {}).items())
        why = "; ".join(_said(r) for r in line["reasons"])
        made = f"  导入编号 import {line['import']}" if line.get("import") else ""
        return f"{line['file']}: {counts or why}{made}"
    told = [_said(c) for c in (*line["reasons"], *line["warnings"])]
    return f"{_MARKS[line['outcome']]} {line['sheet']} {line['row']:>4}  {'; '.join(told)}"


def _said(code: str) -> str:
    """Return a code as a sentence in Chinese and English; a refusal of the registry is its own name."""
    if code_of(code) in get_codes():
        return f"{explain(code, 'zh')} {explain(code, 'en')}"
    zh, en = CODES.get(code, (code, ""))
    return f"{zh} {en}".strip()
