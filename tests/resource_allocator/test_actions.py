"""Capital becomes claims by the formula of the specification, and claims share a pool exactly."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scidex import ledger
from scidex.actors import RoleNeeded
from scidex.core.journal import KeyReused
from scidex.core.units import AmountNotPositive, UnknownUnit
from scidex.entities import EntityAmbiguous, EntityKey, UnknownEntity
from scidex.exchange import resource_allocator as allocator
from scidex.exchange.bounties import (
    BountyCounted,
    expire_due_bounties,
    find_bounties,
    offer_bounty,
    refund_bounty,
)
from scidex.exchange.markets import find_market, find_positions, lmsr, place_order, resolve_market
from scidex.exchange.resource_allocator import Claim, claim_of, compute_resource_budget, resource_budget
from scidex.ledger import AccountKey
from scidex.policy import Policy, current

T = 1_000_000
ONE = lmsr.PRICE_ONE
DAYS = 4 * 86_400
"""Longer than the window and what leads up to it: then prices and holdings on the mean are those of now."""
POOL = AccountKey("pool:main", "pool", "llm_standard")


@pytest.fixture
def world(town):
    """Three artifacts: one with a market, one with a bounty, one with nothing; and a pool of 10,000 LLM tokens."""
    town.actor("alice"), town.market("traded"), town.artifact("wanted", "gap"), town.artifact("bare", "gap")
    place_order(town.as_actor("alice"), market="traded", outcome="yes", spend=40 * T)
    town.pass_by(DAYS)
    terms = {"artifact": EntityKey("gap", "wanted"), "amount": 50 * T, "seconds": 3600, "purpose": "p"}
    offer_bounty(town.tx, **terms)
    ledger.issue(town.as_actor("operator"), account=POOL, amount=10_000, reason="cycle")
    return town


def share(town, **change):
    terms = {"pool": "main", "unit": "llm_standard", "cycle": "c1", **change}
    return allocator.allocate_pool(town.tx, **terms)


@pytest.mark.parametrize(("price", "budget"), [(0.5, 150), (0.9, 90), (0.1, 90), (1.0, 75), (0.0, 75), (None, 75)])
def test_the_formula_of_the_specification(price, budget):
    assert resource_budget(demand=1000, bounty_tokens=50, price=price) == budget


@pytest.mark.parametrize(
    "wrong",
    [
        {"demand": -1},
        {"bounty_tokens": -1},
        {"price": 1.1},
        {"price": -0.1},
        {"demand": float("inf")},
        {"price": float("nan")},
    ],
)
def test_the_formula_takes_no_impossible_numbers(wrong):
    with pytest.raises(ValueError, match="must"):
        resource_budget(**{"demand": 1, "bounty_tokens": 1, "price": 0.5, **wrong})


@given(st.integers(0, 10**13), st.integers(0, 10**13), st.one_of(st.none(), st.integers(0, ONE)))
def test_the_claim_is_the_formula_rounded_down_to_a_part(demand, bounty, price):
    claim = claim_of(Claim(EntityKey("gap", "g"), demand, bounty, price), Policy())
    uncertainty = 0 if price is None else 1 - 2 * abs(Fraction(price, ONE) - Fraction(1, 2))
    exact = (Fraction(1, 10) * demand + bounty) * (Fraction(1, 2) + Fraction(1, 2) * uncertainty)
    assert claim <= exact < claim + 1


@given(
    st.integers(0, 2**52),
    st.integers(0, 2**52),
    st.integers(0, ONE),
    st.decimals(0, 10, places=6),
    st.decimals(0, 1, places=6),
    st.decimals(0, 1, places=6),
)
def test_the_server_ranks_by_the_very_same_claim(shared, demand, bounty, price, weight, certain, uncertain):
    # The expression of the ranking, on numbers of its own instead of tables.
    sql = (
        "SELECT floor((%s::numeric * %s::bigint + %s::bigint) * (%s::numeric + %s::numeric *"
        " coalesce(1 - 2 * abs(%s::bigint::numeric / 1000000000000 - 0.5), 0)))::numeric"
    )
    policy = Policy(demand_weight=weight, certainty_factor=certain, uncertainty_factor=uncertain)
    with shared.reading() as tx:
        (found,) = tx.execute(sql, [weight, demand, bounty, certain, uncertain, price]).fetchone()
    assert found == Decimal(claim_of(Claim(EntityKey("gap", "g"), demand, bounty, price), policy))


def test_a_budget_comes_with_every_ingredient_its_source_and_its_age(world):
    world.pass_by(30)
    market = find_market(world.tx, "traded")
    budget = compute_resource_budget("traded", "hypothesis", tx=world.tx)
    assert budget.demand == market.at_risk / T == 40
    assert budget.price == market.prices[0] / ONE
    assert budget.base == pytest.approx(4.0)
    assert budget.budget == pytest.approx(resource_budget(demand=40, bounty_tokens=0, price=budget.price), abs=1e-6)
    source = "lagged mean price of the first outcome of market traded"
    assert budget.ingredients["price"] == (budget.price, source, DAYS + 30.0)
    assert budget.ingredients["bounty_tokens"].age_s is None
    assert (budget.policy_version, budget.as_of) == (1, world.tx.now)


def test_without_a_market_the_price_is_unknown_and_the_budget_the_least_that_any_price_gives(world):
    budget = compute_resource_budget("wanted", "gap", tx=world.tx)
    assert (budget.price, budget.uncertainty, budget.market) == (None, None, None)
    assert (budget.bounty_tokens, budget.budget) == (50, 25)


def test_capital_at_risk_counts_at_most_at_what_the_shares_are_worth_now(world):
    # A second trader buys dear and the first sells: what the second lost on the way is not at risk any more.
    world.actor("bob", tokens=500)
    place_order(world.as_actor("bob"), market="traded", outcome="yes", shares=300 * T)
    held = find_market(world.tx, "traded").shares[0] - 300 * T
    place_order(world.as_actor("alice"), market="traded", outcome="yes", side="sell", shares=held)
    world.actor("carol", tokens=500)
    place_order(world.as_actor("carol"), market="traded", outcome="no", shares=400 * T)
    world.pass_by(DAYS)
    market = find_market(world.tx, "traded")
    worth = sum(shares * price for shares, price in zip(market.shares, market.prices, strict=True)) // ONE
    demand = compute_resource_budget("traded", tx=world.tx).demand
    assert demand < worth / T < market.at_risk / T
    counted = [
        min(each.at_risk, sum(held * price for held, price in zip(each.shares, market.prices, strict=True)) // ONE)
        for each in find_positions(world.tx, market="traded")
    ]
    assert demand == sum(counted) / T


def test_a_settled_market_is_no_market(world):
    resolve_market(world.tx, market="traded", outcome="yes")
    budget = compute_resource_budget("traded", tx=world.tx)
    assert (budget.demand, budget.price, budget.budget) == (0, None, 0)


def test_a_bounty_past_its_time_counts_no_more_even_before_it_is_swept(world):
    world.pass_by(3601)
    assert compute_resource_budget("wanted", tx=world.tx).bounty_tokens == 0


def test_the_ranking_is_by_budget_and_paged(world):
    first = allocator.get_resource_budget_rankings(None, 2, tx=world.tx)
    rest = allocator.get_resource_budget_rankings(None, 2, offset=2, tx=world.tx)
    assert [budget.artifact_id for budget in first + rest] == ["wanted", "traded", "bare"]
    assert [budget.artifact_id for budget in allocator.get_resource_budget_rankings("gap", 9, tx=world.tx)] == [
        "wanted",
        "bare",
    ]


@pytest.mark.parametrize("page", [{"limit": -1}, {"limit": 0}, {"limit": 2**40}, {"offset": -1}, {"limit": 2.5}])
def test_a_page_is_whole_numbers(world, page):
    with pytest.raises(allocator.PageInvalid):
        allocator.get_resource_budget_rankings(tx=world.tx, **page)


def test_an_id_of_two_types_needs_the_type(world):
    world.artifact("wanted", "analysis")
    with pytest.raises(EntityAmbiguous):
        compute_resource_budget("wanted", tx=world.tx)
    assert compute_resource_budget("wanted", "analysis", tx=world.tx).budget == 0
    with pytest.raises(UnknownEntity):
        compute_resource_budget("unheard of", tx=world.tx)


def test_a_scarce_pool_is_shared_whole_in_proportion_over_the_floors(world):
    ledger.retire(world.tx, account=POOL, amount=9000, reason="make it scarce")
    shared = share(world).result
    assert shared.granted == shared.amount == 1000
    by_id = {line.artifact.entity_id: line for line in shared.lines}
    assert set(by_id) == {"wanted", "traded"}
    claims = {name: line.claim for name, line in by_id.items()}
    assert abs(by_id["wanted"].grant - 1000 * claims["wanted"] / sum(claims.values())) < 1
    allocator.verify(
        1000,
        [line.claim for line in shared.lines],
        [line.floor for line in shared.lines],
        [line.cap for line in shared.lines],
        allocator.Allocation(
            [line.grant for line in shared.lines],
            Fraction(shared.theta),
            [line.binding for line in shared.lines],
            shared.remainder,
        ),
    )


def test_nobody_is_granted_more_than_the_claim_is_worth(world):
    shared = share(world).result
    assert {line.binding for line in shared.lines} == {"cap"}
    assert shared.remainder == 10_000 - shared.granted > 0
    for line in shared.lines:
        assert line.grant == line.cap == line.claim * 100 // T
        budget = AccountKey(f"entity:{line.artifact.entity_type}:{line.artifact.entity_id}", "budget", "llm_standard")
        assert ledger.find_account(world.tx, budget).balance == line.grant
    assert ledger.find_account(world.tx, POOL).balance == shared.remainder
    rows = allocator.find_allocations(world.tx, artifact=EntityKey("gap", "wanted"))
    assert [(row.sort, row.amount, row.binding, row.policy_version) for row in rows] == [("grant", 2500, "cap", 1)]


def test_a_pool_is_shared_once_per_cycle_and_a_key_answers_again(world):
    first = share(world, key="k")
    place_order(world.as_actor("alice"), market="traded", outcome="yes", spend=T)
    world.as_actor("operator")
    again = share(world, key="k")
    assert again.repeated and again.result == first.result
    with pytest.raises(KeyReused):
        share(world, key="k", amount=5)
    with pytest.raises(allocator.CycleAllocated):
        share(world)
    assert share(world, cycle="c2").number > first.number


def test_a_bounty_that_an_allocation_has_counted_stays_until_it_expires(world):
    """Found in review: a funder took a bounty back as soon as it had brought its artifact a grant."""
    (bounty,) = find_bounties(world.tx)
    share(world)
    with pytest.raises(BountyCounted):
        refund_bounty(world.as_actor("alice"), bounty=bounty.bounty)
    world.pass_by(3600)
    (expired,) = expire_due_bounties(world.tx)
    assert (expired.result.returned, expired.result.state) == (50 * T, "expired")


def test_an_operator_may_refund_a_bounty_that_has_counted(world):
    (bounty,) = find_bounties(world.tx)
    share(world)
    assert refund_bounty(world.tx, bounty=bounty.bounty).result.state == "refunded"


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"unit": "gold"}, UnknownUnit),
        ({"unit": "usd"}, allocator.PoolEmpty),
        ({"pool": "unfunded"}, allocator.PoolEmpty),
        ({"amount": 10_001}, allocator.PoolEmpty),
        ({"amount": 0}, AmountNotPositive),
        ({"floor": -1}, AmountNotPositive),
        ({"amount": 100, "floor": 60}, allocator.PoolBelowFloors),
        ({"artifact_type": "analysis"}, allocator.NoClaims),
    ],
)
def test_what_sharing_a_pool_refuses(world, change, refusal):
    with pytest.raises(refusal):
        share(world, **change)
    assert ledger.find_account(world.tx, POOL).balance == 10_000
    assert allocator.find_cycles(world.tx) == []


def test_a_unit_without_a_rate_cannot_be_shared(world):
    ledger.issue(world.tx, account=POOL._replace(unit="usd"), amount=T, reason="x")
    with pytest.raises(allocator.RateMissing):
        share(world, unit="usd")


def test_only_an_operator_shares_a_pool_or_records_spending(world):
    world.as_actor("alice")
    with pytest.raises(RoleNeeded):
        share(world)
    with pytest.raises(RoleNeeded):
        allocator.record_resource_spending("wanted", 1, tx=world.tx)


def test_spending_comes_out_of_the_grant_and_ends_with_402(world):
    share(world)
    spent = allocator.record_resource_spending("wanted", 2000, note="sweep", tx=world.tx).result
    assert spent.remaining == 500
    with pytest.raises(allocator.BudgetExhausted) as refused:
        allocator.record_resource_spending("wanted", 501, tx=world.tx)
    assert (refused.value.status, refused.value.facts["short"]) == (402, "1")
    rows = allocator.find_allocations(world.tx, artifact=EntityKey("gap", "wanted"))
    assert [(row.sort, row.amount) for row in rows] == [("spending", 2000), ("grant", 2500)]
    sink = AccountKey("entity:gap:wanted", "spent", "llm_standard")
    assert ledger.find_account(world.tx, sink).balance == 2000


def test_the_policy_in_force_is_the_one_that_is_named(world):
    policy, version = current(world.tx)
    assert (policy.demand_weight, version) == (Decimal("0.1"), 1)


def test_the_functions_of_the_specification_need_no_transaction(economy, monkeypatch):
    from scidex.core.journal import Request
    from scidex.entities import RegisterEntity

    economy.perform_all([Request(RegisterEntity("gap", "g", "title"), "operator")])
    ambient = economy.run(lambda tx: compute_resource_budget("g"))
    assert (ambient.artifact_type, ambient.budget) == ("gap", 0)
    with pytest.raises(allocator.BudgetExhausted):
        economy.run(lambda tx: allocator.record_resource_spending("g", 5))
