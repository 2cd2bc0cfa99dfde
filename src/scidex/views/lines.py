"""A command per line: what a line may say, and how it is read."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from scidex.core.db import Tx
from scidex.core.errors import Forbidden, Invalid
from scidex.metering import UsageLine
from scidex.views.asks import Ask, BuyTerms, HoldBody, PostTerms, SellTerms, Text, TransferBody, VoidTerms, example
from scidex.views.spending import ExtendTerms, ReleaseTerms, ReserveBody, SettleTerms, UsageBody, UsedBody
from scidex.views.words import explained

Read = TypeVar("Read")
_HYPOTHESIS = {"artifact_type": "hypothesis", "artifact_id": "tau-spreads-trans-synaptically"}


class LineInvalid(Invalid):
    """This is no command: {problem}. Mend the line; each is one JSON object that says what to `do` and with what."""


class ActorDiffers(Forbidden):
    """The line asks as {given!r} and the batch as {actor!r}; leave `actor` out, or ask as that actor."""


class Line(Ask):
    """What every line may say besides what it asks for."""

    actor: Text | None = Field(default=None, description="who asks: nobody but who asks for the whole batch")


class TransferLine(TransferBody, Line):
    """Move value: linked movements, all of them, in this order, or none."""

    model_config = example(
        do="transfer",
        legs=[{"debit": "actor:alice/wallet/token", "credit": "actor:bob/wallet/token", "amount": 5}],
        reason="for the review of tau-by-2027",
    )

    do: Literal["transfer"]


class HoldLine(HoldBody, Line):
    """Set value aside until it is posted, voided, or its time is over."""

    model_config = example(
        do="hold",
        debit="actor:alice/wallet/token",
        credit="actor:bob/wallet/token",
        amount=5,
        seconds=3600,
        reason="until the review is in",
    )

    do: Literal["hold"]


class PostLine(PostTerms, Line):
    """Move what is held, or a part of it, and release the rest."""

    model_config = example(do="post", hold="h17", amount=3.5)

    do: Literal["post"]


class VoidLine(VoidTerms, Line):
    """Release what is held."""

    model_config = example(do="void", hold="h17")

    do: Literal["void"]


class BuyLine(BuyTerms, Line):
    """Buy shares of an outcome, now and whole."""

    model_config = example(do="buy", market="tau-by-2027", outcome="yes", spend=12.5, limit_price=0.7)

    do: Literal["buy"]


class SellLine(SellTerms, Line):
    """Sell shares of an outcome, now and whole."""

    model_config = example(do="sell", market="tau-by-2027", outcome="yes", shares=5)

    do: Literal["sell"]


class ReserveLine(ReserveBody, Line):
    """Set resources of an artifact's budget aside, all or nothing."""

    model_config = example(do="reserve", **_HYPOTHESIS, llm_tokens=20_000, tier="reasoning")

    do: Literal["reserve"]


class SettleLine(SettleTerms, Line):
    """Record what a reservation was used for, and release the rest."""

    model_config = example(do="settle", reservation="r17", used=[{"unit": "llm_reasoning", "amount": 17_040}])

    do: Literal["settle"]


class ReleaseLine(ReleaseTerms, Line):
    """Release a reservation of which nothing was used."""

    model_config = example(do="release", reservation="r17")

    do: Literal["release"]


class ExtendLine(ExtendTerms, Line):
    """Let a reservation run on: the heartbeat of long work."""

    model_config = example(do="extend", reservation="r17", seconds=600)

    do: Literal["extend"]


class ChargeLine(UsageBody, Line):
    """Record usage that nobody reserved."""

    model_config = example(do="usage", **_HYPOTHESIS, unit="api_calls", amount=3, provider="pubmed", event="sweep-9")

    do: Literal["usage"]


LINES: TypeAdapter[Any] = TypeAdapter(
    Annotated[
        TransferLine
        | HoldLine
        | PostLine
        | VoidLine
        | BuyLine
        | SellLine
        | ReserveLine
        | SettleLine
        | ReleaseLine
        | ExtendLine
        | ChargeLine,
        Field(discriminator="do"),
    ]
)
"""Every command that a line can ask for."""


class IntakeLine(UsedBody):
    """A line of usage: what was used, by whom, for which artifact."""

    model_config = example(**_HYPOTHESIS, model="gpt-4o", input_tokens=1180, output_tokens=420, event="call-72")

    artifact_type: Text
    artifact_id: Text
    actor: Text | None = Field(default=None, description="who used it; only operators report what others used")

    @model_validator(mode="after")
    def _of_something(self) -> Self:
        if self.unit is None and self.model is None:
            raise ValueError("give unit, or model")
        if self.idempotency_key is not None:
            raise ValueError("a line of usage has no key; its event id sees to it that it counts once")
        return self

    def used_by(self, tx: Tx, actor: str) -> UsageLine:
        """In parts, used by this actor where the line names nobody.

        Refuses: UnknownResource, UnknownModel and what `parse_amount` refuses.
        """
        used = self.usage(tx)
        return UsageLine(
            self.artifact_type,
            self.artifact_id,
            self.actor or actor,
            used.unit,
            used.amount,
            used.used_at,
            used.event,
            used.model,
            used.provider,
            used.input_tokens,
            used.output_tokens,
            used.cached_tokens,
            used.cache_write_tokens,
            used.usd,
            used.price_source,
            used.work,
            used.context,
            used.source,
        )


USAGE_LINES: TypeAdapter[IntakeLine] = TypeAdapter(IntakeLine)
"""Usage alone, which is taken in in bulk."""


def read_line(content: Any, sort: TypeAdapter[Read]) -> Read:
    """A line from its JSON text in UTF-8, or from what was read of it already. Refuses: LineInvalid."""
    try:
        found = sort.validate_json(content) if isinstance(content, bytes) else sort.validate_python(content)
    except ValidationError as error:
        raise LineInvalid(problem=explained(error.errors(include_url=False, include_input=False))) from None
    return found
