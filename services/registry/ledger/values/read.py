"""What reading one cell gives."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Read:
    """`value` is None when nothing was read; `problem` then says why, unless the cell was empty.

    `warnings` are doubts about a value that was read all the same.
    """

    value: Any = None
    warnings: tuple[str, ...] = ()
    problem: str | None = None


EMPTY = Read()


@dataclass(frozen=True, slots=True)
class Setting:
    """What a cell's file tells about its values."""

    date_1904: bool = False
    typed: bool = True
