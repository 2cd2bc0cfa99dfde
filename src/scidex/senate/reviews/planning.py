"""What a review makes of scores, capital and returns: targets by sleeve, then one bounded step towards them. Pure.

    target = exploration + market + merit      each sleeve shared by water-filling, nobody above its claim's worth
    step   = what one review may change        held amounts stay, dwell and step bound, scarcity shrinks every rise

With the same inputs a second review never moves a budget away from its target, so the distance to the targets, which
is recorded, never grows, and reviews on unchanged inputs come to rest. Whole numbers decide: amounts in parts of the
unit, fractions in 10^-6. One column per unit, one row per artifact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from scidex.core.units import MAX_AMOUNT, UNITS
from scidex.exchange.resource_allocator import allocate
from scidex.policy import Policy

Ints: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
ONE = 10**6
"""Fractions are whole numbers of 10^-6."""
UNKNOWN = -(2**31)
"""In place of a fraction that nobody knows."""
DAILY, WEEKLY = "daily", "weekly"
TARGET, STEP, HELD, DWELL, SCARCE, SAME = range(6)
BINDINGS = ("target", "step", "held", "dwell", "scarcity", "unchanged")
"""What binds a budget: it is at its target, or this review may not change more, or the rest is reserved, or it was
changed the other way not long ago, or the pool has no more, or it was there before."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that a review knows: arrays with a row for each artifact, in the order of type and id.

    Units x artifacts: `old` is what a budget has left, at least 0; `held` is reserved of it; `spent` was spent since
    the review before; `voted` was granted by proposals so lately that it stands; `direction` is how the last review
    that changed it did, 1 up, -1 down, and `moved_at` when, in seconds since 1970. Artifacts: `score`, `market_weight`,
    `weight_before` (at the last weekly review), `low` and `strong` (the probability of a low and of a strong return)
    in 10^-6 or UNKNOWN; `capital` (the capital-weighted budget) and `credit` in token parts; `low_reviews`, weekly
    reviews in a row with a low return; `order`, what breaks ties and draws lots, smallest first.
    """

    units: tuple[str, ...]
    free: tuple[int, ...]
    old: Ints
    held: Ints
    spent: Ints
    voted: Ints
    direction: Ints
    moved_at: Ints
    score: Ints
    market_weight: Ints
    weight_before: Ints
    capital: Ints
    credit: Ints
    low: Ints
    strong: Ints
    low_reviews: Ints
    order: Sequence[bytes]
    now: int
    sort: str = WEEKLY


@dataclass(slots=True)
class Plan:
    """What a review decides; amounts as in `Inputs`.

    `merit` and `market` are claims in token parts; `drawn` says who was drawn by lot, each of them with the chance
    `propensity` (10^-6); `low_reviews` counts on. By unit and artifact: `target`, the bounds `least` and `most` of this
    review, the budget that it makes, and which bound binds. By unit: the whole that was shared, and the distance to
    the targets before and after.
    """

    merit: Ints
    market: Ints
    eligible: Flags
    drawn: Flags
    propensity: int
    low_reviews: Ints
    capped: Flags
    cut: Flags
    boost: Ints
    target: Ints
    least: Ints
    most: Ints
    new: Ints
    binding: Ints
    whole: list[int] = field(default_factory=list)
    theta: list[Fraction] = field(default_factory=list)
    before: list[int] = field(default_factory=list)
    after: list[int] = field(default_factory=list)


def plan_review(given: Inputs, policy: Policy) -> Plan:
    """The budgets that a review makes of what it knows.

    In order: (1) claims: effective_budget = base_budget * (1 + market_weight) of artifacts whose score clears the
    threshold, with credit for what was given back, and the capital-weighted budget; (2) low returns cap or cut, strong
    ones and market gains count more in scarcity; (3) lots are drawn for the exploration sleeve; (4) each unit's whole,
    what its pool and its budgets have free, is shared over the three sleeves; (5) one bounded step is made towards the
    targets. A daily review raises nothing: it cuts where a low return burns its budget.
    Source: design sections 4 and 9.
    """
    plan = _claimed(given, policy)
    _draw(given, plan, policy)
    floors = dominant_floors(_needs(given, plan, policy), _wholes(given), policy.review_floor_share)
    for place, unit in enumerate(given.units):
        whole = given.free[place] + _total(given.old[place])
        plan.whole.append(whole)
        if given.sort == WEEKLY:
            target = _target(given, plan, policy, place, floors[place])
            # What the Senate has voted is not cut behind its back while it is new.
            plan.target[place] = np.maximum(target, np.minimum(given.old[place], given.voted[place]))
        else:
            plan.target[place] = _safe(given, plan, policy, place)
        plan.theta.append(_step(given, plan, policy, place, unit, whole))
        plan.before.append(_distance(given.old[place], plan.target[place]))
        plan.after.append(_distance(plan.new[place], plan.target[place]))
        assert _total(plan.new[place]) <= whole and plan.after[-1] <= plan.before[-1], unit
    return plan


def _claimed(given: Inputs, policy: Policy) -> Plan:
    """Claims, and what returns mean for them."""
    size, shape = len(given.score), given.old.shape
    eligible = given.score >= ppm(policy.review_score_threshold)
    base = _share(np.maximum(given.score, 0), ppm(policy.review_base_tokens))
    # An unknown market weight leaves the base budget as it is; the decision says that it is unknown.
    weight = np.where(given.market_weight == UNKNOWN, 0, given.market_weight)
    effective = base * (ONE + weight) // ONE
    merit = np.where(eligible, effective + given.credit, 0)
    likely = ppm(policy.review_low_probability)
    low = given.low >= likely
    low_reviews = np.where(low, given.low_reviews + (given.sort == WEEKLY), 0)
    cut = low & (low_reviews >= policy.review_low_reviews)
    left = ONE - ppm(policy.review_cut_share)
    known = (given.market_weight != UNKNOWN) & (given.weight_before != UNKNOWN)
    gains = known & (given.market_weight - given.weight_before >= ppm(policy.review_market_gain))
    return Plan(
        merit=np.where(cut, _share(merit, left), merit),
        market=np.where(cut, _share(given.capital, left), given.capital),
        eligible=eligible,
        drawn=np.zeros(size, dtype=np.bool_),
        propensity=0,
        low_reviews=low_reviews,
        capped=low,
        cut=cut,
        boost=ppm(policy.review_strong_boost) * ((given.strong >= likely).astype(np.int64) + gains),
        target=np.zeros(shape, dtype=np.int64),
        least=np.zeros(shape, dtype=np.int64),
        most=np.zeros(shape, dtype=np.int64),
        new=np.zeros(shape, dtype=np.int64),
        binding=np.full(shape, SAME, dtype=np.int64),
    )


def _draw(given: Inputs, plan: Plan, policy: Policy) -> None:
    """Draw as many artifacts as the exploration sleeve has places for in every unit, each with the same chance."""
    able = np.flatnonzero(~plan.capped)
    places = len(able)
    for place, unit in enumerate(given.units):
        whole = given.free[place] + _total(given.old[place])
        slot, sleeve = _slot(policy, unit, whole)
        if slot:
            places = min(places, max(1, sleeve // slot))
    if given.sort != WEEKLY or not len(able) or not ppm(policy.review_exploration_share):
        return
    plan.drawn[sorted(able.tolist(), key=given.order.__getitem__)[:places]] = True
    plan.propensity = places * ONE // len(able)


def _slot(policy: Policy, unit: str, whole: int) -> tuple[int, int]:
    """What a drawn artifact gets of a unit, at most all of the sleeve; and the sleeve."""
    sleeve = int(whole * Fraction(policy.review_exploration_share))
    return min(sleeve, int(worth(np.array([ppm(policy.review_exploration_tokens)]), unit, policy)[0])), sleeve


def _target(given: Inputs, plan: Plan, policy: Policy, place: int, floors: Ints) -> Ints:
    """Where a unit's budgets should be: exploration, then market, then merit with all that these leave.

    Nobody gets more than its claim is worth; with a low return nobody gets more than it has.
    """
    unit, whole = given.units[place], plan.whole[place]
    slot, _ = _slot(policy, unit, whole)
    target = np.where(plan.drawn, slot, 0)
    ceiling = np.where(plan.capped, given.old[place], MAX_AMOUNT)
    sleeve = int(whole * Fraction(policy.review_market_share))
    caps = np.minimum(worth(plan.market, unit, policy), np.maximum(ceiling - target, 0))
    target = target + _shared(sleeve, plan.market, plan, None, caps, given.order)
    rest = whole - _total(target)
    caps = np.minimum(worth(plan.merit, unit, policy), np.maximum(ceiling - target, 0))
    return target + _shared(rest, plan.merit, plan, np.minimum(floors, caps), caps, given.order)


def _shared(amount: int, claims: Ints, plan: Plan, floors: Ints | None, caps: Ints, order: Sequence[bytes]) -> Ints:
    weights = claims + _share(claims, plan.boost)
    return np.array(allocate(amount, weights, floors, caps, tie_order=order).grants, dtype=np.int64)


def _needs(given: Inputs, plan: Plan, policy: Policy) -> Ints:
    """What a floor should cover of each unit: what was spent of late, where nothing was, what merit claims; of those
    with merit, and no more than the claim is worth."""
    claimed = np.stack([worth(plan.merit, unit, policy) for unit in given.units])
    spender = given.spent.any(axis=0)
    return np.minimum(np.where(spender, given.spent, claimed), claimed)


def _wholes(given: Inputs) -> list[int]:
    return [free + _total(old) for free, old in zip(given.free, given.old, strict=True)]


def dominant_floors(needs: Ints, wholes: Sequence[int], share: Decimal | Fraction) -> Ints:
    """Floors by dominant-resource fairness: equal dominant shares, as large as the share of each whole allows.

    `needs` and the result are units x artifacts. A dominant share is the largest part that a need has of a whole. All
    shares grow together; when the floors of a unit are used up, those who need it stop and the others grow on.
    Source: Ghodsi et al. 2011, progressive filling. Rounded down.

    >>> dominant_floors(np.array([[100, 300], [400, 100]]), [1000, 1000], Fraction(1, 10)).tolist()
    [[18, 75], [75, 25]]
    """
    limits = [int(whole * Fraction(share)) for whole in wholes]
    used = [place for place, limit in enumerate(limits) if limit > 0]
    floors: Ints = np.zeros_like(needs)
    if not used:
        return floors
    rates = np.zeros(needs.shape)
    rates[used] = needs[used] / np.array([wholes[place] for place in used], dtype=np.float64)[:, None]
    dominant = rates.max(axis=0)
    stopped = dominant <= 0
    level = np.zeros(len(dominant))
    for _ in used:
        if stopped.all():
            break
        low = _highest(needs, limits, used, dominant, level, stopped)
        level[~stopped] = low
        floors = _floors_at(needs, dominant, level)
        # The unit that is nearest to its limit is the one that stopped the growth.
        tight = min(used, key=lambda place: limits[place] - _total(floors[place]))
        stopped |= (needs[tight] > 0) | (level >= dominant)
        used = [place for place in used if place != tight]
    return floors


def _floors_at(needs: Ints, dominant: NDArray[np.float64], level: NDArray[np.float64]) -> Ints:
    part = np.minimum(np.divide(level, dominant, out=np.zeros_like(level), where=dominant > 0), 1.0)
    floors: Ints = np.floor(needs * part).astype(np.int64)
    return floors


def _highest(
    needs: Ints,
    limits: Sequence[int],
    used: Sequence[int],
    dominant: NDArray[np.float64],
    level: NDArray[np.float64],
    stopped: Flags,
) -> float:
    """The highest level of those who still grow at which no unit is above its limit, by bisection on whole sums."""
    growing = np.flatnonzero(~stopped)
    fixed = _floors_at(needs[:, stopped], dominant[stopped], level[stopped])
    room = [limits[place] - _total(fixed[place]) for place in used]
    wanted, top = needs[list(used)][:, growing], dominant[growing]

    def fits(at: float) -> bool:
        floors = _floors_at(wanted, top, np.full(len(top), at))
        return all(_total(row) <= most for row, most in zip(floors, room, strict=True))

    low, high = float(level[growing].max()), float(top.max())
    if fits(high):
        return high
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _safe(given: Inputs, plan: Plan, policy: Policy, place: int) -> Ints:
    """The targets of a daily review: what there is, but less where much of it was burned for a low return."""
    old, spent = given.old[place], given.spent[place]
    burned = plan.capped & (spent > 0) & (spent >= _share(old + spent, ppm(policy.review_burn_share)))
    plan.cut |= burned
    target: Ints = np.where(burned, old - _share(old, ppm(policy.review_cut_share)), old)
    return target


def _step(given: Inputs, plan: Plan, policy: Policy, place: int, unit: str, whole: int) -> Fraction:
    """One step of a unit's budgets towards the targets; the level at which what is left was shared among the rises."""
    old, target = given.old[place], plan.target[place]
    step = np.maximum(
        _share(np.maximum(old, target), ppm(policy.review_step_share)),
        worth(np.array([ppm(policy.review_step_tokens)]), unit, policy)[0],
    )
    stays = (given.moved_at[place] + policy.review_dwell_s > given.now) & (given.direction[place] != 0)
    up, down = target > old, target < old
    waits = stays & ((up & (given.direction[place] < 0)) | (down & (given.direction[place] > 0)))
    held = np.minimum(given.held[place], old)
    least = np.where(down & ~waits, np.maximum(np.maximum(target, old - step), held), old)
    most = np.where(up & ~waits, np.minimum(target, old + step), least)
    rises = np.flatnonzero(most > least)
    new, theta = least.copy(), Fraction(0)
    if len(rises):
        left = whole - _total(least) + _total(least[rises])
        order = [given.order[row] for row in rises.tolist()]
        shared = allocate(left, target[rises], least[rises], most[rises], tie_order=order)
        new[rises], theta = shared.grants, shared.theta
    binding = plan.binding[place]
    binding[up | down] = STEP
    binding[down & (new == held) & (held > 0)] = HELD
    binding[up & (new < most)] = SCARCE
    binding[waits] = DWELL
    binding[(up | down) & (new == target)] = TARGET
    plan.least[place], plan.most[place], plan.new[place] = least, most, new
    return theta


