"""What spending brought: knowledge-graph edges per LLM token, raw, and as far as it can be believed."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from scidex.atlas.knowledge import EntityKnowledge
from scidex.entities import EntityKey

Array: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]


class Prior(NamedTuple):
    """What is expected of a member of a group before its own edges are seen: a rate drawn from Gamma(a, b).

    `a` counts edges and `b` the tokens that they took, so a / b is the group's rate in edges per LLM token. Both are
    numbers, or arrays with a place for each entity; NaN where nobody of the group has spent anything.
    """

    a: float | Array
    b: float | Array


class Sums(NamedTuple):
    """What a prior is made of, over the members that have spent something: how many they are, edges, tokens, and the
    sums of edges^2 / tokens and of tokens^2."""

    members: int
    edges: float
    spend: float
    edges2_per_spend: float
    spend2: float


class Group(NamedTuple):
    """What is known of an entity type as a whole: the sums of its prior, and its judged edges, right and wrong."""

    sums: Sums
    judged_right: int
    judged_wrong: int


class Gains(NamedTuple):
    """What every entity has gained and spent that has done either, in columns of one length and no order.

    `edges_gained` is in parts of 10^-6 edge, `tokens_spent` in LLM tokens of all tiers.
    """

    entity_types: list[str]
    entity_ids: list[str]
    edges_gained: Counts
    tokens_spent: Counts
    judged_right: Counts
    judged_wrong: Counts

    @property
    def edges(self) -> Array:
        """Whole edges, as the rules take them."""
        return self.edges_gained / 1e6


class Facts(NamedTuple):
    """What an entity has brought, what it has spent of each unit, in parts, and what that cost in parts of a dollar,
    besides so many calls whose price nobody knows."""

    knowledge: EntityKnowledge
    spent: tuple[tuple[str, int], ...]
    usd: int
    usd_unknown: int


class Roi(NamedTuple):
    """The return of an entity, in edges per LLM token, raw and as far as it can be believed; None is unknown.

    `low` and `high` bound the true return with the policy's probability. `precision` is how many of its edges are right
    by what was judged of them and of its type; `audited` and `audited_shrunk` are the returns times that. `cost_tokens`
    is what all that it spent is worth, in token parts by the policy's rates, None where `without_rate` names units that
    have none; `usd` is beside it, because it is the price of the same calls, without the `usd_unknown` calls that have
    none.
    """

    entity: EntityKey
    knowledge: EntityKnowledge
    tokens_spent: int
    roi_score: float | None
    shrunk: float | None
    low: float | None
    high: float | None
    precision: float | None
    audited: float | None
    audited_shrunk: float | None
    prior: Prior
    spent: tuple[tuple[str, int], ...]
    cost_tokens: int | None
    without_rate: tuple[str, ...]
    usd: int
    usd_unknown: int
    policy_version: int
