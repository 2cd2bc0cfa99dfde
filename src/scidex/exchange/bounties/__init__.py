"""Bounties: tokens in escrow for progress on an artifact, counted in its budget while they remain."""

from scidex.exchange.bounties.actions import expire_due_bounties, offer_bounty, refund_bounty
from scidex.exchange.bounties.model import (
    BOUNTIES,
    Bounty,
    BountyCounted,
    BountyEnded,
    BountyNotDue,
    BountyReceipt,
    ExpireBounty,
    NotYourBounty,
    OfferBounty,
    RefundBounty,
    UnknownBounty,
)
from scidex.exchange.bounties.rules import mark_counted
from scidex.exchange.bounties.store import counting_bounties, due_bounties, find_bounties, find_bounty

__all__ = [
    "BOUNTIES",
    "Bounty",
    "BountyCounted",
    "BountyEnded",
    "BountyNotDue",
    "BountyReceipt",
    "ExpireBounty",
    "NotYourBounty",
    "OfferBounty",
    "RefundBounty",
    "UnknownBounty",
    "counting_bounties",
    "due_bounties",
    "expire_due_bounties",
    "find_bounties",
    "find_bounty",
    "mark_counted",
    "offer_bounty",
    "refund_bounty",
]
