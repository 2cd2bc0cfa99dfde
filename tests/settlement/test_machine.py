"""Whatever people do about how two markets end, every token is somewhere it may be, and in the end nothing is stuck."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.conftest import DAWN
from tests.settlement.commands import EVIDENCE

from scidex.actors import RegisterActor
from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.core.journal import Entry, Receipt, Request, perform
from scidex.economy import Economy
from scidex.entities import EntityKey, RegisterEntity
from scidex.exchange import markets, settlement
from scidex.lab import World, audit, first_world
from scidex.lab.audit import compare_tables, read_tables
from scidex.ledger import ACCOUNTS, Issue, Leg, PlaceHold, Transfer, issuance_of, wallet_of
from scidex.policy import EnactPolicy, Policy

T = 1_000_000
DAY = 86_400
MARKETS = ("m", "n")
TRADERS = ("alice", "bob", "carl")
JUDGES = ("pat", "dan", "pat", "dan", "alice", "maker")
OUTCOMES = ("yes", "no", "maybe")
UNEVEN = Policy(
    settlement_bond_min=3,
    settlement_winner_share="0.333",
    settlement_withheld="0.15",
    settlement_versions_max=4,
    settlement_dispute_s=2 * DAY,
    settlement_decide_s=3 * DAY,
    settlement_appeal_s=9 * DAY,
    settlement_deadline_s=12 * DAY,
)
"""Uneven shares and short times, so that everything is rounded and much is due."""
HARSH = Policy.model_validate(UNEVEN.model_dump())  # every field written down, as the database has it

market_names = st.sampled_from(MARKETS)
rulings = st.sampled_from((*(("outcome", name) for name in OUTCOMES), ("void", None), ("unproven", None)))
tokens = st.integers(1, 40 * T)


class Ends(RuleBasedStateMachine):
    """Two markets with three traders; `accepted` counts the steps that were taken."""

    accepted: dict[str, int] = {}

    def __init__(self) -> None:
        super().__init__()
        self.world = self.first()
        self.now = DAWN
        self.total = dict.fromkeys(MARKETS, 0)

    def first(self) -> World:
        return first_world(DAWN)

    def apply(self, command: object, actor: str) -> Receipt[object] | Refusal:
        try:
            answer: Receipt[object] | Refusal = self.world.apply(command, actor=actor, now=self.now)
        except Refusal as refusal:
            answer = refusal
        if isinstance(answer, Receipt) and isinstance(answer.result, settlement.SettlementReceipt):
            name = f"{answer.result.step}, version {answer.result.version}"
            self.accepted[name] = self.accepted.get(name, 0) + 1
        return answer

    def row(self, name: str) -> settlement.Settlement:
        return self.world.state.get(settlement.SETTLEMENTS, name) or settlement.Settlement(name)

    def in_state(self, *states: str) -> list[str]:
        return [name for name in MARKETS if self.row(name).state in states]

    def balance(self, key: object) -> int:
        found = self.world.state.get(ACCOUNTS, key)
        return found.balance if found else 0

    @initialize()
    def begin(self) -> None:
        house = [
            (EnactPolicy(HARSH), "system"),
            (RegisterActor("operator", "person", ("operator",)), "system"),
            *((RegisterActor(name), "operator") for name in (*TRADERS, "pat", "dan", "maker")),
            (RegisterActor("rita", "person", ("reviewer",)), "operator"),
            (RegisterActor("rosa", "person", ("resolver",)), "operator"),
            *((Issue(wallet_of(name), 100 * T, "endowment"), "operator") for name in (*TRADERS, "pat", "dan", "rita")),
            *((Issue(key, 1000 * T, "endowment"), "operator") for key in (wallet_of("maker"), settlement.POOL)),
        ]
        for name in MARKETS:
            artifact = EntityKey("gap", name)
            pool, opener = (None, "maker") if name == "m" else ("treasury", "operator")
            opening = markets.OpenMarket(name, artifact, "?", OUTCOMES, 40 * T, None, DAWN + timedelta(days=5), pool)
            house += [(RegisterEntity(*artifact, "title"), "operator"), (opening, opener)]
        for command, actor in house:
            answer = self.apply(command, actor)
            assert not isinstance(answer, Refusal) or actor == "system", answer

    @precondition(lambda self: self.now < DAWN + timedelta(days=5))
    @rule(name=market_names, actor=st.sampled_from(TRADERS), outcome=st.sampled_from(OUTCOMES), spend=tokens)
    def trade(self, name: str, actor: str, outcome: str, spend: int) -> None:
        self.apply(markets.Order(name, outcome, "buy", None, spend), actor)

    @precondition(lambda self: self.now < DAWN + timedelta(days=5))
    @rule(
        name=market_names,
        actor=st.sampled_from(TRADERS),
        outcome=st.sampled_from(OUTCOMES),
        side=st.sampled_from(("buy", "sell")),
        shares=tokens,
        price=st.integers(1, 9),
    )
    def rest(self, name: str, actor: str, outcome: str, side: str, shares: int, price: int) -> None:
        self.apply(markets.LimitOrder(name, outcome, side, shares, price * 10**11), actor)

    @precondition(lambda self: self.now < DAWN + timedelta(days=5))
    @rule(name=market_names, liquidity=st.integers(20, 90))
    def change_liquidity(self, name: str, liquidity: int) -> None:
        self.apply(markets.ChangeLiquidity(name, liquidity * T), "operator")

    @precondition(lambda self: self.now == DAWN)
    @rule(name=market_names)
    def make_it_staged(self, name: str) -> None:
        self.apply(settlement.StageMarket(name), "operator")

    @precondition(lambda self: any(self.row(name).staged for name in MARKETS))
    @rule(name=market_names)
    def go_through_stages(self, name: str) -> None:
        for stage in settlement.STAGES_IN_ORDER:
            self.apply(settlement.RecordStage(name, stage, EVIDENCE[:1]), "rosa")

    @rule(name=market_names, actor=st.sampled_from(JUDGES), ruling=rulings)
    def propose(self, name: str, actor: str, ruling: tuple[str, str | None]) -> None:
        self.close()
        version = self.row(name).version
        market = self.world.state.get(markets.MARKETS, name)
        replaces = version or (1 if market.state in ("resolved", "void") else None)
        self.apply(settlement.ProposeResolution(name, ruling[0], EVIDENCE[:2], ruling[1], replaces), actor)

    @precondition(lambda self: self.in_state("proposed"))
    @rule(actor=st.sampled_from(("pat", "dan", *TRADERS)), ruling=rulings)
    def dispute(self, actor: str, ruling: tuple[str, str | None]) -> None:
        for name in self.in_state("proposed"):
            self.apply(settlement.DisputeResolution(name, ruling[0], EVIDENCE[2:], ruling[1]), actor)

    @precondition(lambda self: self.in_state("disputed"))
    @rule(actor=st.sampled_from(("rita", "rita", "rosa")), side=st.integers(0, 2), other=rulings)
    def decide(self, actor: str, side: int, other: tuple[str, str | None]) -> None:
        for name in self.in_state("disputed"):
            case = self.world.state.get(settlement.CASES, settlement.CaseKey(name, self.row(name).case))
            sides = ((case.ruling, case.outcome), (case.counter_ruling, case.counter_outcome), other)
            self.apply(settlement.DecideDispute(name, sides[side][0], "why", sides[side][1]), actor)

    @precondition(lambda self: self.in_state("proposed", "disputed", "final"))
    @rule()
    def wait_for_what_is_due(self) -> None:
        name = min(self.in_state("proposed", "disputed", "final"), key=lambda name: self.row(name).due_at)
        self.now = max(self.now, self.row(name).due_at)
        self.apply(settlement.AdvanceSettlement(name), "system")

    @rule(name=market_names)
    def advance(self, name: str) -> None:
        self.apply(settlement.AdvanceSettlement(name), "system")

    @rule(name=market_names, outcome=st.sampled_from(OUTCOMES), chance=st.integers(0, 9))
    def resolve_directly(self, name: str, outcome: str, chance: int) -> None:
        if chance == 0:
            self.apply(markets.ResolveMarket(name, outcome), "operator")

    @rule(actor=st.sampled_from((*TRADERS, "maker")), amount=tokens, held=st.booleans())
    def spend(self, actor: str, amount: int, held: bool) -> None:
        command = Transfer((Leg(wallet_of(actor), wallet_of("rita"), amount),), "rent")
        self.apply(PlaceHold(wallet_of(actor), wallet_of("rita"), amount, 5, "held") if held else command, actor)

    @rule(hours=st.integers(1, 40))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    def close(self) -> None:
        self.now = max(self.now, DAWN + timedelta(days=5))

    @invariant()
    def every_token_is_somewhere_it_may_be(self) -> None:
        accounts = self.world.state.rows(ACCOUNTS)
        assert sum(row.balance for key, row in accounts.items() if key.unit == "token") == 0
        assert all(row.balance >= row.held for key, row in accounts.items() if key != issuance_of("token"))

    @invariant()
    def a_market_can_pay_and_pays_all_it_had(self) -> None:
        for name, market in self.world.state.rows(markets.MARKETS).items():
            collateral = self.balance(market.collateral)
            if market.state in ("open", "closed"):
                assert collateral >= max(market.shares)
                self.total[name] = collateral
                continue
            payouts = sum(row.payout for _, row in self.world.state.whole(markets.POSITIONS, name))
            assert (collateral, payouts + market.subsidy + market.maker_result) == (0, self.total[name])
            assert self.balance(markets.escrow_of(name)) == 0
            portions = [row for _, row in self.world.state.whole(settlement.PORTIONS, name)]
            assert sum(row.due - row.paid for row in portions) == 0
            assert not portions or sum(row.due for row in portions) == self.total[name]

    @invariant()
    def bonds_and_what_is_withheld_are_those_of_the_rows(self) -> None:
        for name in MARKETS:
            row = self.row(name)
            case = self.world.state.get(settlement.CASES, settlement.CaseKey(name, row.case))
            sides = 0 if case is None or case.how else 1 if case.disputer is None else 2
            assert self.balance(settlement.bonds_of(name)) == row.bonds == (case.bond * sides if case else 0)
            held = sum(portion.withheld for _, portion in self.world.state.whole(settlement.PORTIONS, name))
            assert self.balance(settlement.withheld_of(name)) == row.withheld == held

    def teardown(self) -> None:
        if not self.world.state.rows(markets.MARKETS):
            return
        self.close()
        for _ in range(5):
            self.now += timedelta(days=13)
            for name in MARKETS:
                self.apply(settlement.AdvanceSettlement(name), "system")
        for name in MARKETS:
            market = self.world.state.get(markets.MARKETS, name)
            assert market.state in ("resolved", "void")
            assert self.row(name).state in ("done", "waiting")
            accounts = (settlement.bonds_of(name), settlement.withheld_of(name), market.collateral)
            assert [self.balance(key) for key in accounts] == [0, 0, 0]
        self.every_token_is_somewhere_it_may_be()
        self.a_market_can_pay_and_pays_all_it_had()


def test_no_token_is_stuck_or_made_whatever_people_do() -> None:
    Ends.accepted = {}
    run_state_machine_as_test(Ends, settings=settings(max_examples=80, stateful_step_count=80, deadline=None))
    assert {name.partition(",")[0] for name in Ends.accepted} >= {"proposed", "disputed", "upheld", "released"}


class EndsTwice(Ends):
    """The same commands to PostgreSQL: every receipt and refusal agrees, and in the end every row."""

    economy: Economy

    def first(self) -> World:
        self._opened = self._open()
        self.tx = self._opened.__enter__()
        world = World()
        for row in self.tx.execute(
            "SELECT number, at, actor, key, kind, policy, command, receipt FROM journal ORDER BY 1"
        ):
            assert world.replay(Entry(*row)) is None
        return world

    @contextmanager
    def _open(self) -> Iterator[Tx]:
        with psycopg.connect(self.economy.conninfo) as connection:
            connection.execute("SET ROLE scidex_app")
            yield Tx(connection, "operator", DAWN)
            connection.rollback()

    def apply(self, command: object, actor: str) -> Receipt[object] | Refusal:
        self.tx.now = self.now
        self.tx.cache.clear()
        (live,) = perform(self.tx, [Request(command, actor)])
        if isinstance(live, Refusal):
            memory = super().apply(command, actor)
        else:
            self.world.number = live.number - 1
            memory = super().apply(command, actor)
        assert live == memory, command
        return live

    def teardown(self) -> None:
        try:
            super().teardown()
            assert list(compare_tables(self.world, read_tables(self.tx))) == []
            assert audit(self.tx).findings == ()
        finally:
            self._opened.__exit__(None, None, None)


@pytest.mark.timeout(280)
def test_memory_and_postgresql_agree_in_every_step_of_every_end(shared: Economy) -> None:
    EndsTwice.economy, EndsTwice.accepted = shared, {}
    run_state_machine_as_test(EndsTwice, settings=settings(max_examples=25, stateful_step_count=50, deadline=None))
    assert {"proposed, version 0", "upheld, version 1", "released, version 1"} <= EndsTwice.accepted.keys()
