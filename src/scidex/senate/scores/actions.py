"""What a caller can do about scores: record signals, compute, and have a score explained down to its signals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from scidex.actors import ACTORS
from scidex.core.db import Tx
from scidex.core.journal import Receipt, Request, perform_one
from scidex.core.machine import Kind, Look, declare
from scidex.entities import ENTITIES, EntityKey, find_entity
from scidex.policy import current
from scidex.senate.budgets import BUDGETS
from scidex.senate.scores import rules
from scidex.senate.scores.components import Component, components_of, ppm_of, score_of
from scidex.senate.scores.model import (
    ONE,
    SCORES,
    SIGNALS,
    ComputeScores,
    Measured,
    RecordSignal,
    Score,
    ScoresComputed,
    SignalRecorded,
)
from scidex.senate.scores.store import due_scores, find_score, read_counts, read_ground, read_signals

SIGNAL = declare(
    Kind(
        "score.signal",
        RecordSignal,
        SignalRecorded,
        rules.record_signal,
        {
            SIGNALS: lambda command, actor, state: (),
            ENTITIES: lambda command, actor, state: (Look(command.entity),),
            ACTORS: lambda command, actor, state: (Look(actor),),
        },
    )
)
COMPUTE = declare(
    Kind(
        "score.compute",
        ComputeScores,
        ScoresComputed,
        rules.compute,
        {
            SCORES: lambda command, actor, state: [each.entity for each in command.measured],
            BUDGETS: lambda command, actor, state: [each.entity for each in command.measured],
        },
        gathered=("measured",),
    )
)


class Explanation(NamedTuple):
    """A score as it is now, with every component, and what was last written down; scores in 10^-6."""

    entity: EntityKey
    components: tuple[Component, ...]
    score: int | None
    low: int
    high: int
    policy_version: int
    written: Score | None


def record_signal(
    tx: Tx,
    *,
    entity: EntityKey,
    kind: str,
    value: int,
    weight: int = ONE,
    source: str = "",
    key: str | None = None,
) -> Receipt[SignalRecorded]:
    """Record what was found about an artifact, value and weight in 10^-6; the newest of an owner on a source counts.

    Refuses: SignalInvalid, NameInvalid, UnknownEntity, UnknownActor, RoleNeeded, OwnSignal, KeyReused.
    """
    return perform_one(tx, Request(RecordSignal(entity, kind, value, weight, source), tx.actor, key))


def compute_scores(tx: Tx, *, entities: Sequence[EntityKey], key: str | None = None) -> Receipt[ScoresComputed]:
    """Write down what the signals of these artifacts come to now. Refuses: KeyReused."""
    return perform_one(tx, Request(ComputeScores(tuple(entities), _measured(tx, entities)), tx.actor, key))


def compute_due_scores(tx: Tx, *, limit: int = 5000) -> list[Receipt[ScoresComputed]]:
    """Compute the scores that have new signals or are old; safe to run from several workers at once."""
    due = due_scores(tx, refresh_s=current(tx)[0].score_refresh_s, limit=limit)
    return [compute_scores(tx, entities=due)] if due else []


def _measured(tx: Tx, entities: Sequence[EntityKey]) -> tuple[Measured, ...]:
    policy, _ = current(tx)
    asked = sorted(set(entities))
    # How many there are is read before what they say: a signal that comes between leaves the score due once more.
    counts = read_counts(tx, asked)
    signals, ground = read_signals(tx, asked), read_ground(tx, asked)
    measured = []
    for entity in asked:
        if entity not in ground:
            continue
        components = components_of(signals.get(entity, ()), ground[entity], policy, tx.now)
        evidence, new, alignment, interest = map(ppm_of, components)
        count, newest = counts.get(entity, (0, 0))
        measured.append(Measured(entity, evidence, new, alignment, interest, count, newest))
    return tuple(measured)


def explain_score(tx: Tx, *, entity_id: str, entity_type: str | None = None) -> Explanation:
    """A score down to its signals, as they count at this moment. Refuses: UnknownEntity, EntityAmbiguous."""
    entity = find_entity(tx, entity_id=entity_id, entity_type=entity_type).key
    policy, version = current(tx)
    signals, ground = read_signals(tx, [entity]), read_ground(tx, [entity])
    components = components_of(signals.get(entity, ()), ground[entity], policy, tx.now)
    score, low, high = score_of([ppm_of(each) for each in components], policy)
    return Explanation(entity, components, score, low, high, version, find_score(tx, entity))
