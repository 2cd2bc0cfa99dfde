"""One state machine over everything on the exchange: invariants 1 to 4 of the design hold after every step.

By hand, the fifty long runs: `SCIDEX_WALKS=50 SCIDEX_STEPS=5000 python -m pytest tests/exchange/test_walk.py -k walk`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from tests.exchange.adversary import attack
from tests.exchange.checks import check_all
from tests.exchange.walk import EVERY_STEP, Item, Seeded, Walk, buy, wander

from scidex.exchange import liquidity, markets
from scidex.ledger import ACCOUNTS, wallet_of

WALKS = int(os.environ.get("SCIDEX_WALKS", "4"))
FIRST = int(os.environ.get("SCIDEX_FIRST_WALK", "0"))
STEPS = int(os.environ.get("SCIDEX_STEPS", "2500"))
RUNS = int(os.environ.get("SCIDEX_RUNS", "40"))
ATTACKS = int(os.environ.get("SCIDEX_ATTACKS", "100"))

KINDS = {
    "market.open",
    "market.order",
    "market.limit",
    "market.cancel",
    "market.expire",
    "market.liquidity",
    "liquidity.plan",
    "liquidity.cancel",
    "liquidity.carry_out",
    "market.close",
    "market.resolve",
    "market.void",
    "settlement.propose proposed",
    "settlement.dispute disputed",
    "settlement.decide upheld",
    "settlement.decide overturned",
    "settlement.decide rejected",
    "settlement.advance upheld",
    "settlement.advance lapsed",
    "settlement.advance overtaken",
    "settlement.advance timeout",
    "settlement.advance released",
    "settlement.stage staged",
    "settlement.record stage reviewed",
    "bounty.offer",
    "bounty.add",
    "bounty.claim",
    "bounty.release",
    "bounty.submit",
    "bounty.award",
    "bounty.decline",
    "bounty.refund",
    "bounty.expire",
    "bounty.draw",
    "budget.spend",
    "budget.allocate",
    "ledger.transfer",
    "ledger.hold",
    "met the book",
    "sold sets back",
    "settled otherwise",
    "settled short",
}
"""What must have happened on the walks, for them to say anything."""


class Drawn:
    """Choices by Hypothesis, which makes them small once something fails."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    def number(self, least: int, most: int) -> int:
        return self._data.draw(st.integers(least, most))

    def pick(self, items: Sequence[Item]) -> Item:
        return items[self._data.draw(st.integers(0, len(items) - 1))]


class Exchange(RuleBasedStateMachine):
    """The steps as rules, in any order; each asks for what it does and the books are checked as it is answered."""

    walk: Walk | None = None
    accepted: Counter[str] = Counter()

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.walk = Walk(Drawn(data))

    def teardown(self) -> None:
        if self.walk is not None:
            check_all(self.walk.world, self.walk.now)
            self.walk.end()
            self.accepted.update(self.walk.accepted)


def _as_rule(step: Callable[[Walk], None]) -> object:
    def take(self: Exchange, data: st.DataObject) -> None:
        assert self.walk is not None
        self.walk.dice = Drawn(data)
        step(self.walk)

    take.__name__ = step.__name__
    return rule(data=st.data())(take)


def meet(walk: Walk) -> None:
    """The adversary, in one of the markets that trade now; before some, a deeper market is due, as everybody knows."""
    if names := walk.trading():
        name = walk.dice.pick(names)
        if walk.dice.number(0, 1):
            planned = liquidity.PlannedChange(walk.now + timedelta(seconds=1), 5 * walk.market(name).liquidity)
            walk.ask("operator", liquidity.PlanLiquidity(name, (planned,)))
            walk.now += timedelta(minutes=walk.dice.pick((1, 90)))
            if not walk.market(name).open_at(walk.now):
                return
            walk.accepted["adversary: deeper market due"] += bool(walk.planned(name))
        market, fee = walk.market(name), walk.world.policy(walk.world.newest_policy()).market_fee
        attack(walk, name)
        book = "book" if market.resting else "no book"
        walk.accepted[f"adversary: {book}, {'fee' if fee else 'no fee'}"] += 1
        walk.accepted[f"adversary: {'liquidity changed' if market.opening else 'as opened'}"] += 1


Steps = type("Steps", (Exchange,), {step.__name__: _as_rule(step) for step in (*EVERY_STEP, meet)})


def test_no_order_of_steps_breaks_an_invariant() -> None:
    Exchange.accepted = Counter()
    run_state_machine_as_test(
        Steps,
        settings=settings(
            max_examples=RUNS, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
    assert {"market.order", "market.limit", "settlement.propose proposed"} <= Exchange.accepted.keys()


def test_no_long_walk_breaks_an_invariant() -> None:
    accepted: Counter[str] = Counter()
    for seed in range(FIRST, FIRST + WALKS):
        accepted.update(wander(seed, STEPS).accepted)
    missing = {kind for kind in KINDS if not accepted[kind]}
    assert not missing, missing


def test_an_adversary_who_sees_the_book_never_profits_without_information() -> None:
    """In worlds met in the middle of walks, with resting orders, changed liquidity and fees, or with none of these."""
    met: Counter[str] = Counter()
    seed = FIRST
    while met["adversary: as opened"] + met["adversary: liquidity changed"] < ATTACKS:
        met.update(wander(seed, 200, every=12, visit=meet).accepted)
        seed += 1
    worlds = [f"adversary: {book}, {fee}" for book in ("book", "no book") for fee in ("fee", "no fee")]
    assert min(met[name] for name in worlds) >= ATTACKS // 20, met
    others = ("liquidity changed", "as opened", "deeper market due")
    assert min(met[f"adversary: {name}"] for name in others) >= ATTACKS // 10, met


def test_what_a_change_of_liquidity_brings_to_a_holder_its_funder_pays() -> None:
    """Prices do not move when liquidity does, so who has pushed a price up may sell at it in a deeper market.

    That is the funder's loss and nobody else's: what the maker has for the others' shares is as much less as the
    adversary has more. A funder who deepens a market pays for the price that stands there; but not before it has stood
    for an hour, in which anybody else could have sold at it.
    """
    walk = Walk(Seeded(1))
    for _ in range(15):
        buy(walk)
    found = [name for name in walk.trading() if walk.market(name).funder == "actor:maker"]
    assert found
    for name in found[:1]:
        market, others = walk.market(name), walk.world.state.rows(ACCOUNTS)
        shares, outcome = 2 * market.liquidity, market.outcomes[0]
        walk.must("prober", markets.Order(name, outcome, "buy", shares=shares))
        assert walk.ask("maker", markets.ChangeLiquidity(name, 50 * market.liquidity)) is None
        walk.now += timedelta(minutes=61)
        walk.must("maker", markets.ChangeLiquidity(name, 50 * market.liquidity))
        walk.must("prober", markets.Order(name, outcome, "sell", shares=shares))
        after = walk.world.state.rows(ACCOUNTS)
        gained = {key: after[key].balance - others[key].balance for key in after}
        mine = gained.pop(wallet_of("prober"))
        assert mine > market.liquidity // 10
        assert gained.pop(wallet_of("maker")) + gained.pop(market.collateral) == -mine
        assert not any(gained.values()) and walk.market(name).shares == market.shares
