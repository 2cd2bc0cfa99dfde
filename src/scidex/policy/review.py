"""How a review turns scores, capital and returns into budgets: sleeves, floors, steps, what low returns mean."""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel, Field, model_validator


class ReviewPolicy(BaseModel):
    """How a review turns scores, capital and returns into budgets: sleeves, floors, steps, what low returns mean."""

    review_pools: tuple[str, ...] = Field(
        default=("research",), description="pools that are reviewed by themselves, daily and weekly"
    )
    review_base_tokens: Decimal = Field(
        default=Decimal(1000),
        ge=0,
        le=10**6,
        description="base budget in tokens of an artifact whose allocation score is 1; of others in proportion",
    )
    review_score_threshold: Decimal = Field(
        default=Decimal("0.3"),
        ge=0,
        le=1,
        description="allocation score from which on an artifact has a base budget; an unknown score is below it",
    )
    review_market_share: Decimal = Field(
        default=Decimal("0.3"), ge=0, le=1, description="share of a reviewed pool for what committed capital claims"
    )
    review_exploration_share: Decimal = Field(
        default=Decimal("0.1"),
        ge=0,
        le=1,
        description="share of a reviewed pool for artifacts drawn by lot; merit has what the two sleeves leave",
    )
    review_exploration_tokens: Decimal = Field(
        default=Decimal(200), gt=0, le=10**6, description="what an artifact that is drawn gets, as a claim in tokens"
    )
    review_floor_share: Decimal = Field(
        default=Decimal("0.05"),
        ge=0,
        le=1,
        description="share of a reviewed pool that keeps all of merit going, equal in their dominant resource",
    )
    review_step_share: Decimal = Field(
        default=Decimal("0.25"),
        gt=0,
        le=1,
        description="most that one review changes a budget by, as a share of the larger of what it is and would be",
    )
    review_step_tokens: Decimal = Field(
        default=Decimal(100), gt=0, le=10**6, description="a change worth so many tokens is always within the step"
    )
    review_dwell_s: int = Field(
        default=1_209_600,
        ge=0,
        le=10**8,
        description="seconds for which a budget that a review has raised is not cut, nor one that it has cut raised",
    )
    review_low_share: Decimal = Field(
        default=Decimal("0.5"), ge=0, le=1, description="a return below this share of its type's median is low"
    )
    review_low_probability: Decimal = Field(
        default=Decimal("0.8"),
        ge=Decimal("0.5"),
        lt=1,
        description="how probable a low return must be, given what is known, for a budget to be capped",
    )
    review_low_reviews: int = Field(
        default=2, ge=1, le=100, description="weekly reviews in a row with a low return after which a budget is cut"
    )
    review_cut_share: Decimal = Field(
        default=Decimal("0.5"), ge=0, le=1, description="share of its claims that an artifact cut for low returns loses"
    )
    review_strong_share: Decimal = Field(
        default=Decimal(2), ge=1, le=100, description="a return above so many times its type's median is strong"
    )
    review_market_gain: Decimal = Field(
        default=Decimal("0.2"),
        gt=0,
        le=2,
        description="rise of the market weight since the last weekly review that is strong",
    )
    review_strong_boost: Decimal = Field(
        default=Decimal("0.25"),
        ge=0,
        le=10,
        description="how much more an artifact counts in scarcity for a strong return, and again for a market's gain",
    )
    review_credit_share: Decimal = Field(
        default=Decimal("0.5"),
        ge=0,
        le=1,
        description="share of an idle budget given back since the last weekly review that adds to the next claim",
    )
    review_voted_s: int = Field(
        default=2_419_200,
        ge=0,
        le=10**8,
        description="seconds for which reviews leave an artifact what a proposal has granted it and it has not spent",
    )
    review_burn_share: Decimal = Field(
        default=Decimal("0.5"),
        gt=0,
        le=1,
        description="share of a budget spent since the last review, for a low return, from which a daily review cuts",
    )

    @model_validator(mode="after")
    def _sleeves_fit(self) -> ReviewPolicy:
        both = self.review_market_share + self.review_exploration_share
        if both > 1:
            raise ValueError(f"the sleeves of market and exploration are {both} of a pool together; at most 1")
        return self
