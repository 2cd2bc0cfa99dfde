"""Budgets that bind: what may be used is reserved before, and settled, voided or expired after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from scidex.core.machine import Table
from scidex.entities import EntityKey
from scidex.metering import RESOURCE_OF, Price, UsageEvent

FLEET, ACTOR, PROVIDER, ENTITY = "fleet", "actor", "provider", "entity"
SCOPES = (FLEET, ACTOR, PROVIDER, ENTITY)
SECOND, DAY, TOTAL = "second", "day", "total"
WINDOWS = (SECOND, DAY, TOTAL)
BUDGET_UNITS = (*RESOURCE_OF, "usd")
"""Every unit that an artifact may have a budget in."""
VECTOR_LONGEST = len(RESOURCE_OF)
EVENTS_MAX = 1000

Amounts = tuple[tuple[str, int], ...]
"""Parts by unit, in the order of the units' names."""


class LimitKey(NamedTuple):
    """Of whom, and of what: scope is fleet, actor, provider or entity; the subject of the fleet is empty."""

    scope: str
    subject: str
    unit: str

    def __str__(self) -> str:
        return f"{self.subject or self.scope} {self.unit}"


class Limit(NamedTuple):
    """A cap on what is used and held within a window, in parts.

    `cap` None means the policy's, and where the policy has none, no cap. `override_cap` counts in its place until the
    window ends. What is held stays held when a window ends: it may be used in the new one.
    """

    scope: str
    subject: str
    unit: str
    window: str
    cap: int | None
    used: int
    held: int
    window_started_at: datetime
    warned: bool = False
    override_cap: int | None = None

    @property
    def key(self) -> LimitKey:
        """Scope, subject and unit."""
        return LimitKey(self.scope, self.subject, self.unit)


class Reservation(NamedTuple):
    """What an actor has set aside of an artifact's budget for a piece of work, all or nothing.

    `amounts` were set aside in the artifact's accounts, usd among them where it has a budget in dollars; `usd` is the
    bound that the daily caps count. `counted` are the limits that hold the reservation. `used`, in parts, is what it
    has taken so far, which no longer is held.
    """

    reservation: str
    entity: EntityKey
    actor: str
    amounts: Amounts
    usd: int
    counted: tuple[LimitKey, ...]
    model: str | None
    provider: str | None
    work: str | None
    max_output_tokens: int | None
    estimated: bool
    state: str
    late: bool
    placed_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    used: Amounts = ()
    used_usd: int = 0

    @property
    def held(self) -> dict[str, int]:
        """What is still set aside, by unit: nothing once it has ended."""
        if self.state != "open":
            return {}
        used = dict(self.used)
        return {unit: max(0, amount - used.get(unit, 0)) for unit, amount in self.amounts}

    @property
    def overrun(self) -> Amounts:
        """What was used beyond what was reserved, by unit."""
        if self.used == self.amounts:
            return ()
        reserved = dict(self.amounts)
        return tuple((unit, used - reserved.get(unit, 0)) for unit, used in self.used if used > reserved.get(unit, 0))


class Budget(NamedTuple):
    """What operators set for an artifact: the editable row.

    `budgets` are the grants last set, in parts; what was granted, spent and reserved in truth stands in the accounts,
    so that the two cannot drift. `roi_score` None is unknown. `used_at` is the last reservation, heartbeat or charge,
    to within an hour; `noticed_at` is when the artifact was told that its idle grant returns.
    """

    entity: EntityKey
    pool: str | None
    budgets: Amounts
    storage_hours: int
    priority_score: float | None
    market_weight: float | None
    roi_score: float | None
    cycle: str | None
    updated_at: datetime
    version: int
    used_at: datetime
    noticed_at: datetime | None = None

    @property
    def usd_binds(self) -> bool:
        """Whether the artifact has a budget in dollars besides the daily caps."""
        return any(unit == "usd" for unit, _ in self.budgets)


class BudgetEventKey(NamedTuple):
    """The journal number of the command, and which of its events this is."""

    number: int
    line: int


class BudgetEvent(NamedTuple):
    """Something to be seen by people: a cap almost reached, an override, a debt, a notice, a return; in parts."""

    number: int
    line: int
    at: datetime
    sort: str
    scope: str
    subject: str
    unit: str
    amount: int
    cap: int | None
    note: str | None


