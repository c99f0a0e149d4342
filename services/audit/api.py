"""What the auditor asks: what was known when, who was told, and the proofs. Every look is recorded first."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import PlainTextResponse
from pydantic import AwareDatetime

from services.audit.answers import (
    Access,
    BodyTold,
    Checkpoint,
    Disclosed,
    Hashes,
    Key,
    Known,
    Proved,
    Recipient,
)
from services.audit.auditing import Auditing
from services.audit.log import LOGS
from services.kernel.doors.cursors import Cursors
from services.kernel.doors.web import Cursor, Purpose, Who

_MOST = 1 << 53
_Log = Annotated[str, Query(description="日志 · Log", pattern=f"^({'|'.join(LOGS)})$")]


def routes(auditing: Auditing, cursors: Cursors, who: Who) -> APIRouter:
    """Return the auditor's questions; bodies of any other kind are refused, but for the public key."""
    router = APIRouter(tags=["审计 audit"])

    @router.get("/known", summary="某单位某时刻知道什么 · What a body knew at a moment")
    async def known(
        request: Request,
        x_purpose: Purpose,  # noqa: ARG001 - read by who(), named for the documentation
        body: Annotated[UUID, Query(description="单位编号 · Id of the body")],
        child: Annotated[UUID, Query(description="儿童编号 · Child id")],
        until: Annotated[
            AwareDatetime | None, Query(description="时刻,缺省为现在 · The moment; now if absent")
        ] = None,
    ) -> Known:
        return await auditing.known(await who(request), body, child, until or datetime.now(UTC))

    @router.get(
        "/disclosed", summary="某期间告知某单位的全部事项 · All that was disclosed to a body in a time"
    )
    async def disclosed(
        request: Request,
        x_purpose: Purpose,  # noqa: ARG001
        body: Annotated[UUID, Query(description="单位编号 · Id of the body")],
        since: Annotated[AwareDatetime, Query(alias="from", description="起 · From")],
        until: Annotated[
            AwareDatetime | None, Query(alias="to", description="止,缺省为现在 · To; now if absent")
        ] = None,
        after: Cursor = None,
    ) -> Disclosed:
        asker, question = await who(request), ["disclosed", str(body), since.isoformat()]
        place = int(cursors.read(asker.body.id, question, after) or 0)
        page = await auditing.disclosed(asker, body, since, until or datetime.now(UTC), place)
        return page.model_copy(update={"next": cursors.make(asker.body.id, question, page.next)})

    @router.get(
        "/access",
        summary="谁看得到该儿童的什么、依据、自何时起、谁看过 · Who sees what of a child, and who looked",
    )
    async def access(
        request: Request,
        x_purpose: Purpose,  # noqa: ARG001
        child: Annotated[UUID, Query(description="儿童编号 · Child id")],
        until: Annotated[
            AwareDatetime | None, Query(description="查阅至何时,缺省为现在 · Looks up to when; now if absent")
        ] = None,
    ) -> Access:
        return await auditing.access(await who(request), child, until or datetime.now(UTC))

    @router.get("/told", summary="谁被告知过某事件 · Who was told of an event")
    async def told(
        request: Request,
        x_purpose: Purpose,  # noqa: ARG001
        event: Annotated[UUID, Query(description="事件编号 · Id of the event")],
    ) -> list[Recipient]:
        return await auditing.recipients(await who(request), event)

    @router.get("/bodies", summary="参与单位 · The bodies that take part")
    async def bodies(request: Request, x_purpose: Purpose) -> list[BodyTold]:  # noqa: ARG001
        await who(request)
        return auditing.bodies()

    @router.get("/key", summary="检查点公钥,各单位均可取 · The public key of checkpoints, for every body")
    async def key(request: Request, x_purpose: Purpose) -> Key:  # noqa: ARG001
        await who(request)
        return auditing.key()

    @router.get(
        "/receipts/{number}", summary="报告回执或删除证明,无须登录 · Receipt of a report or a deletion, without signing in",
        response_class=PlainTextResponse,
    )  # fmt: skip
    async def receipt(
        number: Annotated[
            UUID,
            Path(description="办理时告知的事件编号 · Id of the event that was told when it was done"),
        ],
    ) -> PlainTextResponse:
        return PlainTextResponse(await auditing.receipt(number))

    @router.get("/checkpoint", summary="签名检查点 · A signed checkpoint")
    async def checkpoint(request: Request, x_purpose: Purpose) -> Checkpoint:  # noqa: ARG001
        return await auditing.signed(await who(request))

    @router.get("/proof", summary="某事件或告知在日志中的证明 · That an event or a telling is in its log")
    async def proof(
        request: Request,
        x_purpose: Purpose,  # noqa: ARG001
        store: _Log,
        seq: Annotated[
            int, Query(description="日志中的序号,自 1 起 · Place in the log, from 1", ge=1, le=_MOST)
        ],
    ) -> Proved:
        return await auditing.proof(await who(request), store, seq)

    @router.get("/consistency", summary="日志一致性证明 · That a log did not change its beginning")
    async def consistency(
        request: Request,
        x_purpose: Purpose,  # noqa: ARG001
        store: _Log,
        old: Annotated[int, Query(alias="from", description="旧大小 · Older size", ge=1, le=_MOST)],
        new: Annotated[int, Query(alias="to", description="新大小 · Newer size", ge=1, le=_MOST)],
    ) -> Hashes:
        return await auditing.consistency(await who(request), store, old, new)

    return router
