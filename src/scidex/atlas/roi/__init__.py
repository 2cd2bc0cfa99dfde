"""What spending brought: knowledge-graph edges per LLM token, raw, and as far as it can be believed."""

from scidex.atlas.roi.actions import LLM_UNITS, find_tokens_spent
from scidex.atlas.roi.model import Array, Prior, Spent, Sums
from scidex.atlas.roi.rules import (
    UNKNOWN,
    cap_threshold,
    group_prior,
    interval,
    prior_of,
    prior_of_each,
    probability_below,
    roi_score,
    shrunk,
    sums_of,
)

__all__ = [
    "LLM_UNITS",
    "UNKNOWN",
    "Array",
    "Prior",
    "Spent",
    "Sums",
    "cap_threshold",
    "find_tokens_spent",
    "group_prior",
    "interval",
    "prior_of",
    "prior_of_each",
    "probability_below",
    "roi_score",
    "shrunk",
    "sums_of",
]
