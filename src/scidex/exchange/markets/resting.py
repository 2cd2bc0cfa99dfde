"""The book of a market: which orders rest in it, what they have promised, how they leave it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from scidex.core.machine import State
from scidex.entities import EntityKey
from scidex.exchange.markets import lmsr
from scidex.exchange.markets.model import (
    LISTINGS,
    MARKETS,
    ORDERS,
    POSITIONS,
    Market,
    OrderKey,
    PositionKey,
    RestingOrder,
    escrow_of,
)
from scidex.exchange.markets.refusals import MarketClosed, MarketSettled, UnknownMarket
from scidex.ledger import move, wallet_of
from scidex.policy import Context


def leave_book(state: State, context: Context, market: Market, order: RestingOrder, how: str) -> Market:
    """Take an order out of the book and give back what it had set aside; the market as it is then."""
    if order.escrow:
        move(state, context, escrow_of(market.market), wallet_of(order.owner), order.escrow, "order escrow returned")
    ended = order._replace(state=how, escrow=0, ended_at=context.now)
    state.put(ORDERS, OrderKey(market.market, order.order), ended)
    return market._replace(resting=market.resting - 1)


def end_all_orders(state: State, context: Context, market: Market) -> None:
    """Empty the book of a market that takes no more trades; its count is the caller's to write."""
    for order in open_orders(state, market.market):
        leave_book(state, context, market, order, "ended")


def open_orders(state: State, market: str) -> list[RestingOrder]:
    """The book of a market."""
    return [order for _, order in state.whole(ORDERS, market) if order.state == "open"]


def bound_shares(market: Market, orders: Iterable[RestingOrder], owner: str) -> tuple[int, ...]:
    """The share parts that somebody's resting sales promise, per outcome; nothing where there are none."""
    bound = [0] * len(market.outcomes)
    for order in orders:
        if order.owner == owner and order.side == "sell":
            bound[market.outcomes.index(order.outcome)] += order.shares
    return tuple(bound)


def interest_in(state: State, artifact: EntityKey, actor: str) -> tuple[str, str] | None:
    """The market on an artifact that is not settled yet, and what of an actor's depends on how it ends; None if nothing
    does. What the actor has in it must be loaded (`interests`)."""
    name = state.get(LISTINGS, artifact)
    market = None if name is None else state.get(MARKETS, name)
    if market is None or market.state not in ("open", "closed"):
        return None
    position = state.get(POSITIONS, PositionKey(market.market, actor))
    if position is not None and any(position.shares):
        return market.market, "a position"
    if market.resting and any(order.owner == actor for order in open_orders(state, market.market)):
        return market.market, "a resting order"
    return (market.market, "its maker") if market.funder == f"actor:{actor}" else None


def escrow_for(shares: int, limit_price: int) -> int:
    """The most that so many share parts may cost, in token parts, rounded up.

    >>> escrow_for(3, 500_000_000_000)
    2
    """
    return -(-shares * limit_price // lmsr.PRICE_ONE)


def require_market(state: State, name: str) -> Market:
    """The market of that id. Refuses: UnknownMarket."""
    market = state.get(MARKETS, name)
    if market is None:
        raise UnknownMarket(market=name)
    return market


def require_open(market: Market, now: datetime) -> None:
    """Pass if the market takes trades. Refuses: MarketClosed, MarketSettled."""
    if market.open_at(now):
        return
    ended_at = market.ended_at or market.closes_at
    since = ended_at.isoformat() if ended_at else "?"
    if market.state in ("resolved", "void"):
        raise MarketSettled(market=market.market, state=market.state, since=since)
    raise MarketClosed(market=market.market, state="closed", since=since)
