"""Budgets that bind from outside: what is granted, reserved, spent and left, under which limits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from scidex.core.journal import Receipt
from scidex.core.units import USD, to_number, unit_named
from scidex.senate.budgets import (
    Amounts,
    Budget,
    BudgetEvent,
    BudgetLine,
    BudgetSet,
    Charged,
    LimitSet,
    Reservation,
    ReservationReceipt,
    Reserved,
)
from scidex.views.base import Done, View, done


def amounts_of(amounts: Amounts) -> dict[str, float]:
    """Parts by unit as whole units."""
    return {unit: to_number(parts, unit_named(unit)) for unit, parts in amounts}


class ReservationView(View):
    """What is set aside of an artifact's budget for a piece of work."""

    reservation: str
    artifact_type: str
    artifact_id: str
    actor: str
    amounts: dict[str, float] = Field(description="what was set aside, by unit")
    usd: float = Field(description="the bound in dollars that the daily caps count")
    model: str | None
    provider: str | None
    work: str | None
    max_output_tokens: int | None
    estimated: bool = Field(description="whether the amounts are what such calls have needed so far")
    state: str = Field(description="open, settled, voided or expired")
    late: bool = Field(description="whether it was settled after its time")
    placed_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    used: dict[str, float]
    used_usd: float
    overrun: dict[str, float] = Field(description="what was used beyond what was reserved")


class ReservedReceipt(Done):
    """What is set aside now; send `max_output_tokens` with the call."""

    reservation: str
    amounts: dict[str, float]
    usd: float
    max_output_tokens: int | None
    estimated: bool
    expires_at: datetime
    warnings: list[str] = Field(description="caps that are almost reached")


class ChargedReceipt(Done):
    """What was used and left the budget."""

    reservation: str | None
    used: dict[str, float]
    used_usd: float
    overrun: dict[str, float]
    debts: dict[str, float] = Field(
        description="by unit, how far the budget is below zero: a grant has to repay it first"
    )
    late: bool
    repeated_events: int = Field(description="events that had been counted before, and were not charged again")
    warnings: list[str]


class ReservationDone(Done):
    """Where a reservation stands after a command."""

    reservation: str
    state: str
    amounts: dict[str, float]
    expires_at: datetime


class EnvelopeLine(View):
    """One unit of an artifact's budget: granted = spent + reserved + available."""

    unit: str
    granted: float
    reserved: float
    spent: float
    available: float = Field(description="below zero in a debt")
    debt: float


class EnvelopeView(View):
    """What operators set for an artifact, and how its budget stands."""

    artifact_type: str
    artifact_id: str
    pool: str | None
    budgets: dict[str, float] = Field(description="the grants last set by operators, by unit")
    priority_score: float | None
    market_weight: float | None
    roi_score: float | None = Field(description="null is unknown")
    cycle: str | None
    version: int | None
    updated_at: datetime | None
    used_at: datetime | None = Field(description="when it was last used, to within an hour")
    noticed_at: datetime | None = Field(description="when it was told that its idle grant returns to the pool")
    lines: list[EnvelopeLine]


class BudgetSetReceipt(Done):
    """What moved between the pool and the budget, by unit: below zero what went back."""

    artifact_type: str
    artifact_id: str
    pool: str
    moved: dict[str, float]
    version: int


class LimitView(View):
    """A cap as it stands now."""

    scope: str
    subject: str
    unit: str
    window: str
    cap: float | None = Field(description="the one in force; null where there is none")
    used: float
    held: float
    resets_at: datetime | None


class LimitReceipt(LimitView, Done):
    """Where a cap stands after a command."""


class BudgetEventView(View):
    """Something to be seen by people: a cap almost reached, an override, a debt, a notice, a return."""

    number: int
    line: int
    at: datetime
    sort: str
    scope: str
    subject: str
    unit: str
    amount: float
    cap: float | None
    note: str | None


def reservation_view(row: Reservation) -> ReservationView:
    """A reservation row."""
    return ReservationView(
        reservation=row.reservation,
        artifact_type=row.entity.entity_type,
        artifact_id=row.entity.entity_id,
        actor=row.actor,
        amounts=amounts_of(row.amounts),
        usd=to_number(row.usd, USD),
        model=row.model,
        provider=row.provider,
        work=row.work,
        max_output_tokens=row.max_output_tokens,
        estimated=row.estimated,
        state=row.state,
        late=row.late,
        placed_at=row.placed_at,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
        used=amounts_of(row.used),
        used_usd=to_number(row.used_usd, USD),
        overrun=amounts_of(row.overrun) if row.state == "settled" else {},
    )


