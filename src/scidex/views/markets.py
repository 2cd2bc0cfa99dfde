"""Markets from outside."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from scidex.core.journal import Receipt
from scidex.core.units import TOKEN
from scidex.exchange.markets import PRICE_DECIMALS, Fill, Market, Position, Trade, Traded
from scidex.views.base import Done, View, done, tokens

_PRICE_ONE = 10**PRICE_DECIMALS


class Prices(View):
    """A market's prices now."""

    market: str
    artifact_type: str
    artifact_id: str
    state: str
    price: float = Field(description="price of the first outcome, which stands for the artifact")
    prices: dict[str, float] = Field(description="price of every outcome; they sum to 1")
    trades: int
    as_of: datetime = Field(description="when this was read")
    age_s: float = Field(description="seconds since the price last moved")


class MarketView(View):
    """A market with its terms and where it stands."""

    market: str
    artifact_type: str
    artifact_id: str
    question: str
    outcomes: list[str]
    state: str
    prices: dict[str, float]
    shares: dict[str, float] = Field(description="shares outstanding per outcome")
    liquidity: float
    subsidy: float = Field(description="the most that the maker can lose, in tokens, funded at the start")
    funder: str
    capital_at_risk: float = Field(description="worst-case loss of all its positions, in tokens")
    trades: int
    opened_at: datetime
    closes_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    maker_result: float | None


class TradeView(View):
    """One trade, with the prices after it: the price history."""

    market: str
    trade: int
    at: datetime
    actor: str
    outcome: str
    side: str
    shares: float
    redeemed: float = Field(description="shares of every other outcome that were sold back first")
    paid: float = Field(description="net tokens that left the trader's wallet; negative if they came in")
    fee: float
    resting: str | None = Field(description="the order of the book that was filled, if it was one")
    prices: dict[str, float]


class OrderReceipt(Done):
    """What an order did."""

    market: str
    trade: int
    outcome: str
    side: str
    shares: float
    matched: float = Field(description="shares that met resting orders; the others met the maker")
    redeemed: float
    paid: float
    fee: float = Field(description="tokens paid besides, to the maker's funder")
    average_price: float = Field(description="tokens per share, before what was sold back")
    prices: dict[str, float]
    position: dict[str, float] = Field(description="the trader's shares after the trade")


class Quote(View):
    """What an order would do now; nothing has been traded."""

    market: str
    outcome: str
    side: str
    shares: float
    redeemed: float
    paid: float
    average_price: float
    prices: dict[str, float]


class PositionView(View):
    """Somebody's shares in a market."""

    market: str
    actor: str
    shares: dict[str, float] = Field(description="shares held of each outcome")
    cost: float = Field(description="tokens that those shares cost")
    paid: float = Field(description="tokens paid into the market so far, net of what came back")
    capital_at_risk: float
    payout: float | None


class OpenedReceipt(Done):
    """What the maker staked and where prices start."""

    market: str
    subsidy: float = Field(description="the most that the maker can lose, in tokens, paid by who funds it")
    prices: dict[str, float]


class ClosedReceipt(Done):
    """The prices at which a market took its last trade."""

    market: str
    prices: dict[str, float]


class SettledReceipt(Done):
    """Who was paid what when a market ended."""

    market: str
    outcome: str | None
    payouts: dict[str, float]
    returned: float = Field(description="what went back to the maker's funder")
    maker_result: float


def by_outcome(outcomes: tuple[str, ...], parts: tuple[int, ...], one: int) -> dict[str, float]:
    """Whole numbers per outcome in units of `one`."""
    return {outcome: value / one for outcome, value in zip(outcomes, parts, strict=True)}


def prices_of(market: Market, now: datetime) -> Prices:
    """A market's prices at the moment in which they were read."""
    return Prices(
        market=market.market,
        artifact_type=market.artifact.entity_type,
        artifact_id=market.artifact.entity_id,
        state=market.state,
        price=market.prices[0] / _PRICE_ONE,
        prices=by_outcome(market.outcomes, market.prices, _PRICE_ONE),
        trades=market.trades,
        as_of=now,
        age_s=max(0.0, (now - market.moved_at).total_seconds()),
    )


