"""Posts to act from: those of who asks; and the development sign-in, which refuses every other address than this machine's."""

from collections.abc import Callable
from datetime import date
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from services.kernel.doors.web import is_loopback
from services.kernel.errors import NotAllowed, NotFound
from services.kernel.hearing.reference import Post, Reference
from services.kernel.people.auth import Checking, Tokens


class NotLoopback(Exception):  # noqa: N818
    """开发登录只能绑定本机回环地址。 · The development sign-in binds to a loopback address only."""


class Wanted(BaseModel):
    """Whose place to take."""

    post: UUID = Field(description="岗位编号 · Id of the post")


class Token(BaseModel):
    """A bearer token."""

    access_token: str = Field(description="令牌,用于 Authorization: Bearer · Token for Authorization: Bearer")
    token_type: str = "bearer"  # noqa: S105 - the kind of token, not one


class HeldPost(BaseModel):
    """A post that somebody holds."""

    post: UUID = Field(description="岗位编号 · Id of the post")
    duty: str = Field(description="岗位 · What the post is")
    body: str = Field(description="单位 · Body")
    kind: str = Field(description="单位类别 · Kind of body")


def shown(post: Post, reference: Reference) -> HeldPost:
    """Return a post as it is shown."""
    body = reference.bodies[post.body]
    return HeldPost(post=post.id, duty=post.duty, body=body.name, kind=body.kind.value)


def post_routes(tokens: Checking, reference: Reference, today: Callable[[], date]) -> APIRouter:
    """Return the question by which who signed in learns which posts are theirs."""
    router = APIRouter(prefix="/posts", tags=["登录 sign-in"])

    @router.get("/mine", summary="我的岗位 · Posts that I hold today")
    async def mine(request: Request) -> list[HeldPost]:
        who = await tokens.check(request.headers.get("authorization"))
        return [shown(post, reference) for post in reference.held(who.person, today())]

    return router


def require_loopback(host: str) -> None:
    """Raise NotLoopback unless `host` is an address of this machine alone."""
    if not is_loopback(host):
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
    async def people(request: Request) -> list[HeldPost]:
        local(request)
        return [
            shown(post, reference) for post in reference.posts.values()
            if post.body in reference.bodies and not post.ended
        ]  # fmt: skip

    @router.post("/sign-in", summary="以某岗位登录 · Sign in to a post")
    async def sign_in(request: Request, wanted: Wanted) -> Token:
        local(request)
        post = reference.posts.get(wanted.post)
        if post is None:
            raise NotFound
        return Token(access_token=tokens.issue(post.person, post.id))

    return router
