"""What the server answers: senate; made by `python -m tests.house.pages`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from scidex.client.answers import Answer, Receipt


class ProposalDone(Receipt):
    """Where a proposal stands after a command."""

    proposal: str
    sort: str
    entity_type: str
    entity_id: str
    state: str
    approve: int
    reject: int
    defer: int
    needed: int
    quorum: int
    reviewers: list[str]
    due_at: datetime | None
    pool: str | None
    # what went from the pool into the budget
    moved: dict[str, float]
    # what the pool lacks
    shortfall: dict[str, float]
    note: str | None
    # of the policy
    enacted_version: int | None


class ProposalLine(Answer):
    """A proposal in a list."""

    proposal: str
    sort: str
    entity_type: str
    entity_id: str
    proposer: str
    state: str
    requested: dict[str, float]
    pool: str | None
    approve: int
    reject: int
    seats: int
    due_at: datetime | None
    justification: str


class ProposalsChangeView(Answer):
    """A field of the policy, its value when that was proposed, and the value that it is to have; as JSON."""

    field: str
    before: str
    after: str


class ExpectedView(Answer):
    """What is expected of a grant, and within how many seconds of it."""

    measure: str
    amount: str
    within_s: int


class ClaimView(Answer):
    """A piece of evidence."""

    sort: str
    # its facts in one line
    says: str
    facts: dict[str, Any]


class VoteView(Answer):
    """How a reviewer votes."""

    voter: str
    choice: str
    reason: str
    cast_at: datetime
    # false where the reviewer abstained, or came by a stake meanwhile
    counts: bool


class ProposalView(Answer):
    """All that there is to know of a proposal."""

    proposal: str
    # grant, or policy
    sort: str
    # draft, open, approved, rejected, deferred, expired, withdrawn or enacted
    state: str
    # what happens next, in words
    next: str
    proposer: str
    entity_type: str
    entity_id: str
    pool: str | None
    requested: dict[str, float]
    # of the policy
    changes: list[ProposalsChangeView]
    justification: str
    expected: list[ExpectedView]
    evidence: list[ClaimView]
    created_at: datetime
    opened_at: datetime | None
    # when time alone takes the next step
    due_at: datetime | None
    decided_at: datetime | None
    ended_at: datetime | None
    # what it asks of its pool, between 0 and 1
    share: float
    # share of votes that must approve, between 0 and 1
    threshold: float
    quorum: int
    # votes that must approve, if all who have a seat vote
    needed: int
    # who has a seat, in the order of the draw
    reviewers: list[str]
    # who takes the seat of somebody who leaves it, in this order
    alternates: list[str]
    # SHA-256 of proposal:number, by which the reviewers were drawn
    seed: str | None
    votes: list[VoteView]
    # what the pool lacked
    shortfall: dict[str, float]
    note: str | None
    policy_version: int


class ProposalEventView(Answer):
    """A step, a vote, a comment, or a seat that changed hands."""

    number: int
    at: datetime
    actor: str
    event: str
    note: str | None


class BarredView(Answer):
    """A reviewer who may not judge it, and why."""

    reviewer: str
    why: str


class PreviewLineView(Answer):
    """What pool and budget have now and would have, in whole units."""

    unit: str
    requested: float
    pool_before: float
    # below zero: the pool has too little, and the proposal would be deferred
    pool_after: float
    budget_before: float
    budget_after: float


class LoserView(Answer):
    """What a sharing of the pool by claims would give another artifact now, and after the grant."""

    artifact_type: str
    artifact_id: str
    unit: str
    before: float
    after: float


class PreviewView(Answer):
    """Who gains, who loses, and how many have to agree."""

    artifact_type: str
    artifact_id: str
    pool: str
    share: float
    threshold: float
    quorum: int
    seats: int
    needed: int
    # reviewers without a conflict
    eligible: int
    barred: list[BarredView]
    lines: list[PreviewLineView]
    # those who lose most, if the pool were shared by claims
    losers: list[LoserView]
    # artifacts that claim anything of it
    claims: int
