"""Resting orders, the maker and traders together: whatever they do, the books balance and nobody profits from nothing."""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from scidex import ledger
from scidex.actors import RegisterActor
from scidex.core.errors import Refusal
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
from scidex.ledger import ACCOUNTS, Issue, balance_of, wallet_of
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


def check_books(world: World, now: datetime = DAWN) -> None:
    """Invariants 1 and 2 of the design, and what the book adds to them."""
    sums: dict[str, int] = {}
    for key, account in world.state.rows(ACCOUNTS).items():
        sums[key.unit] = sums.get(key.unit, 0) + account.balance
        assert account.balance >= account.held or key == ledger.issuance_of(key.unit)
    assert not any(sums.values())
    for name, market in world.state.rows(markets.MARKETS).items():
        held = [0] * len(market.outcomes)
        for key, position in world.state.rows(markets.POSITIONS).items():
            if key.market == name:
                held = [each + mine for each, mine in zip(held, position.shares, strict=True)]
        assert tuple(held) == market.shares
        collateral = balance_of(world.state, market.collateral)
        if market.state in ("open", "closed"):
            assert collateral - market.fees >= max(market.shares)
        else:
            assert collateral == 0
        assert sum(market.prices) == ONE
        book = markets.open_orders(world.state, name)
        assert market.resting == len(book)
        assert balance_of(world.state, markets.escrow_of(name)) == sum(order.escrow for order in book)
        assert market.at_risk == sum(
            each.at_risk for key, each in world.state.rows(markets.POSITIONS).items() if key.market == name
        )
        for owner in TRADERS:
            bound = markets.bound_shares(market, book, owner)
            assert all(mine >= kept for mine, kept in zip(shares_of(world, owner), bound, strict=True))
        if len(market.outcomes) == 2 and market.state == "open":
            # Nobody waits in the book for what the maker gives, but for a few parts that roundings are worth.
            for order in book:
                if order.expires_at is not None and order.expires_at <= now:
                    continue
                assert gain_at_the_maker(market, order) <= 4, order


def gain_at_the_maker(market: markets.Market, order: markets.RestingOrder) -> int:
    """Token parts by which the maker would fill a resting order better than at its limit."""
    curve = (market.shares, market.liquidity, market.offsets, market.outcomes.index(order.outcome))
    step = markets.shares_to_price(*curve, order.limit_price)
    step = min(order.shares, step if order.side == "buy" else -step)
    if step <= 0:
        return 0
    at_limit = step * order.limit_price // ONE
    return at_limit - lmsr.charge(*curve, step) if order.side == "buy" else lmsr.payout(*curve, step) - at_limit


