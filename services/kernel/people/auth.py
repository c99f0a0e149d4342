"""Who asks: a signed token names a person; posts and their bodies come from the reference data of today."""

import time
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Protocol
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from schemas.reference import BodyKind
from services.kernel.errors import NotSignedIn, PostNotChosen, PostNotHeld
from services.kernel.hearing.reference import Body, Reference

ISSUER = "shouwang-development"
_HOURS = 12


@dataclass(frozen=True)
class Principal:
    """Who asks, from which post of which body, and what for."""

    person: UUID
    post: UUID
    body: Body
    purpose: str

    @property
    def kind(self) -> BodyKind:
        """Kind of the body."""
        return self.body.kind


class Shown(NamedTuple):
    """Whom a token names, and the post, where it names one."""

    person: UUID
    post: UUID | None


class Checking(Protocol):
    """Checks tokens: those of an OIDC provider, or of the development issuer."""

    async def check(self, authorization: str | None) -> Shown:
        """Return who shows a bearer token. Raises NotSignedIn where it is missing, forged, expired or not for us."""
        ...


class Tokens:
    """Issues and checks tokens (HS256) of the development issuer; production checks those of its OIDC provider."""

    def __init__(self, secret: str) -> None:
        """Sign with `secret`."""
        self._key = OctKey.import_key(secret)

    def issue(self, person: UUID, post: UUID, *, seconds: int = _HOURS * 3600) -> str:
        """Return a token for a person in a post."""
        now = int(time.time())
        claims = {"iss": ISSUER, "sub": str(person), "post": str(post), "iat": now, "exp": now + seconds}
        return jwt.encode({"alg": "HS256"}, claims, self._key)

    async def check(self, authorization: str | None) -> Shown:
        """Return who shows a token of this issuer. Raises NotSignedIn."""
        token = bearer(authorization)
        try:
            claims = jwt.decode(token, self._key, algorithms=["HS256"]).claims
            jwt.JWTClaimsRegistry(iss={"essential": True, "value": ISSUER}, exp={"essential": True}).validate(
                claims
            )
            return Shown(UUID(claims["sub"]), UUID(claims["post"]))
        except (JoseError, ValueError, KeyError) as error:
            raise NotSignedIn from error


def bearer(authorization: str | None) -> str:
    """Return the token of the header; raises NotSignedIn where there is none."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotSignedIn
    return token


def principal_of(
    shown: Shown, wanted: str | None, purpose: str, reference: Reference, today: date
) -> Principal:
    """Look the posts up that a person holds today: leaving a post ends its rights at once, whatever a token says.

    Of several, `wanted` says which. Raises NotSignedIn for a post of the token's own that is not held, PostNotHeld,
    PostNotChosen.
    """
    held = reference.held(shown.person, today)
    if shown.post is not None:
        held = [post for post in held if post.id == shown.post]
        if not held:
            raise NotSignedIn
    if wanted is not None:
        held = [post for post in held if str(post.id) == wanted.lower()]
    if not held:
        raise PostNotHeld
    if len(held) > 1:
        raise PostNotChosen(posts=[str(post.id) for post in held])
    post = held[0]
    return Principal(shown.person, post.id, reference.bodies[post.body], purpose)
