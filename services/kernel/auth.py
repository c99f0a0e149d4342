"""Who asks: a signed token names a person and a post; the post's body comes from the reference data of today."""

import time
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from schemas.reference import BodyKind
from services.kernel.errors import NotSignedIn
from services.kernel.reference import Body, Reference

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

    def check(self, authorization: str | None) -> tuple[UUID, UUID]:
        """Return (person, post) of a bearer token; raises NotSignedIn where it is missing, forged or expired."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise NotSignedIn
        try:
            claims = jwt.decode(token, self._key, algorithms=["HS256"]).claims
            jwt.JWTClaimsRegistry(iss={"essential": True, "value": ISSUER}, exp={"essential": True}).validate(
                claims
            )
            return UUID(claims["sub"]), UUID(claims["post"])
        except (JoseError, ValueError, KeyError) as error:
            raise NotSignedIn from error


def principal_of(person: UUID, post: UUID, purpose: str, reference: Reference, today: date) -> Principal:
    """Look the post up: leaving a post ends its rights at once, whatever a token says."""
    held = reference.posts.get(post)
    if (
        held is None
        or held.person != person
        or held.valid_from > today
        or (held.valid_to is not None and held.valid_to < today)
        or held.body not in reference.bodies
    ):
        raise NotSignedIn
    return Principal(person, post, reference.bodies[held.body], purpose)
