"""Refusals as problem+json (RFC 9457), in Chinese and English, without internals and without echoing values."""

from collections.abc import Sequence
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, ValidationError

from services.kernel.errors import Refusal
from services.kernel.telemetry import log

_ZH = {
    "missing": "必填项缺失",
    "extra_forbidden": "不认识的字段,请删去",
    "string_too_long": "超过最大长度",
    "string_too_short": "不能为空",
    "string_type": "应为文字",
    "string_pattern_mismatch": "格式不符",
    "uuid_parsing": "编号格式不符(应为 UUID)",
    "uuid_type": "编号格式不符(应为 UUID)",
    "enum": "不在可选值之内",
    "bool_type": "应为 true 或 false",
    "json_invalid": "不是合法的 JSON",
    "date_from_datetime_parsing": "日期格式不符(应为 2026-03-05)",
    "date_parsing": "日期格式不符(应为 2026-03-05)",
    "datetime_parsing": "时间格式不符(应含时区)",
    "timezone_aware": "时间须带时区",
    "too_short": "至少需要一项",
    "tuple_type": "应为列表",
    "value_error": "内容不符合要求",
}
MEDIA = "application/problem+json"
_COME_BACK = {429: "10", 503: "2"}
"""Seconds."""


class FieldProblem(BaseModel):
    """One field that doesn't fit."""

    field: str = Field(description="字段 · Field, by its path in the body")
    zh: str = Field(description="中文说明 · What is wrong, in Chinese")
    en: str = Field(description="英文说明 · What is wrong, in English")


class Problem(BaseModel):
    """Every error answer of the platform."""

    type: str = Field(description="错误种类的稳定名称 · Stable name of the kind of error")
    title: str = Field(description="中文说明及处理办法 · What happened and what to do, in Chinese")
    detail: str = Field(description="英文说明及处理办法 · The same in English")
    status: int = Field(description="HTTP 状态码 · HTTP status")
    code: str = Field(description="错误代码 · Code that programs compare")
    fields: list[FieldProblem] = Field(default=[], description="不符合要求的字段 · Fields that don't fit")
    facts: dict[str, Any] = Field(default={}, description="有助处理的事实 · Facts that help")


def field_problems(error: ValidationError) -> list[FieldProblem]:
    """Translate pydantic's findings; the value given is never repeated."""
    problems = []
    for found in error.errors(include_input=False, include_url=False):
        zh, en = _ZH.get(found["type"], "内容不符合要求"), found["msg"]
        if found["type"] == "value_error" and " · " in en:
            zh, _, en = en.removeprefix("Value error, ").partition(" · ")
        problems.append(FieldProblem(field=".".join(str(p) for p in found["loc"]) or "body", zh=zh, en=en))
    return problems


def problem(refusal: Refusal, fields: Sequence[FieldProblem] = ()) -> JSONResponse:
    """Return the answer for a refusal; 429 and 503 say when to come back."""
    zh, en = refusal.sentences
    body = Problem(
        type=f"urn:shouwang:problem:{refusal.code}", title=zh, detail=en, status=refusal.status, code=refusal.code,
        fields=list(fields), facts=refusal.facts,
    )  # fmt: skip
    headers = {"Retry-After": _COME_BACK[refusal.status]} if refusal.status in _COME_BACK else None
    return JSONResponse(body.model_dump(), refusal.status, headers, MEDIA)


async def on_refusal(_: Request, error: Exception) -> JSONResponse:
    """Answer a refusal."""
    assert isinstance(error, Refusal)  # noqa: S101 - registered for refusals alone
    return problem(error, error.facts.pop("fields", ()))


class Broken(Refusal):
    """平台内部错误,已记录;请稍后重试,用同一 Idempotency-Key 不会重复登记。 · Something broke on our side and was logged: try again, with the same Idempotency-Key nothing is entered twice."""  # noqa: E501

    status = 500


async def on_accident(request: Request, error: Exception) -> JSONResponse:
    """Answer what nobody foresaw: no trace, no internals, no data in the log."""
    log.error(
        "http.broken", route=getattr(request.scope.get("route"), "path", "?"), error=type(error).__name__
    )
    return problem(Broken())
