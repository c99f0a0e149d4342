"""`shouwang`: run the platform, tell its story, import a ledger, look into history, stop.

Exit codes: 0 done · 1 something broke on our side · 2 wrong usage · 3 the platform could not start ·
4 the platform can't be reached · 5 a file was refused as a whole · 6 the platform refused the request ·
7 an export does not verify · 8 two versions of the views differ.
"""

import asyncio
import json
import os
import signal
import sys
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

if TYPE_CHECKING:
    from shouwang.client import Platform
from shouwang import disclosing
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
from shouwang.viewing import Deed

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="守望 Shouwang: " + (__doc__ or "").replace("\n\n", "\n\n\b\n"),
)  # fmt: skip
app.add_typer(disclosing.app, name="disclosure")
DEFAULT_PORT = 8180
Port = Annotated[int, typer.Option(help="端口,0 为任选 · Port; 0 takes a free one", min=0, max=65000)]
Founding = Annotated[
    Path | None,
    typer.Option(help="本县的建库文件 · The county's own founding file", dir_okay=False, exists=True),
]
Closing = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="截止日期 · Age is counted to this day")
]
_RURAL = "确认全表农村户籍三项事实已核实 · Attest that rural status was verified for all rows (SY 一)"

_NEW_KEY = "签名密钥确已丢失,另立新钥,更换记入检查点 · The audit key is lost: sign under a new one, on record"


class View(StrEnum):
    """What can be replayed."""

    PAGE = "page"


class Seed(StrEnum):
    """What an empty platform begins with."""

    DEMO = "demo"
    NONE = "none"


@app.command()
def run(
    *,
    data: Data = None,
    port: Port = DEFAULT_PORT,
    seed: Annotated[
        Seed, typer.Option(help="空库的初始内容 · What an empty platform begins with")
    ] = Seed.DEMO,
    founding: Founding = None,
    profile: AsProfile = Profile.EMBEDDED,
    story: Annotated[bool, typer.Option("--story", help="讲述演示故事 · Tell the demo story")] = False,
    once: Annotated[bool, typer.Option("--once", help="故事讲完即停止 · Stop after the story")] = False,
    new_audit_key: Annotated[bool, typer.Option("--new-audit-key", help=_NEW_KEY)] = False,
) -> None:
    """启动平台 · Start the platform on this machine and stay up until Ctrl-C or `shouwang stop`."""
    from shouwang.embedded import DEMO_COUNTY
    from shouwang.running import run_platform

    county = founding or (DEMO_COUNTY if seed is Seed.DEMO else None)
    guarded(
        lambda: run_platform(
            folder_of(data, profile),
            port,
            county,
            kafka=profile is Profile.KAFKA,
            story=story or once,
            once=once,
            new_audit_key=new_audit_key,
        )
    )


@app.command()
def story(*, data: Data = None, url: Url = None) -> None:
    """讲述演示故事 · Tell the demo story on a running platform; what was told before is not done twice."""
    from shouwang.story import Story

    guarded(lambda: with_platform(data, url, lambda platform: Story(platform, typer.echo).tell()))


@app.command("import")
def import_files(
    files: Annotated[list[Path], typer.Argument(help="台账文件 · Ledger files", metavar="FILE…")],
    *,
    as_post: AsPost,
    closing_date: Closing = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只试读 · Try only, write nothing")] = False,
    preview: Annotated[
        bool,
        typer.Option("--preview", help="只看概要:栏目、行数、问题 · Summary only: columns, counts, problems"),
    ] = False,
    column: Annotated[
        list[str] | None,
        typer.Option(
            help="本单位栏目=登记表栏目,记住不忘 · Own label=form's label, remembered; empty: not read"
        ),
    ] = None,
    rural_verified: Annotated[bool, typer.Option("--rural-verified", help=_RURAL)] = False,
    refused: Annotated[Path | None, typer.Option(help="被拒行写入此工作簿 · Refused rows go here")] = None,
    as_json: AsJson = False,
    data: Data = None,
    url: Url = None,
) -> None:
    """导入台账 · Import ledgers into a running platform, told row by row."""
    from shouwang.importing import import_all

    day: date | None = closing_date.date() if closing_date else None
    wanted = {
        "closing_date": day.isoformat() if day else None, "dry_run": dry_run,
        "rural": "verified" if rural_verified else None,
    }  # fmt: skip
    whole = guarded(
        lambda: with_platform(
            data,
            url,
            lambda platform: import_all(
                platform,
                files,
                as_post,
                wanted,
                refused,
                columns=column or [],
                preview=preview,
                as_json=as_json,
            ),
        )
    )
    if not whole:
        raise typer.Exit(5)


