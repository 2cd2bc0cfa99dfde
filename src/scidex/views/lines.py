"""A command per line: what a line may say, and how it is read."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from scidex.core.db import Tx
from scidex.core.errors import Forbidden, Invalid
from scidex.metering import UsageLine
from scidex.views.asks import Ask, BuyTerms, HoldBody, PostTerms, SellTerms, Text, TransferBody, VoidTerms, example
from scidex.views.dealings import (
    AddTerms,
    AwardTerms,
    BountyBody,
    CancelBody,
    ClaimTerms,
    LimitBody,
    LiquidityBody,
    RecordBody,
    RetractBody,
    SubmitTerms,
    VerifyBody,
)
from scidex.views.learning import LearnBody
from scidex.views.spending import ExtendTerms, ReleaseTerms, ReserveBody, SettleTerms, UsageBody, UsedBody
from scidex.views.tasks import AddWorkBody, FinishTerms
from scidex.views.words import explained

Read = TypeVar("Read")
_HYPOTHESIS = {"artifact_type": "hypothesis", "artifact_id": "tau-spreads-trans-synaptically"}

_OUTPUT = {"output_type": "analysis", "output_id": "organoid-protocol-v1"}


class LineInvalid(Invalid):
    """This is no command: {problem}. Mend the line; each is one JSON object that says what to `do` and with what."""


class ActorDiffers(Forbidden):
    """The line asks as {given!r} and the batch as {actor!r}; leave `actor` out, or ask as that actor."""


class Line(Ask):
    """What every line may say besides what it asks for. `SCOPES` are those of which the asker's key needs one."""

    SCOPES: ClassVar[tuple[str, ...]] = ("operate",)

    actor: Text | None = Field(default=None, description="who asks: nobody but who asks for the whole batch")


class TransferLine(TransferBody, Line):
    """Move value: linked movements, all of them, in this order, or none."""

    model_config = example(
        do="transfer",
        legs=[{"debit": "actor:alice/wallet/token", "credit": "actor:bob/wallet/token", "amount": 5}],
        reason="for the review of tau-by-2027",
    )

    do: Literal["transfer"]
    SCOPES = ("fund",)


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
    SCOPES = ("fund",)


class PostLine(PostTerms, Line):
    """Move what is held, or a part of it, and release the rest."""

    model_config = example(do="post", hold="h17", amount=3.5)

    do: Literal["post"]
    SCOPES = ("fund",)


class VoidLine(VoidTerms, Line):
    """Release what is held."""

    model_config = example(do="void", hold="h17")

    do: Literal["void"]
    SCOPES = ("fund",)


class BuyLine(BuyTerms, Line):
    """Buy shares of an outcome, now and whole."""

    model_config = example(do="buy", market="tau-by-2027", outcome="yes", spend=12.5, limit_price=0.7)

    do: Literal["buy"]
    SCOPES = ("trade",)


class SellLine(SellTerms, Line):
    """Sell shares of an outcome, now and whole."""

    model_config = example(do="sell", market="tau-by-2027", outcome="yes", shares=5)

    do: Literal["sell"]
    SCOPES = ("trade",)


class ReserveLine(ReserveBody, Line):
    """Set resources of an artifact's budget aside, all or nothing."""

    model_config = example(do="reserve", **_HYPOTHESIS, llm_tokens=20_000, tier="reasoning")

    do: Literal["reserve"]
    SCOPES = ("spend",)


class SettleLine(SettleTerms, Line):
    """Record what a reservation was used for, and release the rest."""

    model_config = example(do="settle", reservation="r17", used=[{"unit": "llm_reasoning", "amount": 17_040}])

    do: Literal["settle"]
    SCOPES = ("spend",)


class ReleaseLine(ReleaseTerms, Line):
    """Release a reservation of which nothing was used."""

    model_config = example(do="release", reservation="r17")

    do: Literal["release"]
    SCOPES = ("spend",)


class ExtendLine(ExtendTerms, Line):
    """Let a reservation run on: the heartbeat of long work."""

    model_config = example(do="extend", reservation="r17", seconds=600)

    do: Literal["extend"]
    SCOPES = ("spend",)


