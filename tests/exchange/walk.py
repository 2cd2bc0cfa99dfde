"""Everything that can happen on the exchange, in one world: the steps that Hypothesis and long walks by dice share."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol, TypeVar

from tests.exchange.checks import ONE, Books, check_all
from tests.settlement.commands import EVIDENCE

from scidex.actors import RegisterActor
from scidex.core.errors import Refusal
from scidex.core.machine import Context, kind_of
from scidex.entities import EntityKey, RegisterEntity
from scidex.exchange import bounties, liquidity, markets, settlement
from scidex.exchange.markets import lmsr
from scidex.exchange.resource_allocator import AllocatePool, Claim, RecordSpending
from scidex.lab import first_world
from scidex.ledger import (
    AccountKey,
    ExpireHold,
    Issue,
    Leg,
    PlaceHold,
    PostHold,
    Transfer,
    VoidHold,
    balance_of,
    wallet_of,
)
from scidex.policy import HOUSE, EnactPolicy, Policy
from scidex.senate.budgets import SetBudget

T = 1_000_000
HOUR = 3600
DAWN = datetime(2026, 1, 1, tzinfo=UTC)
TRADERS = ("alice", "bob", "carol")
JUDGES = ("pat", "dan")
EVERYBODY = (*TRADERS, *JUDGES, "rita", "rosa", "maker", "prober")
OPEN_AT_ONCE = 3
GAPS = (EntityKey("gap", "g"), EntityKey("gap", "h"))
WORKS = tuple((EntityKey("analysis", f"{who} {n}"), who) for who in TRADERS for n in range(4))
SHORT: dict[str, Any] = {
    "settlement_bond_min": 3,
    "settlement_winner_share": "0.333",
    "settlement_withheld": "0.15",
    "settlement_versions_max": 4,
    "settlement_dispute_s": 6 * HOUR,
    "settlement_decide_s": 8 * HOUR,
    "settlement_appeal_s": 30 * HOUR,
    "settlement_deadline_s": 48 * HOUR,
    "void_window_s": 5 * HOUR,
    "bounty_review_s": 20 * HOUR,
    "bounty_reclaim_after_s": HOUR,
}
"""Uneven shares and short times, so that everything is rounded and much is due."""
POLICIES = tuple(
    Policy.model_validate(Policy(**SHORT, market_fee=Decimal(fee), settlement_closes_early=early).model_dump())
    for fee, early in (("0", False), ("0.02", False), ("0.01", True))
)
Item = TypeVar("Item")


class Dice(Protocol):
    """Where choices come from: Hypothesis, which can shrink them, or a seed, which is fast."""

    def number(self, least: int, most: int) -> int: ...

    def pick(self, items: Sequence[Item]) -> Item: ...


class Seeded:
    """Choices by a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def number(self, least: int, most: int) -> int:
        return self._random.randint(least, most)

    def pick(self, items: Sequence[Item]) -> Item:
        return items[self._random.randrange(len(items))]


