"""What a review decides, over random worlds: it conserves, bounds, steps, dwells, and comes to rest."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scidex.policy import Policy
from scidex.senate.reviews.planning import (
    BINDINGS,
    DAILY,
    ONE,
    SCARCE,
    UNKNOWN,
    WEEKLY,
    Inputs,
    Plan,
    dominant_floors,
    plan_review,
    ppm,
    worth,
)

UNITS = ("llm_reasoning", "llm_standard", "cpu_seconds")
WEEK = 7 * 86_400


def world(seed: int, size: int) -> Inputs:
    """A made-up fleet: some budgets, some scores, some markets, some returns; much of it unknown."""
    dice = np.random.default_rng(seed)
    units = UNITS[: int(dice.integers(1, len(UNITS) + 1))]
    shape = (len(units), size)
    scale = 10 ** int(dice.integers(1, 11))

    def fractions(least: int, most: int) -> np.ndarray:
        return np.where(dice.random(size) < 0.3, UNKNOWN, dice.integers(least, most + 1, size))

    old = dice.integers(0, scale, shape) * (dice.random(shape) < 0.7)
    return Inputs(
        units=units,
        free=tuple(int(dice.integers(0, scale * size)) for _ in units),
        old=old,
        held=(old * dice.random(shape) * (dice.random(shape) < 0.3)).astype(np.int64),
        spent=dice.integers(0, scale, shape) * (dice.random(shape) < 0.5),
        voted=dice.integers(0, scale, shape) * (dice.random(shape) < 0.1),
        direction=dice.integers(-1, 2, shape),
        moved_at=dice.integers(0, 4 * WEEK, shape),
        score=fractions(0, ONE),
        market_weight=fractions(-ONE, ONE),
        weight_before=fractions(-ONE, ONE),
        capital=dice.integers(0, 10**10, size) * (dice.random(size) < 0.5),
        credit=dice.integers(0, 10**8, size) * (dice.random(size) < 0.2),
        low=fractions(0, ONE),
        strong=fractions(0, ONE),
        low_reviews=dice.integers(0, 4, size),
        order=[hashlib.sha256(f"{seed}|{row}".encode()).digest() for row in range(size)],
        now=4 * WEEK,
        sort=WEEKLY if dice.random() < 0.8 else DAILY,
    )


def after(before: Inputs, made: Plan) -> Inputs:
    """The same world when the review is enacted and a week has gone by in which nothing happened."""
    moved = made.new - before.old
    free = tuple(left - int(row.sum()) for left, row in zip(before.free, moved, strict=True))
    return replace(
        before,
        free=free,
        old=made.new,
        direction=np.where(moved != 0, np.sign(moved), before.direction),
        moved_at=np.where(moved != 0, before.now, before.moved_at),
        low_reviews=made.low_reviews,
        now=before.now + WEEK,
    )


def check(before: Inputs, made: Plan, policy: Policy) -> None:
    """Everything that holds of every review."""
    for place, unit in enumerate(before.units):
        old, new, held = before.old[place], made.new[place], before.held[place]
        target, whole = made.target[place], before.free[place] + int(before.old[place].sum())
        assert made.whole[place] == whole
        assert int(new.sum()) <= whole, "the grants are more than the pool"
        assert (new >= np.minimum(held, old)).all(), "what is reserved was taken"
        assert (new >= 0).all()
        # Never away from the target, never past it.
        assert (np.minimum(old, target) <= new).all() or (before.held[place] > target).any()
        assert (new <= np.maximum(old, target)).all()
        assert made.after[place] <= made.before[place]
        step = np.maximum(
            np.maximum(old, target) * ppm(policy.review_step_share) // ONE,
            worth(np.array([ppm(policy.review_step_tokens)]), unit, policy)[0],
        )
        assert (np.abs(new - old) <= step).all(), "a step too far"
        lately = (before.moved_at[place] + policy.review_dwell_s > before.now) & (before.direction[place] != 0)
        assert not (lately & (np.sign(new - old) * before.direction[place] < 0)).any(), "turned round too soon"
        # No more than the claims say, where a rise is concerned.
        most = worth(made.market, unit, policy) + worth(made.merit, unit, policy)
        lot = worth(np.array([ppm(policy.review_exploration_tokens)]), unit, policy)[0]
        rises = new > old
        assert (new[rises] <= (most + np.where(made.drawn, lot, 0))[rises]).all(), "more than the claim"
        assert not (rises & made.capped).any(), "a low return was given more"
        if before.sort == WEEKLY:
            free = np.maximum(target - np.minimum(before.voted[place], old), 0)
            assert int(free.sum()) <= whole
        else:
            assert not rises.any()
        # In scarcity nothing is left over: what the pool has is handed out.
        if (made.binding[place] == SCARCE).any():
            assert int(new.sum()) == whole
        assert set(np.unique(made.binding[place]).tolist()) <= set(range(len(BINDINGS)))


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 40))
def test_3000_random_reviews_conserve_bound_step_and_dwell(seed: int, size: int) -> None:
    dice, policy, now = np.random.default_rng(seed + 1), Policy(), world(seed, size)
    for _ in range(10):
        made = plan_review(now, policy)
        check(now, made, policy)
        now = after(now, made)
        # Prices, votes, signals, spending: whatever happens meanwhile.
        fresh = world(int(dice.integers(2**32)), size)
        now = replace(
            now, score=fresh.score, market_weight=fresh.market_weight, capital=fresh.capital, low=fresh.low,
            strong=fresh.strong, held=np.minimum(now.held, now.old), order=fresh.order, sort=fresh.sort,
        )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 30))
def test_reviews_of_an_unchanged_world_come_to_rest(seed: int, size: int) -> None:
    policy, now = Policy(), replace(world(seed, size), sort=WEEKLY, spent=np.zeros((1, 1), dtype=np.int64))
    now = replace(now, spent=np.zeros_like(now.old), held=np.zeros_like(now.old))
    targets = None
    for count in range(200):
        made = plan_review(now, policy)
        same = targets is not None and (made.target == targets).all()
        if same and (made.new == now.old).all() and count > 4:
            assert made.after == made.before
            break
        targets, now = made.target, after(now, made)
    else:
        raise AssertionError("it never comes to rest")


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 60))
def test_market_weights_of_one_for_all_never_grant_more_than_the_pool(seed: int, size: int) -> None:
    now = replace(world(seed, size), sort=WEEKLY)
    now = replace(now, score=np.full(size, ONE), market_weight=np.full(size, ONE), capital=np.full(size, 10**12))
    policy = Policy(review_base_tokens=Decimal(10**6))
    made = plan_review(now, policy)
    check(now, made, policy)
    assert all(int(row.sum()) <= whole for row, whole in zip(made.new, made.whole, strict=True))


def lone(**facts: object) -> Inputs:
    """Two artifacts that know nothing and have nothing, in one unit, with 10,000 free."""
    empty = np.zeros((1, 2), dtype=np.int64)
    unknown = np.full(2, UNKNOWN, dtype=np.int64)
    none = np.zeros(2, dtype=np.int64)
    base = Inputs(
        units=("llm_reasoning",), free=(10_000,), old=empty, held=empty, spent=empty, voted=empty, direction=empty, moved_at=empty,
        score=unknown, market_weight=unknown, weight_before=unknown, capital=none, credit=none, low=unknown,
        strong=unknown, low_reviews=none, order=[b"a", b"b"], now=0,
    )  # fmt: skip
    return replace(base, **facts)  # type: ignore[arg-type]


def test_the_formula_is_the_specifications() -> None:
    """effective_budget = base_budget * (1 + market_weight), of those over the threshold; 20 LLM tokens a token."""
    given = lone(
        free=(10**9,), score=np.array([500_000, 299_999]), market_weight=np.array([-250_000, ONE]),
        old=np.array([[9_000, 0]]), moved_at=np.array([[0, 0]]),
    )  # fmt: skip
    made = plan_review(given, Policy(review_exploration_share=Decimal(0)))
    assert made.merit.tolist() == [375_000_000, 0]
    assert made.target.tolist() == [[7_500, 0]] and made.eligible.tolist() == [True, False]
    assert made.new.tolist() == [[7_500, 0]] and made.binding.tolist() == [[0, 5]]


def test_an_unknown_score_gets_only_what_lots_and_capital_bring() -> None:
    made = plan_review(lone(), Policy(review_exploration_share=Decimal("0.2")))
    # Sleeve 2,000; a slot is 200 tokens, worth 4,000: so one place, with all of the sleeve.
    assert made.drawn.tolist() == [True, False] and made.propensity == ONE // 2
    assert made.new.tolist() == [[2_000, 0]] and made.merit.tolist() == [0, 0]


def test_a_low_return_is_capped_and_when_it_lasts_cut() -> None:
    score = np.array([ONE, ONE])
    given = lone(score=score, low=np.array([900_000, 100_000]), old=np.array([[1_000, 1_000]]), free=(8_000,))
    capped = plan_review(given, Policy(review_exploration_share=Decimal(0)))
    assert capped.capped.tolist() == [True, False] and capped.cut.tolist() == [False, False]
    assert capped.target.tolist() == [[1_000, 9_000]] and capped.low_reviews.tolist() == [1, 0]
    lasting = replace(given, low_reviews=capped.low_reviews, free=(100_000,))
    cut = plan_review(lasting, Policy(review_exploration_share=Decimal(0), review_base_tokens=Decimal(50)))
    assert cut.cut.tolist() == [True, False]
    assert cut.target.tolist() == [[500, 1_000]], "half of its claim, the other its whole claim"


def test_a_daily_review_cuts_what_burns_for_a_low_return_and_raises_nothing() -> None:
    given = lone(
        sort=DAILY, score=np.array([ONE, ONE]), low=np.array([900_000, UNKNOWN]), old=np.array([[4_000, 4_000]]),
        spent=np.array([[4_000, 4_000]]),
    )  # fmt: skip
    made = plan_review(given, Policy())
    assert made.cut.tolist() == [True, False] and made.new.tolist() == [[2_000, 4_000]]


def test_what_a_proposal_has_granted_of_late_is_not_cut() -> None:
    given = lone(old=np.array([[1_000, 1_000]]), voted=np.array([[900, 0]]), free=(0,))
    made = plan_review(given, Policy(review_exploration_share=Decimal(0), review_step_tokens=Decimal(1000)))
    assert made.target.tolist() == [[900, 0]] and made.new.tolist() == [[900, 0]]


def test_a_credit_adds_to_the_claim_of_who_gave_back() -> None:
    given = lone(free=(10**9,), score=np.array([ONE, ONE]), credit=np.array([0, 40_000_000]))
    made = plan_review(given, Policy(review_exploration_share=Decimal(0)))
    assert (made.merit[1] - made.merit[0]) == 40_000_000


def test_floors_are_equal_in_the_dominant_resource() -> None:
    dice = np.random.default_rng(3)
    for _ in range(50):
        needs = dice.integers(0, 10**6, (3, 30)) * (dice.random((3, 30)) < 0.6)
        wholes = [int(row.sum()) + 1 for row in needs]
        floors = dominant_floors(needs, wholes, Fraction(1, 10))
        assert (floors <= needs).all()
        shares = (floors / np.array(wholes)[:, None]).max(axis=0)
        for row, whole in zip(floors, wholes, strict=True):
            assert int(row.sum()) <= whole // 10
        # Whoever has less than another is held by a unit that is used up, or has all that it needs.
        used_up = [int(row.sum()) >= whole // 10 - 31 for row, whole in zip(floors, wholes, strict=True)]
        for one in range(30):
            full = (floors[:, one] >= needs[:, one] - 1).all()
            bound = any(used and needs[place, one] > 0 for place, used in enumerate(used_up))
            assert full or bound or shares[one] >= shares.max() - 1e-5
