"""What an order does to a market and to its trader's position: pure, on whole numbers; the curve itself is `lmsr`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from scidex.core.units import brief, check_amount, format_amount
from scidex.exchange.markets import lmsr
from scidex.exchange.markets.book import Offer, Path, Stretch, buy_path, sell_path
from scidex.exchange.markets.model import (
    Market,
    Order,
    Position,
)
from scidex.exchange.markets.refusals import (
    InsufficientShares,
    LimitPriceInvalid,
    OrderSizeInvalid,
    PriceMoved,
    PriceReached,
    SideInvalid,
    UnknownOutcome,
)


class Fill(NamedTuple):
    """What an order would do now: whole parts of the outcome `which`, counted from 0, and the prices after it.

    `gross` is what the shares alone cost or bring; `paid` is the net that leaves the wallet, after `redeemed` complete
    sets are sold back at one token each. `stretches` are the way through the book, if there was one to meet.
    """

    which: int
    shares: int
    redeemed: int
    gross: int
    paid: int
    outstanding: tuple[int, ...]
    prices: tuple[int, ...]
    stretches: tuple[Stretch, ...] = ()


def fill_of(
    market: Market, position: Position, order: Order, offers: Sequence[Offer] = (), bound: Sequence[int] = ()
) -> Fill:
    """What an order would do in this market to this position, of which `bound` share parts are promised to the book.

    A purchase of D shares of one outcome by somebody who holds x <= D of every other first sells those back. That
    moves the price exactly as buying outright, and x shares of every outcome are worth x tokens, so the net price is
    charge(D) - x with a single rounding. A spend says how large the push is: the shares that it buys outright.
    Refuses: UnknownOutcome, SideInvalid, OrderSizeInvalid, AmountNotPositive, AmountTooLarge,
    LimitPriceInvalid, PriceMoved, PriceReached, InsufficientShares.
    """
    side, limit = order.side, order.limit_price
    which = outcome_of(market, order.outcome)
    if limit is not None and not 0 <= limit <= lmsr.PRICE_ONE:
        raise LimitPriceInvalid(given=f"{brief(limit)} of 10^-12")
    if side == "buy":
        fill = _buy(market, position, order, which, offers, bound)
    elif side == "sell":
        fill = _sell(market, position, order, which, offers, bound)
    else:
        raise SideInvalid(side=side)
    if limit is not None:
        _check_limit(side, limit, fill)
    return fill


def outcome_of(market: Market, outcome: str) -> int:
    """Where an outcome stands among those of its market. Refuses: UnknownOutcome."""
    try:
        return market.outcomes.index(outcome)
    except ValueError:
        known = ", ".join(market.outcomes)[:200]
        raise UnknownOutcome(market=market.market, outcome=outcome, known=known) from None


def fill_along(
    market: Market, position: Position, which: int, side: str, path: Path, bound: Sequence[int] = ()
) -> Fill:
    """What a way through the book does, with whatever complete sets the trader then has sold back."""
    shares, gross = path.shares, path.tokens
    if side == "sell":
        prices = lmsr.prices_of(path.outstanding, market.liquidity, market.offsets)
        return Fill(which, shares, 0, gross, -gross, path.outstanding, prices, path.stretches)
    redeemed = min(shares, *_others_free(position, which, bound))
    outstanding = tuple([held - redeemed for held in path.outstanding]) if redeemed else path.outstanding
    prices = lmsr.prices_of(outstanding, market.liquidity, market.offsets)
    return Fill(which, shares, redeemed, gross, gross - redeemed, outstanding, prices, path.stretches)


def _others_free(position: Position, which: int, bound: Sequence[int]) -> list[int]:
    others = list(position.shares)
    if bound:
        others = [held - kept for held, kept in zip(others, bound, strict=True)]
    del others[which]
    return others


def empty_position(market: Market, owner: str) -> Position:
    """The position of somebody who never traded."""
    none = (0,) * len(market.outcomes)
    return Position(market.market, owner, none, none, 0, 0, None)


def position_after(position: Position, fill: Fill, side: str) -> Position:
    """The trader's position once the order is filled."""
    pushed = fill.shares if side == "buy" else -fill.shares
    return position_moved(position, fill.which, pushed, fill.redeemed, fill.gross, fill.paid)


def position_moved(position: Position, which: int, pushed: int, redeemed: int, gross: int, paid: int) -> Position:
    """A position after `pushed` share parts of one outcome came, or below zero went, and `redeemed` sets were sold
    back; those shares alone cost `gross` token parts, and `paid` is what left the wallet. Costs are rounded down."""
    shares = _moved(position.shares, which, pushed, redeemed)
    cost = list(position.cost)
    if pushed > 0 and not redeemed:
        cost[which] += gross
    else:
        # What was sold, or sold back, takes its share of the cost along; what was bought and kept brings its own.
        for outcome, (held, left) in enumerate(zip(position.shares, shares, strict=True)):
            if left < held:
                cost[outcome] = cost[outcome] * left // held
        if pushed > 0:
            cost[which] += gross * (pushed - redeemed) // pushed
    at_risk = max(0, sum(cost) - min(shares))
    name, owner, _, _, before, _, payout = position
    return Position(name, owner, shares, tuple(cost), before + paid, at_risk, payout)


