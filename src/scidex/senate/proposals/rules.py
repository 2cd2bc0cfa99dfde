"""How a proposal is made, put to the vote, voted on and ended: pure. What follows a decision is in `outcomes`."""

from __future__ import annotations

from datetime import timedelta

from scidex.actors import RoleNeeded, require_actor, require_role
from scidex.core.machine import State
from scidex.core.names import check_name
from scidex.core.units import UNITS, check_amount
from scidex.entities import require_entity
from scidex.exchange.resource_allocator import pool_account
from scidex.ledger import ACCOUNTS
from scidex.policy import Context
from scidex.senate.budgets import BUDGET_UNITS, Amounts, grant_bar, pool_lacks
from scidex.senate.proposals import ballots
from scidex.senate.proposals.changes import changes_of
from scidex.senate.proposals.evidence import Finding, check_evidence, check_expected
from scidex.senate.proposals.model import (
    ABSTAIN,
    APPROVED,
    BALLOTS,
    CHOICES,
    DEFERRED,
    DRAFT,
    EXPIRED,
    GRANT,
    OPEN,
    POLICY,
    PROPOSALS,
    REVIEWER,
    THE_POLICY,
    TRANSITIONS,
    WITHDRAWN,
    AdvanceProposal,
    Ballot,
    BallotKey,
    CastVote,
    CommentOnProposal,
    Electorate,
    OpenProposal,
    Proposal,
    ProposalReceipt,
    Propose,
    ProposePolicy,
    WithdrawProposal,
)
from scidex.senate.proposals.outcomes import Steps, conclude, enact_change, end, leave, pay, receipt_of, reseat
from scidex.senate.proposals.refusals import (
    ChoiceInvalid,
    ConflictOfInterest,
    ExpectedGainInvalid,
    GrantBlocked,
    NotAssigned,
    NothingAsked,
    NotYourProposal,
    ProposalNotDue,
    ProposalStage,
    TooFewReviewers,
    TooManyProposals,
    UnknownProposal,
    VotingOver,
)

LONGEST = 2000
"""Characters of a justification, a reason or a comment."""


def propose(state: State, command: Propose, context: Context) -> ProposalReceipt:
    """Ask a pool for a grant to an artifact, on evidence, with what is expected of it; open to votes unless a draft.

    Refuses: NameInvalid, NothingAsked, UnknownUnit, AmountNotNumber, AmountNotPositive, AmountTooLarge, UnknownActor,
    UnknownEntity, ExpectedGainInvalid, TooMuchEvidence, ClaimInvalid, ClaimUnknown, PaperUnknown, MoveNotRecorded,
    YieldNotRecorded, GrantBlocked, TooFewReviewers, TooManyProposals.
    """
    require_actor(state, context.actor)
    pool = check_name(command.pool, "pool")
    check_name(command.justification, "justification", longest=LONGEST)
    requested = _checked(command.requested)
    require_entity(state, command.entity)
    if not command.expected:
        raise ExpectedGainInvalid(problem="nothing is expected")
    check_expected(command.expected)
    if bar := grant_bar(state, command.entity, requested):
        raise GrantBlocked(why=bar)
    proposal = Proposal(
        proposal=f"p{context.number}",
        sort=GRANT,
        proposer=context.actor,
        entity=command.entity,
        pool=pool,
        requested=requested,
        changes=(),
        justification=command.justification,
        expected=command.expected,
        evidence=command.evidence,
        state=DRAFT,
        created_at=context.now,
        policy_version=context.policy_version,
    )
    return _begin(state, context, proposal, command)


def propose_policy(state: State, command: ProposePolicy, context: Context) -> ProposalReceipt:
    """Ask that fields of the policy become others; each value is held to the bounds of its field now.

    Refuses: NameInvalid, UnknownActor, PolicyChangeInvalid, TooMuchEvidence, ClaimInvalid, ClaimUnknown, PaperUnknown,
    MoveNotRecorded, YieldNotRecorded, TooFewReviewers, TooManyProposals.
    """
    require_actor(state, context.actor)
    check_name(command.justification, "justification", longest=LONGEST)
    proposal = Proposal(
        proposal=f"p{context.number}",
        sort=POLICY,
        proposer=context.actor,
        entity=THE_POLICY,
        pool=None,
        requested=(),
        changes=changes_of(context.policy, command.changes),
        justification=command.justification,
        expected=(),
        evidence=command.evidence,
        state=DRAFT,
        created_at=context.now,
        policy_version=context.policy_version,
    )
    return _begin(state, context, proposal, command)


