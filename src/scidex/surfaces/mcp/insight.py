"""Tools that show the economy at a glance."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from scidex.core.db import Tx
from scidex.insight import attention, pipeline, pools
from scidex.surfaces.mcp.tool import Topic
from scidex.views import When, insight

INSIGHT = Topic()
_WEEK = timedelta(days=7)


@INSIGHT.finds("insight_pipeline", example={"top": 5})
def insight_pipeline(
    tx: Tx,
    since: Annotated[When | None, Field(description="from the whole hour before this; by default a week ago")] = None,
    until: Annotated[When | None, Field(description="by default now")] = None,
    top: Annotated[int, Field(ge=1, le=100, description="how many artifacts are shown one by one")] = 5,
) -> insight.PipelineView:
    """From capital (bids, bounties, subsidy, grants) over artifacts and resources spent to knowledge gained."""
    end = until or tx.now
    return insight.pipeline_view(pipeline(tx, since=since or end - _WEEK, until=end, top=top), tx.now)


@INSIGHT.finds("insight_pools", example={})
def insight_pools(tx: Tx) -> insight.PoolsView:
    """What each pool has free, what is granted, reserved and spent out of it, and the caps of the fleet."""
    return insight.pools_view(pools(tx), tx.now)


@INSIGHT.finds("insight_attention", example={})
def insight_attention(tx: Tx) -> insight.AttentionView:
    """What needs somebody's decision, the urgent first."""
    return insight.attention_view(attention(tx), tx.now)
