"""Proposals from outside: what is asked, who votes, how it stands, and in plain words what happens next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field, TypeAdapter

from scidex.core.journal import Receipt
from scidex.core.units import parse_amount, to_number, unit_named
from scidex.senate.proposals import (
    Ballot,
    Change,
    Evidence,
    Expected,
    Loser,
    Preview,
    PreviewLine,
    Proposal,
    ProposalEvent,
    ProposalReceipt,
    in_words,
    needed_of,
)
from scidex.views.base import Done, View, done
from scidex.views.reservations import amounts_of

_FACTS: TypeAdapter[Evidence] = TypeAdapter(Evidence)


class ClaimView(View):
    """A piece of evidence."""

    sort: str
    says: str = Field(description="its facts in one line")
    facts: dict[str, Any]

    def __str__(self) -> str:
        """As a cell of a table shows it."""
        return self.says


class ExpectedView(View):
    """What is expected of a grant, and within how many seconds of it."""

    measure: str
    amount: str
    within_s: int

    def __str__(self) -> str:
        """As a cell of a table shows it."""
        return f"{self.amount} {self.measure} within {self.within_s} s"


class VoteView(View):
    """How a reviewer votes."""

    voter: str
    choice: str
    reason: str
    cast_at: datetime
    counts: bool = Field(description="false where the reviewer abstained, or came by a stake meanwhile")


class ChangeView(View):
    """A field of the policy, its value when that was proposed, and the value that it is to have; as JSON."""

    field: str
    before: str
    after: str

    def __str__(self) -> str:
        """As a cell of a table shows it."""
        return f"{self.field}: {self.before} to {self.after}"


class ProposalLine(View):
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


class ProposalView(View):
    """All that there is to know of a proposal."""

    proposal: str
    sort: str = Field(description="grant, or policy")
    state: str = Field(description="draft, open, approved, rejected, deferred, expired, withdrawn or enacted")
    next: str = Field(description="what happens next, in words")
    proposer: str
    entity_type: str
    entity_id: str
    pool: str | None
    requested: dict[str, float]
    changes: list[ChangeView] = Field(description="of the policy")
    justification: str
    expected: list[ExpectedView]
    evidence: list[ClaimView]
    created_at: datetime
    opened_at: datetime | None
    due_at: datetime | None = Field(description="when time alone takes the next step")
    decided_at: datetime | None
    ended_at: datetime | None
    share: float = Field(description="what it asks of its pool, between 0 and 1")
    threshold: float = Field(description="share of votes that must approve, between 0 and 1")
    quorum: int
    needed: int = Field(description="votes that must approve, if all who have a seat vote")
    reviewers: list[str] = Field(description="who has a seat, in the order of the draw")
    alternates: list[str] = Field(description="who takes the seat of somebody who leaves it, in this order")
    seed: str | None = Field(description="SHA-256 of proposal:number, by which the reviewers were drawn")
    votes: list[VoteView]
    shortfall: dict[str, float] = Field(description="what the pool lacked")
    note: str | None
    policy_version: int


class ProposalDone(Done):
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
    moved: dict[str, float] = Field(description="what went from the pool into the budget")
    shortfall: dict[str, float] = Field(description="what the pool lacks")
    note: str | None
    enacted_version: int | None = Field(description="of the policy")


class ProposalEventView(View):
    """A step, a vote, a comment, or a seat that changed hands."""

    number: int
    at: datetime
    actor: str
    event: str
    note: str | None


class PreviewLineView(View):
    """What pool and budget have now and would have, in whole units."""

    unit: str
    requested: float
    pool_before: float
    pool_after: float = Field(description="below zero: the pool has too little, and the proposal would be deferred")
    budget_before: float
    budget_after: float


class LoserView(View):
    """What a sharing of the pool by claims would give another artifact now, and after the grant."""

    artifact_type: str
    artifact_id: str
    unit: str
    before: float
    after: float


class BarredView(View):
    """A reviewer who may not judge it, and why."""

    reviewer: str
    why: str

    def __str__(self) -> str:
        """As a cell of a table shows it."""
        return f"{self.reviewer}: {self.why}"


class PreviewView(View):
    """Who gains, who loses, and how many have to agree."""

    artifact_type: str
    artifact_id: str
    pool: str
    share: float
    threshold: float
    quorum: int
    seats: int
    needed: int
    eligible: int = Field(description="reviewers without a conflict")
    barred: list[BarredView]
    lines: list[PreviewLineView]
    losers: list[LoserView] = Field(description="those who lose most, if the pool were shared by claims")
    claims: int = Field(description="artifacts that claim anything of it")


def requested_of(given: Mapping[str, str | int | float]) -> dict[str, int]:
    """Parts by unit of what is asked in whole units. Refuses: UnknownUnit and what `parse_amount` does."""
    return {unit: parse_amount(amount, unit_named(unit), field=unit) for unit, amount in given.items()}


def claim_view(piece: Evidence) -> ClaimView:
    """A piece of evidence."""
    return ClaimView(sort=piece.sort, says=in_words(piece), facts=_FACTS.dump_python(piece, mode="json"))


def expected_view(gain: Expected) -> ExpectedView:
    """An expected gain."""
    return ExpectedView(measure=gain.measure, amount=f"{gain.amount:f}", within_s=gain.within_s)


def vote_view(vote: Ballot) -> VoteView:
    """A vote."""
    fields = vote._asdict()
    del fields["proposal"]
    return VoteView(**fields)


def change_of_policy(change: Change) -> ChangeView:
    """A change of a field."""
    return ChangeView(**change._asdict())


def _count(proposal: Proposal, choice: str) -> int:
    return sum(vote.counts and vote.choice == choice for vote in proposal.votes)


def proposal_line(proposal: Proposal) -> ProposalLine:
    """A row of a list."""
    return ProposalLine(
        proposal=proposal.proposal,
        sort=proposal.sort,
        entity_type=proposal.entity.entity_type,
        entity_id=proposal.entity.entity_id,
        proposer=proposal.proposer,
        state=proposal.state,
        requested=amounts_of(proposal.requested),
        pool=proposal.pool,
        approve=_count(proposal, "approve"),
        reject=_count(proposal, "reject"),
        seats=len(proposal.reviewers),
        due_at=proposal.due_at,
        justification=proposal.justification,
    )


def proposal_view(proposal: Proposal) -> ProposalView:
    """The whole of it."""
    seats = len(proposal.reviewers)
    return ProposalView(
        proposal=proposal.proposal,
        sort=proposal.sort,
        state=proposal.state,
        next=next_of(proposal),
        proposer=proposal.proposer,
        entity_type=proposal.entity.entity_type,
        entity_id=proposal.entity.entity_id,
        pool=proposal.pool,
        requested=amounts_of(proposal.requested),
        changes=[change_of_policy(change) for change in proposal.changes],
        justification=proposal.justification,
        expected=[expected_view(gain) for gain in proposal.expected],
        evidence=[claim_view(piece) for piece in proposal.evidence],
        created_at=proposal.created_at,
        opened_at=proposal.opened_at,
        due_at=proposal.due_at,
        decided_at=proposal.decided_at,
        ended_at=proposal.ended_at,
        share=to_number(proposal.share),
        threshold=to_number(proposal.threshold),
        quorum=proposal.quorum,
        needed=needed_of(proposal.threshold, seats) if seats else 0,
        reviewers=list(proposal.reviewers),
        alternates=list(proposal.alternates),
        seed=proposal.seed,
        votes=[vote_view(vote) for vote in proposal.votes],
        shortfall=amounts_of(proposal.shortfall),
        note=proposal.note,
        policy_version=proposal.policy_version,
    )


def next_of(proposal: Proposal) -> str:
    """What a proposal waits for, in one sentence."""
    until = "?" if proposal.due_at is None else f"{proposal.due_at:%Y-%m-%d %H:%M:%S} UTC"
    if proposal.state == "draft":
        return "Its proposer opens it, or withdraws it."
    if proposal.state == "open":
        out = ", ".join(name for name in proposal.reviewers if not _has_voted(proposal, name)) or "nobody"
        return f"{out} may still vote until {until}; at least {proposal.quorum} votes have to be cast."
    if proposal.state == "approved":
        return f"It is in force from {until} on."
    if proposal.state == "deferred" and proposal.shortfall:
        return f"It is paid as soon as the pool {proposal.pool} has it, until {until}."
    if proposal.state == "deferred":
        return f"Its proposer may open it again until {until}: {proposal.note}."
    return f"Nothing; it is {proposal.state}."


def _has_voted(proposal: Proposal, name: str) -> bool:
    return any(vote.counts and vote.voter == name for vote in proposal.votes)


def proposal_done(receipt: Receipt[ProposalReceipt]) -> ProposalDone:
    """The receipt of a command on a proposal."""
    stands = receipt.result
    return ProposalDone(
        **done(receipt),
        proposal=stands.proposal,
        sort=stands.sort,
        entity_type=stands.entity.entity_type,
        entity_id=stands.entity.entity_id,
        state=stands.state,
        approve=stands.approve,
        reject=stands.reject,
        defer=stands.defer,
        needed=stands.needed,
        quorum=stands.quorum,
        reviewers=list(stands.reviewers),
        due_at=stands.due_at,
        pool=stands.pool,
        moved=amounts_of(stands.moved),
        shortfall=amounts_of(stands.shortfall),
        note=stands.note,
        enacted_version=stands.enacted_version,
    )


def proposal_event_view(event: ProposalEvent) -> ProposalEventView:
    """An event row."""
    return ProposalEventView(number=event.number, at=event.at, actor=event.actor, event=event.event, note=event.note)


def preview_view(found: Preview) -> PreviewView:
    """A preview."""
    return PreviewView(
        artifact_type=found.entity.entity_type,
        artifact_id=found.entity.entity_id,
        pool=found.pool,
        share=to_number(found.share),
        threshold=to_number(found.threshold),
        quorum=found.quorum,
        seats=found.seats,
        needed=found.needed,
        eligible=found.eligible,
        barred=[BarredView(reviewer=name, why=why) for name, why in found.barred],
        lines=[_preview_line(line) for line in found.lines],
        losers=[_loser(loser) for loser in found.losers],
        claims=found.claims,
    )


def _preview_line(line: PreviewLine) -> PreviewLineView:
    unit = unit_named(line.unit)
    return PreviewLineView(unit=line.unit, **{name: to_number(getattr(line, name), unit) for name in line._fields[1:]})


def _loser(loser: Loser) -> LoserView:
    unit = unit_named(loser.unit)
    return LoserView(
        artifact_type=loser.artifact.entity_type,
        artifact_id=loser.artifact.entity_id,
        unit=loser.unit,
        before=to_number(loser.before, unit),
        after=to_number(loser.after, unit),
    )
