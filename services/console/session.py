"""Who is signed in to the pages: a sealed cookie, so that no process has to remember anybody."""

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from starlette.responses import Response

from services.kernel.errors import Refusal
from services.kernel.world import World

HOURS = 8
MOST = 3_800
"""Characters: browsers drop cookies over 4 KiB without a word."""
_NONCE = 12


class TokenTooLong(Refusal):
    """身份提供方签发的令牌过长,无法保存登录;请管理员精简令牌内容。 · The provider's token is too long to keep: have what it holds cut down."""  # noqa: E501

    status = 503


class Session(NamedTuple):
    """An access token, and the post that was chosen, where the person holds several."""

    token: str
    post: str | None = None


class Cookies:
    """Seals and opens cookies (AES-256-GCM); each kind under a name that it is bound to."""

    def __init__(self, secret: str, world: World, *, https: bool) -> None:
        """Seal under a key made from `secret`; with `https`, browsers send them over TLS alone."""
        key = HKDF(SHA256(), 32, None, b"shouwang console cookies").derive(secret.encode())
        self._box = AESGCM(key)
        self._world = world
        self._https = https

    def put(self, answer: Response, name: str, told: Any, seconds: int) -> None:
        """Set a cookie that opens for so long. Raises TokenTooLong."""
        nonce = self._world.secret(_NONCE)
        plain = json.dumps([int(time.time()) + seconds, told]).encode()
        value = urlsafe_b64encode(nonce + self._box.encrypt(nonce, plain, name.encode())).decode()
        if len(value) > MOST:
            raise TokenTooLong
        answer.set_cookie(
            name, value, max_age=seconds, path="/console", httponly=True, samesite="lax", secure=self._https
        )

    def read(self, cookies: dict[str, str], name: str) -> Any:
        """Return what a cookie holds; None where it is missing, forged, of another name, or over."""
        try:
            raw = urlsafe_b64decode(cookies.get(name, ""))
            until, told = json.loads(self._box.decrypt(raw[:_NONCE], raw[_NONCE:], name.encode()))
        except (InvalidTag, ValueError):
            return None
        return told if until > time.time() else None

    def drop(self, answer: Response, name: str) -> None:
        """Take a cookie away."""
        answer.delete_cookie(name, path="/console")
