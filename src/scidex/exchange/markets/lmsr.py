"""The logarithmic market scoring rule: what a trade costs, in floats to reason, in whole parts to charge.

Source: R. Hanson, "Combinatorial information market design", 2003. With b the liquidity and z_i the logit of
outcome i, which is q_i / b plus the offset that the market started from, the cost function is
`C = b ln(sum exp(z_i))` and the price `exp(z_i) / sum exp(z_j)`. Write L for `ln((1 - p_i) / p_i)`, the log
odds against the outcome, and softplus(x) for `ln(1 + exp(x))`. Then every amount is made of one softplus that
neither overflows nor cancels, however far apart the prices are:

    cost of y b shares          b softplus(ln(exp(y) - 1) - softplus(L))
    proceeds of y b shares      the cost of buying them back, where L has become L + y
    shares for a spend of u b   u b + b softplus(L + ln(1 - exp(-u)))

The whole-number functions put an error bound around that double. Where more than one answer lies within it,
`sign_of_sum` decides between them exactly: every platform charges the same, though libm's last bit differs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from scidex.exchange.markets.exact import context_of, last, sign_of_sum

PRICE_ONE = 10**12
"""A price of one, in the parts of a price."""

OFFSET_ONE = 10**15
"""One nat, in the parts of an offset."""

_STEP = 2.0**-49
"""Error allowed per unit of magnitude: sixteen half-ulps, more than all operations with a libm off by two ulps make."""

_HALF_ULP = 2.0**-53
"""The error of one operation, per unit of magnitude: for prices, where a bound that is ten times wider would show."""


def prices(q: Sequence[float], b: float) -> list[float]:
    """Each outcome's share of sum exp(q_i / b); they sum to 1 up to rounding.

    >>> prices([0, 0], 100), prices([1e6, 0], 1)
    ([0.5, 0.5], [1.0, 0.0])
    """
    _check(q, b)
    top = max(q)
    weights = [math.exp((held - top) / b) for held in q]
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def cost_to_buy(q: Sequence[float], b: float, outcome: int, shares: float) -> float:
    """Tokens for `shares` of one outcome: `b ln(1 + p_i (exp(shares / b) - 1))`, below `shares`.

    From (0, 2) to (4, 2) exchanges the prices and lifts everything by two:

    >>> round(cost_to_buy([0, 2], 1, 0, 4), 12), cost_to_buy([0, 1e6], 1, 0, 800)
    (2.0, 0.0)
    """
    _check(q, b, outcome, "shares", shares)
    return _times_softplus(b, _log_growth(shares / b, _log_odds_against(q, outcome, b)))


def shares_for(q: Sequence[float], b: float, outcome: int, spend: float) -> float:
    """Shares of one outcome that `spend` tokens buy: `b ln(1 + (exp(spend / b) - 1) / p_i)`, above `spend`.

    >>> round(shares_for([0, 2], 1, 0, 2), 12), shares_for([0, 1e6], 1, 0, 800)
    (4.0, 1000800.0)
    """
    _check(q, b, outcome, "spend", spend)
    return spend + _times_softplus(b, _log_odds_against(q, outcome, b) + _log_complement(spend / b))


def proceeds_of_selling(q: Sequence[float], b: float, outcome: int, shares: float) -> float:
    """Tokens paid for `shares` of one outcome: `-b ln(1 + p_i (exp(-shares / b) - 1))`, below `shares`.

    >>> round(proceeds_of_selling([4, 2], 1, 0, 4), 12), proceeds_of_selling([1e6, 0], 1, 0, 800)
    (2.0, 800.0)
    """
    _check(q, b, outcome, "shares", shares)
    scaled = shares / b
    return _times_softplus(b, _log_growth(scaled, _log_odds_against(q, outcome, b) + scaled))


def required_subsidy(b: float, prices: Sequence[float]) -> float:
    """Tokens the maker can lose from these starting prices, whatever is traded: `b max_i ln(1 / p_i)`.

    >>> required_subsidy(1, [0.5, 0.5]) == math.log(2), round(required_subsidy(1, [1e-300, 1 - 1e-16]), 9)
    (True, 690.775527898)
    """
    _check(prices, b)
    if not all(0.0 < price < 1.0 for price in prices):
        raise ValueError(f"each price must lie strictly between 0 and 1, not {list(prices)}")
    return -b * math.log(min(prices))


def _check(q: Sequence[float], b: float, outcome: int = 0, name: str = "amount", amount: float = 0.0) -> None:
    if not (b > 0 and math.isfinite(b)):
        raise ValueError(f"b must be finite and above zero, not {b}")
    if len(q) < 2:
        raise ValueError(f"a market needs at least two outcomes, not {len(q)}")
    if not all(map(math.isfinite, q)):
        raise ValueError(f"each outcome needs a finite number, not {list(q)}")
    if not 0 <= outcome < len(q):
        raise ValueError(f"outcome must be from 0 to {len(q) - 1}, not {outcome}")
    if not (amount >= 0 and math.isfinite(amount / b)):
        raise ValueError(f"{name} must be finite and not below zero, also when divided by b, not {amount}")


def _log_odds_against(levels: Sequence[float], outcome: int, unit: float) -> float:
    """`ln((1 - p_i) / p_i)`, also where the price is 0 or 1 in doubles; `levels / unit` are the logits."""
    # The difference comes first: logits near 1e6 that differ by 1 would lose six digits if divided before.
    mine = levels[outcome]
    gaps = [(level - mine) / unit for level in levels]
    del gaps[outcome]
    top = max(gaps)
    if not math.isfinite(top):
        raise ValueError("the shares outstanding differ by more multiples of b than a double holds")
    return top + math.log(sum([math.exp(gap - top) for gap in gaps]))


def _log_complement(x: float) -> float:
    """`ln(1 - exp(-x))` of x >= 0."""
    return math.log(-math.expm1(-x)) if x else -math.inf


def _log_growth(scaled: float, against: float) -> float:
    """`ln(p_i (exp(scaled) - 1))`: by how much buying `scaled` b shares makes sum exp(z) grow."""
    return scaled + _log_complement(scaled) - _softplus(against)


def _softplus(x: float) -> float:
    return x + math.log1p(math.exp(-x)) if x > 0.0 else math.log1p(math.exp(x))


def _times_softplus(b: float, x: float) -> float:
    if x > -36.0:
        return b * _softplus(x)
    # Here softplus(x) is exp(x), in two halves: b exp(x) may be a normal double where exp(x) is not.
    half = math.exp(x / 2)
    return b * half * half


def offsets_for(prices: Sequence[int]) -> tuple[int, ...]:
    """The logits that a market of these prices starts from: ln p_i in 10^-15 nat, rounded to nearest.

    Prices are in 10^-12 and sum to one within a part per outcome. Where they are all within one part of each
    other they mean a uniform start: zeros.

    >>> offsets_for((333_333_333_333, 333_333_333_333, 333_333_333_334))
    (0, 0, 0)
    >>> offsets_for((1, PRICE_ONE - 1))
    (-27631021115928548, -1000)
    """
    if len(prices) < 2:
        raise ValueError(f"a market needs at least two outcomes, not {len(prices)}")
    if not all(0 < price < PRICE_ONE for price in prices):
        raise ValueError(f"each price must lie strictly between 0 and {PRICE_ONE}, not {list(prices)}")
    if abs(sum(prices) - PRICE_ONE) > len(prices):
        raise ValueError(f"prices must sum to {PRICE_ONE}, not {sum(prices)}")
    if max(prices) - min(prices) <= 1:
        return (0,) * len(prices)
    # The logarithm of a rational below 1 is irrational, so never halfway; thirty digits follow the point.
    context = context_of(50)
    logs = [context.subtract(context.ln(price), context.ln(PRICE_ONE)) for price in prices]
    return tuple(round(context.multiply(log, OFFSET_ONE)) for log in logs)


def subsidy(b: int, offsets: Sequence[int]) -> int:
    """Parts that cover the maker's worst loss from that start: `b max_i ln(1 / p_i)`, rounded up.

    >>> subsidy(100_000_000, (0, 0)), subsidy(1, offsets_for((1, PRICE_ONE - 1)))
    (69314719, 28)
    """
    none = (0,) * len(offsets)
    check_whole(none, b, offsets)
    levels, one = levels_of(none, b, offsets)
    least = min(levels)
    against = _gap(none, b, offsets, levels.index(least))
    low, high = _bracket(b, against, _STEP * (len(levels) + 4 + abs(against)))

    def is_below(tokens: int) -> bool:
        return sign_of_sum([*((1, level) for level in levels), (-1, least + tokens * one)], b * one) > 0

    return 1 + last(math.ceil(low) - 1, math.ceil(high) - 1, is_below)


def charge(q: Sequence[int], b: int, offsets: Sequence[int], outcome: int, shares: int) -> int:
    """Parts to pay for `shares` parts of one outcome: the exact cost, rounded up; above 0, at most `shares`.

    >>> charge((0, 2), 1, (0, 0), 0, 4), charge((0, 0), 100_000_000, (0, 0), 0, 1_000_000)
    (2, 501250)
    >>> charge((0, 2**53), 1, (0, 0), 0, 1), charge((2**53, 0), 1, (0, 0), 0, 2**53)
    (1, 9007199254740992)
    """
    check_whole(q, b, offsets, outcome, shares)
    if not shares:
        return 0
    low, high = _cost_bracket(q, b, offsets, outcome, shares)
    # The cost is strictly between 0 and shares: where the price is all but 0 or 1 that alone decides.
    below, most = max(math.ceil(low) - 1, 0), min(math.ceil(high), shares) - 1
    return 1 + last(below, most, lambda tokens: _cost_against(q, b, offsets, outcome, shares, tokens) > 0)


def payout(q: Sequence[int], b: int, offsets: Sequence[int], outcome: int, shares: int) -> int:
    """Parts paid for `shares` parts of one outcome: the exact proceeds, rounded down; below `shares`.

    >>> payout((4, 2), 1, (0, 0), 0, 4), payout((1_000_000, 0), 100_000_000, (0, 0), 0, 1_000_000)
    (2, 501249)
    >>> payout((2**53, 0), 1, (0, 0), 0, 2**52), payout((0, 2**53), 1, (0, 0), 0, 1)
    (4503599627370495, 0)
    """
    check_whole(q, b, offsets, outcome, shares)
    if not shares:
        return 0
    # A sale pays what buying the shares back would cost, from where it leaves the market.
    left = list(q)
    left[outcome] -= shares
    low, high = _cost_bracket(left, b, offsets, outcome, shares)
    least, most = math.floor(low), min(math.floor(high), shares - 1)
    return last(least, most, lambda tokens: _cost_against(left, b, offsets, outcome, shares, tokens) >= 0)


def shares_bought(q: Sequence[int], b: int, offsets: Sequence[int], outcome: int, spend: int) -> int:
    """The most parts of one outcome whose exact cost is at most `spend` parts; at least `spend`.

    Their charge is the spend itself. One part more costs more than the spend, and yet, as a price is below one, less
    than a part more than these do: so the exact cost of these is above `spend - 1`, and rounds up to `spend`.

    >>> shares_bought((0, 2), 1, (0, 0), 0, 2), shares_bought((0, 0), 100_000_000, (0, 0), 0, 501_250)
    (4, 1000000)
    >>> shares_bought((0, 10**15), 1, (0, 0), 0, 1), shares_bought((10**15, 0), 1, (0, 0), 0, 1)
    (1000000000000000, 1)
    """
    check_whole(q, b, offsets, outcome, spend)
    if not spend:
        return 0
    against = _gap(q, b, offsets, outcome)
    log_complement = _log_complement(spend / b)
    low, high = _bracket(b, against + log_complement, _STEP * (len(q) + 4 + abs(against) - log_complement))
    least, most = spend + math.floor(low), spend + math.floor(high)
    if least == most:
        return least
    return last(least, most, lambda shares: _cost_against(q, b, offsets, outcome, shares, spend) <= 0)


def prices_of(q: Sequence[int], b: int, offsets: Sequence[int]) -> tuple[int, ...]:
    """Prices in 10^-12, each rounded to nearest, but the largest (the first of equals) takes the rest to one.

    >>> prices_of((0, 0, 0), 1, (0, 0, 0)), prices_of((0, 2**53), 1, (0, 0))
    ((333333333334, 333333333333, 333333333333), (0, 1000000000000))
    """
    check_whole(q, b, offsets)
    if len(q) == 2:
        gap = _gap(q, b, offsets, 0)
        size = abs(gap)
        weight = math.exp(-size)
        price = PRICE_ONE * weight / (1.0 + weight)
        # What the gap and exp are off counts at most once: as the weight grows, so does what it is divided by.
        smaller = _nearest_price(q, b, offsets, 0 if gap > 0.0 else 1, price, 14 + size)
        return (smaller, PRICE_ONE - smaller) if gap > 0.0 else (PRICE_ONE - smaller, smaller)
    levels, one = levels_of(q, b, offsets)
    largest = levels.index(max(levels))
    gaps = [(levels[largest] - level) / (b * one) for level in levels]
    weights = [math.exp(-gap) for gap in gaps]
    scale = PRICE_ONE / sum(weights)
    rounded = [0] * len(levels)
    for outcome, gap in enumerate(gaps):
        if outcome != largest:
            rounded[outcome] = _nearest_price(q, b, offsets, outcome, weights[outcome] * scale, 20 + 2 * len(q) + gap)
    rounded[largest] = PRICE_ONE - sum(rounded)
    return tuple(rounded)


def _nearest_price(q: Sequence[int], b: int, offsets: Sequence[int], outcome: int, price: float, off: float) -> int:
    """The price of one outcome, which a double knows to within so many half-ulps, rounded to nearest."""
    error = price * off * _HALF_ULP
    low, high = math.floor(price - error + 0.5), math.floor(price + error + 0.5)
    if low == high:
        return low
    levels, one = levels_of(q, b, offsets)

    def is_reached(parts: int) -> bool:
        terms = [(2 * PRICE_ONE, levels[outcome])] + [(1 - 2 * parts, level) for level in levels]
        return sign_of_sum(terms, b * one) >= 0

    return last(low, high, is_reached)


def check_whole(q: Sequence[int], b: int, offsets: Sequence[int], outcome: int = 0, amount: int = 0) -> None:
    """Pass if these are a market, one of its outcomes, and an amount; everything else is a bug of the caller."""
    if b < 1:
        raise ValueError(f"b must be at least one part, not {b}")
    if not 2 <= len(q) == len(offsets):
        raise ValueError(f"a market needs one offset for each of two or more outcomes, not {len(offsets)} for {len(q)}")
    if not 0 <= outcome < len(q):
        raise ValueError(f"outcome must be from 0 to {len(q) - 1}, not {outcome}")
    if amount < 0:
        raise ValueError(f"an amount must not be below zero, not {amount}")


def levels_of(q: Sequence[int], b: int, offsets: Sequence[int]) -> tuple[list[int], int]:
    """The logits as whole multiples of `1 / (b * one)`, so that they compare and subtract exactly, and that `one`."""
    one = OFFSET_ONE if any(offsets) else 1
    return [held * one + offset * b for held, offset in zip(q, offsets, strict=True)], one


def _gap(q: Sequence[int], b: int, offsets: Sequence[int], outcome: int) -> float:
    """`_log_odds_against`: of two outcomes, as most markets have, the one exact difference rounded once."""
    if len(q) > 2:
        levels, one = levels_of(q, b, offsets)
        return _log_odds_against(levels, outcome, b * one)
    behind, start = q[1 - outcome] - q[outcome], offsets[1 - outcome] - offsets[outcome]
    return (behind * OFFSET_ONE + start * b) / (b * OFFSET_ONE) if start else behind / b


def _cost_bracket(q: Sequence[int], b: int, offsets: Sequence[int], outcome: int, shares: int) -> tuple[float, float]:
    scaled = shares / b
    against = _gap(q, b, offsets, outcome)
    growth = _log_growth(scaled, against)
    return _bracket(b, growth, _STEP * (len(q) + 4 + abs(growth) + scaled + abs(against)))


def _bracket(b: int, x: float, slack: float) -> tuple[float, float]:
    """Doubles below and above `b softplus(x)`, where x is known to within `slack`.

    The slope of softplus is below 1 and below softplus itself: over s it rises by less than `s min(1, exp(s) value)`.
    """
    value = _softplus(x)
    error = slack * (min(1.0, 1.01 * value) if slack < 0.009 else 1.0) + 4 * _STEP * value
    return b * (value - error), b * (value + error)


def _cost_against(q: Sequence[int], b: int, offsets: Sequence[int], outcome: int, shares: int, tokens: int) -> int:
    """The sign of `cost of shares - tokens`: that of `sum exp(z after) - exp(tokens / b) sum exp(z)`."""
    levels, one = levels_of(q, b, offsets)
    terms = [(-1, level + tokens * one) for level in levels]
    levels[outcome] += shares * one
    terms += [(1, level) for level in levels]
    return sign_of_sum(terms, b * one)
