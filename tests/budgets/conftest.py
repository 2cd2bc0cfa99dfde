"""An artifact with a budget, and agents who use it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from tests.conftest import Town

from scidex import ledger
from scidex.entities import EntityKey
from scidex.ledger import AccountKey
from scidex.metering import UsageEvent
from scidex.senate import budgets

GAP = EntityKey("gap", "g")
USD = 1_000_000


class Office(Town):
    """A town whose gap g has a budget out of the pool main."""

    def fund(self, unit: str, parts: int) -> None:
        ledger.issue(
            self.as_actor("operator"), account=AccountKey("pool:main", "pool", unit), amount=parts, reason="cycle"
        )

    def grant(self, entity: EntityKey = GAP, **parts: int) -> budgets.BudgetSet:
        """Fund the pool with what is granted and set the budget."""
        held = {line.unit: line.granted for line in budgets.budget_of(self.tx, entity)}
        for unit, amount in parts.items():
            if amount > held.get(unit, 0):
                self.fund(unit, amount - held.get(unit, 0))
        return budgets.set_budget(self.as_actor("operator"), entity=entity, pool="main", budgets=parts).result

    def reserve(self, actor: str = "alice", *, entity: EntityKey = GAP, **terms: object) -> budgets.Reserved:
        terms = {"amounts": {"llm_standard": 100}, "seconds": 60, "usd": 0, **terms}
        return budgets.reserve(self.as_actor(actor), entity=entity, **terms).result

    def settle(self, reservation: str, *events: UsageEvent, actor: str = "alice", **terms: object) -> budgets.Charged:
        return budgets.settle(self.as_actor(actor), reservation=reservation, events=events, **terms).result

    def charge(
        self, *events: UsageEvent, actor: str = "alice", entity: EntityKey = GAP, key: str | None = None
    ) -> budgets.Charged:
        return budgets.charge(self.as_actor(actor), entity=entity, events=events, key=key).result

    def used(self, amount: int, unit: str = "llm_standard", *, usd: int | None = 0, **more: object) -> UsageEvent:
        event = UsageEvent(unit, amount, self.tx.now, usd=usd)
        return replace(event, **more)

    def line(self, unit: str = "llm_standard", entity: EntityKey = GAP) -> tuple[int, int, int, int]:
        """Granted, reserved, spent, available."""
        found = {line.unit: line for line in budgets.budget_of(self.tx, entity)}
        return found[unit][1:]

    def limit(self, scope: str = "fleet", unit: str = "usd", subject: str = "") -> budgets.LimitSet:
        from scidex.policy import current

        found = budgets.find_limits(self.tx, current(self.tx)[0])
        return next(each for each in found if (each.scope, each.subject, each.unit) == (scope, subject, unit))

    def at(self, moment: datetime) -> None:
        self.tx.now = moment


@pytest.fixture
def office(tx) -> Office:
    made = Office(tx)
    made.actor("alice", 0), made.actor("bob", 0), made.artifact("g", "gap")
    return made
