"""A review looks at every budget of a pool: what it is, what it should be, one step between the two, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from scidex.core.errors import Invalid, Missing, Refused
from scidex.core.machine import Table
from scidex.entities import EntityKey

SORTS = ("daily", "weekly")


class ReviewKey(NamedTuple):
    """A pool is reviewed once per cycle."""

    pool: str
    cycle: str


class UnitReview(NamedTuple):
    """What a review did in one unit, in parts.

    `whole` is what the pool and its budgets had free, `before` and `after` are the budgets' sums, `reserve` is what
    stays in the pool. `raised` and `cut` count budgets. The distances are the sums of what budgets were from their
    targets: the second is never above the first. `theta` is the level at which rises shared what was left.
    """

    unit: str
    whole: int
    before: int
    after: int
    reserve: int
    raised: int
    cut: int
    distance_before: int
    distance_after: int
    theta: str


class Review(NamedTuple):
    """One review: of `artifacts` it decided, `changed` it changed.

    `seed` draws the lots and breaks the ties, `propensity` (10^-6) is the chance that each artifact had in the draw.
    `digest` is the SHA-256 of its decisions, which stand beside the journal.
    """

    pool: str
    cycle: str
    sort: str
    number: int
    at: datetime
    policy_version: int
    seed: str
    propensity: int
    artifacts: int
    changed: int
    units: tuple[UnitReview, ...]
    digest: str

    @property
    def key(self) -> ReviewKey:
        """Pool and cycle."""
        return ReviewKey(self.pool, self.cycle)


REVIEWS: Table[ReviewKey, Review] = Table("review", rank=12)


class Line(NamedTuple):
    """A budget that a review changes, or whose figures it does: what it has free of each unit, in parts, before and
    after; market weight and score as fractions; edges per LLM token. None is unknown."""

    entity_type: str
    entity_id: str
    old: tuple[int, ...]
    new: tuple[int, ...]
    market_weight: float | None = None
    roi_score: float | None = None

    @property
    def entity(self) -> EntityKey:
        """Type and id."""
        return EntityKey(self.entity_type, self.entity_id)


@dataclass(frozen=True, slots=True)
class EnactReview:
    """Make the budgets of a pool what a review has decided; all but pool, cycle and sort is gathered by the action.

    A seed that is given is the one of a dry run, which then is enacted as it was shown where nothing has changed since.
    """

    pool: str
    cycle: str
    sort: str
    seed: str = ""
    units: tuple[UnitReview, ...] = ()
    lines: tuple[Line, ...] = ()
    artifacts: int = 0
    propensity: int = 0
    digest: str = ""


@dataclass(frozen=True, slots=True)
class ReviewEnacted:
    """What a review did; of `artifacts` it decided, `changed` it changed."""

    pool: str
    cycle: str
    sort: str
    policy_version: int
    seed: str
    propensity: int
    artifacts: int
    changed: int
    units: tuple[UnitReview, ...]
    digest: str


class Decision(NamedTuple):
    """What a review decided of one artifact: every input, and what follows. A row of `review_decision`.

    Fractions are in 10^-6 and None where unknown; capital, credit, merit and market in token parts; `edges` in 10^-6
    and `tokens` LLM tokens over all its life. By unit, in parts: `old`, `held`, `spent` (since the review before),
    `voted` (by proposals, of late), `spent_total`, `target`, `least`, `most`, `new`, and `binding`, which bound binds.
    `direction` and `moved_at` (seconds since 1970), before this review, say how and when a review last changed each.
    """

    number: int
    line: int
    entity_type: str
    entity_id: str
    score: int | None
    market_weight: int | None
    weight_before: int | None
    capital: int
    credit: int
    edges: int
    tokens: int
    low: int | None
    strong: int | None
    low_reviews_before: int
    old: tuple[int, ...]
    held: tuple[int, ...]
    spent: tuple[int, ...]
    voted: tuple[int, ...]
    spent_total: tuple[int, ...]
    direction: tuple[int, ...]
    moved_at: tuple[int, ...]
    merit: int
    market: int
    eligible: bool
    drawn: bool
    capped: bool
    cut: bool
    low_reviews: int
    boost: int
    target: tuple[int, ...]
    least: tuple[int, ...]
    most: tuple[int, ...]
    new: tuple[int, ...]
    binding: tuple[int, ...]


class ReviewSortInvalid(Invalid):
    """There is no review of the sort {sort!r}; ask for daily (spend safety) or weekly (strategy)."""


class NothingToReview(Refused):
    """The pool {pool!r} has no account in any resource; issue some to pool:{pool}/pool/llm_standard first."""


class CycleReviewed(Refused):
    """The pool {pool!r} was reviewed in the cycle {cycle!r} already, as {sort} under policy version {version} (journal
    number {number}); name another cycle."""


class UnknownReview(Missing):
    """The pool {pool!r} has no review of the cycle {cycle!r}; `scidex reviews list` shows those that there are."""


class NoDecision(Missing):
    """No review has decided on {entity_type} {entity_id!r} yet; its budget is what operators and pools gave it."""
