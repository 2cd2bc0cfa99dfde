"""The SQL of insight: sums over ranges of time, each found by its index."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from scidex.core.db import Tx, columns
from scidex.entities import EntityKey
from scidex.insight.model import Listed, PoolLine, Portion

# The owner of a budget or a sink is entity:type:id, and a type has no colon.
_PIPELINE = """
WITH flow AS MATERIALIZED (
  SELECT artifact_type AS entity_type, artifact_id AS entity_id, 'bids' AS flow, 'token' AS unit, sum(paid) AS amount
  FROM market_trade JOIN market USING (market)
  WHERE at >= %(since)s AND at < %(until)s GROUP BY 1, 2
  UNION ALL
  SELECT artifact_type, artifact_id, 'bounties', 'token', sum(amount)
  FROM bounty_funding JOIN bounty_listing USING (bounty)
  WHERE funded_at >= %(since)s AND funded_at < %(until)s GROUP BY 1, 2
  UNION ALL
  SELECT artifact_type, artifact_id, 'subsidy', 'token', sum(subsidy)
  FROM market WHERE opened_at >= %(since)s AND opened_at < %(until)s GROUP BY 1, 2
  UNION ALL
  SELECT split_part(owner, ':', 2), substr(owner, length(split_part(owner, ':', 2)) + 9), 'grants', unit, sum(amount)
  FROM (
    SELECT credit_owner AS owner, unit, amount FROM token_ledger
    WHERE (debit_purpose = 'pool' OR credit_purpose = 'pool') AND credit_purpose = 'budget'
      AND at >= %(since)s AND at < %(until)s
    UNION ALL
    SELECT debit_owner, unit, -amount FROM token_ledger
    WHERE (debit_purpose = 'pool' OR credit_purpose = 'pool') AND debit_purpose = 'budget'
      AND at >= %(since)s AND at < %(until)s
  ) AS moved
  GROUP BY owner, unit
  UNION ALL
  SELECT entity_type, entity_id, 'spent', unit, sum(amount)
  FROM usage_hour WHERE hour >= %(since)s AND hour < %(until)s GROUP BY 1, 2, unit
  UNION ALL
  SELECT artifact_type, artifact_id, 'spent', unit, sum(amount)
  FROM resource_allocations
  WHERE sort = 'spending' AND created_at >= %(since)s AND created_at < %(until)s GROUP BY 1, 2, unit
  UNION ALL
  SELECT entity_type, entity_id, 'edges', 'edge', sum(parts)
  FROM knowledge_submission WHERE at >= %(since)s AND at < %(until)s AND parts > 0 GROUP BY 1, 2
), top AS (
  SELECT entity_type, entity_id
  FROM flow JOIN unnest(%(units)s::text[], %(worths)s::float8[]) AS rate (unit, worth) USING (unit)
  WHERE amount > 0 GROUP BY 1, 2 ORDER BY sum(amount * worth) DESC, entity_type, entity_id LIMIT %(top)s
), gained AS (
  SELECT entity_type, entity_id, true AS brought FROM flow WHERE flow = 'edges'
)
SELECT top.entity_type, top.entity_id, flow, unit, coalesce(brought, false), sum(amount)
FROM flow
LEFT JOIN top USING (entity_type, entity_id)
LEFT JOIN gained USING (entity_type, entity_id)
WHERE amount > 0
GROUP BY 1, 2, 3, 4, 5
"""
_USD = """
SELECT coalesce(sum(usd), 0), coalesce(sum(usd_unknown), 0)
FROM usage_hour WHERE hour >= %s AND hour < %s
"""
_TITLES = """
SELECT entity_type, entity_id, title
FROM unnest(%s::text[], %s::text[]) AS asked (entity_type, entity_id) JOIN entity USING (entity_type, entity_id)
"""
# Who sets a budget says out of which pool; a sharing says it in its rows.
_POOLS = """
SELECT pool, unit, sum(free), sum(granted), sum(reserved), sum(spent)
FROM (
  SELECT substr(owner, 6) AS pool, unit, balance - held AS free, 0 AS granted, 0 AS reserved, 0 AS spent
  FROM ledger_account WHERE purpose = 'pool' AND owner LIKE 'pool:%%'
  UNION ALL
  SELECT coalesce(budget.pool, shared.pool, ''), account.unit, 0, granted, reserved, spent
  FROM (
    SELECT owner, split_part(owner, ':', 2) AS entity_type,
           substr(owner, length(split_part(owner, ':', 2)) + 9) AS entity_id, unit, sum(balance) AS granted,
           sum(held) FILTER (WHERE purpose = 'budget') AS reserved,
           sum(balance) FILTER (WHERE purpose = 'spent') AS spent
    FROM ledger_account
    WHERE purpose IN ('budget', 'spent') AND owner LIKE 'entity:%%' AND (balance <> 0 OR held <> 0)
    GROUP BY owner, unit
  ) AS account
  LEFT JOIN resource_budgets AS budget USING (entity_type, entity_id)
  LEFT JOIN LATERAL (
    SELECT pool FROM resource_allocations
    WHERE budget.pool IS NULL AND artifact_type = account.entity_type AND artifact_id = account.entity_id
      AND sort = 'grant' ORDER BY number DESC LIMIT 1
  ) AS shared ON true
) AS line
GROUP BY pool, unit
ORDER BY pool, unit
"""
_PROPOSALS = """
SELECT id, sort, entity_type, entity_id, state, due_at, cardinality(reviewers),
       (SELECT count(*) FROM proposal_vote WHERE proposal = id AND counts)
