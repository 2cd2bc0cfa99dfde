"""What is asked of books, bounties and earnings, in the same words as a body of HTTP and as a line of a file."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Self

from pydantic import Field, model_validator

from scidex.core.db import Tx
from scidex.core.journal import Receipt
from scidex.core.units import parse_amount
from scidex.entities import EntityKey, find_entity
from scidex.exchange.bounties import AddToBounty, AwardBounty, ClaimBounty, OfferBounty, SubmitWork
from scidex.exchange.earnings import RecordOutput, RetractOutput, VerifyOutput
from scidex.exchange.markets import (
    CancelOrder,
    ChangeLiquidity,
    LimitOrder,
    Market,
    UnknownMarket,
    find_market,
    market_on,
)
from scidex.views.asks import Amount, Ask, Body, Seconds, Side, Text, When, artifact_of, example
from scidex.views.bounties import BountyDone, ClaimDone, WorkDone, bounty_done, claim_done, work_done
from scidex.views.earnings import (
    RecordedDone,
    RetractedDone,
    VerifiedDone,
    quality_of,
    recorded_done,
    retracted_done,
    verified_done,
)
from scidex.views.known import Known
from scidex.views.orders import (
    EndedReceipt,
    LiquidityReceipt,
    PlacedReceipt,
    ended_receipt,
    liquidity_receipt,
    placed_receipt,
)
from scidex.views.words import PRICE

_OUTPUT = {"output_type": "analysis", "output_id": "organoid-protocol-v1"}


class MarketTerms(Ask):
    """Which market: by its id, or by the artifact that it is on."""

    market: Text | None = Field(default=None, description="the market's id; or give artifact_id")
    artifact_id: Text | None = None
    artifact_type: Text | None = Field(default=None, description="needed where several artifacts have this id")

    @model_validator(mode="after")
    def _one_market(self) -> Self:
        if (self.market is None) == (self.artifact_id is None):
            raise ValueError("give one of market and artifact_id")
        return self

    def found(self, tx: Tx) -> Market:
        """The market as it is now. Refuses: UnknownMarket, UnknownEntity, EntityAmbiguous, NoMarket."""
        if self.market is not None:
            return find_market(tx, self.market)
        return market_on(tx, find_entity(tx, entity_id=self.artifact_id or "", entity_type=self.artifact_type).key)


class LimitBody(MarketTerms):
    """A limit order: what cannot be had at once rests in the book."""

    model_config = example(market="tau-by-2027", outcome="yes", shares=50, limit_price=0.4)

    outcome: Text
    side: Side = "buy"
    shares: Amount
    limit_price: Amount = Field(description="no share is bought above it, or sold below it; between 0 and 1")
    expires_at: When | None = Field(default=None, description="when what is left of it lapses, with its zone")

    def command(self, tx: Tx, known: Known) -> LimitOrder:
        """Refuses: UnknownMarket, UnknownEntity, EntityAmbiguous, NoMarket and what `parse_amount` refuses."""
        market = self.market or self.found(tx).market
        with suppress(UnknownMarket):  # the command is refused for it; the answer needs the outcomes
            known.outcomes(tx, market)
        shares = parse_amount(self.shares, field="shares")
        limit_price = parse_amount(self.limit_price, PRICE, field="limit_price", zero=True)
        return LimitOrder(market, self.outcome, self.side, shares, limit_price, self.expires_at)

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> PlacedReceipt:
        """What it traded and what rests."""
        return placed_receipt(known.outcomes(tx, receipt.result.market), receipt)


class CancelBody(Ask):
    """Which order leaves the book."""

    model_config = example(market="tau-by-2027", order="o17")

    market: Text
    order: Text

    def command(self, tx: Tx, known: Known) -> CancelOrder:
        """The command."""
        return CancelOrder(self.market, self.order)

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> EndedReceipt:
        """How it ended."""
        return ended_receipt(receipt)


class LiquidityBody(Ask):
    """A market's new liquidity."""

    model_config = example(market="tau-by-2027", liquidity=250)

    market: Text
    liquidity: Amount

    def command(self, tx: Tx, known: Known) -> ChangeLiquidity:
        """Refuses what `parse_amount` does."""
        with suppress(UnknownMarket):
            known.outcomes(tx, self.market)
        return ChangeLiquidity(self.market, parse_amount(self.liquidity, field="liquidity"))

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> LiquidityReceipt:
        """What it cost."""
        return liquidity_receipt(known.outcomes(tx, receipt.result.market), receipt)


class BountyBody(Ask):
    """How much, for progress on what, for how long."""

    model_config = example(
        artifact_id="human-blood-brain-organoid", amount=400, seconds=2_592_000, purpose="a first working protocol"
    )

    artifact_id: Text
    artifact_type: Text | None = None
    amount: Amount = Field(description="tokens, out of the actor's wallet")
    seconds: Seconds = Field(default=2_592_000, description="how long it stands before it goes back; 30 days")
    purpose: Text

    def command(self, tx: Tx, known: Known) -> OfferBounty:
        """Refuses: UnknownEntity, EntityAmbiguous and what `parse_amount` refuses."""
        artifact = artifact_of(tx, self.artifact_id, self.artifact_type)
        return OfferBounty(artifact, parse_amount(self.amount), self.seconds, self.purpose)

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> BountyDone:
        """Where the bounty stands."""
        return bounty_done(receipt)


