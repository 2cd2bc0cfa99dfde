"""`scidex signals`, `scidex portfolio`, `scidex leaderboard`."""

from __future__ import annotations

from typing import Annotated

import typer

from scidex import views
from scidex.core.db import Tx
from scidex.exchange.portfolio import find_leaderboard, find_portfolio
from scidex.exchange.resource_allocator import find_standing
from scidex.policy import current
from scidex.surfaces.cli.calls import Limit, Offset, reads
from scidex.surfaces.cli.words import Artifact, ArtifactType, artifact_of

app = typer.Typer()


@reads(app, "signals")
def signals(tx: Tx, artifact: Artifact, artifact_type: ArtifactType = None) -> views.SignalView:
    """What an artifact's market says in decisions, and what it would cost to make it say something else."""
    policy, version = current(tx)
    return views.signal_view(find_standing(tx, policy, artifact_of(tx, artifact, artifact_type)), version, tx.now)


@reads(app, "portfolio")
def portfolio(
    tx: Tx, whose: Annotated[str | None, typer.Argument(metavar="ACTOR", help="By default who asks.")] = None
) -> views.PortfolioView:
    """What an actor holds, at what it would really bring, how it fared, and how good its forecasts were."""
    return views.portfolio_view(find_portfolio(tx, tx.actor if whose is None else whose))


@reads(app, "leaderboard")
def leaderboard(tx: Tx, offset: Offset = 0, limit: Limit = 20) -> views.Page[views.RankView]:
    """Who brings prices nearer to the truth: by skill with its interval, not by wealth."""
    found = list(enumerate(find_leaderboard(tx, offset=offset, limit=limit + 1), offset + 1))
    return views.page(
        views.Page[views.RankView],
        found,
        limit,
        lambda each: views.rank_view(each[1], each[0]),
        lambda each: each[0],
    )
