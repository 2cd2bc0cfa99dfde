"""The journal as a file that anyone can check without a database: `scidex.lab.verify` says what is in it."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

from scidex.core.clock import microseconds
from scidex.core.db import Tx
from scidex.core.journal import BINDINGS
from scidex.core.seal import leaf_of
from scidex.exports import store
from scidex.lab import FORMAT, STATE_TABLES, counted_by_intakes, plain
from scidex.metering import ROW_FIELDS, IntakeRows, intake_rows


def journal_lines(tx: Tx, *, progress: Callable[[int], None] = lambda done: None) -> Iterator[bytes]:
    """The file, line by line, of one moment; needs a read-only transaction outside pipeline mode.

    Refuses: LedgerEmpty.
    """
    digest = hashlib.sha256()
    lines = 0
    for said in _said(tx, progress):
        line = _line(said)
        digest.update(line)
        lines += 1
        yield line
    yield _line({"end": lines, "sha256": digest.hexdigest()})


def _said(tx: Tx, progress: Callable[[int], None]) -> Iterator[dict[str, Any]]:
    origin = store.origin(tx)
    heads = store.find_heads(tx)
    yield {
        "format": FORMAT,
        "ledger": origin.ledger,
        "rows": store.count_journal(tx),
        "blocks": len(heads),
        "head": heads[-1].block.hash.hex() if heads else None,
        "as_of": origin.as_of.isoformat(),
        "usage_fields": ROW_FIELDS,
    }
    for block, _ in heads:
        yield {
            "block": block.height,
            "from": block.from_transaction,
            "below": block.below_transaction,
            "first": block.first_number,
            "last": block.last_number,
            "leaves": store.find_leaves(tx, block.height).hex(),
            "root": block.root.hex(),
            "previous": block.previous.hex(),
            "sealed_at": microseconds(block.sealed_at),
            "hash": block.hash.hex(),
        }
    ends = heads[-1].block.below_transaction if heads else 0
    yield {"unsealed": b"".join(leaf_of(entry) for entry in store.unsealed(tx, ends)).hex()}
    counted = counted_by_intakes(tx)
    starts = [block.from_transaction for block, _ in heads]
    for done, (entry, transaction, moved) in enumerate(store.stream_journal(tx), start=1):
        row = entry._asdict() | {"at": microseconds(entry.at), "moved": moved}
        row["block"] = bisect_right(starts, transaction) if transaction < ends else None
        if entry.number in counted:
            row["counted"] = plain(counted[entry.number])
        yield row
        if done % 1_000 == 0:
            progress(done)
    yield from _usage(tx)
    for table in STATE_TABLES:
        for key, found in BINDINGS[table].scan(tx):
            yield {"table": table.name, "key": plain(key), "row": plain(found)}


def _usage(tx: Tx) -> Iterator[dict[str, Any]]:
    """The rows of usage that came in bulk: they stand beside the journal, which has their fingerprint."""
    for number, of_intake in groupby(intake_rows(tx), key=itemgetter(0)):
        rows = IntakeRows()
        for _, row in of_intake:
            rows.add(number, row)
            yield {"usage": number, "row": row.decode().removesuffix("\n"), "fingerprint": rows.so_far()}


def _line(said: dict[str, Any]) -> bytes:
    return json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
