"""Work that agents pull: items of entities, claims to them, and what was learned of where work pays.

waiting (for other items) -> open -> claimed -> finished; failed or expired: open again, or a dead letter; withdrawn
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from scidex.atlas.knowledge import EdgeLine, GainLine, NewEdge, NewGain
from scidex.core.machine import Table
from scidex.entities import EntityKey
from scidex.metering import Price, UsageEvent
from scidex.senate.budgets import Amounts, Charged

WAITING, OPEN, CLAIMED = "waiting", "open", "claimed"
FINISHED, DEAD, WITHDRAWN = "finished", "dead", "withdrawn"
"""States of an item. A dead letter has used up its attempts; an operator may revive it."""
HELD, FAILED, RETURNED, EXPIRED, LATE = "held", "failed", "returned", "expired", "late"
"""States of a claim besides finished. `late` ended after its lease, when the item was no longer its own."""
BEST, RANDOM = "best", "random"
"""How a claim's entity was chosen: the highest, or drawn uniformly."""
ONE = 1_000_000
"""Scores, ranks, rewards and propensities are in parts of 10^-6."""
DRAW_ONE = 10**9
"""Draws are whole numbers from 0 to below this."""
KINDS_MAX = 50
"""The most kinds that a claim may name: what is next is looked up for each of them."""
ATTEMPTS = 3
"""How often an item is tried whose proposer does not say."""


class WorkItem(NamedTuple):
    """A piece of work on an entity, with the most that it may take, in parts.

    `payload` is JSON. `since` orders the items of an entity and makes them age; `not_before` is when a failed one may
    be tried again. `usd` is what its proposer says that it costs at most.
    """

    item: str
    entity: EntityKey
    kind: str
    payload: str
    amounts: Amounts
    usd: int | None
    model: str | None
    provider: str | None
    max_output_tokens: int | None
    proposer: str
    after: tuple[str, ...]
    attempts_max: int
    added_at: datetime
    state: str
    attempts: int
    since: datetime
    not_before: datetime
    claim: str | None = None
    ended_at: datetime | None = None
    reason: str | None = None


class Terms(NamedTuple):
    """What an entity was chosen by, in parts of 10^-6 where it is no count; see `rules.ucb_of` and `choosing`.

    `pulls` of `total` results were its own, `rivals` entities had work to choose from; `first` says whether it is the
    best of them, whatever was drawn.
    """

    pulls: int
    total: int
    mean: int
    bonus: int
    ucb: int
    budget_rank: int
    rivals: int
    first: bool
    draw: int


class Choice(NamedTuple):
    """An item to claim, with why, and the most that the prices say it may cost, in parts of a dollar."""

    item: str
    terms: Terms
    bound: int | None = None


class WorkClaim(NamedTuple):
    """Who works on an item until when, under which reservation, and why it was this item.

    `score` is the blend of its terms, `ageing` what waiting added to it; `propensity` is the chance with which its
    entity was chosen. `reward` is known once it is finished.
    """

    claim: str
    item: str
    entity: EntityKey
    actor: str
    reservation: str
    claimed_at: datetime
    terms: Terms
    score: int
    ageing: int
    sleeve: str
    propensity: int
    expires_at: datetime
    state: str = HELD
    ended_at: datetime | None = None
    reward: int | None = None
    note: str | None = None


class WorkArm(NamedTuple):
    """What is known of work on an entity: `pulls` results, the sum of their rewards in 10^-6, and its open items."""

    entity: EntityKey
    pulls: int = 0
    rewards: int = 0
    open: int = 0


CLAIMS: Table[str, WorkClaim] = Table("work_claim", rank=1)
ITEMS: Table[str, WorkItem] = Table("work_item", rank=2)
ARMS: Table[EntityKey, WorkArm] = Table("work_arm", rank=3)


