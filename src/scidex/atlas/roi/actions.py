"""What a caller can read; nothing is changed here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scidex.atlas.roi import rules
from scidex.atlas.roi.model import Gains, Group, Roi
from scidex.atlas.roi.store import find_all, find_facts, find_groups
from scidex.core.db import Tx
from scidex.core.units import LLM_BATCH, LLM_REASONING, LLM_STANDARD
from scidex.entities import EntityKey, find_entities, find_entity
from scidex.policy import current

LLM_UNITS = (LLM_REASONING.name, LLM_STANDARD.name, LLM_BATCH.name)
"""Whose amounts together are `tokens_spent`."""
_NOTHING = Group(rules.NO_SUMS, 0, 0)


def find_gains(tx: Tx) -> Gains:
    """What every entity has gained and spent, in columns, in one query: what a review begins with."""
    rows = find_all(tx, LLM_UNITS)
    types, ids, *figures = zip(*rows, strict=True) if rows else ((),) * 6
    return Gains(list(types), list(ids), *(np.array(column, dtype=np.int64) for column in figures))


def find_roi(
    tx: Tx, *, entity_type: str | None = None, after: EntityKey = EntityKey("", ""), limit: int = 100
) -> list[Roi]:
    """A page of the returns of entities, by type and id."""
    found = find_entities(tx, entity_type=entity_type, after=after, limit=limit)
    return _roi_of(tx, [entity.key for entity in found])


def find_roi_ranking(tx: Tx, *, entity_type: str | None = None, offset: int = 0, limit: int = 100) -> list[Roi]:
    """A page of the returns of entities that have spent something, the highest shrunk one first, ties by name."""
    gains = find_gains(tx)
    spend = gains.tokens_spent.astype(float)
    rates = rules.shrunk(gains.edges, spend, rules.prior_of_each(gains.entity_types, gains.edges, spend))
    asked = np.array([entity_type in (None, sort) for sort in gains.entity_types], dtype=bool)
    (places,) = np.nonzero(asked & ~np.isnan(rates))
    if len(places) > offset + limit:
        # The last that is shown, and all that are as good: only these are put in order, ties by name.
        last = np.partition(rates[places], -(offset + limit))[-(offset + limit)]
        places = places[rates[places] >= last]
    names = (EntityKey(gains.entity_types[place], gains.entity_ids[place]) for place in places.tolist())
    ranked = sorted(zip((-rates[places]).tolist(), names, strict=True))
    return _roi_of(tx, [name for _, name in ranked[offset : offset + limit]])


def find_roi_of(tx: Tx, entity: EntityKey) -> Roi:
    """The return of one entity. Refuses: UnknownEntity."""
    known = find_entity(tx, entity_id=entity.entity_id, entity_type=entity.entity_type)
    (found,) = _roi_of(tx, [known.key])
    return found


def _roi_of(tx: Tx, entities: Sequence[EntityKey]) -> list[Roi]:
    policy, version = current(tx)
    groups = find_groups(tx, {entity.entity_type for entity in entities}, LLM_UNITS)
    return [
        rules.roi_of(facts, groups.get(facts.knowledge.entity.entity_type, _NOTHING), LLM_UNITS, policy, version)
        for facts in find_facts(tx, entities)
    ]