class Walk:
    """A world, its time, and its books, which are checked after every command that is asked."""

    def __init__(self, dice: Dice) -> None:
        self.dice = dice
        self.world = first_world(DAWN)
        self.now = DAWN
        self.books = Books(self.world)
        self.asked = 0
        self.accepted: Counter[str] = Counter()
        self.live: list[str] = []
        self.opened = 0
        self.holds: list[tuple[str, str]] = []
        self.issued = 0
        self._first()

    def _first(self) -> None:
        for name, roles in (("operator", ("operator",)), ("rita", ("reviewer",)), ("rosa", ("resolver",))):
            self.must(HOUSE if name == "operator" else "operator", RegisterActor(name, "person", roles))
        self.must(HOUSE, EnactPolicy(self.dice.pick(POLICIES)))
        for name in EVERYBODY:
            if name not in ("rita", "rosa"):
                self.must("operator", RegisterActor(name))
            self.issue(wallet_of(name), (100_000 if name in ("maker", "prober") else 3_000) * T)
        self.issue(bounties.TREASURY, 30_000 * T)
        for work, who in WORKS:
            self.must(who, RegisterEntity(*work, "work"))
        self.must("operator", Issue(AccountKey("pool:main", "pool", "llm_standard"), 10**9, "cycle"))
        for gap in GAPS:
            self.must("operator", RegisterEntity(*gap, "title"))
            self.must("operator", SetBudget(gap, "main", (("llm_standard", 10**8),)))
        for _ in range(OPEN_AT_ONCE):
            open_market(self)

    def issue(self, account: AccountKey, amount: int) -> None:
        self.must("operator", Issue(account, amount, "endowment"))
        self.issued += amount

    def ask(self, actor: str, command: Any) -> Any:
        """What came of a command, or None where it was refused; either way the books are in order."""
        self.asked += 1
        try:
            receipt = self.world.apply(command, actor=actor, now=self.now)
        except Refusal:
            self.books.untouched()
            return None
        self.books.check(self.now)
        result = receipt.result
        self._count(receipt.kind, result)
        if type(command) in ONCE:
            self._once(actor, command, result)
        return result

    def _count(self, kind: str, result: Any) -> None:
        if isinstance(result, settlement.SettlementReceipt):
            kind = f"{kind} {result.step}"
            self.accepted["settled otherwise"] += result.version > 1 and bool(result.payouts)
            self.accepted["settled short"] += bool(result.short)
        elif isinstance(result, markets.Traded):
            self.accepted["met the book"] += result.matched > 0
            self.accepted["sold sets back"] += result.redeemed > 0
        self.accepted[kind] += 1

    def must(self, actor: str, command: Any) -> Any:
        """The same of a command that has to be accepted."""
        result = self.ask(actor, command)
        assert result is not None, command
        return result

    def _once(self, actor: str, command: Any, result: Any) -> None:
        """Ended twice is ended once: the same command again is refused, unless time has made another step due."""
        with self.supposing() as suppose:
            try:
                again = suppose(actor, command)
            except Refusal:
                return
            assert isinstance(command, settlement.AdvanceSettlement) and again.step != result.step, command

    @contextmanager
    def supposing(self) -> Iterator[Callable[[str, Any], Any]]:
        """Commands that are tried one after the other and leave no trace; a refused one raises, and ends the trial."""
        version = self.world.newest_policy()
        policy, number = self.world.policy(version), self.world.number

        def suppose(actor: str, command: Any) -> Any:
            nonlocal number
            number += 1
            return kind_of(command).decide(self.world.state, command, Context(actor, self.now, policy, version, number))

        try:
            yield suppose
        finally:
            self.world.state.undo()

    # What there is to choose from.

    def market(self, name: str) -> markets.Market:
        found = self.world.state.get(markets.MARKETS, name)
        assert found is not None
        return found

    def ending(self, name: str) -> settlement.Settlement:
        return self.world.state.get(settlement.SETTLEMENTS, name) or settlement.Settlement(name)

    def book(self, name: str) -> list[markets.RestingOrder]:
        return markets.open_orders(self.world.state, name)

    def planned(self, name: str) -> list[liquidity.Change]:
        changes = [change for _, change in self.world.state.whole(liquidity.CHANGES, name)]
        return sorted((change for change in changes if change.state == "planned"), key=lambda change: change.at)

    def shares(self, name: str, owner: str) -> tuple[int, ...]:
        position = self.world.state.get(markets.POSITIONS, markets.PositionKey(name, owner))
        return position.shares if position else (0,) * len(self.market(name).outcomes)

    def wealth(self, name: str, owner: str) -> tuple[int, tuple[int, ...]]:
        """Token parts of somebody in one market: the wallet, what rests in the book, and complete sets; and the shares
        beyond those."""
        shares = self.shares(name, owner)
        sets = min(shares)
        escrow = sum(order.escrow for order in self.book(name) if order.owner == owner)
        wallet = balance_of(self.world.state, wallet_of(owner))
        return wallet + escrow + sets, tuple(held - sets for held in shares)

    def trading(self) -> list[str]:
        return [name for name in self.live if self.market(name).open_at(self.now)]

    def is_over(self, name: str) -> bool:
        """Whether nothing can happen to a market any more."""
        market = self.market(name)
        if market.ended_at is None or market.state == "closed" or self.ending(name).version:
            return self.ending(name).state == "done"
        return market.ended_at + timedelta(hours=30) <= self.now and not self.ending(name).bonds

    def unsettled(self) -> list[str]:
        return [name for name in self.live if self.market(name).state in ("open", "closed")]

    def in_state(self, *states: str) -> list[str]:
        return [name for name in self.live if self.ending(name).state in states]

    def offers(self) -> list[bounties.Bounty]:
        found = []
        for gap in GAPS:
            board = self.world.state.get(bounties.BOARDS, gap)
            found += [self.world.state.get(bounties.BOUNTIES, name) for name in (board.open if board else ())]
        return found

    # The end.

    def end(self) -> None:
        """Time alone brings every market and every bounty to its end, and every token to somebody who may have it."""
        for name in self.trading():
            self.must("rosa", markets.CloseMarket(name))
        for _ in range(6):
            self.now += timedelta(days=3)
            for name in self.live:
                self.ask(HOUSE, settlement.AdvanceSettlement(name))
        for bounty in self.offers():
            self.must(HOUSE, bounties.ExpireBounty(bounty.bounty))
        state, left = self.world.state, 0
        for name, market in state.rows(markets.MARKETS).items():
            assert market.state in ("resolved", "void")
            assert self.ending(name).state in ("done", "waiting"), self.ending(name)
            accounts = (market.collateral, markets.escrow_of(name), settlement.bonds_of(name))
            left += sum(balance_of(state, key) for key in (*accounts, settlement.withheld_of(name)))
        left += sum(balance_of(state, row.escrow) for row in state.rows(bounties.BOUNTIES).values())
        assert left == 0, "a token is stuck"
        wallets = sum(balance_of(state, wallet_of(name)) for name in EVERYBODY)
        assert wallets + balance_of(state, bounties.TREASURY) == self.issued
        check_all(self.world, self.now)


