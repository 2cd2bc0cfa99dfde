"""Scores: signals that were recorded about an artifact, and what the four components and their sum come to.

    allocation_score = 0.35 evidence_strength + 0.25 novelty + 0.20 strategic_alignment + 0.20 community_interest

Each is between 0 and 1, or unknown; a score with an unknown component is unknown, between two bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from scidex.core.errors import Forbidden, Invalid
from scidex.core.machine import Table
from scidex.entities import EntityKey

ONE = 1_000_000
"""Values, weights, components and scores are whole numbers of 10^-6."""
EVIDENCE, NOVELTY, ALIGNMENT, INTEREST = COMPONENTS = (
    "evidence_strength",
    "novelty",
    "strategic_alignment",
    "community_interest",
)
EVIDENCE_KINDS = ("paper", "debate", "replication", "kg_link")
GOAL, VOICE = "goal", "interest"
KINDS = (*EVIDENCE_KINDS, GOAL, VOICE)
"""Kinds of signals: of evidence; how far it serves a goal of the roadmap; how much it interests somebody."""


class ScoreSignal(NamedTuple):
    """Something that was found about an artifact; never changed, but the newest of an owner on the same source counts.

    `value` is between 0 (refutes, does not serve, does not interest) and 1, `weight` between 0 (takes it back) and 1,
    both in 10^-6. `source` is the reference of evidence, the name of a goal, and empty for interest.
    """

    number: int
    entity: EntityKey
    kind: str
    value: int
    weight: int
    source: str
    actor: str
    at: datetime


class Score(NamedTuple):
    """What an artifact's signals came to, in 10^-6: components and score are None where they are unknown.

    `low` and `high` are the score with the unknown components at 0 and at 1. `newest` is the number of the newest of
    its `signals` that was counted.
    """

    entity: EntityKey
    evidence: int | None
    novelty: int | None
    alignment: int | None
    interest: int | None
    score: int | None
    low: int
    high: int
    signals: int
    newest: int
    computed_at: datetime
    policy_version: int


SIGNALS: Table[int, ScoreSignal] = Table("score_signal", rank=8, append_only=True)
SCORES: Table[EntityKey, Score] = Table("allocation_score", rank=9)


class Measured(NamedTuple):
    """The components of an artifact as its signals and the ground give them now, in 10^-6 or unknown."""

    entity: EntityKey
    evidence: int | None
    novelty: int | None
    alignment: int | None
    interest: int | None
    signals: int
    newest: int


@dataclass(frozen=True, slots=True)
class RecordSignal:
    """Record what was found about an artifact; value and weight in 10^-6."""

    entity: EntityKey
    kind: str
    value: int
    weight: int
    source: str


@dataclass(frozen=True, slots=True)
class ComputeScores:
    """Write down the scores of these artifacts; the action gathers what their signals come to."""

    entities: tuple[EntityKey, ...]
    measured: tuple[Measured, ...] = ()


@dataclass(frozen=True, slots=True)
class SignalRecorded:
    """Which signal it is."""

    signal: int
    entity: EntityKey
    kind: str


@dataclass(frozen=True, slots=True)
class ScoresComputed:
    """The scores written, in 10^-6; those of which newer signals were counted already are left out."""

    scores: tuple[tuple[EntityKey, int | None], ...]


class SignalInvalid(Invalid):
    """The signal cannot be used: {problem}. Mend it; `scidex scores signal --help` says what each kind needs."""


class OwnSignal(Forbidden):
    """{actor} entered {entity} and may not rate it; leave it to somebody else."""
