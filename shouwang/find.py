"""`shouwang find`: who on file may be the child about to be registered."""

from collections.abc import Iterator
from typing import Any

from shouwang.client import Platform
from shouwang.importing import post_of


async def find(platform: Platform, post: str, wanted: dict[str, str | None]) -> dict[str, Any]:
    """Ask as a post; returns the answer of POST /agency/candidates."""
    person = await platform.sign_in(await post_of(platform, post))
    told: dict[str, Any] = await person.post("agency/candidates", {k: v for k, v in wanted.items() if v})
    return told


def as_text(told: dict[str, Any]) -> Iterator[str]:
    """Say it to a person, in lines."""
    yield f"{told['zh']} {told['en']}"
    for candidate in told["candidates"]:
        child = candidate["child"]
        facts = (child["name"] or "—", child["birth_date"] or "—", child["region"] or "—", child["child"])
        yield f"{candidate['score']:.3f}  {'  '.join(facts)}"
        for reason in candidate["reasons"]:
            yield f"       {reason['zh']} · {reason['en']}"
