"""What a ledger entry says, as JSON values: what is compared, what is kept, and what tells children apart."""

from collections.abc import Mapping
from typing import Any

from schemas.registry import LedgerFacts


def facts_of(facts: LedgerFacts) -> dict[str, Any]:
    """Return the known facts."""
    return facts.model_dump(mode="json", exclude_none=True, include=set(LedgerFacts.model_fields))


def identity_in(facts: LedgerFacts) -> dict[str, Any]:
    """Return the known facts that tell children apart."""
    told = {"id_number": facts.id_number, "name": facts.name, "birth_date": facts.birth_date}
    return {name: value for name, value in told.items() if value is not None}


def identities_of(facts: Mapping[str, Any], region: str) -> list[str]:
    """Return what makes two rows the same child, surest first: the ID number; name, birth date and village (REG-06)."""
    number, name, born = facts.get("id_number"), facts.get("name"), facts.get("birth_date")
    by_number = [f"id|{number}"] if number else []
    return by_number + ([f"person|{name}|{born}|{region}"] if name and born else [])
