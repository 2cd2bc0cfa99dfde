"""Requests of the server: senate; made by `python -m tests.house.pages`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, NotRequired, TypedDict

from scidex.client.answers import Page
from scidex.client.models.senate import PreviewView, ProposalDone, ProposalEventView, ProposalLine, ProposalView
from scidex.client.request import Amount, Request


class ExpectedGiven(TypedDict):
    """What is expected of the grant."""

    measure: str
    amount: Amount
    within_s: int


class PaperGiven(TypedDict):
    """A paper by its PMID, and what it shows."""

    reference: str
    shows: str
    sort: Literal["paper"]


class MarketMoveGiven(TypedDict):
    """That the price of a market's outcome (by default its first) for decisions changed so much between two times."""

    market: str
    since: datetime
    until: datetime
    change: Amount
    outcome: NotRequired[str | None]
    sort: Literal["market"]


class KnowledgeYieldGiven(TypedDict):
    """That work on an artifact has gained at least so many edges of the Atlas, in the shares that are its own."""

    entity_type: str
    entity_id: str
    edges: Amount
    sort: Literal["knowledge"]


class BenchmarkResultGiven(TypedDict):
    """What a metric of a benchmark came to; by a registered entity (`type:id`), a PMID, a DOI or an address."""

    reference: str
    benchmark: str
    metric: str
    value: Amount
    sort: Literal["benchmark"]


class GapProgressGiven(TypedDict):
    """What has been closed of a gap; by a registered entity (`type:id`), a PMID, a DOI or an address."""

    reference: str
    says: str
    sort: Literal["gap"]


def post_proposal(
    *,
    artifact_id: str,
    requested: Mapping[str, Amount],
    justification: str,
    expected: Sequence[ExpectedGiven],
    artifact_type: str | None = None,
    pool: str | None = None,
    evidence: Sequence[PaperGiven | MarketMoveGiven | KnowledgeYieldGiven | BenchmarkResultGiven | GapProgressGiven]
    | None = None,
    draft: bool | None = None,
    idempotency_key: str | None = None,
) -> Request[ProposalDone]:
    """Ask a pool for a grant to an artifact; reviewers are drawn and decide, and with the deciding vote it is
    paid.
    """
    return Request(
        "POST",
        "/api/senate/proposals",
        ProposalDone,
        body={
            "artifact_id": artifact_id,
            "requested": requested,
            "justification": justification,
            "expected": expected,
            "artifact_type": artifact_type,
            "pool": pool,
            "evidence": evidence,
            "draft": draft,
        },
        key=idempotency_key,
        keyed=True,
    )


def get_proposals(
    *,
    state: Literal["draft", "open", "approved", "rejected", "deferred", "expired", "withdrawn", "enacted"]
    | None = None,
    sort: Literal["grant", "policy"] | None = None,
    artifact_id: str | None = None,
    artifact_type: str | None = None,
    reviewer: str | None = None,
    offset: int | None = None,
    limit: int | None = None,
) -> Request[Page[ProposalLine]]:
    """Proposals, the newest first."""
    return Request(
        "GET",
        "/api/senate/proposals",
        Page[ProposalLine],
        query={
            "state": state,
            "sort": sort,
            "artifact_id": artifact_id,
            "artifact_type": artifact_type,
            "reviewer": reviewer,
            "offset": offset,
            "limit": limit,
        },
    )


def get_proposal(proposal: str) -> Request[ProposalView]:
    """A proposal with its evidence, its reviewers and votes, and what happens next."""
    return Request("GET", "/api/senate/proposals/{proposal}", ProposalView, places={"proposal": proposal})


def get_proposal_events(
    proposal: str, *, offset: int | None = None, limit: int | None = None
) -> Request[Page[ProposalEventView]]:
    """Its steps, votes and comments, the first first."""
    return Request(
        "GET",
        "/api/senate/proposals/{proposal}/events",
        Page[ProposalEventView],
        places={"proposal": proposal},
        query={"offset": offset, "limit": limit},
    )


def get_proposal_preview(proposal: str) -> Request[PreviewView]:
    """Who would gain and who would lose by it now."""
    return Request("GET", "/api/senate/proposals/{proposal}/preview", PreviewView, places={"proposal": proposal})


def get_preview(
    *, requested: Sequence[str], artifact_id: str, artifact_type: str | None = None, pool: str | None = None
) -> Request[PreviewView]:
    """Who would gain and who would lose, and how many would have to agree, before anything is proposed."""
    return Request(
        "GET",
        "/api/senate/preview",
        PreviewView,
        query={"artifact_id": artifact_id, "requested": requested, "artifact_type": artifact_type, "pool": pool},
    )


def post_proposal_open(proposal: str, *, idempotency_key: str | None = None) -> Request[ProposalDone]:
    """Put a draft, or what was put off by vote, to the vote; for its proposer."""
    return Request(
        "POST",
        "/api/senate/proposals/{proposal}/open",
        ProposalDone,
        places={"proposal": proposal},
        key=idempotency_key,
        keyed=True,
    )


def post_vote(
    proposal: str,
    *,
    choice: Literal["approve", "reject", "defer", "abstain"],
    reason: str,
    idempotency_key: str | None = None,
) -> Request[ProposalDone]:
    """Vote, or change one's vote; for reviewers who have a seat. Who abstains leaves it to the next of the draw."""
    return Request(
        "POST",
        "/api/senate/proposals/{proposal}/vote",
        ProposalDone,
        places={"proposal": proposal},
        body={"choice": choice, "reason": reason},
        key=idempotency_key,
        keyed=True,
    )


def post_comment(proposal: str, *, text: str, idempotency_key: str | None = None) -> Request[ProposalDone]:
    """Say something about a proposal, for everybody to read."""
    return Request(
        "POST",
        "/api/senate/proposals/{proposal}/comment",
        ProposalDone,
        places={"proposal": proposal},
        body={"text": text},
        key=idempotency_key,
        keyed=True,
    )


def post_withdrawal(proposal: str, *, reason: str, idempotency_key: str | None = None) -> Request[ProposalDone]:
    """Take a proposal back before it is decided; for its proposer."""
    return Request(
        "POST",
        "/api/senate/proposals/{proposal}/withdraw",
        ProposalDone,
        places={"proposal": proposal},
        body={"reason": reason},
        key=idempotency_key,
        keyed=True,
    )
