"""Requests made from the services' own OpenAPI documents, and what may be wrong with the answers.

Everything here is sync and waits for its answers: call it in a thread beside the loop that serves.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import requests
import schemathesis
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import RouteContext, iter_route_contexts
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from schemathesis import GenerationMode
from schemathesis.checks import CheckContext, not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from services.kernel.doors.problems import MEDIA, Problem
from tests.privacy.measured import many

EXAMPLES = many(4, 16)
"""Requests an operation that fit its schema, as many that don't, and ids that a stranger asks with in one place."""
Document = Mapping[str, Any]
Headers = Mapping[str, str]
Finding = tuple[str, str]
"""The operation, and what is wrong."""


def refusals_say_why(_: CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]) -> None:
    """Whatever is refused is refused as problem+json, with a code and a sentence in both languages."""
    if response.status_code < 400:
        return
    try:
        told = Problem.model_validate_json(response.content)
    except ValidationError:
        told = None
    said = (
        told
        and told.code
        and told.title.strip()
        and told.detail.strip()
        and told.status == response.status_code
    )
    if not said or response.headers.get("content-type") != [MEDIA]:
        raise Failure(
            operation=case.operation.label, title="Refused without saying why", message="no problem+json"
        )


CHECKS: list[Any] = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
    negative_data_rejection, refusals_say_why,
]  # fmt: skip


def document_of(app: FastAPI) -> Document:
    """Return the document of a running application."""
    app.openapi_schema = None  # what was added to it since is part of it
    return app.openapi()


def document_of_all(app: FastAPI) -> Document:
    """Return the document of a running application with those operations too that it does not show."""
    shown = document_of(app)
    hidden = [
        RouteContext(told.route, replace(inside, include_in_schema=True))
        for told in iter_route_contexts(app.routes)
        if (inside := told._route_context) is not None and not inside.include_in_schema
    ]
    more = get_openapi(title="hidden", version="1", routes=hidden)
    schemas = shown["components"]["schemas"] | more.get("components", {}).get("schemas", {})
    paths = shown["paths"] | more["paths"]
    return {**shown, "paths": paths, "components": {**shown["components"], "schemas": schemas}}


def operations(document: Document) -> Iterator[Any]:
    """Return the operations of a document, ready to make requests of."""
    schema = schemathesis.openapi.from_dict(dict(document))
    schema.config.generation.with_security_parameters = False
    for found in schema.get_all_operations():
        read: Any = found
        yield read.ok()


def each(
    operation: Any, mode: GenerationMode, examples: int, act: Callable[[Any, Any], None], *more: Any
) -> None:
    """Act on requests of an operation, the same ones in every run; nothing is shrunk: a platform is no pure function."""

    @settings(
        max_examples=examples, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode), data=st.tuples(*more))
    def run(case: Any, data: Any) -> None:
        act(case, data)

    run()


def _can_be_wrong(operation: Any) -> bool:
    """Whether a request may be made that doesn't fit: any text is right as a header of which nothing is asked."""
    told = operation.definition.raw
    return "requestBody" in told or any(
        each["in"] != "header"
        or each["schema"].keys() & {"pattern", "format", "enum", "minLength", "maxLength"}
        for each in told.get("parameters", ())
    )


def _with_known(case: Any, known: Mapping[str, Any]) -> None:
    """Put in what exists, so that a request comes further than to "not found"."""
    for part in (case.path_parameters, case.query, case.body):
        if isinstance(part, dict):
            part.update({n: value for n, value in known.items() if _kind(part.get(n)) == _kind(value)})


def _kind(value: Any) -> list[str]:
    return [type(each).__name__ for each in (value, *(value[:1] if isinstance(value, list) else ()))]


