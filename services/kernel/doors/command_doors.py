"""Commands become doors from their declaration: `POST /<service>/<path>`, and "may I, and if not, why not"."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field, ValidationError

from services.kernel.doors.heard import AtLeast, Heard, Places
from services.kernel.doors.problems import field_problems
from services.kernel.doors.web import PURPOSE, Who, body_of
from services.kernel.errors import BadInput, KeyMissing, NotFound, NotJson, Refusal
from services.kernel.people.authority import authority_table
from services.kernel.writing.commands import Answer, Asked, Commands
from services.kernel.writing.decider import Command

_HEADERS: list[dict[str, Any]] = [
    {
        "name": "X-Purpose", "in": "header", "required": True,
        "schema": {"type": "string", "pattern": f"^{PURPOSE}$"},
        "description": "事由(编码) · What it is for, a code", "example": "case-work",
    },
    {
        "name": "Idempotency-Key", "in": "header", "required": True,
        "schema": {"type": "string", "minLength": 8, "maxLength": 200},
        "description": "本次操作的唯一编号,重试时不变 · Unique for this act, the same on a retry",
        "example": "7d1f0a5e-6c1b-4c7a-9c3f-0d1c1f6f8a11",
    },
]  # fmt: skip


class EventTold(BaseModel):
    """One event that a command made."""

    id: str = Field(description="事件编号 · Id of the event")
    type: str = Field(description="事件类型 · Type of the event")
    subject: str = Field(description="所涉对象 · What it is about")
    seq: int = Field(description="在本服务中的序号 · Its place in this service's log")


class Done(BaseModel):
    """What a command did. No events: it was so already."""

    events: list[EventTold] = Field(description="产生的事件 · Events made, in order")
    token: str | None = Field(description="读者可据此等待 · Place that a reader may wait for (`at_least`)")
    repeated: bool = Field(description="是否为重复请求的首次答复 · True where this is the first answer again")


class RuleTold(BaseModel):
    """A rule of the authority table."""

    bodies: list[str] = Field(description="单位类别 · Kinds of body")
    scope: str = Field(
        description="范围:own_region 辖区内、addressee 收件单位、above 上级单位、anyone 不限 · Scope of the rule"
    )
    clause: str = Field(description="依据 · By which clause")


class May(BaseModel):
    """Whether a command would be carried out if it came now, and by which clauses, or why not."""

    may: bool = Field(description="能否办理 · Whether it would be carried out now")
    clauses: list[str] = Field(description="依据 · Clauses that allow it")
    code: str | None = Field(
        description="不能办理的错误代码 · Code of the refusal; empty where it is allowed"
    )
    zh: str = Field(description="说明 · Why, in Chinese")
    en: str = Field(description="说明(英文) · Why")
    who: list[RuleTold] = Field(description="谁可以办理 · Who may issue this command at all")


def done(answer: Answer, places: Places) -> Done:
    """Return an answer as the API shows it."""
    first = answer.first_seq or 0
    told = [
        EventTold(id=e.id, type=e.type, subject=e.subject, seq=first + i) for i, e in enumerate(answer.events)
    ]
    token = places.token([answer.place] if answer.place else [])
    return Done(events=told, token=token, repeated=answer.repeated)


def parse(model: type[Command], body: bytes) -> Command:
    """Read a command strictly; raises BadInput that lists every field that doesn't fit."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise BadInput(fields=field_problems(error)) from error


def command_routes(commands: Commands, who: Who, heard: Heard) -> APIRouter:
    """Make one route a command: `POST /<service>/<path>`. Nothing is written twice."""
    router = APIRouter()
    for model in commands.deciders:
        _command_route(router, model, commands, who, heard)
    _may_route(router, commands, who)
    return router


def _may_route(router: APIRouter, commands: Commands, who: Who) -> None:
    """Answer "may I, and if not, why not" from the tables and the decision itself; nothing is recorded."""
    models = {model.path: model for model in commands.deciders}

    @router.post(
        "/may/{command}", summary="我能否办理 · May I, and if not, why not", tags=["命令 commands"],
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
            "parameters": _HEADERS[:1],
        },
    )  # fmt: skip
    async def may(
        request: Request,
        command: Annotated[str, Path(description="命令名称 · Name of the command", json_schema_extra={"enum": list(models)})],
    ) -> May:  # fmt: skip
        asker = await who(request)
        if command not in models:
            raise NotFound
        _require_json(request)
        asked = Asked(parse(models[command], await body_of(request)), asker)
        others = [
            RuleTold(bodies=list(rule.bodies), scope=rule.scope, clause=rule.clause)
            for rule in authority_table()[command]
        ]
        try:
            rules = await commands.may(asked)
        except Refusal as refusal:
            if refusal.status >= 500:
                raise
            zh, en = refusal.sentences
            return May(may=False, clauses=[], code=refusal.code, zh=zh, en=en, who=others)
        clauses = list(dict.fromkeys(rule.clause for rule in rules))
        return May(may=True, clauses=clauses, code=None, zh="可以办理", en="Allowed.", who=others)


def _require_json(request: Request) -> None:
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise NotJson


def _command_route(
    router: APIRouter, model: type[Command], commands: Commands, who: Who, heard: Heard
) -> None:
    async def issue(request: Request, at_least: AtLeast = None) -> Done:
        request.state.uncounted = model.intake  # a report of danger waits for nothing
        asker = await who(request)
        _require_json(request)
        key = request.headers.get("idempotency-key", "")
        if not 8 <= len(key) <= 200:
            raise KeyMissing
        body = await body_of(request)
        asked = commands.asked(parse(model, body), asker, key, body)
        await heard.wait_for(at_least)
        return done(await commands.handle(asked), heard.places)

    async def report(request: Request) -> Done:
        return await issue(request)

    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    definitions = schema.pop("$defs", {})
    router.add_api_route(
        f"/{model.path}", report if model.intake else issue, methods=["POST"], status_code=201, response_model=Done,
        operation_id=model.path.replace("-", "_"), summary=" · ".join(model.title), description=model.__doc__,
        tags=["命令 commands"],
        openapi_extra={
            "parameters": _HEADERS,
            "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
            "x-requirements": list(model.requirements), "x-definitions": definitions,
        },
    )  # fmt: skip
