"""Questions to notification: other services' about the feed, and by which table of disclosure everybody is told."""

import hmac
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Header, Request
from pydantic import BaseModel, Field

from schemas.fields import DataClass
from schemas.notification import Role
from services.kernel.database import Database
from services.kernel.doors.web import Purpose, Who
from services.kernel.errors import NotSignedIn
from services.kernel.hearing.reference import Reference
from services.kernel.people.authority import check
from services.notification.disclosure import Disclosure, adopted_table
from services.notification.feed import Disclosed
from services.notification.preview import Change, changes, held_by


class Holder(BaseModel):
    """A body whom a change concerns."""

    body: str = Field(description="单位 · Body")
    children: int = Field(description="涉及儿童数 · Toward how many children")


class Changed(BaseModel):
    """What a role would see more or less of a kind of event."""

    more: bool = Field(description="增加(true)或减少 · More, or less")
    event: str = Field(description="事件类型 · Type of the event")
    role: Role = Field(description="角色 · Role")
    data_class: DataClass | None = Field(
        description="类别;空为该事件本身 · Data class; empty: that it happened"
    )
    clause: str = Field(description="依据 · Clause")
    bodies: list[Holder] = Field(description="现任该角色的单位 · Bodies that hold the role now")


class Proposed(BaseModel):
    """A table that one post proposes and that waits for a second signature."""

    content_hash: str = Field(description="规则表摘要 · SHA-256 of its text")
    content: str = Field(description="全文(YAML) · The text, YAML")
    post: UUID = Field(description="提请的岗位 · The post that proposes it")
    by: str = Field(description="提请的单位和岗位名称 · Body and duty of that post")
    changes: list[Changed] = Field(description="与现行表相比的增减 · What it changes of the table in force")


class TableInForce(BaseModel):
    """By which table everybody is told, and what is proposed."""

    content_hash: str = Field(description="现行规则表摘要 · SHA-256 of the text in force")
    adopted: bool = Field(
        description="由两人签署采用;否则为随程序发布的表 · Signed by two; else the one shipped"
    )
    proposed: list[Proposed] = Field(description="待第二人签署 · Proposed, waiting for a second signature")


def table_routes(reference: Reference, database: Database, who: Who) -> APIRouter:
    """Return the question that whoever may sign asks before signing."""
    router = APIRouter(tags=["告知规则 disclosure"])

    async def compare(old: Disclosure, new: Disclosure) -> list[Changed]:
        found = changes(old, new)
        held = await held_by(database, sorted({change.role for change in found}))
        return [_changed(change, held.get(change.role, ()), reference) for change in found]

    @router.get("/disclosure", summary="现行与提请的告知规则表 · The table in force, and those proposed")
    async def table(request: Request, x_purpose: Purpose) -> TableInForce:  # noqa: ARG001 - read by who()
        check("adopt-disclosure-table", await who(request))
        now = adopted_table(reference.disclosure)
        waiting = [
            Proposed(
                content_hash=told["content_hash"], content=told["content"], post=told["post"],
                by=_named(UUID(told["post"]), reference), changes=await compare(now, adopted_table(told["content"])),
            )
            for told in reference.proposed.values()
        ]  # fmt: skip
        return TableInForce(
            content_hash=now.content_hash, adopted=reference.disclosure is not None, proposed=waiting
        )

    return router


def _named(post: UUID, reference: Reference) -> str:
    held = reference.posts.get(post)
    body = reference.bodies.get(held.body) if held else None
    return f"{body.name} {held.duty}" if held and body else str(post)


def _changed(change: Change, held: Any, reference: Reference) -> Changed:
    names = {body.id: body.name for body in reference.bodies.values()}
    holders = [Holder(body=names.get(body, str(body)), children=count) for body, count in held]
    return Changed(**change._asdict(), bodies=holders)


def internal_routes(disclosed: Disclosed, service_secret: str) -> APIRouter:
    """Return routes for services alone: they show the service secret."""
    router = APIRouter(include_in_schema=False)

    def trusted(secret: str) -> None:
        if not hmac.compare_digest(secret.encode(), service_secret.encode()):
            raise NotSignedIn

    @router.post("/internal/earned")
    async def earned(
        agency: Annotated[UUID, Body()], pairs: Annotated[list[tuple[str, str]], Body(max_length=20_000)],
        x_service_secret: Annotated[str, Header()] = "",
    ) -> list[tuple[str, str]]:  # fmt: skip
        trusted(x_service_secret)
        return sorted(await disclosed.earned(agency, pairs))

    @router.get("/internal/reached")
    async def reached(
        source: str, partition: int, seq: int, x_service_secret: Annotated[str, Header()] = ""
    ) -> dict[str, Any]:
        trusted(x_service_secret)
        return {"feed": await disclosed.reached(source, partition, seq)}

    return router
