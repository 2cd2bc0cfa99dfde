"""Returns on spending: what a small sample says, and whom a rule on it would cap wrongly."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from scipy import stats

from scidex.atlas.roi import (
    Array,
    Prior,
    cap_threshold,
    group_prior,
    interval,
    prior_of_each,
    probability_below,
    roi_score,
    shrunk,
)

MEMBERS, DRAWS, SURE = 300, 400, 0.8


def a_group(die: np.random.Generator, members: int = MEMBERS, **world: float) -> tuple[Array, Array, Array]:
    """True rates, edges and tokens. Most members are small: half of them have spent less than 5,000 tokens, where one
    edge in 1,000 is usual; the rates of nine in ten lie within a factor of 27 of each other."""
    spread = world.get("spread", 1.0)
    spend = np.ceil(5_000 * np.exp(1.5 * die.standard_normal(members)))
    rates = 0.001 * np.exp(spread * die.standard_normal(members) - spread**2 / 2)
    return rates, die.poisson(rates * spend).astype(float), spend


def test_one_edge_in_200_tokens_does_not_outrank_300_in_100_000() -> None:
    _, edges, spend = a_group(np.random.default_rng(1))
    edges, spend = np.append(edges, [1.0, 300.0]), np.append(spend, [200.0, 100_000.0])
    lucky, proven = roi_score(edges, spend)[-2:]
    assert (lucky, proven) == (0.005, 0.003)
    prior = group_prior(edges, spend)
    believed_of_lucky, believed_of_proven = shrunk(edges, spend, prior)[-2:]
    assert believed_of_lucky < believed_of_proven
    low, high = interval(edges, spend, prior)
    assert low[-2] < low[-1] and high[-2] - low[-2] > high[-1] - low[-1]


def test_the_cap_rule_rarely_caps_an_above_median_entity_and_the_raw_ratio_often() -> None:
    die = np.random.default_rng(20_260_101)
    wrong, wrong_raw, above, caught, low = 0, 0, 0, 0, 0
    for _ in range(DRAWS):
        rates, edges, spend = a_group(die)
        prior = group_prior(edges, spend)
        capped = probability_below(edges, spend, cap_threshold(edges, spend, prior), prior) > SURE
        raw = roi_score(edges, spend)
        better = rates > np.median(rates)
        worse = rates < 0.5 * np.median(rates)
        wrong += int((capped & better).sum())
        wrong_raw += int(((raw < 0.5 * np.median(raw)) & better).sum())
        above += int(better.sum())
        caught += int((capped & worse).sum())
        low += int(worse.sum())
    sys.stdout.write(
        f"{DRAWS} draws of {MEMBERS}: above-median entities wrongly capped {wrong / above:.1%},"
        f" by the raw ratio {wrong_raw / above:.1%}; of those truly below the threshold {caught / low:.1%} capped\n"
    )
    assert wrong / above <= 0.03
    assert wrong_raw / above > 0.10
    # A rule that capped nobody would never be wrong either.
    assert caught / low > 0.25


def test_the_prior_finds_the_group_it_was_drawn_from() -> None:
    die = np.random.default_rng(3)
    spend = np.ceil(20_000 * np.exp(die.standard_normal(20_000)))
    edges = die.poisson(die.gamma(2.0, 1 / 1_000, size=20_000) * spend).astype(float)
    a, b = group_prior(edges, spend)
    assert a == pytest.approx(2.0, rel=0.1) and b == pytest.approx(1_000, rel=0.1)


def test_the_interval_holds_the_true_rate_as_often_as_it_says() -> None:
    die = np.random.default_rng(4)
    spend = np.ceil(3_000 * np.exp(1.5 * die.standard_normal(20_000)))
    rates = die.gamma(1.5, 1 / 1_500, size=20_000)
    edges = die.poisson(rates * spend).astype(float)
    low, high = interval(edges, spend, group_prior(edges, spend), 0.9)
    assert float(np.mean((low <= rates) & (rates <= high))) == pytest.approx(0.9, abs=0.01)


def test_the_probability_is_that_of_the_gamma_distribution() -> None:
    edges, spend = np.array([0.0, 2.5, 40.0]), np.array([10.0, 900.0, 30_000.0])
    expected = [stats.gamma(2 + e, scale=1 / (500 + s)).cdf(0.002) for e, s in zip(edges, spend, strict=True)]
    assert probability_below(edges, spend, 0.002, Prior(2.0, 500.0)) == pytest.approx(expected)


def test_zero_spend_is_unknown_in_every_figure_and_says_nothing_about_its_group() -> None:
    edges, spend = np.array([4.0, 0.0, 6.0]), np.array([0.0, 0.0, 2_000.0])
    prior = group_prior(edges, spend)
    assert prior == group_prior(edges[2:], spend[2:])
    low, high = interval(edges, spend, prior)
    for figure in (roi_score(edges, spend), shrunk(edges, spend, prior), low, high):
        assert np.isnan(figure).tolist() == [True, True, False]
    assert np.isnan(probability_below(edges, spend, 1.0, prior)).tolist() == [True, True, False]
    nobody = group_prior(edges[:2], spend[:2])
    assert np.isnan(shrunk(edges, np.ones(3), nobody)).all() and np.isnan(cap_threshold(edges, spend, nobody))


def test_a_group_whose_rates_differ_by_chance_alone_is_one_rate() -> None:
    edges, spend = np.array([5.0, 5.0, 5.0, 5.0]), np.full(4, 1_000.0)
    assert group_prior(edges, spend) == pytest.approx((20.0, 4_000.0))
    one = group_prior(edges[:1], spend[:1])
    assert shrunk(edges[:1], spend[:1], one) == pytest.approx([0.005])


def test_each_entity_is_held_against_its_own_type() -> None:
    die = np.random.default_rng(5)
    _, edges, spend = a_group(die, 200)
    types = ["gap" if place % 3 else "hypothesis" for place in range(200)]
    edges[::3] *= 10
    each = prior_of_each(types, edges, spend)
    mine = np.array([name == "hypothesis" for name in types])
    assert shrunk(edges, spend, each)[mine] == pytest.approx(
        shrunk(edges[mine], spend[mine], group_prior(edges[mine], spend[mine]))
    )
    assert prior_of_each([], np.array([]), np.array([])).a.shape == (0,)  # type: ignore[union-attr]
