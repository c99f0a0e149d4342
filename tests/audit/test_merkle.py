"""Proofs of RFC 6962 trees: every true one holds, every altered one fails; any order of arrival gives the same root."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audit import merkle
from services.audit.merkle import Place, grown, node_hash, verify_consistency, verify_inclusion
from services.kernel.store import leaf_hash
from tests.scenario import SHORT

sizes = st.integers(1, 70)
NONE: dict[Place, bytes] = {}


def naive(leaves: Sequence[bytes]) -> bytes:
    """MTH as RFC 6962 2.1 writes it, over leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(naive(leaves[:k]), naive(leaves[k:]))


def leaves_of(size: int) -> list[bytes]:
    return [leaf_hash(b"%d" % i) for i in range(size)]


def tree(leaves: Sequence[bytes]) -> dict[Place, bytes]:
    return dict(grown(0, leaves, NONE.__getitem__))


def test_the_roots_that_the_rfcs_own_test_suite_gives() -> None:
    inputs = [bytes.fromhex(h) for h in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )]  # fmt: skip
    hashed = [leaf_hash(i) for i in inputs]
    assert naive([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert hashed[0].hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    whole = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    assert merkle.root(8, tree(hashed).__getitem__).hex() == whole


@pytest.mark.req("PLT-02")
@SHORT
@given(size=sizes, cuts=st.lists(st.integers(0, 70), max_size=4))
def test_a_tree_grown_in_any_steps_has_the_root_of_the_definition(size: int, cuts: list[int]) -> None:
    leaves, at = leaves_of(size), 0
    nodes: dict[Place, bytes] = {}
    for cut in sorted({min(c, size) for c in cuts} | {size}):
        edge = merkle.edge(at)
        assert all(place in nodes for place in edge)
        nodes.update(grown(at, leaves[at:cut], {p: nodes[p] for p in edge}.__getitem__))
        at = cut
    for part in range(size + 1):
        assert merkle.root(part, nodes.__getitem__) == naive(leaves[:part])


@pytest.mark.req("PLT-02")
@SHORT
@given(size=sizes, data=st.data())
def test_an_inclusion_proof_holds_and_no_altered_one_does(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves = leaves_of(size)
    nodes = tree(leaves)
    proof, root = merkle.inclusion(index, size, nodes.__getitem__), naive(leaves)
    assert verify_inclusion(leaves[index], index, size, proof, root)
    assert not verify_inclusion(leaf_hash(b"other"), index, size, proof, root)
    assert not verify_inclusion(leaves[index], index, size, proof, bytes(32))
    assert not verify_inclusion(leaves[index], index, size, [*proof, bytes(32)], root)
    assert not verify_inclusion(leaves[index], size, size, proof, root)
    for i in range(len(proof)):
        altered = [*proof[:i], bytes(32), *proof[i + 1 :]]
        assert not verify_inclusion(leaves[index], index, size, altered, root)
        assert not verify_inclusion(leaves[index], index, size, [*proof[:i], *proof[i + 1 :]], root)


@pytest.mark.req("PLT-02")
@SHORT
@given(old=sizes, more=st.integers(0, 70), data=st.data())
def test_a_consistency_proof_holds_and_no_altered_one_does(old: int, more: int, data: st.DataObject) -> None:
    leaves = leaves_of(old + more)
    nodes = tree(leaves)
    proof = merkle.consistency(old, old + more, nodes.__getitem__)
    before, after = naive(leaves[:old]), naive(leaves)
    assert verify_consistency(old, old + more, before, after, proof)
    forged = naive([leaf_hash(b"forged"), *leaves[1:old]])
    assert not verify_consistency(old, old + more, forged, after, proof)
    assert not verify_consistency(old, old + more, before, after, [*proof, bytes(32)])
    if proof:
        i = data.draw(st.integers(0, len(proof) - 1))
        assert not verify_consistency(
            old, old + more, before, after, [*proof[:i], bytes(32), *proof[i + 1 :]]
        )
