"""Exact decisions where doubles are not enough: signs of sums of exponentials, in as many digits as it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation


def last(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The last number from `low` to `high` for which `holds`; it is true at `low` and once false stays false.

    `low` where that is all there is, or where a bound that was rounded to zero left `high` below it.
    """
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low


def sign_of_sum(terms: Iterable[tuple[int, int]], unit: int) -> int:
    """The sign of the sum of `weight * exp(level / unit)` over pairs (weight, level), exactly.

    Exponentials of different rationals are linearly independent over the rationals (Lindemann, Weierstrass):
    the sum is zero only where the weights cancel level by level. Otherwise enough digits tell; seen from the
    largest level that is left, few do, even for a sum that is e^1000000 times smaller than its terms.

    >>> sign_of_sum([(1, 7), (-1, 7)], 1), sign_of_sum([(1, 0), (-1, 0), (-1, -(10**16))], 1)
    (0, -1)
    """
    weights: dict[int, int] = {}
    for weight, level in terms:
        weights[level] = weights.get(level, 0) + weight
    left = {level: weight for level, weight in weights.items() if weight}
    if not left:
        return 0
    top = max(left)
    size = sum(map(abs, left.values())) * (len(left) + 2)  # in 10^(1 - digits), more than all roundings
    digits = 50
    while True:
        context = context_of(digits)
        total = Decimal(0)
        for level, weight in left.items():
            total = context.add(total, context.multiply(weight, context.exp(context.divide(level - top, unit))))
        if total.copy_abs() > Decimal(size).scaleb(1 - digits, context):
            return 1 if total > 0 else -1
        digits *= 2


def context_of(digits: int) -> Context:
    """Arithmetic that does not depend on the caller's context; exp of a far negative number is 0."""
    return Context(digits, ROUND_HALF_EVEN, Emin=-999_999, Emax=999_999, traps=[InvalidOperation])
