"""A finite pool shared over claims: proportional water-filling, exact to the unit.

    x_i(theta) = min(cap_i, max(floor_i, theta * claim_i)),   sum of x_i(theta) = pool

`allocate` finds the level theta as a fraction and rounds by largest remainder; `verify` proves a result in
one pass. Nothing is decided by a float: floats only propose, whole numbers decide. All quantities are whole
numbers from 0 to LARGEST, in the smallest part of one unit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from scidex.core.errors import Invalid

LARGEST = 2**53
"""The largest pool, claim, floor and cap.

Every whole number up to it is a float exactly, so the quotient of two of them is the true ratio rounded
once. That makes the order of float ratios right wherever two floats differ, and `_cross` exact where they
do not."""

FLOORS_EXCEED_POOL = "floors_exceed_pool"
FLOOR, CAP, NONE = "floor", "cap", "none"

Wholes: TypeAlias = Sequence[int] | NDArray[np.integer[Any]]
"""Whole numbers, one per claim: Python ints or a NumPy array of integers."""

_Ints: TypeAlias = NDArray[np.int64]
_Floats: TypeAlias = NDArray[np.float64]


class QuantityNotWhole(Invalid):
    """{field} is {given}, which is not a whole number; write a whole number of the unit's smallest part."""


class QuantityNegative(Invalid):
    """{field} is {given}; it must not be below zero."""


class QuantityTooLarge(Invalid):
    """{field} is {given}, above the largest quantity {largest}; use a coarser unit."""


class LengthsDiffer(Invalid):
    """{field} has {given} entries and there are {expected} claims; give one entry per claim."""


