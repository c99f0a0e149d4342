"""The record of a look, as it is published and hashed: who looked at whom, when, what for, and what was shown."""

import msgspec

LOOK_LOGS = ("agency", "audit")
"""Whose answers are on record: what agencies read, and what auditors asked."""


class Look(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who looked, when (RFC 3339, UTC), what for, by which operation, at whom, and which data classes were shown.

    Its bytes are the JSON of these fields in this order, without blanks, in UTF-8. `about` are the ids of those who
    were shown, none where nobody was found; of an auditor's question, what it was about. [PRV-02, PRV-03]
    """

    seq: int
    id: str
    at: str
    body: str
    post: str
    person: str
    purpose: str
    operation: str
    about: list[str]
    classes: list[str]


def exact(look: Look) -> bytes:
    """Return the bytes that are published, and whose hash is the look's leaf."""
    return msgspec.json.encode(look)


def read_look(line: bytes) -> Look:
    """Return the look of these bytes. Raises ValueError where they are not the exact bytes of one."""
    found = msgspec.json.decode(line, type=Look)
    if exact(found) != line:
        raise ValueError
    return found
