"""Budgets that bind: what artifacts were granted, what is reserved of it, and the caps that all must hold."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from scidex.core.db import Tx
from scidex.core.units import parse_amount, unit_named
from scidex.entities import EntityKey, find_entity
from scidex.policy import current
from scidex.senate.budgets import (
    budget_of,
    find_budget,
    find_budget_events,
    find_budgets,
    find_limits,
    find_reservation,
    find_reservations,
    override_limit,
    set_budget,
    set_limit,
)
from scidex.surfaces.http.inputs import After, AsCaller, AsReader, Limit, Offset
from scidex.surfaces.http.versions import MATCHED, TAGGED, IfMatchNumber, tagged, version_in
from scidex.views import (
    EVENTS_BESIDE,
    Amount,
    Body,
    BudgetEventView,
    BudgetSetReceipt,
    ChargedReceipt,
    EnvelopeView,
    ExtendBody,
    ExtendTerms,
    LimitReceipt,
    LimitView,
    Page,
    ReleaseBody,
    ReleaseTerms,
    ReservationDone,
    ReservationView,
    ReserveBody,
    ReservedReceipt,
    SettleBody,
    SettleTerms,
    Text,
    budget_event_view,
    budget_set_receipt,
    cursor,
    envelope_view,
    events_shown,
    example,
    limit_receipt,
    limit_view,
    names_of,
    page,
    reservation_view,
)

router = APIRouter(prefix="/api/economics", tags=["budgets"])
Before = Annotated[int | None, Query(ge=1, le=2**62, description="the `next` of the page before")]
Scope = Annotated[Text, Field(json_schema_extra={"enum": ["fleet", "actor", "provider", "entity"]})]
Subject = Annotated[Text, Field(description="the actor, the provider, or the artifact as TYPE:ID; empty for the fleet")]


class BudgetBody(Body):
    """What an artifact is granted from now on, out of which pool; the differences move."""

    model_config = example(
        pool="main", budgets={"llm_standard": 1_000_000, "api_calls": 500, "usd": 20}, priority_score=0.7
    )

    pool: Text
    budgets: dict[Text, Amount] = Field(description="by unit; units that are left out stay as they are")
    priority_score: float | None = None
    market_weight: float | None = None
    cycle: Text | None = None


class LimitBody(Body):
    """A cap on what is used of a unit within a window."""

    model_config = example(scope="actor", subject="agent-7", unit="usd", window="day", cap=5)

    scope: Scope
    subject: Subject = ""
    unit: Text
    window: Annotated[Text, Field(json_schema_extra={"enum": ["second", "day", "total"]})] = "day"
    cap: Amount | None = Field(default=None, description="that of the policy, or none, if left out")


class OverrideBody(Body):
    """Another cap in the place of a daily one, until midnight UTC."""

    model_config = example(cap=80, reason="the quarterly sweep runs today")

    scope: Scope = "fleet"
    subject: Subject = ""
    unit: Text = "usd"
    cap: Amount
    reason: Text


def _envelope(tx: Tx, key: EntityKey) -> EnvelopeView:
    return envelope_view(key, find_budget(tx, key), budget_of(tx, key))


@router.get("/budgets")
def get_budgets(
    reader: AsReader,
    artifact_type: Annotated[Text | None, Query(description="only artifacts of this type")] = None,
    after: After = None,
    limit: Limit = 100,
) -> Page[EnvelopeView]:
    """What operators granted, and how it stands, by artifact."""

    def work(tx: Tx) -> Page[EnvelopeView]:
        start = EntityKey(*names_of(after, 2))
        found = find_budgets(tx, entity_type=artifact_type, after=start, limit=limit + 1)
        return page(
            Page[EnvelopeView],
            found,
            limit,
            lambda row: envelope_view(row.entity, row, budget_of(tx, row.entity)),
            lambda row: cursor(*row.entity),
        )

    return reader.read(work)


@router.get("/budgets/{artifact_type}/{artifact_id:path}", response_model=EnvelopeView, responses=TAGGED)
def get_budget(artifact_type: Text, artifact_id: Text, reader: AsReader) -> Response:
    """What an artifact was granted of each unit, what is reserved, spent and left of it.

    The ETag is the version of what operators set, 0 before; it stays while the budget is used.
    """

    def work(tx: Tx) -> EnvelopeView:
        return _envelope(tx, find_entity(tx, entity_id=artifact_id, entity_type=artifact_type).key)

    found = reader.read(work)
    return tagged(found, found.version or 0)


@router.put("/budgets/{artifact_type}/{artifact_id:path}", response_model=BudgetSetReceipt, responses=MATCHED)
def put_budget(
    artifact_type: Text, artifact_id: Text, body: BudgetBody, caller: AsCaller, if_match: IfMatchNumber = None
) -> Response:
    """Make the grants of an artifact these, out of a pool; for operators."""

    version = version_in(if_match)

    def work(tx: Tx, key: str | None) -> BudgetSetReceipt:
        receipt = set_budget(
            tx,
            entity=EntityKey(artifact_type, artifact_id),
            pool=body.pool,
            budgets={
                unit: parse_amount(given, unit_named(unit), field=unit, zero=True)
                for unit, given in body.budgets.items()
            },
            priority_score=body.priority_score,
            market_weight=body.market_weight,
            cycle=body.cycle,
            version=None if version is None else int(version),
            key=key,
        )
        return budget_set_receipt(receipt)

    return caller.change(work, body)


@router.get("/limits")
def get_limits(
    reader: AsReader,
    scope: Literal["fleet", "actor", "provider", "entity"] | None = None,
    subject: Annotated[Text | None, Query(description="only of this actor, provider or artifact (TYPE:ID)")] = None,
) -> list[LimitView]:
    """The caps that all must hold, and how far each is used; the fleet's dollars a day among them."""

    def work(tx: Tx) -> list[LimitView]:
        return [limit_view(each) for each in find_limits(tx, current(tx)[0], scope=scope, subject=subject)]

    return reader.read(work)


