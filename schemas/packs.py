"""Policy packs: what a document lays down, as data, identified by the hash of its content (PLT-01)."""

import hashlib
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from schemas.notification import Judging

FOLDER = Path(__file__).parent / "policies"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LeftBehindRule(_Part):
    """REG-01, REG-02, POL-02, POL-03."""

    age_below: Annotated[int, Field(gt=0, le=18)]
    rural_facts: bool
    """Whether rural household status must be proved by its three facts."""
    clauses: dict[str, str]


class DelegationRule(_Part):
    """GRD-03, GRD-12, GRD-20, POL-12, POL-13."""

    instruments: tuple[str, ...]
    relations: tuple[str, ...]
    adult_from: int
    clauses: dict[str, str]


class ReportingRule(_Part):
    """REP-01, REP-02, POL-06, POL-07."""

    mandated: tuple[str, ...]
    official: tuple[str, ...]
    grounds: tuple[str, ...]
    clauses: dict[str, str]


class AssessmentRule(_Part):
    """ASM-01, ASM-02, POL-14."""

    on_every_notice: bool
    members: tuple[str, ...]
    clauses: dict[str, str]


class PlacementRule(_Part):
    """PLC-01, PLC-03, POL-09, POL-11."""

    kinds: tuple[str, ...]
    receivers: tuple[str, ...]
    clauses: dict[str, str]


class DutyRule(_Part):
    """What an event makes a body owe (NTF-02, NTF-06). Fields are named as in the event that opens it."""

    opened_by: str
    owed_by: str
    """The field that names the body, or `@township`: the one responsible for the event's region."""
    about: str
    """The field that says what it is about; the event that meets it carries the same id under the same name."""
    met_by: tuple[str, ...] = ()
    by_hand: bool = False
    """Whether the body that owes it may say itself that it is done."""
    limit: Annotated[str | None, Field(pattern=r"^[1-9][0-9]{0,3}(h|d|wd)$")] = None
    """Hours, local calendar days or working days; none: the time is shown and no breach is claimed."""
    judged_by: Judging = Judging.RECORDED
    standing: Literal["clause", "local"]
    clause: str


class Pack(_Part):
    """One document's rules. `hash` is over the file's bytes and stands in every event decided under it."""

    code: str
    title: str
    issuer: str
    number: str
    standing: str
    effective_from: date
    left_behind: LeftBehindRule
    delegation: DelegationRule
    reporting: ReportingRule
    assessment: AssessmentRule
    placement: PlacementRule
    duties: dict[str, DutyRule]
    reviews: dict[str, tuple[str, ...]]
    """Fields of an event on which a decision rests: when one is corrected, the decision is reviewed."""
    notices: dict[str, str]
    terms: dict[str, str]


@dataclass(frozen=True)
class KnownPack:
    """A pack with the hash of its content; `name` is what an envelope's `policy` says."""

    pack: Pack
    content_hash: str

    @property
    def name(self) -> str:
        """Code and hash: `SY-2017-74@sha256:…`."""
        return f"{self.pack.code}@{self.content_hash}"


def read_pack(content: bytes) -> KnownPack:
    """Read a pack from its YAML; a field too many or too few is a pydantic ValidationError."""
    return KnownPack(
        Pack.model_validate(yaml.safe_load(content)), "sha256:" + hashlib.sha256(content).hexdigest()
    )


@cache
def known_packs() -> dict[str, KnownPack]:
    """Every pack that this version ships, by content hash."""
    packs = [read_pack(file.read_bytes()) for file in sorted(FOLDER.glob("*.yaml"))]
    return {known.content_hash: known for known in packs}
