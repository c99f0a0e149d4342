"""Sign-in from a terminal at the OIDC provider: code flow with PKCE, answered on a loopback address (RFC 8252)."""

import asyncio
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import httpx2

from services.kernel.errors import NotSignedIn
from services.kernel.people.code_flow import CLIENT, CodeFlow

_PATIENCE_SECONDS = 300
_PAGE = "<!doctype html><meta charset=utf-8><title>守望</title><p>{} · {}"


async def sign_in(issuer: str, show: Callable[[str], None], client: str = CLIENT) -> str:
    """Return an access token of whoever signs in at the address that `show` is given.

    Raises ProviderDown where the provider doesn't answer, NotSignedIn where it refuses or nobody comes in five minutes.
    """
    flow: CodeFlow | None = None
    answer: asyncio.Future[dict[str, list[str]]] = asyncio.get_running_loop().create_future()

    async def come_back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readline()).decode("latin1").split(" ")
        told = parse_qs(urlsplit(line[1]).query) if len(line) > 1 else {}
        ours = flow is not None and told.get("state") == [flow.state]
        page = (
            _PAGE.format("已登录,可以关闭本页。", "Signed in.")
            if ours
            else _PAGE.format("登录无效。", "Not ours.")
        )
        writer.write(
            f"HTTP/1.1 {200 if ours else 400} \r\nContent-Type: text/html\r\nConnection: close\r\n\r\n{page}".encode()
        )
        await writer.drain()
        writer.close()
        if ours and not answer.done():
            answer.set_result(told)

    async with httpx2.AsyncClient(timeout=10) as http:
        server = await asyncio.start_server(come_back, "127.0.0.1", 0)
        flow = CodeFlow(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", client)
        try:
            async with server, asyncio.timeout(_PATIENCE_SECONDS):
                show(await flow.address(http, issuer))
                told = await answer
            return await flow.token(http, issuer, told["code"][0])
        except (TimeoutError, KeyError) as error:
            raise NotSignedIn from error
