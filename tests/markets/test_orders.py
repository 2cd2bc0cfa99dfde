"""Resting orders, the maker and traders together; whatever they do, nobody profits from nothing: see tests/exchange."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from tests.exchange.checks import check_all

from scidex.actors import RegisterActor
from scidex.entities import EntityKey, RegisterEntity
from scidex.exchange import markets
from scidex.exchange.markets import (
    BookFull,
    CancelOrder,
    ChangeLiquidity,
    ExpireOrder,
    InsufficientShares,
    LimitOrder,
    NotYourOrder,
    OpenMarket,
    Order,
    OrderNotOpen,
    PriceReached,
    ResolveMarket,
    TradeTooLarge,
    lmsr,
)
from scidex.lab import World, first_world
from scidex.ledger import Issue, balance_of, wallet_of
from scidex.policy import HOUSE, EnactPolicy, Policy

T = 1_000_000
ONE = lmsr.PRICE_ONE
DAWN = datetime(2026, 1, 1, tzinfo=UTC)
RUNS, STEPS = int(os.environ.get("SCIDEX_RUNS", "40")), int(os.environ.get("SCIDEX_STEPS", "40"))
TRADERS = ("alice", "bob", "carol", "dave")


def world_of(outcomes: tuple[str, ...] = ("yes", "no"), liquidity: int = 100 * T, **policy: object) -> World:
    made = first_world(DAWN)
    if policy:
        made.apply(EnactPolicy(Policy(**policy)), actor=HOUSE, now=DAWN)
    made.apply(RegisterActor("operator", "person", ("operator", "resolver")), actor=HOUSE, now=DAWN)
    for name in ("operator", *TRADERS):
        if name != "operator":
            made.apply(RegisterActor(name), actor="operator", now=DAWN)
        made.apply(Issue(wallet_of(name), 10_000 * T, "x"), actor=HOUSE, now=DAWN)
    made.apply(RegisterEntity("gap", "g", "g"), actor="alice", now=DAWN)
    made.apply(OpenMarket("m", EntityKey("gap", "g"), "?", outcomes, liquidity), actor="operator", now=DAWN)
    return made


def ask(world: World, actor: str, command: object, now: datetime = DAWN):
    return world.apply(command, actor=actor, now=now).result


def market_of(world: World) -> markets.Market:
    found = world.state.get(markets.MARKETS, "m")
    assert found is not None
    return found


def wallet(world: World, actor: str) -> int:
    return balance_of(world.state, wallet_of(actor))


def open_in(world: World) -> list[markets.RestingOrder]:
    return markets.open_orders(world.state, "m")


def shares_of(world: World, actor: str) -> tuple[int, ...]:
    position = world.state.get(markets.POSITIONS, markets.PositionKey("m", actor))
    return position.shares if position else (0,) * len(market_of(world).outcomes)


def test_a_limit_order_trades_what_it_can_and_rests_with_the_rest():
    world = world_of()
    placed = ask(world, "alice", LimitOrder("m", "yes", "buy", 100 * T, 6 * ONE // 10))
    # ln(0.6 / 0.4) * 100 = 40.5 shares bring the maker to 0.6.
    assert placed.traded.shares == 40_546_510
    assert placed.shares == 100 * T - 40_546_510
    assert placed.escrow == -(-placed.shares * 6 // 10)
    assert market_of(world).prices[0] == pytest.approx(6 * ONE // 10, abs=ONE / 10**8)
    check_all(world, DAWN)


def test_a_taker_meets_the_book_at_its_price_and_never_pays_more_than_the_maker_asks():
    world, alone = world_of(), world_of()
    (
        ask(world, "bob", Order("m", "yes", "buy", shares=30 * T)),
        ask(alone, "bob", Order("m", "yes", "buy", shares=30 * T)),
    )
    ask(world, "bob", LimitOrder("m", "yes", "sell", 20 * T, 6 * ONE // 10))
    met = ask(world, "alice", Order("m", "yes", "buy", shares=40 * T))
    maker = ask(alone, "alice", Order("m", "yes", "buy", shares=40 * T))
    assert met.matched == 20 * T and met.shares == maker.shares
    assert met.paid < maker.paid
    assert shares_of(world, "bob") == (10 * T, 0) and not open_in(world)
    check_all(world, DAWN)


def test_two_buyers_of_opposite_outcomes_make_complete_sets():
    world = world_of()
    ask(world, "bob", LimitOrder("m", "no", "buy", 50 * T, 45 * ONE // 100))
    before = market_of(world)
    met = ask(world, "alice", Order("m", "yes", "buy", shares=60 * T))
    # The maker goes to 0.55, where bob's purchase of the other side waits at 0.45; all of it makes sets.
    assert met.shares - met.matched == pytest.approx(20_067_069, abs=1)  # 100 ln(0.55 / 0.45)
    assert shares_of(world, "bob")[1] == met.matched
    assert sum(market_of(world).shares) - sum(before.shares) == met.shares + met.matched
    check_all(world, DAWN)


def test_the_best_price_goes_first_then_the_oldest():
    world = world_of()
    ask(world, "carol", Order("m", "yes", "buy", shares=1 * T))
    first = ask(world, "alice", LimitOrder("m", "no", "buy", 5 * T, 40 * ONE // 100)).order
    second = ask(world, "bob", LimitOrder("m", "no", "buy", 5 * T, 40 * ONE // 100)).order
    better = ask(world, "dave", LimitOrder("m", "no", "buy", 5 * T, 41 * ONE // 100)).order
    ask(world, "carol", LimitOrder("m", "yes", "buy", 43 * T, 61 * ONE // 100))
    filled = [trade.resting for trade in world.state.rows(markets.TRADES).values() if trade.resting]
    assert filled == [better, first, second][: len(filled)] and filled[0] == better
    check_all(world, DAWN)


def test_what_is_promised_to_the_book_cannot_be_sold_twice():
    world = world_of()
    ask(world, "alice", Order("m", "yes", "buy", shares=10 * T))
    placed = ask(world, "alice", LimitOrder("m", "yes", "sell", 10 * T, 9 * ONE // 10))
    with pytest.raises(InsufficientShares):
        ask(world, "alice", Order("m", "yes", "sell", shares=1))
    with pytest.raises(NotYourOrder):
        ask(world, "bob", CancelOrder("m", placed.order))
    assert ask(world, "alice", CancelOrder("m", placed.order)).shares == 10 * T
    with pytest.raises(OrderNotOpen):
        ask(world, "alice", CancelOrder("m", placed.order))
    ask(world, "alice", Order("m", "yes", "sell", shares=10 * T))
    check_all(world, DAWN)


def test_nobody_trades_with_himself():
    world = world_of()
    ask(world, "alice", LimitOrder("m", "no", "buy", 10 * T, 40 * ONE // 100))
    met = ask(world, "alice", Order("m", "yes", "buy", shares=80 * T))
    assert met.matched == 0 and not open_in(world)
    check_all(world, DAWN)


def test_an_order_lapses_once_and_gives_back_its_escrow():
    world = world_of()
    before = wallet(world, "alice")
    placed = ask(world, "alice", LimitOrder("m", "yes", "buy", 10 * T, 4 * ONE // 10, DAWN + timedelta(hours=1)))
    assert wallet(world, "alice") == before - 4 * T
    with pytest.raises(markets.OrderNotDue):
        ask(world, "bob", ExpireOrder("m", placed.order))
    later = DAWN + timedelta(hours=1)
    assert ask(world, "bob", ExpireOrder("m", placed.order), later).returned == 4 * T
    with pytest.raises(OrderNotOpen):
        ask(world, "bob", ExpireOrder("m", placed.order), later)
    assert wallet(world, "alice") == before
    check_all(world, DAWN)


def test_settlement_empties_the_book_first():
    world = world_of()
    before = wallet(world, "alice")
    ask(world, "alice", LimitOrder("m", "yes", "buy", 10 * T, 4 * ONE // 10))
    ask(world, "bob", Order("m", "yes", "buy", shares=5 * T))
    ask(world, "bob", LimitOrder("m", "yes", "sell", 5 * T, 9 * ONE // 10))
    ask(world, "operator", ResolveMarket("m", "yes"))
    assert wallet(world, "alice") == before and not open_in(world)
    check_all(world, DAWN)


def test_an_order_that_lets_others_trade_goes_on_at_the_price_that_they_leave():
    """carol brings a to her limit, which makes c cheap enough for bob, whose purchase makes a cheaper again: if her rest
    waited there, whoever bought just before her would sell to her at once."""
    world = world_of(("a", "b", "c"))
    ask(world, "bob", LimitOrder("m", "c", "buy", 400 * T, 32 * ONE // 100))
    placed = ask(world, "carol", LimitOrder("m", "a", "buy", 400 * T, 60 * ONE // 100))
    found = market_of(world)
    assert placed.traded.shares < 400 * T - placed.shares
    assert [price / ONE for price in found.prices] == pytest.approx([0.6, 0.08, 0.32], abs=1e-4)
    assert sum(order.escrow for order in open_in(world)) > 0
    check_all(world, DAWN)


@pytest.mark.parametrize("outcomes", [("yes", "no"), ("a", "b", "c")])
def test_the_price_moves_to_where_it_is_told_for_at_most_the_spend(outcomes):
    world = world_of(outcomes)
    ask(world, "alice", Order("m", outcomes[0], "buy", to_price=7 * ONE // 10))
    assert market_of(world).prices[0] == pytest.approx(7 * ONE // 10, abs=ONE / 10**7)
    with pytest.raises(PriceReached):
        ask(world, "alice", Order("m", outcomes[0], "buy", to_price=7 * ONE // 10))
    spent = ask(world, "alice", Order("m", outcomes[0], "buy", spend=5 * T, to_price=9 * ONE // 10))
    assert spent.paid == 5 * T and market_of(world).prices[0] < 9 * ONE // 10
    ask(world, "alice", Order("m", outcomes[0], "sell", to_price=6 * ONE // 10))
    assert market_of(world).prices[0] == pytest.approx(6 * ONE // 10, abs=ONE / 10**7)
    check_all(world, DAWN)


def test_a_price_that_is_there_already_is_said_to_be_also_before_the_first_trade():
    with pytest.raises(PriceReached):
        ask(world_of(), "alice", Order("m", "yes", "buy", to_price=ONE // 2))


def test_changing_the_liquidity_moves_no_price_and_pays_what_it_covers():
    world = world_of()
    ask(world, "alice", Order("m", "yes", "buy", shares=60 * T))
    before = market_of(world)
    changed = ask(world, "operator", ChangeLiquidity("m", 300 * T), DAWN + timedelta(hours=2))
    after = market_of(world)
    assert after.prices == before.prices == lmsr.prices_of(after.shares, after.liquidity, after.offsets)
    assert changed.paid > 0 and after.subsidy == before.subsidy + changed.paid
    back = ask(world, "operator", ChangeLiquidity("m", 100 * T), DAWN + timedelta(hours=2))
    assert back.paid == pytest.approx(-changed.paid, abs=2)
    ask(world, "bob", Order("m", "no", "buy", shares=500 * T))
    check_all(world, DAWN)
    ask(world, "operator", ResolveMarket("m", "no"))  # whose assertion is the maker's result, whatever the path
    check_all(world, DAWN)


def test_a_fee_is_the_policys_share_and_the_funders_at_the_end():
    world = world_of(market_fee=Decimal("0.1"))
    traded = ask(world, "alice", Order("m", "yes", "buy", shares=10 * T))
    # A tenth of the integral of p (1 - p) over the shares, which is b times the way of the price.
    way = market_of(world).prices[0] - ONE // 2
    assert traded.fee == -(-100 * T * way // (10 * ONE)) == 249_792
    assert market_of(world).fees == traded.fee
    check_all(world, DAWN)
    ask(world, "bob", LimitOrder("m", "no", "buy", 4 * T, 47 * ONE // 100))
    met = ask(world, "alice", Order("m", "yes", "buy", to_price=53 * ONE // 100 + 1))
    way = 53 * ONE // 100 - ONE // 2 - way
    assert met.matched == 4 * T
    assert met.fee == pytest.approx(0.1 * (100 * T * way / ONE + 4 * T * 0.53 * 0.47), abs=2)
    ask(world, "operator", ResolveMarket("m", "no"))
    check_all(world, DAWN)


def test_an_order_in_parts_pays_the_fee_of_one():
    """By the mean price of the trade it paid less, since p (1 - p) is concave."""
    whole, parts = world_of(market_fee=Decimal("0.1")), world_of(market_fee=Decimal("0.1"))
    fee = ask(whole, "alice", Order("m", "yes", "buy", shares=90 * T)).fee
    fees = [ask(parts, "alice", Order("m", "yes", "buy", shares=9 * T)).fee for _ in range(10)]
    assert 0 <= sum(fees) - fee < 10


def test_one_order_may_not_move_the_odds_further_than_the_policy_says():
    world = world_of(market_log_odds_max=Decimal("0.5"))
    with pytest.raises(TradeTooLarge):
        ask(world, "alice", Order("m", "yes", "buy", shares=50 * T + 1))
    ask(world, "alice", Order("m", "yes", "buy", shares=50 * T))


def test_a_full_book_takes_no_more():
    world = world_of(market_orders_max=1)
    ask(world, "alice", LimitOrder("m", "yes", "buy", T, 4 * ONE // 10))
    with pytest.raises(BookFull):
        ask(world, "bob", LimitOrder("m", "yes", "buy", T, 4 * ONE // 10))
    check_all(world, DAWN)


def test_of_several_outcomes_a_resting_purchase_is_filled_once_others_have_made_it_cheap():
    world = world_of(("a", "b", "c"))
    ask(world, "bob", LimitOrder("m", "b", "buy", 2 * T, 30 * ONE // 100))
    ask(world, "alice", Order("m", "a", "buy", shares=60 * T))
    assert shares_of(world, "bob") == (0, 2 * T, 0) and not open_in(world)
    check_all(world, DAWN)
