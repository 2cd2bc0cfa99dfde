"""Requests of the server: budgets; made by `python -m tests.house.pages`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from scidex.client.answers import Page
from scidex.client.models.budgets import (
    AllocationReceipt,
    AllocationRowView,
    BudgetEventView,
    BudgetSetReceipt,
    BudgetView,
    CycleView,
    EnvelopeView,
    LimitReceipt,
    LimitView,
    SpendingReceipt,
)
from scidex.client.request import Amount, Request


def get_resource_budgets(
    *, artifact_type: str | None = None, limit: int | None = None, offset: int | None = None
) -> Request[Page[BudgetView]]:
    """Artifacts ranked by their capital-weighted budget, the largest first."""
    return Request(
        "GET",
        "/api/market/resource-budgets",
        Page[BudgetView],
        query={"artifact_type": artifact_type, "limit": limit, "offset": offset},
    )


def get_resource_budget(artifact_id: str, *, artifact_type: str | None = None) -> Request[BudgetView]:
    """The capital-weighted budget of an artifact now, with every ingredient, its source and its age."""
    return Request(
        "GET",
        "/api/market/resource-budgets/{artifact_id}",
        BudgetView,
        places={"artifact_id": artifact_id},
        query={"artifact_type": artifact_type},
    )


def post_allocate(
    *,
    pool: str,
    unit: str,
    cycle: str,
    artifact_type: str | None = None,
    amount: Amount | None = None,
    floor: Amount | None = None,
    idempotency_key: str | None = None,
) -> Request[AllocationReceipt]:
    """Share a pool exactly among all that claim of it now, and move the grants; for operators."""
    return Request(
        "POST",
        "/api/market/allocate",
        AllocationReceipt,
        body={
            "pool": pool,
            "unit": unit,
            "cycle": cycle,
            "artifact_type": artifact_type,
            "amount": amount,
            "floor": floor,
        },
        key=idempotency_key,
        keyed=True,
    )


def get_allocations(
    artifact_type: str, artifact_id: str, *, before: int | None = None, limit: int | None = None
) -> Request[Page[AllocationRowView]]:
    """An artifact's grants and spendings, newest first."""
    return Request(
        "GET",
        "/api/economics/allocations/{artifact_type}/{artifact_id}",
        Page[AllocationRowView],
        places={"artifact_type": artifact_type, "artifact_id": artifact_id},
        query={"before": before, "limit": limit},
    )


def get_cycles(
    *, pool: str | None = None, before: int | None = None, limit: int | None = None
) -> Request[Page[CycleView]]:
    """How pools were shared, newest first."""
    return Request(
        "GET", "/api/economics/cycles", Page[CycleView], query={"pool": pool, "before": before, "limit": limit}
    )


def post_spending(
    *,
    artifact_id: str,
    amount: Amount,
    artifact_type: str | None = None,
    unit: str | None = None,
    note: str | None = None,
    idempotency_key: str | None = None,
) -> Request[SpendingReceipt]:
    """Take what was spent out of an artifact's budget; for operators."""
    return Request(
        "POST",
        "/api/economics/spending",
        SpendingReceipt,
        body={"artifact_id": artifact_id, "amount": amount, "artifact_type": artifact_type, "unit": unit, "note": note},
        key=idempotency_key,
        keyed=True,
    )


def get_budgets(
    *, artifact_type: str | None = None, after: str | None = None, limit: int | None = None
) -> Request[Page[EnvelopeView]]:
    """What operators granted, and how it stands, by artifact."""
    return Request(
        "GET",
        "/api/economics/budgets",
        Page[EnvelopeView],
        query={"artifact_type": artifact_type, "after": after, "limit": limit},
    )


def get_budget(artifact_type: str, artifact_id: str) -> Request[EnvelopeView]:
    """What an artifact was granted of each unit, what is reserved, spent and left of it."""
    return Request(
        "GET",
        "/api/economics/budgets/{artifact_type}/{artifact_id}",
        EnvelopeView,
        places={"artifact_type": artifact_type, "artifact_id": artifact_id},
    )


def put_budget(
    artifact_type: str,
    artifact_id: str,
    *,
    pool: str,
    budgets: Mapping[str, Amount],
    priority_score: float | None = None,
    market_weight: float | None = None,
    cycle: str | None = None,
    if_match: int | None = None,
    idempotency_key: str | None = None,
) -> Request[BudgetSetReceipt]:
    """Make the grants of an artifact these, out of a pool; for operators."""
    return Request(
        "PUT",
        "/api/economics/budgets/{artifact_type}/{artifact_id}",
        BudgetSetReceipt,
        places={"artifact_type": artifact_type, "artifact_id": artifact_id},
        body={
            "pool": pool,
            "budgets": budgets,
            "priority_score": priority_score,
            "market_weight": market_weight,
            "cycle": cycle,
        },
        if_match=if_match,
        key=idempotency_key,
        keyed=True,
    )


def get_limits(
    *, scope: Literal["fleet", "actor", "provider", "entity"] | None = None, subject: str | None = None
) -> Request[list[LimitView]]:
    """The caps that all must hold, and how far each is used; the fleet's dollars a day among them."""
    return Request("GET", "/api/economics/limits", list[LimitView], query={"scope": scope, "subject": subject})


def put_limit(
    *,
    scope: Literal["fleet", "actor", "provider", "entity"],
    unit: str,
    subject: str | None = None,
    window: Literal["second", "day", "total"] | None = None,
    cap: Amount | None = None,
    idempotency_key: str | None = None,
) -> Request[LimitReceipt]:
    """Cap what is used of a unit within a window; for operators."""
    return Request(
        "PUT",
        "/api/economics/limits",
        LimitReceipt,
        body={"scope": scope, "unit": unit, "subject": subject, "window": window, "cap": cap},
        key=idempotency_key,
        keyed=True,
    )


def post_override(
    *,
    cap: Amount,
    reason: str,
    scope: Literal["fleet", "actor", "provider", "entity"] | None = None,
    subject: str | None = None,
    unit: str | None = None,
    idempotency_key: str | None = None,
) -> Request[LimitReceipt]:
    """Put another cap in the place of a daily one until midnight UTC, and record why; for operators."""
    return Request(
        "POST",
        "/api/economics/limits/override",
        LimitReceipt,
        body={"cap": cap, "reason": reason, "scope": scope, "subject": subject, "unit": unit},
        key=idempotency_key,
        keyed=True,
    )


def get_events(
    *,
    sort: Literal["warning", "override", "debt", "returned", "notice"] | None = None,
    before: int | None = None,
    limit: int | None = None,
) -> Request[Page[BudgetEventView]]:
    """What people should see: caps almost reached, overrides, debts, notices to idle grants; newest first."""
    return Request(
        "GET", "/api/economics/events", Page[BudgetEventView], query={"sort": sort, "before": before, "limit": limit}
    )
