"""Reviews from outside: what a pool's review did, what it decided on each artifact, and why."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from scidex.core.journal import Receipt
from scidex.core.units import to_number, unit_named
from scidex.senate.reviews import (
    BINDINGS,
    Decision,
    Review,
    Reviewed,
    ReviewEnacted,
    UnitReview,
    decisions_of,
    explain,
    explain_unit,
)
from scidex.views.base import Done, View, done, tokens


class UnitReviewView(View):
    """What a review did in one unit, in whole units."""

    unit: str
    whole: float = Field(description="what the pool and its budgets had free, which was shared")
    before: float = Field(description="the sum of the budgets before")
    after: float = Field(description="the sum of the budgets after: never more than the whole")
    reserve: float = Field(description="what stays in the pool")
    raised: int
    cut: int
    distance_before: float = Field(description="how far budgets were from their targets, summed")
    distance_after: float = Field(description="how far they are now: never further")
    theta: str = Field(description="the level at which rises shared what was left, an exact fraction")

    def __str__(self) -> str:
        """As a cell of a table shows it."""
        return f"{self.after:g} of {self.whole:g} {self.unit} (raised {self.raised}, cut {self.cut})"


class ReviewView(View):
    """A review of a pool."""

    pool: str
    cycle: str
    sort: str = Field(description="daily, for spend safety, or weekly, for strategy")
    number: int
    at: datetime
    policy_version: int
    artifacts: int = Field(description="on how many it decided")
    changed: int = Field(description="how many budgets it changed")
    seed: str = Field(description="what drew the lots and broke the ties")
    propensity: float = Field(description="the chance of each artifact to be drawn")
    units: list[UnitReviewView]


class UnitDecisionView(View):
    """A budget in one unit before and after a review, in whole units."""

    unit: str
    old: float
    reserved: float
    spent: float = Field(description="since the review before")
    target: float
    least: float = Field(description="the least that this review could make it")
    most: float = Field(description="the most that this review could make it")
    new: float
    binding: str = Field(description="target, step, held, dwell, scarcity or unchanged: which bound binds")
    why: str

    def __str__(self) -> str:
        """As a cell of a table shows it."""
        return self.why


class DecisionView(View):
    """What a review decided on an artifact: every input, and what follows; null is unknown."""

    number: int | None = Field(description="the journal number of its review; null in a dry run")
    artifact_type: str
    artifact_id: str
    score: float | None = Field(description="allocation score")
    market_weight: float | None = Field(description="2 * price - 1, of the price for decisions")
    market_weight_before: float | None = Field(description="at the weekly review before")
    eligible: bool = Field(description="whether the score clears the threshold")
    merit: float = Field(description="claim by merit: base budget * (1 + market weight), with credit, in tokens")
    market: float = Field(description="claim by committed capital, in tokens")
    credit: float = Field(description="of the merit, for an idle budget that was given back, in tokens")
    edges: float
    llm_tokens: int = Field(description="spent in all its life")
    low_return: float | None = Field(description="the probability that its return is low for its type")
    strong_return: float | None = Field(description="the probability that its return is strong for its type")
    low_reviews: int = Field(description="weekly reviews in a row that have found it low")
    drawn: bool = Field(description="whether it was drawn by lot")
    capped: bool
    cut: bool
    boost: float = Field(description="how much more it counts in scarcity")
    why: str
    units: list[UnitDecisionView]


class WhyView(View):
    """Why an artifact has the budget that it has: the latest decision on it."""

    review: ReviewView
    decision: DecisionView


class ReviewReceipt(Done):
    """What a review did, or would do in a dry run."""

    review: ReviewView


class ReviewPreview(View):
    """What a review would do now; nothing was changed."""

    pool: str
    cycle: str
    sort: str
    artifacts: int
    changed: int
    seed: str = Field(description="give it when you enact, and the same lots are drawn")
    propensity: float
    units: list[UnitReviewView]
    decisions: list[DecisionView] = Field(description="the budgets that would change, as many as were asked for")


def _unit_view(found: UnitReview) -> UnitReviewView:
    unit = unit_named(found.unit)
    whole, before, after, reserve = (to_number(parts, unit) for parts in found[1:5])
    far, near = (to_number(parts, unit) for parts in (found.distance_before, found.distance_after))
    return UnitReviewView(
        unit=found.unit,
        whole=whole,
        before=before,
        after=after,
        reserve=reserve,
        raised=found.raised,
        cut=found.cut,
        distance_before=far,
        distance_after=near,
        theta=found.theta,
    )


def review_view(review: Review) -> ReviewView:
    """A review."""
    return ReviewView(
        pool=review.pool,
        cycle=review.cycle,
        sort=review.sort,
        number=review.number,
        at=review.at,
        policy_version=review.policy_version,
        artifacts=review.artifacts,
        changed=review.changed,
        seed=review.seed,
        propensity=tokens(review.propensity),
        units=list(map(_unit_view, review.units)),
    )


def review_receipt(receipt: Receipt[ReviewEnacted]) -> ReviewReceipt:
    """The receipt of a review."""
    result = receipt.result
    review = Review(
        result.pool,
        result.cycle,
        result.sort,
        receipt.number,
        receipt.at,
        result.policy_version,
        result.seed,
        result.propensity,
        result.artifacts,
        result.changed,
        result.units,
        result.digest,
    )
    return ReviewReceipt(**done(receipt), review=review_view(review))


def preview_view(reviewed: Reviewed, limit: int) -> ReviewPreview:
    """What a review would do, with as many of the budgets that it would change."""
    command = reviewed.command
    names = tuple(unit.unit for unit in command.units)
    return ReviewPreview(
        pool=command.pool,
        cycle=command.cycle,
        sort=command.sort,
        artifacts=command.artifacts,
        changed=sum(line.old != line.new for line in command.lines),
        seed=command.seed,
        propensity=tokens(command.propensity),
        units=list(map(_unit_view, command.units)),
        decisions=[
            decision_view(decision, names, command.propensity, preview=True)
            for decision in decisions_of(reviewed, limit=limit)
        ],
    )


def decision_view(
    decision: Decision, units: tuple[str, ...], propensity: int, *, preview: bool = False
) -> DecisionView:
    """A decision with its reasons."""
    return DecisionView(
        number=None if preview else decision.number,
        artifact_type=decision.entity_type,
        artifact_id=decision.entity_id,
        score=_fraction(decision.score),
        market_weight=_fraction(decision.market_weight),
        market_weight_before=_fraction(decision.weight_before),
        eligible=decision.eligible,
        merit=tokens(decision.merit),
        market=tokens(decision.market),
        credit=tokens(decision.credit),
        edges=tokens(decision.edges),
        llm_tokens=decision.tokens,
        low_return=_fraction(decision.low),
        strong_return=_fraction(decision.strong),
        low_reviews=decision.low_reviews,
        drawn=decision.drawn,
        capped=decision.capped,
        cut=decision.cut,
        boost=tokens(decision.boost),
        why=explain(decision, propensity),
        units=[_unit_decision(decision, place, name) for place, name in enumerate(units)],
    )


def _fraction(value: int | None) -> float | None:
    return None if value is None else tokens(value)


def _unit_decision(decision: Decision, place: int, name: str) -> UnitDecisionView:
    unit = unit_named(name)
    old, new, target = decision.old[place], decision.new[place], decision.target[place]
    return UnitDecisionView(
        unit=name,
        old=to_number(old, unit),
        reserved=to_number(decision.held[place], unit),
        spent=to_number(decision.spent[place], unit),
        target=to_number(target, unit),
        least=to_number(decision.least[place], unit),
        most=to_number(decision.most[place], unit),
        new=to_number(new, unit),
        binding=BINDINGS[decision.binding[place]],
        why=explain_unit(name, old, new, target, decision.binding[place]),
    )


def why_view(review: Review, decision: Decision) -> WhyView:
    """The latest decision on an artifact."""
    return WhyView(review=review_view(review), decision=decision_of(review, decision))


def decision_of(review: Review, decision: Decision) -> DecisionView:
    """A decision of a review."""
    return decision_view(decision, tuple(unit.unit for unit in review.units), review.propensity)
