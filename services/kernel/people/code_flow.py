"""Sign-in of people at the OIDC provider: code flow with PKCE (RFC 7636), for the pages and the command line alike."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx2

from services.kernel.errors import NotSignedIn, ProviderDown

CLIENT = "shouwang-people"


def challenge_of(verifier: str) -> str:
    """Return the challenge (S256) of a verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


@dataclass(frozen=True)
class CodeFlow:
    """One sign-in: what goes to the provider, and what is kept until its answer comes to `back`."""

    back: str
    client: str = CLIENT
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    async def address(self, http: httpx2.AsyncClient, issuer: str) -> str:
        """Return where the person signs in. Raises ProviderDown, NotSignedIn."""
        asked = {
            "response_type": "code", "client_id": self.client, "redirect_uri": self.back, "scope": "openid",
            "state": self.state, "code_challenge": challenge_of(self.verifier), "code_challenge_method": "S256",
        }  # fmt: skip
        return f"{await _place(http, issuer, 'authorization_endpoint')}?{urlencode(asked)}"

    async def token(self, http: httpx2.AsyncClient, issuer: str, code: str) -> str:
        """Return the access token for a code that came back. Raises ProviderDown, NotSignedIn where it is refused."""
        form = {
            "grant_type": "authorization_code", "client_id": self.client, "redirect_uri": self.back, "code": code,
            "code_verifier": self.verifier,
        }  # fmt: skip
        return await _told(
            http, "access_token", "POST", await _place(http, issuer, "token_endpoint"), data=form
        )


async def _place(http: httpx2.AsyncClient, issuer: str, name: str) -> str:
    return await _told(http, name, "GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")


async def _told(http: httpx2.AsyncClient, name: str, method: str, url: str, **how: Any) -> str:
    try:
        answer = await http.request(method, url, **how)
        answer.raise_for_status()
        return str(answer.json()[name])
    except httpx2.TransportError as error:
        raise ProviderDown from error
    except (httpx2.HTTPStatusError, ValueError, KeyError, TypeError) as error:
        raise NotSignedIn from error
