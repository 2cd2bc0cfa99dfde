"""Requests of the server: work; made by `python -m tests.house.pages`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

from scidex.client.answers import Page
from scidex.client.models.work import (
    ClaimedReceipt,
    FinishedReceipt,
    WorkClaimDone,
    WorkClaimView,
    WorkItemDone,
    WorkItemView,
)
from scidex.client.operations.budgets_2 import UsedGiven
from scidex.client.operations.knowledge import EdgeGiven, GainGiven
from scidex.client.request import Amount, Request


class NewOutputGiven(TypedDict):
    """A registered artifact that the work has produced."""

    output_type: str
    output_id: str
    builds_on: NotRequired[Sequence[Sequence[Any]]]


def post_work_item(
    *,
    artifact_id: str,
    kind: str,
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
    payload: Mapping[str, Any] | None = None,
    after: Sequence[str] | None = None,
    attempts: int | None = None,
    delay_s: int | None = None,
    idempotency_key: str | None = None,
) -> Request[WorkItemDone]:
    """Put a piece of work on an artifact into the queue, with the most that it may take of its budget."""
    return Request(
        "POST",
        "/api/work/items",
        WorkItemDone,
        body={
            "artifact_id": artifact_id,
            "kind": kind,
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
            "payload": payload,
            "after": after,
            "attempts": attempts,
            "delay_s": delay_s,
        },
        key=idempotency_key,
        keyed=True,
    )


def get_work_items(
    *,
    state: Literal["waiting", "open", "claimed", "finished", "dead", "withdrawn"] | None = None,
    kind: str | None = None,
    artifact_id: str | None = None,
    artifact_type: str | None = None,
    after: int | None = None,
    limit: int | None = None,
) -> Request[Page[WorkItemView]]:
    """The queue, the oldest first."""
    return Request(
        "GET",
        "/api/work/items",
        Page[WorkItemView],
        query={
            "state": state,
            "kind": kind,
            "artifact_id": artifact_id,
            "artifact_type": artifact_type,
            "after": after,
            "limit": limit,
        },
    )


def get_work_item(item: str) -> Request[WorkItemView]:
    """An item as it is now."""
    return Request("GET", "/api/work/items/{item}", WorkItemView, places={"item": item})


def post_work_withdraw(
    item: str, *, reason: str, if_match: str | None = None, idempotency_key: str | None = None
) -> Request[WorkItemDone]:
    """Take an item that nobody works on out of the queue; for its proposer or an operator."""
    return Request(
        "POST",
        "/api/work/items/{item}/withdraw",
        WorkItemDone,
        places={"item": item},
        body={"reason": reason},
        if_match=if_match,
        key=idempotency_key,
        keyed=True,
    )


def post_work_revive(
    item: str, *, if_match: str | None = None, idempotency_key: str | None = None
) -> Request[WorkItemDone]:
    """Let a dead letter be tried again, with all its attempts; for operators."""
    return Request(
        "POST",
        "/api/work/items/{item}/revive",
        WorkItemDone,
        places={"item": item},
        if_match=if_match,
        key=idempotency_key,
        keyed=True,
    )


def post_work_claim(
    *,
    kinds: Sequence[str] | None = None,
    seconds: int | None = None,
    wait_s: float | None = None,
    idempotency_key: str | None = None,
) -> Request[ClaimedReceipt]:
    """Take the next piece of work, with its budget reserved, for as long as the claim runs."""
    return Request(
        "POST",
        "/api/work/claim",
        ClaimedReceipt,
        body={"kinds": kinds, "seconds": seconds, "wait_s": wait_s},
        key=idempotency_key,
        keyed=True,
    )


def get_work_claims(
    *,
    actor: str | None = None,
    item: str | None = None,
    state: Literal["held", "finished", "failed", "returned", "expired", "late"] | None = None,
    before: int | None = None,
    limit: int | None = None,
) -> Request[Page[WorkClaimView]]:
    """Claims, the newest first, with why each was chosen."""
    return Request(
        "GET",
        "/api/work/claims",
        Page[WorkClaimView],
        query={"actor": actor, "item": item, "state": state, "before": before, "limit": limit},
    )


def get_work_claim(claim: str) -> Request[WorkClaimView]:
    """A claim as it is now."""
    return Request("GET", "/api/work/claims/{claim}", WorkClaimView, places={"claim": claim})


def post_work_heartbeat(
    claim: str, *, seconds: int | None = None, idempotency_key: str | None = None
) -> Request[WorkClaimDone]:
    """Hold a claim and its reservation for so many seconds from now; for who holds it."""
    return Request(
        "POST",
        "/api/work/claims/{claim}/heartbeat",
        WorkClaimDone,
        places={"claim": claim},
        body={"seconds": seconds},
        key=idempotency_key,
        keyed=True,
    )


def post_work_finish(
    claim: str,
    *,
    used: Sequence[UsedGiven] | None = None,
    edges: Sequence[EdgeGiven] | None = None,
    gains: Sequence[GainGiven] | None = None,
    outputs: Sequence[NewOutputGiven] | None = None,
    note: str | None = None,
    idempotency_key: str | None = None,
) -> Request[FinishedReceipt]:
    """End a claim with its result: what was used is charged, what was found is counted, all of it or nothing."""
    return Request(
        "POST",
        "/api/work/claims/{claim}/finish",
        FinishedReceipt,
        places={"claim": claim},
        body={"used": used, "edges": edges, "gains": gains, "outputs": outputs, "note": note},
        key=idempotency_key,
        keyed=True,
    )
