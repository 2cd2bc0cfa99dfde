"""`scidex scores`."""

from __future__ import annotations

from typing import Annotated

import typer

from scidex import views
from scidex.core.db import Tx
from scidex.senate.scores import KINDS, compute_scores, explain_score, rank_scores, record_signal
from scidex.surfaces.cli.calls import Key, Limit, Offset, changes, reads
from scidex.surfaces.cli.words import Artifact, ArtifactType, artifact_of

scores = typer.Typer()

SIGNAL_HELP = (
    f"{', '.join(KINDS)}. Of evidence and goals by reviewers: paper and replication need a PMID, a DOI or an address"
    " as --source, debate and kg_link any name, goal the name of one of roadmap_goals. Interest is anybody's own."
)


@reads(scores, "list")
def list_scores(
    tx: Tx, artifact_type: ArtifactType = None, offset: Offset = 0, limit: Limit = 100
) -> views.Page[views.scores.ScoreView]:
    """Scores as they were last written down, the highest first, unknown ones last."""
    found = rank_scores(tx, entity_type=artifact_type, offset=offset, limit=limit + 1)
    kind = views.Page[views.scores.ScoreView]
    return views.page(kind, found, limit, views.scores.score_view, lambda last: offset + limit)


@reads(scores, "show")
def show(tx: Tx, artifact: Artifact, artifact_type: ArtifactType = None) -> views.scores.ExplanationView:
    """A score explained down to its signals, and what is not known."""
    found = explain_score(tx, entity_id=artifact, entity_type=artifact_type)
    return views.scores.explanation_view(found, tx.now)


@changes(scores, "signal")
def signal(
    tx: Tx,
    artifact: Artifact,
    kind: Annotated[str, typer.Argument(metavar="KIND", help=SIGNAL_HELP)],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="From 0 to 1.")],
    source: Annotated[str, typer.Option("--source", metavar="SOURCE", help="Reference, or name of a goal.")] = "",
    weight: Annotated[str, typer.Option("--weight", metavar="WEIGHT", help="From 0, which takes it back, to 1.")] = "1",
    artifact_type: ArtifactType = None,
    key: Key = None,
) -> views.scores.SignalDone:
    """Record what was found about an artifact, or how much it interests oneself."""
    receipt = record_signal(
        tx,
        entity=artifact_of(tx, artifact, artifact_type),
        kind=kind,
        value=views.scores.share_of(value, "value"),
        weight=views.scores.share_of(weight, "weight"),
        source=source,
        key=key,
    )
    return views.scores.signal_done(receipt)


@changes(scores, "compute")
def compute(tx: Tx, artifact: Artifact, artifact_type: ArtifactType = None, key: Key = None) -> views.scores.ScoresDone:
    """Write down what the signals of an artifact come to now, as its priority."""
    receipt = compute_scores(tx, entities=[artifact_of(tx, artifact, artifact_type)], key=key)
    return views.scores.scores_done(receipt)
