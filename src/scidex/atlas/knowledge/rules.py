"""When two edges are one, who has which share of it, and what a submission changes: pure.

The sum of all shares is one edge for each statement that stands, whatever is submitted, merged, split or retracted:
each command shares anew what it touches, out of the submissions alone.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

# Its parts are loaded when they are first used: `scipy.special` takes a while, and few commands have a use for it.
import scipy

from scidex.actors import ACTORS
from scidex.atlas.knowledge.model import (
    CONFIDENCE_ONE,
    CONFIRMS,
    EDGES,
    FIRST,
    GAIN_KINDS,
    GAINS,
    JUDGEMENTS,
    KNOWLEDGE,
    ONE,
    REPEATS,
    RETRACTED,
    STANDING,
    STATEMENTS,
    SUBMISSIONS,
    WITHDRAWN,
    Change,
    Edge,
    EdgeLine,
    EntityKnowledge,
    Gain,
    GainKey,
    GainLine,
    Judged,
    Judgement,
    NewEdge,
    NewGain,
    Precision,
    Statement,
    Submission,
    SubmissionKey,
    SubmitKnowledge,
    Submitted,
)
from scidex.atlas.knowledge.refusals import (
    ConfidenceInvalid,
    GainAmountInvalid,
    GainKindUnknown,
    NothingSubmitted,
    TooManyEdges,
)
from scidex.core.machine import State
from scidex.core.names import check_name
from scidex.core.units import brief
from scidex.entities import EntityKey, require_entity
from scidex.policy import Context, Policy

LONGEST = 500
"""Characters of a subject, a predicate, an object, a source or a reference."""
_DEFAULT = Policy()


def normalised(text: str) -> str:
    """A text as it is compared: without regard to case, to how its characters are composed, and to white space.

    Unicode's canonical caseless form, composed again (NFC), with every run of white space as one space. Nothing else is
    alike: a plural or a synonym is another text, which a reviewer may merge.

    >>> normalised("  Amyloid-\\u03b2\\n DRIVES "), normalised("Stra\\u00dfe") == normalised("STRASSE")
    ('amyloid-\\u03b2 drives', True)
    """
    folded = unicodedata.normalize("NFD", text).casefold()
    return " ".join(unicodedata.normalize("NFC", folded).split())


@lru_cache(maxsize=8192)
def edge_id(subject: str, predicate: str, object: str) -> str:
    """The id of an edge by its content: 40 hex digits of SHA-256 over the three normalised texts.

    They are joined by the unit separator, which no text can hold.

    >>> edge_id("APOE4", "raises", "risk of AD") == edge_id("apoe4", " Raises", "risk  of ad")
    True
    >>> edge_id("a", "b", "c")
    'e0dee694aed26d323b0d8b861c343f2554c1aefc'
    """
    said = "\x1f".join(map(normalised, (subject, predicate, object)))
    return hashlib.sha256(said.encode()).hexdigest()[:40]


def shares_of(confirmers: int, policy: Policy = _DEFAULT) -> list[int]:
    """The shares of an edge in parts, the first submitter's first: they sum to one edge exactly.

    Alone he has all of it, else his share of the policy; the others have equal parts of the rest, which differ by at
    most one part, the earlier the larger. The policy's share is rounded down.

    >>> shares_of(0), shares_of(1), shares_of(7)[:4], sum(shares_of(7))
    ([1000000], [700000, 300000], [700000, 42858, 42857, 42857], 1000000)
    """
    if not confirmers:
        return [ONE]
    first = int(policy.knowledge_first_share * ONE)
    each, left = divmod(ONE - first, confirmers)
    return [first, *(each + (place < left) for place in range(confirmers))]


def attributed(submissions: Iterable[Submission], state: str, policy: Policy = _DEFAULT) -> list[Submission]:
    """The submissions of a statement in order, each with what it is now and its share.

    Only the first submission of an owner counts, and of owners as many as the policy says: what is confirmed by oneself
    is not confirmed.
    """
    ordered = sorted(submissions, key=lambda each: (each.number, each.line))
    standing = [each for each in ordered if each.role != WITHDRAWN] if state == STANDING else []
    firsts = {each.owner: each for each in reversed(standing)}
    counted = sorted(firsts.values(), key=lambda each: (each.number, each.line))
    counted = counted[: 1 + policy.knowledge_confirmers_max]
    shares: dict[SubmissionKey, tuple[str, int]] = {}
    for each, parts in zip(counted, shares_of(len(counted) - 1, policy) if counted else (), strict=True):
        shares[each.key] = (CONFIRMS if shares else FIRST, parts)
    nothing = (REPEATS if state == STANDING else RETRACTED, 0)
    found = []
    for each in ordered:
        role, parts = (WITHDRAWN, 0) if each.role == WITHDRAWN else shares.get(each.key, nothing)
        found.append(each._replace(role=role, parts=parts))
    return found


def precision_of(judged: Judged, level: float = 0.9) -> Precision | None:
    """The share of right ones among judged edges, None where none was judged, with its interval of this probability.

    The interval is that of Jeffreys: the quantiles of Beta(right + 1/2, wrong + 1/2).

    >>> precision_of(Judged(0, 0)) is None, precision_of(Judged(9, 1)).value
    (True, 0.9)
    """
    total = judged.right + judged.wrong
    if not total:
        return None
    shape = (judged.right + 0.5, judged.wrong + 0.5)
    low, high = (float(scipy.special.betaincinv(*shape, tail)) for tail in ((1 - level) / 2, (1 + level) / 2))
    return Precision(total, judged.right / total, low, high)


def submissions_of(state: State, statement: Statement) -> list[Submission]:
    """Every submission that is counted in a statement."""
    return [row for edge in statement.edges for _, row in state.whole(SUBMISSIONS, edge)]


def owner_of(state: State, actor: str) -> str:
    """Who stands behind an actor: the owner of one that is registered as another's, else the actor."""
    found = state.get(ACTORS, actor)
    return actor if found is None or found.owner is None else found.owner


