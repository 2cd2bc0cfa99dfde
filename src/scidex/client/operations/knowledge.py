"""Requests of the server: knowledge; made by `python -m tests.house.pages`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict

from scidex.client.answers import Page
from scidex.client.models.knowledge import (
    EdgeView,
    GainView,
    KnowledgeView,
    LearnedDone,
    OwnEdgeView,
    PrecisionView,
    RecountedDone,
    TripleView,
    WorkGainView,
)
from scidex.client.request import Amount, Request


class EdgeGiven(TypedDict):
    """An edge, with where it was found."""

    subject: str
    predicate: str
    object: str
    source: str
    confidence: NotRequired[Amount | None]


class GainGiven(TypedDict):
    """A gain that is no edge."""

    kind: str
    reference: str
    amount: NotRequired[Amount | None]


def post_edges(
    *,
    artifact_id: str,
    artifact_type: str | None = None,
    edges: Sequence[EdgeGiven] | None = None,
    gains: Sequence[GainGiven] | None = None,
    work_item: str | None = None,
    idempotency_key: str | None = None,
) -> Request[LearnedDone]:
    """Put down what work on an artifact has brought: many edges at once, and other gains."""
    return Request(
        "POST",
        "/api/knowledge/edges",
        LearnedDone,
        body={
            "artifact_id": artifact_id,
            "artifact_type": artifact_type,
            "edges": edges,
            "gains": gains,
            "work_item": work_item,
        },
        key=idempotency_key,
        keyed=True,
    )


def get_edges(
    *, artifact_id: str, artifact_type: str | None = None, offset: int | None = None, limit: int | None = None
) -> Request[Page[OwnEdgeView]]:
    """The edges that work on an artifact brought, the latest first, with its share of each."""
    return Request(
        "GET",
        "/api/knowledge/edges",
        Page[OwnEdgeView],
        query={"artifact_id": artifact_id, "artifact_type": artifact_type, "offset": offset, "limit": limit},
    )


def get_edge(edge: str) -> Request[EdgeView]:
    """An edge with its provenance: what it is counted in, who brought that, how it was judged."""
    return Request("GET", "/api/knowledge/edges/{edge}", EdgeView, places={"edge": edge})


def get_edge_by_text(*, object: str, predicate: str, subject: str) -> Request[EdgeView]:
    """The edge of these texts, however they are written: look before you work."""
    return Request(
        "GET", "/api/knowledge/lookup", EdgeView, query={"subject": subject, "predicate": predicate, "object": object}
    )


def get_edges_about(*, subject: str, offset: int | None = None, limit: int | None = None) -> Request[Page[TripleView]]:
    """The edges with this subject, in small or capital letters, the latest first."""
    return Request(
        "GET", "/api/knowledge/about", Page[TripleView], query={"subject": subject, "offset": offset, "limit": limit}
    )


def get_knowledge(artifact_id: str, *, artifact_type: str | None = None) -> Request[KnowledgeView]:
    """What work on an artifact has brought, and how much of it was right by what was judged."""
    return Request(
        "GET",
        "/api/knowledge/artifact/{artifact_id}",
        KnowledgeView,
        places={"artifact_id": artifact_id},
        query={"artifact_type": artifact_type},
    )


def get_gains(
    *, artifact_id: str, artifact_type: str | None = None, offset: int | None = None, limit: int | None = None
) -> Request[Page[GainView]]:
    """What else work on an artifact brought, the latest first: papers, improved hypotheses, quality."""
    return Request(
        "GET",
        "/api/knowledge/gains",
        Page[GainView],
        query={"artifact_id": artifact_id, "artifact_type": artifact_type, "offset": offset, "limit": limit},
    )


def get_work_gains(
    *, artifact_id: str, artifact_type: str | None = None, offset: int | None = None, limit: int | None = None
) -> Request[Page[WorkGainView]]:
    """The pieces of work on an artifact by the edges gained with each, the most first."""
    return Request(
        "GET",
        "/api/knowledge/work",
        Page[WorkGainView],
        query={"artifact_id": artifact_id, "artifact_type": artifact_type, "offset": offset, "limit": limit},
    )


def get_sample(
    *, seed: str, artifact_id: str, artifact_type: str | None = None, limit: int | None = None
) -> Request[Page[TripleView]]:
    """Edges of an artifact to judge, drawn by chance of those that count and nobody has judged."""
    return Request(
        "GET",
        "/api/knowledge/sample",
        Page[TripleView],
        query={"artifact_id": artifact_id, "seed": seed, "artifact_type": artifact_type, "limit": limit},
    )


def get_precision(*, actor: str | None = None) -> Request[PrecisionView]:
    """How many of an actor's judged edges were right."""
    return Request("GET", "/api/knowledge/precision", PrecisionView, query={"actor": actor})


def post_edge_retracted(*, edge: str, reason: str, idempotency_key: str | None = None) -> Request[RecountedDone]:
    """Let what an edge says count no more; for its only contributor, or a reviewer."""
    return Request(
        "POST",
        "/api/knowledge/retract",
        RecountedDone,
        body={"edge": edge, "reason": reason},
        key=idempotency_key,
        keyed=True,
    )


def post_edge_reinstated(*, edge: str, reason: str, idempotency_key: str | None = None) -> Request[RecountedDone]:
    """Let what a reviewer retracted stand again; for reviewers without a share in it."""
    return Request(
        "POST",
        "/api/knowledge/reinstate",
        RecountedDone,
        body={"edge": edge, "reason": reason},
        key=idempotency_key,
        keyed=True,
    )


def post_edges_merged(
    *, edge: str, same_as: str, note: str, idempotency_key: str | None = None
) -> Request[RecountedDone]:
    """Count two edges as saying the same; for reviewers without a share in either."""
    return Request(
        "POST",
        "/api/knowledge/merge",
        RecountedDone,
        body={"edge": edge, "same_as": same_as, "note": note},
        key=idempotency_key,
        keyed=True,
    )


def post_edge_split(*, edge: str, note: str, idempotency_key: str | None = None) -> Request[RecountedDone]:
    """Undo the merge of an edge; for reviewers without a share in it."""
    return Request(
        "POST",
        "/api/knowledge/split",
        RecountedDone,
        body={"edge": edge, "note": note},
        key=idempotency_key,
        keyed=True,
    )
