"""Tools for the Atlas: what is known, what work has brought, and how that is judged."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from scidex.atlas.knowledge import edge_id, find_about, find_sample
from scidex.core.db import Tx
from scidex.entities import find_entity
from scidex.surfaces.mcp.tool import ActorName, ArtifactId, ArtifactType, Limit, Offset, Topic, whose
from scidex.views import Page, Text, deeds, learning, page
from scidex.views import knowledge as views

KNOWLEDGE = Topic()


@KNOWLEDGE.finds("knowledge_lookup", example={"subject": "APOE4", "predicate": "raises", "object": "risk of AD"})
def knowledge_lookup(tx: Tx, subject: Text, predicate: Text, object: Text) -> views.EdgeView:
    """Whether an edge is known already, however its words are written: look before you work."""
    return views.edge_view(tx, edge_id(subject, predicate, object))


@KNOWLEDGE.finds("knowledge_about", example={"subject": "APOE4"})
def knowledge_about(tx: Tx, subject: Text, offset: Offset = 0, limit: Limit = 20) -> Page[views.TripleView]:
    """The edges with this subject, the latest first."""
    found = find_about(tx, subject, offset=offset, limit=limit + 1)
    return page(Page[views.TripleView], found, limit, views.triple_view, lambda row: offset + limit)


@KNOWLEDGE.finds("knowledge_edge", example={"edge": "e0dee694aed26d323b0d8b861c343f2554c1aefc"})
def knowledge_edge(tx: Tx, edge: Annotated[Text, Field(description="an edge's id")]) -> views.EdgeView:
    """An edge with its provenance: what it is counted in, who brought that, how it was judged."""
    return views.edge_view(tx, edge)


@KNOWLEDGE.finds("knowledge_of", example={"artifact_id": "tau-spreads-trans-synaptically"})
def knowledge_of(tx: Tx, artifact_id: ArtifactId, artifact_type: ArtifactType = None) -> views.KnowledgeView:
    """What work on an artifact has brought, and how much of it was right by what was judged."""
    return views.knowledge_view(tx, find_entity(tx, entity_id=artifact_id, entity_type=artifact_type).key)


KNOWLEDGE.asks(
    "knowledge_submit",
    learning.LearnBody,
    "work",
    "Put down what work on an artifact has brought: edges with their sources, and other gains; what was known counts"
    " nothing and refuses nothing.",
)


@KNOWLEDGE.finds("knowledge_sample", example={"artifact_id": "tau-spreads-trans-synaptically", "seed": "2026-W47"})
def knowledge_sample(
    tx: Tx,
    artifact_id: ArtifactId,
    seed: Annotated[Text, Field(description="the same seed draws the same edges from the same ones")],
    artifact_type: ArtifactType = None,
    limit: Limit = 20,
) -> Page[views.TripleView]:
    """Edges of an artifact to judge, drawn by chance of those that count and nobody has judged."""
    entity = find_entity(tx, entity_id=artifact_id, entity_type=artifact_type).key
    found = find_sample(tx, entity, seed=seed, limit=limit)
    return page(Page[views.TripleView], found, limit, views.triple_view, lambda row: limit)


@KNOWLEDGE.finds("knowledge_precision", example={})
def knowledge_precision(tx: Tx, actor: ActorName = None) -> views.PrecisionView:
    """How many of an actor's judged edges were right."""
    return views.precision_view(tx, whose(tx, actor))


KNOWLEDGE.asks(
    "knowledge_audit",
    learning.AuditBody,
    "review",
    "Judge a sample of edges right or wrong; for reviewers without a share in any of them.",
)
KNOWLEDGE.asks(
    "knowledge_retract",
    deeds.EdgeReasonBody,
    "work review",
    "Let what an edge says count no more; for its only contributor, or a reviewer.",
    destructive=True,
)
KNOWLEDGE.asks(
    "knowledge_reinstate",
    deeds.ReinstateTerms,
    "review",
    "Let what a reviewer retracted stand again; for reviewers.",
)
KNOWLEDGE.asks("knowledge_merge", deeds.MergeBody, "review", "Count two edges as saying the same; for reviewers.")
KNOWLEDGE.asks("knowledge_split", deeds.SplitBody, "review", "Undo the merge of an edge; for reviewers.")
KNOWLEDGE.asks(
    "knowledge_retract_gain",
    deeds.GainReasonBody,
    "work review",
    "Take back a gain that is no edge; for who submitted it, or a reviewer.",
    destructive=True,
)
