"""`scidex knowledge` and `scidex roi`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from scidex import views
from scidex.atlas.knowledge import (
    edge_id,
    find_about,
    find_gains_of,
    find_sample,
    find_submissions,
    find_work_gains,
    merge_edges,
    reinstate_edge,
    retract_edge,
    retract_gain,
    split_edge,
)
from scidex.atlas.roi import find_roi, find_roi_of, find_roi_ranking
from scidex.core.db import Tx
from scidex.core.names import check_name
from scidex.entities import EntityKey
from scidex.surfaces.cli.calls import After, Key, Limit, Offset, asked, changes, reads
from scidex.surfaces.cli.words import Artifact, ArtifactType, Reason, artifact_of
from scidex.views import knowledge as shown
from scidex.views import learning, returns

knowledge, roi = typer.Typer(), typer.Typer()

EdgeName = Annotated[str, typer.Argument(metavar="EDGE", help="Id of the edge.")]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="On what grounds.")]
Work = Annotated[str | None, typer.Option("--work", metavar="NAME", help="Which piece of work brought it.")]
OnlyType = Annotated[str | None, typer.Option("--type", metavar="TYPE", help="Only artifacts of this type.")]


def _edges_in(file: str) -> list[Any]:
    """A JSON object per line."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except (OSError, ValueError) as problem:
        raise typer.BadParameter(f"{file}: {problem}; give a file with a JSON object per line.") from None


@changes(knowledge, "submit")
def submit(
    tx: Tx,
    artifact: Artifact,
    triple: Annotated[
        list[str] | None, typer.Argument(metavar="SUBJECT PREDICATE OBJECT", help="An edge; or give --file.")
    ] = None,
    source: Annotated[str | None, typer.Option("--source", metavar="TEXT", help="A PMID, a DOI, an address.")] = None,
    confidence: Annotated[str | None, typer.Option("--confidence", metavar="NUMBER", help="From 0 to 1.")] = None,
    file: Annotated[
        str | None, typer.Option("--file", metavar="FILE", help="Edges, a JSON object per line; - reads stdin.")
    ] = None,
    work: Work = None,
    artifact_type: ArtifactType = None,
    key: Key = None,
) -> shown.LearnedDone:
    """Put down the edges that work on an artifact has brought: one, or a file of them."""
    if (file is None) == (not triple):
        raise typer.BadParameter("give either SUBJECT PREDICATE OBJECT or --file.")
    edges: list[Any] = []
    if file is not None:
        if source is not None or confidence is not None:
            raise typer.BadParameter("--source and --confidence are of one edge; in a file each line says its own.")
        edges = _edges_in(file)
    elif triple is not None:
        if len(triple) != 3 or source is None:
            raise typer.BadParameter("an edge is SUBJECT PREDICATE OBJECT with a --source; quote what has spaces.")
        said = dict(zip(("subject", "predicate", "object"), triple, strict=True))
        edges = [{**said, "source": source, "confidence": confidence}]
    given = {"artifact_id": artifact, "artifact_type": artifact_type, "edges": edges, "work_item": work}
    return asked(tx, learning.LearnBody, key, shown.LearnedDone, **given)


@changes(knowledge, "gain")
def gain(
    tx: Tx,
    artifact: Artifact,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="paper, hypothesis or quality.")],
    reference: Annotated[str, typer.Argument(metavar="REFERENCE", help="What it can be looked up by.")],
    amount: Annotated[str | None, typer.Option("--amount", metavar="AMOUNT", help="How much quality rose.")] = None,
    work: Work = None,
    artifact_type: ArtifactType = None,
    key: Key = None,
) -> shown.LearnedDone:
    """Put down a paper, an improved hypothesis, or a rise in quality."""
    gains = [{"kind": kind, "reference": reference, "amount": amount}]
    given = {"artifact_id": artifact, "artifact_type": artifact_type, "gains": gains, "work_item": work}
    return asked(tx, learning.LearnBody, key, shown.LearnedDone, **given)


