"""Requests of the server: work_2; made by `python -m tests.house.pages`."""

from __future__ import annotations

from collections.abc import Sequence

from scidex.client.models.work import FinishedReceipt, WorkClaimDone
from scidex.client.operations.budgets_2 import UsedGiven
from scidex.client.request import Request


def post_work_fail(
    claim: str, *, reason: str, used: Sequence[UsedGiven] | None = None, idempotency_key: str | None = None
) -> Request[FinishedReceipt]:
    """End a claim without a result; what was used is charged all the same, and the item is tried again later."""
    return Request(
        "POST",
        "/api/work/claims/{claim}/fail",
        FinishedReceipt,
        places={"claim": claim},
        body={"reason": reason, "used": used},
        key=idempotency_key,
        keyed=True,
    )


def post_work_return(claim: str, *, idempotency_key: str | None = None) -> Request[WorkClaimDone]:
    """Give a claim back of which nothing was used: it counts as no attempt."""
    return Request(
        "POST",
        "/api/work/claims/{claim}/return",
        WorkClaimDone,
        places={"claim": claim},
        key=idempotency_key,
        keyed=True,
    )
