"""How a gain in knowledge is shared among those who brought it, and how far small samples of it are believed."""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel, Field


class AttributionPolicy(BaseModel):
    """How a gain in knowledge is shared among those who brought it, and how far small samples of it are believed."""

    knowledge_first_share: Decimal = Field(
        default=Decimal("0.7"),
        ge=0,
        le=1,
        description="share of an edge that who submitted it first keeps once others confirm it; they share the rest",
    )
    knowledge_confirmers_max: int = Field(
        default=10,
        ge=0,
        le=100,
        description="most owners who share in an edge besides the first; later ones get nothing",
    )
    knowledge_lines_max: int = Field(
        default=1_000, ge=1, le=10_000, description="most edges and gains that are submitted or judged at once"
    )
    knowledge_merged_max: int = Field(
        default=50, ge=1, le=1_000, description="most edges that are merged as saying the same"
    )
    knowledge_audit_weight: Decimal = Field(
        default=Decimal(10),
        gt=0,
        le=10**6,
        description="judged edges that the precision of an entity's type weighs beside the entity's own",
    )
    roi_interval: Decimal = Field(
        default=Decimal("0.9"),
        gt=0,
        lt=1,
        description="probability with which the true return, or precision, lies within its interval",
    )
