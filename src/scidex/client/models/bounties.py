"""What the server answers: bounties; made by `python -m tests.house.pages`."""

from __future__ import annotations

from datetime import datetime

from scidex.client.answers import Answer, Receipt


class BountyDone(Receipt):
    """Where a bounty stands after a command."""

    bounty: str
    state: str
    remaining: float
    # tokens that this gave back to the funders
    returned: float
    expires_at: datetime


class BountyView(Answer):
    """Tokens in escrow for progress on an artifact: amount = remaining + drawn + awarded + returned."""

    bounty: str
    artifact_type: str
    artifact_id: str
    # who offered it; others may have added to it
    funder: str
    # tokens that all funders have put in
    amount: float
    remaining: float
    # tokens that paid for compute spent on the artifact
    drawn: float
    awarded: float
    # tokens that went back to the funders
    returned: float
    state: str
    offered_at: datetime
    expires_at: datetime
    # when the rest goes back: later than its expiry while work waits for judgement
    due_at: datetime
    ended_at: datetime | None
    purpose: str
    # when an allocation last counted it; since then it stays until expiry
    counted_at: datetime | None
    # who claimed it last and has not submitted since
    claimant: str | None
    # until when that claim runs or ran
    lease_until: datetime | None
    # works that were submitted and not judged
    waiting: int


class FundingView(Answer):
    """What a funder has put into a bounty."""

    bounty: str
    funder: str
    amount: float
    funded_at: datetime


class WorkView(Answer):
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


class PaymentView(Answer):
    """Tokens that left a bounty's escrow: an award, a refund or a draw for compute."""

    bounty: str
    sort: str
    # the work awarded, the funder refunded, or the number of the draw
    subject: str
    number: int
    at: datetime
    paid_to: str
    amount: float


class ClaimDone(Receipt):
    """Who has a bounty, and until when."""

    bounty: str
    claimant: str
    lease_until: datetime
    expires_at: datetime


class WorkDone(Receipt):
    """Where submitted work stands, and what its bounty has left."""

    bounty: str
    output_type: str
    output_id: str
    submitter: str
    state: str
    awarded: float
    remaining: float
    # when what remains goes back to the funders
    due_at: datetime
