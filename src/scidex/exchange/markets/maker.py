"""What the maker needs and gains, and where a price lies: in decimals of many digits, off the hot path."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Context, Decimal

from scidex.exchange.markets import lmsr
from scidex.exchange.markets.exact import context_of
from scidex.exchange.markets.lmsr import OFFSET_ONE, PRICE_ONE, check_whole, levels_of
from scidex.policy import Policy


def shares_to_price(q: Sequence[int], b: int, offsets: Sequence[int], outcome: int, target: int) -> int:
    """Parts of one outcome that bring its price to `target` (10^-12): to buy, or below zero to sell, rounded towards 0.

    Buying D moves the log odds by D / b, whatever the other outcomes are.

    >>> shares_to_price((0, 0), 100_000_000, (0, 0), 0, 730_000_000_000)
    99462257
    >>> shares_to_price((99462257, 0), 100_000_000, (0, 0), 0, 500_000_000_000)
    -99462257
    """
    check_whole(q, b, offsets, outcome)
    if not 0 < target < PRICE_ONE:
        raise ValueError(f"the price must lie strictly between 0 and {PRICE_ONE}, not {target}")
    context = context_of(50)
    wanted = context.subtract(context.ln(target), context.ln(PRICE_ONE - target))
    levels, one = levels_of(q, b, offsets)
    mine = levels.pop(outcome)
    odds = context.subtract(context.divide(mine, b * one), _log_sum(levels, b * one, context))
    return int(context.multiply(b, context.subtract(wanted, odds)))


def offsets_with(q: Sequence[int], b: int, offsets: Sequence[int], liquidity: int) -> tuple[int, ...]:
    """The offsets with which another liquidity gives the same prices to the same shares, to nearest in 10^-15 nat.

    >>> offsets_with((2_000_000, 0), 1_000_000, (0, 0), 2_000_000)
    (1000000000000000, 0)
    """
    # The logit q / b + offset stays: what the shares lose of it by a larger b goes to the offset.
    lost = [held * OFFSET_ONE * (liquidity - b) for held in q]
    return tuple(
        offset + (2 * each + b * liquidity) // (2 * b * liquidity) for offset, each in zip(offsets, lost, strict=True)
    )


def collateral_needed(q: Sequence[int], b: int, offsets: Sequence[int]) -> int:
    """Parts that cover whatever is traded from here on: `max_i (q_i + b ln(1 / p_i))`, rounded up.

    >>> collateral_needed((0, 0), 100_000_000, (0, 0)), collateral_needed((10**9, 0), 100_000_000, (0, 0))
    (69314719, 1000004540)
    """
    context = context_of(60)
    levels, one = levels_of(q, b, offsets)
    total = _log_sum(levels, b * one, context)
    needed = [
        context.add(held, context.multiply(b, context.subtract(total, context.divide(level, b * one))))
        for held, level in zip(q, levels, strict=True)
    ]
    return math.ceil(max(needed))


def liquidity_for(subsidy: int, offsets: Sequence[int]) -> int:
    """The largest liquidity whose worst loss from that start the subsidy covers; both in parts.

    >>> liquidity_for(69314719, (0, 0)), liquidity_for(69314718, (0, 0)), liquidity_for(0, (0, 0))
    (100000001, 99999999, 0)
    """
    context = context_of(60)
    top = _log_sum(offsets, OFFSET_ONE, context)
    worst = context.subtract(top, context.divide(min(offsets), OFFSET_ONE))
    found = int(context.divide(subsidy, worst))
    # The quotient is rounded; what is paid is decided by the exact sum.
    while found and lmsr.subsidy(found, offsets) > subsidy:
        found -= 1
    return found


def pool_liquidity(free: int, funded: int, policy: Policy) -> int:
    """The liquidity of a market that a pool opens, in parts: `share * free / (funded + 1)`, rounded down, within the
    policy's least and most; `funded` open markets have their part of what the pool can spend already."""
    numerator, denominator = policy.liquidity_pool_share.as_integer_ratio()
    shared = free * numerator // (denominator * (funded + 1))
    least, most = int(policy.liquidity_pool_min * 10**6), int(policy.liquidity_pool_max * 10**6)
    return max(least, min(shared, most))


def _log_sum(levels: Sequence[int], unit: int, context: Context) -> Decimal:
    """`ln(sum exp(level / unit))`."""
    top = max(levels)
    total = Decimal(0)
    for level in levels:
        total = context.add(total, context.exp(context.divide(level - top, unit)))
    return context.add(context.ln(total), context.divide(top, unit))


def maker_result(
    q: Sequence[int], b: int, offsets: Sequence[int], outcome: int, since: Sequence[int] | None = None
) -> float:
    """Parts the maker gains if that outcome wins, whatever the path: `-b ln(p_i / p_i(start))`.

    The start is where nothing was outstanding, or `since` shares were. To the nearest double. The rounding of charges
    and payouts adds to it less than one part per trade.

    >>> maker_result((0, 0), 1, (0, 0), 0), maker_result((0, 2**53), 1, (0, 0), 0)
    (0.0, 9007199254740991.0)
    """
    check_whole(q, b, offsets, outcome)
    context = context_of(60)

    def minus_log_price(q: Sequence[int]) -> Decimal:
        levels, one = levels_of(q, b, offsets)
        return context.subtract(_log_sum(levels, b * one, context), context.divide(levels[outcome], b * one))

    start = minus_log_price(since if since is not None else (0,) * len(q))
    return float(context.multiply(b, context.subtract(minus_log_price(q), start)))
