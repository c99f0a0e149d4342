"""What a run says of a scenario: its counts, what the checker found, and whether it went as far as it had to."""

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Found:
    """What a checker found, each with a word on where. Empty lists: it holds."""

    lost: list[str] = field(default_factory=list)
    """Acknowledged, and not there or not where the answer said."""
    doubled: list[str] = field(default_factory=list)
    """There more often than it was asked for, or never asked for."""
    skipped: list[str] = field(default_factory=list)
    """Committed, and a reader never came to see it."""
    misordered: list[str] = field(default_factory=list)
    """Seen in another order than it was committed, or before what it rests on."""

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled or self.skipped or self.misordered)

    def add(self, other: "Found") -> None:
        """Take over what another checker found."""
        self.lost += other.lost
        self.doubled += other.doubled
        self.skipped += other.skipped
        self.misordered += other.misordered

    def words(self) -> str:
        """The first of each kind."""
        kinds = vars(self).items()
        return "; ".join(f"{len(told)} {kind}: {told[0]}" for kind, told in kinds if told) or "nothing"


@dataclass
class Row:
    """One scenario's run."""

    scenario: str
    seed: int
    faults: int = 0
    commands: int = 0
    acknowledged: int = 0
    unknown: int = 0
    found: Found = field(default_factory=Found)
    recoveries: list[float] = field(default_factory=list)
    least: dict[str, int] = field(default_factory=dict)
    reached: dict[str, int] = field(default_factory=dict)
    must_fail: bool = False
    """A control: a reader known to be wrong, in which the checker must find something."""
    theirs: bool = False
    """Somebody else's: what is found is told, and is no failure of ours."""
    notes: str = ""

    @property
    def enough(self) -> bool:
        """Whether it went as far as it had to."""
        return all(self.reached.get(what, 0) >= count for what, count in self.least.items())

    @property
    def as_it_must(self) -> bool:
        """Whether it came out as it must: ours without a finding, a control with one."""
        return self.theirs or bool(self.found) is self.must_fail

    def told(self) -> dict[str, Any]:
        """As it is written down."""
        row: dict[str, Any] = {
            "scenario": self.scenario, "seed": self.seed, "faults": self.faults, "commands": self.commands,
            "acknowledged": self.acknowledged, "unknown": self.unknown,
            **{kind: len(told) for kind, told in vars(self.found).items()},
            "recovery_s_p95": p95(self.recoveries), "least": self.least, "reached": self.reached, "enough": self.enough,
            "holds": not self.found, "as_it_must": self.as_it_must,
        }  # fmt: skip
        for name in ("must_fail", "theirs", "notes"):
            if getattr(self, name):
                row[name] = getattr(self, name)
        if self.found:
            row["first"] = self.found.words()
        return row


def p95(seconds: Sequence[float]) -> float | None:
    """Return the 95th percentile (nearest rank), None where nothing was measured."""
    if not seconds:
        return None
    return round(sorted(seconds)[math.ceil(0.95 * len(seconds)) - 1], 3)


def compare(committed: Sequence[Hashable], seen: Sequence[Hashable], where: str) -> Found:
    """Compare what a reader saw with what was committed, in order."""
    found = Found()
    times = Counter(seen)
    wanted = Counter(committed)
    found.skipped = [f"{where}: {each}" for each in committed if not times[each]]
    found.doubled = [f"{where}: {each}" for each, count in times.items() if count > wanted[each]]
    place = {each: i for i, each in enumerate(committed)}
    last = -1
    for each in dict.fromkeys(seen):
        at = place.get(each, last)
        if at < last:
            found.misordered.append(f"{where}: {each}")
        last = max(last, at)
    return found
