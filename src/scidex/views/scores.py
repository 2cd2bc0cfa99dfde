"""Scores from outside: what they are made of, down to the signals, and what is not known."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from scidex.core.journal import Receipt
from scidex.core.units import parse_amount, to_number
from scidex.senate.scores import ONE, Component, Explanation, Part, Score, ScoresComputed, SignalRecorded
from scidex.views.base import Done, View, done


class PartView(View):
    """A signal as it counts now."""

    signal: int | None = Field(description="its number in the journal; null for what the Atlas counts")
    kind: str
    source: str
    actor: str
    value: float
    counts: float = Field(description="its weight after kind, age and discount")
    at: datetime | None
    age_s: float | None


class ComponentView(View):
    """A component of a score; unknown is null."""

    component: str
    value: float | None
    why: str = Field(description="what it is made of, or why it is unknown")
    signals: list[PartView]


class ScoreView(View):
    """A score as it was last written down; unknown is null, and lies between low and high."""

    entity_type: str
    entity_id: str
    score: float | None
    low: float = Field(description="with the unknown components at 0")
    high: float = Field(description="with the unknown components at 1")
    evidence_strength: float | None
    novelty: float | None
    strategic_alignment: float | None
    community_interest: float | None
    signals: int
    newest: int = Field(description="the newest signal that was counted")
    computed_at: datetime
    policy_version: int


class ExplanationView(View):
    """A score as it is now, down to its signals, and as it was last written down."""

    entity_type: str
    entity_id: str
    score: float | None = Field(description="null is unknown")
    low: float
    high: float
    unknown: list[str] = Field(description="components that nothing is known of")
    as_of: datetime
    policy_version: int
    components: list[ComponentView]
    written: ScoreView | None = Field(description="the priority that budgets have")


class SignalDone(Done):
    """Which signal was recorded."""

    signal: int
    entity_type: str
    entity_id: str
    kind: str


class ScoreLine(View):
    """A score that was written down; null is unknown."""

    entity_type: str
    entity_id: str
    score: float | None


class ScoresDone(Done):
    """The scores that were written down."""

    scores: list[ScoreLine]


def share_of(given: str | int | float, field: str) -> int:
    """A number from 0 to 1 in 10^-6. Refuses what `parse_amount` does."""
    return parse_amount(given, field=field, zero=True)


def _known(parts: int | None) -> float | None:
    return None if parts is None else to_number(parts)


def score_view(score: Score) -> ScoreView:
    """A score row."""
    return ScoreView(
        entity_type=score.entity.entity_type,
        entity_id=score.entity.entity_id,
        score=_known(score.score),
        low=score.low / ONE,
        high=score.high / ONE,
        evidence_strength=_known(score.evidence),
        novelty=_known(score.novelty),
        strategic_alignment=_known(score.alignment),
        community_interest=_known(score.interest),
        signals=score.signals,
        newest=score.newest,
        computed_at=score.computed_at,
        policy_version=score.policy_version,
    )


def explanation_view(found: Explanation, now: datetime) -> ExplanationView:
    """A score explained at this moment."""
    return ExplanationView(
        entity_type=found.entity.entity_type,
        entity_id=found.entity.entity_id,
        score=_known(found.score),
        low=found.low / ONE,
        high=found.high / ONE,
        unknown=[component.name for component in found.components if component.value is None],
        as_of=now,
        policy_version=found.policy_version,
        components=[_component(component, now) for component in found.components],
        written=None if found.written is None else score_view(found.written),
    )


def _component(component: Component, now: datetime) -> ComponentView:
    return ComponentView(
        component=component.name,
        value=component.value,
        why=component.why,
        signals=[_part(part, now) for part in component.parts],
    )


def _part(part: Part, now: datetime) -> PartView:
    return PartView(
        signal=part.number,
        kind=part.kind,
        source=part.source,
        actor=part.actor,
        value=part.value,
        counts=part.counts,
        at=part.at,
        age_s=None if part.at is None else max(0.0, (now - part.at).total_seconds()),
    )


def signal_done(receipt: Receipt[SignalRecorded]) -> SignalDone:
    """The receipt of a signal."""
    found = receipt.result
    return SignalDone(
        **done(receipt),
        signal=found.signal,
        entity_type=found.entity.entity_type,
        entity_id=found.entity.entity_id,
        kind=found.kind,
    )


def scores_done(receipt: Receipt[ScoresComputed]) -> ScoresDone:
    """The receipt of scores."""
    lines = [
        ScoreLine(entity_type=entity.entity_type, entity_id=entity.entity_id, score=_known(score))
        for entity, score in receipt.result.scores
    ]
    return ScoresDone(**done(receipt), scores=lines)