@reads(knowledge, "show")
def show(tx: Tx, artifact: Artifact, artifact_type: ArtifactType = None) -> shown.KnowledgeView:
    """What work on an artifact has brought, and how much of it was right by what was judged."""
    return shown.knowledge_view(tx, artifact_of(tx, artifact, artifact_type))


@reads(knowledge, "list")
def list_edges(
    tx: Tx, artifact: Artifact, artifact_type: ArtifactType = None, offset: Offset = 0, limit: Limit = 100
) -> views.Page[shown.OwnEdgeView]:
    """The edges that work on an artifact brought, the latest first."""
    found = find_submissions(tx, artifact_of(tx, artifact, artifact_type), offset=offset, limit=limit + 1)
    sort = views.Page[shown.OwnEdgeView]
    return views.page(sort, found, limit, shown.own_edge_view, lambda last: offset + limit)


@reads(knowledge, "gains")
def gains(
    tx: Tx, artifact: Artifact, artifact_type: ArtifactType = None, offset: Offset = 0, limit: Limit = 100
) -> views.Page[shown.GainView]:
    """What else work on an artifact brought, the latest first."""
    found = find_gains_of(tx, artifact_of(tx, artifact, artifact_type), offset=offset, limit=limit + 1)
    return views.page(views.Page[shown.GainView], found, limit, shown.gain_view, lambda last: offset + limit)


@reads(knowledge, "work")
def work_gains(
    tx: Tx, artifact: Artifact, artifact_type: ArtifactType = None, offset: Offset = 0, limit: Limit = 100
) -> views.Page[shown.WorkGainView]:
    """The pieces of work on an artifact by the edges gained with each, the most first."""
    found = find_work_gains(tx, artifact_of(tx, artifact, artifact_type), offset=offset, limit=limit + 1)
    sort = views.Page[shown.WorkGainView]
    return views.page(sort, found, limit, shown.work_gain_view, lambda last: offset + limit)


@reads(knowledge, "edge")
def edge(tx: Tx, name: EdgeName) -> shown.EdgeView:
    """An edge with its provenance."""
    return shown.edge_view(tx, name)


@reads(knowledge, "find")
def find(
    tx: Tx,
    subject: Annotated[str, typer.Argument(metavar="SUBJECT")],
    predicate: Annotated[str, typer.Argument(metavar="PREDICATE")],
    target: Annotated[str, typer.Argument(metavar="OBJECT")],
) -> shown.EdgeView:
    """The edge of these texts, however they are written."""
    return shown.edge_view(tx, edge_id(subject, predicate, target))


@reads(knowledge, "about")
def about(
    tx: Tx,
    subject: Annotated[str, typer.Argument(metavar="SUBJECT")],
    offset: Offset = 0,
    limit: Limit = 100,
) -> views.Page[shown.TripleView]:
    """The edges with this subject, in small or capital letters, the latest first."""
    found = find_about(tx, subject, offset=offset, limit=limit + 1)
    return views.page(views.Page[shown.TripleView], found, limit, shown.triple_view, lambda last: offset + limit)


@reads(knowledge, "sample")
def sample(
    tx: Tx,
    artifact: Artifact,
    seed: Annotated[str, typer.Option("--seed", metavar="TEXT", help="The same seed draws the same edges.")],
    artifact_type: ArtifactType = None,
    limit: Limit = 20,
) -> views.Page[shown.TripleView]:
    """Edges of an artifact to judge, drawn by chance of those that count and nobody has judged."""
    found = find_sample(tx, artifact_of(tx, artifact, artifact_type), seed=seed, limit=limit)
    return views.Page[shown.TripleView](items=list(map(shown.triple_view, found)))


@reads(knowledge, "precision")
def precision(
    tx: Tx, name: Annotated[str | None, typer.Argument(metavar="[ACTOR]", help="By default who asks.")] = None
) -> shown.PrecisionView:
    """How many of an actor's judged edges were right."""
    return shown.precision_view(tx, tx.actor if name is None else check_name(name, "actor"))


