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
    Position,
    PriceMoved,
    SideInvalid,
    UnknownOutcome,
)


class Fill(NamedTuple):
    """What an order would do now: whole parts of the outcome `which`, counted from 0, and the prices after it.

    `gross` is what the shares alone cost or bring; `paid` is the net that leaves the wallet, after `redeemed` complete
    sets are sold back at one token each.
    """

    which: int
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
    Refuses: UnknownOutcome, SideInvalid, OrderSizeInvalid, AmountNotPositive, AmountTooLarge,
    LimitPriceInvalid, PriceMoved, InsufficientShares.
    """
    side, limit = order.side, order.limit_price
    try:
        which = market.outcomes.index(order.outcome)
    except ValueError:
        known = ", ".join(market.outcomes)[:200]
        raise UnknownOutcome(market=market.market, outcome=order.outcome, known=known) from None
    if side not in ("buy", "sell"):
        raise SideInvalid(side=side)
    if limit is not None and not 0 <= limit <= lmsr.PRICE_ONE:
        raise LimitPriceInvalid(given=f"{brief(limit)} of 10^-12")
    fill = _buy(market, position, order, which) if side == "buy" else _sell(market, position, order, which)
    if limit is not None:
        _check_limit(side, limit, fill)
    return fill


def empty_position(market: Market, owner: str) -> Position:
    """The position of somebody who never traded."""
    none = (0,) * len(market.outcomes)
    return Position(market.market, owner, none, none, 0, 0, None)


def position_after(market: Market, position: Position, fill: Fill) -> Position:
    """The trader's position once the order is filled; costs are rounded down."""
    which, _, redeemed = fill[:3]
    pushed = fill.outstanding[which] - market.shares[which] + redeemed
    shares = _moved(position.shares, which, pushed, redeemed)
    cost = list(position.cost)
    if pushed > 0 and not redeemed:
        cost[which] += fill.gross
    else:
        # What was sold, or sold back, takes its share of the cost along; what was bought and kept brings its own.
        for outcome, (held, left) in enumerate(zip(position.shares, shares, strict=True)):
            if left < held:
                cost[outcome] = cost[outcome] * left // held
        if pushed > 0:
            cost[which] += fill.gross * (pushed - redeemed) // pushed
    at_risk = max(0, sum(cost) - min(shares))
    name, owner, _, _, paid, _, payout = position
    return Position(name, owner, shares, tuple(cost), paid + fill.paid, at_risk, payout)


def _moved(held: tuple[int, ...], which: int, pushed: int, redeemed: int) -> tuple[int, ...]:
    """Shares per outcome after `pushed` more of one, of which `redeemed` complete sets are sold back."""
    after = [parts - redeemed for parts in held] if redeemed else list(held)
    after[which] += pushed
    return tuple(after)


def _buy(market: Market, position: Position, order: Order, which: int) -> Fill:
    held, liquidity, offsets = market.shares, market.liquidity, market.offsets
    if (order.shares is None) == (order.spend is None):
        raise OrderSizeInvalid()
    if order.shares is None:
        # The charge of what a spend buys is the spend (see `shares_bought`).
        gross = check_amount(order.spend or 0, field="spend")
        shares = lmsr.shares_bought(held, liquidity, offsets, which, gross)
        check_amount(held[which] + shares, field="shares outstanding after the order")
    else:
        shares = check_amount(order.shares, field="shares")
        check_amount(held[which] + shares, field="shares outstanding after the order")
        gross = lmsr.charge(held, liquidity, offsets, which, shares)
    others = list(position.shares)
    del others[which]
    redeemed = min(shares, *others)
    outstanding = _moved(held, which, shares, redeemed)
    prices = lmsr.prices_of(outstanding, liquidity, offsets)
    return Fill(which, shares, redeemed, gross, gross - redeemed, outstanding, prices)


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
    outstanding = _moved(market.shares, which, -shares, 0)
    prices = lmsr.prices_of(outstanding, market.liquidity, market.offsets)
    return Fill(which, shares, 0, gross, -gross, outstanding, prices)


def _check_limit(side: str, limit: int, fill: Fill) -> None:
    average, bound = fill.gross * lmsr.PRICE_ONE, limit * fill.shares
    if average > bound if side == "buy" else average < bound:
        raise PriceMoved(price=f"{fill.gross / fill.shares:.9g}", limit=f"{limit / lmsr.PRICE_ONE:.9g}")