FROM allocation_proposals WHERE due_at < %s ORDER BY due_at, id LIMIT %s
"""
_DISPUTES = """
SELECT market, settlement.state, due_at, bonds, artifact_type, artifact_id
FROM settlement JOIN market USING (market)
WHERE due_at IS NOT NULL AND settlement.state IN ('proposed', 'disputed') ORDER BY due_at, market LIMIT %s
"""
# Debts that were noted lately and still stand: an index on who is in debt would be written whenever a balance changes.
_DEBTS = """
SELECT subject, unit, held - balance
FROM (
  SELECT DISTINCT subject, unit
  FROM (SELECT subject, unit FROM budget_event WHERE sort = 'debt' ORDER BY number DESC LIMIT 1000) AS noted
) AS noted
JOIN ledger_account USING (unit)
WHERE owner = 'entity:' || subject AND purpose = 'budget' AND balance < held
ORDER BY subject, unit LIMIT %s
"""
_OWED = "SELECT actor, amount FROM earning_debt WHERE amount > 0 ORDER BY amount DESC, actor LIMIT %s"
_UNSEALED = """
SELECT count(*), min(at)
FROM (
  SELECT at FROM journal
  WHERE number > coalesce((SELECT last_number FROM journal_block ORDER BY height DESC LIMIT 1), 0)
  ORDER BY number LIMIT 10000
) AS waiting
"""

_LISTED = """
SELECT entity_type, entity_id, title, market.market, state, outcomes[1], prices[1], at_risk, liquidity, trades
"""
_ITS_MARKET = """
LEFT JOIN market_listing ON (artifact_type, artifact_id) = (entity_type, entity_id)
LEFT JOIN market USING (market)
ORDER BY entity_type, entity_id
"""
_ALL = """
FROM (
  SELECT entity_type, entity_id, title FROM entity
  WHERE (entity_type, entity_id) > (%s, %s) ORDER BY entity_type, entity_id LIMIT %s
) AS found
"""
_WITH_WORDS = """
FROM (
  SELECT entity_type, entity_id, title FROM entity
  WHERE to_tsvector('simple'::regconfig, regexp_replace(title || ' ' || entity_id, '[[:punct:][:space:]]+', ' ', 'g'))
      @@ to_tsquery('simple'::regconfig, %s)
    AND (entity_type, entity_id) > (%s, %s) ORDER BY entity_type, entity_id LIMIT %s
) AS found
"""


def find_portions(
    tx: Tx, *, since: datetime, until: datetime, worths: Sequence[tuple[str, float]], top: int
) -> list[Portion]:
    """All flows of the period: of the `top` artifacts by what they are worth one by one, of all others together.

    `worths` are token parts per part of a unit; what has none counts nothing in the order.
    """
    units, rates = zip(*worths, strict=True)
    asked = {"since": since, "until": until, "units": list(units), "worths": list(rates), "top": top}
    return [
        Portion(None if sort is None else EntityKey(sort, name), flow, unit, brought, int(amount))
        for sort, name, flow, unit, brought, amount in tx.execute(_PIPELINE, asked)
    ]


def find_usd(tx: Tx, since: datetime, until: datetime) -> tuple[int, int]:
    """What calls of the period cost, in parts of a dollar, and how many have no price."""
    row = tx.execute(_USD, [since, until]).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def find_titles(tx: Tx, entities: Collection[EntityKey]) -> dict[EntityKey, str]:
    """The titles of those of them that are registered."""
    rows = tx.execute(_TITLES, columns(entities)) if entities else ()
    return {EntityKey(row[0], row[1]): row[2] for row in rows}


def find_pool_lines(tx: Tx) -> list[PoolLine]:
    """Every pool and unit, and what was granted out of no pool on record under the name ''."""
    return [PoolLine(row[0], row[1], *(int(figure or 0) for figure in row[2:])) for row in tx.execute(_POOLS)]


def find_due_proposals(tx: Tx, until: datetime, limit: int) -> list[tuple[Any, ...]]:
    """Proposals whose deadline is before `until`, the first one first, with seats and votes."""
    return tx.execute(_PROPOSALS, [until, limit]).fetchall()


def find_disputes(tx: Tx, limit: int) -> list[tuple[Any, ...]]:
    """Markets whose end is proposed or disputed, the next deadline first."""
    return tx.execute(_DISPUTES, [limit]).fetchall()


def find_debts(tx: Tx, limit: int) -> list[tuple[str, str, int]]:
    """Budgets in debt: artifact as type:id, unit, by how much."""
    return [(row[0], row[1], row[2]) for row in tx.execute(_DEBTS, [limit])]


def find_owed(tx: Tx, limit: int) -> list[tuple[str, int]]:
    """Actors that owe tokens of revoked rewards, the largest debt first."""
    return [(row[0], row[1]) for row in tx.execute(_OWED, [limit])]


def find_unsealed(tx: Tx) -> tuple[int, datetime | None]:
    """How many journal rows, at most 10000, lie above the last block, and since when."""
    row = tx.execute(_UNSEALED).fetchone()
    assert row is not None
    return int(row[0]), row[1]


def find_listed(tx: Tx, query: str | None, after: EntityKey, limit: int) -> list[Listed]:
    """A page of artifacts by type and id with the market on each; `query` is in PostgreSQL's words for text search."""
    if query is None:
        rows = tx.execute(_LISTED + _ALL + _ITS_MARKET, [*after, limit])
    else:
        rows = tx.execute(_LISTED + _WITH_WORDS + _ITS_MARKET, [query, *after, limit])
    return [Listed(EntityKey(row[0], row[1]), *row[2:]) for row in rows]
