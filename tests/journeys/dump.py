"""All views of all agencies as text that two runs can be compared by: opened, ordered, made-up ids named by content."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from schemas.envelope import decode
from services.agency.projector import unpack_refs
from services.kernel.keys.ciphers import AesGcm
from services.kernel.keys.sealing import Erased, open_refs, refs
from services.kernel.keys.service import KeyService
from services.kernel.world import RealWorld

Fetch = Callable[..., Awaitable[Sequence[Any]]]


async def pages(fetch: Fetch, version: int | None = None) -> str:
    """The schema of a version of the views, or of the one that answers."""
    return f"pages_{version or (await fetch('agency', 'select n from active'))[0]['n']}"


async def exact_dump(fetch: Fetch, version: int | None = None) -> list[str]:
    """Every row of every view as it stands, ids and all: what a rebuild must give again."""
    lines = []
    schema = await pages(fetch, version)
    for table in ("entry", "child", "task", "token"):
        lines += [f"{table} {dict(row)}" for row in await fetch("agency", f"select * from {schema}.{table}")]
    return sorted(lines)


async def canonical_dump(fetch: Fetch, keys: KeyService, version: int | None = None) -> list[str]:
    """Rows with sealed fields opened, in content order; ids that a run made up are replaced by what they stand for."""
    schema = await pages(fetch, version)
    entries = [
        (row, decode(row["envelope"]), _opened(decode(row["envelope"]), row["blocks"], keys))
        for row in await fetch("agency", f"select * from {schema}.entry")
    ]
    names = await _names(fetch, keys, schema)
    lines = [
        json.dumps(
            {
                "agency": str(row["agency"]), "type": envelope.type, "role": row["role"], "clause": row["clause"],
                "source": row["source"], "shown": shown, "actor": envelope.actor, "purpose": envelope.purpose,
                "open": {k: v for k, v in envelope.data.items() if k != "sealed"},
                "sealed": sorted((b.role, b.data_class) for b in envelope.blocks),
            },
            ensure_ascii=False, sort_keys=True,
        )
        for row, envelope, shown in entries
    ]  # fmt: skip
    for row in await fetch("agency", f"select * from {schema}.child"):
        told = msgspec.msgpack.decode(row["row"])
        told["reports"] = sorted(told["reports"].values())
        told["guardian"] = bool(told["guardian"])
        lines.append(
            f"row {row['agency']} {row['child']} {row['file']} {row['region']} {row['on_file']} {sorted(told.items())}"
        )
    lines += [
        f"task {r['agency']} {r['child']} {r['kind']}"
        for r in await fetch("agency", f"select * from {schema}.task")
    ]
    tokens = await fetch("agency", f"select agency, child, count(*) as n from {schema}.token group by 1, 2")
    lines += [f"tokens {r['agency']} {r['child']} {r['n']}" for r in tokens]
    return sorted(_named(line, names) for line in lines)


def _opened(envelope: Any, blocks: bytes, keys: KeyService) -> list[Any]:
    closed = refs(envelope, blocks)
    opened = open_refs(closed, keys, AesGcm(RealWorld()))
    return sorted(
        [
            b.role,
            b.data_class,
            "erased" if isinstance(f, Erased) else json.dumps(f, ensure_ascii=False, sort_keys=True),
        ]
        for b, f in zip(closed, opened, strict=True)
    )


async def _names(fetch: Fetch, keys: KeyService, schema: str) -> dict[str, str]:
    """What each child id stands for: its name, and whether it is a file or a name in a report."""
    names: dict[str, str] = {}
    for row in await fetch("agency", f"select child, on_file, blocks from {schema}.child"):
        fields: dict[str, Any] = {}
        for each in open_refs(unpack_refs(row["blocks"]), keys, AesGcm(RealWorld())):
            fields |= {} if isinstance(each, Erased) else each
        told = f"{fields.get('name')}/{fields.get('birth_date')}/{'file' if row['on_file'] else 'reported'}"
        names[str(row["child"])] = max(names.get(str(row["child"]), ""), told)
    return names


def _named(line: str, names: dict[str, str]) -> str:
    import re

    def name(found: "re.Match[str]") -> str:
        value = found[0]
        if value in names:
            return f"<{names[value]}>"
        # Ids of bodies and posts follow from the founding file (UUIDv5) and stay; ids made in a run do not.
        return value if UUID(value).version == 5 and value in _KEPT else "<id>"

    # When a clock ran and until when differs from run to run.
    line = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "<time>", line)
    return re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", name, line)


def _kept() -> set[str]:
    import yaml

    from services.registry.founding import body_id, post_id
    from shouwang.embedded import DEMO_COUNTY

    told = yaml.safe_load(DEMO_COUNTY.read_text(encoding="utf8"))
    return {str(body_id(b["key"])) for b in told["bodies"]} | {str(post_id(p["key"])) for p in told["posts"]}


_KEPT = _kept()
