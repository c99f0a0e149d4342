"""Who holds which post: assigned for a time or until further notice, also to a deputy, and left (PLT-06)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

from pydantic import Field

from schemas.fields import BodyId, Day, PersonId, PostId, Title
from schemas.reference import PostAssigned, PostEnded
from services.kernel.errors import NotFound, Refusal
from services.kernel.writing.decider import Command, Context, Decider


# --- Refusals
class AnotherBodys(Refusal):
    """该岗位属于另一单位,不能改到本单位。 · This post belongs to another body."""

    status = 409


class EndsBeforeItBegins(Refusal):
    """任职止不能早于任职起。 · A post can't end before it begins."""


class NoEndForDeputy(Refusal):
    """代理岗位须写明任职止。 · A deputy stands in for a time: say until when."""


# --- Commands
class AssignPost(Command):
    """Give a post in a body to a person, or change who holds it. A deputy's post names the one that it stands in for. [PLT-06]"""

    path: ClassVar[str] = "assign-post"
    title: ClassVar[tuple[str, str]] = ("任命岗位", "Assign a post")
    requirements: ClassVar[tuple[str, ...]] = ("PLT-06",)

    post: Annotated[
        PostId | None, Field(description="已有岗位编号,新设留空 · The post's id; empty for a new one")
    ] = None
    body: BodyId
    person: Annotated[
        PersonId,
        Field(description="人员编号,即其在身份提供方的编号 · The person's id: `sub` at the sign-in provider"),
    ]
    duty: Annotated[Title, Field(description="岗位名称 · What the post is", examples=["青禾镇民政办事员"])]
    valid_from: Annotated[Day, Field(description="任职起 · Held from")]
    valid_to: Annotated[Day | None, Field(description="任职止(含当日) · Held to, that day included")] = None
    deputy_of: Annotated[
        PostId | None, Field(description="代理的岗位 · The post for which a deputy stands in")
    ] = None

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, "Assigning"]]:
        """One post."""
        post = self.post or new_id()
        yield post, Assigning(self, post)


class EndPost(Command):
    """Somebody leaves a post: their rights end as soon as a service hears of it, whatever token they show. [PLT-06]"""

    path: ClassVar[str] = "end-post"
    title: ClassVar[tuple[str, str]] = ("卸任岗位", "End a post")
    requirements: ClassVar[tuple[str, ...]] = ("PLT-06",)

    post: PostId

    def each(self, new_id: Callable[[], UUID]) -> Iterable[tuple[UUID, Self]]:  # noqa: ARG002 - nothing new
        """One post."""
        yield self.post, self


@dataclass(frozen=True)
class Assigning:
    """An assignment with the id of its post."""

    command: AssignPost
    post: UUID


# --- State
@dataclass(frozen=True)
class Held:
    """A post as its stream tells it."""

    assigned: PostAssigned | None = None
    ended: bool = False


def evolve(state: Held, event: PostAssigned | PostEnded) -> Held:
    """Take one event in."""
    return Held(event) if isinstance(event, PostAssigned) else Held(state.assigned, ended=True)


# --- Decide
def decide(part: Assigning | EndPost, state: Held, _: Context) -> list[PostAssigned | PostEnded]:
    """Return what changes; nothing where it is so already. Raises the refusals above, NotFound."""
    if isinstance(part, EndPost):
        if state.assigned is None:
            raise NotFound
        return [] if state.ended else [PostEnded(post=part.post, body=state.assigned.body)]
    told = part.command
    if state.assigned is None and told.post is not None:
        raise NotFound
    if state.assigned is not None and state.assigned.body != told.body:
        raise AnotherBodys
    if told.valid_to is not None and told.valid_to < told.valid_from:
        raise EndsBeforeItBegins
    if told.deputy_of is not None and told.valid_to is None:
        raise NoEndForDeputy
    assigned = PostAssigned(
        post=part.post, body=told.body, person=told.person, duty=told.duty, valid_from=told.valid_from,
        valid_to=told.valid_to, deputy_of=told.deputy_of,
    )  # fmt: skip
    return [] if state == Held(assigned) else [assigned]


def scope_of(part: Assigning | EndPost, state: Held) -> dict[str, Any]:
    """The body above decides; over the posts of a body with none above it, that body."""
    body = part.command.body if isinstance(part, Assigning) else state.assigned and state.assigned.body
    return {"above": body, "addressee": body}


POST = Decider(
    name="post", events=(PostAssigned, PostEnded), commands=(AssignPost, EndPost), initial=Held, evolve=evolve,
    decide=decide, scope_of=scope_of,
)  # fmt: skip