def worth(claims: Ints, unit: str, policy: Policy) -> Ints:
    """What claims in token parts are worth in parts of a unit, by the policy's rates, rounded down."""
    rate = Fraction(policy.units_per_token[unit]) * UNITS[unit].parts / 1_000_000
    return np.minimum(_ratio(claims, rate.numerator, rate.denominator), MAX_AMOUNT)


def ppm(fraction: Decimal) -> int:
    """A decimal in 10^-6, rounded down; of tokens, in parts."""
    return int(fraction * ONE)


def _share(values: Ints, share: int | Ints) -> Ints:
    """values * share / 10^6, rounded down."""
    most = int(share.max(initial=0)) if isinstance(share, np.ndarray) else share
    if int(values.max(initial=0)) * most < 2**63:
        found: Ints = values * share // ONE
        return found
    return _narrowed(values.astype(object) * share // ONE)


def _ratio(values: Ints, over: int, under: int) -> Ints:
    if int(values.max(initial=0)) * over < 2**63 and under < 2**63:
        found: Ints = values * over // under
        return found
    return _narrowed(values.astype(object) * over // under)


def _narrowed(exact: Any) -> Ints:
    found: Ints = np.minimum(exact, MAX_AMOUNT).astype(np.int64)
    return found


def _total(values: Ints) -> int:
    """Exact: 10^15 at most, nine thousand times and more, does not fit in 64 bits."""
    return (int((values >> 32).sum()) << 32) + int((values & 0xFFFFFFFF).sum())


def _distance(values: Ints, target: Ints) -> int:
    return _total(np.abs(values - target))
