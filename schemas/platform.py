"""Events that any service makes, on its own topic: a reaction that was refused, a fact that was corrected."""

from typing import Annotated, ClassVar

from pydantic import Field

from schemas.event import Event
from schemas.fields import ChildId, Code, DataClass, EventId, Line2000, Of, PersonId, Region, When


class ReactionRefused(Event):
    """A service could not do what an event asked of it: a duty for a person, never silence."""

    type: ClassVar[str] = "platform.reaction-refused.v1"
    title: ClassVar[tuple[str, str]] = ("自动处理被拒,待人工处理", "Reaction refused, a person must act")
    requirements: ClassVar[tuple[str, ...]] = ("PLT-08",)

    child: ChildId
    reaction: Annotated[Code, Field(description="处理名称 · Name of the reaction")]
    cause: Annotated[EventId, Field(description="触发事件 · The event it reacted to")]
    refusal: Annotated[Code, Field(description="拒绝代码 · Code of the refusal")]


_VALUE = Field(description="更正后的值(JSON) · The right value, as JSON")


class FactCorrected(Event):
    """A recorded fact was wrong: which event, which field, and the right value, in the class of that field. [PLT-02]

    Exactly one of the values is there, under the class and the person of the field that it corrects; so who may read
    the wrong value may read the right one, and whoever may no longer is told of the correction without it.
    """

    type: ClassVar[str] = "platform.fact-corrected.v1"
    title: ClassVar[tuple[str, str]] = ("事实更正", "Fact corrected")
    requirements: ClassVar[tuple[str, ...]] = ("PLT-02",)

    child: ChildId
    region: Region
    corrects: Annotated[EventId, Field(description="被更正的事件 · The event that is corrected")]
    corrects_type: Annotated[Code, Field(description="被更正事件的类型 · Type of that event")]
    field: Annotated[Code, Field(description="被更正的字段 · The field that is corrected")]
    person: Annotated[PersonId, Field(description="所属人员编号 · Whose fact it is")]
    basis: Annotated[Code, Field(description="更正依据(编码) · What the correction rests on, a code")]
    time: Annotated[When | None, Field(description="更正后的发生时间 · The right time of occurrence")] = None
    name: Annotated[Line2000 | None, DataClass.NAME, Of("person"), _VALUE] = None
    idnumber: Annotated[Line2000 | None, DataClass.IDNUMBER, Of("person"), _VALUE] = None
    address: Annotated[Line2000 | None, DataClass.ADDRESS, Of("person"), _VALUE] = None
    contact: Annotated[Line2000 | None, DataClass.CONTACT, Of("person"), _VALUE] = None
    family: Annotated[Line2000 | None, DataClass.FAMILY, Of("person"), _VALUE] = None
    schooling: Annotated[Line2000 | None, DataClass.SCHOOLING, Of("person"), _VALUE] = None
    health: Annotated[Line2000 | None, DataClass.HEALTH, Of("person"), _VALUE] = None
    economic: Annotated[Line2000 | None, DataClass.ECONOMIC, Of("person"), _VALUE] = None
    case: Annotated[Line2000 | None, DataClass.CASE, Of("person"), _VALUE] = None
