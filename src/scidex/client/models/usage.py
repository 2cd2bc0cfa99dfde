"""What the server answers: usage; made by `python -m tests.house.pages`."""

from __future__ import annotations

from datetime import datetime

from scidex.client.answers import Answer


class UsageView(Answer):
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
    # null where nobody knows the price
    usd: float | None
    price_source: str | None
    work: str | None
    context: str | None
    source: str


class UsageHourView(Answer):
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
    # of the calls whose price is known
    usd: float
    # calls whose price nobody knows
    usd_unknown: int


class UsageTotalView(Answer):
    """The sums of a period, in one unit."""

    name: str
    unit: str
    amount: float
    calls: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    # of the calls whose price is known
    usd: float
    # calls whose price nobody knows
    usd_unknown: int


class ModelView(Answer):
    """In which tier a model is, and what a call of so many tokens costs on a day."""

    model: str
    provider: str | None
    tier: str
    unit: str
    at: datetime
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    # what they cost; null where nobody knows
    usd: float | None
    # what they cost at most, whatever is cached
    usd_at_most: float | None
    price_source: str | None
    policy_version: int
