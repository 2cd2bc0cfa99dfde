"""Spans as usage: each call to a model is charged once, to the reservation that it names or else to its artifact.

Whoever names a claim of the work queue, or an item that it has claimed, names the reservation of that claim.

    without a reservation    charged to the artifact as usage that nobody reserved
    an open reservation      charged against it, and what is left stays set aside for its next span or its settlement
    an expired one           charged, as late; it may still be settled
    a settled one            left as it is if its settlement counted tokens of that tier, for these are the same ones;
                             else charged to its artifact
    a voided one             charged to its artifact: it was used all the same

The id of a usage is made of the ids of its trace and span. So the same span sent again, by a retry or by a second
exporter, is known and not counted again.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import NamedTuple

from scidex.actors import UnknownActor, find_actors_named
from scidex.core.db import Tx
from scidex.core.errors import Busy, Forbidden, Invalid, Refusal, Refused
from scidex.core.journal import Request
from scidex.economy import Economy
from scidex.entities import EntityKey, find_entity
from scidex.integrations.otlp import answer, read_spans, unpacked
from scidex.integrations.spans import Call, Span, call_of
from scidex.metering import UsageEvent, UsageLine, UsagePlace, find_usage, tier_of, unit_of_tier
from scidex.policy import Policy, current
from scidex.senate.budgets import EVENTS_MAX, Reservation, ReservationEnded, find_reservation, to_settle
from scidex.work import UnknownWorkClaim, WorkClaim, find_claim, find_claims

SOURCE = "otel"
_WHY_LONGEST = 1000
_PAGE = 1000
_QUEUED = re.compile(r"[wc][0-9]{1,18}")
"""Ids of items and claims of the queue; any other name of a piece of work is its worker's own."""


class SpanUnowned(Invalid):
    """The span names no artifact; set scidex.entity.type and scidex.entity.id on it, or for the whole process in
    OTEL_RESOURCE_ATTRIBUTES, or name a reservation as scidex.reservation.id."""


class ModelUnnamed(Invalid):
    """The span names no model; set gen_ai.request.model or gen_ai.response.model on it."""


class SpanOfAnother(Forbidden):
    """The span is of {given} and {actor} reports it; an operator may report for others, or {given} for itself."""


class SettledApart(Refused):
    """The reservation {reservation} was settled with {unit} of its own, which are these; leave the settling to the
    spans, or name the reservation on none."""


class Taken(NamedTuple):
    """How many calls among the spans were counted, now or before, and which spans were refused, and why."""

    counted: int
    refused: tuple[tuple[Span, Refusal], ...]

    @property
    def why(self) -> str:
        """The first of the refusals, for who exports."""
        told = [f"span {span.span_id or '?'} {span.name[:40]!r}: {refusal}" for span, refusal in self.refused]
        return " | ".join(dict.fromkeys(told))[:_WHY_LONGEST]


class _Counted(NamedTuple):
    """A call with all that is charged."""

    span: Span
    actor: str
    event: UsageEvent
    entity: EntityKey | None
    reservation: str | None


def take_traces(
    economy: Economy, *, actor: str, body: bytes, media_type: str, encoding: str | None, largest: int
) -> bytes:
    """Take in an OTLP export of traces, and answer in its encoding.

    Refuses: TracesInvalid, TracesTooLarge, ExtraMissing (protobuf alone), and what `take_spans` refuses.
    """
    answer(media_type, 0, "")  # What cannot be answered is not taken in.
    taken = take_spans(economy, actor=actor, spans=read_spans(unpacked(body, encoding, largest), media_type))
    return answer(media_type, len(taken.refused), taken.why)


