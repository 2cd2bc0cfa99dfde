"""Requests of the server: knowledge_2; made by `python -m tests.house.pages`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from scidex.client.answers import Page
from scidex.client.models.knowledge import AuditedDone, GainRetractedDone, RoiView
from scidex.client.request import Request


class VerdictGiven(TypedDict):
    """That an edge is right, or wrong."""

    edge: str
    right: bool


def post_edges_judged(
    *, verdicts: Sequence[VerdictGiven], note: str, idempotency_key: str | None = None
) -> Request[AuditedDone]:
    """Judge a sample of edges right or wrong; for reviewers without a share in any of them."""
    return Request(
        "POST",
        "/api/knowledge/audit",
        AuditedDone,
        body={"verdicts": verdicts, "note": note},
        key=idempotency_key,
        keyed=True,
    )


def post_gain_retracted(
    *, kind: str, reference: str, reason: str, idempotency_key: str | None = None
) -> Request[GainRetractedDone]:
    """Take back a gain that is no edge; for who submitted it, or a reviewer."""
    return Request(
        "POST",
        "/api/knowledge/gains/retract",
        GainRetractedDone,
        body={"kind": kind, "reference": reference, "reason": reason},
        key=idempotency_key,
        keyed=True,
    )


def get_roi(
    *, artifact_type: str | None = None, after: str | None = None, limit: int | None = None
) -> Request[Page[RoiView]]:
    """What artifacts brought for what they spent, by type and id: raw, shrunk to their type, audited."""
    return Request(
        "GET",
        "/api/economics/roi",
        Page[RoiView],
        query={"artifact_type": artifact_type, "after": after, "limit": limit},
    )


def get_roi_ranking(
    *, artifact_type: str | None = None, offset: int | None = None, limit: int | None = None
) -> Request[Page[RoiView]]:
    """The same of artifacts that have spent something, the highest shrunk return first."""
    return Request(
        "GET",
        "/api/economics/roi-ranking",
        Page[RoiView],
        query={"artifact_type": artifact_type, "offset": offset, "limit": limit},
    )


def get_roi_of(artifact_type: str, artifact_id: str) -> Request[RoiView]:
    """What an artifact brought for what it spent, and all that this was worked out from."""
    return Request(
        "GET",
        "/api/economics/roi/{artifact_type}/{artifact_id}",
        RoiView,
        places={"artifact_type": artifact_type, "artifact_id": artifact_id},
    )
