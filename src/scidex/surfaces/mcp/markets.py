"""Tools for markets: prices, orders, the book, positions, and how markets open and end."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from pydantic import Field

from scidex.core.db import Tx
from scidex.entities import find_entity
from scidex.exchange.markets import (
    Market,
    PositionKey,
    find_market,
    find_markets,
    find_markets_named,
    find_orders,
    find_positions,
    find_trades,
    market_on,
    quote,
)
from scidex.exchange.portfolio import find_leaderboard, find_portfolio
from scidex.exchange.resource_allocator import find_standing
from scidex.exchange.settlement import find_settlements, standing
from scidex.policy import current
from scidex.surfaces.mcp.tool import ActorName, After, ArtifactId, ArtifactType, Limit, Offset, Topic, whose
from scidex.views import (
    Book,
    BuyTerms,
    CancelBody,
    CandleView,
    LimitBody,
    LiquidityBody,
    MarketView,
    OrderBody,
    Page,
    PortfolioView,
    PositionView,
    Prices,
    Quote,
    RankView,
    RestingView,
    SellTerms,
    SignalView,
    Text,
    TradeView,
    book_of,
    candles_of,
    cursor,
    market_deeds,
    market_view,
    names_of,
    page,
    portfolio_view,
    position_view,
    prices_of,
    quote_view,
    rank_view,
    resting_view,
    settlement,
    signal_view,
    trade_view,
)

MARKETS = Topic()
MarketId = Annotated[Text | None, Field(description="the market's id; or give artifact_id")]
OnArtifact = Annotated[Text | None, Field(description="the artifact whose market it is; or give market")]
_MARKET = {"market": "tau-by-2027"}


def _market_of(tx: Tx, market: str | None, artifact_id: str | None, artifact_type: str | None) -> Market:
    if market is not None:
        return find_market(tx, market)
    return market_on(tx, find_entity(tx, entity_id=artifact_id or "", entity_type=artifact_type).key)


@MARKETS.finds("market_find", example={"state": "open"})
def market_find(
    tx: Tx, state: Literal["open", "closed", "resolved", "void"] | None = None, after: After = None, limit: Limit = 20
) -> Page[MarketView]:
    """List markets by id, with their question, prices, terms and state."""
    found = find_markets(tx, state=state, after=after or "", limit=limit + 1)
    return page(Page[MarketView], found, limit, market_view, lambda row: row.market)


@MARKETS.finds("market_price", example=_MARKET)
def market_price(
    tx: Tx, market: MarketId = None, artifact_id: OnArtifact = None, artifact_type: ArtifactType = None
) -> Prices:
    """The prices of a market now: what its traders together believe the chance of each outcome to be."""
    return prices_of(_market_of(tx, market, artifact_id, artifact_type), tx.now)


@MARKETS.finds("market_quote", given=OrderBody)
def market_quote(tx: Tx, asked: OrderBody) -> Quote:
    """What an order would do now, without trading: shares, tokens, the price after it; look before you buy or sell."""
    order = asked.order(tx, asked.side)
    fill = quote(tx, **asdict(order))
    return quote_view(find_market(tx, order.market), order.outcome, order.side, fill)


MARKETS.asks(
    "market_buy",
    BuyTerms,
    "trade",
    "Buy shares of an outcome that you believe is more likely than its price says: each pays 1 token if it comes true.",
)
MARKETS.asks("market_sell", SellTerms, "trade", "Sell shares that you hold, now and whole.")
MARKETS.asks(
    "market_say",
    market_deeds.WordsBody,
    "trade",
    "Trade as a sentence says: `stake 25 tokens that it holds`, `move the price to 0.7, spend at most 40`.",
)
MARKETS.asks(
    "market_limit",
    LimitBody,
    "trade",
    "Place a limit order: what can be had at your price or better is traded, the rest waits in the book.",
)
MARKETS.asks(
    "market_cancel", CancelBody, "trade", "Take an order of yours out of the book; what it set aside goes back."
)


@MARKETS.finds("market_book", example=_MARKET)
def market_book(
    tx: Tx, market: MarketId = None, artifact_id: OnArtifact = None, artifact_type: ArtifactType = None
) -> Book:
    """What orders would meet now: depth by price, what so many tokens would do, and what rests."""
    return book_of(tx, _market_of(tx, market, artifact_id, artifact_type))


@MARKETS.finds("market_orders", example={})
def market_orders(
    tx: Tx,
    market: Annotated[Text | None, Field(description="only of this market")] = None,
    actor: Annotated[Text | None, Field(description="only of this actor")] = None,
    limit: Limit = 20,
) -> Page[RestingView]:
    """List the limit orders that rest in books, the oldest first."""
    found = find_orders(tx, market=market, owner=actor, limit=limit)
    return Page[RestingView](items=[resting_view(order) for order in found])


@MARKETS.finds("market_history", example=_MARKET)
def market_history(
    tx: Tx,
    market: Text,
    before: Annotated[int | None, Field(ge=1, le=2**31 - 1, description="the `next` of the page before")] = None,
    limit: Limit = 20,
) -> Page[TradeView]:
    """A market's trades with the prices after each, newest first."""
    found = find_trades(tx, market=market, before=before, limit=limit + 1)
    terms = find_market(tx, market)
    return page(Page[TradeView], found, limit, lambda row: trade_view(terms, row), lambda row: row.trade)


