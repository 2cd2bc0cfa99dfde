"""Artifacts with budgets, work on them, and agents who pull it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.budgets.conftest import Office

from scidex import work
from scidex.entities import EntityKey
from scidex.metering import UsageEvent


class Lab(Office):
    """An office in which work on artifacts is queued, claimed and finished."""

    def project(self, name: str, llm_standard: int = 1000) -> EntityKey:
        """A hypothesis with a budget of so many LLM tokens."""
        entity = self.artifact(name)
        if llm_standard:
            self.grant(entity, llm_standard=llm_standard)
        return entity

    def add(self, entity: EntityKey, *, actor: str = "alice", **terms: Any) -> str:
        terms = {
            "kind": "read",
            "payload": json.dumps({"of": entity.entity_id}),
            "amounts": {"llm_standard": 100},
        } | terms
        return work.add_work(self.as_actor(actor), entity=entity, **terms).result.item

    def claim(self, actor: str = "alice", **terms: Any) -> work.Claimed:
        return work.claim_work(self.as_actor(actor), **terms).result

    def finish(self, claim: work.Claimed, *events: UsageEvent, actor: str = "alice", **terms: Any) -> work.Finished:
        return work.finish_work(self.as_actor(actor), claim=claim.claim, events=events, **terms).result

    def state(self, item: str) -> str:
        return work.find_item(self.tx, item).state

    def sweep(self) -> int:
        """What the keeper does about work."""
        self.as_actor("system")
        return len(work.expire_due_claims(self.tx)) + len(work.open_ready_work(self.tx))


@pytest.fixture
def lab(tx) -> Lab:
    made = Lab(tx)
    made.actor("alice", 0), made.actor("bob", 0)
    return made