ONCE = {
    markets.CancelOrder,
    markets.ExpireOrder,
    liquidity.CarryOutChange,
    liquidity.CancelChange,
    markets.CloseMarket,
    markets.ResolveMarket,
    markets.VoidMarket,
    settlement.ProposeResolution,
    settlement.DisputeResolution,
    settlement.DecideDispute,
    settlement.AdvanceSettlement,
    settlement.RecordStage,
    bounties.SubmitWork,
    bounties.AwardBounty,
    bounties.DeclineWork,
    bounties.RefundBounty,
    bounties.ExpireBounty,
    bounties.DrawBounties,
}
"""What is done once."""


# The steps. Each chooses by the dice among what there is, asks, and says what must be true of it beyond the books.


def open_market(walk: Walk) -> None:
    dice = walk.dice
    if len(walk.trading()) >= OPEN_AT_ONCE:
        return
    walk.live = [name for name in walk.live if not walk.is_over(name)]
    walk.opened += 1
    name, artifact = f"m{walk.opened}", EntityKey("hypothesis", f"m{walk.opened}")
    outcomes = dice.pick((("yes", "no"), ("yes", "no"), ("a", "b", "c"), ("a", "b", "c", "d")))
    prices = None
    if dice.number(0, 2) == 0:
        first = ONE // dice.number(2, 40)
        prices = (first, *[(ONE - first) // (len(outcomes) - 1)] * (len(outcomes) - 1))
        prices = (ONE - sum(prices[1:]), *prices[1:])
    closes_at = walk.now + timedelta(hours=dice.number(2, 60)) if dice.number(0, 3) else None
    walk.must("maker", RegisterEntity(*artifact, "title"))
    actor, pool = dice.pick((("maker", None), ("operator", "treasury")))
    walk.must(
        actor,
        markets.OpenMarket(name, artifact, "?", outcomes, dice.number(T, 300 * T), prices, closes_at, pool),
    )
    walk.live.append(name)


def _chosen(walk: Walk) -> tuple[str, str, str] | None:
    """A market, a trader and an outcome."""
    open_now = walk.trading()
    if not open_now:
        open_market(walk)
        return None
    name = walk.dice.pick(open_now)
    return name, walk.dice.pick(TRADERS), walk.dice.pick(walk.market(name).outcomes)


def buy(walk: Walk) -> None:
    """A taker never pays more than the maker alone would ask."""
    if (chosen := _chosen(walk)) is None:
        return
    name, actor, outcome = chosen
    market, shares = walk.market(name), _size(walk)
    which = market.outcomes.index(outcome)
    alone = lmsr.charge(market.shares, market.liquidity, market.offsets, which, shares)
    done = walk.ask(actor, markets.Order(name, outcome, "buy", shares=shares))
    assert done is None or done.paid + done.redeemed <= alone


def sell(walk: Walk) -> None:
    """And never gets less than the maker alone would pay."""
    if (chosen := _chosen(walk)) is None:
        return
    name, actor, outcome = chosen
    market, outcome = walk.market(name), _held(walk, *chosen)
    which = market.outcomes.index(outcome)
    held = walk.shares(name, actor)[which]
    shares = walk.dice.number(1, held) if held and walk.dice.number(0, 5) else _size(walk)
    done = walk.ask(actor, markets.Order(name, outcome, "sell", shares=shares))
    if done is not None:
        assert -done.paid >= lmsr.payout(market.shares, market.liquidity, market.offsets, which, shares)


def spend(walk: Walk) -> None:
    """A spend is the most that is paid, but for the fee."""
    if (chosen := _chosen(walk)) is None:
        return
    name, actor, outcome = chosen
    before, tokens = balance_of(walk.world.state, wallet_of(actor)), _size(walk)
    done = walk.ask(actor, markets.Order(name, outcome, "buy", spend=tokens))
    if done is not None:
        own = balance_of(walk.world.state, wallet_of(actor))
        assert before - own <= tokens + done.fee


def move_price(walk: Walk) -> None:
    """To a price, for at most so much; the price is there then, unless the spend ended before."""
    if (chosen := _chosen(walk)) is None:
        return
    name, actor, outcome = chosen
    market, target = walk.market(name), _price(walk)
    side = "buy" if market.prices[market.outcomes.index(outcome)] < target else "sell"
    tokens = _size(walk) if side == "buy" and walk.dice.number(0, 1) else None
    offers = markets.offers_to(market, walk.book(name), market.outcomes.index(outcome), side, walk.now)
    done = walk.ask(actor, markets.Order(name, outcome, side, spend=tokens, to_price=target))
    if done is not None and tokens is None and side == "buy" and len(market.outcomes) == 2:
        after = walk.market(name)
        # A part of a share moves the price by at most 1 / (4 b). The last part may be missing, and where resting orders
        # of a few parts are passed over, because the roundings of meeting them cost more, the maker goes on by those.
        parts = 1 if done.matched else 1 + sum(offer.order.shares for offer in offers if offer.price <= target)
        off = abs(after.prices[after.outcomes.index(outcome)] - target)
        assert off <= 1 + parts * ONE / (4 * market.liquidity)


def rest(walk: Walk) -> None:
    if (chosen := _chosen(walk)) is None:
        return
    name, actor, outcome = chosen
    lapses = walk.now + timedelta(minutes=walk.dice.number(5, 900)) if walk.dice.number(0, 1) else None
    side = walk.dice.pick(("buy", "buy", "sell"))
    shares, price = _size(walk), _price(walk)
    if side == "sell":
        outcome = _held(walk, *chosen)
        held = walk.shares(name, actor)[walk.market(name).outcomes.index(outcome)]
        shares = min(shares, held) or shares
    walk.ask(actor, markets.LimitOrder(name, outcome, side, shares, price, lapses))


def cancel(walk: Walk) -> None:
    found = [order for name in walk.trading() for order in walk.book(name)]
    if found:
        order = walk.dice.pick(found)
        actor = order.owner if walk.dice.number(0, 4) else walk.dice.pick(TRADERS)
        walk.ask(actor, markets.CancelOrder(order.market, order.order))


def expire_orders(walk: Walk) -> None:
    """What the keeper does, and now and then before it is due."""
    for name in walk.live:
        for order in walk.book(name):
            due = order.expires_at is not None and order.expires_at <= walk.now
            if due or walk.dice.number(0, 5) == 0:
                walk.ask("bob", markets.ExpireOrder(name, order.order))


def change_liquidity(walk: Walk) -> None:
    """No price moves."""
    if (chosen := _chosen(walk)) is None:
        return
    name, before = chosen[0], walk.market(chosen[0])
    walk.ask(walk.dice.pick(("operator", "maker")), markets.ChangeLiquidity(name, walk.dice.number(T, 400 * T)))
    after = walk.market(name)
    assert after.prices == before.prices
    # The curve goes on from there, to the last digit but one: its offsets are rounded to 10^-15.
    curve = lmsr.prices_of(after.shares, after.liquidity, after.offsets)
    assert all(abs(one - other) <= 2 for one, other in zip(curve, after.prices, strict=True))


def plan(walk: Walk) -> None:
    """Changes of liquidity for later, which everybody sees coming."""
    if (chosen := _chosen(walk)) is None:
        return
    changes = tuple(
        liquidity.PlannedChange(
            walk.now + timedelta(minutes=walk.dice.number(1, 600), seconds=place), walk.dice.number(T, 400 * T)
        )
        for place in range(walk.dice.number(1, 2))
    )
    walk.ask(walk.dice.pick(("operator", "maker")), liquidity.PlanLiquidity(chosen[0], changes))


def carry_out(walk: Walk) -> None:
    """What the keeper does: no price moves, and a change waits while a price has yet to settle."""
    for name in walk.live:
        before = walk.market(name)
        for change in walk.planned(name):
            if change.at <= walk.now:
                walk.ask("bob", liquidity.CarryOutChange(name, change.change))
        assert walk.market(name).prices == before.prices


def cancel_plan(walk: Walk) -> None:
    if found := [change for name in walk.live for change in walk.planned(name)]:
        change = walk.dice.pick(found)
        walk.ask(walk.dice.pick(("operator", "bob")), liquidity.CancelChange(change.market, change.change))


def there_and_back(walk: Walk) -> None:
    """Invariant 3: buying and selling back gains nothing, nor does selling and buying back, nor buying in two parts."""
    if (chosen := _chosen(walk)) is None:
        return
    name, actor, outcome = chosen
    shares = walk.dice.number(1, 80 * T)
    part = walk.dice.number(1, shares)
    start, resting = walk.wealth(name, "prober"), walk.market(name).resting
    try:
        with walk.supposing() as suppose:
            suppose("prober", markets.Order(name, outcome, "buy", shares=shares))
            whole = walk.wealth(name, "prober")[0]
            suppose("prober", markets.Order(name, outcome, "sell", shares=shares))
            back = walk.wealth(name, "prober")
            assert back[1] == start[1] and back[0] <= start[0]
        with walk.supposing() as suppose:
            suppose("prober", markets.Order(name, outcome, "buy", shares=part))
            if part < shares and not _set_off(walk, name):
                suppose("prober", markets.Order(name, outcome, "buy", shares=shares - part))
                # An order of a few parts is passed over where meeting it costs more in roundings than it brings; whoever
                # comes next meets it. That is worth no more than those roundings.
                slack = 2 * resting
                assert walk.wealth(name, "prober")[0] <= whole + slack, "splitting pays"
        held = walk.shares(name, actor)[walk.market(name).outcomes.index(outcome)]
        if held:
            own = walk.wealth(name, actor)
            sold = walk.dice.number(1, held)
            with walk.supposing() as suppose:
                suppose(actor, markets.Order(name, outcome, "sell", shares=sold))
                suppose(actor, markets.Order(name, outcome, "buy", shares=sold))
                back = walk.wealth(name, actor)
                # Of several outcomes a resting sale of the trader's own may have been filled on the way.
                assert back[1] != own[1] or back[0] <= own[0]
    except Refusal:
        return


def _set_off(walk: Walk, name: str) -> bool:
    """Whether a trade has let others trade: of several outcomes resting orders follow once it is done."""
    trades = walk.market(name).trades
    last = walk.world.state.get(markets.TRADES, markets.TradeKey(name, trades))
    return last is not None and last.resting is not None


def stage(walk: Walk) -> None:
    for name in walk.trading():
        if not walk.market(name).trades and walk.dice.number(0, 1):
            walk.ask("operator", settlement.StageMarket(name))


def record_stages(walk: Walk) -> None:
    for name in walk.live:
        if walk.ending(name).staged:
            for each in settlement.STAGES_IN_ORDER:
                walk.ask("rosa", settlement.RecordStage(name, each, EVIDENCE[:1]))


def propose(walk: Walk) -> None:
    found = [name for name in walk.in_state("waiting", "final") if not walk.market(name).open_at(walk.now)]
    if walk.dice.number(0, 3) == 0:
        found = walk.trading() or found
    if not found:
        return
    name = walk.dice.pick(found)
    version, market = walk.ending(name).version, walk.market(name)
    replaces = version or (1 if market.state in ("resolved", "void") else None)
    actor, (ruling, outcome) = walk.dice.pick((*JUDGES, *JUDGES, "alice")), _ruling(walk, name)
    walk.ask(actor, settlement.ProposeResolution(name, ruling, EVIDENCE[:2], outcome, replaces))


def dispute(walk: Walk) -> None:
    if found := walk.in_state("proposed"):
        name = walk.dice.pick(found)
        ruling, outcome = _ruling(walk, name)
        actor = walk.dice.pick((*JUDGES, *TRADERS))
        walk.ask(actor, settlement.DisputeResolution(name, ruling, EVIDENCE[2:], outcome))


def decide(walk: Walk) -> None:
    if found := walk.in_state("disputed"):
        name = walk.dice.pick(found)
        case = walk.world.state.get(settlement.CASES, settlement.CaseKey(name, walk.ending(name).case))
        sides = ((case.ruling, case.outcome), (case.counter_ruling, case.counter_outcome), _ruling(walk, name))
        ruling, outcome = walk.dice.pick(sides)
        walk.ask("rita", settlement.DecideDispute(name, ruling, "why", outcome))


def wait_for_what_is_due(walk: Walk) -> None:
    """Until the next step of a settlement that time alone makes; a dispute that nobody decides lapses so."""
    if found := walk.in_state("proposed", "disputed", "final"):
        name = walk.dice.pick(found)
        due = walk.ending(name).due_at
        if due is not None and due - walk.now < timedelta(hours=walk.dice.pick((3, 12, 40))):
            walk.now = max(walk.now, due)
            walk.ask(HOUSE, settlement.AdvanceSettlement(name))


def advance(walk: Walk) -> None:
    """What the keeper does, and now and then before it is due."""
    for name in walk.live:
        due, state = walk.ending(name).due_at, walk.market(name).state
        if (due is not None and due <= walk.now) or state == "closed" or walk.dice.number(0, 5) == 0:
            walk.ask(HOUSE, settlement.AdvanceSettlement(name))


def close(walk: Walk) -> None:
    if found := walk.unsettled():
        walk.ask("rosa", markets.CloseMarket(walk.dice.pick(found)))


def resolve(walk: Walk) -> None:
    """Directly, also over a proposal that stands."""
    if found := walk.unsettled():
        name = walk.dice.pick(found)
        outcome = walk.dice.pick(walk.market(name).outcomes)
        walk.ask(walk.dice.pick(("operator", "operator", "rosa")), markets.ResolveMarket(name, outcome))


def void(walk: Walk) -> None:
    if found := walk.unsettled():
        walk.ask("operator", markets.VoidMarket(walk.dice.pick(found)))


def post(walk: Walk) -> None:
    walk.ask(
        walk.dice.pick(TRADERS),
        bounties.OfferBounty(
            walk.dice.pick(GAPS), walk.dice.pick((1, 3, 7, T, 5 * T + 1)), walk.dice.number(1, 40) * HOUR, "p"
        ),
    )


def fund(walk: Walk) -> None:
    if found := walk.offers():
        amount = walk.dice.pick((1, 2, 3 * T + 1))
        walk.ask(walk.dice.pick((*TRADERS, *JUDGES)), bounties.AddToBounty(walk.dice.pick(found).bounty, amount))


def claim(walk: Walk) -> None:
    if found := walk.offers():
        seconds = walk.dice.number(1, 8) * HOUR
        walk.ask(walk.dice.pick(TRADERS), bounties.ClaimBounty(walk.dice.pick(found).bounty, seconds))


def release(walk: Walk) -> None:
    if found := [bounty for bounty in walk.offers() if bounty.claimed(walk.now)]:
        bounty = walk.dice.pick(found)
        walk.ask(bounty.claimant, bounties.ReleaseClaim(bounty.bounty))


def submit(walk: Walk) -> None:
    if found := [bounty for bounty in walk.offers() if bounty.claimed(walk.now)]:
        bounty = walk.dice.pick(found)
        work = walk.dice.pick([work for work, who in WORKS if who == bounty.claimant] or [WORKS[0][0]])
        walk.ask(bounty.claimant, bounties.SubmitWork(bounty.bounty, work, "done"))


def judge(walk: Walk) -> None:
    found = [bounty for bounty in walk.offers() if bounty.waiting]
    if not found:
        return
    bounty = walk.dice.pick(found)
    works = walk.world.state.whole(bounties.SUBMISSIONS, bounty.bounty)
    output = walk.dice.pick([row.output for _, row in works if row.state == "waiting"])
    actor = walk.dice.pick(("rita", bounty.funder))
    if walk.dice.number(0, 3) == 0:
        walk.ask(actor, bounties.DeclineWork(bounty.bounty, output, "no"))
    else:
        walk.ask(actor, bounties.AwardBounty(bounty.bounty, output, walk.dice.pick((None, 1, 2, T))))


def withdraw(walk: Walk) -> None:
    if found := walk.offers():
        bounty = walk.dice.pick(found)
        walk.ask(walk.dice.pick((bounty.funder, bounty.funder, "operator")), bounties.RefundBounty(bounty.bounty))


def expire_bounties(walk: Walk) -> None:
    for bounty in walk.offers():
        if bounty.due_at <= walk.now or walk.dice.number(0, 5) == 0:
            walk.ask(HOUSE, bounties.ExpireBounty(bounty.bounty))


def spend_compute(walk: Walk) -> None:
    walk.ask("operator", RecordSpending(walk.dice.pick(GAPS), "llm_standard", walk.dice.pick((1, 30, 300, 20_000)), ""))


def draw(walk: Walk) -> None:
    walk.ask("bob", bounties.DrawBounties(walk.dice.pick(GAPS)))


def allocate(walk: Walk) -> None:
    """An allocation counts bounties, which may then not be withdrawn."""
    gap = walk.dice.pick(GAPS)
    names = tuple(bounty.bounty for bounty in walk.offers() if bounty.artifact == gap)
    cycle = str(walk.world.number)
    walk.ask(
        "operator",
        AllocatePool("main", "llm_standard", cycle, (Claim(gap, 0, 10 * T, None),), amount=100, bounties=names),
    )


def pay(walk: Walk) -> None:
    """Tokens go from hand to hand or are set aside, so that who has to give back may have nothing to give."""
    giver, taker = walk.dice.pick(TRADERS), walk.dice.pick((*TRADERS, *JUDGES))
    if giver == taker:
        return
    wealth = balance_of(walk.world.state, wallet_of(giver))
    amount = walk.dice.number(1, max(1, wealth))
    if walk.dice.number(0, 2):
        walk.ask(giver, Transfer((Leg(wallet_of(giver), wallet_of(taker), amount),), "gift"))
        return
    hold = walk.ask(giver, PlaceHold(wallet_of(giver), wallet_of(taker), amount, walk.dice.number(1, 20) * HOUR, "h"))
    if hold is not None:
        walk.holds.append((giver, hold.hold))


def end_hold(walk: Walk) -> None:
    if walk.holds:
        giver, hold = walk.holds.pop(0)
        command = walk.dice.pick((PostHold(hold), PostHold(hold, 1), VoidHold(hold)))
        if walk.ask(giver, command) is None:
            walk.must(HOUSE, ExpireHold(hold))


def change_policy(walk: Walk) -> None:
    if walk.dice.number(0, 5) == 0:
        walk.ask(HOUSE, EnactPolicy(walk.dice.pick(POLICIES)))


def pass_by(walk: Walk) -> None:
    walk.now += timedelta(minutes=walk.dice.pick((1, 20, 60, 240)))


def _held(walk: Walk, name: str, actor: str, outcome: str) -> str:
    """An outcome that the trader holds, mostly."""
    shares = zip(walk.market(name).outcomes, walk.shares(name, actor), strict=True)
    held = [each for each, mine in shares if mine]
    return walk.dice.pick(held) if held and walk.dice.number(0, 9) else outcome


def _size(walk: Walk) -> int:
    return walk.dice.number(1, walk.dice.pick((10, T, 60 * T)))


def _price(walk: Walk) -> int:
    return walk.dice.number(ONE // 50, ONE // 50 * 49)


def _ruling(walk: Walk, name: str) -> tuple[Any, str | None]:
    outcome = walk.dice.pick((None, *walk.market(name).outcomes))
    if outcome is None:
        return walk.dice.pick(("void", "unproven")), None
    return "outcome", outcome


STEPS: dict[Callable[[Walk], None], int] = {
    open_market: 3,
    buy: 14,
    sell: 9,
    spend: 9,
    move_price: 8,
    rest: 30,
    cancel: 6,
    expire_orders: 3,
    change_liquidity: 4,
    plan: 2,
    carry_out: 4,
    cancel_plan: 1,
    there_and_back: 8,
    stage: 2,
    record_stages: 1,
    propose: 6,
    dispute: 5,
    decide: 5,
    wait_for_what_is_due: 3,
    advance: 3,
    close: 1,
    resolve: 1,
    void: 1,
    post: 3,
    fund: 2,
    claim: 3,
    release: 1,
    submit: 3,
    judge: 3,
    withdraw: 2,
    expire_bounties: 1,
    spend_compute: 2,
    draw: 2,
    allocate: 1,
    pay: 2,
    end_hold: 2,
    change_policy: 1,
    pass_by: 4,
}
"""Every step and how often dice take it."""
EVERY_STEP = list(STEPS)
OFTEN = [step for step, weight in STEPS.items() for _ in range(weight)]


def wander(seed: int, steps: int, *, every: int = 0, visit: Callable[[Walk], None] = pass_by) -> Walk:
    """So many steps by dice, with everything looked at every 500 of them and in the end; `visit` comes in between."""
    dice = Seeded(seed)
    walk = Walk(dice)
    for count in range(1, steps + 1):
        asked = walk.asked
        while walk.asked == asked:  # a step that finds nothing to do is none
            dice.pick(OFTEN)(walk)
        walk.now += timedelta(minutes=dice.number(0, 6))
        if every and count % every == 0:
            visit(walk)
        if count % 500 == 0:
            check_all(walk.world, walk.now)
    walk.end()
    return walk
