"""What spending brought: knowledge-graph edges per LLM token, raw, and as far as it can be believed."""

from scidex.atlas.roi.actions import LLM_UNITS, find_gains, find_roi, find_roi_of, find_roi_ranking
from scidex.atlas.roi.model import Array, Counts, Facts, Gains, Group, Prior, Roi, Sums
from scidex.atlas.roi.rules import (
    UNKNOWN,
    cap_threshold,
    cost_of,
    group_prior,
    interval,
    prior_of,
    prior_of_each,
    probability_below,
    roi_of,
    roi_score,
    shrunk,
    shrunk_precision,
    sums_of,
)

__all__ = [
    "LLM_UNITS",
    "UNKNOWN",
    "Array",
    "Counts",
    "Facts",
    "Gains",
    "Group",
    "Prior",
    "Roi",
    "Sums",
    "cap_threshold",
    "cost_of",
    "find_gains",
    "find_roi",
    "find_roi_of",
    "find_roi_ranking",
    "group_prior",
    "interval",
    "prior_of",
    "prior_of_each",
    "probability_below",
    "roi_of",
    "roi_score",
    "shrunk",
    "shrunk_precision",
    "sums_of",
]
