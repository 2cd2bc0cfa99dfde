"""A market that has been traded in, and the people who bring it to its end."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from tests.conftest import DAWN, Town

from scidex import ledger
from scidex.actors import register_actor
from scidex.exchange import markets, settlement
from scidex.exchange.settlement import Benchmark, Replication
from scidex.ledger import AccountKey, wallet_of
from scidex.policy import Policy

T = 1_000_000
CLOSES = DAWN + timedelta(days=10)
POLICY = Policy()
PASSED = Benchmark("PMID:31978945", "CASP", "GDT", Decimal("92.4"), Decimal(90), "at_least")
REFUTED = Replication("doi:10.1038/s41586-021-03819-2", "refuted", 120, "effect size", Decimal("0.02"))


class Court:
    """alice holds 30 shares of yes and bob 20 of no in the market m, which closes on day 10; pat proposes, dan disputes,
    rita reviews, rosa resolves, each with 100 tokens."""

    def __init__(self, town: Town, **terms: object) -> None:
        self.town, self.tx = town, town.tx
        for name in ("alice", "bob", "pat", "dan"):
            town.actor(name)
        town.market("m", liquidity=50, closes_at=CLOSES, **terms)
        operator = town.as_actor("operator")
        register_actor(operator, name="rita", roles=("reviewer",))
        register_actor(operator, name="rosa", roles=("resolver",))

    def trade(self) -> None:
        for name, outcome, shares in (("alice", "yes", 30), ("bob", "no", 20)):
            markets.place_order(self.town.as_actor(name), market="m", outcome=outcome, shares=shares * T)

    def close(self) -> None:
        self.tx.now = max(self.tx.now, CLOSES)

    def propose(self, actor: str = "pat", outcome: str | None = "yes", **terms: object) -> settlement.SettlementReceipt:
        given = {"ruling": "void" if outcome is None else "outcome", "evidence": (PASSED,), **terms}
        tx = self.town.as_actor(actor)
        return settlement.propose_resolution(tx, market="m", outcome=outcome, **given).result

    def dispute(self, actor: str = "dan", outcome: str | None = "no", **terms: object) -> settlement.SettlementReceipt:
        given = {"ruling": "void" if outcome is None else "outcome", "evidence": (REFUTED,), **terms}
        tx = self.town.as_actor(actor)
        return settlement.dispute_resolution(tx, market="m", outcome=outcome, **given).result

    def decide(self, actor: str = "rita", outcome: str | None = "yes", **terms: object) -> settlement.SettlementReceipt:
        given = {"ruling": "void" if outcome is None else "outcome", "reason": "the numbers say so", **terms}
        tx = self.town.as_actor(actor)
        return settlement.decide_dispute(tx, market="m", outcome=outcome, **given).result

    def advance(self, actor: str = "system") -> settlement.SettlementReceipt:
        return settlement.advance_settlement(self.town.as_actor(actor), market="m").result

    def sweep(self) -> list[str]:
        return [receipt.result.step for receipt in settlement.advance_due_settlements(self.town.as_actor("system"))]

    def pass_by(self, **time: float) -> None:
        self.tx.now += timedelta(**time)

    def finish(self, outcome: str | None = "yes") -> settlement.SettlementReceipt:
        """Traded, closed, proposed, undisputed, final."""
        self.trade()
        self.close()
        self.propose(outcome=outcome)
        self.pass_by(seconds=POLICY.settlement_dispute_s)
        return self.advance()

    def wallet(self, name: str) -> int:
        return self.balance(wallet_of(name))

    def balance(self, account: AccountKey) -> int:
        found = ledger.find_accounts(self.tx, owner=account.owner, limit=100)
        return sum(row.balance for row in found if row.key == account)

    def left(self) -> tuple[int, int, int]:
        """In the bond account, the withheld and the collateral."""
        collateral = AccountKey("market:m", "collateral", "token")
        return tuple(self.balance(key) for key in (settlement.bonds_of("m"), settlement.withheld_of("m"), collateral))

    def settlement(self) -> settlement.Settlement:
        found = settlement.find_settlement(self.tx, "m")
        assert found is not None
        return found


@pytest.fixture
def court(town: Town) -> Court:
    return Court(town)
