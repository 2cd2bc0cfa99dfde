"""The economy at a glance: from capital to knowledge, pools, what needs a decision."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from scidex.core.db import Tx
from scidex.entities import EntityKey
from scidex.insight import attention, listed, pipeline, pools
from scidex.surfaces.http.inputs import After, AsReader, Limit
from scidex.views import Page, Text, When, cursor, insight, names_of, page

router = APIRouter(prefix="/api/economics", tags=["insight"])


@router.get("/pipeline")
def get_pipeline(
    reader: AsReader,
    since: Annotated[When | None, Query(description="from the whole hour before this; by default a week ago")] = None,
    until: Annotated[When | None, Query(description="by default now")] = None,
    top: Annotated[int, Query(ge=1, le=100, description="how many artifacts are shown one by one")] = 12,
) -> insight.PipelineView:
    """From capital (bids, bounties, subsidy, grants) over artifacts and resources spent to knowledge gained."""

    def work(tx: Tx) -> insight.PipelineView:
        end = until or tx.now
        return insight.pipeline_view(pipeline(tx, since=since or end - timedelta(days=7), until=end, top=top), tx.now)

    return reader.read(work)


@router.get("/artifacts")
def get_artifacts(
    reader: AsReader,
    words: Annotated[Text, Query(description="only those with all of these words, or words that begin so")] = "",
    after: After = None,
    limit: Limit = 100,
) -> Page[insight.ListedView]:
    """Artifacts by type and id, each with where the market on it stands; found by words of title and id."""

    def work(tx: Tx) -> Page[insight.ListedView]:
        found = listed(tx, words=words, after=EntityKey(*names_of(after, 2)), limit=limit + 1)
        return page(Page[insight.ListedView], found, limit, insight.listed_view, lambda row: cursor(*row.entity))

    return reader.read(work)


@router.get("/pools")
def get_pools(reader: AsReader) -> insight.PoolsView:
    """What each pool has free, what is granted, reserved and spent out of it; the caps of the fleet."""
    return reader.read(lambda tx: insight.pools_view(pools(tx), tx.now))


@router.get("/attention")
def get_attention(reader: AsReader) -> insight.AttentionView:
    """What needs a decision, the urgent first."""
    return reader.read(lambda tx: insight.attention_view(attention(tx), tx.now))
