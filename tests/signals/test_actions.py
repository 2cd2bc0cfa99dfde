"""What decisions read, from recorded markets: wash trades, hedges and flashes add nothing to any budget."""

from __future__ import annotations

import random
from datetime import timedelta
from fractions import Fraction

import pytest

from scidex.actors import register_actor
from scidex.core.errors import Refusal
from scidex.core.journal import Request, perform
from scidex.entities import EntityKey, RegisterEntity
from scidex.exchange.bounties import offer_bounty
from scidex.exchange.markets import (
    Order,
    cancel_order,
    close_market,
    find_market,
    find_orders,
    find_positions,
    find_trades,
    lmsr,
    place_limit_order,
    place_order,
    resolve_market,
)
from scidex.exchange.resource_allocator import compute_resource_budget, find_standings, get_resource_budget_rankings
from scidex.exchange.resource_allocator.store import find_candidates
from scidex.exchange.signals import find_signals
from scidex.policy import current

T, ONE, DAY = 1_000_000, lmsr.PRICE_ONE, 86_400


@pytest.fixture
def market(town):
    """A market that an honest trader moved long ago, and two accounts of one owner."""
    town.market("m", liquidity=1000), town.actor("honest", 1000), town.actor("owner", 0)
    for name in ("left", "right"):
        town.actor(name, 100_000)
        register_actor(town.as_actor("operator"), name=name, owner="owner")
    trade(town, "honest", "yes", spend=200 * T)
    town.pass_by(4 * DAY)
    return town


def trade(town, actor, outcome, side="buy", **size):
    return place_order(town.as_actor(actor), market="m", outcome=outcome, side=side, **size).result


def budget(town):
    return compute_resource_budget("m", tx=town.tx)


def signal(town, name="m"):
    return find_signals(town.tx, current(town.tx)[0], [name])[name]


def as_two_who_wash(town, chance, pause):
    """One round between two accounts of one owner, after which prices are as they were and both risk nothing."""
    shares = chance.randrange(1, 300 * T)
    kind = chance.randrange(3)
    if kind == 0:  # each takes a side of the same bundle
        moves = [("left", "yes", "buy"), ("right", "no", "buy")]
    elif kind == 1:  # push and pull
        moves = [("left", "yes", "buy"), ("left", "yes", "sell")]
    else:  # one pumps, the other buys against it, both leave in the order in which they came
        moves = [("left", "yes", "buy"), ("right", "no", "buy"), ("left", "yes", "sell"), ("right", "no", "sell")]
    orders = [Request(Order("m", outcome, side, shares), actor) for actor, outcome, side in moves]
    for batch in [orders] if pause == 0 else [[order] for order in orders]:
        assert not [answer for answer in perform(town.tx, batch) if isinstance(answer, Refusal)]
        town.pass_by(pause)
    return kind


def test_wash_trading_between_two_accounts_of_one_owner_for_a_thousand_rounds_raises_the_budget_by_0(market):
    before = budget(market)
    assert before.demand == 200 and before.budget > 10
    chance = random.Random(4)
    kinds = set()
    for _ in range(1000):
        kinds.add(as_two_who_wash(market, chance, pause=0))
        market.pass_by(20)
    assert kinds == {0, 1, 2} and find_market(market.tx, "m").trades > 2500
    assert find_market(market.tx, "m").at_risk > 10_000 * T  # what every account alone would have counted
    after = budget(market)
    assert (after.demand, after.price, after.budget) == (before.demand, before.price, before.budget)
    market.pass_by(2 * DAY)
    assert budget(market).budget == before.budget


def test_a_wash_that_takes_its_time_adds_no_demand_either(market):
    before = budget(market)
    chance = random.Random(5)
    for _ in range(100):
        as_two_who_wash(market, chance, pause=30)
    assert budget(market).demand <= before.demand


def test_two_owners_who_wash_hold_real_risk_and_count_it(market):
    # What is not said to belong together is two traders, each of whom can lose all of this.
    register_actor(market.as_actor("operator"), name="right", owner="right")
    trade(market, "left", "yes", shares=100 * T)
    trade(market, "right", "no", shares=100 * T)
    market.pass_by(2 * DAY)
    assert budget(market).demand == pytest.approx(300, abs=2)


