"""What a caller can do with proposals: make, open, vote, comment, withdraw; and what the keeper does in time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from scidex.actors import ACTORS
from scidex.atlas.knowledge import find_knowledge
from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.core.journal import Receipt, Request, perform, perform_one
from scidex.core.machine import Kind, Look, State, declare, nothing
from scidex.entities import ENTITIES, EntityKey
from scidex.exchange.markets import find_markets_named
from scidex.exchange.resource_allocator import ALLOCATIONS
from scidex.exchange.signals import recorded_prices
from scidex.ledger import ACCOUNTS, AccountKey
from scidex.policy import POLICIES, Policy, current
from scidex.senate.budgets import BUDGETS, accounts_to_grant
from scidex.senate.proposals import rules
from scidex.senate.proposals.changes import changed_policy, overtaken_by
from scidex.senate.proposals.evidence import (
    BenchmarkResult,
    Evidence,
    Expected,
    Finding,
    GapProgress,
    KnowledgeYield,
    MarketMove,
    Paper,
    entity_of,
)
from scidex.senate.proposals.model import (
    APPROVED,
    BALLOTS,
    GRANT,
    PROPOSAL_EVENTS,
    PROPOSALS,
    THE_POLICY,
    AdvanceProposal,
    BallotKey,
    CastVote,
    CommentOnProposal,
    Conflict,
    Electorate,
    OpenProposal,
    Proposal,
    ProposalReceipt,
    Propose,
    ProposePolicy,
    WithdrawProposal,
)
from scidex.senate.proposals.refusals import PolicyChangeInvalid
from scidex.senate.proposals.store import count_open, due_proposals, find_electorate, find_proposal

PaperLookup = Callable[[Collection[str]], Mapping[str, bool]]
"""Says of PMIDs (`PMID:31978945`) whether there are such papers; of those that it leaves out nobody knows."""
_lookups: list[PaperLookup] = []


def look_papers_up_with(lookup: PaperLookup | None) -> None:
    """From now on this process has papers looked up when they are given as evidence, or not any more."""
    _lookups[:] = [] if lookup is None else [lookup]


def _named(command: Any, actor: str, state: State) -> tuple[str, ...]:
    return (command.proposal,)


def _asking(command: Any, actor: str, state: State) -> tuple[Look, ...]:
    return (Look(actor),)


def _referred(evidence: Sequence[Evidence]) -> list[Look]:
    named = (piece.reference for piece in evidence if isinstance(piece, BenchmarkResult | GapProgress))
    return [Look(entity) for entity in map(entity_of, named) if entity is not None]


def _found(command: Any, state: State) -> Proposal | None:
    return state.get(PROPOSALS, command.proposal)


def _voters(command: Any, actor: str, state: State) -> list[BallotKey]:
    proposal = _found(command, state)
    names = {actor, *(vote.voter for vote in proposal.votes)} if proposal is not None else set()
    return [BallotKey(command.proposal, name) for name in names]


def _budget(command: Any, actor: str, state: State) -> tuple[EntityKey, ...]:
    proposal = _found(command, state)
    return () if proposal is None or proposal.sort != GRANT else (proposal.entity,)


def _accounts(command: Any, actor: str, state: State) -> list[AccountKey]:
    proposal = _found(command, state)
    if proposal is None or proposal.pool is None:
        return []
    return accounts_to_grant(proposal.entity, proposal.pool, proposal.requested, state.get(BUDGETS, proposal.entity))


def _entities_opened(command: OpenProposal, actor: str, state: State) -> list[Look]:
    proposal = _found(command, state)
    return [] if proposal is None else _referred(proposal.evidence)


def _accounts_asked(command: Propose, actor: str, state: State) -> list[AccountKey]:
    return accounts_to_grant(command.entity, command.pool, command.requested, state.get(BUDGETS, command.entity))


_WRITING: dict[Any, Any] = {PROPOSALS: nothing, PROPOSAL_EVENTS: nothing, ACTORS: _asking}
_STEPPING: dict[Any, Any] = {PROPOSALS: _named, PROPOSAL_EVENTS: nothing, ACTORS: _asking}
_DECIDING: dict[Any, Any] = {
    **_STEPPING,
    BALLOTS: _voters,
    BUDGETS: _budget,
    ACCOUNTS: _accounts,
    ALLOCATIONS: nothing,
}
_FOUND = ("findings", "electorate")

PROPOSE = declare(
    Kind(
        "proposal.make",
        Propose,
        ProposalReceipt,
        rules.propose,
        {
            **_WRITING,
            ENTITIES: lambda command, actor, state: [Look(command.entity), *_referred(command.evidence)],
            BUDGETS: lambda command, actor, state: (command.entity,),
            ACCOUNTS: _accounts_asked,
        },
        gathered=_FOUND,
    )
)
PROPOSE_POLICY = declare(
    Kind(
        "proposal.policy",
        ProposePolicy,
        ProposalReceipt,
        rules.propose_policy,
        {**_WRITING, ENTITIES: lambda command, actor, state: _referred(command.evidence)},
        gathered=_FOUND,
    )
)
OPEN = declare(
    Kind(
        "proposal.open",
        OpenProposal,
        ProposalReceipt,
        rules.open_proposal,
        {
            **_STEPPING,
            BALLOTS: _voters,
            ENTITIES: _entities_opened,
            BUDGETS: _budget,
            ACCOUNTS: _accounts,
        },
        gathered=_FOUND,
    )
)
VOTE = declare(Kind("proposal.vote", CastVote, ProposalReceipt, rules.vote, _DECIDING, gathered=("conflicts",)))
COMMENT = declare(Kind("proposal.comment", CommentOnProposal, ProposalReceipt, rules.comment, _STEPPING))
WITHDRAW = declare(Kind("proposal.withdraw", WithdrawProposal, ProposalReceipt, rules.withdraw, _STEPPING))
ADVANCE = declare(
    Kind(
        "proposal.advance",
        AdvanceProposal,
        ProposalReceipt,
        rules.advance,
        {**{table: touch for table, touch in _DECIDING.items() if table is not ACTORS}, POLICIES: nothing},
        gathered=("conflicts", "policy"),
    )
)


def propose(
    tx: Tx,
    *,
    entity: EntityKey,
    requested: Mapping[str, int],
    justification: str,
    expected: Sequence[Expected],
    evidence: Sequence[Evidence] = (),
    pool: str | None = None,
    draft: bool = False,
    key: str | None = None,
) -> Receipt[ProposalReceipt]:
    """Ask a pool, by default that of the policy, for a grant in parts by unit; open to votes unless a draft.

    Refuses: NameInvalid, NothingAsked, UnknownUnit, AmountNotNumber, AmountNotPositive, AmountTooLarge, UnknownActor,
    UnknownEntity, ExpectedGainInvalid, TooMuchEvidence, ClaimInvalid, ClaimUnknown, PaperUnknown, MoveNotRecorded,
    YieldNotRecorded, GrantBlocked, TooFewReviewers, TooManyProposals, KeyReused.
    """
    command = Propose(
        entity,
        tuple(sorted(requested.items())),
        justification,
        tuple(expected),
        tuple(evidence),
        pool or current(tx)[0].proposal_pool,
        draft,
        _findings(tx, evidence),
        _electorate(tx, tx.actor, entity),
    )
    return perform_one(tx, Request(command, tx.actor, key))


def propose_policy(
    tx: Tx,
    *,
    changes: Mapping[str, str],
    justification: str,
    evidence: Sequence[Evidence] = (),
    draft: bool = False,
    key: str | None = None,
) -> Receipt[ProposalReceipt]:
    """Ask that fields of the policy become others, each given as JSON.

    Refuses: NameInvalid, UnknownActor, PolicyChangeInvalid, TooMuchEvidence, ClaimInvalid, ClaimUnknown, PaperUnknown,
    MoveNotRecorded, YieldNotRecorded, TooFewReviewers, TooManyProposals, KeyReused.
    """
    command = ProposePolicy(
        tuple(sorted(changes.items())),
        justification,
        tuple(evidence),
        draft,
        _findings(tx, evidence),
        _electorate(tx, tx.actor, THE_POLICY),
    )
    return perform_one(tx, Request(command, tx.actor, key))


def open_proposal(tx: Tx, *, proposal: str, key: str | None = None) -> Receipt[ProposalReceipt]:
    """Put a draft, or what was put off by vote, to the vote.

    Refuses: UnknownProposal, NotYourProposal, UnknownActor, ProposalStage, TooMuchEvidence, ClaimInvalid, ClaimUnknown,
    PaperUnknown, MoveNotRecorded, YieldNotRecorded, NameInvalid, PolicyChangeInvalid, GrantBlocked, TooFewReviewers,
    TooManyProposals, KeyReused.
    """
    found = find_proposal(tx, proposal)
    electorate = _electorate(tx, found.proposer, found.entity)
    command = OpenProposal(proposal, _findings(tx, found.evidence), electorate)
    return perform_one(tx, Request(command, tx.actor, key))


def vote_on_proposal(
    tx: Tx, *, proposal: str, choice: str, reason: str, key: str | None = None
) -> Receipt[ProposalReceipt]:
    """Vote, or change one's vote; the vote that decides makes the grant. For reviewers who were drawn.

    Refuses: ChoiceInvalid, NameInvalid, UnknownProposal, UnknownActor, RoleNeeded, ProposalStage, VotingOver,
    ConflictOfInterest, NotAssigned, KeyReused.
    """
    conflicts = _conflicts(tx, find_proposal(tx, proposal), tx.actor)
    return perform_one(tx, Request(CastVote(proposal, choice, reason, conflicts), tx.actor, key))


def comment_on_proposal(tx: Tx, *, proposal: str, text: str, key: str | None = None) -> Receipt[ProposalReceipt]:
    """Say something about a proposal. Refuses: NameInvalid, UnknownActor, UnknownProposal, KeyReused."""
    return perform_one(tx, Request(CommentOnProposal(proposal, text), tx.actor, key))


def withdraw_proposal(tx: Tx, *, proposal: str, reason: str, key: str | None = None) -> Receipt[ProposalReceipt]:
    """Take a proposal back, for its proposer or an operator.

    Refuses: NameInvalid, UnknownProposal, NotYourProposal, UnknownActor, ProposalStage, KeyReused.
    """
    return perform_one(tx, Request(WithdrawProposal(proposal, reason), tx.actor, key))


def advance_proposal(tx: Tx, *, proposal: str, key: str | None = None) -> Receipt[ProposalReceipt]:
    """Take the step that is due. Refuses: UnknownProposal, ProposalNotDue, PolicyMoved, KeyReused."""
    return perform_one(tx, Request(_advance(tx, find_proposal(tx, proposal)), tx.actor, key))


def advance_due_proposals(tx: Tx, *, limit: int = 100) -> list[Receipt[ProposalReceipt]]:
    """Take every step that is due, oldest first; safe to run from several workers at once."""
    due = due_proposals(tx, limit=limit)
    commands = [_advance(tx, find_proposal(tx, each.proposal)) for each in due if each.sort == GRANT]
    receipts = _done(perform(tx, [Request(command, tx.actor) for command in commands]) if commands else [])
    for each in due:
        if each.sort != GRANT:
            # Each builds on the version of the policy that the one before it made.
            receipts += _done(perform(tx, [Request(_advance(tx, find_proposal(tx, each.proposal)), tx.actor)]))
    return receipts


def _done(answers: Sequence[Receipt[Any] | Refusal]) -> list[Receipt[Any]]:
    # A refusal here means that somebody else has done it in between, which is what was wanted.
    return [answer for answer in answers if not isinstance(answer, Refusal)]


def _advance(tx: Tx, proposal: Proposal) -> AdvanceProposal:
    conflicts = _conflicts(tx, proposal) if proposal.state == "open" else ()
    return AdvanceProposal(proposal.proposal, conflicts, _policy_to_enact(current(tx)[0], proposal))


def _policy_to_enact(policy: Policy, proposal: Proposal) -> str | None:
    if proposal.state != APPROVED or not proposal.changes or overtaken_by(policy, proposal.changes):
        return None
    try:
        return changed_policy(policy, proposal.changes).model_dump_json()
    except PolicyChangeInvalid:
        return None


def _electorate(tx: Tx, proposer: str, entity: EntityKey) -> Electorate:
    found = find_electorate(tx, proposer=proposer, entity=entity)
    return Electorate(tuple(name for name, why in found if why is None), count_open(tx, proposer))


def _conflicts(tx: Tx, proposal: Proposal, *others: str) -> tuple[Conflict, ...]:
    """Who of those with a seat, waiting for one, or asking has a conflict now."""
    names = {*proposal.reviewers, *proposal.alternates, *others}
    found = find_electorate(tx, proposer=proposal.proposer, entity=proposal.entity, names=names)
    return tuple(Conflict(name, why) for name, why in found if why is not None)


def _findings(tx: Tx, evidence: Sequence[Evidence]) -> tuple[Finding, ...]:
    """What the records, and the look-up of papers if there is one, say of the evidence."""
    found = []
    known = _looked_up([piece.reference for piece in evidence if isinstance(piece, Paper)])
    for place, piece in enumerate(evidence):
        if isinstance(piece, Paper) and piece.reference in known:
            found.append(Finding(place, known[piece.reference]))
        elif isinstance(piece, MarketMove):
            found.append(_move_found(tx, place, piece))
        elif isinstance(piece, KnowledgeYield):
            gained = find_knowledge(tx, EntityKey(piece.entity_type, piece.entity_id)).edges_gained
            found.append(Finding(place, edges=gained))
    return tuple(found)


def _looked_up(references: list[str]) -> Mapping[str, bool]:
    return _lookups[0](references) if _lookups and references else {}


def _move_found(tx: Tx, place: int, move: MarketMove) -> Finding:
    policy, _ = current(tx)
    markets = find_markets_named(tx, [move.market])
    outcome = move.outcome or (markets[0].outcomes[0] if markets else None)
    if not markets or outcome not in markets[0].outcomes or move.until > tx.now:
        return Finding(place, False)
    which = markets[0].outcomes.index(outcome)
    prices = [recorded_prices(tx, policy, move.market, at) for at in (move.since, move.until)]
    before, after = prices
    if before is None or after is None:
        return Finding(place, False)
    return Finding(place, True, before.lagged[which], after.lagged[which], before.spot[which], after.spot[which])
