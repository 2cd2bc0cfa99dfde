"""What the server answers: senate_3; made by `python -m tests.house.pages`."""

from __future__ import annotations

from datetime import datetime

from scidex.client.answers import Answer, Receipt
from scidex.client.models.senate import ProposalsChangeView
from scidex.client.models.senate_2 import Policy


class PolicyInFull(Answer):
    """A version of the policy with every field."""

    version: int
    policy: Policy


class PolicyVersionView(Answer):
    """A version of the policy."""

    version: int
    enacted_at: datetime
    # which made it; null where the house did
    proposal: str | None


class PolicyDiffView(Answer):
    """Fields that two versions of the policy have otherwise."""

    before: int
    after: int
    changes: list[ProposalsChangeView]


class UnitReviewView(Answer):
    """What a review did in one unit, in whole units."""

    unit: str
    # what the pool and its budgets had free, which was shared
    whole: float
    # the sum of the budgets before
    before: float
    # the sum of the budgets after: never more than the whole
    after: float
    # what stays in the pool
    reserve: float
    raised: int
    cut: int
    # how far budgets were from their targets, summed
    distance_before: float
    # how far they are now: never further
    distance_after: float
    # the level at which rises shared what was left, an exact fraction
    theta: str


class ReviewView(Answer):
    """A review of a pool."""

    pool: str
    cycle: str
    # daily, for spend safety, or weekly, for strategy
    sort: str
    number: int
    at: datetime
    policy_version: int
    # on how many it decided
    artifacts: int
    # how many budgets it changed
    changed: int
    # what drew the lots and broke the ties
    seed: str
    # the chance of each artifact to be drawn
    propensity: float
    units: list[UnitReviewView]


class ReviewReceipt(Receipt):
    """What a review did, or would do in a dry run."""

    review: ReviewView


class UnitDecisionView(Answer):
    """A budget in one unit before and after a review, in whole units."""

    unit: str
    old: float
    reserved: float
    # since the review before
    spent: float
    target: float
    # the least that this review could make it
    least: float
    # the most that this review could make it
    most: float
    new: float
    # target, step, held, dwell, scarcity or unchanged: which bound binds
    binding: str
    why: str


class DecisionView(Answer):
    """What a review decided on an artifact: every input, and what follows; null is unknown."""

    # the journal number of its review; null in a dry run
    number: int | None
    artifact_type: str
    artifact_id: str
    # allocation score
    score: float | None
    # 2 * price - 1, of the price for decisions
    market_weight: float | None
    # at the weekly review before
    market_weight_before: float | None
    # whether the score clears the threshold
    eligible: bool
    # claim by merit: base budget * (1 + market weight), with credit, in tokens
    merit: float
    # claim by committed capital, in tokens
    market: float
    # of the merit, for an idle budget that was given back, in tokens
    credit: float
    edges: float
    # spent in all its life
    llm_tokens: int
    # the probability that its return is low for its type
    low_return: float | None
    # the probability that its return is strong for its type
    strong_return: float | None
    # weekly reviews in a row that have found it low
    low_reviews: int
    # whether it was drawn by lot
    drawn: bool
    capped: bool
    cut: bool
    # how much more it counts in scarcity
    boost: float
    why: str
    units: list[UnitDecisionView]


class ReviewPreview(Answer):
    """What a review would do now; nothing was changed."""

    pool: str
    cycle: str
    sort: str
    artifacts: int
    changed: int
    # give it when you enact, and the same lots are drawn
    seed: str
    propensity: float
    units: list[UnitReviewView]
    # the budgets that would change, as many as were asked for
    decisions: list[DecisionView]


class WhyView(Answer):
    """Why an artifact has the budget that it has: the latest decision on it."""

    review: ReviewView
    decision: DecisionView


class SignalDone(Receipt):
    """Which signal was recorded."""

    signal: int
    entity_type: str
    entity_id: str
    kind: str


class ScoreLine(Answer):
    """A score that was written down; null is unknown."""

    entity_type: str
    entity_id: str
    score: float | None


class ScoresDone(Receipt):
    """The scores that were written down."""

    scores: list[ScoreLine]


class ScoreView(Answer):
    """A score as it was last written down; unknown is null, and lies between low and high."""

    entity_type: str
    entity_id: str
    score: float | None
    # with the unknown components at 0
    low: float
    # with the unknown components at 1
    high: float
    evidence_strength: float | None
    novelty: float | None
    strategic_alignment: float | None
    community_interest: float | None
    signals: int
    # the newest signal that was counted
    newest: int
    computed_at: datetime
    policy_version: int


class PartView(Answer):
    """A signal as it counts now."""

    # its number in the journal; null for what the Atlas counts
    signal: int | None
    kind: str
    source: str
    actor: str
    value: float
    # its weight after kind, age and discount
    counts: float
    at: datetime | None
    age_s: float | None


class ComponentView(Answer):
    """A component of a score; unknown is null."""

    component: str
    value: float | None
    # what it is made of, or why it is unknown
    why: str
    signals: list[PartView]


class ExplanationView(Answer):
    """A score as it is now, down to its signals, and as it was last written down."""

    entity_type: str
    entity_id: str
    # null is unknown
    score: float | None
    low: float
    high: float
    # components that nothing is known of
    unknown: list[str]
    as_of: datetime
    policy_version: int
    components: list[ComponentView]
    # the priority that budgets have
    written: ScoreView | None
