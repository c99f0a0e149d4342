"""What the fields of an event are called by people, those of a person inside a block too."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from schemas.event import Event, Part, parts_of
from schemas.fields import DataClass


def fields_of(event: type[Event], data_class: DataClass) -> Iterator[tuple[Part, str, str]]:
    """List (part, dotted name, words "中文 · English") of an event's fields of a class, in order."""
    for part in parts_of(event):
        if part.data_class is data_class:
            field = event.model_fields[part.name]
            yield part, part.name, field.description or ""
            for model in models_in(field.annotation):
                for name, inner in model.model_fields.items():
                    words = f"{(field.description or '').partition(' · ')[0]}:{inner.description or ''}"
                    yield part, f"{part.name}.{name}", words


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """List the models that an annotation holds, from the outside in."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models_in(inner)
