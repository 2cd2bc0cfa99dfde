"""The Atlas: what work has brought, what it is counted as, and what it cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from scidex.atlas.knowledge import (
    edge_id,
    find_about,
    find_gains_of,
    find_sample,
    find_submissions,
    find_work_gains,
)
from scidex.atlas.roi import find_roi, find_roi_of, find_roi_ranking
from scidex.core.db import Tx
from scidex.core.names import check_name
from scidex.entities import EntityKey, find_entity
from scidex.surfaces.http.inputs import After, AsCaller, AsReader, Limit, Offset
from scidex.views import Page, Text, cursor, deeds, learning, names_of, page, returns
from scidex.views import knowledge as views

router = APIRouter(prefix="/api", tags=["knowledge"])
Artifact = Annotated[Text, Query(description="an artifact's id")]
ArtifactType = Annotated[Text | None, Query(description="needed where several artifacts have this id")]
Edge = Annotated[Text, Path(description="an edge's id")]


Row = TypeVar("Row")
Item = TypeVar("Item")


def _of_artifact(
    reader: AsReader,
    artifact: tuple[str, str | None],
    find: Callable[[Tx, EntityKey], Sequence[Row]],
    kind: type[Page[Item]],
    view: Callable[[Row], Item],
    place: tuple[int, int],
) -> Page[Item]:
    """A page of what an artifact has, by offset and limit."""
    offset, limit = place

    def work(tx: Tx) -> Page[Item]:
        entity = find_entity(tx, entity_id=artifact[0], entity_type=artifact[1]).key
        return page(kind, find(tx, entity), limit, view, lambda row: offset + limit)

    return reader.read(work)


@router.post("/knowledge/edges", response_model=views.LearnedDone)
async def post_edges(body: learning.LearnBody, caller: AsCaller) -> Response:
    """Put down what work on an artifact has brought: many edges at once, and other gains.

    Each line has an outcome of its own: what was known already counts nothing and is no reason to refuse the others.
    """
    return await caller.ask(body)


@router.get("/knowledge/edges")
def get_edges(
    reader: AsReader, artifact_id: Artifact, artifact_type: ArtifactType = None, offset: Offset = 0, limit: Limit = 100
) -> Page[views.OwnEdgeView]:
    """The edges that work on an artifact brought, the latest first, with its share of each."""
    return _of_artifact(
        reader,
        (artifact_id, artifact_type),
        lambda tx, entity: find_submissions(tx, entity, offset=offset, limit=limit + 1),
        Page[views.OwnEdgeView],
        views.own_edge_view,
        (offset, limit),
    )


@router.get("/knowledge/edges/{edge}")
def get_edge(edge: Edge, reader: AsReader) -> views.EdgeView:
    """An edge with its provenance: what it is counted in, who brought that, how it was judged."""
    return reader.read(lambda tx: views.edge_view(tx, edge))


@router.get("/knowledge/lookup")
def get_edge_by_text(
    reader: AsReader,
    subject: Annotated[Text, Query()],
    predicate: Annotated[Text, Query()],
    object: Annotated[Text, Query()],
) -> views.EdgeView:
    """The edge of these texts, however they are written: look before you work."""
    return reader.read(lambda tx: views.edge_view(tx, edge_id(subject, predicate, object)))


@router.get("/knowledge/about")
def get_edges_about(
    reader: AsReader, subject: Annotated[Text, Query()], offset: Offset = 0, limit: Limit = 100
) -> Page[views.TripleView]:
    """The edges with this subject, in small or capital letters, the latest first."""

    def work(tx: Tx) -> Page[views.TripleView]:
        found = find_about(tx, subject, offset=offset, limit=limit + 1)
        return page(Page[views.TripleView], found, limit, views.triple_view, lambda row: offset + limit)

    return reader.read(work)


@router.get("/knowledge/artifact/{artifact_id:path}")
def get_knowledge(
    artifact_id: Annotated[Text, Path(description="an artifact's id")],
    reader: AsReader,
    artifact_type: ArtifactType = None,
) -> views.KnowledgeView:
    """What work on an artifact has brought, and how much of it was right by what was judged."""

    def work(tx: Tx) -> views.KnowledgeView:
        return views.knowledge_view(tx, find_entity(tx, entity_id=artifact_id, entity_type=artifact_type).key)

    return reader.read(work)


@router.get("/knowledge/gains")
def get_gains(
    reader: AsReader, artifact_id: Artifact, artifact_type: ArtifactType = None, offset: Offset = 0, limit: Limit = 100
) -> Page[views.GainView]:
    """What else work on an artifact brought, the latest first: papers, improved hypotheses, quality."""
    return _of_artifact(
        reader,
        (artifact_id, artifact_type),
        lambda tx, entity: find_gains_of(tx, entity, offset=offset, limit=limit + 1),
        Page[views.GainView],
        views.gain_view,
        (offset, limit),
    )


@router.get("/knowledge/work")
def get_work_gains(
    reader: AsReader, artifact_id: Artifact, artifact_type: ArtifactType = None, offset: Offset = 0, limit: Limit = 100
) -> Page[views.WorkGainView]:
    """The pieces of work on an artifact by the edges gained with each, the most first."""
    return _of_artifact(
        reader,
        (artifact_id, artifact_type),
        lambda tx, entity: find_work_gains(tx, entity, offset=offset, limit=limit + 1),
        Page[views.WorkGainView],
        views.work_gain_view,
        (offset, limit),
    )


@router.get("/knowledge/sample")
def get_sample(
    reader: AsReader,
    artifact_id: Artifact,
    seed: Annotated[Text, Query(description="the same seed draws the same edges from the same ones")],
    artifact_type: ArtifactType = None,
    limit: Limit = 20,
) -> Page[views.TripleView]:
    """Edges of an artifact to judge, drawn by chance of those that count and nobody has judged."""
    return _of_artifact(
        reader,
        (artifact_id, artifact_type),
        lambda tx, entity: find_sample(tx, entity, seed=seed, limit=limit),
        Page[views.TripleView],
        views.triple_view,
        (0, limit),
    )


@router.get("/knowledge/precision")
def get_precision(
    reader: AsReader,
    actor: Annotated[Text | None, Query(description="whose; without it, the actor's who asks")] = None,
) -> views.PrecisionView:
    """How many of an actor's judged edges were right."""
    name = reader.actor if actor is None else check_name(actor, "actor")
    return reader.read(lambda tx: views.precision_view(tx, name))


