"""Merkle trees as certificate logs build them, so that foreign tools can check our proofs.

Source: RFC 9162, section 2.1: leaf SHA-256(0x00 || leaf), node SHA-256(0x01 || left || right), split at the
largest power of two below n; inclusion (2.1.3) and consistency (2.1.4) proofs of about log2(n) hashes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of one entry, kept apart from that of a node by its first byte.

    >>> leaf_hash(b"").hex()[:16]
    '6e340b9cffb37a98'
    """
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The head of the tree over leaf hashes; of none, the hash of nothing.

    >>> root([]).hex()[:16]
    'e3b0c44298fc1c14'
    >>> root([leaf_hash(b"")]) == leaf_hash(b"")
    True
    """
    if not leaves:
        return hashlib.sha256(b"").digest()
    # Folding level by level gives the RFC's tree: only the last node of a level can be without a partner, and then
    # it rises unchanged, which is what splitting at the largest power of two does.
    level = list(leaves)
    while len(level) > 1:
        pairs = [hashlib.sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0]


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """What must be hashed with the leaf at `index` to get the root, from the leaf upwards (RFC 9162, 2.1.3.1).

    >>> a, b, c = (leaf_hash(each) for each in (b"a", b"b", b"c"))
    >>> inclusion_proof([a, b, c], 1) == [a, c] and inclusion_proof([a, b, c], 2) == [node_hash(a, b)]
    True
    """
    assert 0 <= index < len(leaves), (index, len(leaves))
    path = []
    level = list(leaves)
    while len(level) > 1:
        partner = index ^ 1
        if partner < len(level):
            path.append(level[partner])
        pairs = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2 :]
        index //= 2
    return path


def turns(index: int, size: int) -> list[bool]:
    """On the way from the leaf at `index` up to the head of `size` leaves: whether each partner stands to the left.

    >>> turns(2, 3), turns(4, 7)
    ([True], [False, False, True])
    """
    found = []
    while size > 1:
        if index ^ 1 < size:
            found.append(bool(index & 1))
        index, size = index // 2, (size + 1) // 2
    return found


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], head: bytes) -> bool:
    """Whether the leaf hash stands at `index` of the tree of `size` leaves with this head (as RFC 9162, 2.1.3.2).

    The head alone does not fix the size: whoever relies on that writes it into the leaf.
    """
    if not 0 <= index < size or len(path) != len(steps := turns(index, size)):
        return False
    found = leaf
    for partner, left in zip(path, steps, strict=True):
        found = node_hash(partner, found) if left else node_hash(found, partner)
    return found == head


def consistency_proof(leaves: Sequence[bytes], first: int) -> list[bytes]:
    """What shows that the tree over the first `first` leaves is the beginning of this one (RFC 9162, 2.1.4.1).

    >>> leaves = [leaf_hash(bytes([each])) for each in range(7)]
    >>> len(consistency_proof(leaves, 3)), consistency_proof(leaves, 7)
    (4, [])
    """
    assert 0 < first <= len(leaves), (first, len(leaves))
    return _subproof(leaves, first, whole=True)


def _subproof(leaves: Sequence[bytes], first: int, *, whole: bool) -> list[bytes]:
    if first == len(leaves):
        # The old head itself is known to whoever checks; the head of an inner subtree is not.
        return [] if whole else [root(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if first <= split:
        return [*_subproof(leaves[:split], first, whole=whole), root(leaves[split:])]
    return [*_subproof(leaves[split:], first - split, whole=False), root(leaves[:split])]


def verify_consistency(first: int, second: int, first_head: bytes, second_head: bytes, path: Sequence[bytes]) -> bool:
    """Whether the tree of `second` leaves with this head begins with the tree of `first` (RFC 9162, 2.1.4.2)."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not path and first_head == second_head
    # Where the old tree is full, its head is the first hash of the path, and is left out of it.
    rest = [first_head, *path] if first & (first - 1) == 0 else list(path)
    if not rest:
        return False
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = rest[0]
    for each in rest[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = node_hash(each, old), node_hash(each, new)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, each)
        place, last = place >> 1, last >> 1
    return last == 0 and old == first_head and new == second_head
