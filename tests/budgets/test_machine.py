"""Any interleaving of reserve, settle, void, expire, extend, charge and set, against a model of three numbers a unit."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.budgets.conftest import GAP, USD
from tests.lab.test_oracle import Pair

from scidex import lab, ledger
from scidex.actors import RegisterActor
from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.core.journal import Request
from scidex.entities import RegisterEntity
from scidex.lab.audit import compare_tables, read_tables
from scidex.ledger import AccountKey
from scidex.metering import UsageEvent, UsageEventConflict
from scidex.senate import budgets

UNITS = ("api_calls", "llm_batch", "llm_standard")
vectors = st.dictionaries(st.sampled_from(UNITS), st.integers(1, 60), min_size=1)
usage = st.lists(
    st.tuples(
        st.sampled_from(UNITS),
        st.sampled_from((1, 9, 33, 80)),
        st.sampled_from((None, None, "e1", "e2", "e3")),
        st.integers(0, 3),
    ),
    max_size=3,
)


@dataclass
class Open:
    """A reservation as the model knows it."""

    amounts: dict[str, int]
    usd: int
    expires_at: object
    state: str = "open"


@dataclass
class Model:
    """What should be so: parts by unit, dollars of the day, and which events have counted."""

    granted: dict[str, int] = field(default_factory=lambda: dict.fromkeys(UNITS, 100))
    spent: dict[str, int] = field(default_factory=lambda: dict.fromkeys(UNITS, 0))
    usd: int = 0
    day: object = None
    overrun: bool = False
    reservations: dict[str, Open] = field(default_factory=dict)
    seen: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def held(self, unit: str) -> int:
        return sum(each.amounts.get(unit, 0) for each in self.reservations.values() if each.state == "open")

    def usd_held(self) -> int:
        return sum(each.usd for each in self.reservations.values() if each.state == "open")

    def available(self, unit: str) -> int:
        return self.granted[unit] - self.spent[unit] - self.held(unit)

    def conflicts(self, actor, events) -> bool:
        """Whether an id counted something else before, or says two things at once."""
        said = dict(self.seen)
        keyed = [((actor, event, unit), amount) for unit, amount, event, _ in events if event is not None]
        return any(said.setdefault(key, amount) != amount for key, amount in keyed)

    def use(self, actor, events) -> dict[str, int]:
        used: dict[str, int] = {}
        for unit, amount, event, dollars in events:
            if (actor, event, unit) in self.seen:
                continue
            if event is not None:
                self.seen[actor, event, unit] = amount
            used[unit] = used.get(unit, 0) + amount
            self.spent[unit] += amount
            self.usd += dollars * USD
        return used


class Budgets(RuleBasedStateMachine):
    """One artifact, two agents, a daily cap of 50 dollars."""

    shared: object = None
    names = Bundle("names")

    @initialize()
    def begin(self):
        self.connection = psycopg.connect(self.shared.conninfo)
        self.connection.execute("SET ROLE scidex_app")
        self.tx = Tx(self.connection, "operator", self.shared.database.clock())
        self.pair = Pair(self.tx)
        self.model = Model(day=self.tx.now.date())
        self.do(RegisterEntity(*GAP, "title"), "operator")
        for name in ("alice", "bob"):
            self.do(RegisterActor(name), "operator")
        for unit in UNITS:
            self.do(ledger.Issue(AccountKey("pool:main", "pool", unit), 10_000, "cycle"), "operator")
        self.do(budgets.SetBudget(GAP, "main", tuple((unit, 100) for unit in UNITS)), "operator")

    def do(self, command, actor="alice"):
        """Both in memory and over PostgreSQL, which must agree."""
        (answer,) = self.pair.play([Request(command, actor)])
        return answer if isinstance(answer, Refusal) else answer.result

    def events(self, usage):
        return tuple(UsageEvent(unit, amount, self.tx.now, event, usd=usd * USD) for unit, amount, event, usd in usage)

    @rule(target=names, amounts=vectors, usd=st.integers(0, 9), seconds=st.sampled_from((10, 1000)))
    def reserve(self, amounts, usd, seconds):
        model = self.model
        short = any(model.available(unit) < amount for unit, amount in amounts.items())
        # Tokens that are said to cost nothing need room for something all the same.
        asks_usd = max(usd * USD, any(unit.startswith("llm") for unit in amounts))
        capped = asks_usd and model.usd + model.usd_held() + asks_usd > 50 * USD
        answer = self.do(budgets.Reserve(GAP, tuple(amounts.items()), seconds, usd * USD))
        assert isinstance(answer, Refusal) == bool(short or capped), answer
        if isinstance(answer, Refusal):
            assert answer.status == 402
            return "r?"
        expires_at = self.tx.now + timedelta(seconds=seconds)
        model.reservations[answer.reservation] = Open(amounts, usd * USD, expires_at)
        return answer.reservation

    @rule(name=names, usage=usage, more=st.booleans())
    def settle(self, name, usage, more):
        found = self.model.reservations.get(name)
        answer = self.do(budgets.Settle(name, self.events(usage), more=more or None))
        if found is None or found.state not in ("open", "expired") or self.model.conflicts("alice", usage):
            assert isinstance(answer, Refusal)
            return
        usd = self.model.usd
        used = self.model.use("alice", usage)
        assert dict(answer.used) == used
        assert answer.late == (found.state == "expired" or self.tx.now >= found.expires_at)
        reserved = found.amounts if found.state == "open" else {}
        self.model.overrun |= any(amount > reserved.get(unit, 0) for unit, amount in used.items())
        if more:
            found.amounts = {unit: max(0, amount - used.get(unit, 0)) for unit, amount in found.amounts.items()}
            found.usd = max(0, found.usd - (self.model.usd - usd))
        else:
            found.state = "settled"

    @rule(name=names)
    def void(self, name):
        found = self.model.reservations.get(name)
        answer = self.do(budgets.VoidReservation(name))
        assert isinstance(answer, Refusal) == (found is None or found.state != "open")
        if not isinstance(answer, Refusal):
            found.state = "voided"

    @rule(name=names)
    def expire(self, name):
        found = self.model.reservations.get(name)
        answer = self.do(budgets.ExpireReservation(name), "system")
        due = found is not None and found.state == "open" and found.expires_at <= self.tx.now
        assert isinstance(answer, Refusal) != due
        if due:
            found.state = "expired"

    @rule(name=names, seconds=st.sampled_from((5, 100)))
    def extend(self, name, seconds):
        found = self.model.reservations.get(name)
        answer = self.do(budgets.ExtendReservation(name, seconds))
        runs = found is not None and found.state == "open" and found.expires_at > self.tx.now
        assert isinstance(answer, Refusal) != runs
        if runs:
            found.expires_at = self.tx.now + timedelta(seconds=seconds)

    @rule(usage=usage)
    def charge(self, usage):
        answer = self.do(budgets.Charge(GAP, self.events(usage)), "bob")
        if self.model.conflicts("bob", usage):
            assert isinstance(answer, UsageEventConflict)
            return
        used = self.model.use("bob", usage)
        assert dict(answer.used) == used
        self.model.overrun |= bool(used)

    @rule(unit=st.sampled_from(UNITS), target_parts=st.integers(0, 300))
    def set_budget(self, unit, target_parts):
        model = self.model
        answer = self.do(budgets.SetBudget(GAP, "main", ((unit, target_parts),)), "operator")
        lower = target_parts < model.granted[unit]
        refused = lower and model.available(unit) < model.granted[unit] - target_parts
        assert isinstance(answer, Refusal) == refused
        if not refused:
            model.granted[unit] = target_parts

    @rule(seconds=st.sampled_from((1, 10, 300, 40_000)))
    def pass_by(self, seconds):
        self.tx.now += timedelta(seconds=seconds)
        if self.tx.now.date() != self.model.day:
            self.model.day, self.model.usd = self.tx.now.date(), 0

    @invariant()
    def the_books_are_those_of_the_model(self):
        if not hasattr(self, "tx"):
            return
        model = self.model
        lines = {line.unit: line for line in budgets.budget_of(self.tx, GAP)}
        for unit in UNITS:
            assert lines[unit][1:] == (model.granted[unit], model.held(unit), model.spent[unit], model.available(unit))
            assert model.overrun or lines[unit].reserved + lines[unit].spent <= lines[unit].granted
        assert set(ledger.sums_by_unit(self.tx).values()) <= {0}
        from scidex.policy import current

        (limit,) = budgets.find_limits(self.tx, current(self.tx)[0])
        assert (limit.used, limit.held) == (model.usd, model.usd_held())

    def teardown(self):
        if hasattr(self, "connection"):
            try:
                assert list(compare_tables(self.pair.world, read_tables(self.tx))) == []
                report = lab.audit(self.tx)
                assert report.ok, report.findings
            finally:
                self.connection.close()


@pytest.mark.timeout(280)
def test_no_order_of_commands_overspends_or_loses_anything(shared):
    machine = type("Bound", (Budgets,), {"shared": shared})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
