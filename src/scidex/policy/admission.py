"""What may be reserved and used, of which models and providers, at what price, under which caps."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, Field


class AdmissionPolicy(BaseModel):
    """What may be reserved and used, of which models and providers, at what price, under which caps."""

    hold_longest_s: int = Field(default=2_592_000, ge=1, description="longest life of a hold, in seconds")
    model_tiers: dict[str, tuple[str, ...]] = Field(
        default={
            "reasoning": (
                "o1*", "o3*", "o4*", "gpt-5*", "*codex*", "claude-opus*", "*thinking*", "*reasoner*", "*-r1*",
                "gemini-*-pro*", "grok-4*", "magistral*",
            ),
            "standard": (
                "gpt-4*", "gpt-3.5*", "gpt-5*-mini*", "gpt-5*-nano*", "gpt-5-chat*", "claude-sonnet*", "claude-haiku*",
                "claude-3*", "gemini-*-flash*", "gemini-1*", "deepseek-chat*", "deepseek-v*", "mistral*", "llama*",
                "meta-llama*", "qwen*", "command*", "grok-3*",
            ),
            "batch": ("*:batch", "*-batch"),
        },
        description="which models are in which tier, as patterns; one of batch that fits decides, else the longest",
    )  # fmt: skip  # fmt: skip
    unknown_model_tier: Literal["reasoning", "standard", "batch"] | None = Field(
        default="standard", description="tier of a model that no pattern fits; none refuses it"
    )
    model_prices: dict[str, dict[str, Decimal]] = Field(
        default={},
        description="US dollars per million tokens (input, output, cached, cache_write) of models whose price the price"
        " book does not have or has wrong",
    )
    unknown_price: Literal["refuse", "uncounted"] = Field(
        default="refuse", description="what to do with a call whose price nobody knows and whose caller states no bound"
    )
    tier_usd_per_million: dict[str, Annotated[Decimal, Field(ge=0)]] = Field(
        default={"reasoning": Decimal(60), "standard": Decimal(15), "batch": Decimal("7.5")},
        min_length=1,
        description="the most that a million LLM tokens of a tier may cost, in US dollars, where nobody names the model"
        " or knows its price, unless unknown prices are uncounted; a tier that is not here costs what the dearest does",
    )
    provider_calls_per_s: dict[str, int] = Field(
        default={"pubmed": 3, "semantic_scholar": 1, "openalex": 10, "crossref": 10},
        description="most calls per second to a provider, by its name in small letters",
    )
    other_calls_per_s: int = Field(default=5, ge=1, description="the same for every other provider")
    daily_usd: Decimal = Field(
        default=Decimal(50),
        ge=0,
        le=10**9,
        description="US dollars that the fleet may spend from midnight to midnight UTC",
    )
    daily_usd_warn: Decimal = Field(
        default=Decimal("0.8"), gt=0, le=1, description="share of a daily cap at which a warning is recorded"
    )
    reservation_longest_s: int = Field(
        default=86_400, ge=1, description="longest life of a reservation without a heartbeat, in seconds"
    )
    reservation_total_s: int = Field(
        default=604_800, ge=1, description="longest life of a reservation with all its heartbeats, in seconds"
    )
    first_call_tokens: dict[str, int] = Field(
        default={"reasoning": 32_768, "standard": 8_192, "batch": 8_192},
        description="LLM tokens reserved for a call without a bound while no call of its model is known, by tier",
    )
    estimate_calls: int = Field(
        default=1_000, ge=1, le=10_000, description="latest calls of a model that estimates look at"
    )
    estimate_actors: int = Field(
        default=3, ge=1, description="actors whose calls of a model must be known for others' estimates to follow them"
    )
    estimate_quantile: Decimal = Field(
        default=Decimal("0.95"), gt=0, le=1, description="share of those calls for which the estimate is enough"
    )
    usage_future_s: int = Field(
        default=300, ge=0, description="seconds that the clock of who reports usage may be ahead of ours"
    )
    usage_oldest_days: int = Field(default=366, ge=1, description="days after which usage is too old to be reported")
    idle_after_s: int = Field(
        default=604_800, ge=1, description="seconds without reservation or usage after which a grant is idle"
    )
    idle_notice_s: int = Field(
        default=259_200, ge=1, description="seconds between the notice to an idle grant and its return to the pool"
    )
    storage_budget_hours: int = Field(default=720, ge=1, description="hours that a storage budget of one GB pays for")
