"""What capital claims, how a pool is shared, and what a decision reads off a market."""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel, Field


class AllocationPolicy(BaseModel):
    """What capital claims, how a pool is shared, and what a decision reads off a market."""

    demand_weight: Decimal = Field(
        default=Decimal("0.1"), ge=0, le=10, description="tokens of budget per token of capital at risk"
    )
    certainty_factor: Decimal = Field(
        default=Decimal("0.5"), ge=0, le=1, description="share of a budget that a settled question keeps"
    )
    uncertainty_factor: Decimal = Field(
        default=Decimal("0.5"), ge=0, le=1, description="share added at a price of one half, none at 0 or 1"
    )
    exploration_share: Decimal = Field(
        default=Decimal("0.05"),
        ge=0,
        le=1,
        description="share of a pool kept as equal floors for all who claim",
    )
    units_per_token: dict[str, Decimal] = Field(
        default={
            "token": Decimal(1),
            "llm_reasoning": Decimal(20),
            "llm_standard": Decimal(100),
            "llm_batch": Decimal(200),
            "cpu_seconds": Decimal(10),
            "storage_gb_hours": Decimal(1),
            "api_calls": Decimal(1),
        },
        description="what one token of claim is worth in each unit that a pool may hold",
    )
    signal_window_s: int = Field(
        default=86_400,
        ge=1,
        le=31_536_000,
        description="seconds over which decisions take the mean of prices and holdings",
    )
    signal_price_step: Decimal = Field(
        default=Decimal("0.1"), gt=0, le=1000, description="the most that a price for decisions moves in an hour"
    )
    signal_history_s: int = Field(
        default=3_600, ge=0, description="seconds of trading before which a market's price is unknown to decisions"
    )
    signal_attack_cover: Decimal = Field(
        default=Decimal(1),
        ge=0,
        le=1000,
        description="what holding a price must cost per token that it wins, else decisions do without it; 0 trusts all",
    )