@app.command("undo-import")
def undo_import(
    made: Annotated[
        UUID | None,
        typer.Argument(help="导入编号,不填则列出 · Id of the import; left out: list them", metavar="ID"),
    ] = None,
    *,
    as_post: AsPost,
    as_json: AsJson = False,
    data: Data = None,
    url: Url = None,
) -> None:
    """撤销一次导入:更新的更正回原值,新登记的注销,均留痕 · Take an import back: updates corrected, new files closed."""
    from shouwang.importing import undo

    if not guarded(
        lambda: with_platform(data, url, lambda platform: undo(platform, as_post, made, as_json=as_json))
    ):
        raise typer.Exit(5)


class Book(StrEnum):
    """What can be taken out of the ledger."""

    ROSTER = "roster"
    FORMS = "forms"
    SUMMARY = "summary"


@app.command("export-ledger")
def export_ledger(
    kind: Annotated[Book, typer.Argument(help="花名册、登记表或汇总表 · Roster, forms or annex 3")],
    *,
    as_post: AsPost,
    closing_date: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="填报截止日期 · Ages are counted to this day")
    ],
    to: Annotated[Path, typer.Option(help="写入此工作簿 · The workbook goes here", dir_okay=False)],
    data: Data = None,
    url: Url = None,
) -> None:
    """导出台账 · Take the ledger out as this post may see it: an .xlsx; every child in it is put on record."""
    from shouwang.importing import post_of

    async def take(platform: "Platform") -> None:
        clerk = await platform.sign_in(await post_of(platform, as_post))
        book = await clerk.fetch(f"agency/exports/{kind}", closing_date=closing_date.date().isoformat())
        await asyncio.to_thread(to.write_bytes, book.content)

    guarded(lambda: with_platform(data, url, take))
    typer.echo(str(to))


@app.command("sign-in")
def sign_in(
    issuer: Annotated[
        str, typer.Option(help="身份提供方地址 · Address of the OIDC issuer", envvar="SHOUWANG_OIDC_ISSUER")
    ],
) -> None:
    """登录身份提供方,打印令牌 · Sign in at the OIDC provider and print a token: export SHOUWANG_TOKEN=$(shouwang sign-in)."""
    from shouwang.signing_in import sign_in as signed_in

    def show(address: str) -> None:
        typer.echo(f"请在本机浏览器打开 · Open in a browser on this machine:\n{address}", err=True)

    typer.echo(guarded(lambda: signed_in(issuer, show)))


@app.command()
def find(
    *,
    as_post: AsPost,
    name: Annotated[str | None, typer.Option(help="姓名 · Name")] = None,
    born: Annotated[
        str | None, typer.Option(help="出生日期,可只填年或年月 · Date of birth, or a part of it")
    ] = None,
    number: Annotated[str | None, typer.Option("--id", help="身份号码 · ID number")] = None,
    region: Annotated[str | None, typer.Option(help="所在村区划代码 · Code of the village")] = None,
    as_json: AsJson = False,
    data: Data = None,
    url: Url = None,
) -> None:
    """登记前查重 · Who on file may be the child about to be registered; decides nothing."""
    from shouwang.find import as_text
    from shouwang.find import find as ask

    wanted = {"name": name, "birth_date": born, "id_number": number, "region": region}
    told = guarded(lambda: with_platform(data, url, lambda platform: ask(platform, as_post, wanted)))
    typer.echo(json.dumps(told, ensure_ascii=False) if as_json else "\n".join(as_text(told)))


