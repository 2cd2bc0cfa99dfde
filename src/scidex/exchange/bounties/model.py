"""Bounties: tokens that a funder puts in escrow for progress on an artifact."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from scidex.core.errors import Forbidden, Missing, Refused
from scidex.core.machine import Table
from scidex.entities import EntityKey
from scidex.ledger import AccountKey


class Bounty(NamedTuple):
    """An offer; `amount` and `remaining` are token parts, and what remains lies in its escrow.

    `counted_at` is when an allocation last counted it: from then on it stays until it expires.
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
    counted_at: datetime | None = None

    @property
    def escrow(self) -> AccountKey:
        """The account that holds what remains."""
        return escrow_of(self.bounty)


def escrow_of(bounty: str) -> AccountKey:
    """The account that holds what remains of a bounty."""
    return AccountKey(f"bounty:{bounty}", "escrow", "token")


BOUNTIES: Table[str, Bounty] = Table("bounty", rank=20)


@dataclass(frozen=True, slots=True)
class OfferBounty:
    """Put `amount` token parts in escrow for at most `seconds`."""

    artifact: EntityKey
    amount: int
    seconds: int
    purpose: str


@dataclass(frozen=True, slots=True)
class RefundBounty:
    """Give back what remains, at the funder's wish."""

    bounty: str


@dataclass(frozen=True, slots=True)
class ExpireBounty:
    """Give back what remains of a bounty whose time is over."""

    bounty: str


@dataclass(frozen=True, slots=True)
class BountyReceipt:
    """Where a bounty stands now, in token parts; `returned` is what this command gave back to the funder."""

    bounty: str
    state: str
    remaining: int
    returned: int
    expires_at: datetime


class NotYourBounty(Forbidden):
    """{actor} may not take back the bounty {bounty}; only its funder or an operator may."""


class UnknownBounty(Missing):
    """There is no bounty {bounty!r}; `scidex bounties list` shows those that there are."""


class BountyEnded(Refused):
    """The bounty {bounty} is {state} since {since}; offer a new one."""


class BountyCounted(Refused):
    """The bounty {bounty} counted in an allocation at {counted_at}, so it stays until {expires_at}; an operator may
    refund it before."""


class BountyNotDue(Refused):
    """The bounty {bounty} runs until {expires_at}; its funder may refund it before."""
