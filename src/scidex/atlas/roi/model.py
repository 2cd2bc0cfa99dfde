"""What spending brought: knowledge-graph edges per LLM token, raw, and as far as it can be believed."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]


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


class Spent(NamedTuple):
    """The LLM tokens that entities have spent, all tiers together, in columns of one length."""

    entity_types: list[str]
    entity_ids: list[str]
    tokens: NDArray[np.int64]