@MARKETS.finds("market_candles", example=_MARKET)
def market_candles(
    tx: Tx,
    market: Text,
    outcome: Annotated[Text | None, Field(description="the first if left out")] = None,
    seconds: Annotated[int, Field(ge=1, le=31_536_000, description="length of an interval")] = 3600,
    limit: Limit = 20,
) -> Page[CandleView]:
    """The price of an outcome by interval, the latest first: open, high, low, close, volume."""
    found = find_market(tx, market)
    return Page[CandleView](items=candles_of(tx, found, outcome or found.outcomes[0], seconds, limit))


@MARKETS.finds("market_positions", example={})
def market_positions(
    tx: Tx,
    market: Annotated[Text | None, Field(description="only of this market")] = None,
    actor: ActorName = None,
    after: After = None,
    limit: Limit = 20,
) -> Page[PositionView]:
    """What an actor holds in each market: shares by outcome, what they cost, what the maker would pay now."""
    start = PositionKey(*names_of(after, 2))
    found = find_positions(tx, market=market, owner=whose(tx, actor), after=start, limit=limit + 1)
    terms = {each.market: each for each in find_markets_named(tx, {position.market for position in found})}
    return page(
        Page[PositionView],
        found,
        limit,
        lambda row: position_view(terms[row.market], row),
        lambda row: cursor(row.market, row.owner),
    )


@MARKETS.finds("market_portfolio", example={})
def market_portfolio(tx: Tx, actor: ActorName = None) -> PortfolioView:
    """All that an actor holds at what it would really bring, how it fared, and how good its forecasts were."""
    return portfolio_view(find_portfolio(tx, whose(tx, actor)))


@MARKETS.finds("market_leaderboard", example={})
def market_leaderboard(tx: Tx, offset: Offset = 0, limit: Limit = 20) -> Page[RankView]:
    """Who brings prices nearer to the truth: by skill with its interval, not by wealth."""
    found = list(enumerate(find_leaderboard(tx, offset=offset, limit=limit + 1), offset + 1))
    return page(Page[RankView], found, limit, lambda each: rank_view(each[1], each[0]), lambda each: each[0])


@MARKETS.finds("market_signals", example={"artifact_id": "tau-spreads-trans-synaptically"})
def market_signals(tx: Tx, artifact_id: ArtifactId, artifact_type: ArtifactType = None) -> SignalView:
    """What decisions read off an artifact's market: lagged price, demand, and what it would cost to fake them."""
    artifact = find_entity(tx, entity_id=artifact_id, entity_type=artifact_type).key
    policy, version = current(tx)
    return signal_view(find_standing(tx, policy, artifact), version, tx.now)


MARKETS.asks(
    "market_open",
    market_deeds.OpenBody,
    "fund",
    "Open a market on an artifact's question; its stake is paid out of your wallet and is the most that you can lose.",
)
MARKETS.asks(
    "market_liquidity",
    LiquidityBody,
    "trade",
    "Make trades move the prices of a market that you fund less, or more; you pay the difference or get it.",
)
MARKETS.asks(
    "market_plan_liquidity",
    market_deeds.PlanBody,
    "trade",
    "Plan changes of liquidity of a market that you fund, each paid when its time comes.",
)
MARKETS.asks("market_cancel_plan", market_deeds.CancelPlanBody, "trade", "Take a planned change of liquidity back.")


@MARKETS.finds("market_settlements", example={"state": "proposed"})
def market_settlements(
    tx: Tx,
    state: Literal["waiting", "proposed", "disputed", "final", "done"] | None = None,
    after: After = None,
    limit: Limit = 20,
) -> Page[settlement.SettlementLine]:
    """List markets whose end has begun, by id: what is proposed, disputed, or waits for a decision."""
    found = find_settlements(tx, state=state, after=after or "", limit=limit + 1)
    return page(Page[settlement.SettlementLine], found, limit, settlement.settlement_line, lambda row: row.market)


@MARKETS.finds("market_settlement", example=_MARKET)
def market_settlement(tx: Tx, market: Text) -> settlement.SettlementView:
    """How a market's end stands: what happens next, every case with its evidence, and who is paid what."""
    return settlement.settlement_view(standing(tx, market))


MARKETS.asks(
    "market_propose_end",
    market_deeds.ResolutionBody,
    "trade",
    "Propose how a market ends, on evidence and with a bond that you lose if you are wrong; for those without a stake.",
)
MARKETS.asks(
    "market_dispute",
    market_deeds.DisputeBody,
    "trade",
    "Say within the window that a proposed end is wrong, on evidence, with a bond as large.",
)
MARKETS.asks(
    "market_decide", market_deeds.DecisionBody, "review", "Decide a dispute; for reviewers without a stake in it."
)
MARKETS.asks(
    "market_advance", market_deeds.EndingBody, "trade", "Take the step of a market's end that time has made due."
)
MARKETS.asks(
    "market_require_stages",
    market_deeds.StagedTerms,
    "review",
    "Let an outcome be proposed only after every stage of the study; for the funder, before the first trade.",
)
MARKETS.asks(
    "market_stage",
    market_deeds.StageBody,
    "review",
    "Record, on evidence, the next stage that a staged market has reached; for resolvers without a stake in it.",
)