def figures_of(submission: Submission, judgement: Judgement | None = None) -> Counter[str]:
    """What a submission adds to the figures of its entity, by their names."""
    gone = submission.role in (RETRACTED, WITHDRAWN)
    found = Counter(edges_gained=submission.parts, submitted=1, retracted=int(gone))
    if judgement is not None:
        found["judged_right" if judgement.right else "judged_wrong"] = 1
    return found


def figures_of_gain(gain: Gain) -> Counter[str]:
    """What a gain that is no edge adds to the figures of its entity: nothing once it is retracted."""
    figure = {"paper": "papers", "hypothesis": "hypotheses", "quality": "quality"}[gain.kind]
    return Counter({figure: gain.amount if gain.retracted_at is None else 0})


def count(state: State, context: Context, entity: EntityKey, by: Mapping[str, int]) -> None:
    """Change the figures of an entity by so much."""
    row = state.get(KNOWLEDGE, entity) or EntityKnowledge(entity)
    changed = {name: getattr(row, name) + change for name, change in by.items()}
    state.put(KNOWLEDGE, entity, row._replace(updated_at=context.now, **changed))


def recount(state: State, context: Context, statement: Statement) -> Counter[EntityKey]:
    """Share a statement anew among its submissions; by how many parts each entity's gain changed."""
    changes: Counter[EntityKey] = Counter()
    before = {each.key: each for each in submissions_of(state, statement)}
    for after in attributed(before.values(), statement.state, context.policy):
        old = before[after.key]
        if old == after:
            continue
        state.put(SUBMISSIONS, after.key, after)
        change = figures_of(after)
        change.subtract(figures_of(old))
        count(state, context, after.entity, change)
        changes[after.entity] += after.parts - old.parts
    return changes


def changes_of(counted: Counter[EntityKey]) -> tuple[Change, ...]:
    """The changes that are any, by entity."""
    return tuple(Change(entity, parts) for entity, parts in sorted(counted.items()) if parts)


def submit(state: State, command: SubmitKnowledge, context: Context) -> Submitted:
    """Enter edges and gains, and share what they say among all who have brought it.

    A line that brings nothing new is no reason to refuse the others: its outcome says so.
    Refuses: NothingSubmitted, TooManyEdges, NameInvalid, ConfidenceInvalid, GainKindUnknown, GainAmountInvalid,
    UnknownEntity.
    """
    given = len(command.edges) + len(command.gains)
    if not given:
        raise NothingSubmitted()
    if given > context.policy.knowledge_lines_max:
        raise TooManyEdges(given=given, most=context.policy.knowledge_lines_max)
    if command.work_item is not None:
        check_name(command.work_item, "work_item")
    edges = [_checked(each) for each in command.edges]
    gains = [_checked_gain(each) for each in command.gains]
    require_entity(state, command.entity)
    owner = owner_of(state, context.actor)
    changes: Counter[EntityKey] = Counter()
    edge_lines = []
    for line, new in enumerate(edges):
        told, changed = _submit_edge(state, context, command, line, new, owner)
        edge_lines.append(told)
        changes.update(changed)
    gain_lines = tuple(_submit_gain(state, context, command, gain, owner) for gain in gains)
    return Submitted(command.entity, tuple(edge_lines), gain_lines, changes_of(changes))