@dataclass(frozen=True, slots=True)
class AddWork:
    """Put a piece of work on an entity into the queue, to be had in `delay_s` seconds; `payload` is JSON, amounts are
    the most that it may take."""

    entity: EntityKey
    kind: str
    payload: str
    amounts: Amounts
    usd: int | None = None
    model: str | None = None
    provider: str | None = None
    max_output_tokens: int | None = None
    after: tuple[str, ...] = ()
    attempts: int = ATTEMPTS
    delay_s: int = 0


@dataclass(frozen=True, slots=True)
class ClaimWork:
    """Take the next piece of work, of one of these kinds if any are named, for `seconds`, with its budget reserved.

    The action chooses it (`choosing.py`); the rule sees that it may be had.
    """

    kinds: tuple[str, ...] = ()
    seconds: int = 600
    choice: Choice | None = None


@dataclass(frozen=True, slots=True)
class HeartbeatWork:
    """Hold a claim, and its reservation, for `seconds` from now."""

    claim: str
    seconds: int = 600


class Ready(NamedTuple):
    """An item that waits, and for which items."""

    item: str
    after: tuple[str, ...]


class NewOutput(NamedTuple):
    """A registered entity that the work has produced, and what that builds on."""

    output: EntityKey
    builds_on: tuple[EntityKey, ...] = ()


@dataclass(frozen=True, slots=True)
class FinishWork:
    """End a claim with its result: what was used, what was learned, what was produced.

    `prices` are gathered as for a settlement, `ready` are the items that wait for this one alone.
    """

    claim: str
    events: tuple[UsageEvent, ...] = ()
    edges: tuple[NewEdge, ...] = ()
    gains: tuple[NewGain, ...] = ()
    outputs: tuple[NewOutput, ...] = ()
    note: str | None = None
    prices: tuple[Price, ...] = ()
    ready: tuple[Ready, ...] = ()


@dataclass(frozen=True, slots=True)
class FailWork:
    """End a claim without a result; what was used is recorded all the same."""

    claim: str
    reason: str
    events: tuple[UsageEvent, ...] = ()
    prices: tuple[Price, ...] = ()


@dataclass(frozen=True, slots=True)
class ReturnWork:
    """Give a claim back of which nothing was used; it counts as no attempt."""

    claim: str


@dataclass(frozen=True, slots=True)
class ExpireClaim:
    """End a claim whose lease is over."""

    claim: str


@dataclass(frozen=True, slots=True)
class OpenWork:
    """Open an item whose waiting is over; `after` is what it waited for, as the action found it."""

    item: str
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WithdrawWork:
    """Take an item that nobody works on out of the queue."""

    item: str
    reason: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class ReviveWork:
    """Let a dead letter be tried again, with all its attempts."""

    item: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class ItemReceipt:
    """Where an item stands now."""

    item: str
    entity: EntityKey
    state: str
    attempts: int
    not_before: datetime


@dataclass(frozen=True, slots=True)
class Claimed:
    """A piece of work with its budget reserved: `remaining` is what the entity has left besides, in parts.

    `max_output_tokens` is the cap to send with the call of a model; `attempt` counts from 1.
    """

    claim: str
    item: str
    entity: EntityKey
    kind: str
    payload: str
    attempt: int
    reservation: str
    amounts: Amounts
    usd: int
    model: str | None
    provider: str | None
    max_output_tokens: int | None
    expires_at: datetime
    remaining: Amounts
    terms: Terms
    score: int
    ageing: int
    sleeve: str
    propensity: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClaimReceipt:
    """Where a claim and its item stand now; `remaining` is what its entity has left, in parts."""

    claim: str
    item: str
    entity: EntityKey
    state: str
    item_state: str
    expires_at: datetime
    remaining: Amounts


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of a result: `state` is finished, failed or late; the reward is None where it teaches nothing.

    `charged` is None where the reservation had been ended by itself and nothing more was used.
    """

    claim: str
    item: str
    entity: EntityKey
    state: str
    item_state: str
    charged: Charged | None
    edges: tuple[EdgeLine, ...]
    gains: tuple[GainLine, ...]
    outputs: tuple[EntityKey, ...]
    reward: int | None
    remaining: Amounts
    opened: tuple[str, ...]
    retry_at: datetime | None = None
