"""Producers, reviewers and what they make."""

from __future__ import annotations

import pytest
from tests.conftest import T, Town

from scidex import ledger
from scidex.actors import register_actor
from scidex.core.journal import Request, perform_one
from scidex.entities import EntityKey, register_entity
from scidex.exchange import earnings
from scidex.ledger import wallet_of
from scidex.policy import HOUSE, EnactPolicy, Policy


def work(name: str) -> EntityKey:
    return EntityKey("work", name)


class Lab(Town):
    """Alice, bob and carol produce; rita and ron review; there are 100,000 tokens, none of them theirs."""

    def wallet(self, actor: str) -> int:
        try:
            return ledger.find_account(self.tx, wallet_of(actor)).balance
        except ledger.UnknownAccount:
            return 0

    def supply(self) -> int:
        return -ledger.find_account(self.tx, ledger.issuance_of("token")).balance

    def made(self, name: str, by: str = "alice", on: tuple[str, ...] = (), owner: str | None = None) -> EntityKey:
        """Registered and recorded."""
        register_entity(self.as_actor(by), entity_type="work", entity_id=name, title=f"Work {name}")
        actor = self.as_actor("operator" if owner else by)
        earnings.record_output(actor, output=work(name), builds_on=tuple(map(work, on)), owner=owner)
        return work(name)

    def verify(
        self, name: str, kind: str = "hypothesis", by: str = "rita", quality: int = 0, **more: object
    ) -> earnings.Verified:
        given = {"note": "checked", **more}
        return earnings.verify_output(self.as_actor(by), output=work(name), kind=kind, quality=quality, **given).result

    def retract(self, name: str, by: str = "rita") -> earnings.Retracted:
        return earnings.retract_output(self.as_actor(by), output=work(name), reason="it was wrong").result

    def enact(self, **change: object) -> None:
        perform_one(self.as_actor(HOUSE), Request(EnactPolicy(Policy(**change)), HOUSE))
        self.tx.cache.clear()

    def spend_all(self, actor: str) -> None:
        amount = self.wallet(actor)
        leg = ledger.Leg(wallet_of(actor), wallet_of("operator"), amount)
        ledger.transfer(self.as_actor(actor), legs=[leg], reason="spent")


@pytest.fixture
def lab(tx) -> Lab:
    made = Lab(tx)
    for name in ("alice", "bob", "carol"):
        made.actor(name, 0)
    for name in ("rita", "ron"):
        register_actor(made.as_actor("operator"), name=name, sort="person", roles=["reviewer"])
    ledger.issue(made.tx, account=wallet_of("operator"), amount=100_000 * T, reason="endowment")
    return made
