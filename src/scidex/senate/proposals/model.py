"""Proposals: what somebody asks of a pool for an artifact, or of the policy, and how the reviewers decide.

    draft -> open -> approved -> enacted
                  -> rejected
                  -> expired          nobody decided in time
                  -> deferred         approved and the pool has too little, or put off by vote
             withdrawn                by its proposer, at any time before the end

A grant is approved and paid in one command; a change of the policy is approved, waits for its notice, and is enacted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, get_args

from scidex.core.machine import Table
from scidex.entities import EntityKey
from scidex.senate.budgets import Amounts
from scidex.senate.proposals.evidence import Evidence, Expected, Finding

Sort = Literal["grant", "policy"]
GRANT: Sort = "grant"
POLICY: Sort = "policy"
Stage = Literal["draft", "open", "approved", "rejected", "deferred", "expired", "withdrawn", "enacted"]
DRAFT: Stage = "draft"
OPEN: Stage = "open"
APPROVED: Stage = "approved"
REJECTED: Stage = "rejected"
DEFERRED: Stage = "deferred"
EXPIRED: Stage = "expired"
WITHDRAWN: Stage = "withdrawn"
ENACTED: Stage = "enacted"
STAGES: tuple[Stage, ...] = get_args(Stage)
TRANSITIONS: dict[Stage, frozenset[Stage]] = {
    DRAFT: frozenset({OPEN, WITHDRAWN}),
    OPEN: frozenset({APPROVED, REJECTED, DEFERRED, EXPIRED, WITHDRAWN}),
    APPROVED: frozenset({ENACTED, DEFERRED}),
    DEFERRED: frozenset({OPEN, APPROVED, EXPIRED, WITHDRAWN}),
    REJECTED: frozenset(),
    EXPIRED: frozenset(),
    WITHDRAWN: frozenset(),
    ENACTED: frozenset(),
}
"""Every step that there is. Deferred for want of funds goes on to approved by itself; put off by vote it is opened anew
by its proposer."""

APPROVE, REJECT, DEFER, ABSTAIN = CHOICES = ("approve", "reject", "defer", "abstain")
REVIEWER = "reviewer"
"""The role of those who are drawn to vote."""
THE_POLICY = EntityKey("policy", "policy")
"""What a proposal to change the policy is about; it is no artifact."""
SHARE_ONE = 1_000_000
"""Shares and thresholds are whole numbers of 10^-6."""


class Ballot(NamedTuple):
    """How a reviewer votes, until the voting is over: the last word counts.

    `counts` is false where the reviewer has left the seat: abstained, or came by a stake.
    """

    proposal: str
    voter: str
    choice: str
    reason: str
    cast_at: datetime
    counts: bool = True


class BallotKey(NamedTuple):
    """One vote for each reviewer of a proposal."""

    proposal: str
    voter: str


class Change(NamedTuple):
    """A field of the policy, its value when that was proposed, and the value that it is to have; both as JSON."""

    field: str
    before: str
    after: str


class Proposal(NamedTuple):
    """What is asked, on which evidence, who votes, and where it stands.

    `requested` are parts by unit. `share` is what it asks of its pool, `threshold` the share of votes that must approve
    (both 10^-6), fixed with `quorum` when it is opened. `reviewers` have a seat, `alternates` take the place of those
    who leave theirs, in this order, drawn by `seed`. `votes` mirrors the rows of votes. `due_at` is when time alone
    takes the next step: the deadline of the voting, the end of a notice, the end of a deferral. `shortfall` is what the
    pool lacked.
    """

    proposal: str
    sort: Sort
    proposer: str
    entity: EntityKey
    pool: str | None
    requested: Amounts
    changes: tuple[Change, ...]
    justification: str
    expected: tuple[Expected, ...]
    evidence: tuple[Evidence, ...]
    state: Stage
    created_at: datetime
    opened_at: datetime | None = None
    due_at: datetime | None = None
    decided_at: datetime | None = None
    ended_at: datetime | None = None
    quorum: int = 0
    threshold: int = 0
    share: int = 0
    seed: str | None = None
    reviewers: tuple[str, ...] = ()
    alternates: tuple[str, ...] = ()
    votes: tuple[Ballot, ...] = ()
    shortfall: Amounts = ()
    note: str | None = None
    policy_version: int = 0


class ProposalEventKey(NamedTuple):
    """The journal number of the command, and which of its events this is."""

    number: int
    line: int


class ProposalEvent(NamedTuple):
    """A step of a proposal, a vote, a comment, or a seat that changed hands."""

    number: int
    line: int
    proposal: str
    at: datetime
    actor: str
    event: str
    note: str | None


PROPOSALS: Table[str, Proposal] = Table("allocation_proposals", rank=5)
BALLOTS: Table[BallotKey, Ballot] = Table("proposal_vote", rank=6)
PROPOSAL_EVENTS: Table[ProposalEventKey, ProposalEvent] = Table("proposal_event", rank=7, append_only=True)


class Electorate(NamedTuple):
    """Who may vote, in the order of their names, and how many proposals of the proposer's owner are voted on now."""

    candidates: tuple[str, ...]
    open_now: int


class Conflict(NamedTuple):
    """Why an actor may not judge a proposal."""

    actor: str
    why: str


@dataclass(frozen=True, slots=True)
class Propose:
    """Ask for `requested` parts by unit, out of a pool, for an artifact.

    The action gathers what was found of the evidence, and who may vote.
    """

    entity: EntityKey
    requested: Amounts
    justification: str
    expected: tuple[Expected, ...]
    evidence: tuple[Evidence, ...]
    pool: str
    draft: bool = False
    findings: tuple[Finding, ...] = ()
    electorate: Electorate | None = None


@dataclass(frozen=True, slots=True)
class ProposePolicy:
    """Ask that fields of the policy have these values, as JSON."""

    changes: tuple[tuple[str, str], ...]
    justification: str
    evidence: tuple[Evidence, ...] = ()
    draft: bool = False
    findings: tuple[Finding, ...] = ()
    electorate: Electorate | None = None


@dataclass(frozen=True, slots=True)
class OpenProposal:
    """Put a draft, or what was put off by vote, to the vote."""

    proposal: str
    findings: tuple[Finding, ...] = ()
    electorate: Electorate | None = None


@dataclass(frozen=True, slots=True)
class CastVote:
    """Vote, or vote otherwise than before; the action gathers who of those concerned has a conflict now."""

    proposal: str
    choice: str
    reason: str
    conflicts: tuple[Conflict, ...] = ()


@dataclass(frozen=True, slots=True)
class CommentOnProposal:
    """Say something for everybody to read."""

    proposal: str
    text: str


@dataclass(frozen=True, slots=True)
class WithdrawProposal:
    """Take a proposal back."""

    proposal: str
    reason: str


@dataclass(frozen=True, slots=True)
class AdvanceProposal:
    """Take the step that time, or new funds in its pool, made due; `policy` is the one to enact as JSON, if one is."""

    proposal: str
    conflicts: tuple[Conflict, ...] = ()
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class ProposalReceipt:
    """Where a proposal stands: votes by choice, votes that it needs of how many seats, what was moved, in parts."""

    proposal: str
    sort: Sort
    entity: EntityKey
    state: Stage
    approve: int
    reject: int
    defer: int
    needed: int
    quorum: int
    seats: int
    reviewers: tuple[str, ...]
    due_at: datetime | None
    pool: str | None
    moved: Amounts
    shortfall: Amounts
    note: str | None
    enacted_version: int | None = None
