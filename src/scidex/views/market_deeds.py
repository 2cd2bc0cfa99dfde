"""What is asked of markets one at a time: how they open, how their liquidity is planned, and how they end."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from scidex.core.db import Tx
from scidex.core.units import parse_amount
from scidex.entities import find_entity
from scidex.exchange.liquidity import cancel_change, plan_liquidity
from scidex.exchange.markets import find_market, open_market, place_order
from scidex.exchange.settlement import (
    Evidence,
    advance_settlement,
    decide_dispute,
    dispute_resolution,
    propose_resolution,
    record_stage,
    stage_market,
)
from scidex.views.asks import Amount, Deed, Text, When, example
from scidex.views.dealings import MarketTerms
from scidex.views.liquidity import (
    ChangeReceipt,
    ChangeTerms,
    PlanReceipt,
    change_receipt,
    plan_key,
    plan_receipt,
)
from scidex.views.markets import OpenedReceipt, OrderReceipt, opened_receipt, order_receipt
from scidex.views.orders import order_in_words
from scidex.views.settlement import SettlementDone, settlement_done
from scidex.views.words import PRICE

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


class OpenBody(Deed):
    """A new market on an artifact; its maker's stake, liquidity * ln(number of outcomes) from uniform prices, is paid
    by the actor, or by a pool."""

    model_config = example(
        market="tau-by-2027",
        artifact_id="tau-spreads-trans-synaptically",
        question="Will the main result be replicated by the end of 2027?",
        liquidity=100,
        closes_at="2027-12-31T00:00:00Z",
    )

    market: Text = Field(description="the id that the new market gets")
    artifact_id: Text
    artifact_type: Text | None = None
    question: Text
    outcomes: list[Text] = ["yes", "no"]
    liquidity: Amount | None = Field(
        default=None, description="b, in tokens: the larger, the less a trade moves the prices; or give subsidy"
    )
    subsidy: Amount | None = Field(default=None, description="tokens for the stake; b is the largest that they cover")
    treasury: Text | None = Field(
        default=None, description="the pool that pays, for operators; without liquidity and subsidy b is the policy's"
    )
    prices: list[Amount] | None = Field(default=None, description="start prices, which sum to 1; uniform if left out")
    closes_at: When | None = Field(default=None, description="when it takes no more trades, with its zone")
    liquidity_changes: list[ChangeTerms] | None = Field(
        default=None, description="how its liquidity changes later, planned in the same transaction"
    )

    def do(self, tx: Tx, key: str | None) -> OpenedReceipt:
        """Refuses what `find_entity`, `parse_amount`, `open_market` and `plan_liquidity` do."""
        prices = None
        if self.prices is not None:
            prices = [parse_amount(price, PRICE, field="prices", zero=True) for price in self.prices]
        receipt = open_market(
            tx,
            market=self.market,
            artifact=find_entity(tx, entity_id=self.artifact_id, entity_type=self.artifact_type).key,
            question=self.question,
            outcomes=self.outcomes,
            liquidity=None if self.liquidity is None else parse_amount(self.liquidity, field="liquidity"),
            subsidy=None if self.subsidy is None else parse_amount(self.subsidy, field="subsidy"),
            prices=prices,
            closes_at=self.closes_at,
            treasury=self.treasury,
            key=key,
        )
        if self.liquidity_changes:
            changes = [terms.planned() for terms in self.liquidity_changes]
            plan_liquidity(tx, market=self.market, changes=changes, key=plan_key(key))
        return opened_receipt(find_market(tx, self.market), receipt)


class PlanBody(Deed):
    """How a market's liquidity is to change later."""

    model_config = example(market="tau-by-2027", changes=[{"at": "2027-06-30T00:00:00Z", "liquidity": 50}])

    market: Text
    changes: list[ChangeTerms]

    def do(self, tx: Tx, key: str | None) -> PlanReceipt:
        """Refuses what `plan_liquidity` does."""
        changes = [terms.planned() for terms in self.changes]
        return plan_receipt(plan_liquidity(tx, market=self.market, changes=changes, key=key))


