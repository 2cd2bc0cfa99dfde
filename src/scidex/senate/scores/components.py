"""How signals become components, and components a score: pure, with a formula each.

a signal counts        weight * 2^(-age / half life), divided by how many others say the same of the same source
evidence_strength      sum(counts * value) / (sum(counts) + k), counts times the weight of the kind: it saturates
novelty                1 / (1 + tokens / T + edges / E), own and a share of what the field has on the mean
strategic_alignment    the mean over goals that were rated, by their weights, of the mean of the reviewers' ratings
community_interest     sum(counts * value) / (sum(counts) + k), a model family is one voice: one moves it by 1/(1+k)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

from scidex.policy import Policy
from scidex.senate.scores.model import ALIGNMENT, EVIDENCE, EVIDENCE_KINDS, GOAL, INTEREST, NOVELTY, ONE, VOICE


class Counted(NamedTuple):
    """The newest signal of an owner on a source, with whose it is."""

    number: int
    kind: str
    value: int
    weight: int
    source: str
    actor: str
    owner: str
    family: str | None
    at: datetime


class Ground(NamedTuple):
    """LLM tokens spent on an artifact and edges gained by it, and by the others of its field on the mean."""

    tokens: float
    edges: float
    near_tokens: float
    near_edges: float
    domain: str | None


class Part(NamedTuple):
    """A signal as it counts: `counts` is its weight after kind, age and discount."""

    number: int | None
    kind: str
    source: str
    actor: str
    value: float
    counts: float
    at: datetime | None


class Component(NamedTuple):
    """A component with all that it is made of; None is unknown, and `why` says so."""

    name: str
    value: float | None
    why: str
    parts: tuple[Part, ...] = ()


def decay(at: datetime, now: datetime, half_life_s: int) -> float:
    """What is left of a signal's weight: half after each half life; 1 for one of this moment.

    >>> from datetime import datetime, timedelta
    >>> decay(datetime(2026, 1, 1), datetime(2026, 1, 3), 86_400)
    0.25
    """
    return float(0.5 ** (max(0.0, (now - at).total_seconds()) / half_life_s))


def evidence_strength(signals: Sequence[Counted], ground: Ground, policy: Policy, now: datetime) -> Component:
    """What the evidence says, as far as there is enough of it; edges of the Atlas are links without a date.

    Several who judge the same source share its weight.
    """
    found = [each for each in signals if each.kind in EVIDENCE_KINDS]
    same = Counter((each.kind, each.source) for each in found)
    parts = [
        _part(each, now, policy, float(policy.score_signal_weights.get(each.kind, 0)) / same[each.kind, each.source])
        for each in found
    ]
    link = float(policy.score_signal_weights.get("kg_link", 0))
    if ground.edges:
        parts.append(Part(None, "kg_link", "the Atlas", "system", 1.0, link * ground.edges, None))
    if not parts:
        return Component(EVIDENCE, None, "nobody has recorded any evidence")
    return _saturated(EVIDENCE, parts, float(policy.score_evidence_half), "weight of evidence")


def community_interest(signals: Sequence[Counted], policy: Policy, now: datetime) -> Component:
    """How many independent voices it interests: one for an owner, and one for all agents of a model family."""
    found = [each for each in signals if each.kind == VOICE]
    if not found:
        return Component(INTEREST, None, "nobody has said how much it interests them")
    kin = Counter(each.family for each in found if each.family is not None)
    parts = [_part(each, now, policy, 1 / kin[each.family] if each.family is not None else 1.0) for each in found]
    return _saturated(INTEREST, parts, float(policy.score_interest_half), "voices")


def strategic_alignment(signals: Sequence[Counted], policy: Policy, now: datetime) -> Component:
    """How far it serves the goals of the roadmap that it was rated by; a goal that nobody rated is left out."""
    parts: list[Part] = []
    total = weights = 0.0
    for goal, weight in policy.roadmap_goals.items():
        rated = [_part(each, now, policy, 1.0) for each in signals if each.kind == GOAL and each.source == goal]
        counts = sum(part.counts for part in rated)
        if counts and weight:
            total += float(weight) * sum(part.counts * part.value for part in rated) / counts
            weights += float(weight)
            parts += rated
    if not weights:
        return Component(ALIGNMENT, None, "no reviewer has rated it by a goal of the roadmap")
    return Component(ALIGNMENT, total / weights, "mean rating over the goals that were rated", tuple(parts))


def novelty(ground: Ground, policy: Policy) -> Component:
    """How little worked-over the ground is; it is always known, because what was spent and gained is.

    >>> novelty(Ground(1_000_000, 0, 0, 0, None), Policy()).value
    0.5
    """
    near = float(policy.score_novelty_near)
    tokens, edges = ground.tokens + near * ground.near_tokens, ground.edges + near * ground.near_edges
    worked = tokens / policy.score_novelty_tokens + edges / policy.score_novelty_edges
    field = f"the mean of the field {ground.domain}" if ground.domain else "no field"
    why = f"{ground.tokens:g} LLM tokens and {ground.edges:g} edges, and {near:g} of {field}:"
    return Component(NOVELTY, 1 / (1 + worked), f"{why} {ground.near_tokens:g} tokens and {ground.near_edges:g} edges")


def _part(signal: Counted, now: datetime, policy: Policy, share: float) -> Part:
    counts = signal.weight / ONE * decay(signal.at, now, policy.score_half_life_s) * share
    return Part(signal.number, signal.kind, signal.source, signal.actor, signal.value / ONE, counts, signal.at)


def _saturated(name: str, parts: Sequence[Part], half: float, what: str) -> Component:
    counts = sum(part.counts for part in parts)
    value = sum(part.counts * part.value for part in parts) / (counts + half)
    return Component(name, value, f"{counts:.3g} {what}, half of the most at {half:g}", tuple(parts))


def components_of(signals: Sequence[Counted], ground: Ground, policy: Policy, now: datetime) -> tuple[Component, ...]:
    """The four components, in the order of the formula."""
    return (
        evidence_strength(signals, ground, policy, now),
        novelty(ground, policy),
        strategic_alignment(signals, policy, now),
        community_interest(signals, policy, now),
    )


def ppm_of(component: Component) -> int | None:
    """A component in 10^-6, rounded to the nearest; None where it is unknown."""
    return None if component.value is None else min(ONE, max(0, round(component.value * ONE)))


def score_of(components: Sequence[int | None], policy: Policy) -> tuple[int | None, int, int]:
    """The score in 10^-6, rounded down, or None where a component is unknown; and the bounds that it lies between then.

    Source: the SciDEX specification, allocation score.

    >>> score_of((800_000, 500_000, 1_000_000, 0), Policy())
    (605000, 605000, 605000)
    >>> score_of((800_000, 500_000, None, 0), Policy())
    (None, 405000, 605000)
    """
    weights = (
        policy.score_evidence_weight,
        policy.score_novelty_weight,
        policy.score_alignment_weight,
        policy.score_interest_weight,
    )
    pairs = [(Fraction(weight), value) for weight, value in zip(weights, components, strict=True)]
    low = sum(weight * (value or 0) for weight, value in pairs)
    high = low + sum(weight * ONE for weight, value in pairs if value is None)
    known = None not in components
    return int(low) if known else None, int(low), int(high)
