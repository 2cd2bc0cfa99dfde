"""Knowledge from outside: what is submitted, what is counted, for whom, and how it was judged."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from scidex.atlas.knowledge import (
    Audited,
    Change,
    Edge,
    EntityKnowledge,
    Gain,
    GainRetracted,
    Judged,
    Judgement,
    Precision,
    Recounted,
    Submission,
    Submitted,
    WorkGain,
    find_edge,
    find_judged,
    find_knowledge,
    precision_of,
)
from scidex.core.db import Tx
from scidex.core.journal import Receipt
from scidex.core.units import Unit, to_number
from scidex.entities import EntityKey
from scidex.policy import current
from scidex.views.base import Done, View, done

EDGE = Unit("edge", 6, "an edge of the knowledge graph, counted once")
CONFIDENCE = Unit("confidence", 3, "how sure a source is, from 0 to 1")


def edges(parts: int) -> float:
    """Parts as whole edges."""
    return to_number(parts, EDGE)


class EdgeLineView(View):
    """What became of a submitted edge."""

    edge: str
    outcome: str = Field(
        description="first or confirms; or repeats, full, retracted, withdrawn, of which nothing is recorded"
    )
    share: float = Field(description="of this edge, from 0 to 1")


class GainLineView(View):
    """What became of a submitted gain."""

    kind: str
    reference: str
    outcome: str


class GainChangeView(View):
    """By how many edges the gain of an artifact changed."""

    artifact_type: str
    artifact_id: str
    change: float


class LearnedDone(Done):
    """What became of each line, and whose gain changed."""

    artifact_type: str
    artifact_id: str
    edges: list[EdgeLineView]
    gains: list[GainLineView]
    changes: list[GainChangeView]


class RecountedDone(Done):
    """Where a statement stands now, with which edges, and whose gain changed."""

    statement: str
    state: str
    edges: list[str]
    changes: list[GainChangeView]


class AuditedDone(Done):
    """How many edges were judged right and wrong."""

    right: int
    wrong: int


class GainRetractedDone(Done):
    """Which gain no longer counts, and whose it was."""

    kind: str
    reference: str
    artifact_type: str
    artifact_id: str


class ContributionView(View):
    """Who brought an edge, with work on what, and its share of what the edge says."""

    edge: str
    actor: str
    owner: str
    artifact_type: str
    artifact_id: str
    work_item: str | None
    source: str
    confidence: float | None
    number: int
    at: datetime
    role: str
    share: float


class JudgementView(View):
    """Whether an edge is right, as it was judged last."""

    right: bool
    reviewer: str
    note: str
    number: int
    at: datetime


class EdgeView(View):
    """An edge, what it is counted in, and who brought that: its provenance."""

    edge: str
    subject: str
    predicate: str
    object: str
    number: int
    at: datetime
    statement: str = Field(description="what it says; of several edges that say the same, the one they are counted as")
    counted_with: list[str] = Field(description="the other edges of that statement")
    state: str = Field(description="standing, withdrawn by its only contributor, or retracted by a reviewer")
    ended_at: datetime | None
    ended_by: str | None
    reason: str | None
    judgement: JudgementView | None
    contributions: list[ContributionView] = Field(description="the first first; the shares sum to 1 while it stands")


class TripleView(View):
    """An edge, and no more."""

    edge: str
    subject: str
    predicate: str
    object: str


class OwnEdgeView(TripleView):
    """An edge that work on an artifact brought."""

    actor: str
    work_item: str | None
    source: str
    confidence: float | None
    number: int
    at: datetime
    role: str
    share: float


class GainView(View):
    """A gain that is no edge."""

    kind: str
    reference: str
    artifact_type: str
    artifact_id: str
    actor: str
    work_item: str | None
    amount: float
    number: int
    at: datetime
    retracted_at: datetime | None
    retracted_by: str | None
    reason: str | None


class WorkGainView(View):
    """What a piece of work on an artifact has brought."""

    work_item: str | None
    edges_gained: float
    submitted: int
    retracted: int


class PrecisionView(View):
    """How many judged edges were right, with the interval in which the share of all edges lies."""

    right: int
    wrong: int
    precision: float | None = Field(description="null where none was judged")
    low: float | None
    high: float | None


class KnowledgeView(View):
    """What work on an artifact has brought so far."""

    artifact_type: str
    artifact_id: str
    edges_gained: float = Field(description="its shares of the edges that stand")
    submitted: int = Field(description="edges that were brought, whether they count or not")
    retracted: int = Field(description="of these, how many were retracted or withdrawn")
    papers: int
    hypotheses: int = Field(description="that were improved")
    quality: float = Field(description="rises of quality, summed")
    judged: PrecisionView
    updated_at: datetime | None
    as_of: datetime
    source: str


def _changes(changes: tuple[Change, ...]) -> list[GainChangeView]:
    return [
        GainChangeView(artifact_type=sort, artifact_id=name, change=edges(parts)) for (sort, name), parts in changes
    ]


def learned_done(receipt: Receipt[Submitted]) -> LearnedDone:
    """The receipt of a submission."""
    result = receipt.result
    return LearnedDone(
        **done(receipt),
        artifact_type=result.entity.entity_type,
        artifact_id=result.entity.entity_id,
        edges=[EdgeLineView(edge=each.edge, outcome=each.outcome, share=edges(each.parts)) for each in result.edges],
        gains=[GainLineView(**each._asdict()) for each in result.gains],
        changes=_changes(result.changes),
    )


def recounted_done(receipt: Receipt[Recounted]) -> RecountedDone:
    """The receipt of a retraction, a reinstatement, a merge or a split."""
    result = receipt.result
    return RecountedDone(
        **done(receipt),
        statement=result.statement,
        state=result.state,
        edges=list(result.edges),
        changes=_changes(result.changes),
    )


def audited_done(receipt: Receipt[Audited]) -> AuditedDone:
    """The receipt of a judged sample."""
    return AuditedDone(**done(receipt), right=receipt.result.right, wrong=receipt.result.wrong)


def gain_retracted_done(receipt: Receipt[GainRetracted]) -> GainRetractedDone:
    """The receipt of a gain that was taken back."""
    result = receipt.result
    sort, name = result.entity
    return GainRetractedDone(
        **done(receipt), kind=result.kind, reference=result.reference, artifact_type=sort, artifact_id=name
    )


def _sure(thousandths: int | None) -> float | None:
    return None if thousandths is None else to_number(thousandths, CONFIDENCE)


def _contribution(each: Submission) -> ContributionView:
    facts = each._asdict()
    sort, name = facts.pop("entity")
    facts |= {"artifact_type": sort, "artifact_id": name, "confidence": _sure(each.confidence)}
    return ContributionView(**facts, share=edges(each.parts))


def _judgement(judged: Judgement | None) -> JudgementView | None:
    return None if judged is None else JudgementView(**judged._asdict())


def edge_view(tx: Tx, name: str) -> EdgeView:
    """An edge as it is now, with its provenance. Refuses: UnknownEdge."""
    found = find_edge(tx, name)
    edge, statement = found.edge, found.statement
    return EdgeView(
        **edge._asdict(),
        counted_with=[other for other in statement.edges if other != edge.edge],
        state=statement.state,
        ended_at=statement.ended_at,
        ended_by=statement.ended_by,
        reason=statement.reason,
        judgement=_judgement(found.judgement),
        contributions=list(map(_contribution, found.submissions)),
    )


def triple_view(edge: Edge) -> TripleView:
    """An edge row."""
    return TripleView(edge=edge.edge, subject=edge.subject, predicate=edge.predicate, object=edge.object)


def own_edge_view(found: tuple[Edge, Submission]) -> OwnEdgeView:
    """An edge with what its artifact has of it."""
    edge, own = found
    return OwnEdgeView(
        **dict(triple_view(edge)),
        actor=own.actor,
        work_item=own.work_item,
        source=own.source,
        confidence=_sure(own.confidence),
        number=own.number,
        at=own.at,
        role=own.role,
        share=edges(own.parts),
    )


def gain_view(gain: Gain) -> GainView:
    """A gain row."""
    facts = gain._asdict()
    sort, name = facts.pop("entity")
    amount = to_number(gain.amount, CONFIDENCE) if gain.kind == "quality" else gain.amount
    facts |= {"artifact_type": sort, "artifact_id": name, "reference": gain.said, "amount": amount}
    return GainView(**facts)


def work_gain_view(work: WorkGain) -> WorkGainView:
    """The gain of a piece of work."""
    return WorkGainView(
        work_item=work.work_item,
        edges_gained=edges(work.parts),
        submitted=work.submitted,
        retracted=work.retracted,
    )


def _precision_view(judged: Judged, found: Precision | None) -> PrecisionView:
    value, low, high = (None, None, None) if found is None else found[1:]
    return PrecisionView(right=judged.right, wrong=judged.wrong, precision=value, low=low, high=high)


def precision_view(tx: Tx, actor: str) -> PrecisionView:
    """How many of an actor's judged edges were right."""
    judged = find_judged(tx, actor)
    return _precision_view(judged, precision_of(judged, float(current(tx)[0].roi_interval)))


def knowledge_view(tx: Tx, entity: EntityKey) -> KnowledgeView:
    """What work on an entity has brought."""
    found: EntityKnowledge = find_knowledge(tx, entity)
    judged = Judged(found.judged_right, found.judged_wrong)
    return KnowledgeView(
        artifact_type=entity.entity_type,
        artifact_id=entity.entity_id,
        edges_gained=edges(found.edges_gained),
        submitted=found.submitted,
        retracted=found.retracted,
        papers=found.papers,
        hypotheses=found.hypotheses,
        quality=to_number(found.quality, CONFIDENCE),
        judged=_precision_view(judged, precision_of(judged, float(current(tx)[0].roi_interval))),
        updated_at=found.updated_at,
        as_of=tx.now,
        source="submitted edges and gains, as the journal has them",
    )
