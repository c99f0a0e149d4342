"""Two versions of the views, row by row: counts, how many differ, and the first that does, named."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from services.kernel.database import Connection
from services.kernel.store import PARTITIONS, partition_of

KEYS = {
    "entry": ("agency", "child", "event", "role"), "child": ("agency", "child"),
    "task": ("agency", "child", "kind", "ref"), "token": ("agency", "child", "token"),
}  # fmt: skip
"""Tables of a version, and by what a row of each is named; the second is always the child."""


class Difference(NamedTuple):
    """A row that isn't the same in both: its key, and the columns that differ (none where one side lacks the row)."""

    table: str
    key: dict[str, str]
    columns: list[str]
    only_in: int | None


@dataclass
class Comparison:
    """What was found so far. Whole once nothing is `left`."""

    of: int
    other: int
    rows: dict[str, list[int]] = field(default_factory=lambda: {table: [0, 0] for table in KEYS})
    """Table → rows in (`of`, `other`)."""
    differing: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KEYS, 0))
    """Table → rows that differ or stand on one side alone."""
    first: Difference | None = None
    left: set[int] = field(default_factory=lambda: set(range(PARTITIONS)))
    """Partitions in which both have not been seen level yet."""

    def told(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "of": self.of, "with": self.other, "equal": self.first is None, "rows": self.rows,
            "differing": self.differing, "first": self.first and self.first._asdict(),
        }  # fmt: skip


class Snapshot(NamedTuple):
    """A transaction that sees one moment, and how far the two versions had come then, by partition."""

    rows: Connection
    of_places: Mapping[int, int]
    other_places: Mapping[int, int]

    def level(self, partition: int) -> bool:
        return self.of_places.get(partition) == self.other_places.get(partition)


async def compare_where_level(snapshot: Snapshot, found: Comparison) -> None:
    """Add to `found` those of its partitions that are left and level in this snapshot."""
    level = {p for p in found.left if snapshot.level(p)}
    if not level:
        return
    found.left -= level
    for table in KEYS:
        await _compare_table(snapshot.rows, table, level, found)


async def _compare_table(rows: Connection, table: str, level: set[int], found: Comparison) -> None:
    ours, theirs = f"pages_{found.of}.{table}", f"pages_{found.other}.{table}"
    in_ours, in_theirs = await _columns(rows, ours), await _columns(rows, theirs)
    if in_ours != in_theirs:
        odd = sorted(in_ours ^ in_theirs)
        found.first = found.first or Difference(table, {}, odd, None)
    shared = ", ".join(f'"{c}"' for c in sorted(in_ours & in_theirs))
    for row in await rows.fetch(f"select child, count(*) as n from {theirs} group by child"):
        if _partition(row["child"]) in level:
            found.rows[table][0] += row["n"]
            found.rows[table][1] += row["n"]
    sides: dict[tuple[Any, ...], list[int]] = {}
    for side, one, another in ((0, ours, theirs), (1, theirs, ours)):
        keys = ", ".join(KEYS[table])
        for row in await rows.fetch(
            f"select {keys} from (select {shared} from {one} except select {shared} from {another}) odd"
        ):
            if _partition(row["child"]) in level:
                sides.setdefault(tuple(row), []).append(side)
    found.rows[table][0] += sum(s == [0] for s in sides.values()) - sum(s == [1] for s in sides.values())
    found.differing[table] += len(sides)
    if sides and found.first is None:
        key = min(sides)
        found.first = await _named(rows, table, key, sides[key], found)


async def _named(
    rows: Connection, table: str, key: tuple[Any, ...], sides: list[int], found: Comparison
) -> Difference:
    named = {c: v.hex() if isinstance(v, bytes) else str(v) for c, v in zip(KEYS[table], key, strict=True)}
    if len(sides) == 1:
        return Difference(table, named, [], (found.of, found.other)[sides[0]])
    where = " and ".join(f"{c} = ${i}" for i, c in enumerate(KEYS[table], 1))
    ours, theirs = [
        dict(await rows.fetchrow(f"select * from pages_{n}.{table} where {where}", *key))
        for n in (found.of, found.other)
    ]
    return Difference(table, named, sorted(c for c in ours if ours[c] != theirs.get(c)), None)


async def _columns(rows: Connection, table: str) -> set[str]:
    found = await rows.fetch(
        "select attname from pg_attribute where attrelid = $1::text::regclass and attnum > 0 and not attisdropped",
        table,
    )
    return {row["attname"] for row in found}


def _partition(child: UUID) -> int:
    return partition_of(str(child))