@router.post("/knowledge/retract", response_model=views.RecountedDone)
def post_edge_retracted(body: deeds.EdgeReasonBody, caller: AsCaller) -> Response:
    """Let what an edge says count no more; for its only contributor, or a reviewer."""
    return caller.do(body)


@router.post("/knowledge/reinstate", response_model=views.RecountedDone)
def post_edge_reinstated(body: deeds.EdgeReasonBody, caller: AsCaller) -> Response:
    """Let what a reviewer retracted stand again; for reviewers without a share in it."""
    return caller.do(deeds.ReinstateTerms(**dict(body)))


@router.post("/knowledge/merge", response_model=views.RecountedDone)
def post_edges_merged(body: deeds.MergeBody, caller: AsCaller) -> Response:
    """Count two edges as saying the same; for reviewers without a share in either."""
    return caller.do(body)


@router.post("/knowledge/split", response_model=views.RecountedDone)
def post_edge_split(body: deeds.SplitBody, caller: AsCaller) -> Response:
    """Undo the merge of an edge; for reviewers without a share in it."""
    return caller.do(body)


@router.post("/knowledge/audit", response_model=views.AuditedDone)
async def post_edges_judged(body: learning.AuditBody, caller: AsCaller) -> Response:
    """Judge a sample of edges right or wrong; for reviewers without a share in any of them."""
    return await caller.ask(body)


@router.post("/knowledge/gains/retract", response_model=views.GainRetractedDone)
def post_gain_retracted(body: deeds.GainReasonBody, caller: AsCaller) -> Response:
    """Take back a gain that is no edge; for who submitted it, or a reviewer."""
    return caller.do(body)


@router.get("/economics/roi")
def get_roi(
    reader: AsReader,
    artifact_type: Annotated[Text | None, Query(description="only of this type")] = None,
    after: After = None,
    limit: Limit = 100,
) -> Page[returns.RoiView]:
    """What artifacts brought for what they spent, by type and id: raw, shrunk to their type, audited."""

    def work(tx: Tx) -> Page[returns.RoiView]:
        found = find_roi(tx, entity_type=artifact_type, after=EntityKey(*names_of(after, 2)), limit=limit + 1)
        view = Page[returns.RoiView]
        return page(view, found, limit, lambda each: returns.roi_view(each, tx.now), lambda each: cursor(*each.entity))

    return reader.read(work)


@router.get("/economics/roi-ranking")
def get_roi_ranking(
    reader: AsReader,
    artifact_type: Annotated[Text | None, Query(description="only of this type")] = None,
    offset: Offset = 0,
    limit: Limit = 100,
) -> Page[returns.RoiView]:
    """The same of artifacts that have spent something, the highest shrunk return first."""

    def work(tx: Tx) -> Page[returns.RoiView]:
        found = find_roi_ranking(tx, entity_type=artifact_type, offset=offset, limit=limit + 1)
        view = Page[returns.RoiView]
        return page(view, found, limit, lambda each: returns.roi_view(each, tx.now), lambda each: offset + limit)

    return reader.read(work)


@router.get("/economics/roi/{artifact_type}/{artifact_id:path}")
def get_roi_of(
    artifact_type: Annotated[Text, Path()], artifact_id: Annotated[Text, Path()], reader: AsReader
) -> returns.RoiView:
    """What an artifact brought for what it spent, and all that this was worked out from."""
    return reader.read(lambda tx: returns.roi_view(find_roi_of(tx, EntityKey(artifact_type, artifact_id)), tx.now))
