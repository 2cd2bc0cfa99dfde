"""Requests of the server: senate_3; made by `python -m tests.house.pages`."""

from __future__ import annotations

from scidex.client.answers import Page
from scidex.client.models.senate_3 import ExplanationView, ScoreView
from scidex.client.request import Request


def get_scores(
    *, artifact_type: str | None = None, offset: int | None = None, limit: int | None = None
) -> Request[Page[ScoreView]]:
    """Scores as they were last written down, the highest first, unknown ones last."""
    return Request(
        "GET",
        "/api/economics/scores",
        Page[ScoreView],
        query={"artifact_type": artifact_type, "offset": offset, "limit": limit},
    )


def get_score(artifact_type: str, artifact_id: str) -> Request[ExplanationView]:
    """A score explained down to its signals: what each counts, why, from whom, how old, and what is not known."""
    return Request(
        "GET",
        "/api/economics/scores/{artifact_type}/{artifact_id}",
        ExplanationView,
        places={"artifact_type": artifact_type, "artifact_id": artifact_id},
    )
