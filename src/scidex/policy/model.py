"""Every number that a person may argue about, typed; a change makes a new version."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, NamedTuple, TypeAlias

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
    market_fee: Decimal = Field(
        default=Decimal(0),
        ge=0,
        le=1,
        description="fee of a trade as a share of shares * p * (1 - p), p its mean price; the maker's funder gets it",
    )
    market_log_odds_max: Decimal = Field(
        default=Decimal(0),
        ge=0,
        description="most that one order may move the log odds of an outcome; 0 limits nothing",
    )
    market_orders_max: int = Field(default=1000, ge=0, description="most resting orders of one market")
    void_window_s: int = Field(
        default=86_400, ge=1, description="seconds before the close whose mean price a void market pays"
    )
    settlement_bond_min: Decimal = Field(
        default=Decimal(10),
        ge=Decimal("0.000001"),
        le=10**6,
        description="smallest bond of a proposal or a dispute, in tokens",
    )
    settlement_bond_share: Decimal = Field(
        default=Decimal("0.01"), ge=0, le=1, description="share of a market's largest payout that a bond is at least"
    )
    settlement_winner_share: Decimal = Field(
        default=Decimal("0.5"),
        ge=0,
        le=1,
        description="share of a lost bond that goes to the side that was right; the treasury pool has the rest",
    )
    settlement_dispute_s: int = Field(
        default=259_200, ge=1, le=10**8, description="seconds in which a proposed resolution may be disputed"
    )
    settlement_decide_s: int = Field(
        default=604_800, ge=1, le=10**8, description="seconds in which a dispute has to be decided before it lapses"
    )
    settlement_deadline_s: int = Field(
        default=2_592_000,
        ge=1,
        le=10**8,
        description="seconds after the end of trading in which a resolution may be proposed; then the market is void",
    )
    settlement_closes_early: bool = Field(
        default=False, description="whether a proposal ends the trading of a market that is open"
    )
    settlement_withheld: Decimal = Field(
        default=Decimal("0.1"), ge=0, le=1, description="share of each payout held back while an appeal is possible"
    )
    settlement_appeal_s: int = Field(
        default=7_776_000, ge=1, le=10**8, description="seconds after a settlement in which another may be proposed"
    )
    settlement_versions_max: int = Field(
        default=3, ge=1, le=100, description="how often a market may be settled, the first time included"
    )
    settlement_evidence_max: int = Field(
        default=10, ge=1, le=100, description="most pieces of evidence of a proposal, a dispute or a stage"
    )
    hold_longest_s: int = Field(default=2_592_000, ge=1, description="longest life of a hold, in seconds")
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
    )  # fmt: skip
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
    portfolio_concentration_max: Decimal = Field(
        default=Decimal("0.25"),
        gt=0,
        le=1,
        description="share of a portfolio in one artifact, or one domain, above which it is warned of",
    )
    leaderboard_markets_min: int = Field(
        default=5, ge=2, description="resolved markets that an actor has traded in before it is ranked by skill"
    )
    storage_budget_hours: int = Field(default=720, ge=1, description="hours that a storage budget of one GB pays for")


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
