"""What is asked of budgets all the time: to reserve, to settle what was used, to let go, to go on, to record usage."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from scidex.core.db import Tx
from scidex.core.journal import Receipt
from scidex.core.units import LLM_STANDARD, UNITS, USD, parse_amount
from scidex.metering import RESOURCE_OF, TIERS, UnknownResource, UsageEvent, tier_of, unit_of_tier
from scidex.policy import current
from scidex.senate.budgets import (
    SECONDS,
    Charge,
    ExtendReservation,
    Reserve,
    Settle,
    VoidReservation,
    find_reservation,
    to_charge,
    to_reserve,
    to_settle,
)
from scidex.views.asks import Amount, Ask, Body, Seconds, Text, When, artifact_of, example
from scidex.views.known import Known
from scidex.views.reservations import (
    ChargedReceipt,
    ReservationDone,
    ReservedReceipt,
    charged_receipt,
    reservation_done,
    reserved_receipt,
)

Tier = Annotated[Text, Field(json_schema_extra={"enum": list(TIERS)})]
Metered = Annotated[Text, Field(json_schema_extra={"enum": list(RESOURCE_OF)})]
_TOKENS = tuple(unit for unit, (_, tier) in RESOURCE_OF.items() if tier is not None)


def tokens_of(given: str | int | float | None, field: str) -> int | None:
    """LLM tokens, or none where none are given. Refuses what `parse_amount` does."""
    return None if given is None else parse_amount(given, LLM_STANDARD, field=field, zero=True)


def usd_of(given: str | int | float | None) -> int | None:
    """Dollars in parts, or none where none are given. Refuses what `parse_amount` does."""
    return None if given is None else parse_amount(given, USD, field="usd", zero=True)


class NeedsBody(Ask):
    """What a piece of work on an artifact may take of its budget."""

    artifact_id: Text
    artifact_type: Text | None = Field(default=None, description="looked up if left out, which takes a moment longer")
    llm_tokens: Amount | None = Field(default=None, description="LLM tokens of `tier`, or of the tier of `model`")
    tier: Tier | None = Field(default=None, description="of which tier `llm_tokens` are")
    llm_reasoning: Amount | None = Field(default=None, description="LLM tokens of the reasoning tier")
    llm_standard: Amount | None = Field(default=None, description="LLM tokens of the standard tier")
    llm_batch: Amount | None = Field(default=None, description="LLM tokens of the batch tier")
    cpu_seconds: Amount | None = None
    storage_gb_hours: Amount | None = None
    api_calls: Amount | None = Field(default=None, description="calls to `provider`, whose rate then counts them")
    model: Text | None = None
    provider: Text | None = None
    input_tokens: Amount | None = None
    max_output_tokens: Amount | None = None
    usd: Amount | None = Field(
        default=None, description="the most that the work can cost; worked out from the price book if left out"
    )

    @model_validator(mode="after")
    def _tokens_of_a_tier(self) -> Self:
        if self.llm_tokens is not None:
            if self.tier is None and self.model is None:
                raise ValueError("give the tier of llm_tokens, or the model")
            if any(getattr(self, unit) is not None for unit in _TOKENS):
                raise ValueError("give llm_tokens with its tier, or tokens by the name of their tier, not both")
        elif self.tier is not None:
            raise ValueError("tier is of llm_tokens; give both, or neither")
        return self

    def amounts(self, tx: Tx) -> dict[str, int]:
        """In parts by unit. Refuses: UnknownTier, UnknownModel and what `parse_amount` refuses."""
        amounts = {
            unit: parse_amount(given, UNITS[unit], field=unit)
            for unit in RESOURCE_OF
            if (given := getattr(self, unit)) is not None
        }
        if self.llm_tokens is not None:
            tier = self.tier if self.tier is not None else tier_of(self.model or "", current(tx)[0])
            amounts[unit_of_tier(tier)] = parse_amount(self.llm_tokens, LLM_STANDARD, field="llm_tokens")
        return amounts


class ReserveBody(NeedsBody):
    """What a piece of work may use of an artifact's budget: all of it is set aside, or nothing.

    A call to an LLM needs a model, or how many tokens of which tier. Of a model nothing else is needed: what such calls
    have needed so far is reserved, and the answer says which `max_output_tokens` to send with the call.
    """

    model_config = example(
        artifact_id="tau-spreads-trans-synaptically",
        artifact_type="hypothesis",
        model="gpt-4o",
        input_tokens=1200,
        max_output_tokens=800,
        api_calls=2,
        provider="pubmed",
        usd=0.05,
        work="literature sweep",
    )

    work: Text | None = Field(default=None, description="which piece of work it is for")
    seconds: Seconds = Field(default=SECONDS, description="how long it may take, before it is extended or expires")

    def command(self, tx: Tx, known: Known) -> Reserve:
        """Refuses: UnknownEntity, EntityAmbiguous, UnknownTier, UnknownModel and what `parse_amount` refuses."""
        return to_reserve(
            tx,
            entity=artifact_of(tx, self.artifact_id, self.artifact_type),
            amounts=self.amounts(tx),
            seconds=self.seconds,
            usd=usd_of(self.usd),
            model=self.model,
            provider=self.provider,
            work=self.work,
            input_tokens=tokens_of(self.input_tokens, "input_tokens"),
            max_output_tokens=tokens_of(self.max_output_tokens, "max_output_tokens"),
        )

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> ReservedReceipt:
        """What is set aside."""
        return reserved_receipt(receipt)


class UsedBody(Body):
    """Something that was used, once; input tokens include what came from a cache, output tokens include reasoning."""

    model_config = example(model="gpt-4o", input_tokens=1180, output_tokens=420, cached_tokens=1000, event="call-71")

    unit: Metered | None = Field(
        default=None, description="if left out, that of the tier of the model, or what was reserved"
    )
    amount: Amount | None = Field(default=None, description="whole units; input and output tokens if left out")
    model: Text | None = None
    provider: Text | None = None
    input_tokens: Amount | None = None
    output_tokens: Amount | None = None
    cached_tokens: Amount | None = Field(default=None, description="of the input: read from a cache")
    cache_write_tokens: Amount | None = Field(default=None, description="of the input: written to a cache")
    usd: Amount | None = Field(default=None, description="what it cost; from the price book if left out")
    used_at: When | None = Field(default=None, description="when it was used; now if left out")
    event: Text | None = Field(default=None, description="your own id: usage counts once however often it comes")
    work: Text | None = None
    context: Text | None = Field(default=None, description="what else is to be remembered of it")
    source: Text = Field(default="api", description="who metered it")

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.amount is None and (self.input_tokens is None or self.output_tokens is None):
            raise ValueError("give amount, or input_tokens and output_tokens")
        return self

    def usage(self, tx: Tx, reserved: str | None = None) -> UsageEvent:
        """In parts; `reserved` is the unit of a usage that names neither unit nor model.

        Refuses: UnknownResource, UnknownModel and what `parse_amount` refuses.
        """
        unit = self.unit or reserved
        if self.unit is None and self.model is not None:
            unit = unit_of_tier(tier_of(self.model, current(tx)[0]))
        if unit not in RESOURCE_OF:
            raise UnknownResource(unit=unit, known=", ".join(RESOURCE_OF))
        given = tokens_of(self.input_tokens, "input_tokens")
        returned = tokens_of(self.output_tokens, "output_tokens")
        amount = (given or 0) + (returned or 0)
        return UsageEvent(
            unit=unit,
            amount=amount if self.amount is None else parse_amount(self.amount, UNITS[unit]),
            used_at=self.used_at,
            event=self.event,
            model=self.model,
            provider=self.provider,
            input_tokens=given,
            output_tokens=returned,
            cached_tokens=tokens_of(self.cached_tokens, "cached_tokens"),
            cache_write_tokens=tokens_of(self.cache_write_tokens, "cache_write_tokens"),
            usd=usd_of(self.usd),
            work=self.work,
            context=self.context,
            source=self.source,
        )


class SettleBody(Ask):
    """What a reservation was used for: nothing if the list is empty."""

    model_config = example(used=[{"model": "gpt-4o", "input_tokens": 1180, "output_tokens": 420, "event": "call-71"}])

    used: list[UsedBody] = []
    more: bool = Field(default=False, description="more is to come: what is left stays set aside")


class SettleTerms(SettleBody):
    """Which reservation is settled, and what it was used for."""

    model_config = example(
        reservation="r17", used=[{"model": "gpt-4o", "input_tokens": 1180, "output_tokens": 420, "event": "call-71"}]
    )

    reservation: Text

    def command(self, tx: Tx, known: Known) -> Settle:
        """Refuses: UnknownReservation, UnknownResource, UnknownModel and what `parse_amount` refuses."""
        unit = None
        if any(each.unit is None and each.model is None for each in self.used):
            reserved = [each for each, _ in find_reservation(tx, self.reservation).amounts if each in _TOKENS]
            unit = reserved[0] if len(reserved) == 1 else None
        events = [each.usage(tx, unit) for each in self.used]
        return to_settle(tx, reservation=self.reservation, events=events, more=self.more)

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> ChargedReceipt:
        """What was charged."""
        return charged_receipt(receipt)


class ReleaseBody(Ask):
    """Nothing but, if the header cannot be set, the key."""

    model_config = example(idempotency_key="release-r17")


class ReleaseTerms(ReleaseBody):
    """Which reservation is let go."""

    model_config = example(reservation="r17")

    reservation: Text

    def command(self, tx: Tx, known: Known) -> VoidReservation:
        """The command."""
        return VoidReservation(self.reservation)

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> ReservationDone:
        """Where the reservation stands."""
        return reservation_done(receipt)


class ExtendBody(Ask):
    """For how long the work goes on."""

    model_config = example(seconds=600)

    seconds: Seconds = Field(default=SECONDS, description="how long from now")


class ExtendTerms(ExtendBody):
    """Which reservation goes on, and for how long."""

    model_config = example(reservation="r17", seconds=600)

    reservation: Text

    def command(self, tx: Tx, known: Known) -> ExtendReservation:
        """The command."""
        return ExtendReservation(self.reservation, self.seconds)

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> ReservationDone:
        """Where the reservation stands."""
        return reservation_done(receipt)


class UsageBody(UsedBody, Ask):
    """Usage that nobody reserved: recorded and charged whether or not the budget has it."""

    model_config = example(
        artifact_id="tau-spreads-trans-synaptically",
        artifact_type="hypothesis",
        model="gpt-4o",
        input_tokens=1180,
        output_tokens=420,
        event="call-72",
    )

    artifact_id: Text
    artifact_type: Text | None = Field(default=None, description="looked up if left out, which takes a moment longer")

    @model_validator(mode="after")
    def _of_something(self) -> Self:
        if self.unit is None and self.model is None:
            raise ValueError("give unit, or model")
        return self

    def command(self, tx: Tx, known: Known) -> Charge:
        """Refuses: UnknownEntity, EntityAmbiguous, UnknownResource, UnknownModel and what `parse_amount` refuses."""
        event = self.usage(tx)
        return to_charge(tx, entity=artifact_of(tx, self.artifact_id, self.artifact_type), events=[event])

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> ChargedReceipt:
        """What was charged."""
        return charged_receipt(receipt)
