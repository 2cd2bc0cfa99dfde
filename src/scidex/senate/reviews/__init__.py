"""Reviews: every budget of a pool against scores, capital and returns, and one step towards what it should be."""

from scidex.senate.reviews.actions import (
    Reviewed,
    check_reviews,
    decisions_of,
    due_reviews,
    enact_review,
    preview_review,
)
from scidex.senate.reviews.model import (
    REVIEWS,
    CycleReviewed,
    Decision,
    EnactReview,
    Line,
    NoDecision,
    NothingToReview,
    Review,
    ReviewEnacted,
    ReviewKey,
    ReviewSortInvalid,
    UnitReview,
    UnknownReview,
)
from scidex.senate.reviews.planning import BINDINGS
from scidex.senate.reviews.rules import explain, explain_unit
from scidex.senate.reviews.store import (
    find_decisions,
    find_decisions_on,
    find_last_decision,
    find_review,
    find_reviews,
)

__all__ = [
    "BINDINGS",
    "REVIEWS",
    "CycleReviewed",
    "Decision",
    "EnactReview",
    "Line",
    "NoDecision",
    "NothingToReview",
    "Review",
    "ReviewEnacted",
    "ReviewKey",
    "ReviewSortInvalid",
    "Reviewed",
    "UnitReview",
    "UnknownReview",
    "check_reviews",
    "decisions_of",
    "due_reviews",
    "enact_review",
    "explain",
    "explain_unit",
    "find_decisions",
    "find_decisions_on",
    "find_last_decision",
    "find_review",
    "find_reviews",
    "preview_review",
]
