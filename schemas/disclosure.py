"""Tables of disclosure: event type × role × data class × clause, read from YAML and identified by the hash of the text."""

import hashlib
from functools import cached_property
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from schemas.catalogue import EVENTS
from schemas.fields import DataClass
from schemas.notification import Role

SHIPPED = Path(__file__).parent / "disclosure.yaml"
ANY_TYPE = "*"
MUST_HEAR = ("notification.access-granted.v1", "notification.access-ended.v1", "registry.subject-erased.v1")
"""What every role must be told, whatever else: by these a body's views let go of what is no longer its to see."""


class Rule(BaseModel):
    """What a role is shown of an event, and by which clause."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    show: tuple[DataClass, ...]
    clause: str

    @cached_property
    def classes(self) -> frozenset[str]:
        """What is shown, by the names that blocks bear."""
        return frozenset(data_class.value for data_class in self.show)


Table = dict[str, dict[Role, Rule]]
_TABLE = TypeAdapter(Table)


def read_table(content: bytes) -> Table:
    """Read a table; what isn't understood is a pydantic ValidationError, or a YAMLError."""
    return _TABLE.validate_python(yaml.safe_load(content))


def hash_of(content: bytes) -> str:
    """Return the name of a table: every feed row bears that of the one by which it was told."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def why_not(content: bytes) -> str | None:
    """Return, in Chinese and English, why nobody may adopt this table; None where it may be adopted.

    Whatever two posts sign: an event that isn't known is no rule, and the reporter is for the police who work the case
    (PRV-01).
    """
    try:
        table = read_table(content)
    except (ValidationError, yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        first = error.errors()[0]["loc"] if isinstance(error, ValidationError) else ()
        return f"无法读懂 · can't be understood: {'.'.join(map(str, first)) or type(error).__name__}"
    for kind in table.keys() - EVENTS.keys() - {ANY_TYPE}:
        return f"没有此类事件 · no such event: {kind[:80]}"
    for kind in MUST_HEAR:
        for role in read_table(SHIPPED.read_bytes())[kind].keys() - table.get(kind, {}).keys():
            return f"须告知权限与删除 · must be told of its access and of erasures: {kind}, {role}"
    for kind, roles in table.items():
        for role, rule in roles.items():
            if DataClass.REPORTER in rule.show and role is not Role.CASE_POLICE:
                return f"报告人只能告知办案公安 · the reporter is for the police of the case alone: {kind}, {role}"
    return None
