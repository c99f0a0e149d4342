"""The authority table: who may issue which command. What it doesn't name is refused."""

from functools import cache
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from schemas.reference import BodyKind
from services.kernel.errors import NotAllowed
from services.kernel.hearing.reference import covers
from services.kernel.people.auth import Principal

_FILE = Path(__file__).parents[3] / "schemas" / "authority.yaml"


class Rule(BaseModel):
    """One way to be allowed: a kind of body, in a scope, by a clause."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bodies: Annotated[tuple[BodyKind, ...], Field(min_length=1)]
    scope: Literal["own_region", "addressee", "above", "anyone"]
    clause: str


Table = dict[str, tuple[Rule, ...]]


@cache
def authority_table() -> Table:
    """Return the shipped table; a rule too vague is a pydantic ValidationError at start."""
    return TypeAdapter(Table).validate_python(yaml.safe_load(_FILE.read_text(encoding="utf8")))


def check(
    command: str, who: Principal, *, region: str | None = None, addressee: UUID | None = None,
    superior: UUID | None = None, table: Table | None = None,
) -> Rule:  # fmt: skip
    """Return the rule that allows it, or raise NotAllowed. A scope whose facts are not given does not hold."""
    for rule in (table if table is not None else authority_table()).get(command, ()):
        if who.kind not in rule.bodies:
            continue
        held = {
            "anyone": True,
            "own_region": region is not None and covers(who.body.region, region),
            "addressee": addressee is not None and addressee == who.body.id,
            "above": superior is not None and superior == who.body.id,
        }
        if held[rule.scope]:
            return rule
    raise NotAllowed(command=command)
