"""Requests of the server: bounties; made by `python -m tests.house.pages`."""

from __future__ import annotations

from typing import Literal

from scidex.client.answers import Page
from scidex.client.models.bounties import (
    BountyDone,
    BountyView,
    ClaimDone,
    FundingView,
    PaymentView,
    WorkDone,
    WorkView,
)
from scidex.client.request import Amount, Request


def post_bounty(
    *,
    artifact_id: str,
    amount: Amount,
    purpose: str,
    artifact_type: str | None = None,
    seconds: int | None = None,
    idempotency_key: str | None = None,
) -> Request[BountyDone]:
    """Put tokens in escrow for progress on an artifact."""
    return Request(
        "POST",
        "/api/market/bounties",
        BountyDone,
        body={
            "artifact_id": artifact_id,
            "amount": amount,
            "purpose": purpose,
            "artifact_type": artifact_type,
            "seconds": seconds,
        },
        key=idempotency_key,
        keyed=True,
    )


def get_bounties(
    *,
    artifact_id: str | None = None,
    artifact_type: str | None = None,
    state: Literal["open", "awarded", "refunded", "expired"] | None = None,
    order: Literal["amount", "age", "expiry"] | None = None,
    offset: int | None = None,
    limit: int | None = None,
) -> Request[Page[BountyView]]:
    """Bounties in order, the largest remainder first."""
    return Request(
        "GET",
        "/api/market/bounties",
        Page[BountyView],
        query={
            "artifact_id": artifact_id,
            "artifact_type": artifact_type,
            "state": state,
            "order": order,
            "offset": offset,
            "limit": limit,
        },
    )


def get_bounty(bounty: str) -> Request[BountyView]:
    """A bounty and what remains of it."""
    return Request("GET", "/api/market/bounties/{bounty}", BountyView, places={"bounty": bounty})


def get_bounty_funders(bounty: str) -> Request[list[FundingView]]:
    """Who has put how much into it, the first first."""
    return Request("GET", "/api/market/bounties/{bounty}/funders", list[FundingView], places={"bounty": bounty})


def get_bounty_submissions(bounty: str) -> Request[list[WorkView]]:
    """What was submitted to it and how that was judged, the first first."""
    return Request("GET", "/api/market/bounties/{bounty}/submissions", list[WorkView], places={"bounty": bounty})


def get_bounty_payments(
    bounty: str, *, offset: int | None = None, limit: int | None = None
) -> Request[Page[PaymentView]]:
    """What left its escrow, the latest first: awards, refunds, draws for compute."""
    return Request(
        "GET",
        "/api/market/bounties/{bounty}/payments",
        Page[PaymentView],
        places={"bounty": bounty},
        query={"offset": offset, "limit": limit},
    )


def post_bounty_add(bounty: str, *, amount: Amount, idempotency_key: str | None = None) -> Request[BountyDone]:
    """Put more tokens into a bounty, whoever offered it."""
    return Request(
        "POST",
        "/api/market/bounties/{bounty}/add",
        BountyDone,
        places={"bounty": bounty},
        body={"amount": amount},
        key=idempotency_key,
        keyed=True,
    )


def post_bounty_claim(
    bounty: str, *, seconds: int | None = None, idempotency_key: str | None = None
) -> Request[ClaimDone]:
    """Take a bounty on for a while, or renew one's claim; a claim lapses by itself."""
    return Request(
        "POST",
        "/api/market/bounties/{bounty}/claim",
        ClaimDone,
        places={"bounty": bounty},
        body={"seconds": seconds},
        key=idempotency_key,
        keyed=True,
    )


def post_bounty_release(bounty: str, *, idempotency_key: str | None = None) -> Request[ClaimDone]:
    """Let one's claim go before it lapses."""
    return Request(
        "POST",
        "/api/market/bounties/{bounty}/release",
        ClaimDone,
        places={"bounty": bounty},
        key=idempotency_key,
        keyed=True,
    )


def post_bounty_submit(
    bounty: str, *, output_id: str, note: str, output_type: str | None = None, idempotency_key: str | None = None
) -> Request[WorkDone]:
    """Put forward what one made, under one's claim."""
    return Request(
        "POST",
        "/api/market/bounties/{bounty}/submit",
        WorkDone,
        places={"bounty": bounty},
        body={"output_id": output_id, "note": note, "output_type": output_type},
        key=idempotency_key,
        keyed=True,
    )


def post_bounty_award(
    bounty: str,
    *,
    output_id: str,
    output_type: str | None = None,
    amount: Amount | None = None,
    idempotency_key: str | None = None,
) -> Request[WorkDone]:
    """Pay for submitted work; for its poster, or a reviewer without a stake."""
    return Request(
        "POST",
        "/api/market/bounties/{bounty}/award",
        WorkDone,
        places={"bounty": bounty},
        body={"output_id": output_id, "output_type": output_type, "amount": amount},
        key=idempotency_key,
        keyed=True,
    )


def post_bounty_decline(
    bounty: str, *, output_id: str, reason: str, output_type: str | None = None, idempotency_key: str | None = None
) -> Request[WorkDone]:
    """Judge submitted work not to be what was asked for."""
    return Request(
        "POST",
        "/api/market/bounties/{bounty}/decline",
        WorkDone,
        places={"bounty": bounty},
        body={"output_id": output_id, "reason": reason, "output_type": output_type},
        key=idempotency_key,
        keyed=True,
    )


def post_refund(bounty: str, *, idempotency_key: str | None = None) -> Request[BountyDone]:
    """Give back what remains to its funders, in proportion; for its poster."""
    return Request(
        "POST",
        "/api/market/bounties/{bounty}/refund",
        BountyDone,
        places={"bounty": bounty},
        key=idempotency_key,
        keyed=True,
    )
