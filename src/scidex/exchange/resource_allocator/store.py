"""The SQL of the allocator."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from scidex.core.db import Tx, columns
from scidex.core.journal import bind
from scidex.entities import EntityKey
from scidex.exchange.resource_allocator.model import (
    ALLOCATIONS,
    CYCLES,
    AllocationKey,
    AllocationRow,
    Candidate,
    Cycle,
    CycleKey,
)
from scidex.policy import Policy

_CYCLE = "pool, unit, cycle, number, at, amount, granted, claims, theta"
_ALLOCATION = (
    "number, line, created_at, sort, artifact_type, artifact_id, unit, amount, actor, policy_version, pool, cycle,"
    " demand, bounty, price, claim, floor, cap, binding, note"
)


def load_cycles(tx: Tx, keys: Collection[CycleKey]) -> Iterator[tuple[CycleKey, Cycle]]:
    """Sharings by pool, unit and cycle; they never change once they are there."""
    rows = tx.each(
        f"SELECT {_CYCLE} FROM unnest(%s::text[], %s::text[], %s::text[]) AS asked (pool, unit, cycle)"
        " JOIN allocation_cycle USING (pool, unit, cycle)",
        columns(keys),
    )
    return ((CycleKey(*row[:3]), Cycle._make(row)) for row in rows)


def insert_cycles(tx: Tx, rows: Mapping[CycleKey, Cycle]) -> None:
    """New sharings."""
    tx.execute(
        f"INSERT INTO allocation_cycle ({_CYCLE})"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[], %s::bigint[],"
        " %s::bigint[], %s::integer[], %s::text[])",
        columns(rows.values()),
    )


def scan_cycles(tx: Tx) -> Iterator[tuple[CycleKey, Cycle]]:
    """Every sharing."""
    for row in tx.execute(f"SELECT {_CYCLE} FROM allocation_cycle"):
        yield CycleKey(*row[:3]), Cycle._make(row)


def insert_allocations(tx: Tx, rows: Mapping[AllocationKey, AllocationRow]) -> None:
    """New grants and spendings."""
    tx.execute(
        f"INSERT INTO resource_allocations ({_ALLOCATION})"
        " SELECT * FROM unnest(%s::bigint[], %s::integer[], %s::timestamptz[], %s::text[], %s::text[], %s::text[],"
        " %s::text[], %s::bigint[], %s::text[], %s::integer[], %s::text[], %s::text[], %s::bigint[], %s::bigint[],"
        " %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[])",
        columns((*row[:4], *row.artifact, *row[5:]) for row in rows.values()),
    )


def _allocation(row: Sequence[Any]) -> AllocationRow:
    return AllocationRow._make((*row[:4], EntityKey(row[4], row[5]), *row[6:]))


def scan_allocations(tx: Tx) -> Iterator[tuple[AllocationKey, AllocationRow]]:
    """Every grant and spending."""
    for row in tx.execute(f"SELECT {_ALLOCATION} FROM resource_allocations"):
        yield AllocationKey(*row[:2]), _allocation(row)


def find_allocations(
    tx: Tx, *, artifact: EntityKey, before: int | None = None, limit: int = 100
) -> list[AllocationRow]:
    """A page of an artifact's grants and spendings, newest first; a journal number has at most one of them."""
    rows = tx.execute(
        f"SELECT {_ALLOCATION} FROM resource_allocations WHERE (artifact_type, artifact_id) = (%s, %s)"
        " AND number < %s ORDER BY number DESC, line LIMIT %s",
        [*artifact, before or 2**62, limit],
    )
    return [_allocation(row) for row in rows]


def find_cycles(tx: Tx, *, pool: str | None = None, before: int | None = None, limit: int = 100) -> list[Cycle]:
    """A page of sharings, newest first."""
    rows = tx.execute(
        f"SELECT {_CYCLE} FROM allocation_cycle WHERE (%s::text IS NULL OR pool = %s) AND number < %s"
        " ORDER BY number DESC LIMIT %s",
        [pool, pool, before or 2**62, limit],
    )
    return [Cycle._make(row) for row in rows]


# What an artifact can claim at most, in exact decimals, so that the server ranks without sending every row: the demand
# of its owners is never above what all accounts have at risk and what their orders have in escrow. What else comes to
# count as demand must be added here.
_CANDIDATES = """
SELECT entity_type, entity_id, title, live.market, coalesce(offered.tokens, 0)::bigint, offered.moved_at,
       ceil((%(demand_weight)s::numeric * coalesce(live.most, 0) + coalesce(offered.tokens, 0))
         * (%(certainty_factor)s::numeric
            + CASE WHEN live.market IS NULL THEN 0 ELSE %(uncertainty_factor)s::numeric END))::bigint AS bound
FROM entity
LEFT JOIN (
  SELECT listing.artifact_type, listing.artifact_id, market.market, at_risk + coalesce(resting.escrow, 0) AS most
  FROM market_listing AS listing JOIN market USING (market)
  LEFT JOIN (
    SELECT market, sum(escrow) AS escrow FROM market_order WHERE state = 'open' GROUP BY market
  ) AS resting USING (market)
  WHERE state IN ('open', 'closed')
) AS live ON (live.artifact_type, live.artifact_id) = (entity_type, entity_id)
LEFT JOIN (
  SELECT artifact_type, artifact_id, sum(remaining) AS tokens, max(offered_at) AS moved_at
  FROM bounty WHERE state = 'open' AND expires_at > %(now)s GROUP BY artifact_type, artifact_id
) AS offered ON (offered.artifact_type, offered.artifact_id) = (entity_type, entity_id)
WHERE (%(entity_type)s::text IS NULL OR entity_type = %(entity_type)s)
  AND (%(entity_id)s::text IS NULL OR entity_id = %(entity_id)s)
  AND (NOT %(claiming)s OR live.market IS NOT NULL OR offered.tokens > 0)
ORDER BY bound DESC, entity_type, entity_id LIMIT %(limit)s OFFSET %(offset)s
"""


def find_candidates(
    tx: Tx,
    policy: Policy,
    *,
    entity_type: str | None = None,
    entity_id: str | None = None,
    claiming: bool = False,
    offset: int = 0,
    limit: int | None = None,
) -> list[Candidate]:
    """Artifacts by what they can claim at most, the largest first, ties by type and id; only those with a market or a
    bounty, if asked for those `claiming`."""
    rows = tx.execute(
        _CANDIDATES,
        {
            "demand_weight": policy.demand_weight,
            "certainty_factor": policy.certainty_factor,
            "uncertainty_factor": policy.uncertainty_factor,
            "now": tx.now,
            "entity_type": entity_type,
            "entity_id": entity_id,
            "claiming": claiming,
            "limit": limit,
            "offset": offset,
        },
    )
    return [Candidate._make(row) for row in rows]


bind(CYCLES, load=load_cycles, insert=insert_cycles, scan=scan_cycles)
bind(ALLOCATIONS, insert=insert_allocations, scan=scan_allocations)
