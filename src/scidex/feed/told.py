"""What events say where no door has a view of its own for it: the same keys and units as everywhere."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from scidex.views import Done


class PricesTold(Done):
    """The prices of a market after what moved them."""

    market: str
    prices: dict[str, float]


class SharingTold(Done):
    """A pool was shared; the grants are at /api/economics/allocations."""

    pool: str
    unit: str
    cycle: str
    amount: float
    granted: float
    remainder: float
    artifacts: int = Field(description="how many have a grant of it")


class GrantTold(Done):
    """What an artifact was granted in a sharing."""

    artifact_type: str
    artifact_id: str
    pool: str
    unit: str
    cycle: str
    grant: float
    binding: str


class MovedTold(Done):
    """What moved between a pool and an artifact's budget, by unit; below zero what went back."""

    artifact_type: str
    artifact_id: str
    pool: str | None
    moved: dict[str, float]
    proposal: str | None


class IdleTold(Done):
    """What an idle grant has left, by unit: it goes back at `due_at`, or has gone back if that is null."""

    artifact_type: str
    artifact_id: str
    amounts: dict[str, float]
    due_at: datetime | None


class DrawnTold(Done):
    """What compute took out of bounties, in tokens by bounty."""

    artifact_type: str
    artifact_id: str
    drawn: dict[str, float]


class WorkTold(Done):
    """A piece of work was claimed, with its budget reserved."""

    claim: str
    item: str
    artifact_type: str
    artifact_id: str
    kind: str
    attempt: int
    reservation: str
    amounts: dict[str, float]
    expires_at: datetime


class ClaimTold(Done):
    """How a claim ended, and where its item stands."""

    claim: str
    item: str
    artifact_type: str
    artifact_id: str
    state: str
    item_state: str


class FinishedTold(ClaimTold):
    """The same of a claim that ended with a result, or late: what was learned and produced."""

    edges: list[str]
    outputs: list[str] = Field(description="as type/id")


class ItemTold(Done):
    """Where a piece of work stands."""

    item: str
    artifact_type: str
    artifact_id: str
    state: str
    attempts: int
    not_before: datetime


class PolicyTold(Done):
    """A version of the policy came into force."""

    version: int
