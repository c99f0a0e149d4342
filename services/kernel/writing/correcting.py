"""Corrections: what a field of an earlier event should have said. Nothing is overwritten; whoever reads, puts it in."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar
from uuid import UUID

import msgspec
from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from schemas.envelope import Envelope
from schemas.event import Event, parts_of
from schemas.fields import Code, DataClass, EventId, Moment
from schemas.platform import FactCorrected
from services.kernel.errors import NotFound, Refusal
from services.kernel.writing.decider import Command, Context

TIME = "time"


class NotCorrectable(Refusal):
    """该事件没有此字段,或此字段不能更正。 · The event has no such field, or one that can't be corrected."""


class ValueUnfit(Refusal):
    """更正后的值不符合该字段的要求。 · The right value doesn't fit the field."""


class Correction(Command):
    """Say what a field of an event should have been. The event stays; whoever was told is told again. [PLT-02]"""

    requirements: ClassVar[tuple[str, ...]] = ("PLT-02",)

    event: EventId
    field: Annotated[
        Code,
        Field(
            description="字段名;发生时间为 time · Field; `time` is when it happened", examples=["id_number"]
        ),
    ]
    value: Annotated[
        JsonValue, Field(description="更正后的值 · The right value", examples=["990101195503030025"])
    ] = None
    basis: Annotated[Code, Field(description="依据(编码) · Basis, a code", examples=["ID_CARD_SEEN"])]


def correct(command: Correction, child: UUID, region: str, context: Context) -> list[FactCorrected]:
    """Return the correction, or nothing where the field says so already.

    Raises NotFound where the stream has no such event, NotCorrectable, ValueUnfit.
    """
    event = next((e for i, e in context.history if i == command.event), None)
    if event is None:
        raise NotFound
    about: dict[str, Any] = {
        "child": child, "region": region, "corrects": command.event, "corrects_type": event.type,
        "field": command.field, "basis": command.basis,
    }  # fmt: skip
    if command.field == TIME:
        return [FactCorrected(person=child, time=_moment(command.value), **about)]
    part = next((p for p in parts_of(type(event)) if p.name == command.field), None)
    if part is None or part.data_class in {DataClass.OPEN, DataClass.REPORTER, DataClass.WORKER}:
        raise NotCorrectable(field=command.field)
    corrected = _with(event, command.field, command.value)
    if corrected == event:
        return []
    value = msgspec.json.encode(corrected.model_dump(mode="json")[command.field]).decode()
    about |= {"person": getattr(event, part.subject), part.data_class.value: value}
    return [FactCorrected(**about)]


def _moment(value: Any) -> Any:
    try:
        return TypeAdapter(Moment).validate_python(value, strict=False)
    except ValidationError as error:
        raise ValueUnfit(field=TIME) from error


def _with(event: Event, field: str, value: Any) -> Event:
    try:
        return type(event).model_validate({**event.model_dump(mode="json"), field: value}, strict=False)
    except ValidationError as error:
        raise ValueUnfit(field=field) from error


def corrected_field(data: Mapping[str, Any], opened: Mapping[str, Any]) -> dict[str, Any]:
    """Return {field: right value} of a FactCorrected, from its open data and what of its block opened."""
    sealed = next((opened[c.value] for c in DataClass if opened.get(c.value) is not None), None)
    return {} if sealed is None else {data["field"]: msgspec.json.decode(sealed)}


def corrections(
    history: Iterable[tuple[Envelope, Mapping[str, Any]]],
) -> dict[str, dict[str, Any]]:
    """Return what to put into each corrected event, the newest correction of a field last."""
    put: dict[str, dict[str, Any]] = {}
    for envelope, opened in history:
        if envelope.type == FactCorrected.type:
            put.setdefault(envelope.data["corrects"], {}).update(corrected_field(envelope.data, opened))
    return put
