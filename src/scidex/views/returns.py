"""Returns on spending from outside: raw, as far as they can be believed, and what they were worked out from."""

from __future__ import annotations

import math
from datetime import datetime

from pydantic import Field

from scidex.atlas.roi import Prior, Roi
from scidex.core.units import TOKEN, UNITS, USD, to_number
from scidex.views.base import View
from scidex.views.knowledge import edges


class PriorView(View):
    """What is expected of an entity type: a rate drawn from Gamma(a, b), in edges per LLM token."""

    a: float = Field(description="edges")
    b: float = Field(description="LLM tokens that they took")
    mean: float


class RoiView(View):
    """What an artifact brought for what it spent, in edges per LLM token; null is unknown, as without any spending."""

    artifact_type: str
    artifact_id: str
    kg_edges_gained: float
    tokens_spent: int = Field(description="LLM tokens of all tiers")
    roi_score: float | None = Field(description="kg_edges_gained / tokens_spent")
    shrunk: float | None = Field(description="(a + edges) / (b + tokens): near its type while little was spent")
    low: float | None = Field(description="lower end of the interval in which the true return lies")
    high: float | None
    precision: float | None = Field(description="share of its edges that is right, by what was judged of its type")
    audited: float | None = Field(description="roi_score times precision")
    audited_shrunk: float | None = Field(description="shrunk times precision")
    prior: PriorView | None = Field(description="null where nobody of its type has spent anything")
    judged_right: int
    judged_wrong: int
    retracted: int
    papers: int
    hypotheses: int
    quality: float
    spent: dict[str, float] = Field(description="what it spent of each unit")
    cost_tokens: float | None = Field(description="all of it in tokens by the policy's rates; null without a rate")
    without_rate: list[str] = Field(description="units that have no rate")
    usd: float = Field(description="what calls for it cost, where their price is known; the same calls as in spent")
    usd_unknown: int = Field(description="calls whose price is not known")
    policy_version: int
    as_of: datetime
    source: str


def _prior(prior: Prior) -> PriorView | None:
    a, b = float(prior.a), float(prior.b)
    return None if math.isnan(a) else PriorView(a=a, b=b, mean=a / b)


def roi_view(found: Roi, now: datetime) -> RoiView:
    """The return of an artifact."""
    known = found.knowledge
    return RoiView(
        artifact_type=found.entity.entity_type,
        artifact_id=found.entity.entity_id,
        kg_edges_gained=edges(known.edges_gained),
        tokens_spent=found.tokens_spent,
        roi_score=found.roi_score,
        shrunk=found.shrunk,
        low=found.low,
        high=found.high,
        precision=found.precision,
        audited=found.audited,
        audited_shrunk=found.audited_shrunk,
        prior=_prior(found.prior),
        judged_right=known.judged_right,
        judged_wrong=known.judged_wrong,
        retracted=known.retracted,
        papers=known.papers,
        hypotheses=known.hypotheses,
        quality=known.quality / 1000,
        spent={unit: to_number(amount, UNITS[unit]) for unit, amount in found.spent},
        cost_tokens=None if found.cost_tokens is None else to_number(found.cost_tokens, TOKEN),
        without_rate=list(found.without_rate),
        usd=to_number(found.usd, USD),
        usd_unknown=found.usd_unknown,
        policy_version=found.policy_version,
        as_of=now,
        source="shares of edges that stand, and the accounts of what was spent",
    )
