"""How the Senate decides: who votes on a proposal, how many have to agree, and until when."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, Field


class BallotPolicy(BaseModel):
    """How the Senate decides: who votes on a proposal, how many have to agree, and until when."""

    proposal_reviewers: int = Field(
        default=3, ge=1, le=25, description="reviewers drawn to vote on a proposal; fewer where fewer have no conflict"
    )
    proposal_quorum: int = Field(default=2, ge=1, le=25, description="votes without which a proposal is not decided")
    proposal_threshold: Decimal = Field(
        default=Decimal("0.5"),
        gt=0,
        le=1,
        description="share of the votes that must approve; it rises to 1 with the share of the pool that is asked for",
    )
    proposal_all_vote: bool = Field(
        default=False, description="whether all reviewers without a conflict vote, and not only those who were drawn"
    )
    proposal_vote_s: int = Field(default=259_200, ge=1, le=10**8, description="seconds in which a proposal is voted on")
    proposal_default: Literal["expired", "rejected"] = Field(
        default="expired", description="what a proposal is whose time is over without a quorum"
    )
    proposal_defer_s: int = Field(
        default=1_209_600, ge=1, le=10**8, description="seconds that an approved grant waits for its pool to have it"
    )
    proposal_pool: str = Field(
        default="proposals",
        min_length=1,
        max_length=200,
        description="the pool that a proposal asks where it names none",
    )
    proposal_evidence_max: int = Field(default=10, ge=1, le=100, description="most pieces of evidence of a proposal")
    proposal_price_tolerance: Decimal = Field(
        default=Decimal("0.01"),
        ge=0,
        le=1,
        description="how far a claimed change of a market's price may be from the recorded one",
    )
    proposals_open_max: int = Field(
        default=20, ge=1, le=10_000, description="most proposals of one owner that are voted on at the same time"
    )
    policy_reviewers: int = Field(
        default=5, ge=1, le=25, description="reviewers drawn to vote on a change of the policy"
    )
    policy_quorum: int = Field(
        default=3, ge=1, le=25, description="votes without which a change of the policy is not decided"
    )
    policy_threshold: Decimal = Field(
        default=Decimal("0.66"), gt=0, le=1, description="share of the votes that must approve a change of the policy"
    )
    policy_notice_s: int = Field(
        default=86_400, ge=0, le=10**8, description="seconds from the approval of a change of the policy to its force"
    )
