"""Bounties from outside."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from scidex.core.journal import Receipt
from scidex.exchange.bounties import Bounty, BountyReceipt, ClaimReceipt, Funding, Payment, Submission, WorkReceipt
from scidex.views.base import Done, View, done, tokens


class BountyView(View):
    """Tokens in escrow for progress on an artifact: amount = remaining + drawn + awarded + returned."""

    bounty: str
    artifact_type: str
    artifact_id: str
    funder: str = Field(description="who offered it; others may have added to it")
    amount: float = Field(description="tokens that all funders have put in")
    remaining: float
    drawn: float = Field(description="tokens that paid for compute spent on the artifact")
    awarded: float
    returned: float = Field(description="tokens that went back to the funders")
    state: str
    offered_at: datetime
    expires_at: datetime
    due_at: datetime = Field(
        description="when the rest goes back: later than its expiry while work waits for judgement"
    )
    ended_at: datetime | None
    purpose: str
    counted_at: datetime | None = Field(
        description="when an allocation last counted it; since then it stays until expiry"
    )
    claimant: str | None = Field(description="who claimed it last and has not submitted since")
    lease_until: datetime | None = Field(description="until when that claim runs or ran")
    waiting: int = Field(description="works that were submitted and not judged")


class BountyDone(Done):
    """Where a bounty stands after a command."""

    bounty: str
    state: str
    remaining: float
    returned: float = Field(description="tokens that this gave back to the funders")
    expires_at: datetime


class ClaimDone(Done):
    """Who has a bounty, and until when."""

    bounty: str
    claimant: str
    lease_until: datetime
    expires_at: datetime


class WorkDone(Done):
    """Where submitted work stands, and what its bounty has left."""

    bounty: str
    output_type: str
    output_id: str
    submitter: str
    state: str
    awarded: float
    remaining: float
    due_at: datetime = Field(description="when what remains goes back to the funders")


class FundingView(View):
    """What a funder has put into a bounty."""

    bounty: str
    funder: str
    amount: float
    funded_at: datetime


class WorkView(View):
    """Work submitted to a bounty, and its judgement."""

    bounty: str
    output_type: str
    output_id: str
    submitter: str
    note: str
    submitted_at: datetime
    state: str
    awarded: float
    judged_by: str | None
    judged_at: datetime | None


class PaymentView(View):
    """Tokens that left a bounty's escrow: an award, a refund or a draw for compute."""

    bounty: str
    sort: str
    subject: str = Field(description="the work awarded, the funder refunded, or the number of the draw")
    number: int
    at: datetime
    paid_to: str
    amount: float


def bounty_view(bounty: Bounty) -> BountyView:
    """A bounty row."""
    return BountyView(
        bounty=bounty.bounty,
        artifact_type=bounty.artifact.entity_type,
        artifact_id=bounty.artifact.entity_id,
        funder=bounty.funder,
        amount=tokens(bounty.amount),
        remaining=tokens(bounty.remaining),
        drawn=tokens(bounty.drawn),
        awarded=tokens(bounty.awarded),
        returned=tokens(bounty.returned),
        state=bounty.state,
        offered_at=bounty.offered_at,
        expires_at=bounty.expires_at,
        due_at=bounty.due_at,
        ended_at=bounty.ended_at,
        purpose=bounty.purpose,
        counted_at=bounty.counted_at,
        claimant=bounty.claimant,
        lease_until=bounty.lease_until,
        waiting=bounty.waiting,
    )


def bounty_done(receipt: Receipt[BountyReceipt]) -> BountyDone:
    """The receipt of a command on a bounty's tokens."""
    stands = receipt.result
    return BountyDone(
        **done(receipt),
        bounty=stands.bounty,
        state=stands.state,
        remaining=tokens(stands.remaining),
        returned=tokens(stands.returned),
        expires_at=stands.expires_at,
    )


def claim_done(receipt: Receipt[ClaimReceipt]) -> ClaimDone:
    """The receipt of a claim."""
    stands = receipt.result
    return ClaimDone(
        **done(receipt),
        bounty=stands.bounty,
        claimant=stands.claimant,
        lease_until=stands.lease_until,
        expires_at=stands.expires_at,
    )


def work_done(receipt: Receipt[WorkReceipt]) -> WorkDone:
    """The receipt of a submission or a judgement."""
    stands = receipt.result
    return WorkDone(
        **done(receipt),
        bounty=stands.bounty,
        output_type=stands.output.entity_type,
        output_id=stands.output.entity_id,
        submitter=stands.actor,
        state=stands.state,
        awarded=tokens(stands.awarded),
        remaining=tokens(stands.remaining),
        due_at=stands.due_at,
    )


def funding_view(funding: Funding) -> FundingView:
    """A funder's row."""
    return FundingView(
        bounty=funding.bounty, funder=funding.funder, amount=tokens(funding.amount), funded_at=funding.funded_at
    )


def work_view(work: Submission) -> WorkView:
    """A submission row."""
    return WorkView(
        bounty=work.bounty,
        output_type=work.output.entity_type,
        output_id=work.output.entity_id,
        submitter=work.actor,
        note=work.note,
        submitted_at=work.submitted_at,
        state=work.state,
        awarded=tokens(work.awarded),
        judged_by=work.judged_by,
        judged_at=work.judged_at,
    )


def payment_view(payment: Payment) -> PaymentView:
    """A payment row."""
    return PaymentView(**{**payment._asdict(), "amount": tokens(payment.amount)})
