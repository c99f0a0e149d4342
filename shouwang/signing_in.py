"""Sign-in from a terminal at the OIDC provider: code flow with PKCE, answered on a loopback address (RFC 8252, RFC 7636)."""

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2

from services.kernel.errors import NotSignedIn, ProviderDown

CLIENT = "shouwang-people"
_PATIENCE_SECONDS = 300
_PAGE = "<!doctype html><meta charset=utf-8><title>守望</title><p>{} · {}"


def challenge_of(verifier: str) -> str:
    """Return the challenge (S256) of a verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


async def sign_in(issuer: str, show: Callable[[str], None], client: str = CLIENT) -> str:
    """Return an access token of whoever signs in at the address that `show` is given.

    Raises ProviderDown where the provider doesn't answer, NotSignedIn where it refuses or nobody comes in five minutes.
    """
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    answer: asyncio.Future[dict[str, list[str]]] = asyncio.get_running_loop().create_future()

    async def come_back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readline()).decode("latin1").split(" ")
        told = parse_qs(urlsplit(line[1]).query) if len(line) > 1 else {}
        ours = told.get("state") == [state]
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
        try:
            places = await _json(await http.get(f"{issuer.rstrip('/')}/.well-known/openid-configuration"))
            server = await asyncio.start_server(come_back, "127.0.0.1", 0)
            back = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            asked = {
                "response_type": "code", "client_id": client, "redirect_uri": back, "scope": "openid", "state": state,
                "code_challenge": challenge_of(verifier), "code_challenge_method": "S256",
            }  # fmt: skip
            async with server, asyncio.timeout(_PATIENCE_SECONDS):
                show(f"{places['authorization_endpoint']}?{urlencode(asked)}")
                told = await answer
            form = {
                "grant_type": "authorization_code", "client_id": client, "redirect_uri": back,
                "code": told["code"][0], "code_verifier": verifier,
            }  # fmt: skip
            token: str = (await _json(await http.post(places["token_endpoint"], data=form)))["access_token"]
        except httpx2.TransportError as error:
            raise ProviderDown from error
        except (TimeoutError, httpx2.HTTPStatusError, ValueError, KeyError) as error:
            raise NotSignedIn from error
        return token


async def _json(answer: httpx2.Response) -> dict[str, Any]:
    answer.raise_for_status()
    told: dict[str, Any] = answer.json()
    return told