def take_spans(economy: Economy, *, actor: str, spans: Sequence[Span]) -> Taken:
    """Charge the calls to models among spans, each once; a span that cannot be counted is refused alone.

    Refuses, all of it: UnknownActor; and, to be sent again as it is, Contended, DatabaseDown, StorageFull,
    DatabaseReadOnly, Overloaded, Stopping.
    """
    refused: list[tuple[Span, Refusal]] = []
    with economy.reading(actor=actor) as tx:
        counted = list(_Reader(tx, actor).read(spans, refused))
    unread = len(refused)
    by_reservation: defaultdict[str, list[_Counted]] = defaultdict(list)
    plain = []
    for each in counted:
        if each.reservation is None:
            plain.append(each)
        else:
            by_reservation[each.reservation].append(each)
    for reservation, calls in by_reservation.items():
        for start in range(0, len(calls), EVENTS_MAX):
            _use(economy, actor, reservation, calls[start : start + EVENTS_MAX], refused)
    _charge(economy, actor, plain, refused)
    return Taken(len(counted) - (len(refused) - unread), tuple(refused))


class _Reader:
    """Reads what calls are of, in one transaction."""

    def __init__(self, tx: Tx, actor: str) -> None:
        self._tx = tx
        self._actor = actor
        self._policy: Policy = current(tx)[0]
        self._entities: dict[tuple[str | None, str], EntityKey] = {}
        self._reservations: dict[str, Reservation] = {}
        self._claims: dict[tuple[str, str], str | None] = {}
        self._settled: dict[tuple[str, str], _Settled] = {}
        found = find_actors_named(tx, {actor})
        if not found:
            raise UnknownActor(actor=actor)
        self._operator = "operator" in found[0].roles

    def read(self, spans: Sequence[Span], refused: list[tuple[Span, Refusal]]) -> Iterator[_Counted]:
        """The calls among the spans; those that cannot be counted are added to `refused`."""
        for span in spans:
            try:
                call = call_of(span)
                if call is not None:
                    yield self._counted(span, call)
            except Refusal as refusal:
                refused.append((span, refusal))

    def _counted(self, span: Span, call: Call) -> _Counted:
        actor = call.actor or self._actor
        if actor != self._actor and not self._operator:
            raise SpanOfAnother(given=actor, actor=self._actor)
        named = call.reservation or self._claimed(actor, call.work)
        if named is None:
            return _Counted(span, actor, self._event(call, call.model), self._entity(call), None)
        held = self._reservation(named)
        event = self._event(call, call.model or held.model)
        if held.state in ("open", "expired"):
            return _Counted(span, held.actor, event, None, held.reservation)
        if held.state == "settled":
            self._require_untold(held, event)
        if held.actor != self._actor and not self._operator:
            raise SpanOfAnother(given=held.actor, actor=self._actor)
        return _Counted(span, held.actor, event, held.entity, None)

    def _event(self, call: Call, model: str | None) -> UsageEvent:
        tier = self._policy.unknown_model_tier if model is None else tier_of(model, self._policy)
        if tier is None:
            raise ModelUnnamed()
        return UsageEvent(
            unit=unit_of_tier(tier),
            amount=call.input_tokens + call.output_tokens,
            used_at=call.used_at or self._tx.now,
            event=call.event,
            model=model,
            provider=call.provider,
            input_tokens=call.input_tokens,
            output_tokens=call.output_tokens,
            cached_tokens=call.cached_tokens,
            cache_write_tokens=call.cache_write_tokens,
            work=call.work,
            context=call.context,
            source=SOURCE,
        )

    def _entity(self, call: Call) -> EntityKey:
        if call.entity_id is None:
            raise SpanUnowned()
        asked = call.entity_type, call.entity_id
        if asked not in self._entities:
            kind, name = asked
            known = find_entity(self._tx, entity_id=name, entity_type=kind).key
            self._entities[asked] = known
        return self._entities[asked]

    def _reservation(self, name: str) -> Reservation:
        if name not in self._reservations:
            self._reservations[name] = find_reservation(self._tx, name)
        return self._reservations[name]

    def _claimed(self, actor: str, work: str | None) -> str | None:
        """The reservation of the actor's claim, if that is what a piece of work is, or of its latest to that item."""
        if work is None or not _QUEUED.fullmatch(work):
            return None
        asked = actor, work
        if asked not in self._claims:
            item = work.startswith("w")
            found = find_claims(self._tx, actor=actor, item=work, limit=1) if item else _claim(self._tx, actor, work)
            self._claims[asked] = found[0].reservation if found else None
        return self._claims[asked]

    def _require_untold(self, held: Reservation, event: UsageEvent) -> None:
        """Pass if the settlement of a reservation said nothing of tokens of this unit, or this span counted before."""
        key = held.reservation, event.unit
        if key not in self._settled:
            self._settled[key] = _settled_with(self._tx, held, event.unit)
        found = self._settled[key]
        if found.apart and event.event not in found.events:
            raise SettledApart(reservation=held.reservation, unit=event.unit)


