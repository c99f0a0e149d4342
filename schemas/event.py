"""What every event class is: frozen, closed on write, tolerant on read, each field with its data class."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, create_model

from schemas.fields import DataClass, Of


class ClasslessField(TypeError):  # noqa: N818 - it names what was found
    """A field of an event has no data class: nobody has decided who may read it."""


@dataclass(frozen=True)
class Part:
    """One field of an event: its class, and the field that carries the id of whose data it is."""

    name: str
    data_class: DataClass
    subject: str


def _marks(annotation: Any) -> Iterator[Any]:
    """All marks in an annotation, from the outside in; a container speaks for what it holds."""
    if get_origin(annotation) is Annotated:
        inner, *marks = get_args(annotation)
        yield from marks
        yield from _marks(inner)
    else:
        for argument in get_args(annotation):
            yield from _marks(argument)


Split = tuple[dict[str, Any], dict[tuple[str, str], dict[str, Any]]]
"""Open fields, and sealed ones by (subject id, data class)."""


class Event(BaseModel):
    """A fact. `type` is its stored name for ever; `subject` names the field of what it is about."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    type: ClassVar[str] = ""
    subject: ClassVar[str] = "child"
    title: ClassVar[tuple[str, str]] = ("", "")
    requirements: ClassVar[tuple[str, ...]] = ()
    pad: ClassVar[dict[str, int]] = {}
    """Data classes whose block is padded to a fixed number of bytes."""
    parties: ClassVar[tuple[str, ...]] = ()
    """Fields that name bodies who are told because the act is also theirs, whatever their role toward the child."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Refuse a class-less field where it is written down."""
        parts_of(cls)
        if "type" in cls.__dict__:
            if cls.type in EVENTS and (EVENTS[cls.type].__module__, EVENTS[cls.type].__qualname__) != (
                cls.__module__, cls.__qualname__,
            ):  # fmt: skip
                message = f"two event classes are called {cls.type}"
                raise TypeError(message)
            EVENTS[cls.type] = cls

    @classmethod
    def read(cls, fields: dict[str, Any]) -> "Event":
        """Build the event from stored fields; fields that this version doesn't know are passed over.

        A sealed field whose key was erased is absent: the event then has None there, whatever its type says.
        """
        erased = any(
            part.name not in fields
            and part.data_class is not DataClass.OPEN
            and cls.model_fields[part.name].is_required()
            for part in parts_of(cls)
        )
        return (_erasable(cls) if erased else cls).model_validate(fields, strict=False, extra="ignore")

    def split(self) -> Split:
        """Return (open fields, sealed fields by (subject id, class)), all as JSON values, absent ones left out."""
        values = self.model_dump(mode="json", exclude_none=True)
        opened: dict[str, Any] = {}
        sealed: dict[tuple[str, str], dict[str, Any]] = {}
        for name, data_class, subject in _places(type(self)):
            if name not in values:
                continue
            if data_class == DataClass.OPEN:
                opened[name] = values[name]
            else:
                sealed.setdefault((values[subject], data_class), {})[name] = values[name]
        return opened, sealed


EVENTS: dict[str, type[Event]] = {}
"""Every event class by its stored name."""


@cache
def parts_of(event: type[Event]) -> tuple[Part, ...]:
    """List the fields of an event class in order; raises ClasslessField."""
    parts = []
    for name, annotation in _annotations(event).items():
        marks = list(_marks(annotation))
        data_class = next((m for m in marks if isinstance(m, DataClass)), None)
        if data_class is None or name == "sealed":
            message = f"{event.__qualname__}.{name}"
            raise ClasslessField(message)
        owner = next((m.subject for m in marks if isinstance(m, Of)), event.subject)
        parts.append(Part(name, data_class, owner))
    return tuple(parts)


@cache
def _places(event: type[Event]) -> tuple[tuple[str, str, str], ...]:
    """List (field, class, subject) as plain text: events are split by the hundred thousand."""
    return tuple((part.name, part.data_class.value, part.subject) for part in parts_of(event))


@cache
def _erasable(event: type[Event]) -> type[Event]:
    """Return the class under which an event is read whose sealed fields may be gone."""
    gone = {
        part.name: (Annotated[_annotations(event)[part.name] | None, part.data_class, Of(part.subject)], None)
        for part in parts_of(event)
        if part.data_class is not DataClass.OPEN
    }
    made: type[Event] = create_model(event.__name__, __base__=event, **gone)  # type: ignore[call-overload]
    return made


def _annotations(event: type[Event]) -> dict[str, Any]:
    """Annotations with their marks: pydantic moves the outermost ones to `metadata`, so both are read."""
    return {
        name: Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        for name, field in event.model_fields.items()
    }
