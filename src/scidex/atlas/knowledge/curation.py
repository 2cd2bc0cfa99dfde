"""What reviewers, and those who find that they were wrong, do with knowledge that was submitted: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from scidex.actors import RoleNeeded, UnknownActor, require_role
from scidex.atlas.knowledge.model import (
    EDGES,
    GAINS,
    JUDGEMENTS,
    MERGED,
    RETRACTED,
    REVIEWER,
    STANDING,
    STATEMENTS,
    SUBMISSIONS,
    WITHDRAWN,
    Audited,
    AuditEdges,
    Edge,
    GainKey,
    GainRetracted,
    Judgement,
    MergeEdges,
    Recounted,
    ReinstateEdge,
    RetractEdge,
    RetractGain,
    SplitEdge,
    Statement,
    Submission,
)
from scidex.atlas.knowledge.refusals import (
    AuditorHasStake,
    EdgeNotRetracted,
    EdgeNotStanding,
    GainWithdrawn,
    MergeTooLarge,
    NothingSubmitted,
    NotMerged,
    NotTheContributor,
    NotYourGain,
    SameAlready,
    SplitOrder,
    StatementMoved,
    TooManyEdges,
    UnknownEdge,
    UnknownGain,
    VerdictRepeated,
)
from scidex.atlas.knowledge.rules import (
    changes_of,
    count,
    figures_of,
    figures_of_gain,
    normalised,
    owner_of,
    recount,
    submissions_of,
)
from scidex.core.machine import State
from scidex.core.names import check_name
from scidex.core.units import brief
from scidex.entities import EntityKey
from scidex.policy import Context


def retract(state: State, command: RetractEdge, context: Context) -> Recounted:
    """Let what an edge says count for nobody any more, with all that was merged into it.

    Whoever alone brought it withdraws it: it counts again when somebody else brings it. A reviewer retracts it: whoever
    submits it afterwards gets nothing, until a reviewer reinstates it.
    Refuses: NameInvalid, UnknownEdge, NotTheContributor, EdgeNotStanding.
    """
    check_name(command.reason, "reason", longest=1000)
    edge, statement = _found(state, command.edge)
    owner = owner_of(state, context.actor)
    standing = [each for each in submissions_of(state, statement) if each.role != WITHDRAWN]
    alone = statement.state == STANDING and {each.owner for each in standing} == {owner}
    judges = not alone and _may_review(state, context)
    if statement.state == STANDING and not alone and not judges:
        raise NotTheContributor(actor=context.actor, edge=edge.edge)
    if statement.state == RETRACTED or not (alone or judges):
        raise EdgeNotStanding(edge=edge.edge, state=statement.state, at=_since(statement))
    changes: Counter[EntityKey] = Counter()
    if alone:
        for each in standing:
            changes.update(_withdraw(state, context, each))
    return _end(state, context, statement, WITHDRAWN if alone else RETRACTED, command.reason, changes)


def reinstate(state: State, command: ReinstateEdge, context: Context) -> Recounted:
    """Let what a reviewer retracted stand again, shared as before; for reviewers without a share in it.

    Refuses: NameInvalid, UnknownEdge, UnknownActor, RoleNeeded, AuditorHasStake, EdgeNotRetracted.
    """
    check_name(command.reason, "reason", longest=1000)
    edge, statement = _found(state, command.edge)
    require_role(state, context, REVIEWER)
    submissions = submissions_of(state, statement)
    _require_no_stake(state, context, edge.edge, submissions)
    if statement.state != RETRACTED:
        raise EdgeNotRetracted(edge=edge.edge, state=statement.state)
    return _end(state, context, statement, _state_of(submissions), command.reason, Counter())


def merge(state: State, command: MergeEdges, context: Context) -> Recounted:
    """Count an edge, and all that is counted with it, in the statement of another, shared by all who brought either.

    Who brought one of them first is the first. What is merged into a retracted statement counts no more.
    For reviewers without a share in either.
    Refuses: NameInvalid, UnknownEdge, UnknownActor, RoleNeeded, SameAlready, AuditorHasStake, EdgeNotStanding,
    MergeTooLarge, StatementMoved.
    """
    check_name(command.note, "note", longest=1000)
    edge, joining = _found(state, command.edge)
    other, root = _found(state, command.same_as)
    require_role(state, context, REVIEWER)
    if joining.statement == root.statement:
        raise SameAlready(edge=edge.edge, same_as=other.edge)
    _require_no_stake(state, context, edge.edge, submissions_of(state, joining))
    _require_no_stake(state, context, other.edge, submissions_of(state, root))
    for name, statement, states in ((edge, joining, (STANDING,)), (other, root, (STANDING, RETRACTED))):
        if statement.state not in states:
            raise EdgeNotStanding(edge=name.edge, state=statement.state, at=_since(statement))
    edges = (*root.edges, *joining.edges)
    if len(edges) > context.policy.knowledge_merged_max:
        raise MergeTooLarge(given=len(edges), most=context.policy.knowledge_merged_max)
    _require_gathered(command.edge, joining, command.edges)
    merged = joining._replace(
        state=MERGED, same_as=root.statement, ended_at=context.now, ended_by=context.actor, reason=command.note
    )
    state.put(STATEMENTS, joining.statement, merged)
    _move(state, joining.edges, root.statement)
    whole = root._replace(edges=edges)
    state.put(STATEMENTS, root.statement, whole)
    changes = recount(state, context, whole)
    return Recounted(whole.statement, whole.state, whole.edges, changes_of(changes))


def split(state: State, command: SplitEdge, context: Context) -> Recounted:
    """Count an edge that was merged into another by itself again, with the edges that it had brought along.

    It stands then, also where the other was retracted meanwhile. For reviewers without a share in either.
    Refuses: NameInvalid, UnknownEdge, UnknownActor, RoleNeeded, NotMerged, SplitOrder, AuditorHasStake,
    StatementMoved.
    """
    check_name(command.note, "note", longest=1000)
    edge, root = _found(state, command.edge)
    require_role(state, context, REVIEWER)
    parted = state.get(STATEMENTS, edge.edge)
    if parted is None or parted.state != MERGED or parted.same_as is None:
        raise NotMerged(edge=edge.edge)
    if parted.same_as != root.statement:
        raise SplitOrder(edge=edge.edge, same_as=parted.same_as)
    submissions = submissions_of(state, root)
    _require_no_stake(state, context, edge.edge, submissions)
    _require_gathered(command.edge, parted, command.edges)
    _move(state, parted.edges, parted.statement)
    gone = [each for each in submissions if each.edge in parted.edges]
    left = [each for each in submissions if each.edge not in parted.edges]
    rest = root._replace(edges=tuple(name for name in root.edges if name not in parted.edges))
    if rest.state == STANDING:
        rest = _ended(context, rest, _state_of(left), command.note)
    alone = _ended(context, parted._replace(same_as=None), _state_of(gone), command.note)
    changes: Counter[EntityKey] = Counter()
    for statement in (rest, alone):
        state.put(STATEMENTS, statement.statement, statement)
        changes.update(recount(state, context, statement))
    return Recounted(alone.statement, alone.state, alone.edges, changes_of(changes))


def audit(state: State, command: AuditEdges, context: Context) -> Audited:
    """Judge edges right or wrong; the latest judgement of an edge is the one that counts.

    It changes no gain: what is wrong is for a reviewer to retract. It counts in the precision of every entity whose
    work brought the edge, also after that. For reviewers without a share in any of them.
    Refuses: NothingSubmitted, TooManyEdges, NameInvalid, VerdictRepeated, UnknownEdge, UnknownActor, RoleNeeded,
    AuditorHasStake.
    """
    check_name(command.note, "note", longest=1000)
    if not command.verdicts:
        raise NothingSubmitted()
    if len(command.verdicts) > context.policy.knowledge_lines_max:
        raise TooManyEdges(given=len(command.verdicts), most=context.policy.knowledge_lines_max)
    names = {verdict.edge for verdict in command.verdicts}
    require_role(state, context, REVIEWER)
    for verdict in command.verdicts:
        if verdict.edge not in names:
            raise VerdictRepeated(edge=verdict.edge)
        names.discard(verdict.edge)
        edge, _ = _found(state, verdict.edge)
        submissions = [row for _, row in state.whole(SUBMISSIONS, edge.edge)]
        _require_no_stake(state, context, edge.edge, submissions)
        before = state.get(JUDGEMENTS, edge.edge)
        judged = Judgement(edge.edge, verdict.right, context.actor, command.note, context.number, context.now)
        state.put(JUDGEMENTS, edge.edge, judged)
        for each in submissions:
            change = figures_of(each, judged)
            change.subtract(figures_of(each, before))
            count(state, context, each.entity, change)
    right = sum(verdict.right for verdict in command.verdicts)
    return Audited(right, len(command.verdicts) - right)


def retract_gain(state: State, command: RetractGain, context: Context) -> GainRetracted:
    """Let a gain that is no edge count no more: who submitted it, or a reviewer. It is not counted again.

    Refuses: NameInvalid, UnknownGain, NotYourGain, GainWithdrawn.
    """
    check_name(command.reason, "reason", longest=1000)
    check_name(command.reference, "reference", longest=1000)
    key = GainKey(command.kind, normalised(command.reference))
    gain = state.get(GAINS, key)
    if gain is None:
        raise UnknownGain(kind=brief(command.kind), reference=command.reference)
    if owner_of(state, context.actor) != gain.owner and not _may_review(state, context):
        raise NotYourGain(kind=gain.kind, reference=gain.said, owner=gain.owner)
    if gain.retracted_at is not None:
        raise GainWithdrawn(kind=gain.kind, reference=gain.said, at=gain.retracted_at.isoformat())
    state.put(GAINS, key, gain._replace(retracted_at=context.now, retracted_by=context.actor, reason=command.reason))
    count(state, context, gain.entity, {name: -amount for name, amount in figures_of_gain(gain).items()})
    return GainRetracted(*key, gain.entity)


def _found(state: State, name: str) -> tuple[Edge, Statement]:
    edge = state.get(EDGES, name)
    if edge is None:
        raise UnknownEdge(edge=brief(name))
    statement = state.get(STATEMENTS, edge.statement)
    assert statement is not None, edge
    return edge, statement


def _since(statement: Statement) -> str:
    return "-" if statement.ended_at is None else statement.ended_at.isoformat()


def _may_review(state: State, context: Context) -> bool:
    try:
        require_role(state, context, REVIEWER)
    except (RoleNeeded, UnknownActor):
        return False
    return True


def _require_no_stake(state: State, context: Context, edge: str, submissions: Iterable[Submission]) -> None:
    if owner_of(state, context.actor) in {each.owner for each in submissions}:
        raise AuditorHasStake(actor=context.actor, edge=edge)


def _require_gathered(edge: str, statement: Statement, gathered: tuple[str, ...]) -> None:
    """Pass if the edges whose rows will change are those that the action had found and had locked."""
    if not set(statement.edges) <= set(gathered):
        raise StatementMoved(edge=edge)


def _state_of(submissions: Iterable[Submission]) -> str:
    return STANDING if any(each.role != WITHDRAWN for each in submissions) else WITHDRAWN


def _ended(context: Context, statement: Statement, state: str, reason: str) -> Statement:
    """The statement in this state, with since when, by whom and why, unless it stands."""
    if state == STANDING:
        return statement._replace(state=state, ended_at=None, ended_by=None, reason=None)
    return statement._replace(state=state, ended_at=context.now, ended_by=context.actor, reason=reason)


def _end(
    state: State, context: Context, statement: Statement, to: str, reason: str, changes: Counter[EntityKey]
) -> Recounted:
    ended = _ended(context, statement, to, reason)
    state.put(STATEMENTS, ended.statement, ended)
    changes.update(recount(state, context, ended))
    return Recounted(ended.statement, ended.state, ended.edges, changes_of(changes))


def _withdraw(state: State, context: Context, submission: Submission) -> Counter[EntityKey]:
    gone = submission._replace(role=WITHDRAWN, parts=0)
    state.put(SUBMISSIONS, gone.key, gone)
    change = figures_of(gone)
    change.subtract(figures_of(submission))
    count(state, context, gone.entity, change)
    return Counter({submission.entity: -submission.parts})


def _move(state: State, edges: Iterable[str], statement: str) -> None:
    for name in edges:
        edge = state.get(EDGES, name)
        assert edge is not None, name
        state.put(EDGES, name, edge._replace(statement=statement))