@app.command()
def replay(
    *,
    child: Annotated[str, typer.Option(help="儿童编号 · Child id")],
    as_post: AsPost,
    until: Annotated[
        datetime,
        typer.Option(formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d"], help="时刻(北京时间) · Moment, in China"),
    ],
    view: Annotated[View, typer.Option(help="视图 · View")] = View.PAGE,
    data: Data = None,
    url: Url = None,
) -> None:
    """按时刻重放视图 · Replay a view up to a moment: what this body's page of a child was then, as JSON."""
    from services.kernel.world import CHINA
    from shouwang.importing import post_of

    async def ask(platform: Any) -> Any:
        person = await platform.sign_in(await post_of(platform, as_post))
        return await person.ask(f"agency/children/{child}", until=until.replace(tzinfo=CHINA).isoformat())

    del view  # there is one so far, and any other is refused by name
    found = guarded(lambda: with_platform(data, url, ask))
    typer.echo(json.dumps(found, ensure_ascii=False, indent=1))


@app.command()
def view(
    deed: Annotated[Deed, typer.Argument(help="操作 · What to do")],
    version: Annotated[
        int | None,
        typer.Argument(help="版本号(compare、switch、drop) · Version, for compare, switch and drop"),
    ] = None,
    *,
    accept_differences: Annotated[
        bool,
        typer.Option(
            "--accept-differences",
            help="内容不同也切换,不作比较 · Switch without comparing: differences are meant",
        ),
    ] = False,
    as_json: AsJson = False,
    data: Data = None,
    profile: AsProfile = Profile.EMBEDDED,
) -> None:
    """视图版本 · Versions of the views: build a new one beside, compare it, let it answer, go back, drop one."""
    from shouwang.viewing import as_text, do, versions_in

    if (version is None) is (deed not in {Deed.LIST, Deed.BUILD}):
        raise typer.BadParameter("compare、switch、drop 需要版本号 · compare, switch and drop want a version")
    folder = folder_of(data, profile)

    async def work() -> dict[str, Any]:
        return await do(versions_in(folder), deed, version or 0, accept_differences=accept_differences)

    told = guarded(work)
    typer.echo(json.dumps(told, ensure_ascii=False) if as_json else "\n".join(as_text(deed, told)))
    if deed is Deed.COMPARE and not told["equal"]:
        raise typer.Exit(8)


@app.command()
def backup(
    to: Annotated[
        Path, typer.Option("--to", help="备份目录,须为空 · Empty folder for the backup", file_okay=False)
    ],
    *,
    data: Data = None,
    profile: AsProfile = Profile.EMBEDDED,
) -> None:
    """备份整个数据库集群,不含密钥环 · Back the whole cluster up while it runs; the key ring is not in it."""
    from infra.backup import back_up
    from infra.postgres import Postgres

    async def work() -> None:
        await asyncio.to_thread(back_up, Postgres(folder_of(data, profile) / "postgres"), to.absolute())

    guarded(work)
    typer.echo(f"已备份 · Backed up: {to}")


@app.command()
def restore(
    backup: Annotated[
        Path, typer.Option("--from", help="备份目录 · Folder of the backup", file_okay=False, exists=True)
    ],
    *,
    data: Annotated[
        Path, typer.Option("--data", help="新数据目录,须为空 · New, empty data folder", file_okay=False)
    ],
    installation: Annotated[
        Path | None,
        typer.Option(
            help="取今日的密钥环与密钥文件 · Data folder in use, whose key ring and secrets are taken"
        ),
    ] = None,
) -> None:
    """从备份恢复到新目录 · Restore a backup into a new data folder, with today's key ring: what was erased stays erased."""
    from infra.backup import restore as restore_cluster

    async def work() -> None:
        postgres = await restore_cluster(backup.absolute(), installation, data.absolute())
        await asyncio.to_thread(postgres.stop)

    guarded(work)
    typer.echo(
        f"已恢复,视图将在启动时按今日密钥重建 · Restored, the views are built anew at the start: shouwang run --data {data}"
    )


@app.command("rotate-keys")
def rotate_keys(
    *,
    leave_service: Annotated[
        bool,
        typer.Option(
            "--leave-service", help="由密钥服务改回口令 · From the key service back to a passphrase"
        ),
    ] = False,
    data: Data = None,
    profile: AsProfile = Profile.EMBEDDED,
) -> None:
    """更换密钥环的口令,或改由密钥服务保护,平台须已停止 · Give the key ring another passphrase, or over to the key service."""
    from shouwang.rotating import rotate
    from shouwang.running import find_running

    folder = folder_of(data, profile)
    if not (folder / "keys.sqlite").exists():
        raise fail(4, "该数据目录没有密钥环。", "There is no key ring in this data folder.")
    if find_running(folder) is not None:
        raise fail(
            4,
            "平台正在运行,请先停止:shouwang stop。",
            "The platform runs: stop it first, with shouwang stop.",
        )

    async def work() -> None:
        await asyncio.to_thread(rotate, folder, leave=leave_service)

    guarded(work)
    typer.echo("已更换 · Rotated")


@app.command("export-log")
def export_log(
    *,
    to: Annotated[Path, typer.Option("--to", help="导出目录 · Folder to write to", file_okay=False)],
    auditor: Annotated[str, typer.Option("--as", help="审计岗位 · Key of the auditor's post")] = "procurator",
    data: Data = None,
    profile: AsProfile = Profile.EMBEDDED,
) -> None:
    """导出日志供离线核验 · Take the stores and the signed checkpoint of a running platform out, to verify offline."""
    from shouwang.auditing import export_log as take_out

    folder = folder_of(data, profile)
    sizes = guarded(
        lambda: with_platform(folder, None, lambda platform: take_out(folder, platform, auditor, to))
    )
    for store, size in sizes.items():
        typer.echo(f"{store:13} {size} 件 events")


def _public(key: str) -> str:
    """Return the public key that was given, or that stands in the file that was named."""
    file = Path(key)
    return file.read_text(encoding="utf8") if file.is_file() else key


@app.command()
def verify(
    export: Annotated[Path, typer.Argument(help="导出目录 · Exported folder", file_okay=False, exists=True)],
    *,
    key: Annotated[
        str | None,
        typer.Option("--key", help="公钥或其文件 · The public key, or its file; else the export's own"),
    ] = None,
    since: Annotated[
        Path | None,
        typer.Option(
            "--since", help="先前的检查点,导出须为其延续 · An earlier checkpoint that the export must extend", dir_okay=False,
            exists=True,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """离线核验导出的日志 · Verify an export offline; names the first broken event of each log."""
    from services.audit.verify import KEY, as_text, verify_folder

    public = _public(key or str(export / KEY))
    earlier = since.read_text(encoding="utf8", errors="replace") if since else None
    broken = verify_folder(export, public, earlier)
    if as_json:
        typer.echo(json.dumps([vars(b) for b in broken], ensure_ascii=False))
    elif broken:
        typer.echo(as_text(broken))
    else:
        typer.echo("全部成立 · Everything holds")
    if key is None:
        typer.echo(
            "注意:公钥取自导出目录 · The key came with the export: use one you got elsewhere", err=True
        )
    if broken:
        raise typer.Exit(7)


PublicKey = Annotated[
    str, typer.Option("--key", help="检查点公钥或其文件 · Public key of checkpoints, or its file")
]


@app.command("check-receipt")
def check_receipt(
    receipt: Annotated[Path, typer.Argument(help="回执文件 · The receipt, as a file", dir_okay=False, exists=True)],
    *,
    key: PublicKey,
) -> None:  # fmt: skip
    """核验报告回执或删除证明 · Verify a receipt offline: signed by this installation, and what it says."""
    from services.audit.note import NoteBroken, read_receipt

    try:
        told = read_receipt(receipt.read_text(encoding="utf8", errors="replace"), _public(key))
    except NoteBroken:
        raise fail(
            7,
            "回执不成立:格式或签名不对。",
            "The receipt doesn't hold: its form or its signature is not right.",
        ) from None
    typer.echo("\n".join(["成立 · Holds", told.kind, *(f"{word} {value}" for word, value in told.told)]))


@app.command("check-answer")
def check_answer(
    answer: Annotated[Path, typer.Argument(help="保存的答复(JSON) · The answer as it was saved", dir_okay=False, exists=True)],
    *,
    key: PublicKey,
) -> None:  # fmt: skip
    """核验保存的审计答复 · Verify a saved answer offline: who was told or looked, as what, by which clause, when."""
    from services.audit.checking import check_answer as check
    from services.audit.note import NoteBroken

    try:
        told = check(json.loads(answer.read_text(encoding="utf8", errors="replace")), _public(key))
    except (NoteBroken, ValueError):
        raise fail(
            7,
            "答复不成立:格式、签名或证明不对,内容可能被改动。",
            "The answer doesn't hold: its form, signature or a proof is not right; it may have been altered.",
        ) from None
    typer.echo(
        f"成立 · Holds: {told.proved} 项有证明 proved, {told.unproved} 项当时尚无证明 had no proof yet, {told.moment}"
    )


@app.command()
def trace(*, as_json: AsJson = False) -> None:
    """需求对照 · Which requirement is met by which events, code and tests."""
    from shouwang import trace as tracing

    rows = tracing.trace()
    typer.echo(json.dumps(rows, ensure_ascii=False, indent=1) if as_json else tracing.table(rows))


@app.command()
def stop(
    *,
    data: Data = None,
    profile: Annotated[Profile, typer.Option(help="运行方式 · Profile")] = Profile.EMBEDDED,
) -> None:
    """停止平台 · Stop the platform that runs in a data folder, and wait until it is gone."""
    from shouwang.running import find_running, wait_until_gone

    running = find_running(folder_of(data, profile))
    if running is None:
        raise fail(4, "该数据目录没有正在运行的平台。", "No platform runs in this data folder.")
    os.kill(running["pid"], signal.SIGTERM)
    wait_until_gone(running["pid"])
    typer.echo("已停止 · Stopped")


def main() -> None:
    """Run the command."""
    sys.exit(app())
