"""Metering: what was used, of which resource, by whom, for what, at what price."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from scidex.core.errors import Invalid, Refused
from scidex.core.machine import Table
from scidex.entities import EntityKey

TIERS = ("reasoning", "standard", "batch")
"""Tiers of models, the dearest first."""
RESOURCE_OF: dict[str, tuple[str, str | None]] = {
    "llm_reasoning": ("llm_tokens", "reasoning"),
    "llm_standard": ("llm_tokens", "standard"),
    "llm_batch": ("llm_tokens", "batch"),
    "cpu_seconds": ("cpu_seconds", None),
    "storage_gb_hours": ("storage_gb_hours", None),
    "api_calls": ("api_calls", None),
}
"""Every unit that is metered, with its resource class and, for LLM tokens, its tier."""
STORE_BYTES_MAX = 10**18


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """Something that was used, in parts of its unit, at a time; counted once under `event`, its user's own id for it.

    Without a time it is of the time of its command. Input and output tokens sum to the amount: output includes
    reasoning, input includes what was read from a cache (`cached_tokens`) and written to it. `usd` is in parts, None
    where nobody knows the price.
    """

    unit: str
    amount: int
    used_at: datetime | None = None
    event: str | None = None
    model: str | None = None
    provider: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    usd: int | None = None
    price_source: str | None = None
    work: str | None = None
    context: str | None = None
    source: str = "api"


class UsageKey(NamedTuple):
    """The journal number of the command that recorded the usage, and which of its events this is."""

    number: int
    line: int


class UsageRow(NamedTuple):
    """A row of `resource_usage`: an event with who used it for which entity, and its class of resource."""

    number: int
    line: int
    recorded_at: datetime
    entity: EntityKey
    actor: str
    reservation: str | None
    unit: str
    amount: int
    used_at: datetime
    event: str | None
    model: str | None
    provider: str | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    cache_write_tokens: int | None
    usd: int | None
    price_source: str | None
    work: str | None
    context: str | None
    source: str
    resource: str
    tier: str | None


class StoreKey(NamedTuple):
    """Where an entity stores something: a bucket, a folder, a database."""

    entity_type: str
    entity_id: str
    store: str


class StoreRow(NamedTuple):
    """The bytes stored since the last observation, and what that one left below one part of a GB-hour."""

    entity_type: str
    entity_id: str
    store: str
    size: int
    since: datetime
    remainder: int


class Price(NamedTuple):
    """What usage costs, in parts of a dollar rounded up, and who says so; None and None where nobody knows."""

    usd: int | None
    source: str | None


class EventKey(NamedTuple):
    """What counts once: who used it, their own id for it, and the unit; an id of somebody else's is another event."""

    actor: str
    event: str
    unit: str


class EventRow(NamedTuple):
    """What has counted under an id: how many parts for which entity, and under which journal number."""

    number: int
    amount: int
    entity: EntityKey


STORES: Table[StoreKey, StoreRow] = Table("storage_size", rank=86)
EVENTS: Table[EventKey, EventRow] = Table("usage_event", rank=92)
USAGE: Table[UsageKey, UsageRow] = Table("resource_usage", rank=93, append_only=True)


class UsageLine(NamedTuple):
    """A line of a bulk intake: an event with who used it for which entity."""

    entity_type: str
    entity_id: str
    actor: str
    unit: str
    amount: int
    used_at: datetime | None = None
    event: str | None = None
    model: str | None = None
    provider: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    usd: int | None = None
    price_source: str | None = None
    work: str | None = None
    context: str | None = None
    source: str = "bulk"


class HourKey(NamedTuple):
    """What a sum by the hour is of; model and provider are empty where there is none."""

    hour: datetime
    entity_type: str
    entity_id: str
    actor: str
    unit: str
    model: str
    provider: str