def _moved(held: tuple[int, ...], which: int, pushed: int, redeemed: int) -> tuple[int, ...]:
    """Shares per outcome after `pushed` more of one, of which `redeemed` complete sets are sold back."""
    after = [parts - redeemed for parts in held] if redeemed else list(held)
    after[which] += pushed
    return tuple(after)


def _buy(
    market: Market, position: Position, order: Order, which: int, offers: Sequence[Offer], bound: Sequence[int]
) -> Fill:
    held, liquidity, offsets = market.shares, market.liquidity, market.offsets
    _check_size(order)
    if offers or order.to_price is not None:
        path = buy_path(market, offers, which, shares=order.shares, spend=order.spend, limit=order.to_price)
        _check_moved(market, order, which, path)
        _check_outstanding(path.outstanding[which])
        return fill_along(market, position, which, "buy", path, bound)
    if order.shares is None:
        # The charge of what a spend buys is the spend (see `shares_bought`).
        gross = order.spend or 0
        shares = lmsr.shares_bought(held, liquidity, offsets, which, gross)
        _check_outstanding(held[which] + shares)
    else:
        shares = order.shares
        _check_outstanding(held[which] + shares)
        gross = lmsr.charge(held, liquidity, offsets, which, shares)
    redeemed = min(shares, *_others_free(position, which, bound))
    outstanding = _moved(held, which, shares, redeemed)
    prices = lmsr.prices_of(outstanding, liquidity, offsets)
    return Fill(which, shares, redeemed, gross, gross - redeemed, outstanding, prices)


def _check_size(order: Order) -> None:
    if order.to_price is not None:
        if order.shares is not None:
            raise OrderSizeInvalid()
        if not 0 < order.to_price < lmsr.PRICE_ONE:
            raise LimitPriceInvalid(given=f"{brief(order.to_price)} of 10^-12")
    elif (order.shares is None) == (order.spend is None):
        raise OrderSizeInvalid()
    if order.shares is not None:
        check_amount(order.shares, field="shares")
    elif order.spend is not None:
        check_amount(order.spend, field="spend")


def _check_outstanding(shares: int) -> None:
    check_amount(shares, field="shares outstanding after the order")


def _check_moved(market: Market, order: Order, which: int, path: Path) -> None:
    """Pass if the way leads anywhere: it does not where the price is already there."""
    if not path.stretches:
        raise PriceReached(
            outcome=order.outcome,
            market=market.market,
            price=f"{market.prices[which] / lmsr.PRICE_ONE:.9g}",
            target=f"{(order.to_price or 0) / lmsr.PRICE_ONE:.9g}",
        )


def _sell(
    market: Market, position: Position, order: Order, which: int, offers: Sequence[Offer], bound: Sequence[int]
) -> Fill:
    if order.spend is not None or (order.shares is None and order.to_price is None):
        raise OrderSizeInvalid()
    _check_size(order)
    free = position.shares[which] - (bound[which] if bound else 0)
    shares = free if order.shares is None else order.shares
    if shares > free or not free:
        raise _too_few(market, position, order.outcome, free, shares)
    if offers or order.to_price is not None:
        path = sell_path(market, offers, which, shares=shares, limit=order.to_price)
        _check_moved(market, order, which, path)
        return fill_along(market, position, which, "sell", path)
    gross = lmsr.payout(market.shares, market.liquidity, market.offsets, which, shares)
    outstanding = _moved(market.shares, which, -shares, 0)
    prices = lmsr.prices_of(outstanding, market.liquidity, market.offsets)
    return Fill(which, shares, 0, gross, -gross, outstanding, prices)


def require_free(market: Market, position: Position, which: int, shares: int, bound: Sequence[int]) -> None:
    """Pass if so many share parts are held and not promised to the book. Refuses: InsufficientShares."""
    free = position.shares[which] - (bound[which] if bound else 0)
    if shares > free:
        raise _too_few(market, position, market.outcomes[which], free, shares)


def _too_few(market: Market, position: Position, outcome: str, free: int, needed: int) -> InsufficientShares:
    return InsufficientShares(
        owner=position.owner,
        market=market.market,
        outcome=outcome,
        held=format_amount(free),
        needed=format_amount(needed),
    )


def _check_limit(side: str, limit: int, fill: Fill) -> None:
    average, most = fill.gross * lmsr.PRICE_ONE, limit * fill.shares
    if average > most if side == "buy" else average < most:
        raise PriceMoved(price=f"{fill.gross / fill.shares:.9g}", limit=f"{limit / lmsr.PRICE_ONE:.9g}")
