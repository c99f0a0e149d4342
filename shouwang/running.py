"""Starting and stopping a platform in a data folder, in either profile."""

import asyncio
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import typer

from infra.kafka import Kafka
from infra.postgres import Postgres
from services.kernel.telemetry import set_up_logs
from shouwang.client import Platform
from shouwang.distributed import Distributed
from shouwang.embedded import DEMO_COUNTY, Embedded
from shouwang.story import Story

_STOP_SECONDS = 60


class NotRunning(Exception):  # noqa: N818
    """No platform runs in this data folder."""


async def run_platform(
    folder: Path, port: int, founding: Path | None, *, kafka: bool, story: bool, once: bool,
    new_audit_key: bool = False,
) -> None:  # fmt: skip
    """Start everything, tell the story if asked, and stay up until told to stop."""
    set_up_logs("platform")
    folder.mkdir(parents=True, exist_ok=True)
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    postgres = Postgres(folder / "postgres")
    broker = Kafka(folder / "kafka") if kafka else None
    await asyncio.to_thread(postgres.start)
    try:
        if broker is not None:
            await asyncio.to_thread(broker.start)
        platform: Embedded | Distributed = (
            Distributed(folder, postgres, broker, port=port, founding=founding, new_audit_key=new_audit_key)
            if broker is not None
            else Embedded(folder, postgres, port=port, founding=founding, new_audit_key=new_audit_key)
        )
        await platform.start()
        try:
            await _serve(folder, platform, told, story=story and founding == DEMO_COUNTY, once=once)
        finally:
            (folder / "platform.json").unlink(missing_ok=True)
            await platform.stop()
    finally:
        if broker is not None:
            await asyncio.to_thread(broker.stop)
        await asyncio.to_thread(postgres.stop)


async def _serve(
    folder: Path, platform: Embedded | Distributed, told: asyncio.Event, *, story: bool, once: bool
) -> None:
    beside = folder / "platform.json.new"
    beside.write_text(json.dumps({"pid": os.getpid(), "urls": platform.urls}))
    beside.replace(folder / "platform.json")  # whoever looks sees all of it or nothing
    typer.echo("守望已启动 · Shouwang is up")
    if story:
        client = Platform(platform.urls)
        try:
            machine = platform if isinstance(platform, Embedded) else None
            telling = asyncio.create_task(Story(client, typer.echo, machine=machine).tell())
            stopping = asyncio.create_task(told.wait())
            await asyncio.wait({telling, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if telling.done():
                telling.result()
            telling.cancel()
            stopping.cancel()
        finally:
            await client.close()
    if once or told.is_set():
        return
    base = platform.urls
    typer.echo("\n接下来 · Where to go on")
    typer.echo(f"  网页 pages    {platform.pages}/")
    for name, url in base.items():
        typer.echo(f"  {name:13} {url}/{name}/docs")
    typer.echo(
        f"  登录 sign in  POST {base['registry']}/registry/dev/sign-in   人员 people  GET {base['registry']}/registry/dev/people"
    )
    typer.echo("  停止 stop     Ctrl-C")
    await told.wait()


def find_running(folder: Path) -> dict[str, Any] | None:
    """Return pid and URLs of the platform that runs in a folder, or None."""
    try:
        found: dict[str, Any] = json.loads((folder / "platform.json").read_text())
        os.kill(found["pid"], 0)
    except (OSError, ValueError):
        return None
    return found


def wait_until_gone(pid: int) -> None:
    """Wait until a process has ended. Raises TimeoutError after a minute."""
    deadline = time.monotonic() + _STOP_SECONDS
    while True:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)