def _checked(requested: Amounts) -> Amounts:
    known = ", ".join(BUDGET_UNITS)
    for unit, amount in requested:
        if unit not in BUDGET_UNITS:
            raise NothingAsked(known=known)
        check_amount(amount, UNITS[unit], field=unit)
    if not requested or len({unit for unit, _ in requested}) < len(requested):
        raise NothingAsked(known=known)
    return tuple(sorted(requested))


def _begin(state: State, context: Context, proposal: Proposal, command: Propose | ProposePolicy) -> ProposalReceipt:
    steps = Steps(state, context, proposal)
    if command.draft:
        check_evidence(state, context, proposal.evidence, command.findings)
        steps.note("drafted")
    else:
        _open(steps, command.findings, command.electorate)
    return steps.done()


def open_proposal(state: State, command: OpenProposal, context: Context) -> ProposalReceipt:
    """Put a draft, or what was put off, to the vote; what a change of the policy changes is read anew.

    Refuses: UnknownProposal, NotYourProposal, UnknownActor, ProposalStage, TooMuchEvidence, ClaimInvalid, ClaimUnknown,
    PaperUnknown, MoveNotRecorded, YieldNotRecorded, NameInvalid, PolicyChangeInvalid, GrantBlocked, TooFewReviewers,
    TooManyProposals.
    """
    proposal = _own(state, command.proposal, context)
    if proposal.state not in (DRAFT, DEFERRED) or proposal.shortfall:
        raise ProposalStage(proposal=proposal.proposal, state=proposal.state, wanted="opened")
    if proposal.sort == POLICY:
        asked = tuple((change.field, change.after) for change in proposal.changes)
        proposal = proposal._replace(changes=changes_of(context.policy, asked))
    elif bar := grant_bar(state, proposal.entity, proposal.requested):
        raise GrantBlocked(why=bar)
    # The votes of a former round stay on record and count no more.
    votes = tuple(vote._replace(counts=False) for vote in proposal.votes)
    for vote in votes:
        state.put(BALLOTS, BallotKey(vote.proposal, vote.voter), vote)
    steps = Steps(state, context, proposal._replace(votes=votes, decided_at=None))
    _open(steps, command.findings, command.electorate)
    return steps.done()


def _open(steps: Steps, findings: tuple[Finding, ...], electorate: Electorate | None) -> None:
    """Draw who votes, and fix how many must agree and until when.

    Refuses: TooMuchEvidence, ClaimInvalid, ClaimUnknown, PaperUnknown, MoveNotRecorded, YieldNotRecorded, NameInvalid,
    TooFewReviewers, TooManyProposals.
    """
    proposal, context, policy = steps.proposal, steps.context, steps.context.policy
    check_evidence(steps.state, context, proposal.evidence, findings)
    grant = proposal.sort == GRANT
    quorum = policy.proposal_quorum if grant else policy.policy_quorum
    wanted = max(policy.proposal_reviewers if grant else policy.policy_reviewers, quorum)
    candidates, open_now = electorate or Electorate((), 0)
    if open_now >= policy.proposals_open_max:
        raise TooManyProposals(owner=proposal.proposer, most=policy.proposals_open_max)
    seed = ballots.seed_of(proposal.proposal, context.number)
    order = ballots.drawn((name for name in candidates if name != proposal.proposer), seed)
    if len(order) < quorum:
        raise TooFewReviewers(found=len(order), quorum=quorum)
    seats = len(order) if policy.proposal_all_vote else wanted
    share = ballots.share_asked(proposal.requested, _available(steps.state, proposal))
    least = policy.proposal_threshold if grant else policy.policy_threshold
    steps.proposal = proposal._replace(
        opened_at=context.now,
        due_at=context.now + timedelta(seconds=policy.proposal_vote_s),
        quorum=quorum,
        share=share,
        threshold=ballots.threshold_for(share, least),
        seed=seed,
        reviewers=order[:seats],
        alternates=order[seats : 2 * seats + 5],
    )
    steps.go(OPEN)


def _available(state: State, proposal: Proposal) -> dict[str, int]:
    found = {}
    for unit, _ in proposal.requested:
        account = state.get(ACCOUNTS, pool_account(proposal.pool or "", unit))
        found[unit] = account.available if account is not None else 0
    return found


