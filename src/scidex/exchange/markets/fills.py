"""What an order does to a market and to its trader's position: pure, on whole numbers; the curve itself is `lmsr`."""

from __future__ import annotations

from typing import NamedTuple

from scidex.core.units import brief, check_amount, format_amount
from scidex.exchange.markets import lmsr
from scidex.exchange.markets.model import (
    InsufficientShares,
    LimitPriceInvalid,
    Market,
    Order,
    OrderSizeInvalid,
    OrderTooSmall,
    Position,
    PriceMoved,
    SideInvalid,
    UnknownOutcome,
)


class Fill(NamedTuple):
    """What an order would do now: whole parts, and the prices after it.

    `gross` is what the shares alone cost or bring; `paid` is the net that leaves the wallet, after `redeemed` complete
    sets are sold back at one token each.
    """

    shares: int
    redeemed: int
    gross: int
    paid: int
    outstanding: tuple[int, ...]
    prices: tuple[int, ...]


def fill_of(market: Market, position: Position, order: Order) -> Fill:
    """What an order would do in this market to this position.

    A purchase of D shares of one outcome by somebody who holds x <= D of every other first sells those back. That
    moves the price exactly as buying outright, and x shares of every outcome are worth x tokens, so the net price is
    charge(D) - x with a single rounding. A spend says how large the push is: the shares that it buys outright.
    Refuses: UnknownOutcome, SideInvalid, OrderSizeInvalid, OrderTooSmall, AmountNotPositive, AmountTooLarge,
    LimitPriceInvalid, PriceMoved, InsufficientShares.
    """
    if order.outcome not in market.outcomes:
        raise UnknownOutcome(market=market.market, outcome=order.outcome, known=", ".join(market.outcomes)[:200])
    if order.side not in ("buy", "sell"):
        raise SideInvalid(side=order.side)
    if order.limit_price is not None and not 0 <= order.limit_price <= lmsr.PRICE_ONE:
        raise LimitPriceInvalid(given=f"{brief(order.limit_price)} of 10^-12")
    which = market.outcomes.index(order.outcome)
    fill = _buy(market, position, order, which) if order.side == "buy" else _sell(market, position, order, which)
    _check_limit(order, fill)
    return fill


def empty_position(market: Market, owner: str) -> Position:
    """The position of somebody who never traded."""
    none = (0,) * len(market.outcomes)
    return Position(market.market, owner, none, none, 0, 0, None)


def position_after(market: Market, position: Position, which: int, fill: Fill) -> Position:
    """The trader's position once the order for this outcome is filled; costs are rounded down."""
    changes = zip(position.shares, market.shares, fill.outstanding, strict=True)
    shares = tuple(held + after - before for held, before, after in changes)
    # What was sold, or sold back, takes its share of the cost along; what was bought and kept brings its own.
    cost = [
        paid if left >= held else paid * left // held
        for paid, held, left in zip(position.cost, position.shares, shares, strict=True)
    ]
    bought = fill.paid + fill.redeemed  # the whole charge of a purchase; a sale brings no cost
    if bought > 0:
        cost[which] += bought * (fill.shares - fill.redeemed) // fill.shares
    paid = position.paid + fill.paid
    at_risk = max(0, sum(cost) - min(shares))
    return position._replace(shares=shares, cost=tuple(cost), paid=paid, at_risk=at_risk)


def _buy(market: Market, position: Position, order: Order, which: int) -> Fill:
    curve = (market.shares, market.liquidity, market.offsets)
    if (order.shares is None) == (order.spend is None):
        raise OrderSizeInvalid()
    if order.shares is not None:
        shares = check_amount(order.shares, field="shares")
    else:
        spend = check_amount(order.spend or 0, field="spend")
        shares = lmsr.shares_bought(*curve, which, spend)
        if shares == 0:
            raise OrderTooSmall(given=format_amount(spend))
    check_amount(market.shares[which] + shares, field="shares outstanding after the order")
    gross = lmsr.charge(*curve, which, shares)
    redeemed = min(shares, *(held for other, held in enumerate(position.shares) if other != which))
    outstanding = tuple(
        held + shares - redeemed if other == which else held - redeemed for other, held in enumerate(market.shares)
    )
    prices = lmsr.prices_of(outstanding, market.liquidity, market.offsets)
    return Fill(shares, redeemed, gross, gross - redeemed, outstanding, prices)


def _sell(market: Market, position: Position, order: Order, which: int) -> Fill:
    if order.shares is None or order.spend is not None:
        raise OrderSizeInvalid()
    shares = check_amount(order.shares, field="shares")
    if shares > position.shares[which]:
        raise InsufficientShares(
            owner=position.owner,
            market=market.market,
            outcome=order.outcome,
            held=format_amount(position.shares[which]),
            needed=format_amount(shares),
        )
    gross = lmsr.payout(market.shares, market.liquidity, market.offsets, which, shares)
    outstanding = tuple(held - shares if other == which else held for other, held in enumerate(market.shares))
    prices = lmsr.prices_of(outstanding, market.liquidity, market.offsets)
    return Fill(shares, 0, gross, -gross, outstanding, prices)


def _check_limit(order: Order, fill: Fill) -> None:
    if order.limit_price is None:
        return
    average, bound = fill.gross * lmsr.PRICE_ONE, order.limit_price * fill.shares
    if average > bound if order.side == "buy" else average < bound:
        raise PriceMoved(price=f"{fill.gross / fill.shares:.9g}", limit=f"{order.limit_price / lmsr.PRICE_ONE:.9g}")
