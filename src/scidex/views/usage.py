"""Usage from outside: what was used, its sums, and what a model costs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from scidex.core.units import USD, to_number, unit_named
from scidex.metering import (
    HourKey,
    HourRow,
    Price,
    UsagePlace,
    UsageRow,
    UsageTotal,
    bound_of,
    price_of,
    tier_of,
    unit_of_tier,
)
from scidex.policy import Policy
from scidex.views.base import View
from scidex.views.words import CursorInvalid, cursor, names_of


class UsageView(View):
    """One row of usage."""

    number: int
    line: int
    used_at: datetime
    recorded_at: datetime
    artifact_type: str
    artifact_id: str
    actor: str
    reservation: str | None
    resource: str
    unit: str
    tier: str | None
    amount: float
    event: str | None
    model: str | None
    provider: str | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    cache_write_tokens: int | None
    usd: float | None = Field(description="null where nobody knows the price")
    price_source: str | None
    work: str | None
    context: str | None
    source: str


class UsageHourView(View):
    """The sums of one hour."""

    hour: datetime
    artifact_type: str
    artifact_id: str
    actor: str
    unit: str
    model: str
    provider: str
    amount: float
    calls: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    usd: float = Field(description="of the calls whose price is known")
    usd_unknown: int = Field(description="calls whose price nobody knows")


class UsageTotalView(View):
    """The sums of a period, in one unit."""

    name: str
    unit: str
    amount: float
    calls: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    usd: float = Field(description="of the calls whose price is known")
    usd_unknown: int = Field(description="calls whose price nobody knows")


class ModelView(View):
    """In which tier a model is, and what a call of so many tokens costs on a day."""

    model: str
    provider: str | None
    tier: str
    unit: str
    at: datetime
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    usd: float | None = Field(description="what they cost; null where nobody knows")
    usd_at_most: float | None = Field(description="what they cost at most, whatever is cached")
    price_source: str | None
    policy_version: int


def usage_view(row: UsageRow) -> UsageView:
    """A row of usage."""
    fields = row._asdict()
    entity, unit = fields.pop("entity"), unit_named(row.unit)
    fields["amount"] = to_number(row.amount, unit)
    fields["usd"] = _dollars(row.usd)
    return UsageView(artifact_type=entity.entity_type, artifact_id=entity.entity_id, **fields)


def usage_hour_view(row: HourRow) -> UsageHourView:
    """The sums of one hour."""
    fields = row._asdict()
    kind, name = fields.pop("entity_type"), fields.pop("entity_id")
    return UsageHourView(artifact_type=kind, artifact_id=name, **_in_units(fields))


def usage_total_view(row: UsageTotal) -> UsageTotalView:
    """The sums of a period."""
    return UsageTotalView(**_in_units(row._asdict()))


def model_view(
    model: str,
    provider: str | None,
    policy: Policy,
    version: int,
    *,
    at: datetime,
    input_tokens: int,
    output_tokens: int,
    cached_tokens: int,
) -> ModelView:
    """Tier and price of a model. Refuses: UnknownModel."""
    tier = tier_of(model, policy)
    price: Price = price_of(
        model=model,
        provider=provider,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_tokens=cached_tokens,
        cache_write_tokens=0,
        used_at=at,
        policy=policy,
    )
    most = bound_of(
        model=model, provider=provider, input_tokens=input_tokens, output_tokens=output_tokens, at=at, policy=policy
    )
    return ModelView(
        model=model,
        provider=provider,
        tier=tier,
        unit=unit_of_tier(tier),
        at=at,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_tokens=cached_tokens,
        usd=_dollars(price.usd),
        usd_at_most=_dollars(most.usd),
        price_source=price.source,
        policy_version=version,
    )


def usage_place(row: UsageRow) -> str:
    """The place in a list of usage after this row."""
    return cursor(row.used_at.isoformat(), str(row.number), str(row.line))


def place_of(given: str | None) -> UsagePlace | None:
    """The place that a page of usage ended at. Refuses: CursorInvalid."""
    if given is None:
        return None
    at, number, line = names_of(given, 3)
    try:
        return UsagePlace(_moment(at), int(number[:18]), int(line[:9]))
    except ValueError:
        raise CursorInvalid(given=given[:60]) from None


def hour_place(row: HourRow) -> str:
    """The place in a list of sums after this one."""
    return cursor(row.hour.isoformat(), *row[1:7])


def hour_of(given: str | None) -> HourKey | None:
    """The place that a page of sums ended at. Refuses: CursorInvalid."""
    if given is None:
        return None
    hour, *names = names_of(given, 7)
    try:
        return HourKey(_moment(hour), *names)
    except ValueError:
        raise CursorInvalid(given=given[:60]) from None


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(text)
    return at


def _in_units(fields: dict[str, Any]) -> dict[str, Any]:
    amount = to_number(fields["amount"], unit_named(fields["unit"]))
    return {**fields, "amount": amount, "usd": to_number(fields["usd"], USD)}


def _dollars(parts: int | None) -> float | None:
    return None if parts is None else to_number(parts, USD)
