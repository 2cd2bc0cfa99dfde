"""Scores of artifacts: the signals about them, and what they come to."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from scidex.core.db import Tx
from scidex.entities import find_entity
from scidex.senate.scores import compute_scores, explain_score, rank_scores, record_signal
from scidex.surfaces.http.inputs import AsCaller, AsReader, Limit, Offset
from scidex.views import Amount, Body, Page, Text, example, page, scores

router = APIRouter(prefix="/api/economics/scores", tags=["senate"])


class SignalBody(Body):
    """What was found about an artifact."""

    model_config = example(
        artifact_id="human-blood-brain-organoid", kind="paper", value=0.9, source="PMID:31978945", weight=1
    )

    artifact_id: Text
    artifact_type: Text | None = None
    kind: Literal["paper", "debate", "replication", "kg_link", "goal", "interest"]
    value: Amount = Field(description="from 0 (refutes, does not serve, does not interest) to 1")
    weight: Amount = Field(default=1, description="from 0, which takes an earlier signal back, to 1")
    source: Text = Field(default="", description="the reference of evidence, or the name of a goal; none for interest")


class ComputeBody(Body):
    """Of which artifact."""

    model_config = example(artifact_id="human-blood-brain-organoid")

    artifact_id: Text
    artifact_type: Text | None = None


@router.post("/signals", response_model=scores.SignalDone)
def post_signal(body: SignalBody, caller: AsCaller) -> Response:
    """Record evidence or how an artifact serves a goal, as a reviewer; or how much it interests oneself."""

    def work(tx: Tx, key: str | None) -> scores.SignalDone:
        receipt = record_signal(
            tx,
            entity=find_entity(tx, entity_id=body.artifact_id, entity_type=body.artifact_type).key,
            kind=body.kind,
            value=scores.share_of(body.value, "value"),
            weight=scores.share_of(body.weight, "weight"),
            source=body.source,
            key=key,
        )
        return scores.signal_done(receipt)

    return caller.change(work, body)


@router.post("/compute", response_model=scores.ScoresDone)
def post_compute(body: ComputeBody, caller: AsCaller) -> Response:
    """Write down what the signals of an artifact come to now, as its priority; the server does so by itself too."""

    def work(tx: Tx, key: str | None) -> scores.ScoresDone:
        entity = find_entity(tx, entity_id=body.artifact_id, entity_type=body.artifact_type).key
        return scores.scores_done(compute_scores(tx, entities=[entity], key=key))

    return caller.change(work, body)


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
