"""Requests of the server: budgets_2; made by `python -m tests.house.pages`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NotRequired, TypedDict

from scidex.client.answers import Page
from scidex.client.models.budgets import ChargedReceipt, ReservationDone, ReservationView, ReservedReceipt
from scidex.client.request import Amount, Request


class UsedGiven(TypedDict):
    """Something that was used, once; input tokens include what came from a cache, output tokens include reasoning."""

    unit: NotRequired[
        Literal["llm_reasoning", "llm_standard", "llm_batch", "cpu_seconds", "storage_gb_hours", "api_calls"] | None
    ]
    amount: NotRequired[Amount | None]
    model: NotRequired[str | None]
    provider: NotRequired[str | None]
    input_tokens: NotRequired[Amount | None]
    output_tokens: NotRequired[Amount | None]
    cached_tokens: NotRequired[Amount | None]
    cache_write_tokens: NotRequired[Amount | None]
    usd: NotRequired[Amount | None]
    used_at: NotRequired[datetime | None]
    event: NotRequired[str | None]
    work: NotRequired[str | None]
    context: NotRequired[str | None]
    source: NotRequired[str]


def post_reservation(
    *,
    artifact_id: str,
    artifact_type: str | None = None,
    llm_tokens: Amount | None = None,
    tier: Literal["reasoning", "standard", "batch"] | None = None,
    llm_reasoning: Amount | None = None,
    llm_standard: Amount | None = None,
    llm_batch: Amount | None = None,
    cpu_seconds: Amount | None = None,
    storage_gb_hours: Amount | None = None,
    api_calls: Amount | None = None,
    model: str | None = None,
    provider: str | None = None,
    input_tokens: Amount | None = None,
    max_output_tokens: Amount | None = None,
    usd: Amount | None = None,
    work: str | None = None,
    seconds: int | None = None,
    idempotency_key: str | None = None,
) -> Request[ReservedReceipt]:
    """Set resources of an artifact's budget aside for a piece of work: all of it, or nothing."""
    return Request(
        "POST",
        "/api/economics/reservations",
        ReservedReceipt,
        body={
            "artifact_id": artifact_id,
            "artifact_type": artifact_type,
            "llm_tokens": llm_tokens,
            "tier": tier,
            "llm_reasoning": llm_reasoning,
            "llm_standard": llm_standard,
            "llm_batch": llm_batch,
            "cpu_seconds": cpu_seconds,
            "storage_gb_hours": storage_gb_hours,
            "api_calls": api_calls,
            "model": model,
            "provider": provider,
            "input_tokens": input_tokens,
            "max_output_tokens": max_output_tokens,
            "usd": usd,
            "work": work,
            "seconds": seconds,
        },
        key=idempotency_key,
        keyed=True,
    )


def get_reservations(
    *,
    artifact_id: str | None = None,
    artifact_type: str | None = None,
    actor: str | None = None,
    offset: int | None = None,
    limit: int | None = None,
) -> Request[Page[ReservationView]]:
    """The reservations that are open, oldest first."""
    return Request(
        "GET",
        "/api/economics/reservations",
        Page[ReservationView],
        query={
            "artifact_id": artifact_id,
            "artifact_type": artifact_type,
            "actor": actor,
            "offset": offset,
            "limit": limit,
        },
    )


def get_reservation(reservation: str) -> Request[ReservationView]:
    """A reservation as it is now."""
    return Request(
        "GET", "/api/economics/reservations/{reservation}", ReservationView, places={"reservation": reservation}
    )


def post_settle(
    reservation: str,
    *,
    used: Sequence[UsedGiven] | None = None,
    more: bool | None = None,
    idempotency_key: str | None = None,
) -> Request[ChargedReceipt]:
    """Record what a reservation was used for, charge it in full, and release the rest; for who reserved."""
    return Request(
        "POST",
        "/api/economics/reservations/{reservation}/settle",
        ChargedReceipt,
        places={"reservation": reservation},
        body={"used": used, "more": more},
        key=idempotency_key,
        keyed=True,
    )


def post_release(reservation: str, *, idempotency_key: str | None = None) -> Request[ReservationDone]:
    """Release a reservation of which nothing was used; for who reserved."""
    return Request(
        "POST",
        "/api/economics/reservations/{reservation}/void",
        ReservationDone,
        places={"reservation": reservation},
        key=idempotency_key,
        keyed=True,
    )


def post_extend(
    reservation: str, *, seconds: int | None = None, idempotency_key: str | None = None
) -> Request[ReservationDone]:
    """Let a reservation run for so many seconds from now: the heartbeat of long work; for who reserved."""
    return Request(
        "POST",
        "/api/economics/reservations/{reservation}/extend",
        ReservationDone,
        places={"reservation": reservation},
        body={"seconds": seconds},
        key=idempotency_key,
        keyed=True,
    )
