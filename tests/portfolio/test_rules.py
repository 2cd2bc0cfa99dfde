"""The worst case of linked markets, the curve, drawdown and Sharpe on cases that can be done by hand."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from scidex.entities import EntityKey
from scidex.exchange.markets import Market, OpenMarket, Position, new_market
from scidex.exchange.portfolio import (
    Forecast,
    Held,
    Line,
    Point,
    bins_of,
    drawdown_of,
    exposures_of,
    line_of,
    midnights,
    scores_of,
    sharpe_of,
    warning_of,
    wilson,
    worst_case,
)

T = 1_000_000
DAWN = datetime(2026, 1, 1, tzinfo=UTC)


def a_market(name: str, artifact: str = "a", outcomes: tuple[str, ...] = ("yes", "no")) -> Market:
    command = OpenMarket(name, EntityKey("gap", artifact), "?", outcomes, 100 * T)
    return new_market(command, funder="actor:maker", now=DAWN)._replace(shares=(9 * T,) * len(outcomes))


def a_line(market: Market, shares: tuple[int, ...], paid: int = 0) -> Line:
    cost = (paid, *(0 for _ in shares[1:]))
    return line_of(Held(market, Position(market.market, "x", shares, cost, paid, 0, None), None))


def test_linked_markets_end_alike_and_others_each_at_their_worst():
    yes, no = (5 * T, 0), (0, 4 * T)
    linked = [a_line(a_market("m1"), yes, paid=3 * T), a_line(a_market("m2"), no, paid=T)]
    assert worst_case(linked) == 4 * T - 4 * T
    apart = [a_line(a_market("m1"), yes, paid=3 * T), a_line(a_market("m2", "b"), no, paid=T)]
    assert worst_case(apart) == -4 * T
    other_outcomes = [linked[0], a_line(a_market("m3", outcomes=("up", "down")), no, paid=T)]
    assert worst_case(other_outcomes) == -4 * T


def test_exposure_is_warned_of_in_artifacts_and_domains():
    large, small = a_line(a_market("m1"), (8 * T, 0)), a_line(a_market("m2", "b"), (T, 0))
    large = large._replace(held=large.held._replace(domain="genetics"))
    found = exposures_of([large, small], Decimal("0.5"))
    assert {(each.sort, each.name): each.over for each in found} == {
        ("artifact", "gap a"): True, ("artifact", "gap b"): False, ("type", "gap"): False,
        ("domain", "genetics"): True, ("domain", "unknown"): False,
    }  # fmt: skip
    assert sum(each.value for each in found if each.sort == "domain") == large.exit_value + small.exit_value
    assert "of the value is in artifact gap a, above the limit of 50%" in warning_of(found[0], Decimal("0.5"))
    assert exposures_of([], Decimal(1)) == ()


def points(*equities: int, every_h: float = 24) -> list[Point]:
    return [Point(DAWN + timedelta(hours=every_h * n), equity, 0) for n, equity in enumerate(equities)]


def test_drawdown_is_the_deepest_fall_below_the_highest_point_before():
    assert drawdown_of(points(0, 5, 2, 9, 1, 8)) == 8
    assert drawdown_of(points(-3, -1)) == 3
    assert drawdown_of([]) == 0


def test_sharpe_is_of_daily_changes_and_needs_three_days():
    assert sharpe_of(points(0, 1, 3)) is None
    assert sharpe_of(points(0, 1, 2, 3)) is None  # no variation
    changes = [1, 2, 3]
    assert sharpe_of(points(0, 1, 3, 6)) == pytest.approx(2 / 1 * math.sqrt(365)) and sum(changes) == 6
    # What happens within a day does not count.
    noisy = sorted([*points(0, 1, 3, 6), Point(DAWN + timedelta(hours=30), 999, 0)], key=lambda point: point.at)
    assert sharpe_of(noisy) == sharpe_of(points(0, 1, 3, 6))


def test_midnights_are_later_than_the_first_moment():
    assert midnights(DAWN, DAWN + timedelta(hours=47)) == [DAWN + timedelta(days=1)]
    assert midnights(DAWN + timedelta(hours=1), DAWN + timedelta(hours=24)) == [DAWN + timedelta(days=1)]
    assert midnights(DAWN, DAWN) == []


def test_forecasts_are_scored_beside_the_prices_that_they_found():
    scores = scores_of([Forecast("m", 0.5, 0.8, True), Forecast("n", 0.5, 0.8, False)])
    assert (scores.forecasts, scores.markets) == (2, 2)
    assert scores.brier == pytest.approx((0.04 + 0.64) / 2) and scores.brier_at_entry == 0.25
    assert scores.log_score_at_entry == pytest.approx(math.log(2))
    (found,) = bins_of([Forecast("m", 0.5, 0.85, True), Forecast("n", 0.5, 0.8, False)])
    assert found[:5] == (0.8, 0.9, 2, pytest.approx(0.825), 0.5)
    assert bins_of([Forecast("m", 0.5, 1.0, True)])[0].low == 0.9
    assert scores_of([Forecast("m", 0.5, 0.0, True)]).log_score < 28


@pytest.mark.parametrize("count", [1, 2, 10, 1000])
def test_wilson_holds_the_share_and_solves_its_equation(count):
    for came in (0, 1, count // 2, count):
        low, high = wilson(came, count)
        assert 0 <= low <= came / count <= high <= 1
        for end in (low, high):
            if 0 < end < 1:
                z = (came / count - end) / math.sqrt(end * (1 - end) / count)
                assert abs(z) == pytest.approx(1.95996, abs=1e-4)
