"""Files that schools keep of their pupils who are on file: opened and closed, and with them what the school is told (REG-23)."""

from collections.abc import Callable, Iterable
from typing import Annotated, ClassVar, Self
from uuid import UUID

from pydantic import Field

from schemas.fields import BodyId, ChildId, Day
from schemas.reference import BodyKind
from schemas.registry import Leaving, SchoolFileClosed, SchoolFileOpened
from services.kernel.errors import Refusal
from services.kernel.writing.decider import Command, Context

Event = SchoolFileOpened | SchoolFileClosed
EVENTS = (SchoolFileOpened, SchoolFileClosed)


class NotASchool(Refusal):
    """所填单位不是平台上的学校或幼儿园,请改填其编号。 · That body is no school or kindergarten on record: give one's id."""


class OpenSchoolFile(Command):
    """Have a school keep a file of its pupil: it is told of parents' departure and of each change of guardian. [REG-23 REG-24]"""

    path: ClassVar[str] = "open-school-file"
    title: ClassVar[tuple[str, str]] = ("建立在校档案", "Open a school's file of a pupil")
    requirements: ClassVar[tuple[str, ...]] = ("REG-23", "REG-24")

    child: ChildId
    school: Annotated[BodyId, Field(description="就读学校、幼儿园 · The school or kindergarten")]
    starts: Annotated[Day, Field(description="入学日期 · First day there")]

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, Self]]:  # noqa: ARG002 - nothing new
        """One child."""
        yield self.child, self


class CloseSchoolFile(Command):
    """Say that a child left a school: its file there is closed, and the school is told no more. [REG-23]"""

    path: ClassVar[str] = "close-school-file"
    title: ClassVar[tuple[str, str]] = ("结束在校档案", "Close a school's file of a pupil")
    requirements: ClassVar[tuple[str, ...]] = ("REG-23",)

    child: ChildId
    school: Annotated[BodyId, Field(description="学校、幼儿园 · The school or kindergarten")]
    ends: Annotated[Day, Field(description="离校日期 · Last day there")]
    leaving: Annotated[Leaving, Field(description="离校情形 · How the child left")]

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, Self]]:  # noqa: ARG002 - nothing new
        """One child."""
        yield self.child, self


COMMANDS = (OpenSchoolFile, CloseSchoolFile)


def evolve(schools: frozenset[UUID], event: Event) -> frozenset[UUID]:
    """Return the schools that keep a file of the child after an event."""
    return schools | {event.school} if isinstance(event, SchoolFileOpened) else schools - {event.school}


def decide(
    command: OpenSchoolFile | CloseSchoolFile, schools: frozenset[UUID], region: str, context: Context
) -> list[Event]:
    """Open a file, once, and close it, once. Raises NotASchool."""
    told = {"child": command.child, "region": region, "school": command.school}
    if isinstance(command, CloseSchoolFile):
        if command.school not in schools:
            return []
        return [SchoolFileClosed.model_validate(told | {"ends": command.ends, "leaving": command.leaving})]
    if context.kind_of(command.school) is not BodyKind.SCHOOL:
        raise NotASchool
    if command.school in schools:
        return []
    return [SchoolFileOpened.model_validate(told | {"starts": command.starts})]