def violations(
    base: str, document: Document, people: Mapping[str, Headers], known: Mapping[str, Any], examples: int = EXAMPLES,
    tried: Counter[Any] | None = None,
) -> set[Finding]:  # fmt: skip
    """Return where an answer is a 5xx or not what the document says, or a refusal doesn't say why.

    Each request is made by one of the `people`; half of those that fit their schema name what is `known`.
    """
    found: set[Finding] = set()
    with requests.Session() as session:
        for operation in operations(document):

            def ask(case: Any, drawn: Any, label: str = operation.label) -> None:
                who, fill = drawn
                if fill and case.meta.generation.mode is GenerationMode.POSITIVE:
                    _with_known(case, known)
                answer = case.call(base_url=base, session=session, headers=people[who])
                if tried is not None:
                    tried[label, case.meta.generation.mode.value, answer.status_code] += 1
                try:
                    case.validate_response(answer, checks=CHECKS)
                except FailureGroup as group:
                    found.update((label, f"{answer.status_code} {_short(e)}") for e in group.exceptions)
                except Exception as error:  # noqa: BLE001 - what can't even be read is not what was declared
                    found.add((label, f"{answer.status_code} {type(error).__name__}"))

            modes = [*GenerationMode] if _can_be_wrong(operation) else [GenerationMode.POSITIVE]
            for mode in modes:
                each(operation, mode, examples, ask, st.sampled_from(sorted(people)), st.booleans())
    return found


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:400]


def open_operations(base: str, app: FastAPI, without: Sequence[Headers], examples: int = 1) -> set[str]:
    """Return what answers anything but 401 to somebody without a right token, of documented, hidden and static routes."""
    found: set[str] = set()
    with requests.Session() as session:
        for operation in operations(document_of_all(app)):

            def ask(case: Any, _: Any, label: str = operation.label) -> None:
                answers = [case.call(base_url=base, session=session, headers=h).status_code for h in without]
                if set(answers) != {401}:
                    found.add(label)

            each(operation, GenerationMode.POSITIVE, examples, ask)
        for told in iter_route_contexts(app.routes):
            if told._route_context is None:  # the application's own: pages and files
                answers = [session.get(f"{base}{told.path}", headers=h).status_code for h in without]
                if set(answers) != {401}:
                    found.add(f"GET {told.path}")
    return found


class Slot(NamedTuple):
    """A place in a request where an id stands, alone or with others."""

    operation: str
    place: str
    name: str
    many: bool = False


def id_slots(document: Document) -> Iterator[Slot]:
    """Return every place for an id. Raises NotImplementedError where one lies deeper in a body."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            label = f"{method.upper()} {path}"
            for told in operation.get("parameters", []):
                if _is_id(told["schema"]):
                    yield Slot(label, told["in"], told["name"])
            for media in operation.get("requestBody", {}).get("content", {}).values():
                for name, told in _resolved(media["schema"], document).get("properties", {}).items():
                    plain = _resolved(told, document)
                    many = _is_id(plain.get("items", {}))
                    if many or _is_id(plain):
                        yield Slot(label, "body", name, many)
                    elif "'uuid'" in str(plain):
                        raise NotImplementedError(f"{label}: an id deeper in {name}")


def _resolved(schema: Any, document: Document) -> Any:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _is_id(schema: Mapping[str, Any]) -> bool:
    return any(s.get("format") == "uuid" for s in (schema, *schema.get("anyOf", ())))


def told_apart(
    ask: Callable[[str], tuple[int, str]], ids: Collection[str], unknown: str, head: Callable[[], int],
    canaries: Collection[str],
) -> list[str]:  # fmt: skip
    """Return how answers to ids that somebody may not know differ from the answer to one that doesn't exist.

    `ask` returns status and text; `head` where the asked service's log ends. An answer may repeat what was asked for.
    """
    before = head()
    expected = _but_for(unknown, *ask(unknown))
    moves = head() - before
    found = []
    for asked in ids:
        status, text = ask(asked)
        if any(name in text for name in canaries):
            found.append(f"{status} shows a name: {text[:200]}")
        if (told := _but_for(asked, status, text)) != expected:
            found.append(f"{told} where an unknown id gets {expected}")
    if (moved := head() - before - moves) != moves * len(ids):
        found.append(f"{moved} events where an unknown id makes {moves} each")
    return found


def _but_for(asked: str, status: int, text: str) -> tuple[int, str]:
    """Return an answer without the id that was asked for; of what was done, that it was done: it has ids of its own."""
    return status, "done" if status == 201 else text.replace(asked, "…")[:500]
