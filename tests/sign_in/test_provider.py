"""Tokens of an OIDC provider: which are taken, which are not, and what holds while it is away or changes its keys."""

import asyncio
import base64
import hmac
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from services.kernel.errors import NotSignedIn, ProviderDown
from services.kernel.people import oidc
from services.kernel.people.oidc import Provider

ISSUER = "https://provider.example/realms/county"
PERSON = UUID("5b1c7a8e-0d64-4c0a-9a3e-0f5d0d6c1b11")


class Issuer:
    """A provider with the keys that a test gives it."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "first"})
        self.keys = [self.key]
        self.away = False
        self.named = ISSUER
        self.asked: list[str] = []

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request.url.path)
        if self.away:
            raise httpx2.ConnectError("away")
        if request.url.path.endswith("openid-configuration"):
            return httpx2.Response(200, json={"issuer": self.named, "jwks_uri": f"{ISSUER}/keys"})
        return httpx2.Response(200, json=KeySet(self.keys).as_dict(private=False))  # type: ignore[arg-type]

    def provider(self) -> Provider:
        return Provider(ISSUER, "shouwang", httpx2.AsyncClient(transport=httpx2.MockTransport(self.answer)))

    def token(self, key: Any = None, alg: str = "RS256", **claims: Any) -> str:
        """A bearer token as it should be, but for what the test says; None leaves a claim out."""
        key = key or self.key
        told = {
            "iss": ISSUER,
            "aud": ["shouwang"],
            "sub": str(PERSON),
            "exp": int(time.time()) + 300,
        } | claims
        told = {name: value for name, value in told.items() if value is not None}
        header = {"alg": alg, **({"kid": key.kid} if key.kid else {})}
        return "Bearer " + jwt.encode(header, told, key, algorithms=[alg])


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


async def test_a_token_of_the_provider_names_a_person_and_no_post(issuer: Issuer) -> None:
    provider = issuer.provider()
    assert await provider.check(issuer.token()) == (PERSON, None)
    assert await provider.check(issuer.token(aud="shouwang")) == (PERSON, None)
    key = ECKey.generate_key("P-256", {"kid": "curve"})
    issuer.keys.append(key)  # type: ignore[arg-type]
    assert await issuer.provider().check(issuer.token(key, "ES256")) == (PERSON, None)


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _public_as_secret(issuer: Issuer) -> str:
    """The old trick: the public key, which everybody has, as a shared secret."""
    body = _encoded(b'{"alg":"HS256","kid":"first"}') + "." + issuer.token().split(".")[1]
    return f"Bearer {body}." + _encoded(
        hmac.digest(issuer.key.as_pem(private=False), body.encode(), "sha256")
    )


def _unsigned(issuer: Issuer) -> str:
    head = _encoded(b'{"alg":"none","kid":"first"}')
    return f"Bearer {head}.{issuer.token().split('.')[1]}."


@pytest.mark.parametrize(
    "show",
    [
        lambda _: None,
        lambda _: "",
        lambda _: "Basic dXNlcjpwdw==",
        lambda _: "Bearer not.a.token",
        lambda i: i.token(aud=["another-application"]),
        lambda i: i.token(aud=None),
        lambda i: i.token(iss="https://elsewhere.example"),
        lambda i: i.token(exp=int(time.time()) - 60),
        lambda i: i.token(exp=None),
        lambda i: i.token(nbf=int(time.time()) + 300),
        lambda i: i.token(sub="zhang-san"),
        lambda i: i.token(sub=None),
        lambda i: i.token(RSAKey.generate_key(2048, {"kid": "first"})),
        lambda i: i.token(RSAKey.generate_key(2048, {"kid": "somebody-elses"})),
        lambda i: i.token().rpartition(".")[0] + ".AAAA",
        _public_as_secret,
        _unsigned,
    ],
)
async def test_what_is_forged_expired_or_meant_for_others_is_not_signed_in(
    issuer: Issuer, show: Callable[[Issuer], str | None]
) -> None:
    with pytest.raises(NotSignedIn):
        await issuer.provider().check(show(issuer))


async def test_a_new_key_is_asked_for_once_and_not_for_every_token_with_a_made_up_one(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = issuer.provider()
    await provider.check(issuer.token())
    new = RSAKey.generate_key(2048, {"kid": "second"})
    issuer.keys = [new]
    before = len(issuer.asked)
    with pytest.raises(NotSignedIn):
        await provider.check(issuer.token(new))  # asked a moment ago: not again so soon
    assert len(issuer.asked) == before
    monkeypatch.setattr(oidc, "_ASK_AGAIN_SECONDS", 0)
    assert await provider.check(issuer.token(new)) == (PERSON, None)
    with pytest.raises(NotSignedIn):
        await provider.check(issuer.token())  # the first is theirs no more


async def test_while_the_provider_is_away_known_keys_hold_and_unknown_ones_are_said_to_be_away(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = issuer.provider()
    issuer.away = True
    with pytest.raises(ProviderDown):
        await provider.check(issuer.token())
    issuer.away = False
    await provider.check(issuer.token())
    issuer.away = True
    monkeypatch.setattr(oidc, "_KEEP_SECONDS", 0)
    assert await provider.check(issuer.token()) == (PERSON, None)


async def test_a_provider_that_says_it_is_another_is_not_believed(issuer: Issuer) -> None:
    issuer.named = "https://elsewhere.example"
    with pytest.raises(ProviderDown):
        await issuer.provider().check(issuer.token())


async def test_many_that_come_at_once_cost_the_provider_one_question(issuer: Issuer) -> None:
    provider = issuer.provider()
    shown = await asyncio.gather(*(provider.check(issuer.token(jti=str(uuid4()))) for _ in range(20)))
    assert set(shown) == {(PERSON, None)}
    assert len(issuer.asked) == 2
