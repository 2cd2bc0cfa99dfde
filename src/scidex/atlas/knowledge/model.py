"""Knowledge gained: edges of the knowledge graph, each counted once, in shares of those who brought it.

submitted -> confirmed by others -> merged with what says the same, judged right or wrong, retracted

An edge is one triple of texts. A statement is what one edge says, or several that were merged as saying the same; it is
a statement that is counted. Its id is that of the edge with which it began.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from scidex.core.machine import Table
from scidex.entities import EntityKey

ONE = 1_000_000
"""The parts of one edge: shares of a statement that stands sum to this."""
CONFIDENCE_ONE = 1000
"""The highest confidence, and the whole scale of quality: both are in thousandths."""
REVIEWER = "reviewer"
GAIN_KINDS = ("paper", "hypothesis", "quality")
"""What is gained besides edges: a paper, an improved hypothesis, thousandths of the quality of an artifact."""

STANDING = "standing"
WITHDRAWN = "withdrawn"
RETRACTED = "retracted"
MERGED = "merged"
"""States of a statement. `withdrawn` was taken back by its only contributor, `retracted` by a reviewer; `merged` is
counted as a part of another."""
FIRST = "first"
CONFIRMS = "confirms"
REPEATS = "repeats"
"""What a submission is to its statement, where it is not withdrawn or retracted; `repeats` counts nothing."""


class Edge(NamedTuple):
    """A triple as it was first written, and the statement that it is counted in."""

    edge: str
    subject: str
    predicate: str
    object: str
    statement: str
    number: int
    at: datetime


class Statement(NamedTuple):
    """What its edges say, counted once. One that was merged keeps the edges that it brought along."""

    statement: str
    edges: tuple[str, ...]
    state: str = STANDING
    same_as: str | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None
    reason: str | None = None


class SubmissionKey(NamedTuple):
    """An owner submits an edge once; repeats count nothing and leave no row."""

    edge: str
    owner: str


class Submission(NamedTuple):
    """Who brought an edge, with work on which entity, and its share of the statement in parts of 10^-6.

    Confidence is in thousandths, None where nobody said. `number` and `line` say who was first.
    """

    edge: str
    owner: str
    actor: str
    entity: EntityKey
    work_item: str | None
    source: str
    confidence: int | None
    number: int
    line: int
    at: datetime
    role: str = REPEATS
    parts: int = 0

    @property
    def key(self) -> SubmissionKey:
        """Edge and owner."""
        return SubmissionKey(self.edge, self.owner)


class Judgement(NamedTuple):
    """Whether an edge is right, as it was judged last."""

    edge: str
    right: bool
    reviewer: str
    note: str
    number: int
    at: datetime


class GainKey(NamedTuple):
    """A gain besides edges counts once, by its normalised reference."""

    kind: str
    reference: str


class Gain(NamedTuple):
    """A gain besides edges and what it is put down to; `amount` is 1, of quality the thousandths that it rose."""

    kind: str
    reference: str
    said: str
    entity: EntityKey
    actor: str
    owner: str
    work_item: str | None
    amount: int
    number: int
    at: datetime
    retracted_at: datetime | None = None
    retracted_by: str | None = None
    reason: str | None = None


class EntityKnowledge(NamedTuple):
    """What work on an entity has brought, kept with every command.

    `edges_gained` is in parts of 10^-6 edge. Of its `submitted` edges so many are `retracted` or withdrawn now, and so
    many were judged right and wrong, also those that no longer count. Quality is in thousandths.
    """

    entity: EntityKey
    edges_gained: int = 0
    submitted: int = 0
    retracted: int = 0
    judged_right: int = 0
    judged_wrong: int = 0
    papers: int = 0
    hypotheses: int = 0
    quality: int = 0
    updated_at: datetime | None = None


EDGES: Table[str, Edge] = Table("knowledge_edge", rank=60)
STATEMENTS: Table[str, Statement] = Table("knowledge_statement", rank=61)
SUBMISSIONS: Table[SubmissionKey, Submission] = Table("knowledge_submission", rank=62, group=lambda key: key.edge)
JUDGEMENTS: Table[str, Judgement] = Table("knowledge_judgement", rank=63)
GAINS: Table[GainKey, Gain] = Table("knowledge_gain", rank=64)
KNOWLEDGE: Table[EntityKey, EntityKnowledge] = Table("knowledge_of_entity", rank=65)


class NewEdge(NamedTuple):
    """An edge with where it was found and, in thousandths, how sure that is."""

    subject: str
    predicate: str
    object: str
    source: str
    confidence: int | None = None


class NewGain(NamedTuple):
    """A paper, an improved hypothesis or a rise in quality, with what it can be looked up by."""

    kind: str
    reference: str
    amount: int = 1


class Verdict(NamedTuple):
    """That an edge is right, or wrong."""

    edge: str
    right: bool


@dataclass(frozen=True, slots=True)
class SubmitKnowledge:
    """Put down what work on an entity has brought."""

    entity: EntityKey
    edges: tuple[NewEdge, ...] = ()
    gains: tuple[NewGain, ...] = ()
    work_item: str | None = None


@dataclass(frozen=True, slots=True)
class RetractEdge:
    """Take back what an edge says: its only contributor, or a reviewer."""

    edge: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReinstateEdge:
    """Let what a reviewer retracted stand again."""

    edge: str
    reason: str


@dataclass(frozen=True, slots=True)
class MergeEdges:
    """Count an edge, and all that is counted with it, as saying the same as another."""

    edge: str
    same_as: str
    note: str
    edges: tuple[str, ...] = ()
    """The edges that are counted with it, as the action found them."""


@dataclass(frozen=True, slots=True)
class SplitEdge:
    """Undo the merge of an edge."""

    edge: str
    note: str
    edges: tuple[str, ...] = ()
    """The edges that it had brought along, as the action found them."""


@dataclass(frozen=True, slots=True)
class AuditEdges:
    """Judge a sample of edges."""

    verdicts: tuple[Verdict, ...]
    note: str


@dataclass(frozen=True, slots=True)
class RetractGain:
    """Take back a gain that is no edge."""

    kind: str
    reference: str
    reason: str


class EdgeFound(NamedTuple):
    """An edge with what it is counted in, all who brought what that says, the first first, and its judgement."""

    edge: Edge
    statement: Statement
    submissions: tuple[Submission, ...]
    judgement: Judgement | None


class WorkGain(NamedTuple):
    """What a piece of work on an entity has brought, in parts, with how many edges, of which so many are retracted."""

    work_item: str | None
    parts: int
    submitted: int
    retracted: int


class Judged(NamedTuple):
    """How many edges were judged right and wrong."""

    right: int
    wrong: int


class Precision(NamedTuple):
    """The share of right ones among edges that were judged, and the interval in which that of all edges may lie."""

    judged: int
    value: float
    low: float
    high: float


class EdgeLine(NamedTuple):
    """What became of a submitted edge, and its share in parts: `first`, `confirms`, or one of those that count nothing
    and leave no row: `repeats` (its owner brought it before), `full` (enough others have), `retracted`, `withdrawn`."""

    edge: str
    outcome: str
    parts: int


class GainLine(NamedTuple):
    """What became of a submitted gain: `first`, or `repeats` or `retracted`, which count nothing."""

    kind: str
    reference: str
    outcome: str


class Change(NamedTuple):
    """By how many parts the edges gained by an entity changed."""

    entity: EntityKey
    parts: int


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of each line, and whose gain changed."""

    entity: EntityKey
    edges: tuple[EdgeLine, ...]
    gains: tuple[GainLine, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Recounted:
    """Where a statement stands now, with which edges, and whose gain changed."""

    statement: str
    state: str
    edges: tuple[str, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Audited:
    """How many edges were judged right and wrong."""

    right: int
    wrong: int


@dataclass(frozen=True, slots=True)
class GainRetracted:
    """Which gain no longer counts, and whose it was."""

    kind: str
    reference: str
    entity: EntityKey
