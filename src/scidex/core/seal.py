"""Blocks over the journal: a hash chain with a Merkle root each, made after the commit as certificate logs do.

A block covers every row of a range of transaction ids that has ended for good (all ids below the oldest one still
running), so writers never wait for the head of the chain and no row can slip in behind it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from scidex.core.clock import microseconds
from scidex.core.db import Tx
from scidex.core.journal import Entry
from scidex.core.merkle import leaf_hash, root

GENESIS = bytes(32)
_LOCK = 0x5EA1  # one sealer at a time


class Block(NamedTuple):
    """One link of the chain; `hash` is over all that stands before it but the leaves, which `root` covers."""

    height: int
    from_transaction: int
    below_transaction: int
    first_number: int
    last_number: int
    leaves: bytes
    root: bytes
    previous: bytes
    sealed_at: datetime
    hash: bytes


def leaf_of(entry: Entry) -> bytes:
    """The leaf hash of a journal row: JSON without spaces, the time in microseconds, then RFC 9162."""
    fields = [entry.number, microseconds(entry.at), *entry[2:]]
    return leaf_hash(json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode())


def hash_of(block: Block) -> bytes:
    """The hash that the next block points to."""
    head = [
        block.height,
        block.from_transaction,
        block.below_transaction,
        block.first_number,
        block.last_number,
        len(block.leaves) // 32,
        block.root.hex(),
        block.previous.hex(),
        microseconds(block.sealed_at),
    ]
    return hashlib.sha256(b"scidex block" + json.dumps(head, separators=(",", ":")).encode()).digest()


_HEAD = "SELECT height, below_transaction, hash FROM journal_block ORDER BY height DESC LIMIT 1"
_ENDED = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
# First the rows, by their transactions, then their order: in one step the planner would walk the whole journal in the
# order of its numbers.
_ROWS = """
WITH found AS MATERIALIZED (
  SELECT number, at, actor, key, kind, policy, command, receipt FROM journal
  WHERE transaction_id >= %s AND transaction_id < %s
)
SELECT * FROM found ORDER BY number
"""
_NTH = """
SELECT transaction_id FROM journal WHERE transaction_id >= %s AND transaction_id < %s
ORDER BY transaction_id OFFSET %s LIMIT 1
"""
_INSERT = """
INSERT INTO journal_block (height, from_transaction, below_transaction, first_number, last_number,
  leaves, root, previous, sealed_at, hash)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


def seal(tx: Tx, *, at_most: int = 50_000) -> int:
    """Seal what has ended since the last block: how many rows that were, 0 if another sealer is at work.

    A block holds about `at_most` rows, so that a long backlog becomes several blocks: call again while it is not 0.
    """
    if tx.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK]).fetchone() != (True,):
        return 0
    head = tx.execute(_HEAD).fetchone()
    height, start, previous = (head[0] + 1, head[1], head[2]) if head else (1, 0, GENESIS)
    (ended,) = tx.execute(_ENDED).fetchone() or (0,)
    first = tx.execute(_NTH, [start, ended, 0]).fetchone()
    if first is None:
        return 0
    # A block ends between transactions, before the one that holds row number `at_most`, and holds at least one.
    cut = tx.execute(_NTH, [start, ended, at_most]).fetchone()
    below = max(cut[0], first[0] + 1) if cut else ended
    entries = [Entry(*row) for row in tx.execute(_ROWS, [start, below])]
    leaves = [leaf_of(entry) for entry in entries]
    block = Block(
        height,
        start,
        below,
        entries[0].number,
        entries[-1].number,
        b"".join(leaves),
        root(leaves),
        previous,
        tx.now,
        b"",
    )
    tx.execute(_INSERT, [*block[:-1], hash_of(block)])
    return len(entries)


_BLOCKS = """
SELECT height, from_transaction, below_transaction, first_number, last_number, leaves, root, previous, sealed_at, hash
FROM journal_block ORDER BY height
"""


def check_chain(tx: Tx) -> Iterator[str]:
    """Every way in which the sealed journal differs from what was sealed, each in one line that names the row."""
    previous, height, start = GENESIS, 1, 0
    for row in tx.execute(_BLOCKS).fetchall():
        block = Block(*row)
        if (block.height, block.previous, block.from_transaction) != (height, previous, start):
            yield f"journal_block {block.height}: does not follow block {height - 1}"
        if hash_of(block) != block.hash:
            yield f"journal_block {block.height}: its hash is not that of its contents"
        leaves = [block.leaves[i : i + 32] for i in range(0, len(block.leaves), 32)]
        if root(leaves) != block.root:
            yield f"journal_block {block.height}: its Merkle root is not that of its leaves"
        yield from _check_rows(tx, block, leaves)
        previous, height, start = block.hash, block.height + 1, block.below_transaction


def _check_rows(tx: Tx, block: Block, leaves: list[bytes]) -> Iterator[str]:
    sealed = set(leaves)
    found = set()
    changed = []
    for row in tx.execute(_ROWS, [block.from_transaction, block.below_transaction]):
        entry = Entry(*row)
        leaf = leaf_of(entry)
        found.add(leaf)
        if leaf not in sealed:
            changed.append(entry.number)
    for number in changed:
        yield f"journal {number}: is not the row that was sealed in block {block.height}"
    missing = len(sealed - found) - len(changed)
    if missing > 0:
        yield (
            f"journal_block {block.height}: {missing} sealed rows between journal {block.first_number} and "
            f"{block.last_number} are gone"
        )
