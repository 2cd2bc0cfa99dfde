"""How long bounties live, how they are worked for, and what compute draws on them."""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel, Field


class BountyPolicy(BaseModel):
    """How long bounties live, how they are worked for, and what compute draws on them."""

    bounty_longest_s: int = Field(default=31_536_000, ge=1, description="longest life of a bounty, in seconds")
    bounty_draw_share: Decimal = Field(
        default=Decimal(1),
        ge=0,
        le=1,
        description="share of what the compute spent on an artifact is worth that is taken out of its open bounties",
    )
    bounty_lease_longest_s: int = Field(
        default=604_800, ge=1, description="longest lease of a bounty without renewal, in seconds"
    )
    bounty_claim_longest_s: int = Field(
        default=2_592_000, ge=1, description="longest claim of a bounty with all its renewals, in seconds"
    )
    bounty_reclaim_after_s: int = Field(
        default=86_400, ge=0, description="seconds until who let a claim lapse may claim the same bounty again"
    )
    bounty_review_s: int = Field(
        default=604_800,
        ge=0,
        description="seconds beyond its life that a bounty waits for the judgement of work that was submitted in time",
    )
    bounties_open_max: int = Field(
        default=100, ge=1, le=1000, description="most open bounties on one artifact; more is added to one of them"
    )
    bounty_funders_max: int = Field(default=100, ge=1, le=1000, description="most funders of one bounty")
    bounty_submissions_max: int = Field(default=100, ge=1, le=1000, description="most submissions to one bounty")
