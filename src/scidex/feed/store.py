"""The SQL of the feed: how far the journal is final, and its rows without their commands, a bounded page at a time."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from scidex.core.db import Tx
from scidex.core.journal import Entry
from scidex.core.seal import leaf_of

WINDOW = 20_000
"""Most numbers that one page looks at, so that rare events cost many short reads instead of a long one."""
_MOST_ROWS = 500
_MOST_BYTES = 4_000_000
"""Receipts are read until they come to this; one alone may be larger."""


class Row(NamedTuple):
    """A journal row as far as events are made of it."""

    number: int
    at: datetime
    actor: str
    kind: str
    receipt: str


_MOMENT = """
SELECT pg_snapshot_xmin(seen)::text::bigint, pg_snapshot_xmax(seen)::text::bigint,
  coalesce(pg_sequence_last_value('journal_number'::regclass), 0)
FROM pg_current_snapshot() AS seen
"""


def moment(tx: Tx) -> tuple[int, int, int]:
    """The oldest transaction that runs, the next one that will, and the last journal number that was drawn."""
    oldest, following, last = tx.execute(_MOMENT).fetchone() or (0, 0, 0)
    return oldest, following, last


_PAGE = """
WITH page AS MATERIALIZED (
  SELECT number, at, actor, kind, receipt,
    sum(octet_length(receipt)) OVER (ORDER BY number) - octet_length(receipt) AS before
  FROM journal WHERE number > %s AND number <= %s AND kind = ANY(%s) ORDER BY number LIMIT %s
)
SELECT number, at, actor, kind, receipt, (SELECT count(*) FROM page) FROM page WHERE before < %s ORDER BY number
"""


def page_of(tx: Tx, after: int, final: int, kinds: Collection[str]) -> tuple[list[Row], int]:
    """Rows of these kinds above `after` and up to `final`, as many as a page holds, and up to where it has looked."""
    end = min(final, after + WINDOW)
    found = tx.execute(_PAGE, [after, end, list(kinds), _MOST_ROWS, _MOST_BYTES]).fetchall()
    rows = [Row(*row[:5]) for row in found]
    whole = not found or (len(found) == found[0][5] and len(found) < _MOST_ROWS)
    return rows, end if whole else rows[-1].number


_FIRST = "SELECT number, at, actor, key, kind, policy, command, receipt FROM journal ORDER BY number LIMIT 1"


def ledger_id(tx: Tx) -> str:
    """The id of this ledger, as its exports have it: the leaf hash of its first journal row."""
    row = tx.execute(_FIRST).fetchone()
    return leaf_of(Entry(*row)).hex() if row else "empty"