class CancelPlanBody(Deed):
    """Which planned change is taken back."""

    model_config = example(market="tau-by-2027", change="l17-1")

    market: Text
    change: Text

    def do(self, tx: Tx, key: str | None) -> ChangeReceipt:
        """Refuses what `cancel_change` does."""
        return change_receipt(cancel_change(tx, market=self.market, change=self.change, key=key))


class WordsBody(MarketTerms, Deed):
    """An order in plain words."""

    model_config = example(market="tau-by-2027", say="stake 25 tokens that it holds")

    say: Text

    def do(self, tx: Tx, key: str | None) -> OrderReceipt:
        """Refuses what `order_in_words` and `place_order` do."""
        market = self.found(tx)
        order = order_in_words(market, self.say)
        receipt = place_order(
            tx,
            market=order.market,
            outcome=order.outcome,
            side=order.side,
            shares=order.shares,
            spend=order.spend,
            to_price=order.to_price,
            key=key,
        )
        return order_receipt(market.outcomes, receipt)


class ResolutionBody(Deed):
    """How a market ends, on which evidence."""

    model_config = example(market="tau-by-2027", outcome="yes", evidence=[_BENCHMARK])

    market: Text
    ruling: Literal["outcome", "void"] = "outcome"
    outcome: Text | None = Field(default=None, description="one of the market's, unless the ruling is void")
    evidence: Proof
    replaces: int | None = Field(
        default=None, description="the version of the settlement to replace, where it is settled already"
    )

    def do(self, tx: Tx, key: str | None) -> SettlementDone:
        """Refuses what `propose_resolution` does."""
        receipt = propose_resolution(
            tx,
            market=self.market,
            ruling=self.ruling,
            outcome=self.outcome,
            evidence=self.evidence,
            replaces=self.replaces,
            key=key,
        )
        return settlement_done(receipt)


class DisputeBody(Deed):
    """What is right instead, on which evidence."""

    model_config = example(market="tau-by-2027", outcome="no", evidence=[_REPLICATION])

    market: Text
    ruling: Literal["outcome", "void", "unproven"] = "outcome"
    outcome: Text | None = None
    evidence: Proof
    case: int | None = Field(default=None, description="the number of the case that is meant, as a guard")

    def do(self, tx: Tx, key: str | None) -> SettlementDone:
        """Refuses what `dispute_resolution` does."""
        receipt = dispute_resolution(
            tx,
            market=self.market,
            ruling=self.ruling,
            outcome=self.outcome,
            evidence=self.evidence,
            case=self.case,
            key=key,
        )
        return settlement_done(receipt)


class DecisionBody(Deed):
    """What is right, and why."""

    model_config = example(market="tau-by-2027", outcome="no", reason="the replication is the larger and the later one")

    market: Text
    ruling: Literal["outcome", "void", "unproven"] = "outcome"
    outcome: Text | None = None
    reason: Text
    case: int | None = Field(default=None, description="the number of the case that is meant, as a guard")

    def do(self, tx: Tx, key: str | None) -> SettlementDone:
        """Refuses what `decide_dispute` does."""
        receipt = decide_dispute(
            tx,
            market=self.market,
            ruling=self.ruling,
            outcome=self.outcome,
            reason=self.reason,
            case=self.case,
            key=key,
        )
        return settlement_done(receipt)


class EndingBody(Deed):
    """Which market."""

    model_config = example(market="tau-by-2027")

    market: Text

    def do(self, tx: Tx, key: str | None) -> SettlementDone:
        """Take the step that time has made due. Refuses what `advance_settlement` does."""
        return settlement_done(advance_settlement(tx, market=self.market, key=key))


class StagedTerms(EndingBody):
    """Which market is to go through stages."""

    def do(self, tx: Tx, key: str | None) -> SettlementDone:
        """Refuses what `stage_market` does."""
        return settlement_done(stage_market(tx, market=self.market, key=key))


class StageBody(Deed):
    """The stage that a staged market has reached, and the evidence of it."""

    model_config = example(market="tau-by-2027", stage="registered", evidence=[_BENCHMARK])

    market: Text
    stage: Text = Field(description="registered, run, replicated, reviewed: in this order")
    evidence: Proof

    def do(self, tx: Tx, key: str | None) -> SettlementDone:
        """Refuses what `record_stage` does."""
        return settlement_done(record_stage(tx, market=self.market, stage=self.stage, evidence=self.evidence, key=key))
