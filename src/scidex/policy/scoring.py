"""How signals become the score of an artifact."""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel, Field


class ScorePolicy(BaseModel):
    """How signals become the score of an artifact."""

    score_evidence_weight: Decimal = Field(
        default=Decimal("0.35"), ge=0, le=1, description="weight of evidence_strength in the allocation score"
    )
    score_novelty_weight: Decimal = Field(
        default=Decimal("0.25"), ge=0, le=1, description="weight of novelty in the allocation score"
    )
    score_alignment_weight: Decimal = Field(
        default=Decimal("0.20"), ge=0, le=1, description="weight of strategic_alignment in the allocation score"
    )
    score_interest_weight: Decimal = Field(
        default=Decimal("0.20"), ge=0, le=1, description="weight of community_interest in the allocation score"
    )
    score_half_life_s: int = Field(
        default=15_552_000, ge=1, le=10**10, description="seconds after which a signal counts half; 180 days"
    )
    score_signal_weights: dict[str, Decimal] = Field(
        default={"paper": Decimal(1), "debate": Decimal("0.5"), "replication": Decimal(3), "kg_link": Decimal("0.2")},
        description="what one signal of each kind of evidence weighs",
    )
    score_evidence_half: Decimal = Field(
        default=Decimal(3),
        gt=0,
        le=10**6,
        description="weight of evidence at which its strength is half of its most",
    )
    score_interest_half: Decimal = Field(
        default=Decimal(5), gt=0, le=10**6, description="voices at which community_interest is half of its most"
    )
    score_novelty_tokens: int = Field(
        default=1_000_000, ge=1, le=10**15, description="LLM tokens spent on an artifact that halve its novelty"
    )
    score_novelty_edges: int = Field(
        default=100, ge=1, le=10**9, description="edges gained by work on an artifact that halve its novelty"
    )
    score_novelty_near: Decimal = Field(
        default=Decimal("0.5"),
        ge=0,
        le=1,
        description="share of what others of its field have on the mean that counts as an artifact's own, in novelty",
    )
    roadmap_goals: dict[str, Decimal] = Field(
        default={"mission": Decimal(1)},
        description="named goals, and their weights, that reviewers rate the alignment of artifacts with",
    )
    score_refresh_s: int = Field(
        default=86_400,
        ge=60,
        le=10**8,
        description="seconds after which a score is computed anew",
    )
