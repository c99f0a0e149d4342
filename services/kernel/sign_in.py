"""Development sign-in: anybody on this machine may be anybody of the demo. Refuses every other address."""

import ipaddress
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from services.kernel.auth import Tokens
from services.kernel.errors import NotAllowed, NotFound
from services.kernel.reference import Reference


class NotLoopback(Exception):  # noqa: N818
    """开发登录只能绑定本机回环地址。 · The development sign-in binds to a loopback address only."""


class Wanted(BaseModel):
    """Whose place to take."""

    post: UUID = Field(description="岗位编号 · Id of the post")


class Token(BaseModel):
    """A bearer token."""

    access_token: str = Field(description="令牌,用于 Authorization: Bearer · Token for Authorization: Bearer")
    token_type: str = "bearer"  # noqa: S105 - the kind of token, not one


class Person(BaseModel):
    """Somebody to sign in as."""

    post: UUID = Field(description="岗位编号 · Id of the post")
    duty: str = Field(description="岗位 · What the post is")
    body: str = Field(description="单位 · Body")
    kind: str = Field(description="单位类别 · Kind of body")


def require_loopback(host: str) -> None:
    """Raise NotLoopback unless `host` is an address of this machine alone."""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback:
        raise NotLoopback(host)


def sign_in_routes(tokens: Tokens, reference: Reference, host: str) -> APIRouter:
    """Return the development issuer's routes. Raises NotLoopback where the service binds to more than this machine."""
    require_loopback(host)
    router = APIRouter(prefix="/dev", tags=["开发登录 development sign-in"])

    def local(request: Request) -> None:
        try:
            require_loopback(request.client.host if request.client else "")
        except NotLoopback as error:
            raise NotAllowed from error

    @router.get("/people", summary="演示人员 · People of the demo")
    async def people(request: Request) -> list[Person]:
        local(request)
        return [
            Person(post=p.id, duty=p.duty, body=b.name, kind=b.kind.value)
            for p in reference.posts.values() if (b := reference.bodies.get(p.body))
        ]  # fmt: skip

    @router.post("/sign-in", summary="以某岗位登录 · Sign in to a post")
    async def sign_in(request: Request, wanted: Wanted) -> Token:
        local(request)
        post = reference.posts.get(wanted.post)
        if post is None:
            raise NotFound
        return Token(access_token=tokens.issue(post.person, post.id))

    return router
