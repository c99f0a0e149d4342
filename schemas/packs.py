"""Policy packs: what a document lays down, as data, identified by the hash of its content (PLT-01)."""

import hashlib
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field

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