def reserved_receipt(receipt: Receipt[Reserved]) -> ReservedReceipt:
    """The receipt of a reservation."""
    held = receipt.result
    return ReservedReceipt(
        **done(receipt),
        reservation=held.reservation,
        amounts=amounts_of(held.amounts),
        usd=to_number(held.usd, USD),
        max_output_tokens=held.max_output_tokens,
        estimated=held.estimated,
        expires_at=held.expires_at,
        warnings=list(held.warnings),
    )


def charged_receipt(receipt: Receipt[Charged]) -> ChargedReceipt:
    """The receipt of a settlement, or of usage."""
    charged = receipt.result
    return ChargedReceipt(
        **done(receipt),
        reservation=charged.reservation,
        used=amounts_of(charged.used),
        used_usd=to_number(charged.used_usd, USD),
        overrun=amounts_of(charged.overrun),
        debts=amounts_of(charged.debts),
        late=charged.late,
        repeated_events=charged.repeated,
        warnings=list(charged.warnings),
    )


def reservation_done(receipt: Receipt[ReservationReceipt]) -> ReservationDone:
    """The receipt of a command on a reservation."""
    stands = receipt.result
    return ReservationDone(
        **done(receipt),
        reservation=stands.reservation,
        state=stands.state,
        amounts=amounts_of(stands.amounts),
        expires_at=stands.expires_at,
    )


def envelope_line(line: BudgetLine) -> EnvelopeLine:
    """One unit of a budget."""
    unit = unit_named(line.unit)
    return EnvelopeLine(
        unit=line.unit,
        granted=to_number(line.granted, unit),
        reserved=to_number(line.reserved, unit),
        spent=to_number(line.spent, unit),
        available=to_number(line.available, unit),
        debt=to_number(line.debt, unit),
    )


def envelope_view(artifact: tuple[str, str], row: Budget | None, lines: list[BudgetLine]) -> EnvelopeView:
    """A budget row with its accounts; without a row nobody has set anything, and an allocation may have granted."""
    stands: dict[str, Any] = {
        name: getattr(row, name, None)
        for name in (
            "pool", "priority_score", "market_weight", "roi_score", "cycle", "version", "updated_at", "used_at",
            "noticed_at",
        )
    }  # fmt: skip
    return EnvelopeView(
        artifact_type=artifact[0],
        artifact_id=artifact[1],
        budgets=amounts_of(row.budgets) if row is not None else {},
        lines=[envelope_line(line) for line in lines],
        **stands,
    )


def budget_set_receipt(receipt: Receipt[BudgetSet]) -> BudgetSetReceipt:
    """The receipt of setting a budget."""
    budget = receipt.result
    return BudgetSetReceipt(
        **done(receipt),
        artifact_type=budget.entity.entity_type,
        artifact_id=budget.entity.entity_id,
        pool=budget.pool,
        moved=amounts_of(budget.moved),
        version=budget.version,
    )


def limit_view(limit: LimitSet) -> LimitView:
    """A cap."""
    return LimitView(**_limit_fields(limit))


def limit_receipt(receipt: Receipt[LimitSet]) -> LimitReceipt:
    """The receipt of setting a cap, or of an override."""
    return LimitReceipt(**done(receipt), **_limit_fields(receipt.result))


def _limit_fields(limit: LimitSet) -> dict[str, Any]:
    unit = unit_named(limit.unit)
    return {
        "scope": limit.scope,
        "subject": limit.subject,
        "unit": limit.unit,
        "window": limit.window,
        "cap": None if limit.cap is None else to_number(limit.cap, unit),
        "used": to_number(limit.used, unit),
        "held": to_number(limit.held, unit),
        "resets_at": limit.resets_at,
    }


EVENTS_BESIDE = 64
"""Rows to look for beyond a page of events: more than one command makes."""


def events_shown(found: Sequence[BudgetEvent], limit: int) -> int:
    """How many of these a page shows: `limit`, and what else the last of their commands noted.

    A page continues after a command, so it must not end in the middle of one.
    """
    shown = min(limit, len(found))
    while 0 < shown < len(found) and found[shown].number == found[shown - 1].number:
        shown += 1
    return shown


def budget_event_view(event: BudgetEvent) -> BudgetEventView:
    """An event row."""
    unit = unit_named(event.unit)
    return BudgetEventView(
        number=event.number,
        line=event.line,
        at=event.at,
        sort=event.sort,
        scope=event.scope,
        subject=event.subject,
        unit=event.unit,
        amount=to_number(event.amount, unit),
        cap=None if event.cap is None else to_number(event.cap, unit),
        note=event.note,
    )
