"""Checks a saved answer of the audit service offline: its checkpoint's signature, and that every proof leads to it."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from schemas.look import read_look
from services.audit.merkle import verify_inclusion
from services.audit.note import Note, NoteBroken, read_note
from services.audit.telling import read_telling
from services.kernel.store import leaf_hash


class Checked(NamedTuple):
    """What a saved answer holds."""

    moment: str
    """When its checkpoint was signed."""
    proved: int
    unproved: int
    """Entries that had no proof yet when the answer was given."""


def check_answer(answer: Any, public: str) -> Checked:
    """Check an answer of `known`, `disclosed` or `access` as it was saved. Raises NoteBroken.

    What the exact bytes of a telling or a look say must be what stands beside them: who, as what, by which clause, when.
    Names, words for people and, of several clauses, those after the first are not covered.
    """
    try:
        note = read_note(answer["checkpoint"], public)
        outcomes = [_holds(entry, note) for entry in _entries(answer)]
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise NoteBroken from error
    if False in outcomes:
        raise NoteBroken
    return Checked(note.moment, outcomes.count(True), outcomes.count(None))


def _entries(value: Any) -> Iterator[Mapping[str, Any]]:
    """List everything in an answer that may have a proof."""
    if isinstance(value, dict):
        if "proof" in value:
            yield value
        for inner in value.values():
            yield from _entries(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _entries(inner)


def _holds(entry: Mapping[str, Any], note: Note) -> bool | None:
    """Tell whether all that an entry proves holds; None where something has no proof yet."""
    proofs = [
        entry[name]
        for name in ("proof", "telling_proof")
        if name in entry and (name == "proof" or entry.get("telling"))
    ]
    if not all(proof is None or _included(proof, note) for proof in proofs):
        return False
    if entry.get("telling") and not _says(entry):
        return False
    if "look" in entry:
        look = read_look(entry["look"].encode())
        if (look.at, look.post, look.purpose, look.operation, look.classes) != (
            entry["at"], entry["post"], entry["purpose"], entry["operation"], entry["classes"],
        ) or not _is_leaf(entry["look"], entry["proof"]):  # fmt: skip
            return False
    return None if None in proofs else True


def _says(entry: Mapping[str, Any]) -> bool:
    """Tell whether a telling's bytes are its leaf, and say what stands beside them."""
    telling = read_telling(entry["telling"].encode())
    since, clause = entry.get("disclosed_at") or entry["since"], entry.get("clause") or entry["clauses"][0]
    event = entry["proof"] if "telling_proof" in entry else None
    return (
        _is_leaf(entry["telling"], entry.get("telling_proof", entry["proof"]))
        and (telling.role, telling.clause) == (entry["role"], clause)
        and datetime.fromisoformat(telling.disclosed_at) == datetime.fromisoformat(since)
        and entry.get("event", telling.event) == telling.event
        and entry.get("body", telling.agency) == telling.agency
        and (event is None or event["leaf"] == telling.leaf)
    )


def _is_leaf(content: str, proof: Mapping[str, Any] | None) -> bool:
    return proof is None or leaf_hash(content.encode()).hex() == proof["leaf"]


def _included(proof: Mapping[str, Any], note: Note) -> bool:
    line = note.logs[proof["store"]]
    hashes = [bytes.fromhex(each) for each in proof["hashes"]]
    return verify_inclusion(bytes.fromhex(proof["leaf"]), proof["index"], line.size, hashes, line.root)
