"""`scidex pipeline`, `scidex pools`, `scidex attention`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from scidex.core.db import Tx
from scidex.insight import attention as find_attention
from scidex.insight import pipeline as find_pipeline
from scidex.insight import pools as find_pools
from scidex.surfaces.cli.calls import reads
from scidex.views import insight

app = typer.Typer()


@reads(app, "pipeline")
def pipeline(
    tx: Tx,
    hours: Annotated[int, typer.Option("--hours", min=1, max=876_000, help="How far the period reaches back.")] = 168,
    top: Annotated[int, typer.Option("--top", min=1, max=100, help="Artifacts to show one by one.")] = 12,
) -> insight.PipelineView:
    """From capital (bids, bounties, subsidy, grants) over artifacts and resources spent to knowledge gained."""
    found = find_pipeline(tx, since=tx.now - timedelta(hours=hours), until=tx.now, top=top)
    return insight.pipeline_view(found, tx.now)


@reads(app, "pools")
def pools(tx: Tx) -> insight.PoolsView:
    """What each pool has free, what is granted, reserved and spent out of it; the caps of the fleet."""
    return insight.pools_view(find_pools(tx), tx.now)


@reads(app, "attention")
def attention(tx: Tx) -> insight.AttentionView:
    """What needs a decision, the urgent first."""
    return insight.attention_view(find_attention(tx), tx.now)
