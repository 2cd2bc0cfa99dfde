"""What a caller can do with knowledge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from scidex.actors import ACTORS
from scidex.atlas.knowledge import curation, rules
from scidex.atlas.knowledge.model import (
    EDGES,
    GAINS,
    JUDGEMENTS,
    KNOWLEDGE,
    STATEMENTS,
    SUBMISSIONS,
    Audited,
    AuditEdges,
    GainKey,
    GainRetracted,
    MergeEdges,
    NewEdge,
    NewGain,
    Recounted,
    ReinstateEdge,
    RetractEdge,
    RetractGain,
    SplitEdge,
    SubmitKnowledge,
    Submitted,
    Verdict,
)
from scidex.atlas.knowledge.store import find_members
from scidex.core.db import Tx
from scidex.core.journal import Receipt, Request, perform_one
from scidex.core.machine import Kind, Look, State, Table, Touch, Whole, declare
from scidex.entities import ENTITIES, EntityKey


def _asking(command: Any, actor: str, state: State) -> tuple[Look, ...]:
    return (Look(actor),)


def _edges_named(command: Any) -> Iterable[str]:
    """The edges that a command is about, whatever it was given: the rule says what is wrong with it."""
    if isinstance(command, SubmitKnowledge):
        return [rules.edge_id(*map(str, each[:3])) for each in command.edges]
    if isinstance(command, AuditEdges):
        return [verdict.edge for verdict in command.verdicts]
    return (command.edge, command.same_as) if isinstance(command, MergeEdges) else (command.edge,)


def _looked_at(command: Any, actor: str, state: State) -> Iterator[Look]:
    return map(Look, _edges_named(command))


def _moved(command: MergeEdges | SplitEdge, actor: str, state: State) -> set[str]:
    return {*_edges_named(command), *command.edges}


def _statements(command: Any, actor: str, state: State) -> Iterator[str]:
    """What the edges are counted in; a new edge begins a statement of its own."""
    for name in _edges_named(command):
        edge = state.get(EDGES, name)
        yield name if edge is None else edge.statement
    if isinstance(command, SplitEdge):
        yield command.edge


def _counted_edges(command: Any, actor: str, state: State) -> Iterator[str]:
    """Every edge that is counted with one of those named."""
    for name in _statements(command, actor, state):
        statement = state.get(STATEMENTS, name)
        yield from (name,) if statement is None else statement.edges


def _submissions(command: Any, actor: str, state: State) -> Iterator[Whole]:
    return map(Whole, _counted_edges(command, actor, state))


def _judged_alone(command: AuditEdges, actor: str, state: State) -> Iterator[Whole]:
    return map(Whole, _edges_named(command))


def _gaining(command: Any, actor: str, state: State) -> Iterator[EntityKey]:
    """The entities whose figures the command may change."""
    if isinstance(command, SubmitKnowledge):
        yield command.entity
    edges = _edges_named(command) if isinstance(command, AuditEdges) else _counted_edges(command, actor, state)
    for edge in edges:
        yield from (row.entity for _, row in state.whole(SUBMISSIONS, edge))


def _gains(command: SubmitKnowledge, actor: str, state: State) -> Iterator[GainKey]:
    return (GainKey(str(each.kind), rules.normalised(str(each.reference))) for each in command.gains)


def _gain(command: RetractGain, actor: str, state: State) -> tuple[GainKey, ...]:
    return (GainKey(command.kind, rules.normalised(str(command.reference))),)


def _entity_of_gain(command: RetractGain, actor: str, state: State) -> Iterator[EntityKey]:
    gain = state.get(GAINS, *_gain(command, actor, state))
    return iter(()) if gain is None else iter((gain.entity,))


_CURATED: dict[Table[Any, Any], Touch] = {
    EDGES: _looked_at,
    STATEMENTS: _statements,
    SUBMISSIONS: _submissions,
    KNOWLEDGE: _gaining,
    ACTORS: _asking,
}
SUBMIT = declare(
    Kind(
        "knowledge.submit",
        SubmitKnowledge,
        Submitted,
        rules.submit,
        {
            **_CURATED,
            JUDGEMENTS: _looked_at,
            GAINS: _gains,
            ENTITIES: lambda command, actor, state: (command.entity,),
        },
    )
)
RETRACT = declare(Kind("knowledge.retract", RetractEdge, Recounted, curation.retract, _CURATED))
REINSTATE = declare(Kind("knowledge.reinstate", ReinstateEdge, Recounted, curation.reinstate, _CURATED))
MERGE = declare(
    Kind("knowledge.merge", MergeEdges, Recounted, curation.merge, {**_CURATED, EDGES: _moved}, gathered=("edges",))
)
SPLIT = declare(
    Kind("knowledge.split", SplitEdge, Recounted, curation.split, {**_CURATED, EDGES: _moved}, gathered=("edges",))
)
AUDIT = declare(
    Kind(
        "knowledge.audit",
        AuditEdges,
        Audited,
        curation.audit,
        {
            **_CURATED,
            SUBMISSIONS: _judged_alone,
            JUDGEMENTS: lambda command, actor, state: _edges_named(command),
        },
    )
)
RETRACT_GAIN = declare(
    Kind(
        "knowledge.retract_gain",
        RetractGain,
        GainRetracted,
        curation.retract_gain,
        {GAINS: _gain, KNOWLEDGE: _entity_of_gain, ACTORS: _asking},
    )
)


def submit_knowledge(
    tx: Tx,
    *,
    entity: EntityKey,
    edges: Iterable[NewEdge] = (),
    gains: Iterable[NewGain] = (),
    work_item: str | None = None,
    key: str | None = None,
) -> Receipt[Submitted]:
    """Put down what work on a registered entity has brought: edges, and other gains.

    Refuses: NothingSubmitted, TooManyEdges, NameInvalid, ConfidenceInvalid, GainKindUnknown, GainAmountInvalid,
    UnknownEntity, KeyReused.
    """
    return perform_one(tx, Request(SubmitKnowledge(entity, tuple(edges), tuple(gains), work_item), tx.actor, key))


def retract_edge(tx: Tx, *, edge: str, reason: str, key: str | None = None) -> Receipt[Recounted]:
    """Let what an edge says count for nobody any more; for its only contributor, or a reviewer.

    Refuses: NameInvalid, UnknownEdge, NotTheContributor, EdgeNotStanding, KeyReused.
    """
    return perform_one(tx, Request(RetractEdge(edge, reason), tx.actor, key))


def reinstate_edge(tx: Tx, *, edge: str, reason: str, key: str | None = None) -> Receipt[Recounted]:
    """Let what a reviewer retracted stand again; for reviewers without a share in it.

    Refuses: NameInvalid, UnknownEdge, UnknownActor, RoleNeeded, AuditorHasStake, EdgeNotRetracted, KeyReused.
    """
    return perform_one(tx, Request(ReinstateEdge(edge, reason), tx.actor, key))


def merge_edges(tx: Tx, *, edge: str, same_as: str, note: str, key: str | None = None) -> Receipt[Recounted]:
    """Count an edge, and all that is counted with it, as saying the same as another; for reviewers without a share.

    Refuses: NameInvalid, UnknownEdge, UnknownActor, RoleNeeded, SameAlready, AuditorHasStake, EdgeNotStanding,
    MergeTooLarge, StatementMoved, KeyReused.
    """
    command = MergeEdges(edge, same_as, note, find_members(tx, edge, own=False))
    return perform_one(tx, Request(command, tx.actor, key))


def split_edge(tx: Tx, *, edge: str, note: str, key: str | None = None) -> Receipt[Recounted]:
    """Undo the merge of an edge; for reviewers without a share in it.

    Refuses: NameInvalid, UnknownEdge, UnknownActor, RoleNeeded, NotMerged, SplitOrder, AuditorHasStake, StatementMoved,
    KeyReused.
    """
    return perform_one(tx, Request(SplitEdge(edge, note, find_members(tx, edge, own=True)), tx.actor, key))


def audit_edges(tx: Tx, *, verdicts: Iterable[Verdict], note: str, key: str | None = None) -> Receipt[Audited]:
    """Judge a sample of edges right or wrong; for reviewers without a share in any of them.

    Refuses: NothingSubmitted, TooManyEdges, NameInvalid, VerdictRepeated, UnknownEdge, UnknownActor, RoleNeeded,
    AuditorHasStake, KeyReused.
    """
    return perform_one(tx, Request(AuditEdges(tuple(verdicts), note), tx.actor, key))


def retract_gain(tx: Tx, *, kind: str, reference: str, reason: str, key: str | None = None) -> Receipt[GainRetracted]:
    """Take back a gain that is no edge; for who submitted it, or a reviewer.

    Refuses: NameInvalid, UnknownGain, NotYourGain, GainWithdrawn, KeyReused.
    """
    return perform_one(tx, Request(RetractGain(kind, reference, reason), tx.actor, key))
