"""Requests of the server: senate_2; made by `python -m tests.house.pages`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from scidex.client.answers import Page
from scidex.client.models.senate import ProposalDone
from scidex.client.models.senate_3 import (
    DecisionView,
    PolicyDiffView,
    PolicyInFull,
    PolicyVersionView,
    ReviewPreview,
    ReviewReceipt,
    ReviewView,
    ScoresDone,
    SignalDone,
    WhyView,
)
from scidex.client.operations.senate import (
    BenchmarkResultGiven,
    GapProgressGiven,
    KnowledgeYieldGiven,
    MarketMoveGiven,
    PaperGiven,
)
from scidex.client.request import Amount, Request


def post_policy_proposal(
    *,
    changes: Mapping[str, Any],
    justification: str,
    evidence: Sequence[PaperGiven | MarketMoveGiven | KnowledgeYieldGiven | BenchmarkResultGiven | GapProgressGiven]
    | None = None,
    draft: bool | None = None,
    idempotency_key: str | None = None,
) -> Request[ProposalDone]:
    """Ask that fields of the policy change; each value is held to its bounds, and enacted after a vote and a
    notice.
    """
    return Request(
        "POST",
        "/api/senate/policy/proposals",
        ProposalDone,
        body={"changes": changes, "justification": justification, "evidence": evidence, "draft": draft},
        key=idempotency_key,
        keyed=True,
    )


def get_policy_in_force(*, version: int | None = None) -> Request[PolicyInFull]:
    """Every field of a version of the policy, by default of the one in force."""
    return Request("GET", "/api/senate/policy", PolicyInFull, query={"version": version})


def get_policy_history(*, before: int | None = None, limit: int | None = None) -> Request[Page[PolicyVersionView]]:
    """Versions of the policy, the newest first, and which proposals made them."""
    return Request(
        "GET", "/api/senate/policy/history", Page[PolicyVersionView], query={"before": before, "limit": limit}
    )


def get_policy_diff(*, before: int, after: int | None = None) -> Request[PolicyDiffView]:
    """What a version of the policy has otherwise than another, by default than the one in force."""
    return Request("GET", "/api/senate/policy/diff", PolicyDiffView, query={"before": before, "after": after})


def get_reviews(
    *,
    pool: str | None = None,
    sort: Literal["daily", "weekly"] | None = None,
    before: int | None = None,
    limit: int | None = None,
) -> Request[Page[ReviewView]]:
    """Reviews, newest first."""
    return Request(
        "GET",
        "/api/senate/reviews",
        Page[ReviewView],
        query={"pool": pool, "sort": sort, "before": before, "limit": limit},
    )


def post_review(
    *,
    pool: str,
    cycle: str,
    sort: Literal["daily", "weekly"] | None = None,
    seed: str | None = None,
    idempotency_key: str | None = None,
) -> Request[ReviewReceipt]:
    """Review every budget of a pool and enact what follows, all of it or nothing; for operators."""
    return Request(
        "POST",
        "/api/senate/reviews",
        ReviewReceipt,
        body={"pool": pool, "cycle": cycle, "sort": sort, "seed": seed},
        key=idempotency_key,
        keyed=True,
    )


def get_review_preview(
    *,
    cycle: str,
    pool: str,
    sort: Literal["daily", "weekly"] | None = None,
    seed: str | None = None,
    limit: int | None = None,
) -> Request[ReviewPreview]:
    """What a review would do now; nothing is changed."""
    return Request(
        "GET",
        "/api/senate/reviews/preview",
        ReviewPreview,
        query={"pool": pool, "cycle": cycle, "sort": sort, "seed": seed, "limit": limit},
    )


def get_review(pool: str, cycle: str) -> Request[ReviewView]:
    """The review of a pool in a cycle."""
    return Request("GET", "/api/senate/reviews/{pool}/{cycle}", ReviewView, places={"pool": pool, "cycle": cycle})


def get_review_decisions(
    pool: str, cycle: str, *, changed: bool | None = None, after: int | None = None, limit: int | None = None
) -> Request[Page[DecisionView]]:
    """What a review decided on each artifact, by type and id, with every input and the reasons."""
    return Request(
        "GET",
        "/api/senate/reviews/{pool}/{cycle}/decisions",
        Page[DecisionView],
        places={"pool": pool, "cycle": cycle},
        query={"changed": changed, "after": after, "limit": limit},
    )


def get_why(artifact_type: str, artifact_id: str) -> Request[WhyView]:
    """Why an artifact has the budget that it has: the latest decision on it, every input, and the reasons in
    words.
    """
    return Request(
        "GET",
        "/api/economics/why/{artifact_type}/{artifact_id}",
        WhyView,
        places={"artifact_type": artifact_type, "artifact_id": artifact_id},
    )


def get_decisions_on(
    artifact_type: str, artifact_id: str, *, before: int | None = None, limit: int | None = None
) -> Request[Page[WhyView]]:
    """What reviews have decided on an artifact, newest first."""
    return Request(
        "GET",
        "/api/economics/decisions/{artifact_type}/{artifact_id}",
        Page[WhyView],
        places={"artifact_type": artifact_type, "artifact_id": artifact_id},
        query={"before": before, "limit": limit},
    )


def post_signal(
    *,
    artifact_id: str,
    kind: Literal["paper", "debate", "replication", "kg_link", "goal", "interest"],
    value: Amount,
    artifact_type: str | None = None,
    weight: Amount | None = None,
    source: str | None = None,
    idempotency_key: str | None = None,
) -> Request[SignalDone]:
    """Record evidence or how an artifact serves a goal, as a reviewer; or how much it interests oneself."""
    return Request(
        "POST",
        "/api/economics/scores/signals",
        SignalDone,
        body={
            "artifact_id": artifact_id,
            "kind": kind,
            "value": value,
            "artifact_type": artifact_type,
            "weight": weight,
            "source": source,
        },
        key=idempotency_key,
        keyed=True,
    )


def post_compute(
    *, artifact_id: str, artifact_type: str | None = None, idempotency_key: str | None = None
) -> Request[ScoresDone]:
    """Write down what the signals of an artifact come to now, as its priority; the server does so by itself too."""
    return Request(
        "POST",
        "/api/economics/scores/compute",
        ScoresDone,
        body={"artifact_id": artifact_id, "artifact_type": artifact_type},
        key=idempotency_key,
        keyed=True,
    )
