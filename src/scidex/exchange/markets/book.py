"""Resting orders and the maker together: the way of an order through both, best price first, then time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from scidex.exchange.markets import lmsr
from scidex.exchange.markets.maker import shares_to_price
from scidex.exchange.markets.model import Market, RestingOrder


class Offer(NamedTuple):
    """A resting order as the trader who meets it sees it: so many share parts at a price (10^-12) of that trader's
    outcome. `paired`: the order is for the other of two outcomes, so the two make, or give back, complete sets."""

    price: int
    order: RestingOrder
    paired: bool


class Stretch(NamedTuple):
    """A stretch of the way: shares for token parts, from the maker or from a resting order."""

    shares: int
    tokens: int
    offer: Offer | None


class Path(NamedTuple):
    """The way of an order: its stretches, and the shares outstanding after them."""

    stretches: tuple[Stretch, ...]
    outstanding: tuple[int, ...]

    @property
    def shares(self) -> int:
        """Share parts of all stretches."""
        return sum(stretch.shares for stretch in self.stretches)

    @property
    def tokens(self) -> int:
        """Token parts of all stretches."""
        return sum(stretch.tokens for stretch in self.stretches)


def offers_to(market: Market, orders: Iterable[RestingOrder], which: int, side: str, now: datetime) -> list[Offer]:
    """The open orders that somebody who buys (or sells) an outcome can meet, best price first, then the oldest.

    Of two outcomes a purchase of the one at 0.4 is as good as a sale of the other at 0.6.
    """
    outcome, paired = market.outcomes[which], len(market.outcomes) == 2
    found = []
    for order in orders:
        if order.state != "open" or (order.expires_at is not None and order.expires_at <= now):
            continue
        if order.outcome == outcome and order.side != side:
            found.append(Offer(order.limit_price, order, False))
        elif paired and order.outcome != outcome and order.side == side:
            found.append(Offer(lmsr.PRICE_ONE - order.limit_price, order, True))
    sign = 1 if side == "buy" else -1
    return sorted(found, key=lambda offer: (sign * offer.price, age_of(offer.order)))


def age_of(order: RestingOrder) -> int:
    """The journal number that an order was placed under: the smaller, the older."""
    return int(order.order[1:])


def buy_path(
    market: Market,
    offers: Sequence[Offer],
    which: int,
    *,
    shares: int | None = None,
    spend: int | None = None,
    limit: int | None = None,
) -> Path:
    """The cheapest way to buy up to `shares`, or for up to `spend`, no share above `limit` (10^-12).

    Between two offers the maker sells until its price is the next offer's. The whole never costs more than the maker
    alone would ask: where roundings would make it so, the maker alone it is.
    """
    b, offsets = market.liquidity, market.offsets
    held, stretches = list(market.shares), []
    left, purse = shares, spend
    for offer in (*offers, None):
        if offer is not None and limit is not None and offer.price > limit:
            offer = None
        step, tokens = _from_maker(held, b, offsets, which, left, purse, offer.price if offer else limit)
        if step:
            stretches.append(Stretch(step, tokens, None))
            held[which] += step
            left, purse = _less(left, step), _less(purse, tokens)
        if offer is None or left == 0 or purse == 0:
            break
        step = offer.order.shares if left is None else min(left, offer.order.shares)
        if purse is not None:
            step = min(step, purse * lmsr.PRICE_ONE // offer.price)
        if not step:
            break
        tokens = -(-offer.price * step // lmsr.PRICE_ONE)
        stretches.append(Stretch(step, tokens, offer))
        if offer.paired:
            held = [each + step for each in held]
        left, purse = _less(left, step), _less(purse, tokens)
    path = Path(tuple(stretches), tuple(held))
    total = path.shares
    if total and spend is None and path.tokens > (alone := lmsr.charge(market.shares, b, offsets, which, total)):
        return _maker_alone(market, which, total, alone)
    if spend is not None and limit is None:
        bought = lmsr.shares_bought(market.shares, b, offsets, which, spend)
        if bought > total and shares is None:
            return _maker_alone(market, which, bought, spend)
    return path


def _from_maker(
    held: Sequence[int],
    b: int,
    offsets: Sequence[int],
    which: int,
    left: int | None,
    purse: int | None,
    ceiling: int | None,
) -> tuple[int, int]:
    """Share parts to buy from the maker until its price is at the ceiling, and what they cost."""
    most = None if ceiling is None else max(0, shares_to_price(held, b, offsets, which, ceiling))
    step = left if most is None or (left is not None and left < most) else most
    if purse is not None:
        bought = lmsr.shares_bought(held, b, offsets, which, purse)
        if step is None or bought <= step:
            return bought, purse
    assert step is not None, "neither a size, a spend nor a limit"
    return step, lmsr.charge(held, b, offsets, which, step)


def sell_path(market: Market, offers: Sequence[Offer], which: int, *, shares: int, limit: int | None = None) -> Path:
    """The dearest way to sell up to `shares`, no share below `limit` (10^-12); never for less than the maker pays."""
    b, offsets = market.liquidity, market.offsets
    held, stretches, left = list(market.shares), [], shares
    for offer in (*offers, None):
        if offer is not None and limit is not None and offer.price < limit:
            offer = None
        floor = offer.price if offer else limit
        step = left if floor is None else min(left, max(0, -shares_to_price(held, b, offsets, which, floor)))
        if step:
            stretches.append(Stretch(step, lmsr.payout(held, b, offsets, which, step), None))
            held[which] -= step
            left -= step
        if offer is None or not left:
            break
        step = min(left, offer.order.shares)
        stretches.append(Stretch(step, offer.price * step // lmsr.PRICE_ONE, offer))
        if offer.paired:
            held = [each - step for each in held]
        left -= step
    path = Path(tuple(stretches), tuple(held))
    total = path.shares
    if total and path.tokens < (alone := lmsr.payout(market.shares, b, offsets, which, total)):
        return _maker_alone(market, which, -total, alone)
    return path


def _maker_alone(market: Market, which: int, pushed: int, tokens: int) -> Path:
    held = list(market.shares)
    held[which] += pushed
    return Path((Stretch(abs(pushed), tokens, None),), tuple(held))


def _less(left: int | None, taken: int) -> int | None:
    return None if left is None else left - taken