def _claim(tx: Tx, actor: str, name: str) -> list[WorkClaim]:
    """The claim of that name, if it is the actor's."""
    with suppress(UnknownWorkClaim):
        found = find_claim(tx, name)
        return [found] if found.actor == actor else []
    return []


class _Settled(NamedTuple):
    """What is recorded under a reservation in a unit: whether anything but spans, and which events."""

    apart: bool
    events: frozenset[str]


def _settled_with(tx: Tx, held: Reservation, unit: str) -> _Settled:
    events: set[str] = set()
    apart = False
    before: UsagePlace | None = None
    while True:
        # Clocks differ, and who settles may say of any time in the reservation's life that it used then.
        rows = find_usage(
            tx, entity=held.entity, unit=unit, since=held.placed_at - timedelta(hours=1), before=before, limit=_PAGE
        )
        for row in rows:
            if row.reservation == held.reservation:
                apart = apart or row.source != SOURCE
                events.add(row.event or "")
        if len(rows) < _PAGE:
            return _Settled(apart, frozenset(events))
        before = UsagePlace(rows[-1].used_at, rows[-1].number, rows[-1].line)


def _use(
    economy: Economy, actor: str, reservation: str, calls: Sequence[_Counted], refused: list[tuple[Span, Refusal]]
) -> None:
    """Charge calls against a reservation that goes on; where all of them cannot be, in halves."""
    try:
        with economy.reading(actor=actor) as tx:
            command = to_settle(tx, reservation=reservation, events=[each.event for each in calls], more=True)
        economy.batcher.perform(Request(command, actor))
    except Busy:
        raise
    except ReservationEnded:
        # Somebody ended it meanwhile, for good: what follows from that is read again.
        refused += take_spans(economy, actor=actor, spans=[each.span for each in calls]).refused
    except Refusal as refusal:
        for half in _halves(calls, refusal, refused):
            _use(economy, actor, reservation, half, refused)


def _charge(economy: Economy, actor: str, calls: Sequence[_Counted], refused: list[tuple[Span, Refusal]]) -> None:
    """Charge calls to their artifacts; where what they sum to is refused, in halves."""
    if not calls:
        return
    try:
        report = economy.intake([_line(each) for each in calls], actor=actor)
    except Busy:
        raise
    except Refusal as refusal:
        for half in _halves(calls, refusal, refused):
            _charge(economy, actor, half, refused)
        return
    refused += ((calls[place].span, refusal) for place, refusal in report.refused)


def _halves(
    calls: Sequence[_Counted], refusal: Refusal, refused: list[tuple[Span, Refusal]]
) -> tuple[Sequence[_Counted], ...]:
    """Both halves of the calls; none of a single one, which is refused."""
    if len(calls) == 1:
        refused.append((calls[0].span, refusal))
        return ()
    middle = len(calls) // 2
    return calls[:middle], calls[middle:]


def _line(counted: _Counted) -> UsageLine:
    entity, event = counted.entity, counted.event
    assert entity is not None
    return UsageLine(
        entity.entity_type,
        entity.entity_id,
        counted.actor,
        event.unit,
        event.amount,
        event.used_at,
        event.event,
        event.model,
        event.provider,
        event.input_tokens,
        event.output_tokens,
        event.cached_tokens,
        event.cache_write_tokens,
        work=event.work,
        context=event.context,
        source=event.source,
    )