class HourRow(NamedTuple):
    """The sums of one hour, in parts; `usd` is of the calls with a price, `usd_unknown` counts those without."""

    hour: datetime
    entity_type: str
    entity_id: str
    actor: str
    unit: str
    model: str
    provider: str
    amount: int
    calls: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    usd: int
    usd_unknown: int


class UsagePlace(NamedTuple):
    """Where a page of usage ends: time of use, journal number and line of its last row."""

    used_at: datetime
    number: int
    line: int


class UsageTotal(NamedTuple):
    """The sums of a period for one model, provider, actor or entity (as `type:id`), in parts of one unit."""

    name: str
    unit: str
    amount: int
    calls: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    usd: int
    usd_unknown: int


class Partition(NamedTuple):
    """A month of usage: from when until before when, about how many rows, and how many bytes with its indexes."""

    opens: datetime
    closes: datetime
    rows: int
    size: int


class IntakeCharge(NamedTuple):
    """What an intake used of one unit, for one entity, by one actor: sums of its rows, in parts.

    `unpriced` is what of the amount is in rows without a price.
    """

    entity_type: str
    entity_id: str
    actor: str
    unit: str
    amount: int
    usd: int
    unpriced: int


@dataclass(frozen=True, slots=True)
class IntakeUsage:
    """Take in many rows of usage at once: the rows stand beside the journal, which keeps their fingerprint and sums.

    `given` is the SHA-256 of all lines as they were sent; `digest` is that of the rows that count, priced and without
    the events that had counted before; `refused` are the places of the lines that could not be taken. So the same file
    sent again under its key is known by `given`, and all else is gathered.
    """

    given: str
    rows: int
    digest: str
    charges: tuple[IntakeCharge, ...]
    refused: tuple[int, ...] = ()


INTAKE_GATHERED = ("rows", "digest", "charges", "refused")
"""The fields of IntakeUsage that are facts of the moment and not what was asked for."""
INTAKE_LINES_MAX = 50_000


class UnknownResource(Invalid):
    """{unit!r} is not metered; use one of {known}."""


class UnknownTier(Invalid):
    """There is no tier {tier!r}; use one of {known}."""


class UnknownModel(Invalid):
    """No tier is known for the model {model!r}; name its tier, or add a pattern to model_tiers of the policy."""


class TokensDiffer(Invalid):
    """{input_tokens} input and {output_tokens} output tokens do not make the amount of {amount}; give both, or none."""


class TokensMisplaced(Invalid):
    """{unit} is not counted in LLM tokens; leave input and output tokens out, or use an llm unit."""


class CachedAboveInput(Invalid):
    """{cached} tokens read from or written to a cache are more than the {input_tokens} of the input; the input includes
    them."""


class TimestampInvalid(Invalid):
    """{given} is no moment in time; give date, time and time zone, such as 2026-01-31T12:00:00Z."""


class TimestampInFuture(Invalid):
    """{used_at} is {skew_s} s ahead of our clock, more than the {most_s} s allowed; set the clock of who reports."""


class TimestampTooOld(Invalid):
    """{used_at} is more than {most_days} days ago; usage this old is not taken any more. Have an operator raise
    usage_oldest_days of the policy."""


class IntakeTooLong(Invalid):
    """{given} lines of usage at once are too many; send at most {most} at a time."""


class UsageEventConflict(Refused):
    """{actor} reported {counted} {unit} for {counted_for} under the event {event!r} before, and now reports {given} for
    {given_for}; report it as it was, or give each use an event id of its own."""


class LineLeftOut(Refused):
    """This line was refused when its file was taken in under this key, and a key takes nothing in twice; send the lines
    that were refused under a key of their own."""


class StoreSizeInvalid(Invalid):
    """{given} bytes is not a size; give a whole number from 0 to {most}."""


class ObservationTooEarly(Refused):
    """{store} was observed at {since} already, and this observation is of {at}; report observations in order."""


class PriceUnknown(Refused):
    """Nobody knows the price of {model!r}; state a bound in usd, or have its price added to model_prices of the
    policy."""
