"""What is asked for, in the same words at every door: bodies of HTTP, lines of a file, lines on the command line.

An ask becomes a command, often without a look into the database; with its receipt it becomes an answer.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SkipValidation,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from scidex.core.db import Tx
from scidex.core.journal import Receipt
from scidex.core.units import parse_amount, unit_named
from scidex.entities import EntityKey, find_entity
from scidex.exchange.markets import Order, UnknownMarket, market_on
from scidex.ledger import AccountKey, Leg, PlaceHold, PostHold, Transfer, VoidHold
from scidex.views.base import Done
from scidex.views.known import Known
from scidex.views.ledger import HoldDone, MovedReceipt, hold_done, moved_receipt
from scidex.views.markets import OrderReceipt, order_receipt
from scidex.views.words import PRICE, limit_price_of


def _without_nul(text: str) -> str:
    # The one character that JSON carries and PostgreSQL does not.
    if "\0" in text:
        raise ValueError("the character NUL cannot be part of it")
    return text


def _written(at: object) -> object:
    # Pydantic also takes seconds since 1970, in which the description of the API says nothing.
    if isinstance(at, datetime) or (isinstance(at, str) and ":" in at):
        return at
    raise ValueError("write a time with its zone, such as 2026-01-31T12:00:00Z")


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("is out of range") from None


Text = Annotated[str, StringConstraints(max_length=2000), AfterValidator(_without_nul)]
Amount = Annotated[
    # Not for pydantic to check: what is wrong with an amount has one word at every door, and `parse_amount` says it.
    SkipValidation[str | int | float],
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]}),
    Field(description="whole units, as a number or as a decimal string: 12.5 or `12.5`; nothing is rounded"),
]
When = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_in_utc)]
Seconds = Annotated[int, Field(strict=True, description="whole seconds")]
Side = Annotated[Text, Field(json_schema_extra={"enum": ["buy", "sell"]})]


class Body(BaseModel):
    """What a change is asked for with. A key that is not known is refused: a misspelt limit is not a limit."""

    model_config = ConfigDict(extra="forbid")

    idempotency_key: Text | None = Field(
        default=None, description="the same as the header Idempotency-Key, for clients that cannot set headers"
    )


def example(**fields: Any) -> ConfigDict:
    """The settings of a body, with its example for the documentation."""
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [fields]})


class Ask(Body):
    """One of the changes that are asked for so often that they are gathered into batches."""

    def command(self, tx: Tx, known: Known) -> Any:
        """The command, in parts. What has to be read is read with `tx`, which may be `without_reading`.

        Refuses what makes amounts, names and artifacts unusable.
        """
        raise NotImplementedError

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> Done:
        """The answer. What of it has to be read is read with `tx`, which may be `without_reading`."""
        raise NotImplementedError


class Deed(Body):
    """One of the changes that are asked for one at a time, each in a transaction of its own."""

    def do(self, tx: Tx, key: str | None) -> Done:
        """Carry it out under this key, and answer. Refuses what its action refuses."""
        raise NotImplementedError


def artifact_of(tx: Tx, artifact_id: str, artifact_type: str | None) -> EntityKey:
    """The artifact that is meant: read where the type is left out. Refuses: UnknownEntity, EntityAmbiguous."""
    if artifact_type is not None:
        return EntityKey(artifact_type, artifact_id)
    return find_entity(tx, entity_id=artifact_id).key


class LegBody(Body):
    """One movement."""

    model_config = example(debit="actor:alice/wallet/token", credit="actor:bob/wallet/token", amount=5)

    debit: Text = Field(description="the account that pays: owner/purpose/unit")
    credit: Text = Field(description="the account that is paid")
    amount: Amount

    def leg(self) -> Leg:
        """In parts. Refuses: AccountNameInvalid, UnknownUnit and what `parse_amount` refuses."""
        debit = AccountKey.parse(self.debit)
        return Leg(debit, AccountKey.parse(self.credit), parse_amount(self.amount, unit_named(debit.unit)))


class TransferBody(Ask):
    """Linked movements: all of them, in this order, or none."""

    model_config = example(
        legs=[{"debit": "actor:alice/wallet/token", "credit": "actor:bob/wallet/token", "amount": 5}],
        reason="for the review of tau-by-2027",
    )

    legs: list[LegBody]
    reason: Text

    def command(self, tx: Tx, known: Known) -> Transfer:
        """Refuses: AccountNameInvalid, UnknownUnit and what `parse_amount` refuses."""
        return Transfer(tuple(leg.leg() for leg in self.legs), self.reason)

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> MovedReceipt:
        """The balances after it."""
        return moved_receipt(receipt)


class HoldBody(Ask):
    """How much is set aside, for whom, for how long."""

    model_config = example(
        debit="actor:alice/wallet/token",
        credit="actor:bob/wallet/token",
        amount=5,
        seconds=3600,
        reason="until the review is in",
    )

    debit: Text
    credit: Text
    amount: Amount
    seconds: Seconds
    reason: Text

    def command(self, tx: Tx, known: Known) -> PlaceHold:
        """Refuses: AccountNameInvalid, UnknownUnit and what `parse_amount` refuses."""
        debit, credit = AccountKey.parse(self.debit), AccountKey.parse(self.credit)
        return PlaceHold(debit, credit, parse_amount(self.amount, unit_named(debit.unit)), self.seconds, self.reason)

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> HoldDone:
        """Where the hold stands."""
        return hold_done(AccountKey.parse(self.debit).unit, receipt)


class PostBody(Ask):
    """How much of what is held moves."""

    model_config = example(amount=3.5)

    amount: Amount | None = Field(default=None, description="all of it if left out; the rest is released")


class PostTerms(PostBody):
    """Which hold moves, and how much of it."""

    model_config = example(hold="h17", amount=3.5)

    hold: Text

    def command(self, tx: Tx, known: Known) -> PostHold:
        """Refuses: UnknownHold and what `parse_amount` refuses."""
        unit = unit_named(known.unit_of_hold(tx, self.hold))
        return PostHold(self.hold, None if self.amount is None else parse_amount(self.amount, unit))

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> HoldDone:
        """Where the hold stands."""
        return hold_done(known.unit_of_hold(tx, self.hold), receipt)


class VoidBody(Ask):
    """Nothing but, if the header cannot be set, the key."""

    model_config = example(idempotency_key="void-h17")


class VoidTerms(VoidBody):
    """Which hold ends."""

    model_config = example(hold="h17")

    hold: Text

    def command(self, tx: Tx, known: Known) -> VoidHold:
        """Refuses: UnknownHold."""
        known.unit_of_hold(tx, self.hold)
        return VoidHold(self.hold)

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> HoldDone:
        """Where the hold stands."""
        return hold_done(known.unit_of_hold(tx, self.hold), receipt)


class OrderTerms(Ask):
    """An order but for its side."""

    market: Text | None = Field(default=None, description="the market's id; or give artifact_id")
    artifact_id: Text | None = Field(default=None, description="the artifact whose market it is")
    artifact_type: Text | None = Field(default=None, description="needed where several artifacts have this id")
    outcome: Text
    shares: Amount | None = Field(default=None, description="how many shares; or give spend")
    spend: Amount | None = Field(default=None, description="buy for so many tokens; or give shares")
    limit_price: Amount | None = Field(
        default=None, description="the worst average price per share, from 0 to 1; beyond it the order is refused"
    )
    to_price: Amount | None = Field(
        default=None, description="trade until the price is this; with spend, for at most so many tokens"
    )

    @model_validator(mode="after")
    def _one_market(self) -> Self:
        if (self.market is None) == (self.artifact_id is None):
            raise ValueError("give one of market and artifact_id")
        return self

    def order(self, tx: Tx, side: str) -> Order:
        """In parts, in the market with that id or on that artifact.

        Refuses: UnknownEntity, EntityAmbiguous, NoMarket and what `parse_amount` refuses.
        """
        market = self.market
        if market is None:
            entity = find_entity(tx, entity_id=self.artifact_id or "", entity_type=self.artifact_type)
            market = market_on(tx, entity.key).market
        return Order(
            market,
            self.outcome,
            side,
            None if self.shares is None else parse_amount(self.shares, field="shares"),
            None if self.spend is None else parse_amount(self.spend, field="spend"),
            limit_price_of(self.limit_price, side),
            None if self.to_price is None else parse_amount(self.to_price, PRICE, field="to_price", zero=True),
        )

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> OrderReceipt:
        """The trade."""
        return order_receipt(known.outcomes(tx, receipt.result.market), receipt)

    def _known_order(self, tx: Tx, known: Known, side: str) -> Order:
        order = self.order(tx, side)
        # The answer will need them, and afterwards is too late to find that nothing can be read. For a market that is
        # not there the command is refused.
        with suppress(UnknownMarket):
            known.outcomes(tx, order.market)
        return order


class OrderBody(OrderTerms):
    """An order: in which market, for which outcome, by how many shares or for how many tokens."""

    model_config = example(artifact_id="tau-spreads-trans-synaptically", outcome="yes", spend=12.5, limit_price=0.7)

    side: Side = "buy"

    def command(self, tx: Tx, known: Known) -> Order:
        """Refuses: UnknownEntity, EntityAmbiguous, NoMarket and what `parse_amount` refuses."""
        return self._known_order(tx, known, self.side)


class BuyTerms(OrderTerms):
    """An order to buy."""

    model_config = example(market="tau-by-2027", outcome="yes", spend=12.5, limit_price=0.7)

    def command(self, tx: Tx, known: Known) -> Order:
        """Refuses: UnknownEntity, EntityAmbiguous, NoMarket and what `parse_amount` refuses."""
        return self._known_order(tx, known, "buy")


class SellTerms(OrderTerms):
    """An order to sell."""

    model_config = example(market="tau-by-2027", outcome="yes", shares=5)

    def command(self, tx: Tx, known: Known) -> Order:
        """Refuses: UnknownEntity, EntityAmbiguous, NoMarket and what `parse_amount` refuses."""
        return self._known_order(tx, known, "sell")
