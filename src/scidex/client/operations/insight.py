"""Requests of the server: insight; made by `python -m tests.house.pages`."""

from __future__ import annotations

from datetime import datetime

from scidex.client.answers import Page
from scidex.client.models.insight import AttentionView, ListedView, PipelineView, PoolsView
from scidex.client.request import Request


def get_pipeline(
    *, since: datetime | None = None, until: datetime | None = None, top: int | None = None
) -> Request[PipelineView]:
    """From capital (bids, bounties, subsidy, grants) over artifacts and resources spent to knowledge gained."""
    return Request("GET", "/api/economics/pipeline", PipelineView, query={"since": since, "until": until, "top": top})


def get_artifacts(
    *, words: str | None = None, after: str | None = None, limit: int | None = None
) -> Request[Page[ListedView]]:
    """Artifacts by type and id, each with where the market on it stands; found by words of title and id."""
    return Request(
        "GET", "/api/economics/artifacts", Page[ListedView], query={"words": words, "after": after, "limit": limit}
    )


def get_pools() -> Request[PoolsView]:
    """What each pool has free, what is granted, reserved and spent out of it; the caps of the fleet."""
    return Request("GET", "/api/economics/pools", PoolsView)


def get_attention() -> Request[AttentionView]:
    """What needs a decision, the urgent first."""
    return Request("GET", "/api/economics/attention", AttentionView)
