"""The pool is shared exactly: as an independent oracle does in fractions, with all that must hold."""

import random
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest

from scidex.core.errors import Invalid
from scidex.exchange.resource_allocator import allocation as module
from scidex.exchange.resource_allocator.allocation import (
    LARGEST,
    Allocation,
    FloorAboveCap,
    LengthsDiffer,
    QuantityNegative,
    QuantityNotWhole,
    QuantityTooLarge,
    allocate,
    tie_order_of,
    verify,
)

CASES = 3_000


class Case(NamedTuple):
    """One input."""

    pool: int
    claims: list[int]
    floors: list[int] | None
    caps: list[int] | None
    ties: list[int] | None


def a_number(draw: random.Random, kind: str) -> int:
    if kind == "small":
        return draw.choice([0, 0, 1, 1, 2, 3, draw.randint(0, 9)])
    if kind == "huge":
        return draw.choice([0, 1, LARGEST, LARGEST - draw.randint(0, 9), draw.randint(0, LARGEST)])
    if kind == "close":  # ratios that differ by less than a float can tell
        return LARGEST // draw.choice([1, 1, 2]) - draw.randint(0, 12)
    return int(10 ** draw.uniform(0, 15.9)) * draw.randint(0, 1 + draw.randint(0, 4))


def a_case(seed: int) -> Case:
    """Small, huge, colliding and mixed numbers; with and without bounds; equal ratios; every size of pool."""
    draw = random.Random(seed)
    kind = ("small", "huge", "close", "mixed")[seed % 4]
    n = draw.choice([1, 2, 3, 5, 8, draw.randint(1, 40)])
    claims = [min(LARGEST, a_number(draw, kind)) for _ in range(n)]
    floors = [min(LARGEST, a_number(draw, kind)) for _ in range(n)] if draw.random() < 0.6 else None
    caps = [min(LARGEST, a_number(draw, kind)) for _ in range(n)] if draw.random() < 0.7 else None
    if draw.random() < 0.2:  # equal ratios: every cap a whole multiple of its claim
        claims = [claim // 8 for claim in claims]
        caps = [claim * 3 for claim in claims]
    if floors and caps is not None:
        if draw.random() < 0.5:
            floors = [min(floor, cap) for floor, cap in zip(floors, caps, strict=True)]
        else:  # tight: the cap is raised to the floor, so that many are equal
            caps = [max(floor, cap) for floor, cap in zip(floors, caps, strict=True)]
    if floors:
        floors = [floor // draw.choice([1, 2, 50, 10**4]) for floor in floors]
    least = sum(floors or [0])
    most = sum(caps or claims)
    pool = draw.choice(
        [0, least, least - 1, least + 1, most, most - 1, most + 1, draw.randint(0, max(1, most)), LARGEST]
        + [draw.randint(min(least, most), max(least, most)) for _ in range(20)]
    )
    ties = draw.sample(range(n), n) if draw.random() < 0.5 else None
    return Case(max(0, min(LARGEST, pool)), claims, floors, caps, ties)


def run(case: Case) -> Allocation:
    return allocate(case.pool, case.claims, case.floors, case.caps, tie_order=case.ties)


def prove(case: Case, result: Allocation) -> None:
    ties = list(range(len(case.claims))) if case.ties is None else case.ties
    verify(case.pool, case.claims, case.floors, case.caps, result, tie_order=ties)


def by_the_book(case: Case) -> Allocation:
    """The oracle: the definition in fractions, theta by bisection over the breakpoints, one sort to round."""
    n = len(case.claims)
    floors = case.floors or [0] * n
    if sum(floors) > case.pool:
        part = Fraction(case.pool, sum(floors))
        shares = [part * floor for floor in floors]
        return Allocation(hamilton(shares, case), part, ["floor"] * n, 0, "floors_exceed_pool")

    def share(theta: Fraction, i: int) -> Fraction:
        wanted = max(Fraction(floors[i]), theta * case.claims[i])
        return wanted if case.caps is None else min(Fraction(case.caps[i]), wanted)

    def handed_out(theta: Fraction) -> Fraction:
        return sum((share(theta, i) for i in range(n)), Fraction(0))

    bounds = [floors] if case.caps is None else [floors, case.caps]
    points = {Fraction(b, claim) for bound in bounds for b, claim in zip(bound, case.claims, strict=True) if claim}
    knots = sorted(points | {Fraction(0)})
    # One step past the last breakpoint is all that a straight line needs.
    knots.append(knots[-1] + 1)
    if case.caps is None and any(case.claims):
        knots.append(knots[-1] + case.pool)
    total = min(Fraction(case.pool), handed_out(knots[-1]))
    low, high = -1, len(knots) - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if handed_out(knots[middle]) >= total else (middle, high)
    theta = knots[high]
    if high:
        left, right = handed_out(knots[high - 1]), handed_out(theta)
        theta = knots[high - 1] + (theta - knots[high - 1]) * (total - left) / (right - left)
    binding = []
    for i, claim in enumerate(case.claims):
        capped = case.caps is not None and theta * claim >= case.caps[i]
        binding.append("floor" if theta * claim <= floors[i] else "cap" if capped else "none")
    grants = hamilton([share(theta, i) for i in range(n)], case)
    return Allocation(grants, theta, binding, case.pool - sum(grants), None)


def hamilton(shares: list[Fraction], case: Case) -> list[int]:
    grants = [share.numerator // share.denominator for share in shares]
    ties = range(len(shares)) if case.ties is None else case.ties
    queue = sorted(range(len(shares)), key=lambda i: (grants[i] - shares[i], ties[i]))
    for i in queue[: int(sum(shares)) - sum(grants)]:
        grants[i] += 1
    return grants


def test_three_thousand_random_pools_are_shared_as_the_oracle_does_and_proved() -> None:
    seen = set()
    for seed in range(CASES):
        case = a_case(seed)
        result = run(case)
        assert result == by_the_book(case), (seed, case)
        prove(case, result)
        seen |= {*result.binding, result.alarm, "left" if result.remainder else "all out"}
    assert seen == {"floor", "cap", "none", None, "floors_exceed_pool", "left", "all out"}


def test_sharing_conserves_and_keeps_every_bound() -> None:
    for seed in range(1_000):
        case = a_case(seed)
        result = run(case)
        n = len(case.claims)
        floors, caps = case.floors or [0] * n, case.caps or [LARGEST] * n
        assert sum(result.grants) + result.remainder == case.pool
        if result.alarm:
            assert sum(floors) > case.pool
            assert all(0 <= grant <= floor for grant, floor in zip(result.grants, floors, strict=True))
            continue
        for i, grant in enumerate(result.grants):
            assert floors[i] <= grant <= caps[i]
            assert grant == floors[i] or case.claims[i]
        if result.remainder:
            assert all(
                not claim or (case.caps and grant == cap)
                for claim, grant, cap in zip(case.claims, result.grants, caps, strict=True)
            )


def test_a_larger_pool_lowers_no_level_and_no_grant_by_more_than_the_one_unit_of_rounding() -> None:
    for seed in range(1_000):
        case = a_case(seed)
        larger = case._replace(pool=min(LARGEST, case.pool + random.Random(seed).choice([1, 2, 10, case.pool])))
        before, after = run(case), run(larger)
        if before.alarm == after.alarm:
            assert before.theta <= after.theta
        assert all(old - new <= 1 for old, new in zip(before.grants, after.grants, strict=True))


def test_where_the_shares_are_whole_a_larger_pool_lowers_no_grant() -> None:
    for pool in range(0, 3_000, 60):
        before, after = (allocate(p, [10, 20, 30], caps=[200, 600, 3_000]) for p in (pool, pool + 60))
        assert all(old <= new for old, new in zip(before.grants, after.grants, strict=True))


def test_the_order_of_the_claims_does_not_matter_when_ties_have_an_order() -> None:
    for seed in range(1_000):
        case = a_case(seed)
        n = len(case.claims)
        case = case._replace(ties=random.Random(-seed).sample(range(n), n))
        result = run(case)
        order = random.Random(seed).sample(range(n), n)
        moved = run(Case(case.pool, *(values and [values[i] for i in order] for values in case[1:])))
        assert moved.grants == [result.grants[i] for i in order]
        assert moved.binding == [result.binding[i] for i in order]
        assert moved.theta == result.theta


def test_arrays_and_lists_of_any_integer_give_the_same_and_are_left_alone() -> None:
    for seed in range(300):
        case = a_case(seed)
        arrays = [values and np.array(values, dtype=np.uint64) for values in case[1:4]]
        copies = [values is not None and values.copy() for values in arrays if values is not None]
        result = allocate(case.pool, *arrays, tie_order=case.ties)
        assert result == run(case)
        assert all(type(grant) is int for grant in result.grants)
        kept = [values for values in arrays if values is not None]
        assert all((a == b).all() for a, b in zip(copies, kept, strict=True))
    assert allocate(np.int32(5), [np.int64(1), 1], caps=(np.uint8(9), 9)).grants == [3, 2]


def test_hundreds_of_ratios_within_one_float_are_told_apart() -> None:
    base, sizes = 2**40, range(4_096, 8_192, 8)
    claims, caps = [base * k + 1 for k in sizes], list(sizes)
    assert len({cap / claim for cap, claim in zip(caps, claims, strict=True)}) <= 2
    assert len({Fraction(cap, claim) for cap, claim in zip(caps, claims, strict=True)}) == len(sizes)
    for at in (0, 1, 100, 255, 256, 400, len(sizes) - 1):
        # One more claim makes the sum whole just where the breakpoint of this one is the level.
        level = Fraction(caps[at], claims[at])
        last = -sum(claims[at + 1 :]) % level.denominator
        total = sum(caps[: at + 1]) + level * (last + sum(claims[at + 1 :]))
        assert total.denominator == 1
        case = Case(int(total), [*claims, last], None, [*caps, LARGEST], None)
        result = run(case)
        assert result.theta == level
        assert result == by_the_book(case)
        prove(case, result)


@pytest.mark.parametrize("pool", [3, 5, 7, 11])
def test_fractions_that_share_a_float_are_still_rounded_in_their_order(pool: int) -> None:
    claims = [LARGEST - 20 + i for i in range(20)]
    assert allocate(pool, claims).grants == [0] * (20 - pool) + [1] * pool


def test_a_crowd_of_a_hundred_thousand_huge_claims_is_proved() -> None:
    draw = np.random.default_rng(7)
    claims = LARGEST - draw.integers(0, 1_000, 100_000)
    caps = np.full(100_000, LARGEST // 100_000) + draw.integers(0, 3, 100_000)
    keys = tie_order_of("cycle", [str(i) for i in range(100_000)])
    result = allocate(LARGEST, claims, None, caps, tie_order=keys)
    verify(LARGEST, claims, None, caps, result, tie_order=keys)
    assert sum(result.grants) == LARGEST


def test_a_pool_as_large_as_the_claims_gives_each_its_claim() -> None:
    result = allocate(100, [50, 30, 20])
    assert (result.grants, result.theta) == ([50, 30, 20], 1)


def test_in_scarcity_all_shrink_in_proportion() -> None:
    assert allocate(50, [50, 30, 20], caps=[50, 30, 20]).grants == [25, 15, 10]


def test_what_a_capped_claim_cannot_take_goes_to_the_others() -> None:
    result = allocate(100, [50, 30, 20], caps=[10, 100, 100])
    assert (result.grants, result.binding) == ([10, 54, 36], ["cap", "none", "none"])


def test_a_floor_is_paid_by_all_who_stand_above_theirs() -> None:
    result = allocate(100, [80, 10, 10], floors=[0, 20, 0])
    assert (result.grants, result.binding) == ([71, 20, 9], ["none", "floor", "none"])


def test_nobody_takes_more_than_the_cap_and_the_rest_stays_in_the_pool() -> None:
    result = allocate(100, [1, 2, 0], floors=[0, 0, 5], caps=[10, 40, 50])
    assert (result.grants, result.remainder) == ([10, 40, 5], 45)
    assert (result.theta, result.binding) == (20, ["cap", "cap", "floor"])


def test_without_claims_each_gets_its_floor_and_the_level_is_zero() -> None:
    result = allocate(10, [0, 0], floors=[1, 2])
    assert (result.grants, result.theta, result.remainder) == ([1, 2], 0, 7)


def test_an_empty_pool_gives_nothing_at_level_zero() -> None:
    result = allocate(0, [3, 4])
    assert (result.grants, result.theta, result.alarm) == ([0, 0], 0, None)


def test_no_claims_give_an_empty_allocation() -> None:
    assert allocate(7, []) == Allocation([], Fraction(0), [], 7, None)
    verify(7, [], None, None, allocate(7, []))


def test_floors_above_the_pool_are_filled_in_proportion_and_raise_the_alarm() -> None:
    result = allocate(10, [1, 1, 1], floors=[20, 10, 0])
    assert result == Allocation([7, 3, 0], Fraction(1, 3), ["floor"] * 3, 0, "floors_exceed_pool")


def test_the_odd_unit_goes_to_the_lowest_key_and_without_keys_to_the_lowest_index() -> None:
    assert allocate(4, [1, 1, 1]).grants == [2, 1, 1]
    assert allocate(4, [1, 1, 1], tie_order=[b"c", b"b", b"a"]).grants == [1, 1, 2]
    assert allocate(1, [1, 1], floors=[1, 1], tie_order=[2, 1]).grants == [0, 1]


def test_the_published_order_depends_on_the_cycle_and_the_entity_alone() -> None:
    assert tie_order_of("c1", ["a", "b"]) == tie_order_of("c1", ["b", "a"])[::-1]
    assert tie_order_of("c1", ["a"]) != tie_order_of("c2", ["a"])


@pytest.mark.parametrize("bad", [1.0, float("nan"), True, np.True_, "3", None, Fraction(1), np.float64(2)])
@pytest.mark.parametrize("field", ["claims", "floors", "caps"])
def test_what_is_not_a_whole_number_is_refused_with_its_place(field: str, bad: Any) -> None:
    given = {"claims": [1, 2], "floors": [0, 0], "caps": [5, 5]} | {field: [1, bad]}
    with pytest.raises(QuantityNotWhole, match=rf"{field}\[1\]"):
        allocate(5, **given)
    with pytest.raises(QuantityNotWhole, match="pool"):
        allocate(bad, [1])


@pytest.mark.parametrize("claims", [np.array([1.0]), np.array([True]), np.array([[1]]), "12", np.array(["1"])])
def test_arrays_of_anything_but_integers_are_refused(claims: Any) -> None:
    with pytest.raises(QuantityNotWhole, match=r"claims\[0\]"):
        allocate(5, claims)


@pytest.mark.parametrize("bad", [-1, np.int8(-1), -(10**30)])
def test_numbers_below_zero_are_refused_with_their_place(bad: Any) -> None:
    with pytest.raises(QuantityNegative, match=r"claims\[1\]"):
        allocate(5, [1, bad])
    with pytest.raises(QuantityNegative, match="pool"):
        allocate(bad, [1])
    with pytest.raises(QuantityNegative, match=r"caps\[0\] is -2"):
        allocate(5, [1], caps=np.array([-2]))


@pytest.mark.parametrize("bad", [LARGEST + 1, 10**30, pytest.param(10**5_000, id="5,000 digits"), np.uint64(2**64 - 1)])
def test_numbers_beyond_the_largest_are_refused_with_their_place(bad: Any) -> None:
    with pytest.raises(QuantityTooLarge, match=r"floors\[0\]"):
        allocate(5, [1], floors=[bad])
    with pytest.raises(QuantityTooLarge, match="pool"):
        allocate(bad, [1])
    with pytest.raises(QuantityTooLarge, match=r"claims\[1\] is 18446744073709551615"):
        allocate(5, np.array([1, 2**64 - 1], dtype=np.uint64))


def test_lists_of_another_length_are_refused_by_name() -> None:
    for field in ("floors", "caps", "tie_order"):
        with pytest.raises(LengthsDiffer, match=f"{field} has 1 entries and there are 2 claims"):
            allocate(5, [1, 1], **{field: [3]})


def test_a_floor_above_its_cap_is_refused_with_its_place() -> None:
    with pytest.raises(FloorAboveCap, match=r"floors\[1\] is 3, above caps\[1\], which is 2"):
        allocate(5, [1, 1], floors=[0, 3], caps=[5, 2])


def test_every_refusal_is_invalid_and_documented() -> None:
    own = [kind for kind in vars(module).values() if isinstance(kind, type) and kind.__module__ == module.__name__]
    refusals = [kind for kind in own if issubclass(kind, Invalid)]
    assert len(refusals) == 5
    assert all(kind.__name__ in (allocate.__doc__ or "") for kind in refusals)


PROVED = Case(1_000, [50, 30, 20, 10, 0, 7], [0, 0, 300, 0, 5, 0], [100, 900, 900, 900, 900, 900], None)


def swapped(values: list[Any], i: int, value: Any) -> list[Any]:
    return [*values[:i], value, *values[i + 1 :]]


def test_the_proof_rejects_every_planted_change_and_names_the_place() -> None:
    honest = run(PROVED)
    prove(PROVED, honest)
    for i, grant in enumerate(honest.grants):
        for wrong in (grant + 1, grant - 1, float(grant), -grant - 1, np.int64(grant), None):
            with pytest.raises(AssertionError):
                prove(PROVED, replace(honest, grants=swapped(honest.grants, i, wrong)))
        for wrong in {"floor", "cap", "none", ""} - {honest.binding[i]}:
            with pytest.raises(AssertionError, match=rf"binding\[{i}\]"):
                prove(PROVED, replace(honest, binding=swapped(honest.binding, i, wrong)))
    little = Fraction(1, 10**40)
    for wrong in (honest.theta + little, honest.theta - little, -honest.theta, float(honest.theta)):
        with pytest.raises(AssertionError):
            prove(PROVED, replace(honest, theta=wrong))
    for change in (
        {"remainder": 1},
        {"remainder": -1},
        {"alarm": "floors_exceed_pool"},
        {"grants": honest.grants[:-1]},
        {"binding": [*honest.binding, "none"]},
    ):
        with pytest.raises(AssertionError):
            prove(PROVED, replace(honest, **change))


def test_the_proof_rejects_a_unit_moved_between_any_two_in_random_pools() -> None:
    moved = 0
    for seed in range(600):
        case = a_case(seed)
        honest = run(case)
        n = len(case.claims)
        if n == 1:
            continue
        i, j = random.Random(seed).sample(range(n), 2)
        grants = list(honest.grants)
        grants[i] += 1
        grants[j] -= 1
        with pytest.raises(AssertionError, match=r"\[\d+\]"):
            prove(case, replace(honest, grants=grants))
        moved += 1
    assert moved > 300


def test_the_proof_rejects_another_pool_another_claim_and_other_bounds() -> None:
    honest = run(PROVED)
    for other in (
        PROVED._replace(pool=1_001),
        PROVED._replace(pool=304),
        PROVED._replace(claims=swapped(PROVED.claims, 1, 31)),
        PROVED._replace(floors=swapped(PROVED.floors or [], 2, 301)),
        PROVED._replace(caps=swapped(PROVED.caps or [], 0, 101)),
    ):
        with pytest.raises(AssertionError):
            prove(other, honest)


def test_the_proof_rejects_units_kept_back_and_levels_higher_than_needed() -> None:
    with pytest.raises(AssertionError, match="index 1 could take some"):
        verify(10, [1, 1], None, [3, 9], Allocation([3, 3], Fraction(3), ["cap", "none"], 4))
    with pytest.raises(AssertionError, match="a smaller one gives the same"):
        verify(10, [1, 1], None, [3, 4], Allocation([3, 4], Fraction(5), ["cap", "cap"], 3))
    with pytest.raises(AssertionError, match="a smaller one gives the same"):
        verify(6, [1, 1], [1, 5], None, Allocation([1, 5], Fraction(1), ["floor", "floor"], 0))
    with pytest.raises(AssertionError, match="the grants sum to 9"):
        verify(10, [1, 1], None, None, Allocation([5, 4], Fraction(19, 4), ["none", "none"], 1))


def test_the_proof_rejects_an_alarm_without_reason_and_a_silent_shortage() -> None:
    with pytest.raises(AssertionError, match="alarm is floors_exceed_pool and must be None"):
        verify(3, [1, 1], [1, 2], None, replace(allocate(3, [1, 1], [1, 2]), alarm="floors_exceed_pool"))
    silent = replace(allocate(10, [1, 1], [20, 10]), alarm=None, binding=["none", "none"])
    with pytest.raises(AssertionError, match="alarm is None and must be floors_exceed_pool"):
        verify(10, [1, 1], [20, 10], None, silent)


def test_the_proof_rejects_a_smaller_fraction_rounded_up_and_a_tie_against_the_order() -> None:
    with pytest.raises(AssertionError, match=r"grants\[0\] was rounded up before grants\[1\]"):
        verify(2, [2, 1], None, None, Allocation([2, 0], Fraction(2, 3), ["none", "none"], 0))
    tied = Allocation([0, 1], Fraction(1, 2), ["none", "none"], 0)
    verify(1, [1, 1], None, None, tied)
    with pytest.raises(AssertionError, match=r"grants\[1\] was rounded up before grants\[0\]"):
        verify(1, [1, 1], None, None, tied, tie_order=[0, 1])
    verify(1, [1, 1], None, None, Allocation([1, 0], tied.theta, tied.binding, 0), tie_order=[3, 3])
