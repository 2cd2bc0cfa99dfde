"""Requests of the server: earnings; made by `python -m tests.house.pages`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from scidex.client.answers import Page
from scidex.client.models.earnings import (
    EarningsView,
    EmissionView,
    OutputView,
    RecordedDone,
    RetractedDone,
    VerifiedDone,
)
from scidex.client.request import Amount, Request


class BuiltOnGiven(TypedDict):
    """A recorded output that another builds on."""

    output_type: str
    output_id: str


def get_earnings(*, actor: str | None = None) -> Request[EarningsView]:
    """What an actor earned by production: by kind, by period, royalties in and out, revoked, owed."""
    return Request("GET", "/api/token/earnings", EarningsView, query={"actor": actor})


def get_emission(*, offset: int | None = None, limit: int | None = None) -> Request[Page[EmissionView]]:
    """Periods of emission, the latest first: how much they may mint and have minted."""
    return Request("GET", "/api/token/emission", Page[EmissionView], query={"offset": offset, "limit": limit})


def get_output(output_type: str, output_id: str) -> Request[OutputView]:
    """An output, what it builds on, and what it was rewarded with."""
    return Request(
        "GET",
        "/api/token/outputs/{output_type}/{output_id}",
        OutputView,
        places={"output_type": output_type, "output_id": output_id},
    )


def post_output(
    *,
    output_id: str,
    output_type: str | None = None,
    builds_on: Sequence[BuiltOnGiven] | None = None,
    owner: str | None = None,
    idempotency_key: str | None = None,
) -> Request[RecordedDone]:
    """Say that a registered entity is an output, and what it builds on; for its producer."""
    return Request(
        "POST",
        "/api/token/outputs",
        RecordedDone,
        body={"output_id": output_id, "output_type": output_type, "builds_on": builds_on, "owner": owner},
        key=idempotency_key,
        keyed=True,
    )


def post_output_verified(
    *,
    output_id: str,
    kind: str,
    note: str,
    output_type: str | None = None,
    quality: Amount | None = None,
    idempotency_key: str | None = None,
) -> Request[VerifiedDone]:
    """Verify an output and mint its reward; for reviewers without a stake in it."""
    return Request(
        "POST",
        "/api/token/verify",
        VerifiedDone,
        body={"output_id": output_id, "kind": kind, "note": note, "output_type": output_type, "quality": quality},
        key=idempotency_key,
        keyed=True,
    )


def post_output_retracted(
    *, output_id: str, reason: str, output_type: str | None = None, idempotency_key: str | None = None
) -> Request[RetractedDone]:
    """Retract an output and revoke its rewards; for its producer or a reviewer."""
    return Request(
        "POST",
        "/api/token/retract",
        RetractedDone,
        body={"output_id": output_id, "reason": reason, "output_type": output_type},
        key=idempotency_key,
        keyed=True,
    )
