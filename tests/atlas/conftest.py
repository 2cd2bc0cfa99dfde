"""Agents who read papers, reviewers who judge what they found, and the artifacts that it is found for."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from tests.conftest import Town

from scidex.actors import register_actor
from scidex.atlas import knowledge
from scidex.atlas.knowledge import NewEdge, NewGain, Verdict
from scidex.core.journal import Request, perform_one
from scidex.entities import EntityKey
from scidex.policy import HOUSE, EnactPolicy, Policy

GAP = EntityKey("gap", "barrier")
IDEA = EntityKey("hypothesis", "tau")


def edge(subject: str, predicate: str = "causes", target: str = "disease", confidence: int | None = None) -> NewEdge:
    return NewEdge(subject, predicate, target, "PMID:1", confidence)


def id_of(subject: str, predicate: str = "causes", target: str = "disease") -> str:
    return knowledge.edge_id(subject, predicate, target)


class Shelf(Town):
    """Alice, bob and carol find edges; alice's bot is hers; rita and ron review."""

    def submit(
        self,
        by: str,
        *edges: NewEdge,
        on: EntityKey = GAP,
        work: str | None = None,
        gains: Iterable[NewGain] = (),
        key: str | None = None,
    ) -> knowledge.Submitted:
        tx = self.as_actor(by)
        return knowledge.submit_knowledge(tx, entity=on, edges=edges, gains=gains, work_item=work, key=key).result

    def outcomes(self, by: str, *subjects: str, on: EntityKey = GAP) -> list[tuple[str, int]]:
        return [(line.outcome, line.parts) for line in self.submit(by, *map(edge, subjects), on=on).edges]

    def retract(self, subject: str, by: str = "rita") -> knowledge.Recounted:
        return knowledge.retract_edge(self.as_actor(by), edge=id_of(subject), reason="wrong").result

    def merge(self, subject: str, other: str, by: str = "rita") -> knowledge.Recounted:
        return knowledge.merge_edges(
            self.as_actor(by), edge=id_of(subject), same_as=id_of(other), note="the same"
        ).result

    def split(self, subject: str, by: str = "rita") -> knowledge.Recounted:
        return knowledge.split_edge(self.as_actor(by), edge=id_of(subject), note="not the same").result

    def judge(self, by: str = "rita", **verdicts: bool) -> knowledge.Audited:
        found = [Verdict(id_of(subject), right) for subject, right in verdicts.items()]
        return knowledge.audit_edges(self.as_actor(by), verdicts=found, note="read the papers").result

    def shares(self, subject: str) -> list[tuple[str, str, int]]:
        return [
            (each.owner, each.role, each.parts) for each in knowledge.find_edge(self.tx, id_of(subject)).submissions
        ]

    def gained(self, entity: EntityKey = GAP) -> int:
        return knowledge.find_knowledge(self.tx, entity).edges_gained

    def enact(self, **change: object) -> None:
        perform_one(self.as_actor(HOUSE), Request(EnactPolicy(Policy(**change)), HOUSE))
        self.tx.cache.clear()


@pytest.fixture
def shelf(tx) -> Shelf:
    made = Shelf(tx)
    for name in ("alice", "bob", "carol"):
        made.actor(name, 0)
    register_actor(made.as_actor("alice"), name="bot", owner="alice")
    for name in ("rita", "ron"):
        register_actor(made.as_actor("operator"), name=name, sort="person", roles=["reviewer"])
    made.artifact(GAP.entity_id, GAP.entity_type)
    made.artifact(IDEA.entity_id, IDEA.entity_type)
    return made
