"""A town with a bounty in it, and those who work for it."""

from __future__ import annotations

import pytest
from tests.conftest import T, Town

from scidex import ledger
from scidex.actors import register_actor
from scidex.entities import EntityKey, register_entity
from scidex.exchange import bounties
from scidex.exchange.resource_allocator import record_resource_spending
from scidex.ledger import AccountKey, wallet_of
from scidex.senate import budgets

GAP = EntityKey("gap", "g")


class Board(Town):
    """Alice posts, bob and carol work, rita reviews; the gap g has a budget of LLM tokens to spend."""

    def wallet(self, actor: str) -> int:
        return ledger.find_account(self.tx, wallet_of(actor)).balance

    def offer(self, actor: str = "alice", **change: object) -> str:
        terms = {"artifact": GAP, "amount": 30 * T, "seconds": 1000, "purpose": "fill it", **change}
        return bounties.offer_bounty(self.as_actor(actor), **terms).result.bounty

    def add(self, bounty: str, tokens: float, actor: str) -> bounties.BountyReceipt:
        return bounties.add_to_bounty(self.as_actor(actor), bounty=bounty, amount=round(tokens * T)).result

    def claim(self, bounty: str, actor: str = "bob", seconds: int = 100) -> bounties.ClaimReceipt:
        return bounties.claim_bounty(self.as_actor(actor), bounty=bounty, seconds=seconds).result

    def made(self, name: str, actor: str = "bob") -> EntityKey:
        register_entity(self.as_actor(actor), entity_type="analysis", entity_id=name, title=f"Work {name}")
        return EntityKey("analysis", name)

    def submit(self, bounty: str, output: EntityKey, actor: str = "bob") -> bounties.WorkReceipt:
        return bounties.submit_work(self.as_actor(actor), bounty=bounty, output=output, note="done").result

    def worked(self, bounty: str, name: str = "w", actor: str = "bob") -> EntityKey:
        """Claimed, made and submitted."""
        self.claim(bounty, actor)
        output = self.made(name, actor)
        self.submit(bounty, output, actor)
        return output

    def award(
        self, bounty: str, output: EntityKey, tokens: float | None = None, actor: str = "alice"
    ) -> bounties.WorkReceipt:
        amount = None if tokens is None else round(tokens * T)
        return bounties.award_bounty(self.as_actor(actor), bounty=bounty, output=output, amount=amount).result

    def decline(self, bounty: str, output: EntityKey, actor: str = "alice") -> bounties.WorkReceipt:
        return bounties.decline_work(self.as_actor(actor), bounty=bounty, output=output, reason="not it").result

    def refund(self, bounty: str, actor: str = "alice") -> bounties.BountyReceipt:
        return bounties.refund_bounty(self.as_actor(actor), bounty=bounty).result

    def found(self, bounty: str) -> bounties.Bounty:
        return bounties.find_bounty(self.tx, bounty)

    def spend(self, amount: int, unit: str = "llm_standard") -> None:
        record_resource_spending("g", amount, artifact_type="gap", unit=unit, tx=self.as_actor("operator"))

    def sweep(self) -> list[object]:
        return [each.result for each in bounties.expire_due_bounties(self.as_actor("system"))]

    def draw(self) -> list[bounties.BountiesDrawn]:
        return [each.result for each in bounties.draw_spent_bounties(self.as_actor("system"))]


@pytest.fixture
def board(tx) -> Board:
    made = Board(tx)
    for name in ("alice", "bob", "carol", "dora"):
        made.actor(name)
    register_actor(made.as_actor("operator"), name="rita", sort="person", roles=["reviewer"])
    made.artifact("g", "gap")
    for unit, amount in (("llm_standard", 100_000), ("cpu_seconds", 1_000_000)):
        ledger.issue(made.tx, account=AccountKey("pool:main", "pool", unit), amount=amount, reason="cycle")
    grants = {"llm_standard": 100_000, "cpu_seconds": 1_000_000}
    budgets.set_budget(made.tx, entity=GAP, pool="main", budgets=grants)
    return made
