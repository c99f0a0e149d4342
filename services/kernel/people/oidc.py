"""Sign-in by an OIDC provider: its access tokens are checked with the keys that it publishes."""

import asyncio
import time
from typing import Any
from uuid import UUID

import httpx2
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from services.kernel.errors import NotSignedIn, ProviderDown
from services.kernel.people.auth import Shown, bearer
from services.kernel.telemetry import log

ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
"""Signatures of a key that the provider alone has; none that whoever can check can also make."""
_KEEP_SECONDS = 600
_ASK_AGAIN_SECONDS = 5
_LEEWAY_SECONDS = 10


class Provider:
    """An issuer whose tokens name a person by `sub`, a UUID: posts are assigned to that id.

    People come by the code flow with PKCE, agencies' systems by client credentials with `private_key_jwt`; both are
    between them and the provider, we see the access token alone.
    """

    def __init__(self, issuer: str, audience: str, http: httpx2.AsyncClient | None = None) -> None:
        """Trust tokens of `issuer` that are meant for `audience`."""
        self.issuer = issuer.rstrip("/")
        self._audience = audience
        self._http = http or httpx2.AsyncClient(timeout=5)
        self._keys: KeySet | None = None
        self._asked = float("-inf")
        self._asking = asyncio.Lock()

    async def check(self, authorization: str | None) -> Shown:
        """Return who shows a bearer token. Raises NotSignedIn; ProviderDown where its keys can't be had."""
        token = bearer(authorization)
        try:
            return self._read(token, await self._known(_KEEP_SECONDS))
        except InvalidKeyIdError:  # a key that was made since
            pass
        except (JoseError, ValueError, KeyError) as error:
            raise NotSignedIn from error
        try:
            return self._read(token, await self._known(_ASK_AGAIN_SECONDS))
        except (JoseError, ValueError, KeyError) as error:
            raise NotSignedIn from error

    async def close(self) -> None:
        """Close connections."""
        await self._http.aclose()

    def _read(self, token: str, keys: KeySet) -> Shown:
        claims = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
        jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_SECONDS, iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self._audience}, exp={"essential": True}, sub={"essential": True},
        ).validate(claims)  # fmt: skip
        return Shown(UUID(claims["sub"]), None)

    async def _known(self, seconds: float) -> KeySet:
        """Return the provider's keys, not older than this where it answers."""
        async with self._asking:
            if time.monotonic() - self._asked > seconds:
                await self._ask()
            if self._keys is None:
                raise ProviderDown
            return self._keys

    async def _ask(self) -> None:
        try:
            told = self._ours(await self._get(f"{self.issuer}/.well-known/openid-configuration"))
            self._keys = KeySet.import_key_set(await self._get(told["jwks_uri"]))
        except (httpx2.HTTPError, JoseError, ValueError, KeyError) as error:
            log.warning("provider.away", error=type(error).__name__)
            if self._keys is None:
                return
        self._asked = time.monotonic()  # what was known goes on to hold while the provider is away

    def _ours(self, told: dict[str, Any]) -> dict[str, Any]:
        if told["issuer"].rstrip("/") != self.issuer:
            raise ValueError(told["issuer"])
        return told

    async def _get(self, url: str) -> Any:
        answer = await self._http.get(url)
        answer.raise_for_status()
        return answer.json()
