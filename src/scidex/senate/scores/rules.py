"""What may be recorded about an artifact, and how its score is written down: pure."""

from __future__ import annotations

from scidex.actors import require_actor, require_role
from scidex.core.machine import State
from scidex.core.names import check_name
from scidex.entities import EntityKey, require_entity
from scidex.exchange.settlement import form_of
from scidex.policy import Context
from scidex.senate.budgets import put_priority
from scidex.senate.scores.components import score_of
from scidex.senate.scores.model import (
    GOAL,
    KINDS,
    ONE,
    SCORES,
    SIGNALS,
    VOICE,
    ComputeScores,
    OwnSignal,
    RecordSignal,
    Score,
    ScoresComputed,
    ScoreSignal,
    SignalInvalid,
    SignalRecorded,
)

REVIEWER = "reviewer"


def record_signal(state: State, command: RecordSignal, context: Context) -> SignalRecorded:
    """Record evidence or a rating by a goal, as a reviewer, or one's own interest; not about what one entered oneself.

    Refuses: SignalInvalid, NameInvalid, UnknownEntity, UnknownActor, RoleNeeded, OwnSignal.
    """
    for field, given in (("value", command.value), ("weight", command.weight)):
        if type(given) is not int or not 0 <= given <= ONE:
            raise SignalInvalid(problem=f"its {field} is not a number from 0 to 1")
    _check_source(command, context)
    entity = require_entity(state, command.entity)
    require_actor(state, context.actor)
    if command.kind != VOICE:
        require_role(state, context, REVIEWER)
    if entity.proposer == context.actor:
        raise OwnSignal(actor=context.actor, entity=str(command.entity))
    row = ScoreSignal(
        context.number,
        command.entity,
        command.kind,
        command.value,
        command.weight,
        command.source,
        context.actor,
        context.now,
    )
    state.add(SIGNALS, context.number, row)
    return SignalRecorded(context.number, command.entity, command.kind)


def _check_source(command: RecordSignal, context: Context) -> None:
    kind, source = command.kind, command.source
    if kind not in KINDS:
        raise SignalInvalid(problem=f"{str(kind)[:40]!r} is none of {', '.join(KINDS)}")
    if kind == VOICE:
        if source:
            raise SignalInvalid(problem="interest has no source")
        return
    check_name(source, "source", longest=500)
    goals = context.policy.roadmap_goals
    if kind == GOAL and source not in goals:
        raise SignalInvalid(problem=f"{source[:60]!r} is no goal of the roadmap, which has {', '.join(goals)}")
    if kind in ("paper", "replication") and form_of(source) is None:
        raise SignalInvalid(problem=f"{source[:60]!r} is neither a PMID, a DOI nor an address")


def compute(state: State, command: ComputeScores, context: Context) -> ScoresComputed:
    """Write down what the signals of these artifacts come to, and make it their priority; unknown stays unknown.

    Anybody may ask, and the keeper does. Where newer signals were counted already, that score stays.
    """
    written: list[tuple[EntityKey, int | None]] = []
    for found in command.measured:
        entity = found.entity
        before = state.get(SCORES, entity)
        if before is not None and before.newest > found.newest:
            continue
        components = (found.evidence, found.novelty, found.alignment, found.interest)
        score, low, high = score_of(components, context.policy)
        row = Score(
            entity=entity,
            evidence=found.evidence,
            novelty=found.novelty,
            alignment=found.alignment,
            interest=found.interest,
            score=score,
            low=low,
            high=high,
            signals=found.signals,
            newest=found.newest,
            computed_at=context.now,
            policy_version=context.policy_version,
        )
        state.put(SCORES, entity, row)
        put_priority(state, context, entity, None if score is None else score / ONE)
        written.append((entity, score))
    return ScoresComputed(tuple(written))
