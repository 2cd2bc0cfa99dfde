"""What the server answers: knowledge; made by `python -m tests.house.pages`."""

from __future__ import annotations

from datetime import datetime

from scidex.client.answers import Answer, Receipt


class EdgeLineView(Answer):
    """What became of a submitted edge."""

    edge: str
    # first or confirms; or repeats, full, retracted, withdrawn, of which nothing is recorded
    outcome: str
    # of this edge, from 0 to 1
    share: float


class GainLineView(Answer):
    """What became of a submitted gain."""

    kind: str
    reference: str
    outcome: str


class GainChangeView(Answer):
    """By how many edges the gain of an artifact changed."""

    artifact_type: str
    artifact_id: str
    change: float


class LearnedDone(Receipt):
    """What became of each line, and whose gain changed."""

    artifact_type: str
    artifact_id: str
    edges: list[EdgeLineView]
    gains: list[GainLineView]
    changes: list[GainChangeView]


class OwnEdgeView(Answer):
    """An edge that work on an artifact brought."""

    edge: str
    subject: str
    predicate: str
    object: str
    actor: str
    work_item: str | None
    source: str
    confidence: float | None
    number: int
    at: datetime
    role: str
    share: float


class JudgementView(Answer):
    """Whether an edge is right, as it was judged last."""

    right: bool
    reviewer: str
    note: str
    number: int
    at: datetime


class ContributionView(Answer):
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


class EdgeView(Answer):
    """An edge, what it is counted in, and who brought that: its provenance."""

    edge: str
    subject: str
    predicate: str
    object: str
    number: int
    at: datetime
    # what it says; of several edges that say the same, the one they are counted as
    statement: str
    # the other edges of that statement
    counted_with: list[str]
    # standing, withdrawn by its only contributor, or retracted by a reviewer
    state: str
    ended_at: datetime | None
    ended_by: str | None
    reason: str | None
    judgement: JudgementView | None
    # the first first; the shares sum to 1 while it stands
    contributions: list[ContributionView]


class TripleView(Answer):
    """An edge, and no more."""

    edge: str
    subject: str
    predicate: str
    object: str


class PrecisionView(Answer):
    """How many judged edges were right, with the interval in which the share of all edges lies."""

    right: int
    wrong: int
    # null where none was judged
    precision: float | None
    low: float | None
    high: float | None


class KnowledgeView(Answer):
    """What work on an artifact has brought so far."""

    artifact_type: str
    artifact_id: str
    # its shares of the edges that stand
    edges_gained: float
    # edges that were brought, whether they count or not
    submitted: int
    # of these, how many were retracted or withdrawn
    retracted: int
    papers: int
    # that were improved
    hypotheses: int
    # rises of quality, summed
    quality: float
    judged: PrecisionView
    updated_at: datetime | None
    as_of: datetime
    source: str


class GainView(Answer):
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


class WorkGainView(Answer):
    """What a piece of work on an artifact has brought."""

    work_item: str | None
    edges_gained: float
    submitted: int
    retracted: int


class RecountedDone(Receipt):
    """Where a statement stands now, with which edges, and whose gain changed."""

    statement: str
    state: str
    edges: list[str]
    changes: list[GainChangeView]


class AuditedDone(Receipt):
    """How many edges were judged right and wrong."""

    right: int
    wrong: int


class GainRetractedDone(Receipt):
    """Which gain no longer counts, and whose it was."""

    kind: str
    reference: str
    artifact_type: str
    artifact_id: str


class PriorView(Answer):
    """What is expected of an entity type: a rate drawn from Gamma(a, b), in edges per LLM token."""

    # edges
    a: float
    # LLM tokens that they took
    b: float
    mean: float


class RoiView(Answer):
    """What an artifact brought for what it spent, in edges per LLM token; null is unknown, as without any
    spending.
    """

    artifact_type: str
    artifact_id: str
    kg_edges_gained: float
    # LLM tokens of all tiers
    tokens_spent: int
    # kg_edges_gained / tokens_spent
    roi_score: float | None
    # (a + edges) / (b + tokens): near its type while little was spent
    shrunk: float | None
    # lower end of the interval in which the true return lies
    low: float | None
    high: float | None
    # share of its edges that is right, by what was judged of its type
    precision: float | None
    # roi_score times precision
    audited: float | None
    # shrunk times precision
    audited_shrunk: float | None
    # null where nobody of its type has spent anything
    prior: PriorView | None
    judged_right: int
    judged_wrong: int
    retracted: int
    papers: int
    hypotheses: int
    quality: float
    # what it spent of each unit
    spent: dict[str, float]
    # all of it in tokens by the policy's rates; null without a rate
    cost_tokens: float | None
    # units that have no rate
    without_rate: list[str]
    # what calls for it cost, where their price is known; the same calls as in spent
    usd: float
    # calls whose price is not known
    usd_unknown: int
    policy_version: int
    as_of: datetime
    source: str
