"""The first events of a county: regions, bodies, posts and the pack it works by, read from a founding file."""

from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from pydantic import BaseModel, ConfigDict

from schemas.event import Event
from schemas.packs import known_packs
from schemas.reference import BodyRegistered, PolicyPackAdopted, PostAssigned, RegionRegistered
from services.kernel.store import Append, EventStore
from services.kernel.world import World, derived_id
from services.kernel.writing.recording import Circumstances, Planned, Recorder


class Founding(BaseModel):
    """A founding file. Bodies and posts are called by keys of the file; their ids follow from those."""

    model_config = ConfigDict(extra="forbid")

    regions: list[dict[str, Any]]
    bodies: list[dict[str, Any]]
    posts: list[dict[str, Any]]
    packs: list[dict[str, Any]]


def body_id(key: str) -> UUID:
    """Return the id of a body by its key in the founding file."""
    return derived_id("body", key)


def post_id(key: str) -> UUID:
    """Return the id of a post by its key in the founding file."""
    return derived_id("post", key)


def person_id(key: str) -> UUID:
    """Return the id of the person in a post, by the post's key."""
    return derived_id("person", key)


def founding_events(file: Path) -> list[Event]:
    """Read a founding file into events; a field too many or too few is a pydantic ValidationError."""
    found = Founding.model_validate(yaml.safe_load(file.read_text(encoding="utf8")))
    hashes = {known.pack.code: content_hash for content_hash, known in known_packs().items()}
    return [
        *(RegionRegistered.model_validate(r, strict=False) for r in found.regions),
        *(BodyRegistered.model_validate(_body(b), strict=False) for b in found.bodies),
        *(PostAssigned.model_validate(_post(p), strict=False) for p in found.posts),
        *(
            PolicyPackAdopted.model_validate(
                {**p, "content_hash": hashes[p["pack"]], "signed_by": [post_id(k) for k in p["signed_by"]]},
                strict=False,
            )
            for p in found.packs
        ),
    ]


def _body(told: dict[str, Any]) -> dict[str, Any]:
    superior = body_id(told["superior"]) if "superior" in told else None
    return {k: v for k, v in told.items() if k != "key"} | {
        "body": body_id(told["key"]),
        "superior": superior,
    }


def _post(told: dict[str, Any]) -> dict[str, Any]:
    key = told["key"]
    return {k: v for k, v in told.items() if k != "key"} | {
        "post": post_id(key), "person": person_id(key), "body": body_id(told["body"])
    }  # fmt: skip


async def found(file: Path, store: EventStore, recorder: Recorder, world: World) -> bool:
    """Append the founding events, once: a store that has events is left alone."""
    if (await store.position())[1] > 0:
        return False
    planned = [
        Planned(
            event,
            event.post if isinstance(event, PostAssigned) else world.new_id(),
            1,
            derived_id("founding", i),
        )
        for i, event in enumerate(founding_events(file))
    ]
    told = Circumstances(actor="founding", purpose="founding", correlation=derived_id("founding"))
    await store.append(Append(await recorder.record(planned, told)))
    return True
