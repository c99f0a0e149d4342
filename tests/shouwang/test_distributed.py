"""The start of a platform of processes: one that ends is named, and a log that does not hold stops nobody's work."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from infra.errors import StartFailed
from shouwang.client import Platform
from shouwang.distributed import Distributed

UNUSED: Any = None


def process(platform: Distributed, folder: Path, code: str) -> None:
    with (folder / "audit.log").open("wb") as out:
        platform.processes["audit"] = subprocess.Popen([sys.executable, "-c", code], stderr=out)


async def test_a_process_that_ends_while_the_platform_starts_is_named_with_its_last_words(
    tmp_path: Path,
) -> None:
    """As the audit service's does when its key is gone: nobody waits a minute for it."""
    platform = Distributed(tmp_path, UNUSED, UNUSED)
    process(platform, tmp_path, "import sys; sys.exit('密钥不在 key gone')")
    with pytest.raises(StartFailed, match="audit: 密钥不在 key gone"):
        await platform._ready("audit")


async def test_a_log_that_does_not_hold_does_not_keep_the_platform_from_starting(tmp_path: Path) -> None:
    """The first answer is of a database that is away: not ready. The second one names a log: that is all there will be."""
    answers = [b'{"code": "store-down"}', b'{"code": "log-differs"}']

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = answers.pop(0)
        writer.write(
            b"HTTP/1.1 503 x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    platform = Distributed(tmp_path, UNUSED, UNUSED)
    platform.urls["audit"] = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    process(platform, tmp_path, "import time; time.sleep(60)")
    try:
        await platform._ready("audit")
        assert answers == []
    finally:
        await platform.stop()
        server.close()


async def test_who_waits_until_all_is_settled_waits_for_a_service_that_starts_again() -> None:
    asked: list[int] = []

    class Restarting(Platform):
        async def positions(self) -> dict[str, Any]:
            asked.append(1)
            if len(asked) == 2:
                raise httpx2.ConnectError("it starts")
            return {}

    platform = Restarting({})
    assert await platform.settled() == {}
    assert len(asked) == 3
    await platform.close()
