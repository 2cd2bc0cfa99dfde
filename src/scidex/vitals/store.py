"""The SQL of the figures: each statement is bounded in rows, and all of them in time."""

from __future__ import annotations

from datetime import datetime

from scidex.core.db import Tx

_MOST_ROWS = 200
"""Pools are few; if they are not, these many rows of a pool and a unit are told."""
_TIMEOUT = "SET LOCAL statement_timeout = '3s'"


def bound_time(tx: Tx) -> None:
    """Let no statement of this transaction run for more than three seconds."""
    tx.execute(_TIMEOUT)


_FREE = """
SELECT substr(owner, 6), unit, balance - held FROM ledger_account
WHERE purpose = 'pool' AND starts_with(owner, 'pool:') ORDER BY owner, unit LIMIT %s
"""


def free_in_pools(tx: Tx) -> list[tuple[str, str, int]]:
    """What each pool can still grant, in parts: (pool, unit, parts)."""
    return tx.execute(_FREE, [_MOST_ROWS]).fetchall()


_RESERVED = """
SELECT pool, each.unit, sum(each.amount)::bigint
FROM budget_reservation
CROSS JOIN LATERAL unnest(units, amounts) AS each (unit, amount)
JOIN resource_budgets USING (entity_type, entity_id)
WHERE state = 'open' AND pool IS NOT NULL
GROUP BY pool, each.unit ORDER BY pool, each.unit LIMIT %s
"""


def reserved_of_pools(tx: Tx) -> list[tuple[str, str, int]]:
    """What open reservations hold of the budgets of each pool, in parts."""
    return tx.execute(_RESERVED, [_MOST_ROWS]).fetchall()


_GRANTED = """
SELECT pool, unit, sum(balance)::bigint, coalesce(sum(balance) FILTER (WHERE purpose = 'spent'), 0)::bigint
FROM ledger_account JOIN resource_budgets ON owner = 'entity:' || entity_type || ':' || entity_id
WHERE purpose IN ('budget', 'spent') AND pool IS NOT NULL
GROUP BY pool, unit ORDER BY pool, unit LIMIT %s
"""


def granted(tx: Tx) -> list[tuple[str, str, int, int]]:
    """What the budgets of each pool were granted, and what is spent of it, in parts. It reads every budget."""
    return tx.execute(_GRANTED, [_MOST_ROWS]).fetchall()


_OPEN = "SELECT count(*) FROM budget_reservation WHERE state = 'open'"


def open_reservations(tx: Tx) -> int:
    """How many reservations are open."""
    (count,) = tx.execute(_OPEN).fetchone() or (0,)
    return int(count)


_UNSEALED = """
SELECT at FROM journal
WHERE number > coalesce((SELECT last_number FROM journal_block ORDER BY height DESC LIMIT 1), 0)
ORDER BY number LIMIT 1
"""


def unsealed_since(tx: Tx) -> datetime | None:
    """When the first journal row above the newest block was written; None where all is sealed."""
    row = tx.execute(_UNSEALED).fetchone()
    return row[0] if row else None