def _checked(given: NewEdge) -> NewEdge:
    """An edge with its texts trimmed, as they will be shown."""
    subject, predicate, target, source = (
        check_name(" ".join(text.split()) if isinstance(text, str) else text, field, longest=LONGEST)
        for text, field in zip(given[:4], ("subject", "predicate", "object", "source"), strict=True)
    )
    confidence = given.confidence
    if confidence is not None and (type(confidence) is not int or not 0 <= confidence <= CONFIDENCE_ONE):
        raise ConfidenceInvalid(given=brief(confidence))
    return NewEdge(subject, predicate, target, source, confidence)


def _checked_gain(given: NewGain) -> NewGain:
    if given.kind not in GAIN_KINDS:
        raise GainKindUnknown(kind=brief(given.kind), known=", ".join(GAIN_KINDS))
    reference = " ".join(given.reference.split()) if isinstance(given.reference, str) else given.reference
    check_name(reference, "reference", longest=LONGEST)
    amount = given.amount
    if given.kind == "quality":
        if type(amount) is not int or not 0 < amount <= CONFIDENCE_ONE:
            right = "above 0, at most 1, with at most three decimals"
            raise GainAmountInvalid(kind=given.kind, given=brief(amount), right=right)
    elif amount != 1:
        raise GainAmountInvalid(kind=given.kind, given=brief(amount), right="always 1")
    return NewGain(given.kind, reference, amount)


def _submit_edge(
    state: State, context: Context, command: SubmitKnowledge, line: int, new: NewEdge, owner: str
) -> tuple[EdgeLine, Counter[EntityKey]]:
    name = edge_id(*new[:3])
    edge = state.get(EDGES, name)
    if edge is None:
        edge = Edge(name, *new[:3], name, context.number, context.now)
        state.put(EDGES, name, edge)
        statement = Statement(name, (name,))
        state.put(STATEMENTS, name, statement)
    else:
        found = state.get(STATEMENTS, edge.statement)
        assert found is not None, edge
        statement = found
        if useless := _useless(submissions_of(state, statement), statement, owner, context.policy):
            return EdgeLine(name, useless, 0), Counter()
        if statement.state == WITHDRAWN:
            statement = Statement(statement.statement, statement.edges)
            state.put(STATEMENTS, statement.statement, statement)
    submission = Submission(
        name, owner, context.actor, command.entity, command.work_item, new.source, new.confidence, context.number, line,
        context.now,
    )  # fmt: skip
    state.put(SUBMISSIONS, submission.key, submission)
    count(state, context, command.entity, figures_of(submission, state.get(JUDGEMENTS, name)))
    changes = recount(state, context, statement)
    entered = state.get(SUBMISSIONS, submission.key)
    assert entered is not None
    return EdgeLine(name, entered.role, entered.parts), changes


def _useless(before: Sequence[Submission], statement: Statement, owner: str, policy: Policy) -> str | None:
    """Why one more submission by this owner would count nothing, if it would not."""
    if statement.state == RETRACTED:
        return RETRACTED
    own = [each for each in before if each.owner == owner]
    if own:
        return WITHDRAWN if all(each.role == WITHDRAWN for each in own) else REPEATS
    standing = {each.owner for each in before if each.role != WITHDRAWN}
    return "full" if len(standing) > policy.knowledge_confirmers_max else None


def _submit_gain(state: State, context: Context, command: SubmitKnowledge, new: NewGain, owner: str) -> GainLine:
    key = GainKey(new.kind, normalised(new.reference))
    before = state.get(GAINS, key)
    if before is not None:
        return GainLine(*key, REPEATS if before.retracted_at is None else RETRACTED)
    gain = Gain(
        *key, new.reference, command.entity, context.actor, owner, command.work_item, new.amount, context.number,
        context.now,
    )  # fmt: skip
    state.put(GAINS, key, gain)
    count(state, context, gain.entity, figures_of_gain(gain))
    return GainLine(*key, FIRST)