class FloorAboveCap(Invalid):
    """floors[{index}] is {floor}, above caps[{index}], which is {cap}; lower the floor or raise the cap."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """Grants together with the level and the bounds that explain them; lists are in the order of the claims.

    * `grants`: whole units.
    * `theta`: the smallest level at which the shares x_i(theta) sum to what is handed out. Hence 0 where
      the floors take the whole pool, where the pool is 0, and where no claim can grow (all are zero, or
      every floor is at its cap). Where all that can grow reach their caps, it is the largest cap / claim
      among them. Under the alarm it is the part of each floor that is filled, pool / sum(floors).
    * `binding`: "floor" where theta * claim <= floor, else "cap" where theta * claim >= cap, else "none".
      So a claim of 0 stands at its floor. Under the alarm all are "floor".
    * `remainder`: units of the pool that nobody may take.
    * `alarm`: "floors_exceed_pool", or None.
    """

    grants: list[int]
    theta: Fraction
    binding: list[str]
    remainder: int
    alarm: str | None = None


def allocate(
    pool: int,
    claims: Wholes,
    floors: Wholes | None = None,
    caps: Wholes | None = None,
    *,
    tie_order: Sequence[Any] | None = None,
) -> Allocation:
    """The pool shared in proportion to the claims, no entity below its floor or above its cap.

    x_i(theta) = min(cap_i, max(floor_i, theta * claim_i)), sum of x_i = min(pool, what all may take). No
    floors: all zero. No caps: unlimited. A claim above 0 may take its cap; a claim of 0 does not grow and
    takes its floor. What nobody may take is the `remainder`. Each gets the whole part of its x_i; the units
    left go one each to the largest fractions, which breaks no bound because bounds are whole. Equal
    fractions go by `tie_order` (one sortable key per claim, lowest first, see `tie_order_of`), then by the
    lower index. So a grant is less than one unit from its x_i, and permuting the claims with their keys,
    all distinct, permutes the grants. A larger pool lowers no x_i; by the rounding it may lower a grant by
    one unit.

    Floors above the pool raise the alarm: the pool is shared over them, x_i = pool * floor_i / sum(floors).
    Cost: O(n). Source: Brucker 1984 and Kiwiel 2008, breakpoint search; Hamilton's largest remainder.
    Refuses: QuantityNotWhole, QuantityNegative, QuantityTooLarge, LengthsDiffer, FloorAboveCap.

    >>> shared = allocate(101, [50, 30, 20, 0], floors=[0, 0, 30, 1], caps=[40, 99, 99, 99])
    >>> shared.grants, shared.theta, shared.binding
    ([40, 30, 30, 1], Fraction(1, 1), ['cap', 'none', 'floor', 'floor'])
    >>> allocate(2**53, [2**53, 2**53, 2**53 - 1], caps=[5, 2**53, 2**53]).grants
    [5, 4503599627370494, 4503599627370493]
    >>> allocate(1, [1, 1], floors=[2, 1]).alarm
    'floors_exceed_pool'
    """
    pool = _whole("pool", pool)
    weights, lows, highs = _checked(claims, floors, caps)
    n = len(weights)
    if tie_order is not None and len(tie_order) != n:
        raise LengthsDiffer(field="tie_order", given=len(tie_order), expected=n)
    least = _sum(lows)
    if least > pool:
        theta = Fraction(pool, least)
        filled, _ = _rounded(theta, lows, pool, tie_order)
        return Allocation(filled.tolist(), theta, [FLOOR] * n, 0, FLOORS_EXCEED_POOL)
    total = pool
    if highs is not None:
        total = min(pool, _sum(np.where(weights > 0, highs, lows)))
    elif not weights.any():
        total = least
    if total == least:
        return Allocation(lows.tolist(), Fraction(0), [FLOOR] * n, pool - total)
    theta, grants, binding = _filled(total, weights, lows, highs, tie_order)
    return Allocation(grants, theta, binding, pool - total)


def tie_order_of(cycle: str, entities: Sequence[str]) -> list[bytes]:
    """The published order of ties, SHA-256 of `cycle|entity`: anyone can recompute it.

    >>> [key.hex()[:8] for key in tie_order_of("2026-W01", ["gap-1", "gap-2"])]
    ['92b10bf5', '0b57afb7']
    """
    return [hashlib.sha256(f"{cycle}|{entity}".encode()).digest() for entity in entities]


def verify(
    pool: int,
    claims: Wholes,
    floors: Wholes | None,
    caps: Wholes | None,
    allocation: Allocation,
    *,
    tie_order: Sequence[Any] | None = None,
) -> None:
    """Proof that the allocation is what its theta and the bounds give; an AssertionError names the index.

    One pass over Python ints, sharing no step with `allocate`. It shows that each label says where theta *
    claim stands; that each grant is the whole part of x_i(theta) or, where there is a fraction, one more;
    that x_i(theta) and the grants have the same sum, which is all that could be handed out; that no smaller
    theta would do; and that no fraction rounded up is smaller than one rounded down. Which of equal
    fractions was rounded up is checked where the `tie_order` is given (`range(len(claims))` is the
    default's). The input is taken as `allocate` admits it.

    >>> verify(2, [2, 1], None, None, Allocation([1, 1], Fraction(2, 3), ["none", "none"], 0))
    >>> verify(2, [2, 1], None, None, Allocation([2, 0], Fraction(2, 3), ["none", "none"], 0))
    Traceback (most recent call last):
    AssertionError: grants[0] was rounded up before grants[1]
    """
    n = len(claims)
    weights = [int(claim) for claim in claims]
    lows = [0] * n if floors is None else [int(floor) for floor in floors]
    highs: list[int | None] = [None] * n if caps is None else [int(cap) for cap in caps]
    for field, entries in (("grants", allocation.grants), ("binding", allocation.binding)):
        if len(entries) != n:
            raise AssertionError(f"{field} has {len(entries)} entries for {n} claims")
    alarm = FLOORS_EXCEED_POOL if sum(lows) > pool else None
    if allocation.alarm != alarm:
        raise AssertionError(f"alarm is {allocation.alarm} and must be {alarm}")
    if alarm:
        # Scarcer than the floors: the floors are what is claimed, and nothing else bounds.
        weights, lows, highs = lows, [0] * n, [None] * n
    theta = allocation.theta
    if not isinstance(theta, Fraction) or theta < 0:
        raise AssertionError(f"theta is {theta} and must be a fraction, not below 0")
    shares, smallest, growing = _verify_each(weights, lows, highs, allocation, tie_order)
    given = sum(allocation.grants)
    if shares != given:
        raise AssertionError(f"the grants sum to {given} and theta gives {shares}")
    if not pool - given == allocation.remainder >= 0:
        raise AssertionError(f"remainder is {allocation.remainder} of a pool of {pool} with {given} granted")
    if allocation.remainder and growing is not None:
        raise AssertionError(f"{allocation.remainder} units remain and index {growing} could take some")
    if not smallest:
        raise AssertionError(f"theta is {theta} and a smaller one gives the same grants")


def _verify_each(
    weights: list[int],
    lows: list[int],
    highs: list[int | None],
    allocation: Allocation,
    tie_order: Sequence[Any] | None,
) -> tuple[Fraction, bool, int | None]:
    """Sum of the shares at theta, whether no smaller theta has it, and an index that grows above theta."""
    p, q = allocation.theta.numerator, allocation.theta.denominator
    shares, smallest, growing = 0, p == 0, None
    last_up: tuple[Any, ...] | None = None
    first_down: tuple[Any, ...] | None = None
    rows = zip(weights, lows, highs, allocation.grants, allocation.binding, strict=True)
    for i, (weight, low, high, grant, binding) in enumerate(rows):
        # Everything in parts of 1 / q of a unit.
        want, floor, cap = p * weight, low * q, None if high is None else high * q
        label = FLOOR if want <= floor else CAP if cap is not None and want >= cap else NONE
        if binding != (FLOOR if allocation.alarm else label):
            raise AssertionError(f"binding[{i}] is {binding} and must be {label}")
        share = floor if label == FLOOR else cap if cap is not None and label == CAP else want
        whole, rest = divmod(share, q)
        if type(grant) is not int or not 0 <= grant - whole <= (rest > 0):
            raise AssertionError(f"grants[{i}] is {grant} and its share is {Fraction(share, q)}")
        shares += share
        if weight:
            smallest = smallest or (want > floor and (cap is None or want <= cap))
            growing = i if cap is None or (want < cap and floor < cap) else growing
        if rest:
            # Places in the queue for one more unit: the last served stands before the first not served.
            place = (-rest, i) if tie_order is None else (-rest, tie_order[i], i)
            if grant > whole:
                last_up = place if last_up is None else max(last_up, place)
            else:
                first_down = place if first_down is None else min(first_down, place)
    compared = 1 if tie_order is None else 3
    if last_up and first_down and last_up[:compared] > first_down[:compared]:
        raise AssertionError(f"grants[{last_up[-1]}] was rounded up before grants[{first_down[-1]}]")
    return Fraction(shares, q), smallest, growing


def _filled(
    total: int, weights: _Ints, lows: _Ints, highs: _Ints | None, tie_order: Sequence[Any] | None
) -> tuple[Fraction, list[int], list[str]]:
    """Theta, grants and labels where `total` is above the sum of floors and within reach of the caps."""
    theta, above_floor, above_cap = _level(total, weights, lows, highs)
    free = np.flatnonzero(above_floor & ~above_cap)
    grants, label = lows.copy(), np.zeros(len(weights), dtype=np.int8)
    if highs is not None:
        grants[above_cap], label[above_cap] = highs[above_cap], 1
    units = total - _sum(grants) + _sum(lows[free])
    keys = None if tie_order is None else [tie_order[i] for i in free.tolist()]
    grants[free], exact = _rounded(theta, weights[free], units, keys)
    label[free] = 2
    if highs is not None:
        # theta * claim may meet the cap exactly: then the share is whole and the cap binds too.
        label[free[exact & (grants[free] == highs[free])]] = 1
    return theta, grants.tolist(), np.array([FLOOR, CAP, NONE], dtype=object)[label].tolist()


def _level(
    total: int, weights: _Ints, lows: _Ints, highs: _Ints | None
) -> tuple[Fraction, NDArray[np.bool_], NDArray[np.bool_]]:
    """Smallest theta at which the shares sum to `total`; where it is above floor / claim; above cap / claim.

    Between neighbouring breakpoints the sum is `fixed + theta * slope`. Each round decides one breakpoint
    exactly and drops all that lie on its wrong side: it is near the median, so a part of the rest leaves
    every time and the work is O(n); and it leaves itself, so the search ends whatever the floats say.
    """
    grows = np.flatnonzero(weights)
    m = len(grows)
    # At floor / claim an entity starts to grow (+1), at cap / claim it stops (-1).
    top = lows[grows] if highs is None else np.concatenate([lows[grows], highs[grows]])
    weight = weights[grows] if highs is None else np.tile(weights[grows], 2)
    turn = np.where(np.arange(len(top)) < m, 1, -1)
    ratio = top / weight
    fixed, slope = _sum(lows), 0
    passed = np.zeros(len(top), dtype=np.bool_)
    live = np.arange(len(top))
    while len(live):
        a, w, r = top[live], weight[live], ratio[live]
        middle = _middle(a, w, r)
        side = np.where(r == r[middle], _cross(a, w, middle), r - r[middle])
        before = live[side < 0]
        fixed_here = fixed - _sum(turn[before] * top[before])
        slope_here = slope + _sum(turn[before] * weight[before])
        a0, w0 = int(a[middle]), int(w[middle])
        if fixed_here * w0 + slope_here * a0 >= total * w0:
            live = before
            continue
        # The sum at this breakpoint is still short: theta is above it and above all up to it.
        at = live[side == 0]
        fixed = fixed_here - _sum(turn[at] * top[at])
        slope = slope_here + _sum(turn[at] * weight[at])
        passed[live[side <= 0]] = True
        live = live[side > 0]
    above = np.zeros((2, len(weights)), dtype=np.bool_)
    above[0, grows] = passed[:m]
    if highs is not None:
        above[1, grows] = passed[m:]
    return Fraction(total - fixed, slope), above[0], above[1]


def _middle(top: _Ints, weight: _Ints, ratio: _Floats) -> int:
    """Index of a breakpoint near the median, also where thousands of different ones round to one float."""
    half = len(ratio) // 2
    same = np.flatnonzero(ratio == np.partition(ratio, half)[half])
    # _cross / weight is the distance to one of them, times a constant: a second float's worth of digits.
    distance = _cross(top[same], weight[same], 0) / weight[same]
    half = len(same) // 2
    return int(same[np.argpartition(distance, half)[half]])


def _cross(top: _Ints, weight: _Ints, pivot: int) -> _Ints:
    """top_i * weight_pivot - top_pivot * weight_i, exact wherever both ratios round to the same float.

    Such ratios differ by at most 2^-52 of themselves and the products are at most 2^106, so their
    difference is at most about 2^54, and arithmetic modulo 2^64 gives it exactly. Elsewhere it is
    meaningless.
    """
    a, w = top.view(np.uint64), weight.view(np.uint64)
    cross: _Ints = (a * w[pivot] - a[pivot] * w).view(np.int64)
    return cross


def _rounded(
    theta: Fraction, weights: _Ints, units: int, tie_order: Sequence[Any] | None
) -> tuple[_Ints, NDArray[np.bool_]]:
    """theta * weights in whole numbers that sum to `units`, by largest remainder; which were whole before."""
    p, q = theta.numerator, theta.denominator
    pairs = [divmod(p * w, q) for w in weights.tolist()]
    whole = np.array([pair[0] for pair in pairs], dtype=np.int64)
    rests = [pair[1] for pair in pairs]
    # Rounding to a float never reverses an order, so only the float of the last one in needs the ints.
    near = np.array(rests, dtype=np.float64)
    left = units - _sum(whole)
    if left:
        last = np.partition(near, len(near) - left)[len(near) - left]
        sure = np.flatnonzero(near > last)
        level = np.flatnonzero(near == last).tolist()
        if tie_order is not None:
            level.sort(key=tie_order.__getitem__)
        level.sort(key=rests.__getitem__, reverse=True)  # stable: equal remainders stay in the order of ties
        whole[sure] += 1
        whole[level[: left - len(sure)]] += 1
    return whole, near == 0


def _sum(values: _Ints) -> int:
    """Exact sum of up to 2^31 numbers: in two words, as 2^53 a thousand times needs more than 64 bits."""
    return (int((values >> 32).sum()) << 32) + int((values & 0xFFFFFFFF).sum())


def _checked(claims: Wholes, floors: Wholes | None, caps: Wholes | None) -> tuple[_Ints, _Ints, _Ints | None]:
    weights = _wholes("claims", claims)
    lows = np.zeros(len(weights), dtype=np.int64) if floors is None else _wholes("floors", floors)
    highs = None if caps is None else _wholes("caps", caps)
    for field, values in (("floors", lows), ("caps", highs)):
        if values is not None and len(values) != len(weights):
            raise LengthsDiffer(field=field, given=len(values), expected=len(weights))
    if highs is not None and (crossed := lows > highs).any():
        i = int(crossed.argmax())
        raise FloorAboveCap(index=i, floor=int(lows[i]), cap=int(highs[i]))
    return weights, lows, highs


def _wholes(field: str, given: Wholes) -> _Ints:
    """The numbers as an array of 64-bit integers, or a refusal that names the first bad one."""
    if isinstance(given, np.ndarray) and given.dtype.kind in "iu" and given.ndim == 1:
        if not len(given) or (int(given.min()) >= 0 and int(given.max()) <= LARGEST):
            return given.astype(np.int64)
    elif set(map(type, given)) <= {int} and (not len(given) or (min(given) >= 0 and max(given) <= LARGEST)):
        return np.array(given, dtype=np.int64)
    return np.array([_whole(f"{field}[{i}]", value) for i, value in enumerate(given)], dtype=np.int64)


def _whole(field: str, given: Any) -> int:
    if isinstance(given, (bool, np.bool_)) or not isinstance(given, (int, np.integer)):
        raise QuantityNotWhole(field=field, given=_brief(given))
    if given < 0:
        raise QuantityNegative(field=field, given=_brief(given))
    if given > LARGEST:
        raise QuantityTooLarge(field=field, given=_brief(given), largest=LARGEST)
    return int(given)


def _brief(given: Any) -> str:
    """At most 40 characters of what was given, so that a refusal stays one line."""
    try:
        text = str(given) if isinstance(given, (int, np.integer)) else repr(given)
    except ValueError:  # Python refuses to print whole numbers of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 40 else text[:37] + "..."
