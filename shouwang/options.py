"""What the commands of `shouwang` share: options, the data folder, and errors that are foreseen, each with its exit code."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from infra.errors import InfraError
from infra.folders import default_folder

Data = Annotated[
    Path | None,
    typer.Option("--data", help="数据目录 · Folder for data", envvar="SHOUWANG_DATA", file_okay=False),
]
Url = Annotated[str | None, typer.Option(help="平台地址 · Where the platform is")]
AsPost = Annotated[str, typer.Option("--as", help="岗位 · Post: id, key or title", metavar="POST")]
AsJson = Annotated[bool, typer.Option("--json", help="机器可读输出 · Output for programs")]


class Profile(StrEnum):
    """How it runs."""

    EMBEDDED = "embedded"
    KAFKA = "kafka"


AsProfile = Annotated[Profile, typer.Option(help="运行方式 · How it runs")]


def fail(code: int, zh: str, en: str) -> typer.Exit:
    typer.echo(f"{zh} · {en}", err=True)
    return typer.Exit(code)


def folder_of(data: Path | None, profile: Profile = Profile.EMBEDDED) -> Path:
    return (data or default_folder(f"demo-{profile}")).absolute()


async def with_platform(data: Path | None, url: str | None, use: Callable[[Any], Awaitable[Any]]) -> Any:
    from shouwang.client import Platform
    from shouwang.running import NotRunning, find_running

    if url is not None:
        from infra.databases import SERVICES

        urls = dict.fromkeys(SERVICES, url.rstrip("/"))
    else:
        places = [folder_of(data)] if data else [folder_of(None, p) for p in Profile]
        running = next((found for place in places if (found := find_running(place))), None)
        if running is None:
            raise NotRunning
        urls = running["urls"]
    platform = Platform(urls, os.environ.get("SHOUWANG_TOKEN"))
    try:
        return await use(platform)
    finally:
        await platform.close()


def guarded(work: Callable[[], Awaitable[Any]]) -> Any:
    """Run, and turn what can be foreseen into a named message and its exit code."""
    import httpx2
    from pydantic import ValidationError

    from services.audit.signing_key import AuditKeyRefused
    from services.kernel.database import NewerData
    from services.kernel.errors import Refusal
    from services.kernel.keys.ring import WrongPassphrase
    from shouwang.client import Told
    from shouwang.running import NotRunning

    try:
        return uvloop.run(work())  # type: ignore[arg-type]
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(0) from None
    except (InfraError, AuditKeyRefused, NewerData, WrongPassphrase) as error:
        said = isinstance(error, InfraError | AuditKeyRefused)
        typer.echo(str(error) if said else f"{error.__doc__} {error}", err=True)
        raise typer.Exit(3) from None
    except ValidationError as error:
        raise fail(3, f"设置不符合要求:{error}", "settings don't fit, see above") from None
    except Told as told:
        typer.echo(str(told), err=True)
        raise typer.Exit(6) from None
    except Refusal as refusal:
        typer.echo(" · ".join(refusal.sentences) + f" {refusal.facts or ''}", err=True)
        raise typer.Exit(6) from None
    except (httpx2.TransportError, NotRunning):
        raise fail(
            4,
            "平台未在运行或连接不上,请先执行 shouwang run。",
            "The platform isn't running or can't be reached: start it with shouwang run.",
        ) from None
    except OSError as error:
        import errno

        if error.errno == errno.EADDRINUSE:
            raise fail(
                3, "端口已被占用,请用 --port 换一个。", "The port is taken: choose another with --port."
            ) from None
        raise fail(3, f"系统错误:{error.strerror}", f"The system refused: {error.filename or ''}") from None