@changes(knowledge, "retract")
def retract(tx: Tx, name: EdgeName, reason: Reason, key: Key = None) -> shown.RecountedDone:
    """Let what an edge says count no more; for its only contributor, or a reviewer."""
    return shown.recounted_done(retract_edge(tx, edge=name, reason=reason, key=key))


@changes(knowledge, "reinstate")
def reinstate(tx: Tx, name: EdgeName, reason: Reason, key: Key = None) -> shown.RecountedDone:
    """Let what a reviewer retracted stand again; for reviewers without a share in it."""
    return shown.recounted_done(reinstate_edge(tx, edge=name, reason=reason, key=key))


@changes(knowledge, "merge")
def merge(
    tx: Tx,
    name: EdgeName,
    same_as: Annotated[str, typer.Argument(metavar="SAME_AS", help="The edge as part of which it is counted.")],
    note: Note,
    key: Key = None,
) -> shown.RecountedDone:
    """Count two edges as saying the same; for reviewers without a share in either."""
    return shown.recounted_done(merge_edges(tx, edge=name, same_as=same_as, note=note, key=key))


@changes(knowledge, "split")
def split(tx: Tx, name: EdgeName, note: Note, key: Key = None) -> shown.RecountedDone:
    """Undo the merge of an edge; for reviewers without a share in it."""
    return shown.recounted_done(split_edge(tx, edge=name, note=note, key=key))


@changes(knowledge, "audit")
def audit(
    tx: Tx,
    note: Note,
    right: Annotated[list[str] | None, typer.Option("--right", metavar="EDGE", help="It is right; repeat.")] = None,
    wrong: Annotated[list[str] | None, typer.Option("--wrong", metavar="EDGE", help="It is wrong; repeat.")] = None,
    key: Key = None,
) -> shown.AuditedDone:
    """Judge a sample of edges; for reviewers without a share in any of them."""
    verdicts = [{"edge": name, "right": True} for name in right or ()]
    verdicts += [{"edge": name, "right": False} for name in wrong or ()]
    return asked(tx, learning.AuditBody, key, shown.AuditedDone, verdicts=verdicts, note=note)


@changes(knowledge, "retract-gain")
def retract_a_gain(
    tx: Tx,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="paper, hypothesis or quality.")],
    reference: Annotated[str, typer.Argument(metavar="REFERENCE", help="As it was submitted.")],
    reason: Reason,
    key: Key = None,
) -> shown.GainRetractedDone:
    """Take back a gain that is no edge; for who submitted it, or a reviewer."""
    return shown.gain_retracted_done(retract_gain(tx, kind=kind, reference=reference, reason=reason, key=key))


@reads(roi, "list")
def list_roi(
    tx: Tx, artifact_type: OnlyType = None, after: After = None, limit: Limit = 100
) -> views.Page[returns.RoiView]:
    """What artifacts brought for what they spent, by type and id."""
    found = find_roi(tx, entity_type=artifact_type, after=EntityKey(*views.names_of(after, 2)), limit=limit + 1)
    return views.page(
        views.Page[returns.RoiView],
        found,
        limit,
        lambda each: returns.roi_view(each, tx.now),
        lambda last: views.cursor(*last.entity),
    )


@reads(roi, "rank")
def rank_roi(
    tx: Tx, artifact_type: OnlyType = None, offset: Offset = 0, limit: Limit = 100
) -> views.Page[returns.RoiView]:
    """The same of artifacts that have spent something, the highest shrunk return first."""
    found = find_roi_ranking(tx, entity_type=artifact_type, offset=offset, limit=limit + 1)
    return views.page(
        views.Page[returns.RoiView],
        found,
        limit,
        lambda each: returns.roi_view(each, tx.now),
        lambda last: str(offset + limit),
    )


@reads(roi, "show")
def show_roi(tx: Tx, artifact: Artifact, artifact_type: ArtifactType = None) -> returns.RoiView:
    """What an artifact brought for what it spent, and all that this was worked out from."""
    return returns.roi_view(find_roi_of(tx, artifact_of(tx, artifact, artifact_type)), tx.now)
