"""How prices and positions become what decisions read: pure, on whole numbers.

price     the mean over the window of what follows the market's price at a bounded speed
demand    what the maker was paid for the net shares that owners held on the mean over the window, and hold now,
          counted at the lagged prices, and what resting orders would add to an owner's worst loss; complete sets
          are no risk, and the proposer's own side is left out
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Context, Decimal
from fractions import Fraction

from scidex.core.clock import microseconds
from scidex.exchange.markets import lmsr
from scidex.exchange.signals.model import Attack, Holding, Lagged, Resting, Stake, Step, Traded
from scidex.policy import Policy

_HOUR = 3_600_000_000
_DIGITS = Context(prec=50)


def lead_s(policy: Policy) -> int:
    """Seconds in which what follows the price crosses from 0 to 1: so long before its window it starts to follow."""
    return math.ceil(3600 / Fraction(policy.signal_price_step))


def lagged(steps: Sequence[Step], since: datetime, until: datetime, policy: Policy) -> Lagged:
    """The mean from `since` to `until` of prices that follow those of the market at a bounded speed.

    What follows starts at the first step and moves towards the standing prices, by at most `signal_price_step` an
    hour in the price that is furthest; a price that stood for no time does not move it. Rounded down to 10^-12, the
    first outcome takes what is missing to one.
    """
    at, seen = steps[0]
    start, end = max(microseconds(since), at), microseconds(until)
    areas = [0] * len(seen)
    for begins, ends, prices in _intervals(steps, start, end):
        after, area = _followed(seen, prices, ends - begins, policy)
        if begins >= start:
            areas = [found + more for found, more in zip(areas, area, strict=True)]
        at, seen = ends, after
    if at <= start or end <= start:
        return Lagged(seen, since, until)
    means = [found // (2 * (end - start)) for found in areas]
    means[0] += lmsr.PRICE_ONE - sum(means)
    return Lagged(tuple(means), since, until)


def _intervals(steps: Sequence[Step], start: int, end: int) -> Iterable[tuple[int, int, tuple[int, ...]]]:
    """When which prices stood, cut where the window begins; transactions may be stamped out of order by a moment."""
    cut = [*steps[1:], Step(end, ())]
    begins = steps[0].at
    for step, following in zip(steps, cut, strict=True):
        ends = min(max(begins, following.at), max(end, begins))
        if begins < start < ends:
            yield begins, start, step.prices
            begins = start
        if begins < ends:
            yield begins, ends, step.prices
        begins = ends


def _followed(
    seen: tuple[int, ...], prices: tuple[int, ...], lasted: int, policy: Policy
) -> tuple[tuple[int, ...], list[int]]:
    """Where what follows stands after `lasted` microseconds, and twice the area under its way there."""
    gap = max(abs(price - found) for price, found in zip(prices, seen, strict=True))
    needed = math.ceil(gap * _HOUR / (Fraction(policy.signal_price_step) * lmsr.PRICE_ONE))
    moving = min(needed, lasted)
    if moving == needed:
        after = prices
    else:
        moved = [found + (price - found) * moving // needed for price, found in zip(prices, seen, strict=True)]
        moved[0] += lmsr.PRICE_ONE - sum(moved)
        after = tuple(moved)
    area = [
        (found + left) * moving + 2 * price * (lasted - moving)
        for found, left, price in zip(seen, after, prices, strict=True)
    ]
    return after, area


def price_window(first: datetime | None, until: datetime, policy: Policy) -> tuple[datetime, str | None]:
    """Since when the mean of the prices is taken, and why it says too little to decide by, if it does.

    The prices before the first trade are those of whoever opened the market, so they do not count.
    """
    earliest = until - timedelta(seconds=policy.signal_window_s)
    if first is None:
        return until, "nobody has traded yet"
    if (until - first).total_seconds() < policy.signal_history_s:
        return min(first, until), f"its first trade was less than {policy.signal_history_s} s before the end"
    return max(first, earliest), None


def mean_shares(now: tuple[int, ...], traded: Traded | None, window_s: int) -> tuple[int, ...]:
    """Share parts held on the mean over the window: what is held now, less each trade for as long as it was to come.

    Rounded down; nobody holds less than nothing.

    >>> mean_shares((10, 0), Traded((10 * 30_000_000, 0), 0), window_s=40)
    (2, 0)
    """
    if traded is None:
        return now
    window = window_s * 1_000_000
    return tuple(
        max(0, (held * window - gained + traded.redeemed) // window)
        for held, gained in zip(now, traded.gained, strict=True)
    )


def stakes_of(holdings: Iterable[Holding], prices: Sequence[int]) -> tuple[Stake, ...]:
    """What each owner has at risk, the largest first.

    All accounts of an owner are one: of its net shares, those that it held on the mean and holds now count. A share of
    every outcome is worth one token whatever happens, so complete sets count nothing; nor does what came and went.
    The risk is what the shares that count have cost, at most what they are worth at these prices; rounded down.
    """
    by_owner: dict[str, tuple[tuple[int, ...], tuple[int, ...], int]] = {}
    none = (0,) * len(prices)
    for holding in holdings:
        now, mean, cost = by_owner.get(holding.owner, (none, none, 0))
        by_owner[holding.owner] = (_sum(now, holding.now), _sum(mean, holding.mean), cost + holding.cost)
    found = []
    for owner, (now, mean, cost) in by_owner.items():
        held = _net(now)
        shares = tuple(map(min, held, _net(mean)))
        if any(shares):
            worth = sum(parts * price for parts, price in zip(shares, prices, strict=True)) // lmsr.PRICE_ONE
            loss = max(0, cost - min(now)) * sum(shares) // sum(held)
            found.append(Stake(owner, shares, min(worth, loss)))
    return tuple(sorted(found, key=lambda stake: (-stake.risk, stake.owner)))


def _sum(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(one + other for one, other in zip(first, second, strict=True))


def _net(shares: tuple[int, ...]) -> tuple[int, ...]:
    """Without complete sets."""
    least = min(shares)
    return tuple(held - least for held in shares)


def resting_risk(orders: Iterable[Resting], holdings: Iterable[Holding]) -> int:
    """What resting purchases add to the worst losses of their owners if all of them are filled, in token parts.

    All accounts of an owner are one: `escrow - (min(held + resting) - min(held))`, now or on the mean over the window,
    whichever is less. So an order against an own position, or orders for every outcome, add only what they pay above
    one token a set, and what was placed just now, or is there no more, adds nothing.
    """
    resting: dict[str, Resting] = {}
    for order in orders:
        before = resting.get(order.owner)
        if before is not None:
            order = order._replace(
                now=_sum(before.now, order.now),
                mean=_sum(before.mean, order.mean),
                escrow=before.escrow + order.escrow,
                mean_escrow=before.mean_escrow + order.mean_escrow,
            )
        resting[order.owner] = order
    held: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}
    for holding in holdings:
        now, mean = held.get(holding.owner, ((0,) * len(holding.now),) * 2)
        held[holding.owner] = (_sum(now, holding.now), _sum(mean, holding.mean))
    total = 0
    for owner, order in resting.items():
        now, mean = held.get(owner, ((0,) * len(order.now),) * 2)
        total += min(_added(now, order.now, order.escrow), _added(mean, order.mean, order.mean_escrow))
    return total


def _added(held: tuple[int, ...], resting: tuple[int, ...], escrow: int) -> int:
    return max(0, escrow - (min(_sum(held, resting)) - min(held)))


def paid_for(shares: Sequence[int], prices: Sequence[int], liquidity: int) -> int:
    """Token parts that the maker was paid for these shares if they moved the prices to where they are; rounded up.

    So a thousand owners do not count for more than they paid together, which shares times price would.

    >>> paid_for((0, 0), (500_000_000_000, 500_000_000_000), 100_000_000)
    0
    """
    # A price that is rounded to nothing has no logarithm: it gets the least part, the largest price gives it.
    safe = [max(1, price) for price in prices]
    safe[safe.index(max(safe))] -= sum(safe) - lmsr.PRICE_ONE
    offsets = lmsr.offsets_for(safe)
    most = max(shares)
    held = [most - parts for parts in shares]
    paid = 0
    for outcome, parts in enumerate(shares):
        paid += lmsr.charge(held, liquidity, offsets, outcome, parts)
        held[outcome] += parts
    return paid


def committed(stakes: Sequence[Stake], prices: Sequence[int], liquidity: int) -> int:
    """Capital that counts, in token parts: all risks, at most what the maker was paid for all stakes together."""
    total = (0,) * len(prices)
    for stake in stakes:
        total = _sum(total, stake.shares)
    return min(paid_for(total, prices, liquidity), sum(stake.risk for stake in stakes))


def effective_traders(stakes: Sequence[Stake]) -> Fraction:
    """How many equal, independent traders have as spread a risk: the inverse Herfindahl index over owners; 0 if none.

    >>> effective_traders([Stake("a", (1, 0), 3), Stake("b", (1, 0), 3)])
    Fraction(2, 1)
    >>> effective_traders([Stake("a", (1, 0), 10**9), Stake("b", (1, 0), 1)]) < Fraction(1000001, 1000000)
    True
    """
    total = sum(stake.risk for stake in stakes)
    return Fraction(total * total, sum(stake.risk**2 for stake in stakes)) if total else Fraction(0)


def attack_on(*, price: int, worth: int, liquidity: int) -> Attack:
    """What somebody who knows how a question ends loses by holding its price here, against what that wins.

    With the truth at 0 the price p costs b ln(1 / (1 - p)), at 1 it costs b ln(1 / p): the cheaper counts, rounded
    down. The prize is the claim's rise from the price of a settled question, worth * (1/2 - |p - 1/2|), rounded up.
    Whatever the truth q, a pump costs b KL(q, p) >= 2 b (p - q)^2 and wins at most worth * |p - q|: at most
    worth^2 / (8 b) more than it costs. Amounts are token parts, the price is in 10^-12.

    >>> attack_on(price=500_000_000_000, worth=1_000_000, liquidity=1_000_000)
    Attack(cost=693147, prize=500000, worth=1000000, bound=125000)
    >>> attack_on(price=0, worth=1_000_000, liquidity=1_000_000)[:2]
    (0, 0)
    """
    nearer = max(price, lmsr.PRICE_ONE - price)
    logarithm = _DIGITS.ln(_DIGITS.divide(Decimal(lmsr.PRICE_ONE), Decimal(nearer)))
    cost = math.floor(_DIGITS.multiply(Decimal(liquidity), logarithm))
    prize = -(-worth * (lmsr.PRICE_ONE - nearer) // lmsr.PRICE_ONE)
    return Attack(cost, prize, worth, worth * worth // (8 * liquidity))


def holds(attack: Attack, policy: Policy) -> bool:
    """Whether a price may decide: holding it costs at least what it wins, as many times over as the policy says."""
    return attack.cost >= Fraction(policy.signal_attack_cover) * attack.prize