RESERVATIONS: Table[str, Reservation] = Table("budget_reservation", rank=82)
BUDGETS: Table[EntityKey, Budget] = Table("resource_budgets", rank=85)
LIMITS: Table[LimitKey, Limit] = Table("budget_limit", rank=88, group=lambda key: key)
"""Each key is its own group: to load a group keeps rows from coming into being, which a new limit needs."""
BUDGET_EVENTS: Table[BudgetEventKey, BudgetEvent] = Table("budget_event", rank=94, append_only=True)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a call without a stated bound is taken to need: LLM tokens in all, of which at most so many are output."""

    unit: str
    tokens: int
    max_output_tokens: int


@dataclass(frozen=True, slots=True)
class Reserve:
    """Set a vector of resources of an artifact aside, in parts, for at most `seconds`.

    `usd` and `max_output_tokens` are bounds that the caller states; without them `bound` and `estimate`, which the
    action gathers, take their place. `input_tokens` is what the caller said of the call, and has been reckoned with.
    """

    entity: EntityKey
    amounts: Amounts
    seconds: int
    usd: int | None = None
    model: str | None = None
    provider: str | None = None
    work: str | None = None
    max_output_tokens: int | None = None
    estimate: Estimate | None = None
    bound: int | None = None
    input_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Settle:
    """Record what a reservation was used for and release the rest, or keep that set aside if `more` is to come.

    `prices`, gathered by the action, has one price for each event that states none, in their order.
    """

    reservation: str
    events: tuple[UsageEvent, ...]
    prices: tuple[Price, ...] = ()
    more: bool | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """Record usage that nobody reserved; it is charged whether or not the budget has it."""

    entity: EntityKey
    events: tuple[UsageEvent, ...]
    prices: tuple[Price, ...] = ()


@dataclass(frozen=True, slots=True)
class ObserveStore:
    """Note how many bytes an artifact stores from `at` on (None: from now), and charge what has accrued until then.

    No size means the same as before.
    """

    entity: EntityKey
    store: str
    size: int | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class VoidReservation:
    """Release a reservation of which nothing was used."""

    reservation: str


@dataclass(frozen=True, slots=True)
class ExtendReservation:
    """Let a reservation run for `seconds` from now: the heartbeat of work that goes on."""

    reservation: str
    seconds: int


@dataclass(frozen=True, slots=True)
class ExpireReservation:
    """Release a reservation whose time is over."""

    reservation: str


@dataclass(frozen=True, slots=True)
class SetBudget:
    """Make the grants of an artifact these, in parts; the differences move between pool and budget.

    A score that is None stays as it is. With a version it is meant for that one only: 0 where none was ever set.
    """

    entity: EntityKey
    pool: str
    budgets: Amounts
    priority_score: float | None = None
    market_weight: float | None = None
    cycle: str | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class SetLimit:
    """Cap what is used of a unit within a window, in parts; no cap returns to the policy's."""

    scope: str
    subject: str
    unit: str
    window: str
    cap: int | None = None


@dataclass(frozen=True, slots=True)
class OverrideLimit:
    """Put another cap in the place of a limit's until its window ends."""

    scope: str
    subject: str
    unit: str
    cap: int
    reason: str


@dataclass(frozen=True, slots=True)
class GiveNotice:
    """Tell an artifact that its grant has been idle and will return to the pool.

    The action gathers the units that it has anything left of, and when an allocation last granted it anything.
    """

    entity: EntityKey
    units: tuple[str, ...] = ()
    granted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReturnGrant:
    """Move what is left of an idle grant back into a pool: that of its budget, or else `pool`, whence it came."""

    entity: EntityKey
    units: tuple[str, ...] = ()
    pool: str | None = None
    granted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reserved:
    """What is set aside, in parts; `max_output_tokens` is the cap to send with the call."""

    reservation: str
    amounts: Amounts
    usd: int
    max_output_tokens: int | None
    estimated: bool
    expires_at: datetime
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Charged:
    """What was used, in parts; `debts` are the units in which the budget is now below zero, and by how much.

    `repeated` counts the events that had been recorded before and were not charged again.
    """

    reservation: str | None
    used: Amounts
    used_usd: int
    overrun: Amounts
    debts: Amounts
    late: bool
    repeated: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReservationReceipt:
    """Where a reservation stands now."""

    reservation: str
    state: str
    amounts: Amounts
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class BudgetSet:
    """The budget's new version, and what moved from the pool by unit: below zero what went back."""

    entity: EntityKey
    pool: str
    moved: Amounts
    version: int


@dataclass(frozen=True, slots=True)
class LimitSet:
    """Where a limit stands now, in parts; `cap` is the one in force."""

    scope: str
    subject: str
    unit: str
    window: str
    cap: int | None
    used: int
    held: int
    resets_at: datetime | None


@dataclass(frozen=True, slots=True)
class IdleReceipt:
    """What an idle grant has left, in parts: to be returned at `due_at`, or returned if that is None."""

    entity: EntityKey
    amounts: Amounts
    due_at: datetime | None


class BudgetLine(NamedTuple):
    """One unit of an artifact's budget: granted = spent + reserved + available; a debt is available below zero."""

    unit: str
    granted: int
    reserved: int
    spent: int
    available: int

    @property
    def debt(self) -> int:
        """What was used beyond what was granted."""
        return max(0, -self.available)


def window_end(window: str, started_at: datetime) -> datetime | None:
    """When a window ends: a day at midnight UTC, a total never."""
    if window == TOTAL:
        return None
    return started_at + (timedelta(days=1) if window == DAY else timedelta(seconds=1))