@pytest.mark.parametrize("who", [("left", "right"), ("left", "left")])
def test_a_hedged_bundle_raises_the_budget_by_0(market, who):
    before = budget(market)
    for actor, outcome in zip(who, ("yes", "no"), strict=True):
        trade(market, actor, outcome, shares=5_000 * T)
    for _ in range(3):
        assert (budget(market).demand, budget(market).budget) == (before.demand, before.budget)
        market.pass_by(DAY)


def test_a_bundle_of_three_outcomes_is_no_capital(town):
    town.market("m", outcomes=("a", "b", "c")), town.actor("alice", 1000)
    for outcome in ("a", "b", "c"):
        trade(town, "alice", outcome, shares=100 * T)
    town.pass_by(4 * DAY)
    assert signal(town).demand == 0
    trade(town, "alice", "a", shares=10 * T)
    town.pass_by(4 * DAY)
    assert signal(town).demand == pytest.approx(lmsr.charge((0, 0, 0), 100 * T, (0, 0, 0), 0, 10 * T), abs=3)


def test_a_flash_counts_nothing_and_capital_comes_to_count_as_it_stays(market):
    base = budget(market).demand
    trade(market, "left", "yes", spend=240 * T)
    assert budget(market).demand == base
    market.pass_by(DAY / 4)
    quarter = budget(market).demand - base
    assert 50 < quarter < 70
    market.pass_by(DAY * 3)
    assert budget(market).demand == pytest.approx(base + 240, abs=1e-4)
    shares = find_positions(market.tx, market="m", owner="left")[0].shares[0]
    trade(market, "left", "yes", "sell", shares=shares)
    assert budget(market).demand <= base


def test_positions_of_the_proposer_its_owner_and_its_model_family_are_left_out(town):
    town.actor("alice", 100), town.actor("bob", 100)
    register_actor(town.as_actor("alice"), name="alice-1", owner="alice", family="gpt")
    register_actor(town.as_actor("alice"), name="alice-2", owner="alice")
    register_actor(town.as_actor("bob"), name="bob-1", owner="bob", family="gpt")
    register_actor(town.as_actor("bob"), name="bob-2", owner="bob", family="claude")
    for name in ("alice-1", "alice-2", "bob-1", "bob-2"):
        fund(town, name)
    perform(town.tx, [Request(RegisterEntity("gap", "own", "Its own"), "alice-1")])
    open_on(town, EntityKey("gap", "own"))
    for name in ("alice", "alice-1", "alice-2", "bob-1", "bob-2"):
        trade(town, name, "yes", spend=10 * T)
    town.pass_by(4 * DAY)
    found = signal(town)
    assert [stake.owner for stake in found.stakes] == ["bob"]
    assert 8 * T < found.demand < 12 * T
    assert 35 * T < found.left_out < 45 * T


def fund(town, name):
    from scidex.ledger import issue, wallet_of

    issue(town.as_actor("operator"), account=wallet_of(name), amount=100 * T, reason="endowment")


def open_on(town, artifact):
    from scidex.exchange.markets import open_market

    fund(town, "operator")
    open_market(town.as_actor("operator"), market="m", artifact=artifact, question="?", liquidity=100 * T)


def test_a_price_is_unknown_until_trading_has_gone_on_for_a_while(town):
    town.market("m"), town.actor("alice")
    town.pass_by(DAY)
    assert budget(town).price is None
    assert "nobody has traded yet" in budget(town).ingredients["price"].source
    trade(town, "alice", "yes", spend=10 * T)
    town.pass_by(3599)
    assert budget(town).price is None
    town.pass_by(1)
    assert 0.5 < budget(town).price < find_market(town.tx, "m").prices[0] / ONE


def test_the_price_of_a_closed_market_is_the_mean_before_its_close(market):
    calm = budget(market).price
    trade(market, "left", "yes", spend=900 * T)
    close_market(market.as_actor("operator"), market="m")
    for _ in range(3):
        assert budget(market).price == calm
        market.pass_by(DAY)
    resolve_market(market.as_actor("operator"), market="m", outcome="yes")
    assert (budget(market).price, budget(market).demand) == (None, 0)


def test_a_price_that_is_cheaper_to_hold_than_what_it_wins_is_left_aside(town):
    town.market("m", liquidity=10), town.actor("alice"), town.actor("bob", 1000)
    trade(town, "alice", "yes", spend=T)
    town.pass_by(4 * DAY)
    assert budget(town).price is not None
    offer_bounty(town.as_actor("bob"), artifact=EntityKey("hypothesis", "m"), amount=400 * T, seconds=3600, purpose="p")
    found = budget(town)
    assert found.price is None and found.budget == found.base / 2
    assert found.prize > 180 > 7 > found.attack_cost > 5
    assert "costs less than it wins" in found.ingredients["price"].source


