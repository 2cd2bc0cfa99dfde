"""Requests of the server: usage; made by `python -m tests.house.pages`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from scidex.client.answers import Page
from scidex.client.models.budgets import ChargedReceipt
from scidex.client.models.usage import ModelView, UsageHourView, UsageTotalView, UsageView
from scidex.client.request import Amount, Request


def post_usage(
    *,
    artifact_id: str,
    unit: Literal["llm_reasoning", "llm_standard", "llm_batch", "cpu_seconds", "storage_gb_hours", "api_calls"]
    | None = None,
    amount: Amount | None = None,
    model: str | None = None,
    provider: str | None = None,
    input_tokens: Amount | None = None,
    output_tokens: Amount | None = None,
    cached_tokens: Amount | None = None,
    cache_write_tokens: Amount | None = None,
    usd: Amount | None = None,
    used_at: datetime | None = None,
    event: str | None = None,
    work: str | None = None,
    context: str | None = None,
    source: str | None = None,
    artifact_type: str | None = None,
    idempotency_key: str | None = None,
) -> Request[ChargedReceipt]:
    """Record usage that nobody reserved; the budget pays whether or not it can."""
    return Request(
        "POST",
        "/api/economics/usage",
        ChargedReceipt,
        body={
            "artifact_id": artifact_id,
            "unit": unit,
            "amount": amount,
            "model": model,
            "provider": provider,
            "input_tokens": input_tokens,
            "output_tokens": output_tokens,
            "cached_tokens": cached_tokens,
            "cache_write_tokens": cache_write_tokens,
            "usd": usd,
            "used_at": used_at,
            "event": event,
            "work": work,
            "context": context,
            "source": source,
            "artifact_type": artifact_type,
        },
        key=idempotency_key,
        keyed=True,
    )


def get_usage(
    *,
    artifact_id: str | None = None,
    artifact_type: str | None = None,
    actor: str | None = None,
    model: str | None = None,
    unit: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: str | None = None,
    limit: int | None = None,
) -> Request[Page[UsageView]]:
    """Rows of usage, the latest first."""
    return Request(
        "GET",
        "/api/economics/usage",
        Page[UsageView],
        query={
            "artifact_id": artifact_id,
            "artifact_type": artifact_type,
            "actor": actor,
            "model": model,
            "unit": unit,
            "since": since,
            "until": until,
            "before": before,
            "limit": limit,
        },
    )


def get_usage_hours(
    *,
    artifact_id: str | None = None,
    artifact_type: str | None = None,
    actor: str | None = None,
    model: str | None = None,
    unit: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after: str | None = None,
    limit: int | None = None,
) -> Request[Page[UsageHourView]]:
    """Sums by the hour, the earliest first; exact at every moment."""
    return Request(
        "GET",
        "/api/economics/usage/hours",
        Page[UsageHourView],
        query={
            "artifact_id": artifact_id,
            "artifact_type": artifact_type,
            "actor": actor,
            "model": model,
            "unit": unit,
            "since": since,
            "until": until,
            "after": after,
            "limit": limit,
        },
    )


def get_usage_totals(
    *,
    by: Literal["unit", "model", "provider", "actor", "entity"] | None = None,
    artifact_id: str | None = None,
    artifact_type: str | None = None,
    actor: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = None,
) -> Request[list[UsageTotalView]]:
    """Sums of whole hours, the dearest first."""
    return Request(
        "GET",
        "/api/economics/usage/totals",
        list[UsageTotalView],
        query={
            "by": by,
            "artifact_id": artifact_id,
            "artifact_type": artifact_type,
            "actor": actor,
            "since": since,
            "until": until,
            "limit": limit,
        },
    )


def post_stored(
    *,
    artifact_id: str,
    store: str,
    artifact_type: str | None = None,
    size: int | None = None,
    at: datetime | None = None,
    idempotency_key: str | None = None,
) -> Request[ChargedReceipt]:
    """Note how much an artifact stores, and charge the GB-hours that have accrued since the last time."""
    return Request(
        "POST",
        "/api/economics/stored",
        ChargedReceipt,
        body={"artifact_id": artifact_id, "store": store, "artifact_type": artifact_type, "size": size, "at": at},
        key=idempotency_key,
        keyed=True,
    )


def get_model(
    model: str,
    *,
    provider: str | None = None,
    at: datetime | None = None,
    input_tokens: int | None = None,
    output_tokens: int | None = None,
    cached_tokens: int | None = None,
) -> Request[ModelView]:
    """In which tier a model is, and what a call of so many tokens costs on a day."""
    return Request(
        "GET",
        "/api/economics/models/{model}",
        ModelView,
        places={"model": model},
        query={
            "provider": provider,
            "at": at,
            "input_tokens": input_tokens,
            "output_tokens": output_tokens,
            "cached_tokens": cached_tokens,
        },
    )
