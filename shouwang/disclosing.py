"""`shouwang disclosure`: what a body would be told of an event, and who would see more or less by another table."""

import base64
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from schemas.catalogue import EVENTS
from schemas.disclosure import hash_of, why_not
from schemas.fields import DataClass
from schemas.notification import Role
from schemas.words import CLASSES, ROLES
from services.kernel.errors import NotFound
from services.notification.disclosure import Disclosure, adopted_table, disclosure_table
from shouwang.importing import post_of
from shouwang.options import (
    AsJson,
    AsPost,
    AsProfile,
    Data,
    Profile,
    Url,
    fail,
    folder_of,
    guarded,
    with_platform,
)

if TYPE_CHECKING:
    from services.notification.preview import Change, Told
    from shouwang.client import Person, Platform

app = typer.Typer(no_args_is_help=True, help="谁被告知什么 · Who is told what, before anybody is told.")


@app.command()
def preview(
    *,
    event: Annotated[UUID, typer.Option(help="事件编号 · Id of the event")],
    as_body: Annotated[str, typer.Option("--as", help="单位编号或名称 · Body: id or name", metavar="BODY")],
    as_json: AsJson = False,
    data: Data = None,
    profile: AsProfile = Profile.EMBEDDED,
) -> None:
    """预览告知内容 · What a body would be told of an event now; with --json exactly the bytes. Nothing is opened."""
    from services.notification.preview import preview as look

    async def work() -> "list[Told]":
        async with _rows(folder_of(data, profile)) as rows:
            body = await _body(rows, as_body)
            try:
                return await look(rows, await _in_force(rows), event, body)
            except NotFound:
                raise fail(
                    6, f"通知服务未收到事件 {event}。", "Notification has heard no such event."
                ) from None

    told = guarded(work)
    if as_json:
        typer.echo(json.dumps([_bytes(t) for t in told], ensure_ascii=False))
    elif not told:
        typer.echo("该单位不会被告知此事件 · This body would not be told of it")
    for t in told if not as_json else ():
        typer.echo(f"{' · '.join(ROLES[t.role])}({t.clause})")
        typer.echo(f"  可见 shown: {_classes(t.shown)}")
        typer.echo(f"  不可见 withheld: {_classes(t.withheld)}")


@app.command()
def diff(
    new: Annotated[Path, typer.Argument(help="新的规则表 · The other table", exists=True, dir_okay=False)],
    old: Annotated[
        Path | None,
        typer.Argument(
            help="原规则表,默认现行表 · The table before; else that in force with --data, or the shipped one",
            exists=True, dir_okay=False,
        ),
    ] = None,
    *,
    as_json: AsJson = False,
    data: Data = None,
    profile: AsProfile = Profile.EMBEDDED,
) -> None:  # fmt: skip
    """比较规则表 · Who would see more or less by another table; with --data of a running platform, which bodies these are."""
    from services.notification.preview import changes

    before = (
        _table(old.name, old.read_bytes())
        if old
        else _now(folder_of(data, profile))
        if data
        else disclosure_table()
    )
    found = changes(before, _table(new.name, new.read_bytes()))
    bodies = _bodies(folder_of(data, profile), {c.role for c in found}) if data and found else {}
    if as_json:
        typer.echo(
            json.dumps(
                [c._asdict() | {"bodies": [b for b, _ in bodies.get(c.role, ())]} for c in found],
                ensure_ascii=False,
            )
        )
        return
    _echo([(change, bodies.get(change.role, ())) for change in found])


@app.command()
def propose(
    new: Annotated[Path, typer.Argument(help="新的规则表 · The other table", exists=True, dir_okay=False)],
    *,
    as_post: AsPost,
    data: Data = None,
    url: Url = None,
) -> None:
    """提请采用新的规则表 · Propose another table: it holds for nobody until a second person adopts it."""
    text = new.read_bytes()
    _table(new.name, text)

    async def work(platform: "Platform") -> None:
        who = await platform.sign_in(await post_of(platform, as_post))
        await who.do("registry/propose-disclosure-table", content=text.decode())
        await platform.settled()
        await _show(who, hash_of(text))

    guarded(lambda: with_platform(data, url, work))


@app.command()
def adopt(
    table: Annotated[str, typer.Argument(help="规则表摘要 · Hash of the table: sha256:…", metavar="HASH")],
    *,
    as_post: AsPost,
    yes: Annotated[bool, typer.Option("--yes", help="不再询问 · Don't ask again")] = False,
    data: Data = None,
    url: Url = None,
) -> None:
    """第二人签署,采用规则表 · Sign as the second: from now on everybody is told by this table."""

    async def work(platform: "Platform") -> None:
        who = await platform.sign_in(await post_of(platform, as_post))
        await _show(who, table)
        if yes or typer.confirm("签署采用? · Sign it?"):
            await who.do("registry/adopt-disclosure-table", content_hash=table)
            typer.echo(f"已采用 · adopted: {table}")

    guarded(lambda: with_platform(data, url, work))