def market_view(market: Market) -> MarketView:
    """A market row."""
    return MarketView(
        market=market.market,
        artifact_type=market.artifact.entity_type,
        artifact_id=market.artifact.entity_id,
        question=market.question,
        outcomes=list(market.outcomes),
        state=market.state,
        prices=by_outcome(market.outcomes, market.prices, _PRICE_ONE),
        shares=by_outcome(market.outcomes, market.shares, TOKEN.parts),
        liquidity=tokens(market.liquidity),
        subsidy=tokens(market.subsidy),
        funder=market.funder,
        capital_at_risk=tokens(market.at_risk),
        trades=market.trades,
        opened_at=market.opened_at,
        closes_at=market.closes_at,
        ended_at=market.ended_at,
        outcome=market.outcome,
        maker_result=None if market.maker_result is None else tokens(market.maker_result),
    )


def trade_view(market: Market, trade: Trade) -> TradeView:
    """A trade row."""
    return TradeView(
        market=trade.market,
        trade=trade.trade,
        at=trade.at,
        actor=trade.owner,
        outcome=trade.outcome,
        side=trade.side,
        shares=tokens(trade.shares),
        redeemed=tokens(trade.redeemed),
        paid=tokens(trade.paid),
        fee=tokens(trade.fee),
        resting=trade.resting,
        prices=by_outcome(market.outcomes, trade.prices, _PRICE_ONE),
    )


def order_receipt(outcomes: tuple[str, ...], receipt: Receipt[Any]) -> OrderReceipt:
    """The receipt of an order in a market with these outcomes."""
    return OrderReceipt(**done(receipt), **traded_facts(outcomes, receipt.result))


def traded_facts(outcomes: tuple[str, ...], traded: Traded) -> dict[str, Any]:
    """What an order did, in whole units."""
    return {
        "market": traded.market,
        "trade": traded.trade,
        "outcome": traded.outcome,
        "side": traded.side,
        "shares": tokens(traded.shares),
        "matched": tokens(traded.matched),
        "redeemed": tokens(traded.redeemed),
        "paid": tokens(traded.paid),
        "fee": tokens(traded.fee),
        "average_price": abs(traded.paid + traded.redeemed) / traded.shares,
        "prices": by_outcome(outcomes, traded.prices, _PRICE_ONE),
        "position": by_outcome(outcomes, traded.position, TOKEN.parts),
    }


def quote_view(market: Market, outcome: str, side: str, fill: Fill) -> Quote:
    """What an order would do."""
    return Quote(
        market=market.market,
        outcome=outcome,
        side=side,
        shares=tokens(fill.shares),
        redeemed=tokens(fill.redeemed),
        paid=tokens(fill.paid),
        average_price=fill.gross / fill.shares,
        prices=by_outcome(market.outcomes, fill.prices, _PRICE_ONE),
    )


def position_view(market: Market, position: Position) -> PositionView:
    """A position in this market."""
    return PositionView(
        market=position.market,
        actor=position.owner,
        shares=by_outcome(market.outcomes, position.shares, TOKEN.parts),
        cost=tokens(sum(position.cost)),
        paid=tokens(position.paid),
        capital_at_risk=tokens(position.at_risk),
        payout=None if position.payout is None else tokens(position.payout),
    )


def opened_receipt(market: Market, receipt: Receipt[Any]) -> OpenedReceipt:
    """The receipt of opening this market."""
    opened = receipt.result
    return OpenedReceipt(
        **done(receipt),
        market=opened.market,
        subsidy=tokens(opened.subsidy),
        prices=by_outcome(market.outcomes, opened.prices, _PRICE_ONE),
    )


def closed_receipt(market: Market, receipt: Receipt[Any]) -> ClosedReceipt:
    """The receipt of closing this market."""
    closed = receipt.result
    return ClosedReceipt(
        **done(receipt), market=closed.market, prices=by_outcome(market.outcomes, closed.prices, _PRICE_ONE)
    )


def settled_receipt(receipt: Receipt[Any]) -> SettledReceipt:
    """The receipt of a resolution or a void."""
    settled = receipt.result
    return SettledReceipt(
        **done(receipt),
        market=settled.market,
        outcome=settled.outcome,
        payouts={owner: tokens(paid) for owner, paid in settled.payouts},
        returned=tokens(settled.returned),
        maker_result=tokens(settled.maker_result),
    )
