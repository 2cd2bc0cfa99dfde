"""The SQL of returns: it reads the ledger and what was learned, and writes nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from scidex.atlas.knowledge import EntityKnowledge
from scidex.atlas.roi.model import Facts, Group, Sums
from scidex.core.db import Tx, columns
from scidex.entities import EntityKey

# The owner of a sink is entity:type:id, and a type has no colon.
_GAINS = """
SELECT coalesce(entity_type, split_part(owner, ':', 2)),
       coalesce(entity_id, substr(owner, length(split_part(owner, ':', 2)) + 9)),
       coalesce(edges_gained, 0), coalesce(tokens, 0), coalesce(judged_right, 0), coalesce(judged_wrong, 0)
FROM (
  SELECT owner, sum(balance)::bigint AS tokens FROM ledger_account
  WHERE purpose = 'spent' AND unit = ANY(%(units)s) AND balance > 0 AND owner LIKE 'entity:%%'
  GROUP BY owner
) AS spent
FULL JOIN (SELECT 'entity:' || entity_type || ':' || entity_id AS owner, * FROM knowledge_of_entity) AS known
USING (owner)
"""
_GROUPS = """
SELECT coalesce(entity_type, split_part(owner, ':', 2)) AS sort, count(tokens),
       coalesce(sum(edges) FILTER (WHERE tokens > 0), 0), coalesce(sum(tokens), 0)::float8,
       coalesce(sum(edges ^ 2 / tokens), 0), coalesce(sum(tokens::float8 ^ 2), 0),
       coalesce(sum(judged_right), 0)::bigint, coalesce(sum(judged_wrong), 0)::bigint
FROM (
  SELECT owner, sum(balance)::bigint AS tokens FROM ledger_account
  WHERE purpose = 'spent' AND unit = ANY(%(units)s) AND balance > 0 AND owner LIKE 'entity:%%'
    AND split_part(owner, ':', 2) = ANY(%(types)s)
  GROUP BY owner
) AS spent
FULL JOIN (
  SELECT 'entity:' || entity_type || ':' || entity_id AS owner, entity_type, edges_gained / 1e6::float8 AS edges,
         judged_right, judged_wrong
  FROM knowledge_of_entity WHERE entity_type = ANY(%(types)s)
) AS known
USING (owner)
GROUP BY sort
"""
_FACTS = """
SELECT entity_type, entity_id, coalesce(edges_gained, 0), coalesce(submitted, 0), coalesce(retracted, 0),
       coalesce(judged_right, 0), coalesce(judged_wrong, 0), coalesce(papers, 0), coalesce(hypotheses, 0),
       coalesce(quality, 0), updated_at, units, amounts, usd, usd_unknown
FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS asked (entity_type, entity_id, place)
LEFT JOIN knowledge_of_entity USING (entity_type, entity_id)
LEFT JOIN LATERAL (
  SELECT array_agg(unit ORDER BY unit) AS units, array_agg(balance ORDER BY unit) AS amounts
  FROM ledger_account
  WHERE owner = 'entity:' || asked.entity_type || ':' || asked.entity_id AND purpose = 'spent' AND balance > 0
) AS spent ON true
CROSS JOIN LATERAL (
  SELECT coalesce(sum(usd), 0)::bigint AS usd, coalesce(sum(usd_unknown), 0)::bigint AS usd_unknown
  FROM usage_hour
  WHERE (usage_hour.entity_type, usage_hour.entity_id) = (asked.entity_type, asked.entity_id)
) AS paid
ORDER BY place
"""


def find_all(tx: Tx, units: Sequence[str]) -> list[tuple[Any, ...]]:
    """What each entity has gained, and has spent of these units together, in parts, where it has done either."""
    return tx.execute(_GAINS, {"units": list(units)}).fetchall()


def find_groups(tx: Tx, types: Collection[str], units: Sequence[str]) -> dict[str, Group]:
    """The sums of each of these entity types that anybody has worked on."""
    rows = tx.execute(_GROUPS, {"types": list(types), "units": list(units)})
    return {row[0]: Group(Sums(*row[1:6]), *row[6:]) for row in rows}


def find_facts(tx: Tx, entities: Collection[EntityKey]) -> list[Facts]:
    """What each of these entities has brought and spent, in their order."""
    rows = tx.execute(_FACTS, columns(entities)) if entities else ()
    return [
        Facts(
            EntityKnowledge(EntityKey(row[0], row[1]), *row[2:11]),
            tuple(zip(row[11] or (), row[12] or (), strict=True)),
            *row[13:],
        )
        for row in rows
    ]
