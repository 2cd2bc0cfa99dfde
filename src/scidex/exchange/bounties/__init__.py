"""Bounties: tokens in escrow for progress on an artifact, counted in its budget while they remain."""

from scidex.exchange.bounties.actions import expire_due_bounties, offer_bounty, refund_bounty
from scidex.exchange.bounties.model import (
    BOUNTIES,
    Bounty,
    BountyEnded,
    BountyNotDue,
    BountyReceipt,
    ExpireBounty,
    NotYourBounty,
    OfferBounty,
    RefundBounty,
    UnknownBounty,
)
from scidex.exchange.bounties.store import due_bounties, find_bounties, find_bounty

__all__ = [
    "BOUNTIES",
    "Bounty",
    "BountyEnded",
    "BountyNotDue",
    "BountyReceipt",
    "ExpireBounty",
    "NotYourBounty",
    "OfferBounty",
    "RefundBounty",
    "UnknownBounty",
    "due_bounties",
    "expire_due_bounties",
    "find_bounties",
    "find_bounty",
    "offer_bounty",
    "refund_bounty",
]
