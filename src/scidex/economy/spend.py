"""Reserve before, record while, settle after: a budget as a context manager, for threads and for asyncio alike.

::

    with economy.spend(("hypothesis", "h1"), "alice", llm_tokens=20_000, tier="reasoning") as budget:
        answer = call_the_model(max_tokens=budget.max_output_tokens)
        budget.record(model="o3", input_tokens=answer.prompt, output_tokens=answer.completion)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

from scidex.core.errors import Busy, Invalid, Refusal
from scidex.core.journal import Receipt, Request
from scidex.core.units import UNITS, USD, parse_amount
from scidex.entities import EntityKey
from scidex.ledger import BalanceTooLarge
from scidex.metering import UsageEvent, UsageEventConflict, check_event, tier_of, unit_of_tier
from scidex.policy import Context, Policy, current
from scidex.senate.budgets import (
    EVENTS_MAX,
    Charged,
    ExtendReservation,
    Reserved,
    Settle,
    TooManyEvents,
    UsageTooLarge,
    VoidReservation,
    to_reserve,
    to_settle,
)

if TYPE_CHECKING:
    from scidex.economy.economy import Economy

Number = int | float | str | Decimal
_PATIENCE = (0.05, 0.2, 0.5, 1.0, 2.0)
"""Pauses between attempts to settle while the database does not answer, in seconds."""
_SECONDS = 600
"""How long the work may take whose caller does not say."""
_BY_AMOUNT: tuple[Literal["cpu_seconds", "storage_gb_hours", "api_calls"], ...] = (
    "cpu_seconds",
    "storage_gb_hours",
    "api_calls",
)


class Terms(TypedDict, total=False):
    """What to reserve, in whole units. An LLM call needs a `model`, with what is known of its tokens, or `llm_tokens`
    of a `tier`; `usd` bounds what the work costs, in place of the price book; `seconds` is how long it may take."""

    llm_tokens: int
    tier: str
    model: str
    input_tokens: int
    max_output_tokens: int
    cpu_seconds: Number
    storage_gb_hours: Number
    api_calls: Number
    provider: str
    usd: Number
    work: str
    seconds: int


class Used(TypedDict, total=False):
    """What was used, in whole units. `output_tokens` include reasoning, `input_tokens` what came from a cache.

    With an `event` id of your own the same usage counts once, however often it is reported.
    """

    llm_tokens: int
    tier: str
    model: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    cpu_seconds: Number
    storage_gb_hours: Number
    api_calls: Number
    provider: str
    usd: Number
    event: str
    context: str
    used_at: datetime


class TierMissing(Invalid):
    """{tokens} LLM tokens are of no tier; name the `tier`, or the `model` that the policy has a tier for."""


class NothingUsed(Invalid):
    """Nothing was recorded as used; give tokens, seconds, GB-hours or calls."""


class NotReserved(Invalid):
    """Nothing is reserved yet; record within the `with` block."""


def _parts_of(event: UsageEvent, unit: str) -> int:
    return (event.usd or 0) if unit == USD.name else event.amount if event.unit == unit else 0


class Spend:
    """One reservation from entry to exit, `with` or `async with`.

    On the way out what was recorded is settled, also after an exception, because it was used; where nothing was
    recorded the reservation is voided after an exception and settled as unused otherwise. What cannot be settled
    together with the rest (its event counted something else before) is left out, and its refusal is raised afterwards.
    """

    def __init__(self, economy: Economy, entity: EntityKey | tuple[str, str], actor: str, terms: Terms) -> None:
        self._economy = economy
        self._entity = EntityKey(*entity)
        self._actor = actor
        self._terms = terms
        self._events: list[UsageEvent] = []
        self._reserved: Reserved | None = None
        self._policy = Policy()
        self.charged: Charged | None = None
        """What was charged, once the block is left."""

    @property
    def reservation(self) -> str:
        """The reservation's id. Refuses: NotReserved."""
        return self._held().reservation

    @property
    def max_output_tokens(self) -> int | None:
        """The cap to send with the call, or None where the work is no call to a model. Refuses: NotReserved."""
        return self._held().max_output_tokens

    def record(self, **used: Unpack[Used]) -> None:
        """Note what was used; it is charged when the block is left. What is refused here is not noted.

        Refuses: NotReserved, NothingUsed, TooManyEvents (in the block together), TierMissing, UnknownModel,
        UnknownTier, AmountNotNumber, AmountNotFinite, AmountNotPositive, AmountTooFine, AmountTooLarge, AmountNegative,
        NameInvalid, TokensDiffer, TokensMisplaced, CachedAboveInput, TimestampInvalid, TimestampInFuture,
        TimestampTooOld.
        """
        self._held()
        events = [*self._call(used), *self._rest(used)]
        if not events:
            raise NothingUsed()
        if "usd" in used:
            cost = parse_amount(used["usd"], USD, field="usd", zero=True)
            events[0] = replace(events[0], usd=cost, price_source="given")
        if "event" in used and len(events) > 1:
            events = [replace(event, event=f"{used['event']} {event.unit}") for event in events]
        if len(self._events) + len(events) > EVENTS_MAX:
            raise TooManyEvents(given=len(self._events) + len(events), most=EVENTS_MAX)
        context = Context(self._actor, self._economy.database.clock(), self._policy, 0, 0)
        self._events += [check_event(event, context) for event in events]

    def _call(self, used: Used) -> Iterator[UsageEvent]:
        """The call to a model among what was used, if there is one."""
        given, returned = used.get("input_tokens"), used.get("output_tokens")
        tokens = used.get("llm_tokens") if given is None and returned is None else (given or 0) + (returned or 0)
        if tokens is None:
            return
        tier, model = used.get("tier", self._terms.get("tier")), used.get("model", self._terms.get("model"))
        unit = self._unit(tokens, tier, model)
        split = given is not None or returned is not None
        yield replace(
            self._event(unit, tokens, used),
            model=model,
            input_tokens=(given or 0) if split else None,
            output_tokens=(returned or 0) if split else None,
            cached_tokens=used.get("cached_tokens"),
            cache_write_tokens=used.get("cache_write_tokens"),
        )

    def _rest(self, used: Used) -> Iterator[UsageEvent]:
        for unit in _BY_AMOUNT:
            if unit in used:
                yield self._event(unit, used[unit], used)

    def _event(self, unit: str, amount: Number, used: Used) -> UsageEvent:
        return UsageEvent(
            unit=unit,
            amount=parse_amount(amount, UNITS[unit], field=unit),
            used_at=used.get("used_at") or self._economy.database.clock(),
            event=used.get("event"),
            provider=used.get("provider"),
            context=used.get("context"),
            source="spend",
        )

    def extend(self, seconds: int) -> None:
        """Let the reservation run for so many seconds from now: the heartbeat of long work.

        Refuses: NotReserved, DurationInvalid, ReservationExpired, ReservationEnded, ReservationTooOld, Overloaded.
        """
        self._economy.batcher.perform(Request(ExtendReservation(self.reservation, seconds), self._actor))

    def __enter__(self) -> Spend:
        terms = self._terms
        amounts: dict[str, int] = {
            unit: parse_amount(terms[unit], UNITS[unit], field=unit) for unit in _BY_AMOUNT if unit in terms
        }
        with self._economy.reading(actor=self._actor) as tx:
            self._policy, _ = current(tx)
            if "llm_tokens" in terms:
                unit = self._unit(terms["llm_tokens"], terms.get("tier"), terms.get("model"))
                amounts[unit] = parse_amount(terms["llm_tokens"], UNITS[unit], field="llm_tokens")
            command = to_reserve(
                tx,
                entity=self._entity,
                amounts=amounts,
                seconds=terms.get("seconds", _SECONDS),
                usd=parse_amount(terms["usd"], USD, field="usd", zero=True) if "usd" in terms else None,
                model=terms.get("model"),
                provider=terms.get("provider"),
                work=terms.get("work"),
                input_tokens=terms.get("input_tokens"),
                max_output_tokens=terms.get("max_output_tokens"),
            )
        receipt: Receipt[Reserved] = self._economy.batcher.perform(Request(command, self._actor))
        self._reserved = receipt.result
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        reservation = self.reservation
        if error is not None and not self._events:
            self._patiently(lambda: VoidReservation(reservation))
        else:
            self._settle()

    async def __aenter__(self) -> Spend:
        entering = asyncio.ensure_future(asyncio.to_thread(self.__enter__))
        try:
            return await asyncio.shield(entering)
        except asyncio.CancelledError:
            # The thread goes on and reserves all the same, and nobody would ever use or end what it holds.
            await asyncio.shield(self._leave(entering))
            raise

    async def _leave(self, entering: asyncio.Future[Spend]) -> None:
        with suppress(Refusal):
            reservation = (await entering).reservation
            await asyncio.to_thread(self._patiently, lambda: VoidReservation(reservation))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A cancelled task settles all the same: what it has used is used.
        await asyncio.shield(asyncio.to_thread(self.__exit__, kind, error, trace))

    def _settle(self) -> None:
        """Settle all that can be settled, then raise the first refusal of what cannot."""
        problem: Refusal | None = None
        while self.charged is None:
            try:
                self.charged = self._patiently(self._settlement).result
            except UsageEventConflict as conflict:
                wrong = (conflict.facts["event"], conflict.facts["unit"])
                self._events = [each for each in self._events if (each.event, each.unit) != wrong]
                problem = problem or conflict
            except UsageTooLarge as beyond:
                del self._events[beyond.facts["place"]]
                problem = problem or beyond
            except BalanceTooLarge as beyond:
                in_unit = partial(_parts_of, unit=beyond.facts["unit"])
                self._events.remove(max(self._events, key=in_unit))
                problem = problem or beyond
        if problem is not None:
            raise problem

    def _settlement(self) -> Settle:
        with self._economy.reading(actor=self._actor) as tx:
            return to_settle(tx, reservation=self.reservation, events=self._events)

    def _patiently(self, command: Callable[[], object]) -> Receipt[Any]:
        """End the reservation, once: what was used must not be lost because the database was away for a moment."""
        for pause in (*_PATIENCE, None):
            try:
                return self._economy.batcher.perform(Request(command(), self._actor, f"spend {self.reservation}"))
            except Busy:
                if pause is None:
                    raise
                time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _held(self) -> Reserved:
        if self._reserved is None:
            raise NotReserved()
        return self._reserved

    def _unit(self, tokens: int, tier: str | None, model: str | None) -> str:
        if tier is None and model is None:
            raise TierMissing(tokens=tokens)
        return unit_of_tier(tier if tier is not None else tier_of(model or "", self._policy))
