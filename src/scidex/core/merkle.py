"""Merkle trees as certificate logs build them, so that foreign tools can check our proofs.

Source: RFC 9162, section 2.1.1: leaf SHA-256(0x00 || leaf), node SHA-256(0x01 || left || right), split at the
largest power of two below n.
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
