"""Scores of artifacts: the signals about them, and what they come to."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from scidex.core.db import Tx
from scidex.senate.scores import explain_score, rank_scores
from scidex.surfaces.http.inputs import AsCaller, AsReader, Limit, Offset
from scidex.views import Page, Text, page, scores, senate_deeds

router = APIRouter(prefix="/api/economics/scores", tags=["senate"])


@router.post("/signals", response_model=scores.SignalDone)
def post_signal(body: senate_deeds.SignalBody, caller: AsCaller) -> Response:
    """Record evidence or how an artifact serves a goal, as a reviewer; or how much it interests oneself."""
    return caller.do(body)


@router.post("/compute", response_model=scores.ScoresDone)
def post_compute(body: senate_deeds.ComputeBody, caller: AsCaller) -> Response:
    """Write down what the signals of an artifact come to now, as its priority; the server does so by itself too."""
    return caller.do(body)


@router.get("")
def get_scores(
    reader: AsReader,
    artifact_type: Annotated[Text | None, Query(description="only of this type")] = None,
    offset: Offset = 0,
    limit: Limit = 100,
) -> Page[scores.ScoreView]:
    """Scores as they were last written down, the highest first, unknown ones last."""

    def work(tx: Tx) -> Page[scores.ScoreView]:
        found = rank_scores(tx, entity_type=artifact_type, offset=offset, limit=limit + 1)
        return page(Page[scores.ScoreView], found, limit, scores.score_view, lambda row: offset + limit)

    return reader.read(work)


@router.get("/{artifact_type}/{artifact_id:path}")
def get_score(artifact_type: Text, artifact_id: Text, reader: AsReader) -> scores.ExplanationView:
    """A score explained down to its signals: what each counts, why, from whom, how old, and what is not known."""

    def work(tx: Tx) -> scores.ExplanationView:
        found = explain_score(tx, entity_id=artifact_id, entity_type=artifact_type)
        return scores.explanation_view(found, tx.now)

    return reader.read(work)