@router.put("/limits", response_model=LimitReceipt)
def put_limit(body: LimitBody, caller: AsCaller) -> Response:
    """Cap what is used of a unit within a window; for operators."""

    def work(tx: Tx, key: str | None) -> LimitReceipt:
        cap = None if body.cap is None else parse_amount(body.cap, unit_named(body.unit), field="cap", zero=True)
        receipt = set_limit(
            tx, scope=body.scope, subject=body.subject, unit=body.unit, window=body.window, cap=cap, key=key
        )
        return limit_receipt(receipt)

    return caller.change(work, body)


@router.post("/limits/override", response_model=LimitReceipt)
def post_override(body: OverrideBody, caller: AsCaller) -> Response:
    """Put another cap in the place of a daily one until midnight UTC, and record why; for operators."""

    def work(tx: Tx, key: str | None) -> LimitReceipt:
        cap = parse_amount(body.cap, unit_named(body.unit), field="cap", zero=True)
        receipt = override_limit(
            tx, cap=cap, reason=body.reason, scope=body.scope, subject=body.subject, unit=body.unit, key=key
        )
        return limit_receipt(receipt)

    return caller.change(work, body)


@router.get("/events")
def get_events(
    reader: AsReader,
    sort: Literal["warning", "override", "debt", "returned", "notice"] | None = None,
    before: Before = None,
    limit: Limit = 100,
) -> Page[BudgetEventView]:
    """What people should see: caps almost reached, overrides, debts, notices to idle grants; newest first."""

    def work(tx: Tx) -> Page[BudgetEventView]:
        found = find_budget_events(tx, sort=sort, before=before, limit=limit + EVENTS_BESIDE)
        return page(Page[BudgetEventView], found, events_shown(found, limit), budget_event_view, lambda row: row.number)

    return reader.read(work)


@router.post("/reservations", response_model=ReservedReceipt)
async def post_reservation(body: ReserveBody, caller: AsCaller) -> Response:
    """Set resources of an artifact's budget aside for a piece of work: all of it, or nothing.

    Where the budget or a cap is short the answer is 402: which, of whom, how short, when it resets, and what would fit.
    """
    return await caller.ask(body)


@router.get("/reservations")
def get_reservations(
    reader: AsReader,
    artifact_id: Annotated[Text | None, Query(description="only of this artifact")] = None,
    artifact_type: Annotated[Text | None, Query(description="needed where several artifacts have this id")] = None,
    actor: Annotated[Text | None, Query(description="only of this actor")] = None,
    offset: Offset = 0,
    limit: Limit = 100,
) -> Page[ReservationView]:
    """The reservations that are open, oldest first."""

    def work(tx: Tx) -> Page[ReservationView]:
        entity = None
        if artifact_id is not None:
            entity = find_entity(tx, entity_id=artifact_id, entity_type=artifact_type).key
        found = find_reservations(tx, entity=entity, actor=actor, offset=offset, limit=limit + 1)
        return page(Page[ReservationView], found, limit, reservation_view, lambda row: offset + limit)

    return reader.read(work)


@router.get("/reservations/{reservation}")
def get_reservation(reservation: Text, reader: AsReader) -> ReservationView:
    """A reservation as it is now."""
    return reader.read(lambda tx: reservation_view(find_reservation(tx, reservation)))


@router.post("/reservations/{reservation}/settle", response_model=ChargedReceipt)
async def post_settle(reservation: Text, caller: AsCaller, body: SettleBody | None = None) -> Response:
    """Record what a reservation was used for, charge it in full, and release the rest; for who reserved.

    If `more` is to come, what is left stays set aside, and the reservation goes on until it is settled, or expires.
    """
    return await caller.ask(SettleTerms(reservation=reservation, **dict(body or {})))


@router.post("/reservations/{reservation}/void", response_model=ReservationDone)
async def post_release(reservation: Text, caller: AsCaller, body: ReleaseBody | None = None) -> Response:
    """Release a reservation of which nothing was used; for who reserved."""
    return await caller.ask(ReleaseTerms(reservation=reservation, **dict(body or {})))


@router.post("/reservations/{reservation}/extend", response_model=ReservationDone)
async def post_extend(reservation: Text, caller: AsCaller, body: ExtendBody | None = None) -> Response:
    """Let a reservation run for so many seconds from now: the heartbeat of long work; for who reserved."""
    return await caller.ask(ExtendTerms(reservation=reservation, **dict(body or {})))
