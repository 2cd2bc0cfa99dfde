"""What production mints, how much of it a period, and what it owes to what it builds on."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, Field


class RewardPolicy(BaseModel):
    """What production mints, how much of it a period, and what it owes to what it builds on."""

    reward_base: dict[str, Annotated[Decimal, Field(ge=0, le=10**6)]] = Field(
        default={
            "debate": Decimal(5),
            "hypothesis": Decimal(10),
            "evidence": Decimal(3),
            "extraction": Decimal(2),
            "edge": Decimal(1),
            "gap": Decimal(5),
            "prediction": Decimal(3),
            "gate": Decimal(2),
        },
        description="tokens minted for a verified output, by its kind; a kind that is not here is not rewarded",
    )
    reward_multiplier: dict[str, Annotated[Decimal, Field(ge=1, le=1000)]] = Field(
        default={
            "debate": Decimal(2),
            "hypothesis": Decimal(3),
            "evidence": Decimal(2),
            "extraction": Decimal(2),
            "edge": Decimal(2),
            "gap": Decimal(3),
            "prediction": Decimal(4),
            "gate": Decimal(1),
        },
        description="how many times the base an output of the highest quality earns, by its kind; without, the base",
    )
    reward_cap: dict[str, Annotated[Decimal, Field(ge=0, le=10**6)]] = Field(
        default={
            "debate": Decimal(10),
            "hypothesis": Decimal(25),
            "evidence": Decimal(6),
            "extraction": Decimal(4),
            "edge": Decimal(2),
            "gap": Decimal(15),
            "prediction": Decimal(10),
            "gate": Decimal(2),
        },
        description="the most tokens that an output earns whatever its quality, by its kind; without, no cap",
    )
    emission_period_s: int = Field(
        default=604_800, ge=3600, le=31_536_000, description="seconds of a period of emission, counted from 1970"
    )
    emission_tokens: Decimal = Field(
        default=Decimal(10_000), ge=0, le=10**8, description="most tokens minted for production in a period"
    )
    emission_growth: Decimal = Field(
        default=Decimal("0.02"),
        ge=0,
        le=1,
        description="most that a period mints as a share of the tokens there were when it began",
    )
    emission_least: Decimal = Field(
        default=Decimal(100),
        ge=0,
        le=10**8,
        description="tokens that a period may mint however few there are, so that an economy can begin",
    )
    emission_output_share: Decimal = Field(
        default=Decimal("0.1"), gt=0, le=1, description="most that one output may take of a period, as a share of it"
    )
    royalty_share: Decimal = Field(
        default=Decimal("0.15"),
        ge=0,
        le=Decimal("0.5"),
        description="share of a reward for what the output builds on; its square for what that builds on, and so forth",
    )
    royalty_depth: int = Field(default=3, ge=0, le=10, description="how many steps back royalties go")
    royalty_payees_max: int = Field(
        default=100, ge=1, le=1000, description="most outputs that one pays royalties to, the nearest first"
    )
    builds_on_max: int = Field(default=20, ge=0, le=100, description="most outputs that one may be said to build on")
