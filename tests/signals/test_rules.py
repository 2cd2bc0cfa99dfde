"""Prices lag at a bounded speed, capital is what stays at risk, and a pump never wins more than it can."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scidex.core.clock import microseconds
from scidex.entities import EntityKey
from scidex.exchange.markets import lmsr
from scidex.exchange.resource_allocator import Claim, claim_of, worth_of_price
from scidex.exchange.signals import (
    Holding,
    Stake,
    Step,
    Traded,
    attack_on,
    effective_traders,
    holds,
    lagged,
    lead_s,
    mean_shares,
    paid_for,
    price_window,
    stakes_of,
)
from scidex.policy import Policy

T, ONE, HOUR = 1_000_000, lmsr.PRICE_ONE, 3600
POLICY = Policy()
DAWN = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return DAWN + timedelta(seconds=seconds)


def steps(*found: tuple[float, float]) -> list[Step]:
    return [Step(microseconds(at(s)), (round(p * ONE), ONE - round(p * ONE))) for s, p in found]


def mean(path: list[Step], since: float, until: float) -> float:
    found = lagged(path, at(since), at(until), POLICY).prices
    assert sum(found) == ONE
    return found[0] / ONE


def test_what_stands_still_is_its_own_mean():
    assert mean(steps((0, 0.3)), 0, HOUR) == 0.3
    assert mean(steps((0, 0.3), (HOUR, 0.9)), 0, HOUR) == 0.3
    assert mean(steps((0, 0.3)), HOUR, HOUR) == 0.3


def test_a_flash_counts_nothing_however_large_and_however_often():
    flashes = [(HOUR, 0.99 if n % 2 else 0.5) for n in range(1, 1000)] + [(HOUR, 0.5)]
    assert mean(steps((0, 0.5), *flashes), 0, 2 * HOUR) == 0.5
    assert mean(steps((0, 0.5), (2 * HOUR, 0.99)), 0, 2 * HOUR) == 0.5


def test_the_price_for_decisions_moves_at_most_a_step_an_hour():
    # From 0.5 towards 0.9 it needs four hours at 0.1 an hour, and is at 0.55 on the mean of the first.
    path = steps((0, 0.5), (0, 0.9))
    assert mean(path, 0, HOUR) == pytest.approx(0.55, abs=1e-11)
    assert mean(path, HOUR, 2 * HOUR) == pytest.approx(0.65, abs=1e-11)
    assert mean(path, 0, 8 * HOUR) == pytest.approx((0.7 + 0.9) / 2, abs=1e-11)
    assert mean(path, 4 * HOUR, 5 * HOUR) == 0.9


@given(
    st.lists(st.tuples(st.integers(-5, 90_000), st.integers(1, 99)), min_size=1, max_size=8),
    st.integers(0, 40_000),
    st.integers(0, 60_000),
    st.floats(0.01, 10),
)
def test_the_mean_is_that_of_the_slow_follower_in_exact_steps(path, since, lasted, step):
    policy = Policy(signal_price_step=round(step, 3))
    path = [(max(0, seconds), price) for seconds, price in sorted(path)]
    path[0] = (0, path[0][1])
    until = since + lasted
    found = lagged(steps(*((s, p / 100) for s, p in path)), at(since), at(until), policy)
    speed = Fraction(policy.signal_price_step) / 3600
    seen, area, ends = Fraction(path[0][1], 100), Fraction(0), [*(s for s, _ in path[1:]), until]
    for (begins, price), end in zip(path, ends, strict=True):
        for start, stop, counts in ((begins, min(end, since), False), (max(begins, since), min(end, until), True)):
            if stop <= start:
                continue
            target, length = Fraction(price, 100), Fraction(stop - start)
            needed = abs(target - seen) / speed
            moving = min(needed, length)
            after = target if needed <= length else seen + (target - seen) * length / needed
            if counts:
                area += (seen + after) / 2 * moving + target * (length - moving)
            seen = after
    exact = area / lasted if lasted else seen
    # Moments are whole microseconds: each turn of the path may be late by one.
    assert found.prices[0] / ONE == pytest.approx(float(exact), abs=1e-8)
    assert sum(found.prices) == ONE and min(found.prices) >= 0


@given(st.lists(st.tuples(st.integers(0, 9000), st.integers(1, 99)), min_size=2, max_size=6), st.integers(0, 9000))
def test_trades_that_change_no_price_change_no_mean(path, cut):
    path = sorted(path)
    same = sorted(
        [*path, (max(cut, path[0][0]), next(p for s, p in reversed(path) if s <= max(cut, path[0][0])))],
        key=lambda each: each[0],
    )
    one, other = (mean(steps(*((s, p / 100) for s, p in each)), path[0][0], 10_000) for each in (path, same))
    assert one == pytest.approx(other, abs=1e-9)


def test_the_window_begins_with_the_first_trade_and_says_when_that_is_too_late():
    day = POLICY.signal_window_s
    assert price_window(None, at(day), POLICY) == (at(day), "nobody has traded yet")
    assert price_window(at(0), at(3 * day), POLICY) == (at(2 * day), None)
    assert price_window(at(0), at(HOUR), POLICY) == (at(0), None)
    since, unknown = price_window(at(1), at(HOUR), POLICY)
    assert since == at(1) and "less than 3600 s" in unknown
    assert lead_s(POLICY) == 10 * HOUR


def test_holdings_are_taken_on_the_mean_over_the_window():
    window = 100
    half = Traded((50 * 1_000_000 * 10, 0), 0)  # bought 10 in the middle of the window
    assert mean_shares((10, 0), half, window) == (5, 0)
    assert mean_shares((10, 0), None, window) == (10, 0)
    # Sold 10 of outcome 1 in the middle, and redeemed 4 sets at its end.
    assert mean_shares((6, 0), Traded((10 * 100 * 1_000_000, 0), 4 * 100 * 1_000_000), window) == (0, 4)


def holding(owner: str, now: tuple[int, ...], mean: tuple[int, ...] | None = None, cost: int = 99) -> Holding:
    return Holding(owner, owner.split("-", maxsplit=1)[0], False, now, now if mean is None else mean, cost)


HALF = (ONE // 2, ONE // 2)


def test_accounts_of_one_owner_are_netted_before_the_worst_case():
    apart = stakes_of([holding("a", (8, 0)), holding("b", (0, 8))], HALF)
    assert [(stake.owner, stake.risk) for stake in apart] == [("a", 4), ("b", 4)]
    assert stakes_of([holding("a-1", (8, 0)), holding("a-2", (0, 8))], HALF) == ()
    assert stakes_of([holding("a-1", (8, 0)), holding("a-2", (0, 2))], HALF) == (Stake("a", (6, 0), 3),)


def test_what_came_and_went_and_what_has_only_just_come_count_nothing():
    assert stakes_of([holding("a", (0, 0), (8, 0))], HALF) == ()
    assert stakes_of([holding("a", (8, 0), (0, 0))], HALF) == ()
    assert stakes_of([holding("a", (8, 0), (0, 8))], HALF) == ()
    assert stakes_of([holding("a", (8, 0), (6, 0))], HALF) == (Stake("a", (6, 0), 3),)


def test_what_counts_has_cost_something_and_is_worth_something():
    assert stakes_of([holding("a", (8, 0), cost=3)], HALF) == (Stake("a", (8, 0), 3),)
    assert stakes_of([holding("a", (8, 0), cost=8)], HALF) == (Stake("a", (8, 0), 4),)
    # Ten and two pay two whatever happens; of the eight left, four count and with them half of the cost.
    assert stakes_of([holding("a", (10, 2), (5, 1), cost=6)], HALF) == (Stake("a", (4, 0), 2),)


@given(st.lists(st.integers(1, 500 * T), min_size=1, max_size=5), st.integers(10 * T, 1000 * T))
def test_owners_together_count_what_they_paid_together(spends, liquidity):
    held, none = [0, 0], (0, 0)
    for spend in spends:
        held[0] += lmsr.shares_bought(held, liquidity, none, 0, spend)
    prices = lmsr.prices_of(held, liquidity, none)
    if min(prices) > ONE // 10**6:
        # Prices have twelve digits, which bounds how exactly the start can be found again.
        assert paid_for(held, prices, liquidity) == pytest.approx(sum(spends), abs=2 + 1e-5 * sum(held))


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=5), st.integers(0, 10**9))
def test_complete_sets_add_what_they_pay(shares, sets):
    prices = [ONE // len(shares)] * len(shares)
    prices[0] += ONE - sum(prices)
    more = [parts + sets for parts in shares]
    assert paid_for(more, prices, 50 * T) == pytest.approx(paid_for(shares, prices, 50 * T) + sets, abs=len(shares) * 2)


def test_prices_that_are_rounded_to_nothing_are_no_bug():
    assert paid_for((5 * T, 0), (ONE, 0), T) == 5 * T
    assert paid_for((0, 5 * T), (ONE, 0), T) in (0, 1)


def test_many_small_traders_count_as_many_and_one_large_as_one():
    even = [Stake(str(n), (1, 0), 7) for n in range(9)]
    assert effective_traders(even) == 9
    assert effective_traders([]) == 0
    assert 1 < effective_traders([*even, Stake("whale", (1, 0), 1000)]) < Fraction(12, 10)


def expected_loss(truth: float, start: float, target: float, b: int) -> float:
    """Tokens that buying from `start` to `target` costs on the mean if `truth` is how often the answer is yes."""
    prices = (round(start * ONE), ONE - round(start * ONE))
    offsets = lmsr.offsets_for(prices)
    outcome = 0 if target > start else 1
    logit = abs(math.log(target / (1 - target)) - math.log(start / (1 - start)))
    shares = round(b * logit)
    paid = lmsr.charge((0, 0), b, offsets, outcome, shares)
    return (paid - shares * (truth if outcome == 0 else 1 - truth)) / T


def best(gain, low: float, high: float) -> tuple[float, float]:
    """The largest value and where: a grid, then a golden section around its best point."""
    grid = [low + (high - low) * n / 200 for n in range(201)]
    peak = max(grid, key=gain)
    left, right = max(low, peak - (high - low) / 200), min(high, peak + (high - low) / 200)
    ratio = (math.sqrt(5) - 1) / 2
    for _ in range(40):
        one, two = right - ratio * (right - left), left + ratio * (right - left)
        left, right = (left, two) if gain(one) >= gain(two) else (one, right)
    return max((gain(x), x) for x in (peak, left, right))


@pytest.mark.parametrize("b", [100, 1_000, 10_000])
def test_the_best_pump_found_by_search_gains_no_more_than_the_bound(b):
    c = 1_000
    attack = attack_on(price=ONE // 2, worth=c * T, liquidity=b * T)
    bound = attack.bound / T
    assert bound == c * c / (8 * b)
    found = 0.0
    for truth in [n / 50 for n in range(1, 50)]:
        # Whoever pumps takes a right price, at which the market then stands, and pushes it where the worth pays.
        gained, where = best(lambda p, q=truth: c * abs(p - q) - expected_loss(q, q, p, b * T), 0.001, 0.999)
        assert gained <= bound + 1e-6, (truth, where)
        found = max(found, gained)
    # The bound is sharp where the step it asks for, c / (4 b), fits between 0 and 1.
    assert found >= 0.98 * bound if b > 500 else found <= c


@pytest.mark.parametrize("b", [100, 1_000, 10_000])
def test_the_same_search_on_the_claims_of_the_formula(b):
    bounty = 1_000 * T
    worth = worth_of_price(0, bounty, POLICY)
    assert worth == bounty

    def claim(price: float) -> float:
        return claim_of(Claim(EntityKey("gap", "g"), 0, bounty, round(price * ONE)), POLICY) / T

    bound = attack_on(price=ONE // 2, worth=worth, liquidity=b * T).bound / T
    for truth in [n / 50 for n in range(1, 50)]:
        gained, _ = best(lambda p, q=truth: claim(p) - claim(q) - expected_loss(q, q, p, b * T), 0.001, 0.999)
        assert gained <= bound + 1e-5


@given(st.integers(1, ONE - 1), st.integers(1, 10**12), st.integers(1, 10**12))
def test_what_holding_a_price_costs_is_what_the_maker_takes_from_who_knows_better(price, worth, liquidity):
    attack = attack_on(price=price, worth=worth, liquidity=liquidity)
    p = price / ONE
    assert attack.cost == pytest.approx(liquidity * min(-math.log(1 - p), -math.log(p)), rel=1e-3, abs=1)
    assert attack.prize == pytest.approx(worth * min(p, 1 - p), rel=1e-9, abs=1)
    assert holds(attack, POLICY) == (attack.cost >= attack.prize)
    assert holds(attack, Policy(signal_attack_cover=0))
    # Where a price may decide, the best pump gains at most 18 % of what its worth is.
    if holds(attack, POLICY) and attack.cost > 1000:
        assert attack.bound <= 0.19 * worth
