"""A town whose gap g asks a pool for compute, and the reviewers who decide."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from tests.conftest import T, Town

from scidex import ledger
from scidex.actors import register_actor
from scidex.core.db import Tx
from scidex.entities import EntityKey
from scidex.exchange import markets
from scidex.ledger import AccountKey, issue, wallet_of
from scidex.policy import HOUSE
from scidex.senate import budgets, proposals

GAP = EntityKey("gap", "g")
POOL = AccountKey("pool:proposals", "pool", "llm_standard")
REVIEWERS = ("rita", "rolf", "rosa")
EXPECTED = (proposals.Expected("edges", Decimal(40), 86_400),)
PAPER = proposals.Paper("PMID:31978945", "the same protein in another tissue")


class Senate(Town):
    """Pat proposes, the reviewers have no stake, and the pool has 1,000 LLM tokens of the standard tier."""

    def __init__(self, tx: Tx) -> None:
        super().__init__(tx)
        self.actor("pat", 0)
        self.artifact("g", "gap")
        for name in REVIEWERS:
            self.reviewer(name)
        self.fund(1000)

    def reviewer(self, name: str, **lineage: str) -> str:
        register_actor(self.as_actor("operator"), name=name, roles=("reviewer",), **lineage)
        return name

    def fund(self, tokens: int) -> None:
        issue(self.as_actor("operator"), account=POOL, amount=tokens, reason="sleeve")

    def propose(self, tokens: int = 100, *, by: str = "pat", **change: object) -> proposals.ProposalReceipt:
        terms = {
            "entity": GAP,
            "requested": {"llm_standard": tokens},
            "justification": "the gap is almost closed",
            "expected": EXPECTED,
            "evidence": (PAPER,),
            **change,
        }
        return proposals.propose(self.as_actor(by), **terms).result

    def vote(self, proposal: str, by: str, choice: str = "approve") -> proposals.ProposalReceipt:
        tx = self.as_actor(by)
        return proposals.vote_on_proposal(tx, proposal=proposal, choice=choice, reason="as the paper says").result

    def show(self, proposal: str) -> proposals.Proposal:
        return proposals.find_proposal(self.tx, proposal)

    def story(self, proposal: str) -> list[str]:
        return [event.event for event in proposals.find_events(self.tx, proposal)]

    def sweep(self) -> list[proposals.ProposalReceipt]:
        return [receipt.result for receipt in proposals.advance_due_proposals(self.as_actor(HOUSE))]

    def wait(self, seconds: float) -> None:
        self.tx.now += timedelta(seconds=seconds)

    def rich(self, name: str) -> Tx:
        issue(self.as_actor("operator"), account=wallet_of(name), amount=50 * T, reason="endowment")
        return self.as_actor(name)

    def buy(self, market: str, name: str) -> None:
        markets.place_order(self.rich(name), market=market, outcome="yes", spend=5 * T)

    def pool(self) -> int:
        return ledger.find_account(self.tx, POOL).balance

    def budget(self) -> dict[str, int]:
        return {line.unit: line.available for line in budgets.budget_of(self.tx, GAP)}


@pytest.fixture
def senate(tx: Tx) -> Senate:
    return Senate(tx)
