"""Every number that a person may argue about, typed; a change makes a new version."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from scidex.core.errors import Forbidden, Refused
from scidex.core.machine import Context as CoreContext
from scidex.core.machine import Table


class Policy(BaseModel):
    """The constants of the economy. Fractions are decimals, so that no rule starts from a rounded double."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
    market_outcomes_max: int = Field(default=64, ge=2, le=1000, description="most outcomes of one market")
    market_liquidity_min: Decimal = Field(
        default=Decimal("0.01"), gt=0, description="smallest liquidity b of a market, in tokens"
    )
    market_start_price_min: Decimal = Field(
        default=Decimal("0.001"), gt=0, lt=1, description="smallest start price of an outcome"
    )
    void_window_s: int = Field(
        default=86_400, ge=1, description="seconds before the close whose mean price a void market pays"
    )
    hold_longest_s: int = Field(default=2_592_000, ge=1, description="longest life of a hold, in seconds")
    bounty_longest_s: int = Field(default=31_536_000, ge=1, description="longest life of a bounty, in seconds")


Context: TypeAlias = CoreContext[Policy]
"""What comes in with a command, as every rule sees it."""


class PolicyRow(NamedTuple):
    """A version, which of its fields were written down (the rest are defaults), and since when it is in force."""

    policy: Policy
    written: tuple[str, ...]
    enacted_at: datetime


POLICIES: Table[int, PolicyRow] = Table("policy", rank=900)


@dataclass(frozen=True, slots=True)
class EnactPolicy:
    """Make this the policy of every later decision."""

    policy: Policy


@dataclass(frozen=True, slots=True)
class PolicyEnacted:
    """The version under which decisions now record it."""

    version: int


class PolicyUnreadable(Refused):
    """Version {version} of the policy cannot be read from the database ({problem}); `scidex audit` shows what was
    changed there. Restore a backup."""


class PolicyByVoteOnly(Forbidden):
    """{actor} may not change the policy; an operator enacts it."""