def recomputed_demand(town, name):
    """Every holding from the trades alone, by adding up who held what for how long."""
    policy, _ = current(town.tx)
    window = policy.signal_window_s
    market = find_market(town.tx, name)
    trades = sorted(find_trades(town.tx, market=name, limit=1000), key=lambda each: each.trade)
    owners = {each.name: each.owner or each.name for each in all_actors(town)}
    count = len(market.outcomes)
    now, mean = {}, {}
    for each in trades:
        age = seconds(town.tx.now - each.at)
        share = min(Fraction(age, window), Fraction(1))
        which = market.outcomes.index(each.outcome)
        delta = [-each.redeemed] * count
        delta[which] += each.shares if each.side == "buy" else -each.shares
        for sums, weight in ((now, 1), (mean, share)):
            held = sums.setdefault(owners[each.owner], [Fraction(0)] * count)
            for outcome in range(count):
                held[outcome] += delta[outcome] * weight
    total = [0] * count
    for owner, held in now.items():
        at = mean[owner]
        for outcome in range(count):
            total[outcome] += max(0, min(held[outcome] - min(held), at[outcome] - min(at)))
    return total


def seconds(passed):
    return Fraction(passed.days * DAY + passed.seconds) + Fraction(passed.microseconds, 10**6)


def all_actors(town):
    from scidex.actors import find_actors

    return find_actors(town.tx, limit=1000)


@pytest.mark.parametrize("seed", range(6))
def test_holdings_from_the_tables_are_those_from_the_trades_added_up(town, seed):
    chance = random.Random(seed)
    outcomes = ("yes", "no") if seed % 2 else ("a", "b", "c")
    town.market("m", outcomes=outcomes)
    names = [town.actor(f"t{n}", 10_000) for n in range(6)]
    for name in names[:3]:
        register_actor(town.as_actor("operator"), name=name, owner="t5")
    for _ in range(60):
        name, outcome = chance.choice(names), chance.choice(outcomes)
        held = find_positions(town.tx, market="m", owner=name)
        mine = held[0].shares[outcomes.index(outcome)] if held else 0
        if mine > 1 and chance.random() < 0.4:
            trade(town, name, outcome, "sell", shares=chance.randrange(1, mine))
        else:
            trade(town, name, outcome, shares=chance.randrange(1, 40 * T))
        town.pass_by(chance.choice([0, 0.25, 60, 3600, 8000]))
    found = signal(town)
    wanted = recomputed_demand(town, "m")
    counted = [sum(stake.shares[n] for stake in found.stakes) for n in range(len(outcomes))]
    # Each owner's mean is rounded down per account.
    assert counted == pytest.approx([float(each) for each in wanted], abs=20)
    assert sum(counted) > T


def test_a_ranking_looks_no_further_than_it_must_and_is_the_same_on_every_page(town):
    town.actor("alice", 10_000), town.actor("rich", 10_000)
    chance = random.Random(3)
    keys = [EntityKey("gap", f"g{n:03}") for n in range(600)]
    perform(town.tx, [Request(RegisterEntity(*key, "title"), "operator") for key in keys])
    for n in range(12):
        town.market(f"m{n}", liquidity=20)
        spend = chance.randrange(1, 60 * T)
        perform(town.tx, [Request(Order(f"m{n}", "yes", "buy", None, spend), "alice")])
    for key in chance.sample(keys, 40):
        offer = {"artifact": key, "amount": chance.randrange(1, 4 * T), "seconds": 9 * DAY, "purpose": "p"}
        offer_bounty(town.as_actor("rich"), **offer)
    town.pass_by(DAY)
    policy, _ = current(town.tx)
    whole = find_standings(town.tx, policy, limit=None)
    assert len(whole) == 612 and whole[0].budget > whole[30].budget > 0
    budgets = [each.budget for each in whole]
    assert budgets == sorted(budgets, reverse=True)
    for offset, limit in ((0, 5), (5, 40), (45, 600), (0, 612), (611, 5), (900, 5)):
        assert find_standings(town.tx, policy, offset=offset, limit=limit) == whole[offset : offset + limit]
    ranked = get_resource_budget_rankings(None, 30, tx=town.tx)
    assert [each.budget for each in ranked] == [each.budget / T for each in whole[:30]]
    for each in whole[:20]:
        assert compute_resource_budget(each.entity_id, each.entity_type, tx=town.tx).budget == each.budget / T


