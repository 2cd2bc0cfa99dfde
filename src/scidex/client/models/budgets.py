"""What the server answers: budgets; made by `python -m tests.house.pages`."""

from __future__ import annotations

from datetime import datetime

from scidex.client.answers import Answer, Receipt


class IngredientView(Answer):
    """A number with its source and its age."""

    value: float | None
    source: str
    age_s: float | None


class BudgetView(Answer):
    """An artifact's capital-weighted budget with every ingredient."""

    rank: int | None
    artifact_type: str
    artifact_id: str
    title: str
    market: str | None
    # tokens at risk in positions and resting orders on the mean over the window
    demand: float
    # lagged mean price of the market's first outcome; null and unknown where it cannot decide
    price: float | None
    bounty_tokens: float
    uncertainty: float | None
    base: float
    # the claim, in tokens
    budget: float
    policy_version: int
    as_of: datetime
    ingredients: dict[str, IngredientView]
    # tokens that holding the price costs somebody who knows the answer
    attack_cost: float | None
    # tokens of claim that holding it there wins; above the cost it counts not
    prize: float | None


class GrantView(Answer):
    """One artifact's share of a pool, and why."""

    artifact_type: str
    artifact_id: str
    # in tokens
    claim: float
    floor: float
    cap: float
    grant: float
    # which bound binds: floor, cap or none
    binding: str
    why: str


class AllocationReceipt(Receipt):
    """How a pool was shared: the certificate."""

    pool: str
    unit: str
    cycle: str
    amount: float
    granted: float
    remainder: float
    # the water level as an exact fraction: parts of the unit granted per 10^-6 token claimed
    theta: str
    grants: list[GrantView]


class AllocationRowView(Answer):
    """A grant or a spending of an artifact."""

    number: int
    line: int
    created_at: datetime
    sort: str
    artifact_type: str
    artifact_id: str
    unit: str
    amount: float
    actor: str
    policy_version: int
    pool: str | None
    cycle: str | None
    binding: str | None
    note: str | None


class CycleView(Answer):
    """One sharing of a pool."""

    pool: str
    unit: str
    cycle: str
    number: int
    at: datetime
    amount: float
    granted: float
    claims: int
    theta: str


class SpendingReceipt(Receipt):
    """What a budget still holds."""

    artifact_type: str
    artifact_id: str
    unit: str
    amount: float
    remaining: float


class EnvelopeLine(Answer):
    """One unit of an artifact's budget: granted = spent + reserved + available."""

    unit: str
    granted: float
    reserved: float
    spent: float
    # below zero in a debt
    available: float
    debt: float


class EnvelopeView(Answer):
    """What operators set for an artifact, and how its budget stands."""

    artifact_type: str
    artifact_id: str
    pool: str | None
    # the grants last set by operators, by unit
    budgets: dict[str, float]
    priority_score: float | None
    market_weight: float | None
    # null is unknown
    roi_score: float | None
    cycle: str | None
    version: int | None
    updated_at: datetime | None
    # when it was last used, to within an hour
    used_at: datetime | None
    # when it was told that its idle grant returns to the pool
    noticed_at: datetime | None
    lines: list[EnvelopeLine]


class BudgetSetReceipt(Receipt):
    """What moved between the pool and the budget, by unit: below zero what went back."""

    artifact_type: str
    artifact_id: str
    pool: str
    moved: dict[str, float]
    version: int


class LimitView(Answer):
    """A cap as it stands now."""

    scope: str
    subject: str
    unit: str
    window: str
    # the one in force; null where there is none
    cap: float | None
    used: float
    held: float
    resets_at: datetime | None


class LimitReceipt(Receipt):
    """Where a cap stands after a command."""

    scope: str
    subject: str
    unit: str
    window: str
    # the one in force; null where there is none
    cap: float | None
    used: float
    held: float
    resets_at: datetime | None


class BudgetEventView(Answer):
    """Something to be seen by people: a cap almost reached, an override, a debt, a notice, a return."""

    number: int
    line: int
    at: datetime
    sort: str
    scope: str
    subject: str
    unit: str
    amount: float
    cap: float | None
    note: str | None


class ReservedReceipt(Receipt):
    """What is set aside now; send `max_output_tokens` with the call."""

    reservation: str
    amounts: dict[str, float]
    usd: float
    max_output_tokens: int | None
    estimated: bool
    expires_at: datetime
    # caps that are almost reached
    warnings: list[str]


class ReservationView(Answer):
    """What is set aside of an artifact's budget for a piece of work."""

    reservation: str
    artifact_type: str
    artifact_id: str
    actor: str
    # what was set aside, by unit
    amounts: dict[str, float]
    # the bound in dollars that the daily caps count
    usd: float
    model: str | None
    provider: str | None
    work: str | None
    max_output_tokens: int | None
    # whether the amounts are what such calls have needed so far
    estimated: bool
    # open, settled, voided or expired
    state: str
    # whether it was settled after its time
    late: bool
    placed_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    used: dict[str, float]
    used_usd: float
    # what was used beyond what was reserved
    overrun: dict[str, float]


class ChargedReceipt(Receipt):
    """What was used and left the budget."""

    reservation: str | None
    used: dict[str, float]
    used_usd: float
    overrun: dict[str, float]
    # by unit, how far the budget is below zero: a grant has to repay it first
    debts: dict[str, float]
    late: bool
    # events that had been counted before, and were not charged again
    repeated_events: int
    warnings: list[str]


class ReservationDone(Receipt):
    """Where a reservation stands after a command."""

    reservation: str
    state: str
    amounts: dict[str, float]
    expires_at: datetime
