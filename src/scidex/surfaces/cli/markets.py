"""`scidex markets`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from scidex import views
from scidex.core.db import Tx
from scidex.core.units import parse_amount
from scidex.entities import find_entity
from scidex.exchange.liquidity import plan_liquidity
from scidex.exchange.markets import (
    PositionKey,
    close_market,
    find_market,
    find_markets,
    find_markets_named,
    find_positions,
    find_trades,
    open_market,
    place_order,
    quote,
    resolve_market,
    void_market,
)
from scidex.surfaces.cli.calls import After, Before, Key, Limit, changes, reads
from scidex.surfaces.cli.words import ArtifactType, change_of, prices_of, shares_of, time_of

markets = typer.Typer()

MarketName = Annotated[str, typer.Argument(metavar="MARKET", help="Id of the market.")]
Outcome = Annotated[str, typer.Argument(metavar="OUTCOME", help="One of the market's outcomes.")]
Shares = Annotated[str | None, typer.Option("--shares", metavar="SHARES", help="How many shares.")]
Spend = Annotated[str | None, typer.Option("--spend", metavar="TOKENS", help="For how many tokens, instead of shares.")]
LimitPrice = Annotated[
    str | None, typer.Option("--limit-price", metavar="PRICE", help="Worst average price per share, from 0 to 1.")
]

ToPrice = Annotated[str | None, typer.Option("--to-price", metavar="PRICE", help="Until the price is this.")]


@reads(markets, "list")
def list_markets(
    tx: Tx,
    state: Annotated[str | None, typer.Option("--state", metavar="STATE", help="open, closed, resolved, void")] = None,
    after: After = None,
    limit: Limit = 100,
) -> views.Page[views.MarketView]:
    """Markets by id."""
    found = find_markets(tx, state=state, after=after or "", limit=limit + 1)
    return views.page(views.Page[views.MarketView], found, limit, views.market_view, lambda last: last.market)


@reads(markets, "show")
def show(tx: Tx, market: MarketName) -> views.MarketView:
    """A market with its terms and where it stands."""
    return views.market_view(find_market(tx, market))


@changes(markets, "open")
def open_(
    tx: Tx,
    market: Annotated[str, typer.Argument(metavar="MARKET", help="Its id from now on.")],
    artifact: Annotated[str, typer.Option("--artifact", metavar="ARTIFACT", help="Id of what it is about.")],
    liquidity: Annotated[
        str | None,
        typer.Option("--liquidity", metavar="TOKENS", help="The b of its maker: the higher, the calmer the price."),
    ] = None,
    subsidy: Annotated[
        str | None, typer.Option("--subsidy", metavar="TOKENS", help="Instead: the largest b that so much pays for.")
    ] = None,
    treasury: Annotated[
        str | None,
        typer.Option("--treasury", metavar="POOL", help="The pool that pays; without either, b is the policy's."),
    ] = None,
    change: Annotated[
        list[str] | None, typer.Option("--change", metavar="TIME=TOKENS", help="A later b; repeat for each.")
    ] = None,
    artifact_type: ArtifactType = None,
    question: Annotated[
        str | None, typer.Option("--question", metavar="TEXT", help="By default the artifact's title.")
    ] = None,
    outcome: Annotated[
        list[str] | None, typer.Option("--outcome", metavar="OUTCOME", help="Repeat for each; by default yes and no.")
    ] = None,
    price: Annotated[
        list[str] | None,
        typer.Option("--price", metavar="PRICE", help="Repeat in the order of outcomes; default equal."),
    ] = None,
    closes_at: Annotated[
        datetime | None, typer.Option("--closes-at", metavar="TIME", parser=time_of, help="2026-03-01T12:00Z")
    ] = None,
    key: Key = None,
) -> views.OpenedReceipt:
    """Open a market; its maker's stake comes from the actor's wallet, or from a pool."""
    entity = find_entity(tx, entity_id=artifact, entity_type=artifact_type)
    receipt = open_market(
        tx,
        market=market,
        artifact=entity.key,
        question=entity.title if question is None else question,
        outcomes=outcome or ("yes", "no"),
        liquidity=shares_of(liquidity, "liquidity"),
        subsidy=shares_of(subsidy, "subsidy"),
        prices=prices_of(price),
        closes_at=closes_at,
        treasury=treasury,
        key=key,
    )
    if change:
        plan_liquidity(tx, market=market, changes=map(change_of, change), key=views.plan_key(key))
    return views.opened_receipt(find_market(tx, market), receipt)


@reads(markets, "quote")
def quote_(
    tx: Tx,
    market: MarketName,
    outcome: Outcome,
    side: Annotated[str, typer.Option("--side", metavar="SIDE", help="buy or sell")] = "buy",
    shares: Shares = None,
    spend: Spend = None,
    limit_price: LimitPrice = None,
) -> views.Quote:
    """What an order would do now; nothing is traded."""
    fill = quote(
        tx,
        market=market,
        outcome=outcome,
        side=side,
        shares=shares_of(shares, "shares"),
        spend=shares_of(spend, "spend"),
        limit_price=views.limit_price_of(limit_price, side),
    )
    return views.quote_view(find_market(tx, market), outcome, side, fill)


@changes(markets, "buy")
def buy(
    tx: Tx,
    market: MarketName,
    outcome: Outcome,
    shares: Shares = None,
    spend: Spend = None,
    limit_price: LimitPrice = None,
    to_price: ToPrice = None,
    key: Key = None,
) -> views.OrderReceipt:
    """Buy shares of an outcome, by --shares, by --spend, or until its price is --to-price."""
    return _ordered(tx, "buy", market, outcome, shares, spend, limit_price, to_price, key)


@changes(markets, "sell")
def sell(
    tx: Tx,
    market: MarketName,
    outcome: Outcome,
    shares: Annotated[str, typer.Option("--shares", metavar="SHARES", help="How many shares.")],
    limit_price: LimitPrice = None,
    key: Key = None,
) -> views.OrderReceipt:
    """Sell shares of an outcome."""
    return _ordered(tx, "sell", market, outcome, shares, None, limit_price, None, key)


def _ordered(
    tx: Tx,
    side: str,
    market: str,
    outcome: str,
    shares: str | None,
    spend: str | None,
    limit_price: str | None,
    to_price: str | None,
    key: str | None,
) -> views.OrderReceipt:
    receipt = place_order(
        tx,
        market=market,
        outcome=outcome,
        side=side,
        shares=shares_of(shares, "shares"),
        spend=shares_of(spend, "spend"),
        limit_price=views.limit_price_of(limit_price, side),
        to_price=None if to_price is None else parse_amount(to_price, views.PRICE, field="to_price", zero=True),
        key=key,
    )
    return views.order_receipt(find_market(tx, market).outcomes, receipt)


@reads(markets, "history")
def history(
    tx: Tx,
    market: MarketName,
    before: Before = None,
    limit: Limit = 100,
) -> views.Page[views.TradeView]:
    """Trades with the prices after each, the newest first."""
    found = find_market(tx, market)
    trades = find_trades(tx, market=market, before=before, limit=limit + 1)
    return views.page(
        views.Page[views.TradeView],
        trades,
        limit,
        lambda trade: views.trade_view(found, trade),
        lambda last: last.trade,
    )


@reads(markets, "positions")
def positions(
    tx: Tx,
    market: Annotated[str | None, typer.Option("--market", metavar="MARKET", help="Only in this market.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", metavar="NAME", help="Only this actor's.")] = None,
    after: After = None,
    limit: Limit = 100,
) -> views.Page[views.PositionView]:
    """Who holds what, by market and owner."""
    key = PositionKey(*views.names_of(after, 2))
    found = find_positions(tx, market=market, owner=owner, after=key, limit=limit + 1)
    terms = {each.market: each for each in find_markets_named(tx, {position.market for position in found})}
    return views.page(
        views.Page[views.PositionView],
        found,
        limit,
        lambda position: views.position_view(terms[position.market], position),
        lambda last: views.cursor(last.market, last.owner),
    )


@changes(markets, "close")
def close(tx: Tx, market: MarketName, key: Key = None) -> views.ClosedReceipt:
    """Take no more trades."""
    receipt = close_market(tx, market=market, key=key)
    return views.closed_receipt(find_market(tx, market), receipt)


@changes(markets, "resolve")
def resolve(tx: Tx, market: MarketName, outcome: Outcome, key: Key = None) -> views.SettledReceipt:
    """Decide the outcome, and pay 1 token for each share of it."""
    return views.settled_receipt(resolve_market(tx, market=market, outcome=outcome, key=key))


@changes(markets, "void")
def void(tx: Tx, market: MarketName, key: Key = None) -> views.SettledReceipt:
    """End a market that cannot be decided, at its mean prices before the close."""
    return views.settled_receipt(void_market(tx, market=market, key=key))