class AddBody(Ask):
    """How much more."""

    model_config = example(amount=50)

    amount: Amount = Field(description="tokens, out of the actor's wallet")


class AddTerms(AddBody):
    """Which bounty gets how much more."""

    model_config = example(bounty="b17", amount=50)

    bounty: Text

    def command(self, tx: Tx, known: Known) -> AddToBounty:
        """Refuses what `parse_amount` does."""
        return AddToBounty(self.bounty, parse_amount(self.amount))

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> BountyDone:
        """Where the bounty stands."""
        return bounty_done(receipt)


class ClaimBody(Ask):
    """For how long."""

    model_config = example(seconds=86_400)

    seconds: Seconds = Field(default=86_400, description="how long the claim runs unless it is renewed; one day")


class ClaimTerms(ClaimBody):
    """Which bounty is taken on, for how long."""

    model_config = example(bounty="b17", seconds=86_400)

    bounty: Text

    def command(self, tx: Tx, known: Known) -> ClaimBounty:
        """The command."""
        return ClaimBounty(self.bounty, self.seconds)

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> ClaimDone:
        """Until when."""
        return claim_done(receipt)


class OutputBody(Ask):
    """Which registered entity is the work."""

    output_id: Text = Field(description="id of the entity that was made")
    output_type: Text | None = Field(default=None, description="needed where several entities have this id")

    def output(self, tx: Tx) -> EntityKey:
        """The entity that is meant. Refuses: UnknownEntity, EntityAmbiguous."""
        return artifact_of(tx, self.output_id, self.output_type)


class SubmitBody(OutputBody):
    """What was made for the bounty."""

    model_config = example(**_OUTPUT, note="ran three times, see logs")

    note: Text = Field(description="what it is, for who judges it")


class SubmitTerms(SubmitBody):
    """What was made for which bounty."""

    model_config = example(bounty="b17", **_OUTPUT, note="ran three times, see logs")

    bounty: Text

    def command(self, tx: Tx, known: Known) -> SubmitWork:
        """Refuses: UnknownEntity, EntityAmbiguous."""
        return SubmitWork(self.bounty, self.output(tx), self.note)

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> WorkDone:
        """Where the work stands."""
        return work_done(receipt)


class AwardBody(OutputBody):
    """What is paid for which work."""

    model_config = example(**_OUTPUT, amount=250)

    amount: Amount | None = Field(default=None, description="tokens; all that remains if left out")


class AwardTerms(AwardBody):
    """What which bounty pays for which work."""

    model_config = example(bounty="b17", **_OUTPUT, amount=250)

    bounty: Text

    def command(self, tx: Tx, known: Known) -> AwardBounty:
        """Refuses: UnknownEntity, EntityAmbiguous and what `parse_amount` refuses."""
        amount = None if self.amount is None else parse_amount(self.amount)
        return AwardBounty(self.bounty, self.output(tx), amount)

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> WorkDone:
        """Where the work stands."""
        return work_done(receipt)


class BuiltOn(Body):
    """A recorded output that another builds on."""

    output_type: Text
    output_id: Text


class RecordBody(OutputBody):
    """What was made, and what it builds on."""

    model_config = example(**_OUTPUT, builds_on=[{"output_type": "gap", "output_id": "human-blood-brain-organoid"}])

    builds_on: list[BuiltOn] = Field(default=[], description="recorded outputs; this never changes afterwards")
    owner: Text | None = Field(
        default=None, description="who stands behind the producer, where that is known; an operator says so"
    )

    def command(self, tx: Tx, known: Known) -> RecordOutput:
        """Refuses: UnknownEntity, EntityAmbiguous."""
        on = tuple(EntityKey(each.output_type, each.output_id) for each in self.builds_on)
        return RecordOutput(self.output(tx), on, self.owner)

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> RecordedDone:
        """Whom its royalties go to."""
        return recorded_done(receipt)


class VerifyBody(OutputBody):
    """That an output is what it says, as one of a kind, and how good it is."""

    model_config = example(**_OUTPUT, kind="evidence", quality=0.5, note="replicated in our lab")

    kind: Text = Field(description="debate, hypothesis, evidence, extraction, edge, gap, prediction or gate")
    quality: Amount = Field(default=0, description="from 0 to 1, at most three decimals")
    note: Text = Field(description="what was checked, and how")

    def command(self, tx: Tx, known: Known) -> VerifyOutput:
        """Refuses: UnknownEntity, EntityAmbiguous and what `parse_amount` refuses."""
        return VerifyOutput(self.output(tx), self.kind, self.note, quality_of(self.quality))

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> VerifiedDone:
        """The reward."""
        return verified_done(receipt)


class RetractBody(OutputBody):
    """Which output falls, and why."""

    model_config = example(**_OUTPUT, reason="the samples had been swapped")

    reason: Text

    def command(self, tx: Tx, known: Known) -> RetractOutput:
        """Refuses: UnknownEntity, EntityAmbiguous."""
        return RetractOutput(self.output(tx), self.reason)

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> RetractedDone:
        """What was revoked."""
        return retracted_done(receipt)
