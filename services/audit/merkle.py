"""RFC 6962 Merkle trees: roots and proofs from complete subtrees, and their verification. Pure."""

import hashlib
from collections.abc import Callable, Sequence

Place = tuple[int, int]
"""(level, index) of a complete subtree: its hash covers leaves index·2^level to (index+1)·2^level − 1."""
Nodes = Callable[[Place], bytes]
_SIZE = 32
EMPTY = hashlib.sha256(b"").digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def grown(size: int, leaves: Sequence[bytes], nodes: Nodes) -> list[tuple[Place, bytes]]:
    """Return the complete subtrees that come about when leaf hashes are added to a tree of `size` leaves."""
    made: dict[Place, bytes] = {}
    for index, leaf in enumerate(leaves, size):
        level, at, value = 0, index, leaf
        made[level, at] = value
        while at % 2:
            left = level, at - 1
            value = node_hash(made[left] if left in made else nodes(left), value)
            level, at = level + 1, at // 2
            made[level, at] = value
    return list(made.items())


def edge(size: int) -> list[Place]:
    """Return the complete subtrees that a tree of `size` leaves is made of, left to right: what growing it asks for."""
    found, start = [], 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            found.append((level, start >> level))
            start += 1 << level
    return found


class Range:
    """A tree that is read once, leaf by leaf, and keeps no more than its edge: one hash for each bit of its size."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self.size = 0
        self._edge: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Append a leaf hash."""
        value, at = leaf, self.size
        while at & 1:
            value, at = node_hash(self._edge.pop(), value), at >> 1
        self._edge.append(value)
        self.size += 1

    def root(self) -> bytes:
        """Return the root so far."""
        if not self._edge:
            return EMPTY
        value = self._edge[-1]
        for left in reversed(self._edge[:-1]):
            value = node_hash(left, value)
        return value


def _split(count: int) -> int:
    return 1 << (count - 1).bit_length() - 1


def range_hash(start: int, end: int, nodes: Nodes) -> bytes:
    """Return MTH(D[start:end]), for ranges that the RFC's own splitting makes."""
    count = end - start
    if count == 0:
        return EMPTY
    level = count.bit_length() - 1
    if count == 1 << level:
        return nodes((level, start >> level))
    middle = start + _split(count)
    return node_hash(range_hash(start, middle, nodes), range_hash(middle, end, nodes))


def root(size: int, nodes: Nodes) -> bytes:
    """Return the root of a tree of `size` leaves."""
    return range_hash(0, size, nodes)


def inclusion(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """Return the proof that the leaf at `index` (from 0) is in the tree of `size` leaves (RFC 6962 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError
    start, end = 0, size
    path: list[bytes] = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(range_hash(middle, end, nodes))
            end = middle
        else:
            path.append(range_hash(start, middle, nodes))
            start = middle
    return path[::-1]


def consistency(old: int, new: int, nodes: Nodes) -> list[bytes]:
    """Return the proof that the tree of `old` leaves is the beginning of that of `new` (RFC 6962 2.1.2)."""
    if not 0 < old <= new:
        raise ValueError
    start, end, whole = 0, new, True
    path: list[bytes] = []
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(range_hash(middle, end, nodes))
            end = middle
        else:
            path.append(range_hash(start, middle, nodes))
            start, whole = middle, False
    return ([] if whole else [range_hash(start, end, nodes)]) + path[::-1]


def _hashes(*values: bytes) -> bool:
    return all(len(value) == _SIZE for value in values)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], wanted: bytes) -> bool:
    """Tell whether a proof holds (RFC 9162 2.1.3.2)."""
    if not 0 <= index < size or not _hashes(leaf, wanted, *proof):
        return False
    at, last, value = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            value = node_hash(sibling, value)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and value == wanted


def verify_consistency(old: int, new: int, before: bytes, after: bytes, proof: Sequence[bytes]) -> bool:
    """Tell whether a proof holds (RFC 9162 2.1.4.2). Of a tree without leaves nothing can be proved."""
    if old == new and old > 0:
        return not proof and before == after
    if not 0 < old < new or not proof or not _hashes(before, after, *proof):
        return False
    path = list(proof) if old & old - 1 else [before, *proof]
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and first == before and second == after