def vote(state: State, command: CastVote, context: Context) -> ProposalReceipt:
    """Vote, or vote otherwise; with the vote that decides, the grant is made. Who abstains leaves the seat to another.

    Refuses: ChoiceInvalid, NameInvalid, UnknownProposal, UnknownActor, RoleNeeded, ProposalStage, VotingOver,
    ConflictOfInterest, NotAssigned.
    """
    if command.choice not in CHOICES:
        raise ChoiceInvalid(choice=str(command.choice)[:40], known=", ".join(CHOICES))
    check_name(command.reason, "reason", longest=LONGEST)
    proposal = get_proposal(state, command.proposal)
    require_role(state, context, REVIEWER)
    if proposal.state != OPEN:
        raise ProposalStage(proposal=proposal.proposal, state=proposal.state, wanted="voted on")
    assert proposal.due_at is not None, proposal
    if proposal.due_at <= context.now:
        raise VotingOver(proposal=proposal.proposal, due_at=proposal.due_at.isoformat())
    actor = context.actor
    barred = {conflict.actor: conflict.why for conflict in command.conflicts}
    if actor == proposal.proposer:
        barred[actor] = "it is the own proposal"
    if actor in barred and command.choice != ABSTAIN:
        raise ConflictOfInterest(actor=actor, proposal=proposal.proposal, why=barred[actor])
    if actor not in proposal.reviewers:
        raise NotAssigned(actor=actor, proposal=proposal.proposal)
    ballot = Ballot(proposal.proposal, actor, command.choice, command.reason, context.now)
    steps = Steps(state, context, ballots.with_vote(proposal, ballot))
    steps.note("voted", f"{command.choice}: {command.reason}")
    if command.choice == ABSTAIN:
        leave(steps, actor, "abstained", barred)
    else:
        state.put(BALLOTS, BallotKey(proposal.proposal, actor), ballot)
    reseat(steps, tuple(conflict for conflict in command.conflicts if conflict.actor != actor))
    verdict = ballots.verdict_of(steps.proposal, final=False)
    if verdict is not None:
        conclude(steps, verdict)
    return steps.done()


def comment(state: State, command: CommentOnProposal, context: Context) -> ProposalReceipt:
    """Say something about a proposal, whoever it is. Refuses: NameInvalid, UnknownActor, UnknownProposal."""
    check_name(command.text, "text", longest=1000)
    require_actor(state, context.actor)
    steps = Steps(state, context, get_proposal(state, command.proposal))
    steps.note("comment", command.text)
    return receipt_of(steps.proposal)


def withdraw(state: State, command: WithdrawProposal, context: Context) -> ProposalReceipt:
    """Take a proposal back before it is decided, or while it is deferred.

    Refuses: NameInvalid, UnknownProposal, NotYourProposal, UnknownActor, ProposalStage.
    """
    check_name(command.reason, "reason", longest=1000)
    proposal = _own(state, command.proposal, context)
    if WITHDRAWN not in TRANSITIONS[proposal.state]:
        raise ProposalStage(proposal=proposal.proposal, state=proposal.state, wanted="withdrawn")
    steps = Steps(state, context, proposal)
    end(steps, WITHDRAWN, command.reason)
    return steps.done()


def advance(state: State, command: AdvanceProposal, context: Context) -> ProposalReceipt:
    """Take the step that is due: count at the deadline, pay what its pool has by now, enact after the notice, expire.

    Anybody may ask, and the keeper does. Refuses: UnknownProposal, ProposalNotDue, PolicyMoved.
    """
    proposal = get_proposal(state, command.proposal)
    steps = Steps(state, context, proposal)
    late = proposal.due_at is not None and proposal.due_at <= context.now
    if proposal.state == OPEN and late:
        reseat(steps, command.conflicts)
        verdict = ballots.verdict_of(steps.proposal, final=True)
        if verdict is not None:
            conclude(steps, verdict)
        else:
            end(steps, context.policy.proposal_default, "no quorum by its deadline")
    elif proposal.state == APPROVED and late:
        enact_change(steps, command.policy)
    elif proposal.state == DEFERRED and late:
        end(steps, EXPIRED, proposal.note or "deferred for too long")
    elif proposal.state == DEFERRED and proposal.shortfall:
        lacks = pool_lacks(state, proposal.pool or "", proposal.requested)
        if lacks:
            raise ProposalNotDue(proposal=proposal.proposal, why=f"the pool {proposal.pool} still has too little")
        steps.go(APPROVED, "the pool has it now")
        pay(steps)
    else:
        until = "it has ended" if proposal.due_at is None else f"the next step is at {proposal.due_at.isoformat()}"
        raise ProposalNotDue(proposal=proposal.proposal, why=until)
    return steps.done()


def _own(state: State, name: str, context: Context) -> Proposal:
    """The proposal, for who made it or an operator. Refuses: UnknownProposal, NotYourProposal, UnknownActor."""
    proposal = get_proposal(state, name)
    if proposal.proposer != context.actor:
        try:
            require_role(state, context, "operator")
        except RoleNeeded:
            raise NotYourProposal(actor=context.actor, proposal=name, proposer=proposal.proposer) from None
    return proposal


def get_proposal(state: State, name: str) -> Proposal:
    """The proposal of that name. Refuses: UnknownProposal."""
    found = state.get(PROPOSALS, name)
    if found is None:
        raise UnknownProposal(proposal=name)
    return found
