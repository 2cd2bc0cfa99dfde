"""How markets end: proposals on evidence, disputes, decisions, and what is paid."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from scidex.core.db import Tx
from scidex.exchange.settlement import (
    Evidence,
    advance_settlement,
    decide_dispute,
    dispute_resolution,
    find_settlements,
    propose_resolution,
    record_stage,
    stage_market,
    standing,
)
from scidex.surfaces.http.inputs import After, AsCaller, AsReader, Limit
from scidex.views import Body, Page, Text, example, page, settlement

router = APIRouter(prefix="/api/market", tags=["markets"])

_BENCHMARK = {
    "sort": "benchmark",
    "reference": "doi:10.1038/s41586-021-03819-2",
    "benchmark": "CASP14",
    "metric": "median GDT",
    "value": "92.4",
    "threshold": "90",
    "passes": "at_least",
}
_REPLICATION = {
    "sort": "replication",
    "reference": "PMID:31978945",
    "result": "refuted",
    "samples": 120,
    "metric": "effect size",
    "value": "0.02",
}
Proof = Annotated[
    list[Evidence], Field(description="replication, verdict, benchmark or panel; each with a PMID, a DOI or an address")
]


class ResolutionBody(Body):
    """How a market ends, on which evidence."""

    model_config = example(market="tau-by-2027", outcome="yes", evidence=[_BENCHMARK])

    market: Text
    ruling: Literal["outcome", "void"] = "outcome"
    outcome: Text | None = Field(default=None, description="one of the market's, unless the ruling is void")
    evidence: Proof
    replaces: int | None = Field(
        default=None, description="the version of the settlement to replace, where it is settled already"
    )


class DisputeBody(Body):
    """What is right instead, on which evidence."""

    model_config = example(market="tau-by-2027", outcome="no", evidence=[_REPLICATION])

    market: Text
    ruling: Literal["outcome", "void", "unproven"] = "outcome"
    outcome: Text | None = None
    evidence: Proof
    case: int | None = Field(default=None, description="the number of the case that is meant, as a guard")


class DecisionBody(Body):
    """What is right, and why."""

    model_config = example(market="tau-by-2027", outcome="no", reason="the replication is the larger and the later one")

    market: Text
    ruling: Literal["outcome", "void", "unproven"] = "outcome"
    outcome: Text | None = None
    reason: Text
    case: int | None = Field(default=None, description="the number of the case that is meant, as a guard")


class EndingBody(Body):
    """Which market."""

    model_config = example(market="tau-by-2027")

    market: Text


class StageBody(Body):
    """The stage that a staged market has reached, and the evidence of it."""

    model_config = example(market="tau-by-2027", stage="registered", evidence=[_BENCHMARK])

    market: Text
    stage: Text = Field(description="registered, run, replicated, reviewed: in this order")
    evidence: Proof


@router.post("/resolution", response_model=settlement.SettlementDone)
def post_resolution(body: ResolutionBody, caller: AsCaller) -> Response:
    """Propose how a market ends, with a bond; for those without a stake in it, once its trading is over."""

    def work(tx: Tx, key: str | None) -> settlement.SettlementDone:
        receipt = propose_resolution(
            tx,
            market=body.market,
            ruling=body.ruling,
            outcome=body.outcome,
            evidence=body.evidence,
            replaces=body.replaces,
            key=key,
        )
        return settlement.settlement_done(receipt)

    return caller.change(work, body)


@router.post("/dispute", response_model=settlement.SettlementDone)
def post_dispute(body: DisputeBody, caller: AsCaller) -> Response:
    """Say within the window that the proposal is wrong, with a bond as large."""

    def work(tx: Tx, key: str | None) -> settlement.SettlementDone:
        receipt = dispute_resolution(
            tx,
            market=body.market,
            ruling=body.ruling,
            outcome=body.outcome,
            evidence=body.evidence,
            case=body.case,
            key=key,
        )
        return settlement.settlement_done(receipt)

    return caller.change(work, body)


@router.post("/decide", response_model=settlement.SettlementDone)
def post_decision(body: DecisionBody, caller: AsCaller) -> Response:
    """Decide a dispute; for reviewers without a stake in it."""

    def work(tx: Tx, key: str | None) -> settlement.SettlementDone:
        receipt = decide_dispute(
            tx,
            market=body.market,
            ruling=body.ruling,
            outcome=body.outcome,
            reason=body.reason,
            case=body.case,
            key=key,
        )
        return settlement.settlement_done(receipt)

    return caller.change(work, body)


@router.post("/advance", response_model=settlement.SettlementDone)
def post_advance(body: EndingBody, caller: AsCaller) -> Response:
    """Take the step that time has made due; anybody may, and the server does by itself."""
    return caller.change(
        lambda tx, key: settlement.settlement_done(advance_settlement(tx, market=body.market, key=key)), body
    )


@router.post("/staged", response_model=settlement.SettlementDone)
def post_staged(body: EndingBody, caller: AsCaller) -> Response:
    """Let an outcome be proposed only after every stage; for the funder, before the first trade."""
    return caller.change(
        lambda tx, key: settlement.settlement_done(stage_market(tx, market=body.market, key=key)), body
    )


@router.post("/stage", response_model=settlement.SettlementDone)
def post_stage(body: StageBody, caller: AsCaller) -> Response:
    """Record the next stage of a staged market; for resolvers without a stake in it."""

    def work(tx: Tx, key: str | None) -> settlement.SettlementDone:
        receipt = record_stage(tx, market=body.market, stage=body.stage, evidence=body.evidence, key=key)
        return settlement.settlement_done(receipt)

    return caller.change(work, body)


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
