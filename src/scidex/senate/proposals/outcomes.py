"""What follows when a proposal is decided: pure. The grant, or the policy, changes in the same command."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from scidex.core.machine import State
from scidex.core.units import UNITS, format_amount
from scidex.policy import HOUSE, Context, EnactPolicy, Policy, enact
from scidex.senate.budgets import Amounts, grant_bar, grant_from_pool, pool_lacks
from scidex.senate.proposals import ballots
from scidex.senate.proposals.changes import changed_policy, overtaken_by
from scidex.senate.proposals.model import (
    APPROVE,
    APPROVED,
    BALLOTS,
    DEFER,
    DEFERRED,
    ENACTED,
    EXPIRED,
    GRANT,
    OPEN,
    PROPOSAL_EVENTS,
    PROPOSALS,
    REJECT,
    REJECTED,
    TRANSITIONS,
    WITHDRAWN,
    BallotKey,
    Conflict,
    Proposal,
    ProposalEvent,
    ProposalEventKey,
    ProposalReceipt,
    Stage,
)
from scidex.senate.proposals.refusals import PolicyChangeInvalid, PolicyMoved


class Steps:
    """The steps of one command on one proposal, noted in their order; `proposal` is where it stands by now."""

    def __init__(self, state: State, context: Context, proposal: Proposal) -> None:
        self.state, self.context, self.proposal = state, context, proposal
        self.moved: Amounts = ()
        self.version: int | None = None
        self._line = 0

    def note(self, event: str, note: str | None = None, *, actor: str | None = None) -> None:
        """Write an event down, of the command's actor unless another is named."""
        context = self.context
        row = ProposalEvent(
            context.number,
            self._line,
            self.proposal.proposal,
            context.now,
            actor or context.actor,
            event,
            None if note is None else note[:1000],
        )
        self.state.add(PROPOSAL_EVENTS, ProposalEventKey(context.number, self._line), row)
        self._line += 1

    def go(self, stage: Stage, note: str | None = None) -> None:
        """Take a step that the table of transitions has."""
        assert stage in TRANSITIONS[self.proposal.state], (self.proposal.state, stage)
        ended = self.context.now if not TRANSITIONS[stage] else None
        self.proposal = self.proposal._replace(
            state=stage, ended_at=ended, note=note, policy_version=self.context.policy_version
        )
        if ended is not None:
            self.proposal = self.proposal._replace(due_at=None)
        self.note(stage if stage != OPEN else "opened", note)

    def done(self) -> ProposalReceipt:
        """Keep where the proposal stands, and say so."""
        self.state.put(PROPOSALS, self.proposal.proposal, self.proposal)
        return receipt_of(self.proposal, moved=self.moved, version=self.version)


def receipt_of(proposal: Proposal, *, moved: Amounts = (), version: int | None = None) -> ProposalReceipt:
    """Where a proposal stands."""
    approve, reject, defer = (ballots.count(proposal.votes, choice) for choice in (APPROVE, REJECT, DEFER))
    seats = len(proposal.reviewers)
    return ProposalReceipt(
        proposal=proposal.proposal,
        sort=proposal.sort,
        entity=proposal.entity,
        state=proposal.state,
        approve=approve,
        reject=reject,
        defer=defer,
        needed=ballots.needed_of(proposal.threshold, seats) if seats else 0,
        quorum=proposal.quorum,
        seats=seats,
        reviewers=proposal.reviewers,
        due_at=proposal.due_at,
        pool=proposal.pool,
        moved=moved,
        shortfall=proposal.shortfall,
        note=proposal.note,
        enacted_version=version,
    )


def reseat(steps: Steps, conflicts: tuple[Conflict, ...]) -> None:
    """Whoever of the reviewers has come by a conflict leaves the seat to an alternate, and the vote does not count."""
    barred = {conflict.actor: conflict.why for conflict in conflicts}
    for name in [each for each in steps.proposal.reviewers if each in barred]:
        leave(steps, name, barred[name], barred)


