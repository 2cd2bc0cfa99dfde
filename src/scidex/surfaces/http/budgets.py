"""Budgets: what capital claims, how pools are shared, what was spent."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field
from starlette.responses import Response

from scidex.core.db import Tx
from scidex.core.units import parse_amount, unit_named
from scidex.entities import find_entity
from scidex.exchange.resource_allocator import (
    allocate_pool,
    compute_resource_budget,
    find_allocations,
    find_cycles,
    get_resource_budget_rankings,
    record_resource_spending,
)
from scidex.surfaces.http.inputs import AsCaller, AsReader, Limit, Offset
from scidex.views import (
    AllocationReceipt,
    AllocationRowView,
    Amount,
    Body,
    BudgetView,
    CycleView,
    Page,
    SpendingReceipt,
    Text,
    allocation_receipt,
    allocation_row_view,
    budget_view,
    cycle_view,
    example,
    page,
    spending_receipt,
)

router = APIRouter(tags=["budgets"])
Before = Annotated[int | None, Query(ge=1, le=2**62, description="the `next` of the page before")]


class AllocateBody(Body):
    """Which pool is shared, in which unit and cycle, and how much of it."""

    model_config = example(pool="main", unit="llm_standard", cycle="2026-W01", amount=1_000_000)

    pool: Text
    unit: Text
    cycle: Text = Field(description="a name for this sharing; a pool is shared once per unit and cycle")
    artifact_type: Text | None = Field(default=None, description="share among artifacts of this type only")
    amount: Amount | None = Field(default=None, description="whole units; all that the pool can spend if left out")
    floor: Amount | None = Field(
        default=None, description="the least for each, up to its cap; if left out, the policy's exploration share"
    )


class SpendingBody(Body):
    """What was spent of which artifact's budget."""

    model_config = example(
        artifact_id="tau-spreads-trans-synaptically", unit="llm_standard", amount=25_000, note="literature sweep"
    )

    artifact_id: Text
    artifact_type: Text | None = None
    unit: Text = "llm_standard"
    amount: Amount
    note: Text = ""


@router.get("/api/market/resource-budgets")
def get_resource_budgets(
    reader: AsReader,
    artifact_type: Annotated[Text | None, Query(description="only artifacts of this type")] = None,
    limit: Limit = 20,
    offset: Offset = 0,
) -> Page[BudgetView]:
    """Artifacts ranked by their capital-weighted budget, the largest first."""

    def work(tx: Tx) -> Page[BudgetView]:
        found = get_resource_budget_rankings(artifact_type, limit + 1, offset=offset, tx=tx)
        ranked = list(enumerate(found, start=offset + 1))
        return page(Page[BudgetView], ranked, limit, lambda row: budget_view(row[1], row[0]), lambda row: row[0])

    return reader.read(work)


@router.get("/api/market/resource-budgets/{artifact_id:path}")
def get_resource_budget(
    artifact_id: Annotated[Text, Path()],
    reader: AsReader,
    artifact_type: Annotated[Text | None, Query(description="needed where several artifacts have this id")] = None,
) -> BudgetView:
    """The capital-weighted budget of an artifact now, with every ingredient, its source and its age."""
    return reader.read(lambda tx: budget_view(compute_resource_budget(artifact_id, artifact_type, tx=tx)))


@router.post("/api/market/allocate", response_model=AllocationReceipt)
def post_allocate(body: AllocateBody, caller: AsCaller) -> Response:
    """Share a pool exactly among all that claim of it now, and move the grants; for operators."""

    def work(tx: Tx, key: str | None) -> AllocationReceipt:
        unit = unit_named(body.unit)
        receipt = allocate_pool(
            tx,
            pool=body.pool,
            unit=body.unit,
            cycle=body.cycle,
            artifact_type=body.artifact_type,
            amount=None if body.amount is None else parse_amount(body.amount, unit),
            floor=None if body.floor is None else parse_amount(body.floor, unit, field="floor", zero=True),
            key=key,
        )
        return allocation_receipt(receipt)

    return caller.change(work, body)


@router.get("/api/economics/allocations/{artifact_type}/{artifact_id:path}")
def get_allocations(
    artifact_type: Text, artifact_id: Text, reader: AsReader, before: Before = None, limit: Limit = 100
) -> Page[AllocationRowView]:
    """An artifact's grants and spendings, newest first."""

    def work(tx: Tx) -> Page[AllocationRowView]:
        artifact = find_entity(tx, entity_id=artifact_id, entity_type=artifact_type).key
        found = find_allocations(tx, artifact=artifact, before=before, limit=limit + 1)
        return page(Page[AllocationRowView], found, limit, allocation_row_view, lambda row: row.number)

    return reader.read(work)


@router.get("/api/economics/cycles")
def get_cycles(
    reader: AsReader,
    pool: Annotated[Text | None, Query(description="only of this pool")] = None,
    before: Before = None,
    limit: Limit = 100,
) -> Page[CycleView]:
    """How pools were shared, newest first."""

    def work(tx: Tx) -> Page[CycleView]:
        found = find_cycles(tx, pool=pool, before=before, limit=limit + 1)
        return page(Page[CycleView], found, limit, cycle_view, lambda row: row.number)

    return reader.read(work)


@router.post("/api/economics/spending", response_model=SpendingReceipt)
def post_spending(body: SpendingBody, caller: AsCaller) -> Response:
    """Take what was spent out of an artifact's budget; for operators."""

    def work(tx: Tx, key: str | None) -> SpendingReceipt:
        receipt = record_resource_spending(
            body.artifact_id,
            parse_amount(body.amount, unit_named(body.unit)),
            artifact_type=body.artifact_type,
            unit=body.unit,
            note=body.note,
            key=key,
            tx=tx,
        )
        return spending_receipt(receipt)

    return caller.change(work, body)
