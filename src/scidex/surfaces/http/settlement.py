"""How markets end: proposals on evidence, disputes, decisions, and what is paid."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from starlette.responses import Response

from scidex.core.db import Tx
from scidex.exchange.settlement import (
    find_settlements,
    standing,
)
from scidex.surfaces.http.inputs import After, AsCaller, AsReader, Limit
from scidex.surfaces.http.versions import MATCHED
from scidex.views import Page, Text, market_deeds, page, settlement

router = APIRouter(prefix="/api/market", tags=["markets"])


@router.post("/resolution", response_model=settlement.SettlementDone, responses=MATCHED)
def post_resolution(body: market_deeds.ResolutionBody, caller: AsCaller) -> Response:
    """Propose how a market ends, with a bond; for those without a stake in it, once its trading is over."""
    return caller.do(body)


@router.post("/dispute", response_model=settlement.SettlementDone)
def post_dispute(body: market_deeds.DisputeBody, caller: AsCaller) -> Response:
    """Say within the window that the proposal is wrong, with a bond as large."""
    return caller.do(body)


@router.post("/decide", response_model=settlement.SettlementDone)
def post_decision(body: market_deeds.DecisionBody, caller: AsCaller) -> Response:
    """Decide a dispute; for reviewers without a stake in it."""
    return caller.do(body)


@router.post("/advance", response_model=settlement.SettlementDone)
def post_advance(body: market_deeds.EndingBody, caller: AsCaller) -> Response:
    """Take the step that time has made due; anybody may, and the server does by itself."""
    return caller.do(body)


@router.post("/staged", response_model=settlement.SettlementDone)
def post_staged(body: market_deeds.EndingBody, caller: AsCaller) -> Response:
    """Let an outcome be proposed only after every stage; for the funder, before the first trade."""
    return caller.do(market_deeds.StagedTerms(**dict(body)))


@router.post("/stage", response_model=settlement.SettlementDone)
def post_stage(body: market_deeds.StageBody, caller: AsCaller) -> Response:
    """Record the next stage of a staged market; for resolvers without a stake in it."""
    return caller.do(body)


@router.get("/settlements")
def get_settlements(
    reader: AsReader,
    state: Literal["waiting", "proposed", "disputed", "final", "done"] | None = None,
    after: After = None,
    limit: Limit = 100,
) -> Page[settlement.SettlementLine]:
    """Markets whose end has begun, by id."""

    def work(tx: Tx) -> Page[settlement.SettlementLine]:
        found = find_settlements(tx, state=state, after=after or "", limit=limit + 1)
        return page(Page[settlement.SettlementLine], found, limit, settlement.settlement_line, lambda row: row.market)

    return reader.read(work)


@router.get("/settlements/{market:path}")
def get_settlement(market: Text, reader: AsReader) -> settlement.SettlementView:
    """How a market's end stands: what happens next, every case with its evidence, and who is paid what."""
    return reader.read(lambda tx: settlement.settlement_view(standing(tx, market)))
