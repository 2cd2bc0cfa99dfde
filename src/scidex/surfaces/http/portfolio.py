"""What decisions read off markets, portfolios, and the leaderboard by skill."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from scidex.core.db import Tx
from scidex.entities import find_entity
from scidex.exchange.portfolio import find_leaderboard, find_portfolio
from scidex.exchange.resource_allocator import find_standing
from scidex.policy import current
from scidex.surfaces.http.inputs import AsReader, Limit, Offset
from scidex.views import Page, PortfolioView, RankView, SignalView, Text, page, portfolio_view, rank_view, signal_view

router = APIRouter(prefix="/api/market", tags=["markets"])


@router.get("/signals/{artifact_id:path}")
def get_signals(
    artifact_id: Annotated[Text, Path(description="an artifact's id")],
    reader: AsReader,
    artifact_type: Annotated[Text | None, Query(description="needed where several artifacts have this id")] = None,
) -> SignalView:
    """What an artifact's market says in decisions, and what it would cost to make it say something else."""

    def work(tx: Tx) -> SignalView:
        artifact = find_entity(tx, entity_id=artifact_id, entity_type=artifact_type).key
        policy, version = current(tx)
        return signal_view(find_standing(tx, policy, artifact), version, tx.now)

    return reader.read(work)


@router.get("/portfolio/{actor:path}")
def get_portfolio(actor: Annotated[Text, Path(description="whose")], reader: AsReader) -> PortfolioView:
    """What an actor holds, at what it would really bring, how it fared, and how good its forecasts were."""
    return reader.read(lambda tx: portfolio_view(find_portfolio(tx, actor)))


@router.get("/leaderboard")
def get_leaderboard(reader: AsReader, limit: Limit = 20, offset: Offset = 0) -> Page[RankView]:
    """Who brings prices nearer to the truth: by skill with its interval, not by wealth."""

    def work(tx: Tx) -> Page[RankView]:
        found = list(enumerate(find_leaderboard(tx, offset=offset, limit=limit + 1), offset + 1))
        return page(Page[RankView], found, limit, lambda each: rank_view(each[1], each[0]), lambda each: each[0])

    return reader.read(work)