# Resting orders


def rest(town, actor, outcome, shares, price, seconds=None):
    expires_at = None if seconds is None else town.tx.now + timedelta(seconds=seconds)
    terms = {"shares": round(shares * T), "limit_price": round(price * ONE), "expires_at": expires_at}
    return place_limit_order(town.as_actor(actor), market="m", outcome=outcome, **terms).result


def test_placing_and_cancelling_for_a_thousand_rounds_raises_the_budget_by_0(market):
    before = budget(market)
    chance = random.Random(6)
    for _ in range(1000):
        placed = rest(market, "left", chance.choice(("yes", "no")), chance.randrange(1, 500), 0.3)
        assert placed.escrow > 0
        assert budget(market).budget <= before.budget  # nothing is at risk for no time
        cancel_order(market.tx, market="m", order=placed.order)
        market.pass_by(20)
    assert budget(market).budget == before.budget
    market.pass_by(2 * DAY)
    assert budget(market).budget == before.budget


def test_an_order_comes_to_count_as_it_stands_and_no_more_when_it_is_gone(market):
    base = budget(market).demand
    placed = rest(market, "left", "yes", 1000, 0.3)
    market.pass_by(DAY / 4)
    assert budget(market).demand == pytest.approx(base + 75)
    market.pass_by(3 * DAY)
    assert budget(market).demand == pytest.approx(base + 300)
    assert signal(market).resting == 300 * T
    (candidate,) = find_candidates(market.tx, current(market.tx)[0], entity_type="hypothesis", entity_id="m")
    assert candidate.bound >= budget(market).budget * T
    cancel_order(market.as_actor("left"), market="m", order=placed.order)
    assert budget(market).demand == base


def test_an_order_that_has_lapsed_counts_no_more_before_anybody_swept_it(market):
    base = budget(market).demand
    rest(market, "left", "yes", 100, 0.3, seconds=DAY)
    market.pass_by(DAY - 1)
    assert budget(market).demand > base
    market.pass_by(1)
    assert budget(market).demand == base


@pytest.mark.parametrize("who", [("left", "right"), ("left", "left")])
def test_orders_for_every_outcome_add_what_they_pay_above_a_token_a_set(market, who):
    base = budget(market).demand
    rest(market, who[0], "yes", 100, 0.3)
    rest(market, who[1], "no", 100, 0.2)
    market.pass_by(2 * DAY)
    assert budget(market).demand == base
    rest(market, who[0], "yes", 100, 0.35)
    market.pass_by(2 * DAY)
    # 30 + 35 + 20 tokens for 100 sets and 100 shares more: 85 paid, of which 100 come back in any case.
    assert budget(market).demand == base


def test_an_order_against_an_own_position_is_a_hedge(market):
    trade(market, "right", "no", shares=100 * T)
    market.pass_by(2 * DAY)
    base = budget(market).demand
    rest(market, "left", "yes", 100, 0.3)
    market.pass_by(2 * DAY)
    assert budget(market).demand == base
    rest(market, "left", "yes", 50, 0.2)
    market.pass_by(2 * DAY)
    assert budget(market).demand == base
    rest(market, "left", "yes", 400, 0.3)
    market.pass_by(2 * DAY)
    assert budget(market).demand == pytest.approx(base + 30 + 10 + 120 - 100)


def test_the_proposers_orders_are_left_out(town):
    town.market("m"), town.actor("alice", 100)
    fund(town, "operator")
    rest(town, "operator", "yes", 100, 0.3)
    rest(town, "alice", "yes", 100, 0.2)
    town.pass_by(4 * DAY)
    found = signal(town)
    assert (found.demand, found.resting, found.left_out) == (20 * T, 20 * T, 30 * T)


def test_what_is_filled_counts_as_a_position_and_never_twice(market):
    rest(market, "left", "no", 80, 0.2)
    market.pass_by(2 * DAY)
    base = budget(market).demand
    trade(market, "honest", "yes", spend=790 * T)
    assert find_orders(market.tx, market="m") == []
    assert budget(market).demand <= base
    market.pass_by(2 * DAY)
    assert signal(market).resting == 0
    assert {stake.owner for stake in signal(market).stakes} == {"honest", "owner"}
