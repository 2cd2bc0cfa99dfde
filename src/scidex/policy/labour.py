"""Which work is next, how long an agent may hold it, and what its result teaches."""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel, Field


class LabourPolicy(BaseModel):
    """Which work is next, how long an agent may hold it, and what its result teaches."""

    work_learning_weight: Decimal = Field(
        default=Decimal("0.7"),
        ge=0,
        le=1,
        description="weight of what an entity's work has been worth (UCB) in a score",
    )
    work_budget_weight: Decimal = Field(
        default=Decimal("0.3"), ge=0, le=1, description="weight of the rank of an entity's granted budget in a score"
    )
    work_curiosity: Decimal = Field(
        default=Decimal("0.3"),
        ge=0,
        le=10,
        description="c of the bound mean + c * sqrt(ln(1 + N) / (1 + n)): how much the unknown is worth",
    )
    work_ageing_per_day: Decimal = Field(
        default=Decimal(1), gt=0, le=1000, description="score that an open item gains for each day that it waits"
    )
    work_random_share: Decimal = Field(
        default=Decimal("0.1"), ge=0, le=1, description="share of claims that draw the entity uniformly at random"
    )
    work_reward_half: Decimal = Field(
        default=Decimal(5), gt=0, le=10**6, description="edges of new knowledge for which a result is rewarded with 1/2"
    )
    work_gain_worth: dict[str, Decimal] = Field(
        default={"paper": Decimal(1), "hypothesis": Decimal(3), "quality": Decimal(5)},
        description="edges that a gain of each kind is worth in a reward; of quality, a rise by 1",
    )
    work_attempts_max: int = Field(
        default=100, ge=1, le=1000, description="most attempts that an item may ask for before it is a dead letter"
    )
    work_retry_s: int = Field(
        default=60, ge=0, le=86_400, description="seconds before a failed item may be tried again; doubled each time"
    )
    work_retry_longest_s: int = Field(default=3_600, ge=0, le=31_536_000, description="longest such pause in seconds")
    work_payload_max: int = Field(
        default=16_000, ge=2, le=1_000_000, description="most characters of an item's payload"
    )
    work_after_max: int = Field(default=50, ge=0, le=1000, description="most items that an item may wait for")