def leave(steps: Steps, name: str, why: str, barred: dict[str, str]) -> None:
    """A reviewer leaves the seat, and the next alternate without a conflict takes it."""
    steps.proposal, successor = ballots.without_seat(steps.proposal, name, barred)
    for vote in steps.proposal.votes:
        if vote.voter == name:
            steps.state.put(BALLOTS, BallotKey(vote.proposal, name), vote)
    seat = f"{successor} takes the seat" if successor else "nobody is left to take the seat"
    steps.note("left", f"{name}: {why}; {seat}")


def conclude(steps: Steps, verdict: Stage) -> None:
    """Do what was decided: a grant is paid at once, a change of the policy waits for its notice.

    Refuses nothing: what cannot be done now is deferred, and nothing of it happens.
    """
    now, policy = steps.context.now, steps.context.policy
    steps.proposal = steps.proposal._replace(decided_at=now)
    if verdict == REJECTED:
        steps.go(REJECTED)
    elif verdict == DEFERRED:
        put_off(steps, "put off by vote; its proposer may open it again")
    elif steps.proposal.sort == GRANT:
        steps.go(APPROVED)
        pay(steps)
    else:
        steps.go(APPROVED)
        steps.proposal = steps.proposal._replace(due_at=now + timedelta(seconds=policy.policy_notice_s))


def put_off(steps: Steps, why: str, shortfall: Amounts = ()) -> None:
    """Defer, until the pool has it or the proposer opens it again, for as long as the policy says."""
    steps.go(DEFERRED, why)
    due_at = steps.context.now + timedelta(seconds=steps.context.policy.proposal_defer_s)
    steps.proposal = steps.proposal._replace(due_at=due_at, shortfall=shortfall)


def pay(steps: Steps) -> None:
    """Move an approved grant out of its pool, all of it or nothing."""
    proposal, state = steps.proposal, steps.state
    assert proposal.pool is not None, proposal
    if bar := grant_bar(state, proposal.entity, proposal.requested):
        put_off(steps, f"{bar}; its proposer may open it again")
        return
    lacks = pool_lacks(state, proposal.pool, proposal.requested)
    if lacks:
        missing = ", ".join(f"{format_amount(parts, UNITS[unit])} {unit}" for unit, parts in lacks)
        put_off(steps, f"the pool {proposal.pool} lacks {missing}; it is paid as soon as it has that", lacks)
        return
    note = f"proposal {proposal.proposal}"
    grant_from_pool(state, steps.context, proposal.entity, proposal.pool, proposal.requested, note=note)
    steps.moved = proposal.requested
    steps.proposal = proposal._replace(shortfall=())
    steps.go(ENACTED)


def enact_change(steps: Steps, given: str | None) -> None:
    """Put an approved change of the policy in force, on whatever the other fields are by now.

    Where one of its own fields was changed since it was proposed, it is deferred: what was voted on was another change.
    Refuses: PolicyMoved.
    """
    proposal, context = steps.proposal, steps.context
    if overtaken := overtaken_by(context.policy, proposal.changes):
        put_off(steps, f"{overtaken}; its proposer may open it again")
        return
    try:
        wanted = changed_policy(context.policy, proposal.changes)
    except PolicyChangeInvalid as invalid:
        put_off(steps, f"{invalid}")
        return
    # The whole policy comes with the command, so that the journal has it in full, whatever a later version adds.
    policy = None if given is None else Policy.model_validate_json(given)
    if policy is None or policy != wanted:
        raise PolicyMoved()
    steps.version = enact(steps.state, EnactPolicy(policy), replace(context, actor=HOUSE)).version
    steps.go(ENACTED, f"version {steps.version} of the policy")


def end(steps: Steps, stage: Stage, why: str) -> None:
    """End without a grant."""
    assert stage in (EXPIRED, REJECTED, WITHDRAWN), stage
    steps.go(stage, why)
