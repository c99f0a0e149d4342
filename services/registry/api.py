"""HTTP to the registry: its commands come from their declarations; a ledger file comes in here."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from schemas.registry import RuralProof
from services.kernel.doors.heard import Places
from services.kernel.doors.web import Purpose, Who, body_of
from services.kernel.writing.commands import Place
from services.registry.columns import Choice, Columns
from services.registry.imports import FileUnreadable, Imports, Order, file_line, preview
from services.registry.undoing import ImportMade, Undoing

MOST_BYTES = 50 * 1024 * 1024
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        "description": "台账文件(xlsx、xls、csv) · The ledger file",
    }
}
Filename = Annotated[str, Query(description="文件名 · Name of the file", min_length=1, max_length=255)]
Closing = Annotated[
    date | None,
    Query(description="年龄计算截止日期,表内有则以表为准 · Age is counted to this day; the form's own wins"),
]
Attested = Annotated[
    RuralProof | None,
    Query(
        description="全表农村户籍三项事实的确认 · What the clerk attests of rural status for all rows (SY 一)"
    ),
]


_LINES = "application/x-ndjson"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_TOLD: dict[int | str, dict[str, Any]] = {
    200: {"content": {_LINES: {}}, "description": "逐行答复 · Told line by line"}
}
_TAGS: list[str | Enum] = ["台账导入 ledger import"]


def _line(told: Any) -> bytes:
    return msgspec.json.encode(told) + b"\n"


def import_routes(imports: Imports, undoing: Undoing, who: Who, places: Places) -> APIRouter:
    """Return the routes that take a file."""
    router = APIRouter(tags=_TAGS)

    @router.post(
        "/imports",
        summary="导入台账,逐行答复(NDJSON) · Import a ledger, told row by row",
        response_class=StreamingResponse,
        responses=_TOLD,
        openapi_extra=_BODY,
    )
    async def import_ledger(
        request: Request,
        x_purpose: Purpose,  # noqa: ARG001 - read by who(), named for the documentation
        filename: Filename,
        closing_date: Closing = None,
        dry_run: Annotated[bool, Query(description="只试读,不登记 · Try only, write nothing")] = False,  # noqa: FBT002
        rural: Attested = None,
    ) -> StreamingResponse:
        order = Order(await who(request), filename, closing_date, dry_run, rural)
        content = await body_of(request, MOST_BYTES)
        reading = await imports.read(order, content)
        if not dry_run and reading.refused is None:
            order = replace(order, made=await undoing.begin(order.who, content))

        async def lines() -> AsyncIterator[bytes]:
            counts: Counter[str] = Counter()
            reached: dict[tuple[str, int], Place] = {}
            async for result in imports.run(order, reading):
                counts[result.outcome] += 1
                if place := result.place:
                    reached[place[:2]] = max(reached.get(place[:2], place), place)
                yield _line(result.told())
            if order.made is not None:
                await undoing.end(order.made, counts)
            made = {"import": order.made and str(order.made), "token": places.token(reached.values())}
            yield _line(file_line(reading, counts, content) | made)

        return StreamingResponse(lines(), media_type=_LINES)

    @router.post(
        "/imports/preview",
        summary="预览导入,不登记:栏目如何理解、各有多少行、各类问题举例 · Preview, writes nothing: columns, counts, first cases",
        openapi_extra=_BODY,
    )
    async def preview_ledger(
        request: Request,
        x_purpose: Purpose,  # noqa: ARG001
        filename: Filename,
        closing_date: Closing = None,
        rural: Attested = None,
    ) -> dict[str, Any]:
        order = Order(await who(request), filename, closing_date, dry_run=True, rural=rural)
        content = await body_of(request, MOST_BYTES)
        reading = await imports.read(order, content)
        return preview(reading, [result async for result in imports.run(order, reading)], content)

    @router.post(
        "/imports/refused-rows", summary="取回被拒行的工作簿,不登记 · Refused rows as a workbook, writes nothing",
        response_class=Response,
        responses={200: {"content": {_XLSX: {}}, "description": "工作簿 · The workbook"}}, openapi_extra=_BODY,
    )  # fmt: skip
    async def refused_rows(
        request: Request,
        x_purpose: Purpose,  # noqa: ARG001
        filename: Filename,
        closing_date: Closing = None,
        rural: Attested = None,
    ) -> Response:
        order = Order(await who(request), filename, closing_date, dry_run=True, rural=rural)
        content = await body_of(request, MOST_BYTES)
        reading = await imports.read(order, content)
        if reading.refused is not None:
            raise FileUnreadable(**file_line(reading, {}, content))
        book = await imports.refused(order, reading)
        return Response(book, media_type=_XLSX)

    return router


def undo_routes(undoing: Undoing, who: Who) -> APIRouter:
    """Return the routes to imports that were made."""
    router = APIRouter(tags=_TAGS)

    @router.get("/imports", summary="本单位的导入记录 · Imports that this office made, newest first")
    async def imports_made(request: Request, x_purpose: Purpose) -> list[ImportMade]:  # noqa: ARG001
        return await undoing.made(await who(request))

    @router.post(
        "/imports/{made}/undo",
        summary="撤销一次导入:更正或注销,逐名儿童答复(NDJSON) · Take an import back: corrected or closed, told child by child",
        response_class=StreamingResponse,
        responses=_TOLD,
    )
    async def undo_import(
        request: Request,
        x_purpose: Purpose,  # noqa: ARG001
        made: Annotated[UUID, Path(description="导入编号 · Id of the import")],
    ) -> StreamingResponse:
        asking = await who(request)
        entered = await undoing.entered(asking, made)

        async def lines() -> AsyncIterator[bytes]:
            counts: Counter[str] = Counter()
            async for undone in undoing.undo(asking, made, entered):
                counts[undone.outcome] += 1
                yield _line(undone.told())
            yield _line({"import": str(made), "counts": counts})

        return StreamingResponse(lines(), media_type=_LINES)

    return router


def column_routes(columns: Columns, who: Who) -> APIRouter:
    """Return the routes to how an office has its columns understood."""
    router = APIRouter(tags=_TAGS)

    @router.get(
        "/imports/columns", summary="本单位选定的栏目含义 · How this office has its columns understood"
    )
    async def chosen_columns(request: Request, x_purpose: Purpose) -> list[Choice]:  # noqa: ARG001
        return await columns.chosen(await who(request))

    @router.put(
        "/imports/columns",
        summary="选定栏目含义,下次导入沿用 · Say how columns are to be understood, remembered for the office",
    )
    async def choose_columns(
        request: Request,
        x_purpose: Purpose,  # noqa: ARG001
        choices: list[Choice],
    ) -> list[Choice]:
        return await columns.choose(await who(request), choices)

    return router