async def _show(who: "Person", table: str) -> None:
    """Print what a proposed table would change."""
    from services.notification.preview import Change

    proposed = (await who.ask("notification/disclosure"))["proposed"]
    told = next((each for each in proposed if each["content_hash"] == table), None)
    if told is None:
        raise fail(6, f"没有待签署的规则表 {table}。", "No such table waits for a second signature.")
    typer.echo(f"{table}(由{told['by']}提请 · proposed by this post)")
    found = []
    for each in told["changes"]:
        bodies = [(held["body"], held["children"]) for held in each.pop("bodies")]
        name = each["data_class"] and DataClass(each["data_class"])
        found.append((Change(**each | {"role": Role(each["role"]), "data_class": name}), bodies))
    _echo(found)


def _echo(found: "Sequence[tuple[Change, Sequence[tuple[str, int]]]]") -> None:
    """Print what changes, for whom, and how much of it is more and less."""
    for change, bodies in found:
        typer.echo(_said(change))
        for name, count in bodies:
            typer.echo(f"    {name}:{count} 名儿童 · children")
    more = sum(change.more for change, _ in found)
    typer.echo(f"增加 {more} 项,减少 {len(found) - more} 项 · {more} more, {len(found) - more} less")


def _table(name: str, content: bytes) -> Disclosure:
    if why := why_not(content):
        raise fail(5, f"{name} 不是合格的规则表:{why}", "not a disclosure table, see above") from None
    return Disclosure(content)


async def _in_force(rows: Any) -> Disclosure:
    """Return the table by which a running platform tells."""
    from services.kernel.hearing.reference import Reference

    reference = Reference()
    await reference.load(rows)
    return adopted_table(reference.disclosure)


def _now(folder: Path) -> Disclosure:
    async def work() -> Disclosure:
        async with _rows(folder) as rows:
            return await _in_force(rows)

    found: Disclosure = guarded(work)
    return found


def _said(change: "Change") -> str:
    zh, en = EVENTS[change.event].title
    what = CLASSES[change.data_class] if change.data_class else ("发生此事", "that it happened")
    role = ROLES[change.role]
    sign = ("+ 可见", "sees") if change.more else ("- 不再可见", "no longer sees")
    return f"{sign[0]} {role[0]}:{zh}的{what[0]}({change.clause}) · {role[1]} {sign[1]} {what[1]} of {en}"


def _classes(names: Sequence[str]) -> str:
    words = {data_class.value: zh for data_class, (zh, _) in CLASSES.items()}
    return "、".join(f"{words[name]} {name}" for name in names) or "无 none"


def _bytes(told: "Told") -> dict[str, Any]:
    return {
        "role": told.role.value, "clause": told.clause, "envelope": told.envelope.decode(),
        "blocks": base64.b64encode(told.blocks).decode(), "shown": told.shown, "withheld": told.withheld,
    }  # fmt: skip


@asynccontextmanager
async def _rows(folder: Path) -> AsyncIterator[Any]:
    """Open notification's database under its running role, which holds no key. Raises NotRunning."""
    import asyncpg

    from infra.databases import urls
    from infra.postgres import Postgres
    from shouwang.embedded import secrets_of
    from shouwang.running import NotRunning

    postgres = Postgres(folder / "postgres")
    if not postgres.running:
        raise NotRunning
    link = await asyncpg.connect(urls("notification", postgres.url, secrets_of(folder)["database"])["app"])
    try:
        yield link
    finally:
        await link.close()


async def _body(rows: Any, named: str) -> UUID:
    """Return the id of a body that was named by id or by its name."""
    try:
        return UUID(named)
    except ValueError:
        for body, name in (await _names(rows)).items():
            if name == named:
                return body
    raise fail(6, f"没有名为“{named}”的单位。", "No body of that name is on record.")


async def _names(rows: Any) -> dict[UUID, str]:
    from services.kernel.hearing.reference import Reference

    reference = Reference()
    await reference.load(rows)
    return {body.id: body.name for body in reference.bodies.values()}


def _bodies(folder: Path, roles: set[Role]) -> Mapping[Role, list[tuple[str, int]]]:
    from services.notification.preview import held_by

    async def work() -> dict[Role, list[tuple[str, int]]]:
        async with _rows(folder) as rows:
            names = await _names(rows)
            held = await held_by(rows, sorted(roles))
            return {role: [(names.get(b, str(b)), n) for b, n in bodies] for role, bodies in held.items()}

    found: dict[Role, list[tuple[str, int]]] = guarded(work)
    return found
