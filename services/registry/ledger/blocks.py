"""A roster in two or more blocks side by side, each with the same labels and a running number of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from services.registry.ledger.data import bare
from services.registry.ledger.labels import running_numbers
from services.registry.ledger.model import Cell, Column

Columns = tuple[Column, ...]


def blocks_of(columns: Columns) -> tuple[Columns, ...]:
    """The columns of each block; the columns as they are where the labels don't repeat from block to block."""
    name = next((c.label for c in columns if c.field == "姓名"), None)
    at = [column.index for column in columns if column.label == name]
    if len(at) < 2 or len({other - one for one, other in pairwise(at)}) > 1:
        return (columns,)
    step, start = at[1] - at[0], columns[0].index
    first = tuple(column for column in columns if column.index < start + step)
    numbered = any(bare(column.label) in running_numbers() for column in first)
    found = tuple(
        tuple(replace(column, index=column.index + step * block) for column in first)
        for block in range(len(at))
    )
    same = [(c.index, c.label) for block in found for c in block] == [(c.index, c.label) for c in columns]
    return found if same and numbered else (columns,)


def cells_of(
    cells: Sequence[Cell], blocks: tuple[Columns, ...]
) -> Iterator[tuple[Columns, tuple[Cell, ...]]]:
    """A row's cells block by block, what stands elsewhere left blank."""
    starts = [block[0].index for block in blocks]
    for block, start, end in zip(blocks, starts, [*starts[1:], 1 << 20], strict=True):
        begin = start if block is not blocks[0] else 0
        yield block, tuple(cell if begin <= at < end else None for at, cell in enumerate(cells))