class LearnLine(LearnBody, Line):
    """Put down what work on an artifact has brought: edges, and other gains."""

    model_config = example(
        do="learn",
        **_HYPOTHESIS,
        edges=[{"subject": "tau", "predicate": "spreads along", "object": "synapses", "source": "PMID:22365544"}],
    )

    do: Literal["learn"]
    SCOPES = ("work",)


class ChargeLine(UsageBody, Line):
    """Record usage that nobody reserved."""

    model_config = example(do="usage", **_HYPOTHESIS, unit="api_calls", amount=3, provider="pubmed", event="sweep-9")

    do: Literal["usage"]
    SCOPES = ("spend",)


class LimitLine(LimitBody, Line):
    """A limit order: what cannot be had at once rests in the book."""

    model_config = example(do="limit", market="tau-by-2027", outcome="yes", shares=50, limit_price=0.4)

    do: Literal["limit"]
    SCOPES = ("trade",)


class CancelLine(CancelBody, Line):
    """Take an order out of the book."""

    model_config = example(do="cancel", market="tau-by-2027", order="o17")

    do: Literal["cancel"]
    SCOPES = ("trade",)


class LiquidityLine(LiquidityBody, Line):
    """Make trades move a market's prices less, or more."""

    model_config = example(do="liquidity", market="tau-by-2027", liquidity=250)

    do: Literal["liquidity"]
    SCOPES = ("trade",)


class OfferLine(BountyBody, Line):
    """Put tokens in escrow for progress on an artifact."""

    model_config = example(do="offer", **_HYPOTHESIS, amount=400, purpose="a first working protocol")

    do: Literal["offer"]
    SCOPES = ("fund",)


class AddLine(AddTerms, Line):
    """Put more tokens into a bounty."""

    model_config = example(do="add", bounty="b17", amount=50)

    do: Literal["add"]
    SCOPES = ("fund",)


class ClaimLine(ClaimTerms, Line):
    """Take a bounty on for a while, or renew one's claim."""

    model_config = example(do="claim", bounty="b17", seconds=86_400)

    do: Literal["claim"]
    SCOPES = ("work",)


class SubmitLine(SubmitTerms, Line):
    """Put forward what one made for a bounty."""

    model_config = example(do="submit", bounty="b17", **_OUTPUT, note="ran three times, see logs")

    do: Literal["submit"]
    SCOPES = ("work",)


class AwardLine(AwardTerms, Line):
    """Pay for work that was submitted to a bounty."""

    model_config = example(do="award", bounty="b17", **_OUTPUT, amount=250)

    do: Literal["award"]
    SCOPES = ("fund", "review")


class RecordLine(RecordBody, Line):
    """Say that a registered entity is an output, and what it builds on."""

    model_config = example(do="record", **_OUTPUT, builds_on=[])

    do: Literal["record"]
    SCOPES = ("work",)


class VerifyLine(VerifyBody, Line):
    """Verify an output and mint its reward."""

    model_config = example(do="verify", **_OUTPUT, kind="evidence", quality=0.5, note="replicated in our lab")

    do: Literal["verify"]
    SCOPES = ("review",)


class RetractLine(RetractBody, Line):
    """Retract an output and revoke its rewards."""

    model_config = example(do="retract", **_OUTPUT, reason="the samples had been swapped")

    do: Literal["retract"]
    SCOPES = ("work", "review")


class AddWorkLine(AddWorkBody, Line):
    """Put a piece of work on an artifact into the queue."""

    model_config = example(do="work_add", **_HYPOTHESIS, kind="literature-sweep", llm_tokens=2000, tier="standard")

    do: Literal["work_add"]
    SCOPES = ("work",)


class FinishWorkLine(FinishTerms, Line):
    """End a claim to work with its result."""

    model_config = example(do="work_finish", claim="c17", used=[{"unit": "llm_standard", "amount": 1600}])

    do: Literal["work_finish"]
    SCOPES = ("work",)


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
        | ChargeLine
        | LimitLine
        | CancelLine
        | LiquidityLine
        | OfferLine
        | AddLine
        | ClaimLine
        | SubmitLine
        | AwardLine
        | RecordLine
        | VerifyLine
        | RetractLine
        | LearnLine
        | AddWorkLine
        | FinishWorkLine,
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
