"""`scidex orders`: the book of a market, limit orders, liquidity, and orders in plain words."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from scidex import views
from scidex.core.db import Tx
from scidex.core.units import parse_amount
from scidex.exchange.liquidity import cancel_change, find_changes, plan_liquidity
from scidex.exchange.markets import (
    cancel_order,
    change_liquidity,
    find_market,
    find_orders,
    place_limit_order,
    place_order,
)
from scidex.surfaces.cli.calls import Key, Limit, changes, reads
from scidex.surfaces.cli.markets import MarketName, Outcome
from scidex.surfaces.cli.words import change_of, time_of

orders = typer.Typer()

Order = Annotated[str, typer.Argument(metavar="ORDER", help="Id of the order, as its receipt shows it.")]


@changes(orders, "limit")
def limit_order(
    tx: Tx,
    market: MarketName,
    outcome: Outcome,
    shares: Annotated[str, typer.Option("--shares", metavar="SHARES", help="How many shares.")],
    limit_price: Annotated[
        str, typer.Option("--limit-price", metavar="PRICE", help="No share is bought above it, or sold below it.")
    ],
    side: Annotated[str, typer.Option("--side", metavar="SIDE", help="buy or sell")] = "buy",
    expires_at: Annotated[
        datetime | None, typer.Option("--expires-at", metavar="TIME", parser=time_of, help="2026-03-01T12:00Z")
    ] = None,
    key: Key = None,
) -> views.PlacedReceipt:
    """Trade what can be had at the limit or better; the rest waits in the book."""
    receipt = place_limit_order(
        tx,
        market=market,
        outcome=outcome,
        side=side,
        shares=parse_amount(shares, field="shares"),
        limit_price=parse_amount(limit_price, views.PRICE, field="limit_price", zero=True),
        expires_at=expires_at,
        key=key,
    )
    return views.placed_receipt(find_market(tx, market).outcomes, receipt)


@changes(orders, "cancel")
def cancel(tx: Tx, market: MarketName, order: Order, key: Key = None) -> views.EndedReceipt:
    """Take an order out of the book."""
    return views.ended_receipt(cancel_order(tx, market=market, order=order, key=key))


@changes(orders, "liquidity")
def liquidity(
    tx: Tx,
    market: MarketName,
    tokens: Annotated[str, typer.Argument(metavar="TOKENS", help="The new b of its maker.")],
    key: Key = None,
) -> views.LiquidityReceipt:
    """Make trades move the prices less, or more; no price moves."""
    receipt = change_liquidity(tx, market=market, liquidity=parse_amount(tokens, field="liquidity"), key=key)
    return views.liquidity_receipt(find_market(tx, market).outcomes, receipt)


@changes(orders, "plan")
def plan(
    tx: Tx,
    market: MarketName,
    change: Annotated[
        list[str], typer.Option("--change", metavar="TIME=TOKENS", help="From then on this b; repeat for each.")
    ],
    key: Key = None,
) -> views.PlanReceipt:
    """Plan changes of a market's liquidity; who funded it pays each when its time comes."""
    return views.plan_receipt(plan_liquidity(tx, market=market, changes=map(change_of, change), key=key))


@changes(orders, "cancel-plan")
def cancel_plan(
    tx: Tx,
    market: MarketName,
    change: Annotated[str, typer.Argument(metavar="CHANGE", help="Id of the change, as its receipt shows it.")],
    key: Key = None,
) -> views.ChangeReceipt:
    """Take a planned change of liquidity back."""
    return views.change_receipt(cancel_change(tx, market=market, change=change, key=key))


@reads(orders, "plans")
def plans(tx: Tx, market: MarketName, limit: Limit = 100) -> views.Page[views.ChangeView]:
    """The planned changes of a market's liquidity and what became of them, the latest first."""
    found = find_changes(tx, market=find_market(tx, market).market, limit=limit)
    return views.Page[views.ChangeView](items=[views.change_view(change) for change in found])


@changes(orders, "say")
def say(
    tx: Tx,
    market: MarketName,
    words: Annotated[str, typer.Argument(metavar="WORDS", help="'stake 25 tokens that it holds', for example.")],
    key: Key = None,
) -> views.OrderReceipt:
    """Trade as a sentence says: 'move the price to 0.7, spend at most 40'."""
    found = find_market(tx, market)
    order = views.order_in_words(found, words)
    receipt = place_order(
        tx,
        market=market,
        outcome=order.outcome,
        side=order.side,
        shares=order.shares,
        spend=order.spend,
        to_price=order.to_price,
        key=key,
    )
    return views.order_receipt(found.outcomes, receipt)


@reads(orders, "list")
def list_orders(
    tx: Tx,
    market: Annotated[str | None, typer.Option("--market", metavar="MARKET", help="Only in this market.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", metavar="NAME", help="Only this actor's.")] = None,
    limit: Limit = 100,
) -> views.Page[views.RestingView]:
    """Resting orders, the oldest first."""
    found = find_orders(tx, market=market, owner=owner, limit=limit)
    return views.Page[views.RestingView](items=[views.resting_view(order) for order in found])


@reads(orders, "book")
def book(tx: Tx, market: MarketName) -> views.Book:
    """What orders would meet now: depth by price, what so many tokens would do, and what rests."""
    return views.book_of(tx, find_market(tx, market))


@reads(orders, "candles")
def candles(
    tx: Tx,
    market: MarketName,
    outcome: Annotated[str | None, typer.Option("--outcome", metavar="OUTCOME", help="By default the first.")] = None,
    seconds: Annotated[int, typer.Option("--seconds", metavar="SECONDS", min=1, help="Length of an interval.")] = 3600,
    limit: Limit = 100,
) -> views.Page[views.CandleView]:
    """The price of an outcome by interval, the latest first."""
    found = find_market(tx, market)
    shown = views.candles_of(tx, found, outcome or found.outcomes[0], seconds, limit)
    return views.Page[views.CandleView](items=shown)
