"""Bounties: tokens in escrow for progress on an artifact, from those who offer them to those who make it.

    offered -> claimed for a lease -> work submitted -> awarded, whole or in parts
                                                     -> what remains goes back to its funders, in proportion

Compute spent on the artifact draws on what remains, so a token is never both budget and prize (`draws.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from scidex.core.machine import Table
from scidex.core.units import TOKEN, UNITS, USD
from scidex.entities import EntityKey
from scidex.ledger import AccountKey

COMPUTE = tuple(name for name in UNITS if name not in (TOKEN.name, USD.name))
"""Units in which compute is spent. Dollars are not among them: they are the price of the same calls."""
TREASURY = AccountKey("pool:treasury", "pool", TOKEN.name)
"""Where tokens go that have paid for compute."""
JUDGE = "reviewer"
"""The role of a reviewer, who may judge work for a bounty besides its poster."""

OPEN, AWARDED, REFUNDED, EXPIRED = "open", "awarded", "refunded", "expired"
WAITING, DECLINED = "waiting", "declined"
AWARD, REFUND, DRAW = "award", "refund", "draw"

Amounts = tuple[tuple[str, int], ...]
"""Parts by unit, in the order of the units' names."""


class Bounty(NamedTuple):
    """An offer, in token parts: amount = remaining + drawn + awarded + returned, and what remains lies in its escrow.

    `amount` is what all funders have put in. `due_at` is when the rest goes back by itself: at `expires_at`, or later
    while work waits for judgement. `counted_at` is when an allocation last counted it: from then on it stays until it
    expires. The claim is over when `lease_until` is; nobody has to sweep it.
    """

    bounty: str
    artifact: EntityKey
    funder: str
    amount: int
    remaining: int
    state: str
    offered_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    purpose: str
    counted_at: datetime | None
    due_at: datetime
    drawn: int = 0
    awarded: int = 0
    returned: int = 0
    waiting: int = 0
    claimant: str | None = None
    claimed_at: datetime | None = None
    lease_until: datetime | None = None

    @property
    def escrow(self) -> AccountKey:
        """The account that holds what remains."""
        return escrow_of(self.bounty)

    def claimed(self, now: datetime) -> bool:
        """Whether somebody has a claim to it now."""
        return self.lease_until is not None and self.lease_until > now


class Board(NamedTuple):
    """The open bounties of an artifact, in the order of their offers, and how far compute has been drawn from them.

    `spent` is what the artifact had spent by then, in parts by unit; `draws` counts the times.
    """

    artifact: EntityKey
    open: tuple[str, ...]
    spent: Amounts
    draws: int


class FundingKey(NamedTuple):
    """Whose tokens in which bounty."""

    bounty: str
    funder: str


class Funding(NamedTuple):
    """What a funder has put into a bounty in all, in token parts."""

    bounty: str
    funder: str
    amount: int
    funded_at: datetime


class SubmissionKey(NamedTuple):
    """What was made, for which bounty: each thing is submitted to a bounty once."""

    bounty: str
    output: EntityKey


class Submission(NamedTuple):
    """A registered entity put forward as the work that a bounty asks for; judged once."""

    bounty: str
    output: EntityKey
    actor: str
    note: str
    submitted_at: datetime
    state: str = WAITING
    awarded: int = 0
    judged_by: str | None = None
    judged_at: datetime | None = None


class PaymentKey(NamedTuple):
    """A payment out of escrow happens once: an award by what it is for, a refund by its funder, a draw by its count."""

    bounty: str
    sort: str
    subject: str


class Payment(NamedTuple):
    """Tokens that left a bounty's escrow, in parts."""

    bounty: str
    sort: str
    subject: str
    number: int
    at: datetime
    paid_to: str
    amount: int


LISTINGS: Table[str, EntityKey] = Table("bounty_listing", rank=18)
"""Which artifact a bounty is on: it never changes, and says which board to lock before the bounty itself."""
BOARDS: Table[EntityKey, Board] = Table("bounty_board", rank=19)
BOUNTIES: Table[str, Bounty] = Table("bounty", rank=20)
FUNDINGS: Table[FundingKey, Funding] = Table("bounty_funding", rank=21, group=lambda key: key.bounty)
SUBMISSIONS: Table[SubmissionKey, Submission] = Table("bounty_submission", rank=22, group=lambda key: key.bounty)
PAYMENTS: Table[PaymentKey, Payment] = Table("bounty_payment", rank=23, append_only=True)


@lru_cache(maxsize=65_536)
def escrow_of(bounty: str) -> AccountKey:
    """The account that holds what remains of a bounty."""
    return AccountKey(f"bounty:{bounty}", "escrow", TOKEN.name)


@lru_cache(maxsize=65_536)
def spent_of(artifact: EntityKey) -> tuple[AccountKey, ...]:
    """Where what an artifact has used up goes, in the order of COMPUTE: the sinks that the allocator pays into."""
    owner = f"entity:{artifact.entity_type}:{artifact.entity_id}"
    return tuple(AccountKey(owner, "spent", unit) for unit in COMPUTE)


@dataclass(frozen=True, slots=True)
class OfferBounty:
    """Put `amount` token parts in escrow for at most `seconds`."""

    artifact: EntityKey
    amount: int
    seconds: int
    purpose: str


@dataclass(frozen=True, slots=True)
class AddToBounty:
    """Put more token parts into a bounty, whoever offered it."""

    bounty: str
    amount: int


@dataclass(frozen=True, slots=True)
class ClaimBounty:
    """Take a bounty on for `seconds` from now, or go on with a claim for so long."""

    bounty: str
    seconds: int


@dataclass(frozen=True, slots=True)
class ReleaseClaim:
    """Let a claim go before its lease is over."""

    bounty: str


@dataclass(frozen=True, slots=True)
class SubmitWork:
    """Put forward an entity as the work that a bounty asks for."""

    bounty: str
    output: EntityKey
    note: str


@dataclass(frozen=True, slots=True)
class AwardBounty:
    """Pay `amount` token parts, all that remains if None, to who submitted this work."""

    bounty: str
    output: EntityKey
    amount: int | None = None


@dataclass(frozen=True, slots=True)
class DeclineWork:
    """Say that submitted work is not what the bounty asks for."""

    bounty: str
    output: EntityKey
    reason: str


@dataclass(frozen=True, slots=True)
class RefundBounty:
    """Give back what remains, at the poster's wish."""

    bounty: str


@dataclass(frozen=True, slots=True)
class ExpireBounty:
    """Give back what remains of a bounty whose time is over."""

    bounty: str


@dataclass(frozen=True, slots=True)
class DrawBounties:
    """Take what the compute spent on an artifact is worth out of its open bounties."""

    artifact: EntityKey


@dataclass(frozen=True, slots=True)
class BountyReceipt:
    """Where a bounty stands now, in token parts; `returned` is what this command gave back to its funders."""

    bounty: str
    state: str
    remaining: int
    returned: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ClaimReceipt:
    """Who has a bounty, and until when."""

    bounty: str
    claimant: str
    lease_until: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class WorkReceipt:
    """Where submitted work stands, with what it was awarded in token parts and what the bounty has left.

    `due_at` is when what remains of the bounty goes back to its funders.
    """

    bounty: str
    output: EntityKey
    actor: str
    state: str
    awarded: int
    remaining: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class BountiesDrawn:
    """What compute took out of each bounty, in token parts; `worth` is what it would have taken, had they had it."""

    artifact: EntityKey
    draw: int
    worth: int
    drawn: Amounts
