"""Liquidity from a budget, and changes of it that are planned: in time, in order, once, and without moving a price."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import DAWN, FakeClock, T, Town

from scidex import lab
from scidex.actors import RoleNeeded, register_actor
from scidex.core.errors import Refusal
from scidex.core.settings import Settings
from scidex.core.units import AmountNotPositive
from scidex.economy import Economy
from scidex.exchange.liquidity import (
    Change,
    ChangeEndedAlready,
    ChangeNotDue,
    PlanInvalid,
    PlannedChange,
    TooManyChanges,
    UnknownChange,
    cancel_change,
    carry_out_due_changes,
    find_changes,
    plan_liquidity,
)
from scidex.exchange.markets import (
    LiquidityInvalid,
    LiquiditySourceInvalid,
    MarketClosed,
    NotYourMarket,
    PriceUnsettled,
    change_liquidity,
    close_market,
    find_market,
    liquidity_for,
    lmsr,
    open_market,
    place_order,
    pool_liquidity,
)
from scidex.ledger import AccountKey, find_account, issue, sums_by_unit, wallet_of
from scidex.policy import Policy

HOUR = timedelta(hours=1)
TREASURY = AccountKey("pool:treasury", "pool", "token")


def plan(town: Town, *changes: tuple[float, float], market: str = "m", actor: str = "maker") -> tuple[Change, ...]:
    asked = [PlannedChange(DAWN + hours * HOUR, round(tokens * T)) for hours, tokens in changes]
    return plan_liquidity(town.as_actor(actor), market=market, changes=asked).result.changes


def test_changes_come_in_time_and_no_price_moves(town):
    market, alice = town.market("m", outcomes=("a", "b", "c")), town.actor("alice")
    place_order(town.as_actor(alice), market=market, outcome="a", spend=30 * T)
    plan(town, (2, 30), (1, 400))
    before = find_market(town.tx, market)
    assert carry_out_due_changes(town.tx) == []
    for hours, liquidity in ((1, 400), (1, 30)):
        town.pass_by(hours * 3600)
        (done,) = carry_out_due_changes(town.as_actor("system"))
        found = find_market(town.tx, market)
        assert (done.result.change.state, found.liquidity) == ("done", liquidity * T)
        again = lmsr.prices_of(found.shares, found.liquidity, found.offsets)
        assert found.prices == before.prices
        assert max(abs(one - other) for one, other in zip(again, before.prices, strict=True)) <= 1
        assert done.result.change.paid == found.subsidy - before.subsidy if liquidity == 400 else True
        assert sums_by_unit(town.tx)["token"] == 0
    later, earlier = find_changes(town.tx, market=market)
    assert (earlier.liquidity, later.liquidity) == (400 * T, 30 * T)
    assert earlier.paid > 0 > later.paid


def test_who_pushes_the_price_before_a_planned_change_is_not_paid_for_it(town):
    """Before there was this rule alice had 11 tokens out of it: b KL(0.731 || 0.5)."""
    market, alice = town.market("m"), town.actor("alice")
    plan(town, (2, 400))
    town.pass_by(2 * 3600)
    bought = place_order(town.as_actor(alice), market=market, outcome="yes", shares=100 * T).result
    assert carry_out_due_changes(town.as_actor(alice)) == []
    with pytest.raises(
        PriceUnsettled, match=r"'yes' is 0\.731059, and was 0\.5 within the last 3600 s, more than 0\.02"
    ):
        change_liquidity(town.as_actor("maker"), market=market, liquidity=400 * T)
    # Down it may go at once: who sells into a smaller market gets less.
    change_liquidity(town.as_actor("maker"), market=market, liquidity=99 * T)
    town.pass_by(3000)
    assert carry_out_due_changes(town.tx) == []
    sold = place_order(town.as_actor(alice), market=market, outcome="yes", side="sell", shares=100 * T).result
    assert bought.paid + sold.paid > 0
    # She kept it up for most of an hour: it settles an hour after her sale, and not before.
    assert carry_out_due_changes(town.tx) == []
    town.pass_by(3600)
    (done,) = carry_out_due_changes(town.tx)
    assert (done.result.change.state, find_market(town.tx, market).liquidity) == ("done", 400 * T)
    assert lab.audit(town.tx).ok


def test_what_is_late_still_comes_in_order(town):
    town.market("m")
    plan(town, (3, 50), (1, 200), (2, 10))
    town.pass_by(5 * 3600)
    done = [receipt.result.change.liquidity for receipt in carry_out_due_changes(town.as_actor("system"))]
    assert done == [200 * T, 10 * T, 50 * T]
    assert find_market(town.tx, "m").liquidity == 50 * T


def test_a_change_that_cannot_be_paid_is_skipped_whole_and_says_why(town):
    town.market("m", liquidity=10)
    plan(town, (1, 10_000), (2, 20))
    funds, market = find_account(town.tx, wallet_of("maker")), find_market(town.tx, "m")
    town.pass_by(3600)
    (skipped,) = carry_out_due_changes(town.as_actor("system"))
    assert skipped.result.change.state == "skipped"
    assert skipped.result.change.why.startswith("insufficient_funds: ")
    assert (find_account(town.tx, wallet_of("maker")), find_market(town.tx, "m")) == (funds, market)
    town.pass_by(3600)
    (done,) = carry_out_due_changes(town.tx)
    assert done.result.change.state == "done"


def test_changes_of_a_market_that_has_ended_are_skipped(town):
    town.market("m")
    register_actor(town.as_actor("operator"), name="judge", roles=("resolver",))
    plan(town, (1, 200))
    close_market(town.as_actor("judge"), market="m")
    town.pass_by(3600)
    (skipped,) = carry_out_due_changes(town.as_actor("system"))
    assert skipped.result.change.why.startswith("market_closed: ")


def test_a_change_is_taken_back_by_who_may_plan_it(town):
    town.market("m")
    stranger = town.actor("stranger")
    one, other = plan(town, (1, 200), (2, 300))
    with pytest.raises(NotYourMarket):
        cancel_change(town.as_actor(stranger), market="m", change=one.change)
    assert cancel_change(town.as_actor("maker"), market="m", change=one.change).result.change.state == "cancelled"
    assert cancel_change(town.as_actor("operator"), market="m", change=other.change).result.change.state == "cancelled"
    with pytest.raises(ChangeEndedAlready):
        cancel_change(town.tx, market="m", change=one.change)
    with pytest.raises(UnknownChange):
        cancel_change(town.tx, market="m", change="l0-1")
    town.pass_by(9999)
    assert carry_out_due_changes(town.tx) == []


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ((), PlanInvalid),
        (((0, 10),), PlanInvalid),  # not later
        (((30, 10),), PlanInvalid),  # not before the close
        (((1, 10), (1, 20)), PlanInvalid),  # twice at once
        (((1, 0),), AmountNotPositive),
        (((1, 0.001),), LiquidityInvalid),
        (tuple((1 + place / 100, 10) for place in range(101)), TooManyChanges),
    ],
)
def test_bad_plans_are_refused_whole(town, changes, refusal):
    town.market("m", closes_at=DAWN + 24 * HOUR)
    with pytest.raises(refusal):
        plan(town, *changes)
    assert find_changes(town.tx, market="m") == []
    plan(town, (5, 10))
    with pytest.raises(PlanInvalid, match="two changes"):
        plan(town, (5, 20))


def test_only_the_funder_and_operators_plan_and_only_while_it_is_open(town):
    town.market("m", closes_at=DAWN + HOUR)
    with pytest.raises(NotYourMarket):
        plan(town, (0.5, 20), actor=town.actor("stranger"))
    plan(town, (0.5, 20), actor="operator")
    town.pass_by(3600)
    with pytest.raises(MarketClosed):
        plan(town, (2, 20))


def test_two_workers_carry_out_each_change_once(new_database: Callable[[], str], clock: FakeClock):
    settings = Settings(home=Path("/nonexistent"), database_url=new_database())

    def prepare(tx):
        town = Town(tx)
        for number in range(10):
            town.market(f"m{number}")
            plan(town, *[(1 + place, 50 + place) for place in range(5)], market=f"m{number}")

    with Economy.open(settings, clock=clock) as one, Economy.open(settings, clock=clock) as two:
        one.run(prepare, actor="operator")
        clock.pass_by(5 * 3600)
        with ThreadPoolExecutor(2) as workers:
            done = list(workers.map(lambda economy: economy.expire_due(), (one, two)))
        assert sum(done) == 50
        with one.reading() as tx:
            assert {find_market(tx, f"m{number}").liquidity for number in range(10)} == {54 * T}
            assert lab.audit(tx).ok


def test_a_later_change_does_not_overtake(town):
    from scidex.core.journal import Request, perform_one
    from scidex.exchange.liquidity import CarryOutChange

    town.market("m")
    _, later = plan(town, (1, 10), (2, 20))
    town.pass_by(9000)
    with pytest.raises(ChangeNotDue):
        perform_one(town.tx, Request(CarryOutChange("m", later.change), "system"))


# Liquidity from a budget


@given(
    st.integers(1, 10**12),
    st.lists(st.integers(10**9, 10**12), min_size=2, max_size=6).map(
        lambda parts: [part * lmsr.PRICE_ONE // sum(parts) for part in parts]
    ),
)
def test_a_subsidy_buys_the_largest_liquidity_that_it_covers(subsidy, prices):
    prices[0] += lmsr.PRICE_ONE - sum(prices)
    offsets = lmsr.offsets_for(prices)
    found = liquidity_for(subsidy, offsets)
    assert found == 0 or lmsr.subsidy(found, offsets) <= subsidy
    assert lmsr.subsidy(found + 1, offsets) > subsidy


def test_a_market_opens_with_a_subsidy(town):
    artifact = town.artifact("tau")
    maker = town.actor("maker")
    opened = open_market(
        town.as_actor(maker),
        market="m",
        artifact=artifact,
        question="?",
        subsidy=10 * T,
        prices=(10**12 // 4 * 3, 10**12 // 4),
    )
    market = find_market(town.tx, "m")
    assert opened.result.subsidy == market.subsidy <= 10 * T
    assert find_account(town.tx, wallet_of(maker)).balance == 100 * T - market.subsidy
    assert 10 * T - market.subsidy <= 2  # what one part more of liquidity costs


def test_a_pool_shares_what_it_has_among_the_markets_that_it_funds(town):
    issue(town.as_actor("operator"), account=TREASURY, amount=1000 * T, reason="seed")
    policy = Policy()
    for funded, name in enumerate(("one", "two", "three")):
        artifact = town.artifact(name)
        free = find_account(town.tx, TREASURY).balance
        open_market(town.as_actor("operator"), market=name, artifact=artifact, question="?", treasury="treasury")
        assert (
            find_market(town.tx, name).liquidity == free // 10 // (funded + 1) == pool_liquidity(free, funded, policy)
        )
    assert pool_liquidity(0, 0, policy) == policy.liquidity_pool_min * T
    assert pool_liquidity(10**15, 0, policy) == policy.liquidity_pool_max * T


@pytest.mark.parametrize("terms", [{}, {"liquidity": 5 * T, "subsidy": 5 * T}])
def test_liquidity_has_one_source(town, terms):
    with pytest.raises(LiquiditySourceInvalid):
        open_market(town.as_actor("operator"), market="m", artifact=town.artifact("tau"), question="?", **terms)


def test_a_pool_is_the_operators_and_a_tiny_subsidy_too_little(town):
    artifact, maker = town.artifact("tau"), town.actor("maker")
    with pytest.raises(RoleNeeded):
        open_market(town.as_actor(maker), market="m", artifact=artifact, question="?", treasury="treasury")
    for subsidy, refusal in ((1, LiquidityInvalid), (0, AmountNotPositive), (-1, AmountNotPositive), ("a", Refusal)):
        with pytest.raises(refusal):
            open_market(town.tx, market="m", artifact=artifact, question="?", subsidy=subsidy)
