"""Inclusion and consistency proofs as RFC 9162 has them, against its definition and the vectors of certificate logs."""

from __future__ import annotations

import hashlib

import pytest

from scidex.core.merkle import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

ENTRIES = [
    bytes.fromhex(each)
    for each in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
"""The test vectors of the certificate-transparency project: heads of the trees over the first n entries."""
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


def by_definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(by_definition(leaves[:split]), by_definition(leaves[split:]))


def path_by_definition(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 9162, 2.1.3.1, word for word."""
    if len(leaves) == 1:
        return []
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if index < split:
        return [*path_by_definition(index, leaves[:split]), by_definition(leaves[split:])]
    return [*path_by_definition(index - split, leaves[split:]), by_definition(leaves[:split])]


def flips(hashed: bytes) -> list[bytes]:
    """All that differ in one bit."""
    return [(int.from_bytes(hashed) ^ 1 << bit).to_bytes(len(hashed)) for bit in range(8 * len(hashed))]


@pytest.mark.parametrize("size", range(1, 9))
def test_heads_are_those_of_the_public_vectors(size: int) -> None:
    assert root(LEAVES[:size]).hex() == ROOTS[size - 1]


def test_the_published_paths_of_the_vectors() -> None:
    # The audit paths of the RFC's own example tree of seven leaves (2.1.5), in words: a b g, c h i, ...
    a, b, c, d, e, f, j = LEAVES[:7]
    g, h, i = node_hash(a, b), node_hash(c, d), node_hash(e, f)
    k = node_hash(g, h)
    tree = LEAVES[:7]
    assert inclusion_proof(tree, 0) == [b, h, node_hash(i, j)]
    assert inclusion_proof(tree, 3) == [c, g, node_hash(i, j)]
    assert inclusion_proof(tree, 4) == [f, j, k]
    assert inclusion_proof(tree, 6) == [i, k]
    assert consistency_proof(tree, 3) == [c, d, g, node_hash(i, j)]
    assert consistency_proof(tree, 4) == [node_hash(i, j)]
    assert consistency_proof(tree, 6) == [i, j, k]


@pytest.mark.parametrize("size", [*range(1, 40), 64, 65, 127])
def test_every_leaf_of_every_size_is_proved_and_nowhere_else(size: int) -> None:
    leaves = [leaf_hash(bytes([each])) for each in range(size)]
    head = root(leaves)
    assert head == by_definition(leaves)
    for index, leaf in enumerate(leaves):
        path = inclusion_proof(leaves, index)
        assert path == path_by_definition(index, leaves)
        assert verify_inclusion(leaf, index, size, path, head)
        for other in range(-1, size + 1):
            assert verify_inclusion(leaf, other, size, path, head) == (other == index)
        assert not verify_inclusion(leaf, index, size, [*path, head], head)
        assert not verify_inclusion(leaf, index, size, path[:-1], head) or not path


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 11])
def test_one_changed_bit_anywhere_is_no_proof(size: int) -> None:
    leaves = [leaf_hash(bytes([each])) for each in range(size)]
    head = root(leaves)
    for index, leaf in enumerate(leaves):
        path = inclusion_proof(leaves, index)
        assert not any(verify_inclusion(each, index, size, path, head) for each in flips(leaf))
        assert not any(verify_inclusion(leaf, index, size, path, each) for each in flips(head))
        for place, hashed in enumerate(path):
            for each in flips(hashed):
                assert not verify_inclusion(leaf, index, size, [*path[:place], each, *path[place + 1 :]], head)


@pytest.mark.parametrize("size", [*range(1, 24), 33])
def test_every_earlier_tree_is_the_beginning_of_a_later_one(size: int) -> None:
    leaves = [leaf_hash(bytes([each])) for each in range(size)]
    head = root(leaves)
    for first in range(1, size + 1):
        path, old = consistency_proof(leaves, first), root(leaves[:first])
        assert verify_consistency(first, size, old, head, path)
        other = root([*leaves[: first - 1], leaf_hash(b"other")])
        assert not verify_consistency(first, size, other, head, path)
        assert not verify_consistency(first, size, old, other, path)
        assert not verify_consistency(first, size, old, head, [*path, head])
        assert not path or not verify_consistency(first, size, old, head, path[1:])
        for place, hashed in enumerate(path):
            bad = [*path[:place], flips(hashed)[place], *path[place + 1 :]]
            assert not verify_consistency(first, size, old, head, bad)
    assert not verify_consistency(0, size, head, head, [])
    assert not verify_consistency(size + 1, size, head, head, [])
