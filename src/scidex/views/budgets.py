"""Budgets and grants from outside."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction

from pydantic import Field

from scidex.core.journal import Receipt
from scidex.core.units import to_number, unit_named
from scidex.exchange.resource_allocator import (
    AllocationRow,
    Cycle,
    PoolAllocated,
    ResourceBudget,
    SpendingRecorded,
    explain,
)
from scidex.views.base import Done, View, done, tokens


class IngredientView(View):
    """A number with its source and its age."""

    value: float | None
    source: str
    age_s: float | None


class BudgetView(View):
    """An artifact's capital-weighted budget with every ingredient."""

    rank: int | None
    artifact_type: str
    artifact_id: str
    title: str
    market: str | None
    demand: float = Field(description="tokens at risk in positions and resting orders on the mean over the window")
    price: float | None = Field(
        description="lagged mean price of the market's first outcome; null and unknown where it cannot decide"
    )
    bounty_tokens: float
    uncertainty: float | None
    base: float
    budget: float = Field(description="the claim, in tokens")
    policy_version: int
    as_of: datetime
    ingredients: dict[str, IngredientView]
    attack_cost: float | None = Field(description="tokens that holding the price costs somebody who knows the answer")
    prize: float | None = Field(description="tokens of claim that holding it there wins; above the cost it counts not")


class GrantView(View):
    """One artifact's share of a pool, and why."""

    artifact_type: str
    artifact_id: str
    claim: float = Field(description="in tokens")
    floor: float
    cap: float
    grant: float
    binding: str = Field(description="which bound binds: floor, cap or none")
    why: str


class AllocationReceipt(Done):
    """How a pool was shared: the certificate."""

    pool: str
    unit: str
    cycle: str
    amount: float
    granted: float
    remainder: float
    theta: str = Field(
        description="the water level as an exact fraction: parts of the unit granted per 10^-6 token claimed"
    )
    grants: list[GrantView]


class AllocationRowView(View):
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


class CycleView(View):
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


class SpendingReceipt(Done):
    """What a budget still holds."""

    artifact_type: str
    artifact_id: str
    unit: str
    amount: float
    remaining: float


def budget_view(budget: ResourceBudget, rank: int | None = None) -> BudgetView:
    """A capital-weighted budget, with its place in a ranking if it has one."""
    return BudgetView(
        rank=rank,
        artifact_type=budget.artifact_type,
        artifact_id=budget.artifact_id,
        title=budget.title,
        market=budget.market,
        demand=budget.demand,
        price=budget.price,
        bounty_tokens=budget.bounty_tokens,
        uncertainty=budget.uncertainty,
        base=budget.base,
        budget=budget.budget,
        policy_version=budget.policy_version,
        as_of=budget.as_of,
        ingredients={
            name: IngredientView(value=found.value, source=found.source, age_s=found.age_s)
            for name, found in budget.ingredients.items()
        },
        attack_cost=budget.attack_cost,
        prize=budget.prize,
    )


def allocation_receipt(receipt: Receipt[PoolAllocated]) -> AllocationReceipt:
    """The receipt of a sharing."""
    shared = receipt.result
    unit, theta = unit_named(shared.unit), Fraction(shared.theta)
    return AllocationReceipt(
        **done(receipt),
        pool=shared.pool,
        unit=shared.unit,
        cycle=shared.cycle,
        amount=to_number(shared.amount, unit),
        granted=to_number(shared.granted, unit),
        remainder=to_number(shared.remainder, unit),
        theta=shared.theta,
        grants=[
            GrantView(
                artifact_type=line.artifact.entity_type,
                artifact_id=line.artifact.entity_id,
                claim=tokens(line.claim),
                floor=to_number(line.floor, unit),
                cap=to_number(line.cap, unit),
                grant=to_number(line.grant, unit),
                binding=line.binding,
                why=explain(line, theta, unit),
            )
            for line in shared.lines
        ],
    )


def allocation_row_view(row: AllocationRow) -> AllocationRowView:
    """A row of `resource_allocations`."""
    return AllocationRowView(
        number=row.number,
        line=row.line,
        created_at=row.at,
        sort=row.sort,
        artifact_type=row.artifact.entity_type,
        artifact_id=row.artifact.entity_id,
        unit=row.unit,
        amount=to_number(row.amount, unit_named(row.unit)),
        actor=row.actor,
        policy_version=row.policy_version,
        pool=row.pool,
        cycle=row.cycle,
        binding=row.binding,
        note=row.note,
    )


def cycle_view(cycle: Cycle) -> CycleView:
    """A sharing row."""
    unit = unit_named(cycle.unit)
    return CycleView(
        pool=cycle.pool,
        unit=cycle.unit,
        cycle=cycle.cycle,
        number=cycle.number,
        at=cycle.at,
        amount=to_number(cycle.amount, unit),
        granted=to_number(cycle.granted, unit),
        claims=cycle.claims,
        theta=cycle.theta,
    )


def spending_receipt(receipt: Receipt[SpendingRecorded]) -> SpendingReceipt:
    """The receipt of a spending."""
    spent, unit = receipt.result, unit_named(receipt.result.unit)
    return SpendingReceipt(
        **done(receipt),
        artifact_type=spent.artifact.entity_type,
        artifact_id=spent.artifact.entity_id,
        unit=spent.unit,
        amount=to_number(spent.amount, unit),
        remaining=to_number(spent.remaining, unit),
    )
