"""Any interleaving of recording, verifying, retracting and spending, against a model of who should have what."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.conftest import T
from tests.lab.test_oracle import Pair

from scidex import lab, ledger
from scidex.actors import RegisterActor
from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.core.journal import Request
from scidex.entities import EntityKey, RegisterEntity
from scidex.exchange import earnings
from scidex.lab.audit import compare_tables, read_tables
from scidex.ledger import Leg, Transfer, wallet_of
from scidex.policy import HOUSE, EnactPolicy, Policy

PEOPLE = ("alice", "bob", "carol")
KINDS = ("hypothesis", "gap")
SUPPLY = 1_000 * T
CHANGED = Policy(emission_growth="0.03", emission_least="0", emission_output_share="0.4")
POLICY = Policy.model_validate_json(CHANGED.model_dump_json())  # as it is read back, with every field written down
which = st.integers(0, 7)


class Earnings(RuleBasedStateMachine):
    """Three producers, one reviewer, periods of at most 3 % of what there is."""

    shared: object = None

    @initialize()
    def begin(self):
        self.connection = psycopg.connect(self.shared.conninfo)
        self.connection.execute("SET ROLE scidex_app")
        self.tx = Tx(self.connection, "operator", self.shared.database.clock())
        self.pair = Pair(self.tx)
        self.do(EnactPolicy(POLICY), HOUSE)
        self.tx.cache.clear()
        for name in PEOPLE:
            self.do(RegisterActor(name), "operator")
        self.do(RegisterActor("rita", "person", ("reviewer",)), "operator")
        self.do(ledger.Issue(wallet_of("operator"), SUPPLY, "endowment"), "operator")
        self.wallets = dict.fromkeys(PEOPLE, 0)
        self.debts = dict.fromkeys(PEOPLE, 0)
        self.outputs: list[EntityKey] = []
        self.retracted: set[EntityKey] = set()
        self.paid: dict[tuple[EntityKey, str], tuple[earnings.Line, ...]] = {}
        self.gone = 0
        self.period = (self.tx.now, 0, 0)
        for by, parents in (("alice", ()), ("bob", (0,)), ("carol", (0, 1)), ("alice", (0, 1, 2))):
            self.make_by(by, parents)

    def do(self, command, actor):
        (answer,) = self.pair.play([Request(command, actor)])
        return answer if isinstance(answer, Refusal) else answer.result

    def named(self, which):
        return self.outputs[-1 - which % len(self.outputs)] if self.outputs else EntityKey("work", "none")

    def supply(self):
        return SUPPLY + sum(self.wallets.values()) + self.gone

    @rule(by=st.sampled_from(PEOPLE), parents=st.lists(which, max_size=3))
    def make(self, by, parents):
        self.make_by(by, parents)

    def make_by(self, by, parents):
        output = EntityKey("work", str(len(self.outputs)))
        on = tuple(dict.fromkeys(map(self.named, parents))) if self.outputs else ()
        self.do(RegisterEntity(*output, "work"), by)
        answer = self.do(earnings.RecordOutput(output, on), by)
        if self.retracted & set(on):
            assert answer.code == "output_withdrawn"
            on = tuple(each for each in on if each not in self.retracted)
            answer = self.do(earnings.RecordOutput(output, on), by)
        assert answer.producer == by
        self.outputs.append(output)

    @rule(which=which, kind=st.sampled_from(KINDS), quality=st.sampled_from((0, 700, 1000)))
    def verify(self, which, kind, quality):
        output = self.named(which)
        answer = self.do(earnings.VerifyOutput(output, kind, "n", quality), "rita")
        ends_at, minted, budget = self.period
        if self.tx.now >= ends_at:
            minted, budget = 0, earnings.emission_of(self.supply(), POLICY)
        wanted = min(earnings.reward_of(kind, quality, POLICY), budget * 2 // 5)
        fits = 0 < wanted <= budget - minted
        may = output in self.outputs and output not in self.retracted and (output, kind) not in self.paid and fits
        assert isinstance(answer, Refusal) != may, answer
        if not may:
            return
        assert answer.amount == wanted == sum(line.amount for line in answer.lines)
        assert answer.left == budget - minted - wanted
        self.period = (answer.period_ends_at, minted + wanted, budget)
        self.paid[output, kind] = answer.lines
        for line in answer.lines:
            assert line.source not in self.retracted
            netted = min(self.debts[line.payee], line.amount)
            assert line.netted == netted
            self.debts[line.payee] -= netted
            self.wallets[line.payee] += line.amount - netted

    @rule(which=which)
    def retract(self, which):
        output = self.named(which)
        answer = self.do(earnings.RetractOutput(output, "r"), "rita")
        may = output in self.outputs and output not in self.retracted
        assert isinstance(answer, Refusal) != may, answer
        if not may:
            return
        self.retracted.add(output)
        lines = [line for (name, _), paid in sorted(self.paid.items()) if name == output for line in paid]
        assert answer.revoked == sum(line.amount for line in lines) == answer.clawed + answer.owed
        if lines and self.tx.now >= self.period[0]:
            budget = earnings.emission_of(self.supply(), POLICY)
            self.period = (None, 0, budget)
        for line in lines:
            clawed = min(self.wallets[line.payee], line.amount)
            self.wallets[line.payee] -= clawed
            self.debts[line.payee] += line.amount - clawed
        if self.period[0] is None:
            found = earnings.find_periods(self.tx, limit=1)[0]
            self.period = (found.ends_at, 0, found.budget)

    @rule(who=st.sampled_from(PEOPLE), share=st.sampled_from((1, 2)))
    def spend(self, who, share):
        amount = self.wallets[who] // share
        if amount:
            self.do(Transfer((Leg(wallet_of(who), wallet_of("operator"), amount),), "spent"), who)
            self.wallets[who] -= amount
            self.gone += amount

    @rule(seconds=st.sampled_from((3600, POLICY.emission_period_s // 2, POLICY.emission_period_s)))
    def pass_by(self, seconds):
        self.tx.now += timedelta(seconds=seconds)

    @invariant()
    def everybody_has_what_the_model_says(self):
        if not hasattr(self, "tx"):
            return
        balances = {account.owner: account.balance for account in ledger.find_accounts(self.tx, unit="token")}
        for who in PEOPLE:
            assert balances.get(f"actor:{who}", 0) == self.wallets[who] >= 0
            assert earnings.find_debt(self.tx, who) == self.debts[who] >= 0
        assert sum(balances.values()) == 0
        assert -balances["system"] == self.supply()
        for period in earnings.find_periods(self.tx):
            assert period.minted <= period.budget <= period.supply * 3 // 100

    def teardown(self):
        if hasattr(self, "connection"):
            try:
                assert list(compare_tables(self.pair.world, read_tables(self.tx))) == []
                report = lab.audit(self.tx)
                assert report.ok, report.findings
            finally:
                self.connection.close()


@pytest.mark.timeout(280)
def test_no_order_of_steps_mints_twice_or_takes_what_is_not_there(shared):
    machine = type("Bound", (Earnings,), {"shared": shared})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
