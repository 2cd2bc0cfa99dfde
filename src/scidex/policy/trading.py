"""How markets are made, traded in, settled and looked back on."""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel, Field


class MarketPolicy(BaseModel):
    """How markets are made, traded in, settled and looked back on."""

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
        description="fee of a trade as a share of p * (1 - p) per share, p its own price; the maker's funder gets it",
    )
    market_log_odds_max: Decimal = Field(
        default=Decimal(0),
        ge=0,
        description="most that one order may move the log odds of an outcome; 0 limits nothing",
    )
    market_orders_max: int = Field(default=1000, ge=0, description="most resting orders of one market")
    liquidity_pool_share: Decimal = Field(
        default=Decimal("0.1"),
        ge=0,
        le=1,
        description="share of a pool's free tokens that, divided by the open markets that it funds and the new one, is"
        " the liquidity b of a market that it opens without saying one",
    )
    liquidity_pool_min: Decimal = Field(
        default=Decimal(1), gt=0, le=10**6, description="least b of such a market, in tokens"
    )
    liquidity_pool_max: Decimal = Field(
        default=Decimal(1000), gt=0, le=10**6, description="most b of such a market, in tokens; the least comes first"
    )
    liquidity_changes_max: int = Field(
        default=100, ge=1, le=10_000, description="most changes of liquidity that one market has ahead of it"
    )
    liquidity_price_gap: Decimal = Field(
        default=Decimal("0.02"),
        gt=0,
        le=1,
        description="most that a price may have moved lately when its market's liquidity rises; 1 lets it rise always",
    )
    liquidity_window_s: int = Field(default=3600, ge=1, description="how many seconds of a price lately means")
    void_window_s: int = Field(
        default=86_400, ge=1, description="seconds before the close whose mean price a void market pays"
    )
    resolve_directly: bool = Field(
        default=False,
        description="whether resolvers may end a market without bond and time for disputes; operators may in any case",
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
    portfolio_concentration_max: Decimal = Field(
        default=Decimal("0.25"),
        gt=0,
        le=1,
        description="share of a portfolio in one artifact, or one domain, above which it is warned of",
    )
    leaderboard_markets_min: int = Field(
        default=5, ge=2, description="resolved markets that an actor has traded in before it is ranked by skill"
    )