def test_a_limit_order_trades_what_it_can_and_rests_with_the_rest():
    world = world_of()
    placed = ask(world, "alice", LimitOrder("m", "yes", "buy", 100 * T, 6 * ONE // 10))
    # ln(0.6 / 0.4) * 100 = 40.5 shares bring the maker to 0.6.
    assert placed.traded.shares == 40_546_510
    assert placed.shares == 100 * T - 40_546_510
    assert placed.escrow == -(-placed.shares * 6 // 10)
    assert market_of(world).prices[0] == pytest.approx(6 * ONE // 10, abs=ONE / 10**8)
    check_books(world)


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
    check_books(world)


def test_two_buyers_of_opposite_outcomes_make_complete_sets():
    world = world_of()
    ask(world, "bob", LimitOrder("m", "no", "buy", 50 * T, 45 * ONE // 100))
    before = market_of(world)
    met = ask(world, "alice", Order("m", "yes", "buy", shares=60 * T))
    # The maker goes to 0.55, where bob's purchase of the other side waits at 0.45; all of it makes sets.
    assert met.shares - met.matched == pytest.approx(20_067_069, abs=1)  # 100 ln(0.55 / 0.45)
    assert shares_of(world, "bob")[1] == met.matched
    assert sum(market_of(world).shares) - sum(before.shares) == met.shares + met.matched
    check_books(world)


def test_the_best_price_goes_first_then_the_oldest():
    world = world_of()
    ask(world, "carol", Order("m", "yes", "buy", shares=1 * T))
    first = ask(world, "alice", LimitOrder("m", "no", "buy", 5 * T, 40 * ONE // 100)).order
    second = ask(world, "bob", LimitOrder("m", "no", "buy", 5 * T, 40 * ONE // 100)).order
    better = ask(world, "dave", LimitOrder("m", "no", "buy", 5 * T, 41 * ONE // 100)).order
    ask(world, "carol", LimitOrder("m", "yes", "buy", 43 * T, 61 * ONE // 100))
    filled = [trade.resting for trade in world.state.rows(markets.TRADES).values() if trade.resting]
    assert filled == [better, first, second][: len(filled)] and filled[0] == better
    check_books(world)


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
    check_books(world)


def test_nobody_trades_with_himself():
    world = world_of()
    ask(world, "alice", LimitOrder("m", "no", "buy", 10 * T, 40 * ONE // 100))
    met = ask(world, "alice", Order("m", "yes", "buy", shares=80 * T))
    assert met.matched == 0 and not open_in(world)
    check_books(world)


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
    check_books(world)


def test_settlement_empties_the_book_first():
    world = world_of()
    before = wallet(world, "alice")
    ask(world, "alice", LimitOrder("m", "yes", "buy", 10 * T, 4 * ONE // 10))
    ask(world, "bob", Order("m", "yes", "buy", shares=5 * T))
    ask(world, "bob", LimitOrder("m", "yes", "sell", 5 * T, 9 * ONE // 10))
    ask(world, "operator", ResolveMarket("m", "yes"))
    assert wallet(world, "alice") == before and not open_in(world)
    check_books(world)


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
    check_books(world)


def test_changing_the_liquidity_moves_no_price_and_pays_what_it_covers():
    world = world_of()
    ask(world, "alice", Order("m", "yes", "buy", shares=60 * T))
    before = market_of(world)
    changed = ask(world, "operator", ChangeLiquidity("m", 300 * T))
    after = market_of(world)
    assert after.prices == before.prices == lmsr.prices_of(after.shares, after.liquidity, after.offsets)
    assert changed.paid > 0 and after.subsidy == before.subsidy + changed.paid
    back = ask(world, "operator", ChangeLiquidity("m", 100 * T))
    assert back.paid == pytest.approx(-changed.paid, abs=2)
    ask(world, "bob", Order("m", "no", "buy", shares=500 * T))
    check_books(world)
    ask(world, "operator", ResolveMarket("m", "no"))  # whose assertion is the maker's result, whatever the path
    check_books(world)


def test_a_fee_is_the_policys_share_and_the_funders_at_the_end():
    world = world_of(market_fee=Decimal("0.1"))
    traded = ask(world, "alice", Order("m", "yes", "buy", shares=10 * T))
    price = traded.paid / traded.shares
    assert traded.fee == pytest.approx(0.1 * 10 * T * price * (1 - price), abs=1)
    assert market_of(world).fees == traded.fee
    check_books(world)
    ask(world, "operator", ResolveMarket("m", "no"))
    check_books(world)


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
    check_books(world)


def test_of_several_outcomes_a_resting_purchase_is_filled_once_others_have_made_it_cheap():
    world = world_of(("a", "b", "c"))
    ask(world, "bob", LimitOrder("m", "b", "buy", 2 * T, 30 * ONE // 100))
    ask(world, "alice", Order("m", "a", "buy", shares=60 * T))
    assert shares_of(world, "bob") == (0, 2 * T, 0) and not open_in(world)
    check_books(world)


@pytest.mark.parametrize("seed", range(20))
def test_a_greedy_adversary_who_sees_the_book_never_profits_without_information(seed):
    """Sees every resting order, tries every way in and out again, and is never richer when it holds nothing."""
    rng = random.Random(seed)
    world = world_of(liquidity=rng.choice((5, 100, 1000)) * T)
    for _ in range(12):
        side, limit = rng.choice(("yes", "no")), rng.randrange(ONE // 20, ONE // 20 * 19)
        ask(world, rng.choice(("alice", "bob")), LimitOrder("m", side, "buy", rng.randrange(1, 80 * T), limit))
    start = wallet(world, "dave")
    for _ in range(30):
        side = rng.choice(("yes", "no"))
        try:
            if rng.random() < 0.3:
                ask(world, "dave", LimitOrder("m", side, "buy", rng.randrange(1, 60 * T), rng.randrange(1, ONE)))
            else:
                ask(world, "dave", Order("m", side, "buy", shares=rng.randrange(1, 100 * T)))
        except Refusal:
            pass
        check_books(world)
        for order in open_in(world):
            if order.owner == "dave":
                ask(world, "dave", CancelOrder("m", order.order))
        for outcome, held in zip(("yes", "no"), shares_of(world, "dave"), strict=True):
            if held:
                ask(world, "dave", Order("m", outcome, "sell", shares=held))
        assert shares_of(world, "dave") == (0, 0)
        assert wallet(world, "dave") <= start
        start = wallet(world, "dave")


amounts = st.integers(1, 60 * T)
prices = st.integers(ONE // 50, ONE // 50 * 49)
who = st.sampled_from(TRADERS)
outcome_numbers = st.integers(0, 2)
sides = st.sampled_from(("buy", "buy", "sell"))


class Books(RuleBasedStateMachine):
    """Any sequence of orders, limits, cancels, lapses, liquidity and an end: the books balance after every step."""

    @initialize(outcomes=st.sampled_from((("yes", "no"), ("a", "b", "c"))), liquidity=st.integers(T, 200 * T),
                fee=st.sampled_from(("0", "0", "0.02")))  # fmt: skip
    def start(self, outcomes, liquidity, fee):
        self.world, self.now = world_of(outcomes, liquidity, market_fee=Decimal(fee)), DAWN
        self.start_sum = 10_000 * T * (len(TRADERS) + 1)

    def outcome(self, number):
        names = market_of(self.world).outcomes
        return names[number % len(names)]

    def ask(self, actor, command):
        try:
            return ask(self.world, actor, command, self.now)
        except Refusal:
            return None

    @rule(actor=who, number=outcome_numbers, side=sides, shares=amounts)
    def trade(self, actor, number, side, shares):
        self.ask(actor, Order("m", self.outcome(number), side, shares=shares))

    @rule(actor=who, number=outcome_numbers, spend=amounts)
    def spend(self, actor, number, spend):
        before = wallet(self.world, actor)
        done = self.ask(actor, Order("m", self.outcome(number), "buy", spend=spend))
        if done:
            assert before - wallet(self.world, actor) <= spend + done.fee

    @rule(actor=who, number=outcome_numbers, price=prices, side=sides)
    def move(self, actor, number, price, side):
        self.ask(actor, Order("m", self.outcome(number), side, to_price=price))

    @rule(actor=who, number=outcome_numbers, side=sides, shares=amounts, price=prices, hours=st.integers(0, 5))
    def rest(self, actor, number, side, shares, price, hours):
        lapses = self.now + timedelta(hours=hours) if hours else None
        self.ask(actor, LimitOrder("m", self.outcome(number), side, shares, price, lapses))

    @rule(pick=st.integers(0, 20))
    def cancel(self, pick):
        orders = open_in(self.world)
        if orders:
            order = orders[pick % len(orders)]
            self.ask(order.owner, CancelOrder("m", order.order))

    @rule(hours=st.integers(1, 3))
    def wait(self, hours):
        self.now += timedelta(hours=hours)
        for order in open_in(self.world):
            self.ask("alice", ExpireOrder("m", order.order))

    @rule(liquidity=st.integers(T, 300 * T))
    def deepen(self, liquidity):
        before = market_of(self.world).prices
        self.ask("operator", ChangeLiquidity("m", liquidity))
        assert market_of(self.world).prices == before

    @rule(pick=st.integers(0, 40))
    def end(self, pick):
        if pick < 3:
            self.ask("operator", ResolveMarket("m", self.outcome(pick)))
            if market_of(self.world).state == "resolved":
                total = sum(wallet(self.world, name) for name in (*TRADERS, "operator"))
                assert total == self.start_sum, "settlement is zero-sum"

    @invariant()
    def balanced(self):
        if hasattr(self, "world"):
            check_books(self.world, self.now)


Books.TestCase.settings = settings(
    max_examples=RUNS, stateful_step_count=STEPS, deadline=None, suppress_health_check=list(HealthCheck)
)
TestBooks = Books.TestCase


def wander(seed: int, steps: int) -> int:
    """The same kinds of steps by dice, market after market, with the books checked after each; how many were accepted.

    Hypothesis seldom makes long runs; what it takes thousands of steps to reach is reached here.
    """
    rng, accepted = random.Random(seed), 0
    world, now = world_of(rng.choice((("yes", "no"), ("a", "b", "c"))), rng.randrange(T, 300 * T)), DAWN
    for step in range(steps):
        market, actor = market_of(world), rng.choice(TRADERS)
        outcome, side = rng.choice(market.outcomes), rng.choice(("buy", "buy", "sell"))
        shares, price = rng.randrange(1, 60 * T), rng.randrange(ONE // 50, ONE // 50 * 49)
        lapses = now + timedelta(hours=rng.randrange(1, 9)) if rng.random() < 0.5 else None
        orders = open_in(world)
        commands: list[object] = [
            Order("m", outcome, side, shares=shares),
            Order("m", outcome, "buy", spend=shares),
            Order("m", outcome, side, to_price=price),
            LimitOrder("m", outcome, side, shares, price, lapses),
            LimitOrder("m", outcome, side, shares, price, lapses),
            ChangeLiquidity("m", rng.randrange(T, 300 * T)),
            *(CancelOrder("m", order.order) for order in orders[:1]),
            *(ExpireOrder("m", order.order) for order in orders[:2]),
        ]
        command = rng.choice(commands)
        asks = "operator" if isinstance(command, ChangeLiquidity) else actor
        if step % 500 == 499:
            asks, command = "operator", ResolveMarket("m", outcome)
        if isinstance(command, CancelOrder):
            asks = orders[0].owner
        try:
            ask(world, asks, command, now)
            accepted += 1
        except Refusal:
            pass
        check_books(world, now)
        now += timedelta(minutes=rng.randrange(30))
        if market_of(world).state == "resolved":
            total = sum(wallet(world, name) for name in (*TRADERS, "operator"))
            assert total == 10_000 * T * (len(TRADERS) + 1), "settlement is zero-sum"
            world = world_of(rng.choice((("yes", "no"), ("a", "b", "c"))), rng.randrange(T, 300 * T))
    return accepted


@pytest.mark.parametrize("seed", range(int(os.environ.get("SCIDEX_WALKS", "4"))))
def test_the_books_balance_on_a_long_walk(seed):
    steps = int(os.environ.get("SCIDEX_WALK_STEPS", "600"))
    assert wander(seed, steps) > steps // 4
