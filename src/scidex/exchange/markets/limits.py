"""Limit orders: what of one trades at once, what rests in the book, and how it ends. Pure."""

from __future__ import annotations

from datetime import datetime

from scidex.actors import RoleNeeded, require_role
from scidex.core.machine import State
from scidex.core.units import check_amount
from scidex.exchange.markets import lmsr
from scidex.exchange.markets.book import buy_path, offers_to, sell_path
from scidex.exchange.markets.fills import empty_position, fill_along, outcome_of, require_free
from scidex.exchange.markets.model import (
    MARKETS,
    ORDERS,
    POSITIONS,
    CancelOrder,
    ExpireOrder,
    LimitOrder,
    Market,
    OrderEnded,
    OrderKey,
    Placed,
    PositionKey,
    RestingOrder,
    escrow_of,
)
from scidex.exchange.markets.refusals import (
    BookFull,
    LimitPriceInvalid,
    NotYourOrder,
    OrderExpiryInvalid,
    OrderNotDue,
    OrderNotOpen,
    SideInvalid,
    UnknownOrder,
)
from scidex.exchange.markets.resting import (
    bound_shares,
    escrow_for,
    leave_book,
    open_orders,
    require_market,
    require_open,
)
from scidex.exchange.markets.trading import set_off, trade_in_book
from scidex.ledger import move, wallet_of
from scidex.policy import Context


def place_limit_order(state: State, command: LimitOrder, context: Context) -> Placed:
    """Trade at once what can be had at the limit or better, and let the rest wait in the book.

    What a purchase that rests would pay is set aside, rounded up; the shares of a sale stay in the position, and may
    not be sold otherwise.
    Refuses: UnknownMarket, MarketClosed, MarketSettled, UnknownOutcome, SideInvalid, AmountNotNumber,
    AmountNotPositive, AmountTooLarge, LimitPriceInvalid, OrderExpiryInvalid, BookFull, TradeTooLarge,
    InsufficientShares, UnknownAccount, InsufficientFunds, BalanceTooLarge.
    """
    name, actor, side, limit, now = command.market, context.actor, command.side, command.limit_price, context.now
    market = require_market(state, name)
    require_open(market, now)
    which = outcome_of(market, command.outcome)
    if side not in ("buy", "sell"):
        raise SideInvalid(side=side)
    check_amount(command.shares, field="shares")
    if type(limit) is not int or not 0 < limit < lmsr.PRICE_ONE:
        raise LimitPriceInvalid(given=f"{limit} of 10^-12")
    expires_at = _expiry(command, market, now)
    position = state.get(POSITIONS, PositionKey(name, actor)) or empty_position(market, actor)
    orders = open_orders(state, name)
    bound = bound_shares(market, orders, actor)
    offers = offers_to(market, orders, which, side, now)
    others = [offer for offer in offers if offer.order.owner != actor]
    if side == "buy":
        check_amount(market.shares[which] + command.shares, field="shares outstanding after the order")
        path = buy_path(market, others, which, shares=command.shares, limit=limit)
    else:
        require_free(market, position, which, command.shares, bound)
        path = sell_path(market, others, which, shares=command.shares, limit=limit)
    traded = None
    if path.stretches:
        fill = fill_along(market, position, which, side, path, bound)
        traded = trade_in_book(state, context, market, position, side, fill, offers)
    left = command.shares - path.shares
    if not left:
        return Placed(name, None, traded, 0, 0, None)
    order = _rest(state, context, command, left, expires_at)
    # What the order has set off may have made its own outcome cheaper again: it does not wait for what can be had.
    state.put(MARKETS, name, set_off(state, context, require_market(state, name)))
    order = state.get(ORDERS, OrderKey(name, order.order)) or order
    return Placed(name, order.order, traded, order.shares, order.escrow, expires_at)


def _rest(state: State, context: Context, command: LimitOrder, left: int, expires_at: datetime | None) -> RestingOrder:
    name, most = command.market, context.policy.market_orders_max
    market = require_market(state, name)
    if market.resting >= most:
        raise BookFull(market=name, most=most)
    escrow = escrow_for(left, command.limit_price) if command.side == "buy" else 0
    if escrow:
        move(state, context, wallet_of(context.actor), escrow_of(name), escrow, "order escrow")
    order = RestingOrder(
        name,
        f"o{context.number}",
        context.actor,
        command.outcome,
        command.side,
        left,
        command.shares - left,
        command.limit_price,
        escrow,
        "open",
        context.now,
        expires_at,
        None,
    )
    state.put(ORDERS, OrderKey(name, order.order), order)
    state.put(MARKETS, name, market._replace(resting=market.resting + 1))
    return order


def _expiry(command: LimitOrder, market: Market, now: datetime) -> datetime | None:
    given = command.expires_at
    if given is not None and (given.tzinfo is None or given.utcoffset() != now.utcoffset() or given <= now):
        raise OrderExpiryInvalid(expires_at=given.isoformat())
    known = [at for at in (given, market.closes_at) if at is not None]
    return min(known, default=None)


def cancel_order(state: State, command: CancelOrder, context: Context) -> OrderEnded:
    """Take an order out of the book and give back what it had set aside.

    Refuses: UnknownMarket, UnknownOrder, NotYourOrder, UnknownActor, OrderNotOpen.
    """
    market, order = _order_of(state, command)
    if order.owner != context.actor:
        try:
            require_role(state, context, "operator")
        except RoleNeeded:
            raise NotYourOrder(actor=context.actor, order=order.order) from None
    return _end_order(state, context, market, order, "cancelled")


def expire_order(state: State, command: ExpireOrder, context: Context) -> OrderEnded:
    """The same of an order whose time is over; anyone may ask.

    Refuses: UnknownMarket, UnknownOrder, OrderNotOpen, OrderNotDue.
    """
    market, order = _order_of(state, command)
    if order.expires_at is None or order.expires_at > context.now:
        raise OrderNotDue(order=order.order, expires_at=order.expires_at.isoformat() if order.expires_at else "its end")
    return _end_order(state, context, market, order, "expired")


def _order_of(state: State, command: CancelOrder | ExpireOrder) -> tuple[Market, RestingOrder]:
    market = require_market(state, command.market)
    order = state.get(ORDERS, OrderKey(command.market, command.order))
    if order is None:
        raise UnknownOrder(order=command.order, market=command.market)
    if order.state != "open":
        raise OrderNotOpen(order=order.order, state=order.state)
    return market, order


def _end_order(state: State, context: Context, market: Market, order: RestingOrder, how: str) -> OrderEnded:
    state.put(MARKETS, market.market, leave_book(state, context, market, order, how))
    return OrderEnded(market.market, order.order, how, order.shares, order.escrow)
